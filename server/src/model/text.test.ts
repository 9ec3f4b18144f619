/** What a database cannot keep is taken out; everything else stays. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { storable } from './text.ts'

test('NUL goes, half a surrogate pair is replaced, whole ones stay', () => {
  expect(storable('a\0b\ud83dc \ud83d\ude00')).toBe('ab\ufffdc \ud83d\ude00')
})

test('whatever comes out is storable and comes out the same again', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const kept = storable(text)
      expect(kept.isWellFormed() && !kept.includes('\0')).toBe(true)
      expect(storable(kept)).toBe(kept)
    }),
  )
})
