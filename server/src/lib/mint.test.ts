/** Ids of one process never repeat and never go backwards. */
import { expect, test } from 'vitest'
import { systemClock } from './clock.ts'
import { createMint } from './mint.ts'

const pattern = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

test('a hundred thousand ids are well formed, distinct and ascending', () => {
  const mint = createMint(systemClock)
  const ids = Array.from({ length: 100_000 }, mint)
  expect(ids.every((id) => pattern.test(id))).toBe(true)
  expect(new Set(ids).size).toBe(ids.length)
  expect(ids).toEqual([...ids].sort())
})

test('a clock that is set back does not set the ids back', () => {
  const times = [1_000_000, 1_000_001, 999_000, 999_000]
  const mint = createMint({ ...systemClock, now: () => times.shift() ?? 999_500 })
  const ids = Array.from({ length: 4 }, mint)
  expect(ids).toEqual([...ids].sort())
})

test('more ids than a millisecond holds borrow from the next one', () => {
  const mint = createMint({ ...systemClock, now: () => 5_000 })
  const ids = Array.from({ length: 20_000 }, mint)
  expect(new Set(ids).size).toBe(ids.length)
  expect(ids).toEqual([...ids].sort())
})
