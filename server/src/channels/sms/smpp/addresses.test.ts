/** Addresses with their type and plan, out and in. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { addressOf, handleOf } from './addresses.ts'

test.each([
  ['+12025550100', { ton: 1, npi: 1, digits: '12025550100' }],
  ['32665', { ton: 3, npi: 0, digits: '32665' }],
  ['123', { ton: 3, npi: 0, digits: '123' }],
  ['12345678', { ton: 3, npi: 0, digits: '12345678' }],
  ['WhatsApp', { ton: 5, npi: 0, digits: 'WhatsApp' }],
  ['Info 24', { ton: 5, npi: 0, digits: 'Info 24' }],
  ['0171123456', { ton: 0, npi: 0, digits: '0171123456' }],
  ['somebody@example.com', null],
  ['1234@lid', null],
  ['12', null],
  ['+0123456', null],
  ['', null],
  ['a name too long', null],
  ['Ünïcode', null],
])('%s is written as %j', (handle, address) => {
  expect(addressOf(handle)).toEqual(address)
})

test.each([
  [1, '12025550100', '+12025550100'],
  [1, '+12025550100', '+12025550100'],
  [0, '+12025550100', '+12025550100'],
  [0, '12025550100', '+12025550100'],
  [0, '4917012345678', '+4917012345678'],
  [0, '2025550100', '2025550100'],
  [2, '02025550100', '02025550100'],
  [0, '32665', '32665'],
  [3, '32665', '32665'],
  [1, '32665', '32665'],
  [5, 'WhatsApp', 'WhatsApp'],
  [5, '12025550100', '12025550100'],
  [0, '', ''],
])('type %i with %s is told as %s', (ton, digits, handle) => {
  expect(handleOf({ ton, digits })).toBe(handle)
})

test('whoever wrote can be answered under the same name', () => {
  const written = fc.tuple(
    fc.integer({ min: 0, max: 1 }),
    fc.stringMatching(/^(\+?[1-9]\d{8,14}|\d{3,8}|[A-Za-z]{1,11})$/),
  )
  fc.assert(
    fc.property(written, ([ton, digits]) => {
      const handle = handleOf({ ton, digits })
      const address = addressOf(handle)
      expect(address).not.toBeNull()
      expect(handleOf(address ?? { ton: 0, digits: '' })).toBe(handle)
    }),
  )
})
