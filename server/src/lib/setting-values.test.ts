/** How settings are read from a query: what is not named is as it is otherwise, and whatever is wrong is said in words. */
import { expect, test } from 'vitest'
import { decimal, integer, orOff, readQuery } from './setting-values.ts'

const settings = {
  size: { reader: orOff(integer(1, 9)), otherwise: 3 },
  speed: { reader: decimal(0, 1), otherwise: null },
} as const
const read = (query: string) => readQuery(new URLSearchParams(query), settings)

test.each([
  ['', { size: 3, speed: null }],
  ['size=4', { size: 4, speed: null }],
  ['speed=0.25&size=off', { size: null, speed: 0.25 }],
])('the query "%s" is read', (query, value) => {
  expect(read(query)).toEqual({ ok: true, value })
})

test.each([
  ['size=10', 'The setting size must be a whole number from 1 to 9, or be off.'],
  ['speed=off', 'The setting speed must be a number from 0 to 1.'],
  ['speed=0.0001', 'The setting speed must be a number from 0 to 1.'],
  ['size=1&size=1', 'The setting size is given twice; keep one.'],
  ['Size=1', 'The setting "Size" is not known. Known are size, speed.'],
  ['toString=1', 'The setting "toString" is not known. Known are size, speed.'],
  [`${'x'.repeat(99)}=1`, `The setting "${'x'.repeat(40)}" is not known. Known are size, speed.`],
])('the query "%s" is refused in words', (query, message) => {
  expect(read(query)).toEqual({ ok: false, message })
})
