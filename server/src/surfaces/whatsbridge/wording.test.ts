/** Events in the words of this surface, and all those that it has no word for. */
import { expect, test } from 'vitest'
import type { EventType, GatewayEvent } from '../../model/event.ts'
import type { Wording } from '../../webhooks/wording.ts'
import { whatsbridgeWording } from './wording.ts'

const theirs: Wording = {
  event: (dialect) => ({ id: dialect, type: 'theirs', body: Buffer.alloc(0) }),
  test: (dialect) => ({ id: dialect, type: 'theirs', body: Buffer.alloc(0) }),
}
const wording = whatsbridgeWording(({ hash }, untilMs) => `https://gateway.test/${hash}?until=${untilMs}`, theirs)
const at = new Date('2026-01-02T03:04:05.006Z')
const id = '0199a2c4-6f3e-7b10-8d52-3c9e41f7a650'

function word(type: EventType, data: object) {
  const event = { id, type, data, correlationId: null, cursor: '1.1', customerId: 'cu', at } as unknown as GatewayEvent
  const worded = wording.event('whatsbridge', event)
  return worded === null ? null : { ...worded, body: JSON.parse(worded.body.toString()) }
}

const message = {
  ...{ id, lineId: 'l1', from: '+14155550123', to: '+12025550142', text: 'Hi', channel: 'whatsapp' },
  conversation: null,
}
const inbound = (more: object, data: object = {}) =>
  word('message.inbound', { message: { ...message, ...more }, attachments: [], replyTo: null, ...data })?.body.message
const file = (mimeType: string | null, source: object | null = { blob: 'h1' }) => ({
  attachments: [{ id: 'f1', source, mimeType, filename: 'x', bytes: 1, voiceNote: false }],
})
const url = `https://gateway.test/h1?until=${at.getTime() + 3_600_000}`

test('how a session is, and how it was', () => {
  const state = { status: 'connected', identity: 'us', warnings: [], since: at.toISOString() }
  const data = { lineId: 'l1', address: null, channel: 'whatsapp', state, before: { status: 'connecting' } }
  expect(word('line.status', data)).toEqual({
    ...{ id: `evt_${id}`, type: 'session.status_changed' },
    body: {
      ...{ event: 'session.status_changed', session_id: 'l1', old_status: 'connecting', new_status: 'ready' },
      timestamp: '2026-01-02T03:04:05.006Z',
    },
  })
  expect(word('line.status', { ...data, before: null })?.body.old_status).toBe('created')
  expect(word('line.status', { ...data, channel: 'sms' })).toBeNull()
  const { before: _, ...older } = data
  expect(word('line.status', older)).toBeNull()
})

test('a text', () => {
  expect(word('message.inbound', { message, attachments: [], replyTo: null })?.body).toEqual({
    ...{ event: 'message.received', session_id: 'l1' },
    message: {
      id: 'false_14155550123@c.us_0199A2C46F3E7B108D523C9E41F7A650',
      ...{ from: '14155550123', type: 'text', content: 'Hi', timestamp: '2026-01-02T03:04:05.006Z' },
    },
  })
})

test.each([
  ['image/jpeg', 'image'],
  ['video/mp4', 'video'],
  ['audio/ogg', 'audio'],
  ['application/pdf', 'document'],
  [null, 'document'],
])('a file of the type %s is a %s', (mimeType, type) => {
  const content = { url, mimetype: mimeType ?? 'application/octet-stream', filename: 'x' }
  expect(inbound({ text: null }, file(mimeType))).toMatchObject({ type, content })
})

test('a file with its caption, and one whose bytes are not kept', () => {
  expect(inbound({}, file('image/png')).content.caption).toBe('Hi')
  const { content } = inbound({ text: null }, file('image/png', null))
  expect(content).toEqual({ url: null, mimetype: 'image/png', filename: 'x' })
})

test('a place, whatever text words it', () => {
  const location = { title: null, latitude: 1.5, longitude: -2.5 }
  expect(inbound({}, { location })).toMatchObject({ type: 'location', content: location })
})

test('who wrote in a group, and somebody of whom no number is known', () => {
  const conversation = { isGroup: true, providerChatId: '123456@g.us' }
  expect(inbound({ conversation, from: '77@lid' })).toMatchObject({
    ...{ id: 'false_123456@g.us_0199A2C46F3E7B108D523C9E41F7A650', from: '77@lid', group: '123456@g.us' },
  })
})

test('nothing else is told, and other dialects are worded by others', () => {
  expect(inbound({ channel: 'sms' })).toBeUndefined()
  for (const type of ['message.sent', 'message.reaction', 'typing.indicator', 'webhook.deactivated'] as const)
    expect(word(type, { message })).toBeNull()
  const event = { type: 'message.sent' } as unknown as GatewayEvent
  expect(wording.event('standard', event)?.id).toBe('standard')
  const test = { id, webhookId: 'w', customerId: 'c', at } as unknown as Parameters<Wording['test']>[1]
  expect(wording.test('textbubbles', test).id).toBe('textbubbles')
  expect(wording.test('whatsbridge', test)).toMatchObject({ id: `evt_test_${id}`, type: 'webhook.test' })
})
