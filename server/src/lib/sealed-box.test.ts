/** What is sealed opens only with the same key, in the same place, unchanged. */
import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createSealedBox } from './sealed-box.ts'

const box = createSealedBox(Buffer.alloc(32, 1))

test('whatever is sealed opens to the same bytes and shows none of them', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.string(), (bytes, place) => {
      const sealed = box.seal(bytes, place)
      expect(Buffer.compare(box.open(sealed, place), Buffer.from(bytes))).toBe(0)
      if (bytes.length > 8) expect(sealed.includes(Buffer.from(bytes))).toBe(false)
    }),
  )
})

test('the same secret is sealed differently each time', () => {
  expect(box.seal(Buffer.from('secret'), 'a').equals(box.seal(Buffer.from('secret'), 'a'))).toBe(false)
})

test('another place, another key or a flipped bit does not open', () => {
  const sealed = box.seal(Buffer.from('password'), 'lines/1')
  expect(() => box.open(sealed, 'lines/2')).toThrow()
  expect(() => createSealedBox(Buffer.alloc(32, 2)).open(sealed, 'lines/1')).toThrow()
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const bent = Buffer.from(sealed)
    bent[bit >> 3] = (bent[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    expect(() => box.open(bent, 'lines/1')).toThrow()
  }
  expect(() => box.open(sealed.subarray(0, 10), 'lines/1')).toThrow('no sealed value')
})

test('the check and the prints tell keys apart and are stable', () => {
  const again = createSealedBox(Buffer.alloc(32, 1))
  const other = createSealedBox(Buffer.alloc(32, 2))
  expect(again.check).toBe(box.check)
  expect(other.check).not.toBe(box.check)
  expect(again.print('k').equals(box.print('k'))).toBe(true)
  expect(other.print('k').equals(box.print('k'))).toBe(false)
})

test('a master key must have 32 bytes', () => {
  expect(() => createSealedBox(randomBytes(31))).toThrow('32 bytes')
})
