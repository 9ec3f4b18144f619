/** The breaker: opens when a receiver fails, lets one knock, closes when that is let in. */
import { expect, test } from 'vitest'
import { afterCall, type Breaker, breakerLeft, closedBreaker, openForMs, passage } from './breaker.ts'

const second = 1_000
const minute = 60 * second

function after(outcomes: string, from: Breaker = closedBreaker, now = 0): Breaker {
  return [...outcomes].reduce((breaker, outcome) => afterCall(breaker, outcome === '+', now), from)
}

test.each([
  ['---------', false],
  ['----------', true],
  ['+----------', true],
  ['---+------', true],
  ['--+-+-+---', true],
  ['-+-+-+-+-+-+-+', false],
  ['++++++++++', false],
  ['+++------', false],
  ['++++------', false],
])('%s', (outcomes, isOpen) => {
  expect(after(outcomes).openUntil !== null).toBe(isOpen)
})

test('failures of long ago do not count', () => {
  const before = after('---------')
  expect(afterCall(before, false, 6 * minute).openUntil).toBeNull()
  expect(afterCall(before, false, 4 * minute).openUntil).not.toBeNull()
})

test('it opens for half a minute, then twice as long each time, a quarter of an hour at most', () => {
  let now = 0
  let breaker = after('----------')
  const lengths: number[] = []
  for (let round = 0; round < 8; round++) {
    const ms = openForMs(breaker, now)
    lengths.push(ms / second)
    expect(passage(breaker, now + ms - 1)).toBe('none')
    now += ms
    expect(passage(breaker, now)).toBe('one')
    breaker = afterCall(breaker, false, now)
  }
  expect(lengths).toEqual([30, 60, 120, 240, 480, 900, 900, 900])
  expect(afterCall(breaker, true, now)).toEqual(closedBreaker)
})

test('what another process left is taken up where it was', () => {
  expect(passage(breakerLeft(0, 0, 5), 5)).toBe('all')
  expect(passage(breakerLeft(2, 0, 5), 5)).toBe('one')
  expect(passage(breakerLeft(2, 1_000, 5), 1_004)).toBe('none')
  expect(openForMs(afterCall(breakerLeft(2, 0, 0), false, 0), 0)).toBe(2 * minute)
})
