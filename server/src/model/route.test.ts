/** Which channels, in which order. */
import { describe, expect, test } from 'vitest'
import { type Channel, channels } from './channel.ts'
import { parseRecipient } from './handle.ts'
import { type RouteFacts, routeFor } from './route.ts'

const all: readonly Channel[] = channels

function route(to: string, facts: Partial<RouteFacts> = {}) {
  const recipient = parseRecipient(to)
  if (recipient === null) throw new Error(`${to} names nobody`)
  return routeFor({ recipient, preference: null, fallback: true, lineChannels: all, lineNamed: false, ...facts })
}

describe('a route', () => {
  test.each<[string, string, Partial<RouteFacts>, readonly Channel[]]>([
    ['a phone gets iMessage, then SMS', '+14155550100', {}, ['imessage', 'sms']],
    ['the caller orders the channels', '+14155550100', { preference: ['whatsapp', 'sms'] }, ['whatsapp', 'sms']],
    ['a channel named twice is tried once', '+14155550100', { preference: ['sms', 'sms'] }, ['sms']],
    [
      'without fallback only the first counts',
      '+14155550100',
      { preference: ['sms', 'imessage'], fallback: false },
      ['sms'],
    ],
    ['what the line lacks is left out', '+14155550100', { lineChannels: ['sms'] }, ['sms']],
    ['an e-mail address has iMessage only', 'ada@example.com', {}, ['imessage']],
    ['a WhatsApp group implies WhatsApp', '12036302@g.us', {}, ['whatsapp']],
    ['an iMessage chat implies iMessage', 'iMessage;+;chat1', {}, ['imessage']],
    [
      'a group keeps its channel among others asked for',
      '12036302@g.us',
      { preference: ['imessage', 'whatsapp'] },
      ['whatsapp'],
    ],
  ])('%s', (_what, to, facts, expected) => {
    expect(route(to, facts)).toEqual({ ok: true, channels: expected })
  })

  test.each<[string, string, Partial<RouteFacts>, string]>([
    ['a group on a channel it is not on', '12036302@g.us', { preference: ['sms'] }, 'NO_CHANNEL_AVAILABLE'],
    ['an e-mail address by SMS', 'ada@example.com', { preference: ['sms'] }, 'NO_CHANNEL_AVAILABLE'],
    [
      'a line without the channel',
      '+14155550100',
      { preference: ['whatsapp'], lineChannels: ['sms'] },
      'NO_CHANNEL_AVAILABLE',
    ],
    [
      'a named line without the channel',
      '+14155550100',
      { preference: ['whatsapp'], lineChannels: ['sms'], lineNamed: true },
      'FROM_INSTANCE_CANNOT_REACH',
    ],
    [
      'only the first counts and the line lacks it',
      '+14155550100',
      { fallback: false, lineChannels: ['sms'] },
      'NO_CHANNEL_AVAILABLE',
    ],
  ])('is refused for %s', (_what, to, facts, code) => {
    expect(route(to, facts)).toMatchObject({ ok: false, code })
  })
})
