/** The checker itself: a good history passes, and each planted breach is found and named. */
import { expect, test } from 'vitest'
import { type ClientRef, clientRef, type MessageId } from '../../src/model/ids.ts'
import type { ApiMessage, History } from './history.ts'
import { hashOf } from './outside.ts'
import { broken, tally } from './promises.ts'

const uuids = ['01010101-0101-7101-8101-010101010101', '02020202-0202-7202-8202-020202020202'] as const
const [first, second] = uuids.map((uuid) => `msg_${uuid}`) as [string, string]
const [refA, refB] = uuids.map((uuid) => clientRef(uuid as MessageId, 'sms', 0)) as [ClientRef, ClientRef]
const lane = '+1 > +2'

function message(id: string, fields: Partial<ApiMessage> = {}): ApiMessage {
  const timeline = ['queued', 'sent', 'delivered'].map((status) => ({ status, channel: null }))
  return {
    ...{
      id,
      direction: 'outbound',
      status: 'delivered',
      channel: 'sms',
      errorCode: null,
      externalId: null,
      retryCount: 0,
    },
    ...{ text: 'hi', timeline, ...fields },
  }
}

function effect(ref: string) {
  return { channel: 'sms' as const, line: '+1', ref, to: '+2', hash: hashOf('hi') }
}

const ladder = ['message.queued', 'message.sent', 'message.delivered']
const events = (about: string, types: readonly string[] = ladder) =>
  types.map((type) => ({ id: `${about} ${type}`, type, about, errorCode: null }))

const good: History = {
  dedupes: [],
  asked: [
    {
      key: 'a',
      lane,
      text: 'hi',
      answers: [
        { status: 202, id: first },
        { status: 200, id: first },
      ],
    },
    { key: 'b', lane, text: 'hi', answers: [{ status: 200, id: second }] },
  ],
  effects: [effect(refA), effect(refB)],
  tried: [],
  spoken: [{ line: '+1', channel: 'sms', providerId: 'in-1', text: 'hello', acknowledged: 2 }],
  messages: [
    message(first),
    message(second),
    message('msg_in', { direction: 'inbound', status: 'received', externalId: 'in-1', text: 'hello', timeline: [] }),
  ],
  attempts: [],
  log: [...events(first), ...events(second), ...events('msg_in', ['message.inbound'])],
  followed: null,
  left: 0,
}

test('a good history breaks nothing', () => {
  expect(broken(good)).toEqual([])
  expect(broken({ ...good, followed: good.log })).toEqual([])
  expect(tally(good)).toEqual({ accepted: 2, delivered: 2, lost: 0, twice: 0, unknown: 0, inbound: 1 })
})

const failed = { status: 'failed', timeline: [] }
const others = good.messages.slice(1)
const unknown = message(first, { ...failed, errorCode: 'OUTCOME_UNKNOWN' })
const parts = [1, 2].map((number) => ({ key: 'a', number, of: 2 }))
const attempt = { messageId: first, number: 1, ref: refA, channel: 'imessage' as const, outcome: 'uncertain' as const }

test.each<[string, Partial<History>]>([
  [
    'one key is one message',
    {
      asked: [
        {
          ...good.asked[0]!,
          answers: [
            { status: 202, id: first },
            { status: 202, id: second },
          ],
        },
        good.asked[1]!,
      ],
    },
  ],
  ['nothing is lost', { messages: others }],
  ['nothing is lost', { effects: [effect(refB)] }],
  ['nothing is lost', { messages: [message(first, { status: 'queued' }), ...others] }],
  ['nothing is lost', { messages: [message(first, { ...failed, errorCode: 'SMS_SEND_FAILED' }), ...others] }],
  ['nothing is lost', { left: 1 }],
  ['nothing is sent twice', { effects: [...good.effects, effect(refA)] }],
  ['nothing is sent twice', { effects: [...good.effects, effect(clientRef(uuids[0] as MessageId, 'imessage', 0))] }],
  ['nothing is invented', { asked: good.asked.slice(1) }],
  ['nothing is changed', { effects: [{ ...effect(refA), hash: hashOf('ho') }, effect(refB)] }],
  ['nothing is changed', { effects: [{ ...effect(refA), to: '+3' }, effect(refB)] }],
  ['no fallback after an unknown', { attempts: [attempt, { ...attempt, channel: 'sms', outcome: 'accepted' }] }],
  ['what was acknowledged is stored once', { messages: good.messages.slice(0, 2), log: good.log.slice(0, 6) }],
  ['what was acknowledged is stored once', { log: [...good.log, ...events('msg_in', ['message.inbound'])] }],
  ['what was acknowledged is stored once', { spoken: [{ ...good.spoken[0]!, acknowledged: 0 }] }],
  ['each status is told once', { log: [...good.log, ...events(first, ['message.sent'])] }],
  [
    'events never go back',
    { log: [...events(first, ['message.queued', 'message.delivered', 'message.sent']), ...good.log.slice(3)] },
  ],
  [
    'a change and its event are one',
    { log: good.log.slice(0, -1).filter((one) => one.id !== `${first} message.delivered`) },
  ],
  [
    'each status is in the timeline once',
    {
      messages: [
        message(first, { timeline: [...message(first).timeline, { status: 'sent', channel: null }] }),
        ...others,
      ],
    },
  ],
  ['the stream is the log, each event once', { followed: good.log.slice(1) }],
  ['the stream is the log, each event once', { followed: [...good.log, good.log[0]!] }],
  ['a lane keeps its order', { effects: good.effects.toReversed() }],
  ['no part is sent twice', { parts: [...parts, parts[0]!] }],
  [
    'what failed plainly did not arrive',
    { parts: parts.slice(0, 1), messages: [message(first, { ...failed, errorCode: 'SMS_SEND_FAILED' }), ...others] },
  ],
  ['an unknown outcome is flagged, and nothing else', { messages: [unknown, ...others] }],
  [
    'an unknown outcome is flagged, and nothing else',
    {
      messages: [message(first, { ...failed, errorCode: 'SMS_SEND_FAILED' }), ...others],
      attempts: [attempt],
    },
  ],
])('%s', (promise, breach) => {
  expect(broken({ ...good, ...breach }).map((one) => one.promise)).toContain(promise)
})

test('what is flagged as unknown may have arrived or not, and its late proof may come before what followed it', () => {
  const log = [
    ...events(first, ['message.queued']),
    { id: 'x', type: 'message.failed', about: first, errorCode: 'OUTCOME_UNKNOWN' },
    ...good.log.slice(3),
  ]
  const flagged = { ...good, messages: [unknown, ...others], log, attempts: [{ ...attempt, channel: 'sms' as const }] }
  expect(broken(flagged)).toEqual([])
  expect(broken({ ...flagged, effects: [effect(refB)] })).toEqual([])
  expect(broken({ ...flagged, effects: [effect(refB)], parts: parts.slice(0, 1) })).toEqual([])
  expect(broken({ ...flagged, effects: good.effects.toReversed() })).toEqual([])
})
