/** Names of people, chats and messages, as they are written here and taken back. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { MessageId } from '../../model/ids.ts'
import { chatOf, messageIdOf, personOf, phoneOf, providerChatOf, sessionIdOf, wireMessageId } from './ids.ts'

test.each([
  '14155550123',
  '+14155550123',
  '+1 (415) 555-0123',
  '0014155550123',
  ' 1.415.555.0123 ',
  '14155550123@c.us',
  '14155550123@s.whatsapp.net',
])('%s is somebody', (text) => {
  expect(personOf(text)).toBe('+14155550123')
  expect(providerChatOf(chatOf(text))).toBe('14155550123@s.whatsapp.net')
})

test.each(['123456789@g.us', '14155550123-1590000000@g.us'])('%s is a group', (text) => {
  expect(chatOf(text)).toEqual({ group: text })
  expect(() => personOf(text)).toThrow('one person')
})

test('a name that WhatsApp gave somebody whose number is unknown is a person, and no phone', () => {
  expect(chatOf(' 123456789@lid ')).toEqual({ alias: '123456789@lid' })
  expect(personOf('123456789@lid')).toBe('123456789@lid')
  expect(providerChatOf(chatOf('123456789@lid'))).toBe('123456789@lid')
  expect(() => phoneOf('123456789@lid')).toThrow('no number')
})

test.each([
  '',
  ' ',
  'Ada',
  '0155550123',
  '+',
  '1234567890123456',
  'ada@example.com',
  '1@lid',
  'a12345@lid',
  '1 call',
  '1'.repeat(200),
])('%j is nobody', (text) => {
  expect(() => chatOf(text)).toThrow('country code')
})

test('an id is known again in every form in which it was told', () => {
  const direction = fc.constantFrom('inbound', 'outbound')
  const chat = fc.constantFrom('+14155550123', '123456789@g.us', '123@lid')
  fc.assert(
    fc.property(fc.uuid(), direction, chat, (id, way, place) => {
      const whole = wireMessageId(way, place, id as MessageId)
      expect(whole).toMatch(/^(true|false)_[\d]+@(c\.us|g\.us|lid)_[0-9A-F]{32}$/)
      const last = whole.split('_').at(-1) ?? ''
      for (const form of [whole, last, last.toLowerCase(), id, id.toUpperCase()]) expect(messageIdOf(form)).toBe(id)
    }),
  )
})

test.each([
  '',
  'x',
  'false_1@c.us_3A30BDECACB201A59D44',
  'maybe_1@c.us_0199A2C46F3E7B108D523C9E41F7A650',
  'true_1_2_3',
])('%j is an id of nothing', (text) => {
  expect(messageIdOf(text)).toMatch(/^[0-]+$/)
  expect(sessionIdOf(text)).toMatch(/^[0-]+$/)
})
