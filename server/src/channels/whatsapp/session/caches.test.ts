/** A cache of so many entries, each for so long. */
import { expect, test } from 'vitest'
import { ageingCache } from './caches.ts'

test('an entry is there for its time, and the oldest makes way', () => {
  let now = 0
  const cache = ageingCache({ now: () => now, ageMs: 100, entriesMax: 2 })
  cache.set('a', 1)
  cache.set('b', 2)
  cache.set('a', 3)
  cache.set('c', 4)
  expect(['a', 'b', 'c'].map((key) => cache.get(key))).toEqual([3, undefined, 4])
  now = 100
  expect(cache.get('a')).toBeUndefined()
  cache.set('d', null)
  expect(cache.get('d')).toBeNull()
  cache.del('d')
  cache.set('e', 5)
  cache.flushAll()
  expect(['d', 'e'].map((key) => cache.get(key))).toEqual([undefined, undefined])
})
