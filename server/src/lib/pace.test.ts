/** The pace of a line: never faster than it may, in the order of asking, and no turn is lost or kept for ever. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createPace } from './pace.ts'

function setUp(perSecond: number, burst = perSecond) {
  let now = 0
  const pace = createPace({ clock: { monotonic: () => now }, perSecond, burst })
  return { pace, pass: (ms: number) => (now += ms) }
}

describe('a pace', () => {
  test('lets a burst through at once, and the next one after its time', () => {
    const { pace, pass } = setUp(2)
    expect([pace.turn('a', 1), pace.turn('b', 1), pace.turn('c', 1), pace.turn('d', 1)]).toEqual([0, 0, 500, 1_000])
    pass(500)
    expect([pace.turn('c', 1), pace.turn('d', 1)]).toEqual([0, 500])
  })

  test('keeps the order in which was asked, whoever asks again first', () => {
    const { pace, pass } = setUp(1)
    pace.turn('first', 1)
    expect([pace.turn('b', 1), pace.turn('c', 1)]).toEqual([1_000, 2_000])
    pass(1_000)
    expect([pace.turn('new', 1), pace.turn('c', 1), pace.turn('b', 1)]).toEqual([2_000, 1_000, 0])
  })

  test('lets one that costs more than a burst go when it is full, and the next one pay for it', () => {
    const { pace, pass } = setUp(1)
    expect([pace.turn('long', 10), pace.turn('next', 1)]).toEqual([0, 10_000])
    pass(10_000)
    expect(pace.turn('next', 1)).toBe(0)
  })

  test('gives nobody a turn while the provider has no room, and then goes on at its pace', () => {
    const { pace, pass } = setUp(2)
    pace.pause(5_000)
    pace.pause(1_000)
    expect([pace.turn('a', 1), pace.turn('b', 1), pace.turn('c', 1)]).toEqual([5_000, 5_000, 5_000])
    pass(5_000)
    expect([pace.turn('a', 1), pace.turn('b', 1), pace.turn('c', 1)]).toEqual([0, 0, 500])
  })

  test('gives a turn away that nobody took up within a minute', () => {
    const { pace, pass } = setUp(1)
    pace.turn('a', 1)
    expect(pace.turn('gone', 5)).toBe(1_000)
    pass(60_999)
    expect(pace.turn('gone', 5)).toBe(0)
    pace.turn('gone again', 1)
    pass(200_000)
    expect(pace.turn('gone again', 1)).toBe(0)
    expect(pace.turn('another', 1)).toBe(1_000)
  })

  test('has room for so many, and tells the others to ask again', () => {
    const { pace, pass } = setUp(1_000, 1)
    for (let index = 0; index < 10_001; index += 1) pace.turn(`waits ${index}`, 1)
    expect(pace.turn('one too many', 1)).toBe(10_001)
    expect(pace.turn('another too many', 1)).toBe(10_001)
    pass(10_002)
    expect(pace.turn('waits 10000', 1)).toBe(0)
  })

  test('is never faster than it may be, whatever is asked', () => {
    const costs = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 60 })
    fc.assert(
      fc.property(costs, fc.integer({ min: 1, max: 20 }), (list, perSecond) => {
        const { pace, pass } = setUp(perSecond)
        let at = 0
        let sent = 0
        const waiting = list.map((cost, index) => ({ cost, ref: `${index}` }))
        while (waiting.length > 0) {
          const next = waiting[0] ?? { cost: 0, ref: '' }
          const waitMs = pace.turn(next.ref, next.cost)
          if (waitMs > 0) {
            pass(waitMs)
            at += waitMs
            continue
          }
          sent += next.cost
          waiting.shift()
          // One that is larger than what is there goes into debt once: its own size beyond the burst.
          expect(sent).toBeLessThanOrEqual(perSecond + 5 + (at / 1_000) * perSecond + 1e-6)
        }
      }),
    )
  })
})
