/** Every kind of event in this surface's words, and the ones it has no word for. */
import { describe, expect, test } from 'vitest'
import type { Conversation } from '../../model/conversation.ts'
import type { EventData, EventMessage, EventType, GatewayEvent } from '../../model/event.ts'
import type { LinkState } from '../../model/line.ts'
import { wordEvent } from './dialect.ts'

const linkTo = ({ hash }: { hash: string }, untilMs: number) => `https://gateway.test/${hash}?until=${untilMs}`

const conversation = {
  id: 'c1',
  customerId: 'cu',
  lineId: 'l',
  channel: 'whatsapp',
  providerChatId: 'chat@g.us',
  isGroup: true,
  name: 'Kitchen',
  participants: [
    { handle: '+15550100177', contactId: 'k1', role: 'owner', admin: 'superadmin', phoneKnown: true },
    { handle: '77@lid', contactId: null, role: 'member', admin: null, phoneKnown: false },
  ],
} as unknown as Conversation

const message = {
  id: 'm1',
  lineId: 'l',
  externalId: 'x1',
  from: '+15550100100',
  to: '+15550100177',
  text: 'Hi',
  channel: 'whatsapp',
  status: 'sent',
  metadata: { a: 1 },
  conversation,
  retryCount: 0,
} as unknown as EventMessage

function word<Type extends EventType>(type: Type, data: EventData[Type]) {
  const event = {
    id: 'e1',
    type,
    data,
    correlationId: null,
    cursor: '1.1',
    customerId: 'cu',
    at: new Date('2026-01-02T03:04:05.006Z'),
  }
  return wordEvent(event as unknown as GatewayEvent, linkTo)
}

const chat = {
  chatId: 'c1',
  name: 'Kitchen',
  providerChatGuid: 'chat@g.us',
  channel: 'whatsapp',
  isGroup: true,
  participants: [
    {
      handle: '15550100177@s.whatsapp.net',
      contactId: 'k1',
      role: 'owner',
      isPhoneResolved: true,
      admin: 'superadmin',
    },
    { handle: '77@lid', contactId: null, role: 'member', isPhoneResolved: false, admin: null },
    { handle: 'self', contactId: null, role: 'self', isPhoneResolved: true },
  ],
}

const union = {
  messageId: 'msg_m1',
  externalMessageId: 'x1',
  from: '+15550100100',
  to: '+15550100177',
  text: 'Hi',
  channel: 'whatsapp',
  status: 'sent',
  metadata: { a: 1 },
  customerId: 'cu',
  conversationId: 'c1',
  retryCount: 0,
}

test('the envelope is id, type, timestamp, data, in this order, with the id once more', () => {
  const worded = word('message.queued', { message })
  expect(Object.keys(worded ?? {})).toEqual(['id', 'type', 'timestamp', 'data', 'eventId'])
  expect(worded).toMatchObject({
    id: 'evt_e1',
    type: 'message.queued',
    timestamp: '2026-01-02T03:04:05.006Z',
    eventId: 'evt_e1',
  })
})

describe('what happens to a message of ours', () => {
  const { chatId, name, ...rest } = chat
  const fragments = {
    chat,
    sender: { contactId: null, handle: 'self' },
    conversation: { id: chatId, groupName: name, ...rest },
  }

  test('with its conversation, for the four that tell of it', () => {
    expect(word('message.sent', { message, sentAt: 't' })?.data).toEqual({ ...union, sentAt: 't', ...fragments })
    expect(word('message.delivered', { message, deliveredAt: 't' })?.data).toEqual({
      ...union,
      deliveredAt: 't',
      ...fragments,
    })
    expect(word('message.read', { message, readAt: 't' })?.data).toEqual({ ...union, readAt: 't', ...fragments })
    expect(word('message.failed', { message, errorCode: 'SMS_SEND_FAILED', errorMessage: 'no' })?.data).toEqual({
      ...union,
      errorCode: 'SMS_SEND_FAILED',
      errorMessage: 'no',
      error: { code: 'SMS_SEND_FAILED', message: 'no' },
      retryable: true,
      ...fragments,
    })
  })

  test('without it, for the others', () => {
    expect(word('message.queued', { message })?.data).toEqual(union)
    expect(word('message.unsent', { message })?.data).toEqual(union)
    expect(word('message.edited', { message })?.data).toEqual(union)
    expect(word('message.deleted', { message })?.data).toEqual(union)
    expect(word('message.scheduled', { message, scheduledAt: 't' })?.data).toEqual({ ...union, scheduledAt: 't' })
    expect(word('message.schedule_cancelled', { message, scheduledAt: null })?.data).toEqual(union)
    expect(word('message.fallback', { message, fallbackFrom: 'imessage', reason: 'r' })?.data).toEqual({
      ...union,
      fallbackFrom: 'imessage',
      reason: 'r',
    })
    const refusal = { errorCode: 'EDIT_FAILED', errorMessage: 'no' }
    expect(word('message.edit_failed', { message, ...refusal })?.data).toEqual({ ...union, ...refusal })
  })

  test('fragments are absent, not null, when it belongs to no conversation', () => {
    const { conversationId: _, ...bare } = union
    expect(word('message.sent', { message: { ...message, conversation: null }, sentAt: 't' })?.data).toEqual({
      ...bare,
      sentAt: 't',
    })
  })

  test('an unknown outcome is a failure that is not to be repeated', () => {
    const unknown: EventMessage = { ...message, status: 'unknown' }
    expect(
      word('message.failed', { message: unknown, errorCode: 'OUTCOME_UNKNOWN', errorMessage: 'm' })?.data,
    ).toMatchObject({
      status: 'failed',
      errorCode: 'OUTCOME_UNKNOWN',
      retryable: false,
    })
  })
})

describe('what comes in', () => {
  const inbound: EventMessage = { ...message, from: '+15550100177', to: '+15550100100', status: 'received' }

  test('names its sender, its parent and its files', () => {
    const attachments = [
      { id: 'a', source: null, mimeType: null, filename: null, bytes: null, voiceNote: false },
      {
        id: 'b',
        source: { blob: 'b' },
        mimeType: 'image/png',
        filename: 'b.png',
        bytes: 3,
        voiceNote: false,
      },
    ]
    const replyTo = { messageId: 'm0', externalId: 'x0' } as unknown as EventData['message.inbound']['replyTo']
    expect(word('message.inbound', { message: inbound, replyTo, attachments })?.data).toMatchObject({
      messageId: 'msg_m1',
      from: '+15550100177',
      parentMessageId: 'msg_m0',
      replyTo: { messageId: 'msg_m0', externalMessageId: 'x0' },
      attachments: [
        { mimeType: 'application/octet-stream', totalBytes: null, note: expect.any(String) },
        {
          mimeType: 'image/png',
          filename: 'b.png',
          totalBytes: 3,
          downloadUrl: expect.stringMatching(/^https:\/\/gateway.test\/b\?until=/),
        },
      ],
      sender: { contactId: 'k1', handle: '15550100177@s.whatsapp.net' },
      conversation: { id: 'c1', groupName: 'Kitchen' },
    })
  })

  test('without a parent has none, and no files is a list without any', () => {
    const data = word('message.inbound', { message: inbound, replyTo: null, attachments: [] })?.data
    expect(data).toMatchObject({ parentMessageId: null, attachments: [] })
    expect(data).not.toHaveProperty('replyTo')
  })

  test('with a one-time code says so, and without one is silent about it', () => {
    const otp = { provider: 'whatsapp', code: '301774', rawMatch: '301-774', confidence: 'high' } as const
    const told = { message: inbound, replyTo: null, attachments: [] }
    expect(word('message.inbound', { ...told, otp })?.data).toMatchObject({ otp })
    expect(word('message.inbound', told)?.data).not.toHaveProperty('otp')
  })

  test('from somebody whose number is not known names the handle of the one-to-one chat', () => {
    const participants = conversation.participants.slice(1)
    const alone: Conversation = { ...conversation, isGroup: false, participants }
    const data = word('message.inbound', {
      message: { ...inbound, from: null, conversation: alone },
      replyTo: null,
      attachments: [],
    })?.data
    expect(data).toMatchObject({ from: null, sender: { contactId: null, handle: '77@lid' }, chat: { name: null } })
  })

  test('from somebody of whom only a LID is known is from no number, and names them as the sender', () => {
    const message = { ...inbound, from: '77@lid' }
    const data = word('message.inbound', { message, replyTo: null, attachments: [] })?.data
    expect(data).toMatchObject({ from: null, sender: { contactId: null, handle: '77@lid' } })
  })
})

describe('a reaction', () => {
  const about = {
    target: 'm1',
    targetExternalId: 'x1',
    preview: 'Hi',
    from: '+15550100177',
    to: null,
    conversation: null,
  }
  test.each<[string, 'imessage' | 'whatsapp', string | null, object]>([
    ['a tapback', 'imessage', 'love', { type: 'love', content: 'Hi' }],
    ['an emoji on iMessage', 'imessage', '🎉', { type: 'emoji', emoji: '🎉', content: null }],
    ['an emoji on WhatsApp', 'whatsapp', '🎉', { type: '🎉', emoji: '🎉', content: 'Hi' }],
    ['one taken back', 'whatsapp', null, { type: 'remove', content: 'Hi' }],
  ])('%s', (_what, channel, reaction, expected) => {
    const data = word('message.reaction', {
      ...about,
      channel,
      reaction,
    } as unknown as EventData['message.reaction'])?.data
    expect(data).toEqual({
      reaction: { ...expected, targetMessageId: 'msg_m1', targetExternalId: 'x1' },
      from: '+15550100177',
      to: null,
      channel,
      customerId: 'cu',
    })
  })
})

describe('a voice note that was kept', () => {
  const kept = {
    target: 'm1',
    targetExternalId: 'x1',
    externalId: 'n1',
    from: '+15550100177',
    to: '+15550100100',
    channel: 'imessage',
  } as unknown as EventData['message.audio_kept']
  const wire = {
    externalMessageId: 'n1',
    targetMessageId: 'msg_m1',
    targetExternalId: 'x1',
    from: '+15550100177',
    to: '+15550100100',
    channel: 'imessage',
    customerId: 'cu',
  }

  test('names it both ways, as far as it is known', () => {
    expect(word('message.audio_kept', kept)?.data).toEqual(wire)
    expect(word('message.audio_kept', { ...kept, target: null, externalId: null })?.data).toEqual({
      ...wire,
      externalMessageId: null,
      targetMessageId: null,
    })
  })
})

test('a webhook that was given up says which, and why', () => {
  const given = { webhookId: 'w1', url: 'https://shop.test/hook', reason: 'exhausted' } as unknown
  expect(word('webhook.deactivated', given as EventData['webhook.deactivated'])?.data).toEqual({
    webhookId: 'w1',
    url: 'https://shop.test/hook',
    reason: 'exhausted',
    customerId: 'cu',
  })
})

describe('typing', () => {
  const typing = (channel: string, on: boolean) =>
    word('typing.indicator', {
      channel,
      from: '+15550100177',
      typing: on,
      conversation,
    } as unknown as EventData['typing.indicator'])

  test('is told for WhatsApp, when it begins', () => {
    expect(typing('whatsapp', true)?.data).toEqual({
      state: 'composing',
      from: '+15550100177',
      channel: 'whatsapp',
      customerId: 'cu',
      sender: { contactId: 'k1', handle: '15550100177@s.whatsapp.net' },
      chat,
    })
  })

  test('is not told when it ends, nor for other channels', () => {
    expect([typing('whatsapp', false), typing('imessage', true), typing('sms', true)]).toEqual([null, null, null])
  })
})

describe('the link of a line', () => {
  const link = (channel: string, state: LinkState) =>
    word('line.status', { lineId: 'l', address: '+15550100100', channel, state } as unknown as EventData['line.status'])

  test.each<[LinkState, object]>([
    [{ status: 'off' }, { status: 'disconnected', disconnectReason: 'stopped' }],
    [{ status: 'connecting' }, { status: 'connecting' }],
    [
      { status: 'pairing', qr: 'QR', expiresAt: 't' },
      { status: 'qr_pending', qrCode: 'QR' },
    ],
    [
      { status: 'connected', identity: 'j', warnings: [], since: 't' },
      { status: 'connected', jid: 'j' },
    ],
    [
      { status: 'disconnected', reason: 'auth_revoked', retryAt: null },
      { status: 'disconnected', disconnectReason: 'auth_revoked' },
    ],
  ])('$status', (state, expected) => {
    const worded = link('whatsapp', state)
    expect(worded?.type).toBe('whatsapp.status')
    expect(worded?.data).toEqual({ phoneNumber: '+15550100100', ...expected, customerId: 'cu' })
  })

  test('is told for WhatsApp alone', () => {
    expect([link('imessage', { status: 'connecting' }), link('sms', { status: 'off' })]).toEqual([null, null])
  })
})
