/** Forms as the objects that JSON would have held. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readForm } from './form.ts'

const read = (text: string) => readForm(Buffer.from(text))

test.each<[string, unknown]>([
  ['a=1', { a: '1' }],
  ['a=1&b=2', { a: '1', b: '2' }],
  ['a', { a: '' }],
  ['a=b=c', { a: 'b=c' }],
  ['a+b=c+d%20e%2B', { 'a b': 'c d e+' }],
  ['a=%E2%82%AC', { a: '€' }],
  ['a[b]=1&a[c][d]=2', { a: { b: '1', c: { d: '2' } } }],
  ['a%5Bb%5D=1', { a: { b: '1' } }],
  ['a[]=1&a[]=2', { a: ['1', '2'] }],
  ['a[0]=1&a[1]=2', { a: ['1', '2'] }],
  ['a[1]=1', { a: { 1: '1' } }],
  ['toString=1', { toString: '1' }],
  ['&&a=1&', { a: '1' }],
])('%s', (text, value) => {
  expect(read(text)).toEqual(value)
})

test.each([
  'a=1&a=2',
  'a=1&a[b]=2',
  'a[b]=1&a=2',
  '=1',
  '[a]=1',
  'a[b=1',
  'a]=1',
  'a=%',
  'a=%00',
  'a=%ED%A0%80',
  '__proto__=1',
])('%s is refused', (text) => {
  expect(() => read(text)).toThrow(expect.objectContaining({ code: 'VALIDATION_ERROR' }))
})

test('what is empty is no body', () => {
  expect(read('')).toBeUndefined()
  expect(readForm(undefined)).toBeUndefined()
})

test('whatever bytes come are read or refused, and reach no prototype', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'ab[]=&%_0 proto'), maxLength: 60 }), (text) => {
      try {
        read(text)
      } catch (error) {
        expect(error).toMatchObject({ code: 'VALIDATION_ERROR' })
      }
      expect(Object.keys(Object.prototype)).toEqual([])
    }),
  )
})
