/** Whom a handle means, and what the address book adds to a roster. */
import { expect, test } from 'vitest'
import { memberOf } from './chat-change.ts'
import { known, personOf } from './contact.ts'
import type { ContactId, Handle } from './ids.ts'

test.each([
  ['+15550100123', '+15550100123'],
  ['15550100123@s.whatsapp.net', '+15550100123'],
  ['15550100123:7@s.whatsapp.net', '+15550100123'],
  ['15550100123@c.us', '+15550100123'],
  ['Ada@Example.com', 'ada@example.com'],
  ['7@lid', '7@lid'],
  ['x15550100123@s.whatsapp.net', 'x15550100123@s.whatsapp.net'],
])('%s is %s', (handle, person) => {
  expect(personOf(handle)).toBe(person)
  expect(personOf(person)).toBe(person)
})

test('a roster says who is in the address book, and who no longer is', () => {
  const contact = '0199a2c4-6f3e-7b10-8d52-3c9e41f7a650' as ContactId
  const [ada, bob] = [memberOf('15550100123@s.whatsapp.net' as Handle), memberOf('+15550100124' as Handle)]
  const roster = [ada, { ...bob, contactId: 'gone' }]
  expect(known(roster, new Map([['+15550100123' as Handle, contact]]))).toEqual([
    { ...ada, contactId: contact },
    { ...bob, contactId: null },
  ])
})
