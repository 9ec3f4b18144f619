/** Who a text names: phones, e-mail addresses and chats; parsing never throws, and what was parsed stays as it is. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  mayBeOn,
  parseAddress,
  parsePerson,
  parsePhone,
  parseRecipient,
  personOfChat,
  type Recipient,
  usualChatName,
} from './handle.ts'
import type { Handle, ProviderChatId } from './ids.ts'

const nameOf = (recipient: Recipient): string => (recipient.kind === 'chat' ? recipient.chat : recipient.handle)

describe('parseRecipient', () => {
  test.each([
    ['+12025550100', 'phone', '+12025550100'],
    ['  +1 (202) 555-01.00 ', 'phone', '+12025550100'],
    ['+49\t30\u00a0901820', 'phone', '+4930901820'],
    ['+12', 'phone', '+12'],
    ['+123456789012345', 'phone', '+123456789012345'],
    ['Somebody@Example.COM', 'email', 'somebody@example.com'],
    ['a.b+c@mail.example.org', 'email', 'a.b+c@mail.example.org'],
    ['+tag@example.org', 'email', '+tag@example.org'],
    ['jürgen@müller.example', 'email', 'jürgen@müller.example'],
    ['12025550100-1400000000@g.us', 'chat', '12025550100-1400000000@g.us'],
    ['120363000000000001@g.us', 'chat', '120363000000000001@g.us'],
    ['iMessage;+;chat123456', 'chat', 'iMessage;+;chat123456'],
    ['iMessage;-;+1 202 555 0100', 'chat', 'iMessage;-;+12025550100'],
    ['iMessage;-;Somebody@Example.com', 'chat', 'iMessage;-;somebody@example.com'],
  ])('%j is a %s: %s', (text, kind, name) => {
    const recipient = parseRecipient(text)
    expect(recipient?.kind).toBe(kind)
    expect(recipient && nameOf(recipient)).toBe(name)
  })

  test.each([
    ['', 'nothing'],
    ['   ', 'spaces'],
    ['12025550100', 'no plus'],
    ['+', 'a plus alone'],
    ['+0123456', 'a country code of zero'],
    ['+1', 'one digit'],
    ['+1234567890123456', 'sixteen digits'],
    ['+1202555O100', 'a letter O'],
    ['+١٢٣٤٥٦٧', 'digits of another script'],
    ['++12025550100', 'two pluses'],
    ['+1202,5550100', 'a comma'],
    ['somebody', 'a name'],
    ['somebody@example', 'no dot in the host'],
    ['some body@example.org', 'a space inside'],
    ['a@b@example.org', 'two @'],
    ['@example.org', 'nobody there'],
    ['somebody@.org', 'an empty label'],
    ['somebody@example..org', 'an empty label inside'],
    ['a@b.c;d@e.f', 'two addresses'],
    [`${'a'.repeat(65)}@example.org`, 'a local part of 65'],
    ['nul\u0000@example.org', 'a NUL, which the database refuses'],
    ['half\ud800@example.org', 'half of a surrogate pair'],
    ['bell@exam\u0007ple.org', 'a control character'],
    ['1234@g.us', 'too short a group'],
    ['12025550100@s.whatsapp.net', 'a person by their WhatsApp id'],
    ['12025550100@C.US', 'the same in an older spelling'],
    ['iMessage;+;', 'a group without a name'],
    ['iMessage;+;chat\u0000', 'a group with a NUL'],
    ['iMessage;+;two words', 'a group with a space'],
    ['iMessage;-;', 'a chat with nobody'],
    ['iMessage;-;iMessage;-;+12025550100', 'a chat in a chat'],
    ['iMessage;-;120363000000000001@g.us', 'a group as a person'],
    ['SMS;-;+12025550100', 'another kind of chat'],
    [`+1${' '.repeat(400)}2025550100`, 'too long'],
  ])('%j names nobody (%s)', (text) => {
    expect(parseRecipient(text)).toBeNull()
  })

  test('never throws, and reads back what it made', () => {
    const spelled = fc.stringMatching(/^ ?(\+|iMessage;[+-];)?[a-zA-Zİ0-9 .@;()-]{0,30}(@g\.us|@example\.org)?$/)
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), spelled, fc.emailAddress()), (text) => {
        const once = parseRecipient(text)
        if (once !== null) expect(parseRecipient(nameOf(once))).toEqual(once)
      }),
      { numRuns: 2_000 },
    )
  })

  test('keeps out what no table and no network can hold', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        for (const spelled of [`${text}@example.org`, `iMessage;+;${text}`, `a@${text}.org`]) {
          const recipient = parseRecipient(spelled)
          if (recipient !== null) expect(nameOf(recipient)).toMatch(/^[^\s\p{C}]+$/u)
        }
      }),
    )
  })

  test('grows no slower with hostile input', () => {
    const hostile = [
      '@'.repeat(1_000_000),
      `a@${'a.'.repeat(500_000)}`,
      `+${'('.repeat(1_000_000)}`,
      'iMessage;-;'.repeat(90_000),
    ]
    for (const text of hostile) expect(parseRecipient(text)).toBeNull()
  })
})

describe('parsePhone and parseAddress', () => {
  test('agree with parseRecipient about phones', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^\+[0-9 ().-]{0,20}$/), (text) => {
        const recipient = parseRecipient(text)
        expect(parsePhone(text)).toBe(recipient?.kind === 'phone' ? recipient.handle : null)
      }),
    )
  })

  test('an address is a phone or an e-mail, never a chat', () => {
    expect(parseAddress('+1 202 555 0100')).toBe('+12025550100')
    expect(parseAddress('Line@Example.org')).toBe('line@example.org')
    expect(parseAddress('iMessage;+;chat1')).toBeNull()
    expect(parseAddress('120363000000000001@g.us')).toBeNull()
  })
})

test.each([
  ['iMessage;-;+12025550100', '+12025550100'],
  ['iMessage;-;a@example.org', 'a@example.org'],
  ['iMessage;+;chat1', null],
  ['120363000000000001@g.us', null],
])('the person behind %s is %s', (chat, person) => {
  expect(personOfChat(chat as ProviderChatId)).toBe(person)
})

test.each([
  ['iMessage;-;A@Example.org', 'iMessage;-;a@example.org'],
  ['iMessage;-;12025550100', 'iMessage;-;+12025550100'],
  [' SMS;-;+1 (202) 555-0100 ', 'SMS;-;+12025550100'],
  ['12025550100:7@s.whatsapp.net', '12025550100@s.whatsapp.net'],
  ['12025550100@c.us', '12025550100@s.whatsapp.net'],
  ['SMS;-;nobody', 'SMS;-;nobody'],
  ['iMessage;+;chat1A', 'iMessage;+;chat1A'],
  ['77@lid', '77@lid'],
  ['12025550100', '12025550100'],
  ['', ''],
])('the chat spelled %j is usually called %j', (text, name) => {
  expect(usualChatName(text)).toBe(name)
})

test.each([
  ['+1 (202) 555-0100', '+12025550100'],
  ['12025550100@s.whatsapp.net', '+12025550100'],
  [' 12025550100:7@s.whatsapp.net ', '+12025550100'],
  ['12025550100@c.us', '+12025550100'],
  ['77@lid', '77@lid'],
  ['A@Example.org', 'a@example.org'],
  ['0@s.whatsapp.net', null],
  ['@lid', null],
  ['120363000000000001@g.us', null],
  ['iMessage;-;+12025550100', null],
  ['', null],
])('the person named by %j is %s', (text, person) => {
  expect(parsePerson(text)).toBe(person)
})

test.each<[string, 'imessage' | 'whatsapp', boolean]>([
  ['+12025550100', 'imessage', true],
  ['+12025550100', 'whatsapp', true],
  ['a@example.org', 'imessage', true],
  ['a@example.org', 'whatsapp', false],
  ['77@lid', 'imessage', false],
  ['77@lid', 'whatsapp', true],
])('%s may be on %s: %s', (handle, channel, may) => {
  expect(mayBeOn(handle as Handle, channel)).toBe(may)
})
