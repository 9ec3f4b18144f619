/** The requests that a message becomes, and what is refused before there is one. */
import { expect, test } from 'vitest'
import { SendFailure } from '../../../model/delivery.ts'
import type { ClientRef, Handle, ProviderChatId } from '../../../model/ids.ts'
import type { OutgoingFile } from '../../../model/media/file.ts'
import type { Outgoing } from '../../connector.ts'
import { costOf, formsFor } from './forms.ts'
import { settingsOf } from './settings.ts'

const outgoing = (what: Partial<Outgoing>): Outgoing => ({
  ...{ ref: 'ref' as ClientRef, to: { handle: '+15550100199' as Handle }, text: 'hello', attachments: [] },
  ...{ replyTo: null, mentions: [], effect: null, location: null },
  ...what,
})
const file = (bytes: number, link = 'https://us.example/a', kind: OutgoingFile['kind'] = 'image') =>
  ({ kind, bytes, linkFor: (ms: number) => `${link}?ms=${ms}` }) as OutgoingFile

function forms(what: Partial<Outgoing>, query = '', origin = 'https://AC1@api.twilio.com'): string[] {
  const read = settingsOf('twilio', { url: `${origin}?${query}`, secret: 't', address: '+12025550100' as Handle })
  if (!read.ok) throw new Error(read.problem.message)
  const callbackUrl = 'https://us.example/cb'
  const made = formsFor(outgoing(what), { kind: 'twilio', settings: read.value, callbackUrl })
  return made.map((form) => decodeURIComponent(String(form)))
}

function failure(what: Partial<Outgoing>, query = ''): [string, string] {
  try {
    forms(what, query)
  } catch (error) {
    if (error instanceof SendFailure) return [error.kind, error.code]
  }
  throw new Error('it was not refused')
}

test('a text is one request, however long', () => {
  expect(forms({ text: 'hello' })).toEqual([
    'To=+15550100199&From=+12025550100&Body=hello&StatusCallback=https://us.example/cb',
  ])
  expect(forms({ text: 'x'.repeat(1_530) })).toHaveLength(1)
})

test('a chat is written to by the name in it, a short code too', () => {
  expect(forms({ to: { chat: 'SMS;-;32665' as ProviderChatId } })[0]).toContain('To=32665&')
})

test('each attachment is an MMS, the text goes with the first, and links live for twelve hours', () => {
  const made = forms({ attachments: [file(10), file(20, 'https://us.example/b')] })
  expect(made).toEqual([
    'To=+15550100199&From=+12025550100&Body=hello&MediaUrl=https://us.example/a?ms=43200000&StatusCallback=https://us.example/cb',
    'To=+15550100199&From=+12025550100&MediaUrl=https://us.example/b?ms=43200000&StatusCallback=https://us.example/cb',
  ])
})

test('settings say who sends, for how long, and whether receipts are asked for', () => {
  expect(forms({}, 'service=MG1&validity=60&callbacks=off')).toEqual([
    'To=+15550100199&MessagingServiceSid=MG1&Body=hello&ValidityPeriod=60',
  ])
})

test('a provider elsewhere is not told to call this machine', () => {
  const read = settingsOf('twilio', {
    url: 'https://AC1@api.twilio.com',
    secret: 't',
    address: '+12025550100' as Handle,
  })
  if (!read.ok) throw new Error(read.problem.message)
  const with_ = (callbackUrl: string) =>
    formsFor(outgoing({}), { kind: 'twilio', settings: read.value, callbackUrl })[0]?.get('StatusCallback') ?? null
  expect(with_('http://127.0.0.1:3000/cb')).toBeNull()
  expect(with_('http://localhost/cb')).toBeNull()
  expect(with_('unix:/cb')).toBeNull()
  expect(with_('https://gateway.example/cb')).toBe('https://gateway.example/cb')
})

test('refuses what is sure to fail', () => {
  expect(failure({ text: 'x'.repeat(1_601) })).toEqual(['refused', 'SMS_TOO_LONG'])
  expect(failure({ text: '🙂'.repeat(400) })).toEqual(['refused', 'SMS_TOO_LONG'])
  expect(failure({ text: 'x'.repeat(161) }, 'segmentsMax=1')).toEqual(['refused', 'SMS_TOO_LONG'])
  expect(failure({ text: null })).toEqual(['refused', 'SMS_REJECTED'])
  expect(failure({ attachments: [file(5_000_001)] })).toEqual(['refused', 'MMS_MEDIA_TOO_LARGE'])
  expect(failure({ attachments: [file(500_001, 'https://us.example/a', 'audio')] })).toEqual([
    'refused',
    'MMS_MEDIA_TOO_LARGE',
  ])
  expect(failure({ attachments: [file(1, 'http://us.example/a')] })).toEqual(['refused', 'SMS_SENDER_NOT_ALLOWED'])
  expect(failure({ to: { handle: 'a@b.example' as Handle } })).toEqual(['unreachable', 'NO_CHANNEL_AVAILABLE'])
  expect(failure({ to: { chat: 'SMS;-;WhatsApp' as ProviderChatId } })).toEqual(['unreachable', 'NO_CHANNEL_AVAILABLE'])
  expect(failure({ to: { chat: 'iMessage;+;chat1' as ProviderChatId } })).toEqual(['refused', 'GROUP_SMS_UNSUPPORTED'])
})

test('costs its parts, and each MMS one', () => {
  expect(costOf(outgoing({ text: 'x'.repeat(161) }))).toBe(2)
  expect(costOf(outgoing({ attachments: [file(1), file(1), file(1)] }))).toBe(3)
})
