/** What events promise by their types: each names its own data, and the log adds who, when and where. */
import { expect, expectTypeOf, test } from 'vitest'
import type { Channel } from './channel.ts'
import {
  type Cursor,
  type EventData,
  type EventMessage,
  type EventType,
  type GatewayEvent,
  type NewEvent,
  subjectOf,
} from './event.ts'
import type { CustomerId, EventId } from './ids.ts'
import type { Status } from './message.ts'

test('a type decides about its data', () => {
  const told = (event: NewEvent): string => {
    switch (event.type) {
      case 'message.fallback':
        expectTypeOf(event.data.fallbackFrom).toEqualTypeOf<Channel>()
        return event.data.reason
      case 'message.failed':
        return event.data.errorCode
      case 'typing.indicator':
        expectTypeOf(event.data.typing).toEqualTypeOf<boolean>()
        return event.data.channel
      default:
        return event.type
    }
  }
  expectTypeOf(told).returns.toEqualTypeOf<string>()
  expectTypeOf<Extract<NewEvent, { type: 'message.sent' }>['data']>().toEqualTypeOf<EventData['message.sent']>()
})

test('data of one type is not taken for that of another', () => {
  type Wrong = { id: EventId; type: 'message.fallback'; correlationId: null; data: EventData['message.read'] }
  expectTypeOf<Wrong>().not.toExtend<NewEvent>()
  expectTypeOf<Wrong['data']['message']>().toEqualTypeOf<EventMessage>()
})

test('every event about a message tells how it stood then', () => {
  type AboutMessages = Extract<EventType, `message.${string}`>
  type Telling = { [T in AboutMessages]: EventData[T] extends { message: EventMessage } ? T : never }[AboutMessages]
  expectTypeOf<Exclude<AboutMessages, Telling>>().toEqualTypeOf<'message.reaction' | 'message.audio_kept'>()
  expectTypeOf<EventMessage['status']>().toEqualTypeOf<Status>()
})

test('the log adds a cursor, a customer and a time', () => {
  type Added = Pick<GatewayEvent, 'cursor' | 'customerId' | 'at'>
  expectTypeOf<Added>().toEqualTypeOf<{ cursor: Cursor; customerId: CustomerId; at: Date }>()
  expectTypeOf<GatewayEvent['type']>().toEqualTypeOf<EventType>()
})

const message = {
  id: 'm1' as EventMessage['id'],
  lineId: 'l1' as EventMessage['lineId'],
  from: '+15550100100',
  to: '+15550100101',
  status: 'sent',
  conversation: null,
} as EventMessage

const group = {
  lineId: 'l1',
  providerChatId: 'g1@g.us',
  isGroup: true,
  participants: [],
} as unknown as NonNullable<EventMessage['conversation']>

function subject(type: EventType, data: unknown) {
  return subjectOf({ type, data } as NewEvent)
}

test.each([
  ['what we sent: by whom it goes to', { message }, 'l1/h:+15550100101'],
  ['what came in: by whom it is from', { message: { ...message, status: 'received' } }, 'l1/h:+15550100100'],
  ['a group, whoever speaks', { message: { ...message, conversation: group } }, 'l1/c:g1@g.us'],
  ['nobody is known', { message: { ...message, to: null } }, null],
])('the thread of %s', (_what, data, thread) => {
  expect(subject('message.sent', data)).toMatchObject({ message: 'm1', thread, topics: ['*', 'message.sent'] })
})

test('a reaction is about its target, in the conversation it came in', () => {
  const data = { target: 'm2', conversation: group, channel: 'whatsapp' }
  expect(subject('message.reaction', data)).toMatchObject({ message: 'm2', thread: 'l1/c:g1@g.us', isStatus: false })
})

test('what somebody chose is told in the order in which they chose it, whichever way they said so', () => {
  const thread = 'contact/+15550100101'
  const topics = ['*', 'contact.opted_out']
  for (const channel of ['sms', null]) {
    const data = { person: '+15550100101', contactId: null, channel, source: 'api' }
    expect(subject('contact.opted_out', data)).toEqual({ topics, message: null, thread, isStatus: false })
    expect(subject('contact.opted_in', data)).toMatchObject({ thread })
  }
})

test.each<[EventType, object]>([
  ['line.status', { channel: 'whatsapp' }],
  ['typing.indicator', { channel: 'imessage' }],
  ['typing.indicator', { channel: 'sms' }],
])('%s %j is told to no webhook', (type, data) => {
  expect(subject(type, data).topics).toEqual([])
})

test('only a status makes an earlier one stale', () => {
  const statuses: EventType[] = [
    'message.queued',
    'message.sent',
    'message.delivered',
    'message.read',
    'message.failed',
  ]
  const others: EventType[] = [
    'message.fallback',
    'message.edited',
    'message.unsent',
    'message.deleted',
    'message.inbound',
  ]
  expect(statuses.filter((type) => !subject(type, { message }).isStatus)).toEqual([])
  expect(others.filter((type) => subject(type, { message }).isStatus)).toEqual([])
})

const connecting = { status: 'connecting' }
const code = (qr: string) => ({ status: 'pairing', qr, expiresAt: '2026-01-01T00:05:00Z' })

test.each([
  ['the first thing that is said', 'whatsapp', null, connecting, true],
  ['a code to scan', 'whatsapp', connecting, code('a'), true],
  ['the next code', 'whatsapp', code('a'), code('b'), false],
  ['another network', 'imessage', null, connecting, false],
  ['what an older version wrote', 'whatsapp', undefined, connecting, false],
])('%s: is a link at another stage than before?', (_what, channel, before, state, isTold) => {
  const data = { lineId: 'l1', address: null, channel, state, before }
  const topics = isTold ? ['session.status_changed'] : []
  expect(subject('line.status', data)).toEqual({ topics, message: 'l1', thread: null, isStatus: false })
})

test('what comes in on WhatsApp has a second name', () => {
  const on = (channel: string) => subject('message.inbound', { message: { ...message, channel } }).topics
  expect(on('whatsapp')).toEqual(['*', 'message.inbound', 'message.received'])
  expect(on('sms')).toEqual(['*', 'message.inbound'])
})
