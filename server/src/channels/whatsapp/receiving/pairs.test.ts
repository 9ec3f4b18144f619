/** Two names of one person: told until that is durable, then no more, and within bounds. */
import { expect, test } from 'vitest'
import type { Handle } from '../../../model/ids.ts'
import { createPairs } from './pairs.ts'

const pair = (nth: number, number = nth) => ({ alias: `${nth}@lid` as Handle, phone: `+1415555${number}` as Handle })
const told = (nth: number, number = nth) => ({ kind: 'handle' as const, ...pair(nth, number) })

test('a pair is news until it was told, and again when the number is another', () => {
  const pairs = createPairs()
  expect(pairs.news(pair(1), null, pair(2), pair(1))).toEqual([told(1), told(2)])
  pairs.told({ kind: 'typing', chat: '1@lid' as never, from: pair(1).alias, typing: true })
  expect(pairs.news(pair(1))).toEqual([told(1)])
  pairs.told(told(1))
  expect(pairs.news(pair(1), pair(2))).toEqual([told(2)])
  expect(pairs.news(pair(1, 7))).toEqual([told(1, 7)])
  pairs.told(told(1, 7))
  expect(pairs.news(pair(1))).toEqual([told(1)])
})

test('of more pairs than are remembered the oldest are told again', () => {
  const pairs = createPairs(2)
  for (const nth of [1, 2, 3]) pairs.told(told(nth))
  expect(pairs.news(pair(1), pair(2), pair(3))).toEqual([told(1)])
})
