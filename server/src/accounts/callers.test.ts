/** Keys: unguessable, recognisable, refused when mistyped before anybody is asked. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { mintKey, wellFormed } from './callers.ts'

test('a key has its prefix, 256 bits and a checksum, and never comes twice', () => {
  const keys = Array.from({ length: 2_000 }, () => mintKey('tb_'))
  expect(keys.every((key) => /^tb_[0-9A-Za-z]{49}$/.test(key) && wellFormed(key, 'tb_'))).toBe(true)
  expect(new Set(keys).size).toBe(keys.length)
})

test('a key with one other character is no key', () => {
  const key = mintKey('tb_')
  fc.assert(
    fc.property(fc.integer({ min: 3, max: key.length - 1 }), fc.constantFrom(...'09AZaz'), (at, character) => {
      fc.pre(key[at] !== character)
      expect(wellFormed(key.slice(0, at) + character + key.slice(at + 1), 'tb_')).toBe(false)
    }),
  )
})

test('a key of another prefix, a shorter and a longer one are no keys', () => {
  const key = mintKey('tb_')
  for (const wrong of [key.slice(1), `${key}0`, key.slice(0, -1), key.replace('tb_', 'xx_'), '', 'tb_']) {
    expect(wellFormed(wrong, 'tb_')).toBe(false)
  }
})
