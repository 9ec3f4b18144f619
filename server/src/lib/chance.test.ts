/** Chance repeats itself by its seed, and its streams do not disturb each other. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { seededChance } from './chance.ts'

const draw = (seed: number | string, count = 8) => {
  const chance = seededChance(seed)
  return Array.from({ length: count }, () => chance.next())
}

describe('seeded chance', () => {
  test('is the same for the same seed, also tomorrow', () => {
    expect(draw(1, 3).map((one) => one.toFixed(6))).toEqual(['0.781076', '0.630287', '0.727351'])
    fc.assert(
      fc.property(fc.oneof(fc.integer(), fc.string()), (seed) => {
        expect(draw(seed)).toEqual(draw(seed))
      }),
    )
  })

  test('is another for another seed', () => {
    const firsts = new Set(Array.from({ length: 20_000 }, (_, seed) => draw(seed, 2).join()))
    expect(firsts.size).toBe(20_000)
  })

  test('is spread evenly', () => {
    const chance = seededChance('even')
    const counts = new Array<number>(10).fill(0)
    for (let index = 0; index < 100_000; index += 1) {
      const drawn = chance.between(0, 9)
      counts[drawn] = (counts[drawn] ?? 0) + 1
    }
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500)
  })

  test('stays within its bounds', () => {
    const chance = seededChance('bounds')
    fc.assert(
      fc.property(fc.integer({ min: -1_000, max: 1_000 }), fc.nat(1_000), (min, span) => {
        const drawn = chance.between(min, min + span)
        expect(Number.isInteger(drawn) && drawn >= min && drawn <= min + span).toBe(true)
      }),
    )
  })

  test('draws nothing where the answer is certain', () => {
    const [one, other] = [seededChance(7), seededChance(7)]
    expect([one.happens(0), one.happens(1), one.happens(-1), one.happens(2)]).toEqual([false, true, false, true])
    expect(one.next()).toBe(other.next())
  })

  test('has streams that move no other stream', () => {
    const alone = seededChance(3).fork('faults')
    const parent = seededChance(3)
    parent.fork('answers').next()
    parent.next()
    expect(parent.fork('faults').next()).toBe(alone.next())
    expect(seededChance(3).fork('a').next()).not.toBe(seededChance(3).fork('b').next())
  })
})
