/** What an answer, a receipt or a failure makes of a message: status, next step and the exact events. */
import { describe, expect, test } from 'vitest'
import type { Conversation } from '../model/conversation.ts'
import {
  type ClientRef,
  type CustomerId,
  clientRef,
  type LineId,
  type MessageId,
  type ProviderMessageId,
} from '../model/ids.ts'
import type { Message, Status } from '../model/message.ts'
import { type Change, type EarlyReceipt, patched, type State, type Work } from '../store/changes.ts'
import { acceptedChange, type Failing, failedChange, holdOf, isToBeAsked, receiptChange } from './settle.ts'

const now = new Date('2026-01-01T00:00:00.000Z')
const mint = () => '00000000-0000-7000-8000-000000000000'
const conversation: Conversation = {
  id: 'c1' as Conversation['id'],
  customerId: 'cu' as CustomerId,
  lineId: 'l1' as LineId,
  channel: 'sms',
  providerChatId: 'p' as never,
  isGroup: false,
  name: null,
  participants: [],
}

function state(status: Status, work: Partial<Work> | null = {}, early: EarlyReceipt[] = []): State {
  const message: Message = {
    customerId: 'cu' as CustomerId,
    id: '01010101-0101-7101-8101-010101010101' as MessageId,
    direction: 'outbound',
    status,
    pending: false,
    lineId: 'l1' as LineId,
    conversationId: null,
    lane: 'h:+1',
    channel: null,
    from: '+2',
    to: '+1',
    content: { text: 'Hi', mediaUrls: [], attachments: [], replyTo: null, mentions: [], effect: null, location: null },
    metadata: null,
    route: ['imessage', 'sms'],
    fallbackTriggered: false,
    providerId: null,
    errorCode: null,
    errorMessage: null,
    idempotencyKey: null,
    callbackUrl: null,
    correlationId: 'cor',
    retryCount: 0,
    timeline: [],
    createdAt: now,
    updatedAt: now,
    scheduledAt: null,
    sentAt: null,
    deliveredAt: null,
    readAt: null,
    deletedAt: null,
  }
  const row: Work = {
    seq: 1,
    lineId: 'l1' as LineId,
    lane: 'h:+1',
    channel: 'sms',
    rest: [],
    tries: 1,
    confirming: false,
    run: 7,
    runStartedAt: now,
    ...work,
  }
  return { message, work: work === null ? null : row, early, now }
}

const accepted = { channel: 'sms' as const, providerId: 'p1' as ProviderMessageId, conversation, run: 7 }
const failing = (failure: Partial<Failing['failure']>, fields: Partial<Failing> = {}): Failing => ({
  failure: {
    kind: 'retryable',
    code: 'SMS_SEND_FAILED',
    scope: 'message',
    retryAfterMs: null,
    message: 'no',
    ...failure,
  },
  run: 7,
  tries: 1,
  dedupesByRef: false,
  ...fields,
})
const events = (change: Change | null) => change?.events.map((event) => event.type)
const receipt = (status: EarlyReceipt['status']): EarlyReceipt => ({
  status,
  at: '2026-01-01T00:00:05.000Z',
  detail: null,
})

describe('an acceptance', () => {
  test('sends the message and ends its work', () => {
    const change = acceptedChange(state('queued'), accepted, mint)
    expect(change).toMatchObject({
      patch: { status: 'sent', channel: 'sms', providerId: 'p1', conversationId: 'c1' },
      work: 'done',
      attempt: { outcome: 'accepted', number: 1 },
    })
    expect(events(change)).toEqual(['message.sent'])
  })

  test('takes up the receipts that came before it, each told once and in order', () => {
    const before = state('queued', {}, [receipt('read'), receipt('delivered')])
    const change = acceptedChange(before, accepted, mint)
    expect(events(change)).toEqual(['message.sent', 'message.read'])
    if (change === null) throw new Error('nothing changed')
    const after = patched(before.message, change, now)
    expect(after).toMatchObject({ status: 'read', deliveredAt: new Date('2026-01-01T00:00:05.000Z') })
    expect(after.timeline.map((entry) => entry.status)).toEqual(['sent', 'read', 'delivered'])
  })

  test('of an attempt that was given up for uncertain still counts, and nothing sends it again', () => {
    expect(acceptedChange(state('queued', { run: null, confirming: true }), accepted, mint)).toMatchObject({
      patch: { status: 'sent' },
      work: 'done',
    })
    expect(acceptedChange(state('unknown', null), accepted, mint)).toMatchObject({
      patch: { status: 'sent', errorCode: null },
    })
  })

  test('leaves the row to the attempt that runs on it now', () => {
    expect(acceptedChange(state('queued', { run: 8 }), accepted, mint)?.work).toBe('keep')
  })

  test('that is known already changes nothing', () => {
    expect(acceptedChange(state('delivered', null), accepted, mint)).toBeNull()
  })
})

describe('a receipt', () => {
  test('moves the status up and proves an uncertain send', () => {
    const change = receiptChange(
      state('unknown', { run: null, confirming: true }),
      receipt('delivered'),
      conversation,
      mint,
    )
    expect(events(change)).toEqual(['message.sent', 'message.delivered'])
    expect(change?.work).toBe('done')
  })

  test('that numbers the reason fails the message under that number', () => {
    const change = receiptChange(
      state('sent', null),
      { ...receipt('failed'), code: 'imessage_error_22' },
      conversation,
      mint,
    )
    expect(change?.patch).toMatchObject({ status: 'failed', errorCode: 'imessage_error_22' })
    expect(change?.events[0]?.data).toMatchObject({ errorCode: 'imessage_error_22' })
  })

  test('told twice is told once', () => {
    expect(receiptChange(state('delivered', null), receipt('delivered'), conversation, mint)?.events ?? []).toEqual([])
  })

  test('of failure wins over sent, not over delivered', () => {
    expect(events(receiptChange(state('sent', null), receipt('failed'), conversation, mint))).toEqual([
      'message.failed',
    ])
    expect(receiptChange(state('delivered', null), receipt('failed'), conversation, mint)).toBeNull()
  })
})

describe('a failure', () => {
  test('that may pass is tried again after a while', () => {
    const change = failedChange(state('queued'), failing({}), null, mint)
    expect(change?.work).toEqual({
      dueAt: new Date(now.getTime() + 5_000),
      channel: 'sms',
      rest: [],
      tries: 1,
      confirming: false,
      holds: false,
      doubtful: false,
      waits: 0,
    })
    expect(events(change)).toEqual([])
  })

  test('of the person moves on to the next channel and says so', () => {
    const change = failedChange(
      state('queued', { channel: 'imessage', rest: ['sms'] }),
      failing({ kind: 'unreachable' }),
      null,
      mint,
    )
    expect(change).toMatchObject({ patch: { fallbackTriggered: true }, work: { channel: 'sms', rest: [], tries: 0 } })
    expect(events(change)).toEqual(['message.fallback'])
  })

  test('that is uncertain waits for proof, whatever channels are left', () => {
    const change = failedChange(
      state('queued', { channel: 'imessage', rest: ['sms'] }),
      failing({ kind: 'uncertain' }),
      null,
      mint,
    )
    expect(change).toMatchObject({
      work: { channel: 'imessage', confirming: true, dueAt: new Date(now.getTime() + 120_000) },
    })
    expect(events(change)).toEqual([])
  })

  test('without proof ends as unknown, which is not a definite failure', () => {
    const waiting = state('queued', { run: null, confirming: true })
    const change = failedChange(waiting, failing({ kind: 'uncertain' }, { run: null }), null, mint)
    expect(change).toMatchObject({
      patch: { status: 'unknown', errorCode: 'OUTCOME_UNKNOWN' },
      work: 'done',
      attempt: null,
    })
    expect(events(change)).toEqual(['message.failed'])
  })

  test.each([{ kind: 'unreachable' }, { kind: 'refused' }] as const)(
    'that is $kind after one in doubt neither falls back nor fails plainly',
    (failure) => {
      const doubtful = state('queued', { channel: 'whatsapp', rest: ['sms'], tries: 2, doubtful: true })
      const change = failedChange(doubtful, failing(failure, { tries: 2, dedupesByRef: true }), null, mint)
      expect(change).toMatchObject({ work: { channel: 'whatsapp', rest: ['sms'], confirming: true, doubtful: true } })
      expect(events(change)).toEqual([])
    },
  )

  test('in doubt is remembered by the try that follows, which holds the lane', () => {
    const change = failedChange(state('queued'), failing({ kind: 'uncertain' }, { dedupesByRef: true }), null, mint)
    expect(change?.work).toMatchObject({ confirming: false, holds: true, doubtful: true })
  })

  test('of a message that is proven to be out ends the work and says nothing', () => {
    const change = failedChange(state('delivered', { rest: ['imessage'] }), failing({ kind: 'refused' }), null, mint)
    expect(change).toMatchObject({ patch: {}, work: 'done', attempt: { outcome: 'refused' } })
    expect(events(change)).toEqual([])
  })

  test('that somebody else has settled by now is nobody’s business any more', () => {
    expect(failedChange(state('queued', { run: 8 }), failing({}), null, mint)).toBeNull()
    expect(failedChange(state('queued', { tries: 2 }), failing({}), null, mint)).toBeNull()
    expect(failedChange(state('sent', null), failing({}), null, mint)).toBeNull()
  })

  test('holds its lane only when those behind it would fail too', () => {
    expect(holdOf(state('queued'), failing({ scope: 'link' }))).toBe(5_000)
    expect(holdOf(state('queued'), failing({ scope: 'message' }))).toBeNull()
    expect(holdOf(state('queued'), failing({ kind: 'uncertain' }, { dedupesByRef: true }))).toBe(5_000)
    expect(holdOf(state('queued'), failing({ kind: 'uncertain' }))).toBeNull()
  })
})

describe('a send that its network can be asked about', () => {
  const minute = 60_000
  const ago = (ms: number) => new Date(now.getTime() - ms)
  const refOf = ({ message }: State, channel: 'imessage' | 'sms' = 'imessage') =>
    clientRef(message.id, channel, message.retryCount)
  const begun = state('queued', { channel: 'imessage', rest: ['sms'], runStartedAt: ago(minute) })
  const inDoubt = (work: Partial<Work> = {}) =>
    state('queued', {
      ...{ channel: 'imessage', rest: ['sms'], run: null, runStartedAt: null },
      ...{ confirming: true, doubtful: true, askedSince: ago(minute), ...work },
    })
  const doubt: Partial<Failing> = { asks: true }
  const answer = (ref: ClientRef, fields: Partial<Failing> = {}): Partial<Failing> => ({
    run: null,
    answers: ref,
    ...fields,
  })

  test('is asked after from when it began, and holds nothing back', () => {
    const change = failedChange(begun, failing({ kind: 'uncertain', scope: 'link' }, doubt), null, mint)
    expect(change).toMatchObject({
      patch: {},
      attempt: { outcome: 'uncertain' },
      work: {
        ...{ channel: 'imessage', rest: ['sms'], confirming: true, holds: false },
        ...{ dueAt: new Date(now.getTime() + 5_000), askedSince: ago(minute) },
      },
    })
    expect(events(change)).toEqual([])
    expect(isToBeAsked(begun, failing({ kind: 'uncertain' }, doubt))).toBe(true)
    expect(holdOf(begun, failing({ kind: 'uncertain', scope: 'link' }, doubt))).toBeNull()
  })

  test('that was found when it had long begun is asked after for a minute at least', () => {
    const old = state('queued', { runStartedAt: ago(600 * minute) })
    const change = failedChange(old, failing({ kind: 'uncertain' }, doubt), null, mint)
    expect(change?.work).toMatchObject({ askedSince: ago(14 * minute) })
  })

  test('is asked after again, also while there is nobody to ask, and nobody notices', () => {
    const waiting = inDoubt()
    for (const asks of [true, false]) {
      const change = failedChange(waiting, failing({ kind: 'uncertain' }, { run: null, asks }), null, mint)
      expect(change).toMatchObject({ patch: {}, entries: [], attempt: null, events: [] })
      expect(change?.work).toMatchObject({ confirming: true, askedSince: ago(minute) })
      expect(change && patched(waiting.message, change, new Date())).toEqual(waiting.message)
    }
  })

  test('is given up after a quarter of an hour, told once, and never falls back', () => {
    const waiting = inDoubt({ askedSince: ago(15 * minute) })
    const change = failedChange(waiting, failing({ kind: 'uncertain' }, { run: null, asks: true }), null, mint)
    expect(change).toMatchObject({ patch: { status: 'unknown', errorCode: 'OUTCOME_UNKNOWN' }, work: 'done' })
    expect(events(change)).toEqual(['message.failed'])
  })

  test('is in doubt no more once the network says that it failed, and its attempt is closed with that', () => {
    const waiting = inDoubt()
    const unreachable = failedChange(waiting, failing({ kind: 'unreachable' }, answer(refOf(waiting))), null, mint)
    expect(unreachable).toMatchObject({
      attempt: { number: 1, outcome: 'unreachable', startedAt: ago(minute) },
      work: { channel: 'sms', rest: [], tries: 0, confirming: false, doubtful: false },
    })
    expect(events(unreachable)).toEqual(['message.fallback'])
    const retryable = failedChange(waiting, failing({}, answer(refOf(waiting))), null, mint)
    expect(retryable?.work).toMatchObject({
      ...{ channel: 'imessage', rest: ['sms'], tries: 1, confirming: false, doubtful: false },
      dueAt: new Date(now.getTime() + 2_000),
    })
    const alone = failedChange(inDoubt({ rest: [] }), failing({ kind: 'refused' }, answer(refOf(waiting))), null, mint)
    expect(alone).toMatchObject({ patch: { status: 'failed', errorCode: 'SMS_SEND_FAILED' }, work: 'done' })
  })

  test('hears nothing from an answer about another try, another channel or one that was heard before', () => {
    const ref = refOf(inDoubt())
    const late = (before: State, fields: Partial<Failing> = {}) =>
      failedChange(before, failing({ kind: 'unreachable' }, answer(ref, fields)), null, mint)
    expect(late(inDoubt({ tries: 2 }))).toBeNull()
    expect(late(inDoubt({ channel: 'sms' }))).toBeNull()
    expect(late(inDoubt({ confirming: false }))).toBeNull()
    expect(late(inDoubt({ run: 9 }))).toBeNull()
  })
})
