/** A thousand small worlds in virtual time: the promises hold, the same seed tells the same story, and planted faults are found. */
import { expect, test } from 'vitest'
import { neverHit, simulateMany } from './many.ts'
import { type Plant, plants } from './plants.ts'
import { simulate } from './simulate.ts'

test('the promises hold in a thousand runs, and every kind of fault struck', { timeout: 180_000 }, async () => {
  const sum = await simulateMany({ from: 1, seeds: 1_000 })
  const { failure } = sum
  const told =
    failure === null
      ? ''
      : `${failure.tail.join('\n')}\nnpm run simulate -- --seed ${failure.seed}\n${failure.broken.join('\n')}`
  expect(failure?.broken ?? [], told).toEqual([])
  expect(sum.seeds).toBe(1_000)
  expect(neverHit(sum.faults)).toEqual([])
})

test('the same seed gives the same history, to the byte', async () => {
  for (let seed = 2_001; seed <= 2_020; seed += 1) {
    const [one, other] = [await simulate(seed), await simulate(seed)]
    expect(other.history.lines).toEqual(one.history.lines)
    expect(other.hash).toBe(one.hash)
  }
})

test('different seeds give different histories', async () => {
  const hashes = await Promise.all([1, 2, 3, 4, 5].map(async (seed) => (await simulate(seed)).hash))
  expect(new Set(hashes).size).toBe(5)
})

test.each(Object.keys(plants) as Plant[])(
  'a planted fault is found within two thousand runs: %s',
  { timeout: 120_000 },
  async (plant) => {
    const { failure } = await simulateMany({ from: 1, seeds: 2_000, plant })
    expect(failure?.broken[0]).toMatch(/^(nothing|events|inbound|news|answers|lanes|fallback|outcomes)/)
  },
)
