/** The status ladder: whatever order receipts come in, a status only moves forward and the end is the end. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { advances, mayRetry, outboundStatuses, type Status } from './message.ts'

const statuses: readonly Status[] = [...outboundStatuses, 'received']
const ends: readonly Status[] = ['failed', 'cancelled', 'unsent', 'received']
const anyStatus = fc.constantFrom(...statuses)
const pairs = statuses.flatMap((from) => statuses.map((to) => [from, to] as const))

describe('advances', () => {
  const allowed: Record<Status, readonly Status[]> = {
    scheduled: ['queued', 'unknown', 'sent', 'delivered', 'read', 'failed', 'cancelled'],
    queued: ['unknown', 'sent', 'delivered', 'read', 'failed'],
    unknown: ['sent', 'delivered', 'read', 'failed'],
    sent: ['delivered', 'read', 'failed', 'unsent'],
    delivered: ['read', 'unsent'],
    read: ['unsent'],
    failed: [],
    cancelled: [],
    unsent: [],
    received: [],
  }

  test.each(statuses)('from %s it allows exactly what it should', (from) => {
    expect(statuses.filter((to) => advances(from, to)).toSorted()).toEqual(allowed[from].toSorted())
  })

  test('never stands still and never goes both ways', () => {
    for (const [from, to] of pairs) {
      expect(advances(from, from)).toBe(false)
      expect(advances(from, to) && advances(to, from), `${from} and ${to}`).toBe(false)
    }
  })

  test('ends for good', () => {
    for (const [from, to] of pairs) if (ends.includes(from)) expect(advances(from, to)).toBe(false)
  })

  test('lets no two statuses chase each other, however long the way', () => {
    const reach = (from: Status, seen = new Set<Status>()): Set<Status> => {
      for (const to of statuses) {
        if (!advances(from, to) || seen.has(to)) continue
        seen.add(to)
        reach(to, seen)
      }
      return seen
    }
    for (const status of statuses) expect(reach(status).has(status)).toBe(false)
  })

  test('comes to the same end for delivered and read in any order and number', () => {
    const receipts = fc.array(fc.constantFrom<Status>('sent', 'delivered', 'read'), { minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(receipts, (told) => {
        const settle = (order: readonly Status[]) =>
          order.reduce<Status>((status, next) => (advances(status, next) ? next : status), 'queued')
        expect(settle(told)).toBe(settle(told.toReversed()))
        expect(settle(told)).toBe(settle(told.toSorted()))
      }),
    )
  })

  test('takes no more steps than the ladder has rungs', () => {
    fc.assert(
      fc.property(fc.array(anyStatus, { maxLength: 50 }), (told) => {
        let steps = 0
        told.reduce<Status>((status, next) => {
          if (!advances(status, next)) return status
          steps += 1
          return next
        }, 'scheduled')
        expect(steps).toBeLessThanOrEqual(6)
      }),
    )
  })

  test('still believes a receipt after the outcome was unknown', () => {
    for (const to of ['sent', 'delivered', 'read'] as const) expect(advances('unknown', to)).toBe(true)
    expect(advances('sent', 'unknown')).toBe(false)
  })
})

test('only what ended without success may be retried', () => {
  expect(statuses.filter(mayRetry)).toEqual(['unknown', 'failed'])
})
