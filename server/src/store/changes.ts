/** The one way to change a message: lock it, decide purely, write everything that follows in the same transaction. */
import type { Channel } from '../model/channel.ts'
import type { ErrorCode } from '../model/errors.ts'
import type { NewEvent } from '../model/event.ts'
import type { ClientRef, CustomerId, LineId, MessageId, ProviderMessageId } from '../model/ids.ts'
import type { Content, Message, TimelineEntry } from '../model/message.ts'
import { Conflict, type Db, type Queryable } from './db.ts'
import { apply, lockMessages, nameProviderIds } from './sql/change-sql.ts'
import { hearing } from './sql/fan-out.ts'
import { fromRow, type MessageRow } from './sql/message-row.ts'

/** A lane's claim, numbered. Whoever holds an older one has lost it. */
export type Fence = number

/** The outbox row of a message that is not finished. */
export interface Work {
  seq: number
  lineId: LineId
  lane: string
  channel: Channel
  rest: readonly Channel[]
  tries: number
  /** Nothing is sent any more; proof of what happened is awaited. */
  confirming: boolean
  /** An earlier try on this channel ended without anybody knowing how. */
  doubtful?: boolean
  /** Of its tries, those that were only told to wait. */
  waits?: number
  /** The claim under which an attempt is running; null when none is. */
  run: Fence | null
  runStartedAt: Date | null
  /** Since when its network is asked what became of the last attempt; null when it is not. */
  askedSince?: Date | null
}

export interface EarlyReceipt {
  status: 'sent' | 'delivered' | 'read' | 'failed'
  at: string
  detail: string | null
  /** Why it failed, in the network's own code. */
  code?: ErrorCode
}

/** What a decision sees: all of it as of one moment of the database. */
export interface State {
  message: Message
  work: Work | null
  /** Receipts that came before the id they speak of was known; only when the request names a provider id. */
  early: readonly EarlyReceipt[]
  now: Date
}

export interface ClosedAttempt {
  number: number
  channel: Channel
  ref: ClientRef
  outcome: 'accepted' | 'retryable' | 'unreachable' | 'refused' | 'uncertain'
  code: string | null
  detail: string | null
  providerId: string | null
  startedAt: Date | null
}

export type MessagePatch = Partial<
  Pick<
    Message,
    | 'status'
    | 'channel'
    | 'conversationId'
    | 'providerId'
    | 'fallbackTriggered'
    | 'retryCount'
    | 'sentAt'
    | 'deliveredAt'
    | 'readAt'
    | 'deletedAt'
  >
> & { errorCode?: ErrorCode | null; errorMessage?: string | null; content?: Content; metadata?: Message['metadata'] }

export interface NextWork {
  dueAt: Date
  channel: Channel
  rest: readonly Channel[]
  tries: number
  confirming: boolean
  /** Until it is due, nothing behind it in its lane is sent either. */
  holds: boolean
  doubtful: boolean
  waits?: number
  askedSince?: Date | null
}

export interface Change {
  patch: MessagePatch
  entries: readonly TimelineEntry[]
  attempt: ClosedAttempt | null
  work: 'keep' | 'done' | NextWork
  events: readonly NewEvent[]
}

export interface Named {
  lineId: LineId
  channel: Channel
  providerId: ProviderMessageId
  /** Of a message in parts, the ids of all. */
  parts?: readonly ProviderMessageId[]
}

export interface ChangeRequest {
  customerId: CustomerId
  messageId: MessageId
  /** The id the network gave the message, to be remembered with the change. */
  named: Named | null
  /** Pure: it may run again when the rows moved meanwhile. Null leaves everything as it is. */
  decide(state: State): Change | null
}

/** `before` is what the decision saw; `after` the message as it is now. Null: there is no such message. */
export type ChangeOutcome = { changed: boolean; before: State; after: Message } | null

export function createChangeStore(db: Db) {
  return {
    /** Requests on different messages share a transaction; a second one on the same message waits for the first. */
    async change(requests: readonly ChangeRequest[]): Promise<ChangeOutcome[]> {
      const outcomes = new Map<ChangeRequest, ChangeOutcome>()
      let waiting = requests
      while (waiting.length > 0) {
        const round = firstOfEach(waiting)
        const results = await db.transaction((tx) => changeRound(tx, round))
        for (const [index, request] of round.entries()) outcomes.set(request, results[index] ?? null)
        const taken = new Set(round)
        waiting = waiting.filter((request) => !taken.has(request))
      }
      return requests.map((request) => outcomes.get(request) ?? null)
    },
  }
}

export type ChangeStore = ReturnType<typeof createChangeStore>

/** The message a decision leaves behind; the in-memory model of the simulation uses it too. */
export function patched(message: Message, change: Change, now: Date): Message {
  if (isOnlyLater(change)) return message
  const pending = change.work === 'keep' ? message.pending : change.work !== 'done' && change.work.tries > 0
  return { ...message, ...change.patch, pending, timeline: [...message.timeline, ...change.entries], updatedAt: now }
}

/** Nothing is new but the time at which it is looked at again: that is no change that anybody may notice. */
export function isOnlyLater({ patch, entries, attempt, work, events }: Change): boolean {
  const isQuiet = attempt === null && entries.length === 0 && events.length === 0 && Object.keys(patch).length === 0
  return isQuiet && typeof work === 'object' && work.confirming
}

function firstOfEach(requests: readonly ChangeRequest[]): ChangeRequest[] {
  const seen = new Set<string>()
  return requests.filter((request) => !seen.has(request.messageId) && seen.add(request.messageId))
}

type LockedRow = MessageRow & {
  now: Date
  written_by: string
  own_xid: string
  seq: number | null
  work_line_id: LineId
  work_lane: string
  work_channel: Channel
  rest: Channel[]
  confirming: boolean
  doubtful: boolean
  waits: number
  run: number | null
  run_started_at: Date | null
  asked_since: Date | null
}

async function changeRound(tx: Queryable, requests: readonly ChangeRequest[]): Promise<ChangeOutcome[]> {
  const rows = await tx.query<LockedRow>(lockMessages, [
    requests.map((request) => request.customerId),
    requests.map((request) => request.messageId),
  ])
  if (rows.some(isOvertaken)) throw new Conflict('A message was changed by a transaction that began later.')
  const byId = new Map(rows.map((row) => [row.id, row]))
  const early = await nameIds(
    tx,
    requests.filter((request) => byId.has(request.messageId)),
  )
  const decided = requests.map((request) => {
    const row = byId.get(request.messageId)
    if (row === undefined || row.customer_id !== request.customerId) return null
    const state: State = {
      message: fromRow(row),
      work: workFrom(row),
      early: early.get(request.messageId) ?? [],
      now: row.now,
    }
    return { state, change: request.decide(state) }
  })
  await write(tx, decided)
  return decided.map((one) => {
    if (one === null) return null
    const { state, change } = one
    if (change === null) return { changed: false, before: state, after: state.message }
    return { changed: true, before: state, after: patched(state.message, change, state.now) }
  })
}

/**
 * The log is ordered by transaction. Whoever waited for a lock while a younger transaction wrote would put its events
 * before those it follows: it starts again under a number of its own time.
 */
function isOvertaken(row: LockedRow): boolean {
  // Row versions carry the lower 32 bits, and those wrap around.
  return ((Number(row.written_by) - Number(BigInt(row.own_xid) & 0xffffffffn)) | 0) > 0
}

async function nameIds(tx: Queryable, requests: readonly ChangeRequest[]): Promise<Map<MessageId, EarlyReceipt[]>> {
  const input = requests.flatMap(({ customerId, messageId, named }) =>
    named === null
      ? []
      : (named.parts ?? [named.providerId]).map((id) => ({
          customer_id: customerId,
          message_id: messageId,
          line_id: named.lineId,
          channel: named.channel,
          provider_id: id,
          parts: named.parts ?? null,
        })),
  )
  if (input.length === 0) return new Map()
  const rows = await tx.query<NamedRow>(nameProviderIds, [JSON.stringify(input)])
  const byMessage = Map.groupBy(rows, (row) => row.message_id)
  return new Map([...byMessage].map(([id, parts]) => [id, earlyOf(parts)]))
}

interface NamedRow {
  message_id: MessageId
  early: EarlyReceipt[]
  delivered: boolean
}

/** What was heard of some of its parts is heard of none of the others: delivered are all or none, failed is one or more. */
function earlyOf(parts: readonly NamedRow[]): EarlyReceipt[] {
  const all = parts.flatMap(({ early }) => early)
  if (parts.length === 1 || parts.every(({ delivered }) => delivered)) return all
  return all.filter(({ status }) => status === 'sent' || status === 'failed')
}

function workFrom(row: LockedRow): Work | null {
  if (row.seq === null) return null
  return {
    seq: row.seq,
    lineId: row.work_line_id,
    lane: row.work_lane,
    channel: row.work_channel,
    rest: row.rest,
    tries: row.tries ?? 0,
    confirming: row.confirming,
    doubtful: row.doubtful,
    waits: row.waits,
    run: row.run,
    runStartedAt: row.run_started_at,
    askedSince: row.asked_since,
  }
}

type Decided = { state: State; change: Change | null } | null

async function write(tx: Queryable, decided: readonly Decided[]): Promise<void> {
  const messages: object[] = []
  const done: object[] = []
  const again: object[] = []
  const anew: object[] = []
  const attempts: object[] = []
  const events: object[] = []
  for (const one of decided) {
    if (one === null || one.change === null) continue
    const { state, change } = one
    const { customerId, id } = state.message
    if (!isOnlyLater(change)) messages.push(messageColumnsOf(patched(state.message, change, state.now), change))
    const held = state.work === null ? null : { seq: state.work.seq, run: state.work.run }
    if (change.work === 'done' && held !== null) done.push(held)
    else if (typeof change.work === 'object') {
      const { lineId, lane } = state.message
      const next = {
        ...change.work,
        waits: change.work.waits ?? 0,
        asked_since: change.work.askedSince ?? null,
        due_at: change.work.dueAt,
        message_id: id,
        customer_id: customerId,
        line_id: lineId,
        lane,
      }
      if (held === null) anew.push(next)
      else again.push({ ...next, ...held })
    }
    if (change.attempt !== null) attempts.push(attemptColumns(state, change.attempt))
    for (const event of change.events) {
      events.push({
        customer_id: customerId,
        event_id: event.id,
        event_type: event.type,
        correlation_id: event.correlationId,
        event_data: event.data,
        ...hearing(customerId, event, state.message),
      })
    }
  }
  if (decided.every((one) => one === null || one.change === null)) return
  const parameters = [messages, done, again, anew, attempts, events].map((rows) => JSON.stringify(rows))
  const [result] = await tx.query<{ moved: number }>(apply, parameters)
  // The outbox rows are not locked while deciding: an attempt may have begun meanwhile.
  if (result?.moved !== done.length + again.length)
    throw new Conflict('An outbox row moved while its message was changed.')
}

function messageColumnsOf(message: Message, change: Change): object {
  return {
    customer_id: message.customerId,
    id: message.id,
    status: message.status,
    conversation_id: message.conversationId,
    channel: message.channel,
    content: change.patch.content ?? null,
    metadata: change.patch.metadata ?? null,
    fallback_triggered: message.fallbackTriggered,
    provider_id: message.providerId,
    error_code: message.errorCode,
    error_message: message.errorMessage,
    retry_count: message.retryCount,
    entries: change.entries,
    sent_at: message.sentAt,
    delivered_at: message.deliveredAt,
    read_at: message.readAt,
    deleted_at: message.deletedAt,
  }
}

function attemptColumns(state: State, attempt: ClosedAttempt): object {
  return {
    customer_id: state.message.customerId,
    message_id: state.message.id,
    number: attempt.number,
    channel: attempt.channel,
    ref: attempt.ref,
    outcome: attempt.outcome,
    code: attempt.code,
    detail: attempt.detail,
    provider_id: attempt.providerId,
    started_at: attempt.startedAt,
  }
}
