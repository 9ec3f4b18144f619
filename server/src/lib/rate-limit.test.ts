/** Promises of the limit: exact within a window, separate by key, forgetful afterwards, bounded in memory. */
import { describe, expect, test } from 'vitest'
import type { Clock } from './clock.ts'
import { createRateLimit } from './rate-limit.ts'

function handClock(): Clock & { move(ms: number): void } {
  let elapsed = 0
  return {
    now: () => 1_780_000_000_000 + elapsed,
    monotonic: () => 5_000 + elapsed,
    sleep: () => Promise.resolve(),
    defer: (work) => work(),
    move: (ms) => {
      elapsed += ms
    },
  }
}

const limited = (keysMax = 1_000) => {
  const clock = handClock()
  return { clock, rate: createRateLimit({ clock, windowMs: 60_000, keysMax }) }
}

describe('a window', () => {
  test('lets exactly the limit pass, and says what is left and when it ends', () => {
    const { clock, rate } = limited()
    expect(rate.take('a', 3)).toEqual({
      allowed: true,
      limit: 3,
      remaining: 2,
      resetsAt: 1_780_000_060,
      retryAfterMs: 60_000,
    })
    clock.move(10_500)
    expect(rate.take('a', 3)).toMatchObject({
      allowed: true,
      remaining: 1,
      resetsAt: 1_780_000_060,
      retryAfterMs: 49_500,
    })
    expect(rate.take('a', 3)).toMatchObject({ allowed: true, remaining: 0 })
    expect(rate.take('a', 3)).toMatchObject({ allowed: false, remaining: 0, retryAfterMs: 49_500 })
  })

  test('begins with the first call of its key and is over after its length, to the millisecond', () => {
    const { clock, rate } = limited()
    clock.move(59_000)
    rate.take('a', 1)
    clock.move(59_999)
    expect(rate.take('a', 1).allowed).toBe(false)
    clock.move(1)
    expect(rate.take('a', 1)).toMatchObject({ allowed: true, retryAfterMs: 60_000 })
  })

  test('is of one key alone', () => {
    const { rate } = limited()
    rate.take('a', 1)
    expect(rate.take('a', 1).allowed).toBe(false)
    expect(rate.take('b', 1).allowed).toBe(true)
  })
})

describe('memory', () => {
  test('holds at most so many keys; the newest are the ones remembered', () => {
    const { rate } = limited(10)
    for (let index = 0; index < 1_000; index += 1) rate.take(`key-${index}`, 1)
    expect(rate.take('key-999', 1).allowed).toBe(false)
    expect(rate.take('key-0', 1).allowed).toBe(true)
  })

  test('keeps a running window across a change of generations, and no longer', () => {
    const { clock, rate } = limited()
    clock.move(30_000)
    rate.take('a', 1)
    clock.move(31_000)
    rate.take('b', 1)
    expect(rate.take('a', 1).allowed).toBe(false)
    clock.move(200_000)
    expect(rate.take('a', 1).allowed).toBe(true)
    expect(rate.take('b', 1).allowed).toBe(true)
  })
})
