/** The model of accepting, claiming, beginning, changing and finishing: the outbound half of the store. */
import type { NewEvent } from '../../src/model/event.ts'
import { type CustomerId, clientRef, type MessageId } from '../../src/model/ids.ts'
import type { Message } from '../../src/model/message.ts'
import {
  type Change,
  type ChangeOutcome,
  type ChangeRequest,
  type EarlyReceipt,
  isOnlyLater,
  patched,
  type State,
} from '../../src/store/changes.ts'
import type { AcceptOutcome, NewMessage } from '../../src/store/messages.ts'
import type { Begin, ClaimedLane, ClaimOptions, Finish, Head, LaneKey } from '../../src/store/outbox.ts'
import { providerName } from './ledger-inbound.ts'
import {
  dateOf,
  laneName,
  type MessageRow,
  messageOf,
  msOf,
  never,
  type OutboxRow,
  type Rows,
  tellRow,
  wakeLane,
  workOf,
  workOfMessage,
} from './ledger-rows.ts'

const keyName = (customerId: CustomerId, key: string) => `${customerId} ${key}`

/** Null for those that met a message with the same idempotency key. */
export function acceptRows(rows: Rows, batch: readonly NewMessage[], nowMs: number): (Message | null)[] {
  const stored = batch.map((message) => storeNew(rows, message, nowMs))
  for (const [index, message] of batch.entries()) {
    if (stored[index] === null) continue
    const dueMs = message.scheduledAt === null ? nowMs : msOf(new Date(message.scheduledAt))
    const [channel, ...rest] = message.route
    if (channel === undefined) throw new Error('A message without a route.')
    addWork(rows, { ...message, messageId: message.id, dueMs, channel, rest, tries: 0, confirming: false })
    tellRow(rows, message.customerId, message.event, nowMs)
  }
  return stored
}

function storeNew(rows: Rows, input: NewMessage, nowMs: number): Message | null {
  const { customerId, id, idempotencyKey, fingerprint, scheduledAt } = input
  const name = idempotencyKey === null ? null : keyName(customerId, idempotencyKey)
  if (name !== null && rows.keys.has(name) && rows.plant !== 'accept-without-key') return null
  if (name !== null) rows.keys.set(name, id)
  const now = dateOf(nowMs)
  const status = scheduledAt === null ? 'queued' : 'scheduled'
  const { lineId, conversationId, lane, from, to, content, metadata, route, callbackUrl, correlationId } = input
  const message: Message = {
    customerId,
    id,
    direction: 'outbound',
    status,
    pending: false,
    lineId,
    conversationId,
    lane,
    channel: null,
    from,
    to,
    content,
    metadata,
    route,
    fallbackTriggered: false,
    providerId: null,
    errorCode: null,
    errorMessage: null,
    idempotencyKey,
    callbackUrl,
    correlationId,
    retryCount: 0,
    timeline: [{ status, at: now.toISOString(), channel: null }],
    createdAt: now,
    updatedAt: now,
    scheduledAt: scheduledAt === null ? null : new Date(scheduledAt),
    sentAt: null,
    deliveredAt: null,
    readAt: null,
    deletedAt: null,
  }
  rows.messages.set(id, { message, fingerprint })
  return message
}

export function winnerOf(
  rows: Rows,
  customerId: CustomerId,
  key: string,
): { message: Message; fingerprint: string | null } | null {
  const id = rows.keys.get(keyName(customerId, key))
  const row = id === undefined ? undefined : rows.messages.get(id)
  return row === undefined ? null : { message: readMessage(rows, row), fingerprint: row.fingerprint }
}

export function readMessage(rows: Rows, row: MessageRow): Message {
  return messageOf(row, workOfMessage(rows, row.message.id))
}

export function outcomesOf(
  rows: Rows,
  batch: readonly NewMessage[],
  stored: readonly (Message | null)[],
): AcceptOutcome[] {
  return batch.map((message, index): AcceptOutcome => {
    const fresh = stored[index] ?? null
    if (fresh !== null) return { stored: true, message: fresh }
    const winner = winnerOf(rows, message.customerId, message.idempotencyKey ?? '')
    if (winner === null) throw new Error(`Message ${message.id} was neither stored nor a repeat.`)
    return { stored: false, ...winner }
  })
}

type NewWork = LaneKey & Pick<OutboxRow, 'messageId' | 'dueMs' | 'channel' | 'rest' | 'tries' | 'confirming'>

function addWork(rows: Rows, work: NewWork): void {
  const { customerId, lineId, lane, messageId, dueMs, channel, rest, tries, confirming } = work
  const seq = ++rows.seq
  rows.outbox.set(seq, {
    seq,
    customerId,
    lineId,
    lane,
    messageId,
    dueMs,
    channel,
    rest,
    tries,
    confirming,
    holds: false,
    doubtful: false,
    waits: 0,
    run: null,
    runStartedMs: null,
    askedSinceMs: null,
  })
  wakeLane(rows, work, dueMs)
}

/** What a claim saw when its statement began; by the time it has its locks some of it may be old. */
export interface Sighting {
  lane: LaneKey
  heads: readonly Head[]
}

export function sightLanes(rows: Rows, options: ClaimOptions, nowMs: number): Sighting[] {
  const seen: Sighting[] = []
  for (const { customerId, lineId } of options.lines) {
    const due = [...rows.lanes.values()]
      .filter((lane) => lane.customerId === customerId && lane.lineId === lineId && isFree(lane, nowMs))
      .sort((one, other) => one.nextMs - other.nextMs)
      .slice(0, options.lanesMax)
    for (const lane of due)
      seen.push({ lane: { customerId, lineId, lane: lane.lane }, heads: headsOf(rows, lane, options, nowMs) })
  }
  return seen.slice(0, options.lanesMax)
}

function isFree(lane: { nextMs: number; leaseUntilMs: number }, nowMs: number): boolean {
  return lane.nextMs <= nowMs && lane.leaseUntilMs < nowMs
}

function headsOf(rows: Rows, key: LaneKey, options: ClaimOptions, nowMs: number): Head[] {
  const heads: Head[] = []
  const firstHolding = firstHoldingOf(rows, key, nowMs)
  for (const row of rowsOf(rows, key)) {
    if (heads.length >= options.headsMax || row.seq >= firstHolding) break
    const message = rows.messages.get(row.messageId)
    if (row.dueMs > nowMs || message === undefined) continue
    heads.push({ message: messageOf(message, row), work: workOf(row) })
  }
  return heads
}

/** The lanes themselves are looked at again once they are locked; their heads are not. */
export function takeLanes(
  rows: Rows,
  options: ClaimOptions,
  sightings: readonly Sighting[],
  nowMs: number,
): ClaimedLane[] {
  const claimed: ClaimedLane[] = []
  for (const { lane: key, heads } of sightings) {
    const lane = rows.lanes.get(laneName(key))
    if (lane === undefined || !isFree(lane, nowMs)) continue
    lane.fence = ++rows.fence
    lane.holder = options.node
    lane.leaseUntilMs = nowMs + options.leaseMs
    claimed.push({ ...key, fence: lane.fence, heads })
  }
  return claimed
}

export function beginRows(rows: Rows, batch: readonly Begin[], nowMs: number): Set<number> {
  const granted = new Set<number>()
  for (const { key, fence, seq, tries } of batch) {
    const row = rows.outbox.get(seq)
    if (row === undefined) continue
    const lane = rows.lanes.get(laneName(key))
    const isOurs = lane !== undefined && lane.fence === fence && lane.leaseUntilMs > nowMs
    const isFresh = row.run === null && row.tries === tries && !row.confirming
    if (!(isOurs && isFresh) && rows.plant !== 'begin-without-fence') continue
    row.run = fence
    row.runStartedMs = nowMs
    row.tries += 1
    granted.add(seq)
    const generation = rows.messages.get(row.messageId)?.message.retryCount ?? 0
    const ref = clientRef(row.messageId, row.channel, generation)
    rows.begun.set(ref, (rows.begun.get(ref) ?? 0) + 1)
  }
  return granted
}

export function finishRows(rows: Rows, batch: readonly Finish[], nowMs: number): boolean {
  let due = false
  for (const { key, fence, holdMs } of batch) {
    const lane = rows.lanes.get(laneName(key))
    if (lane === undefined || lane.fence !== fence) continue
    const nextMs = nextDueOf(rows, key, nowMs)
    if (nextMs === null || rows.plant === 'finish-without-look') {
      rows.lanes.delete(laneName(key))
      continue
    }
    lane.holdUntilMs = holdMs === null ? never : nowMs + holdMs
    lane.nextMs = Math.max(nextMs, lane.holdUntilMs)
    lane.leaseUntilMs = never
    lane.holder = null
    due ||= lane.nextMs <= nowMs
  }
  return due
}

function nextDueOf(rows: Rows, key: LaneKey, nowMs: number): number | null {
  const firstHolding = firstHoldingOf(rows, key, nowMs)
  const dues = rowsOf(rows, key).flatMap((row) => (row.seq <= firstHolding ? [row.dueMs] : []))
  return dues.length === 0 ? null : Math.min(...dues)
}

function rowsOf(rows: Rows, key: LaneKey): OutboxRow[] {
  const { customerId, lineId, lane } = key
  return [...rows.outbox.values()].filter(
    (row) => row.lane === lane && row.lineId === lineId && row.customerId === customerId,
  )
}

/** What waits behind a row that holds its lane is not sent before it. */
function firstHoldingOf(rows: Rows, key: LaneKey, nowMs: number): number {
  return rowsOf(rows, key).find((row) => row.holds && row.dueMs > nowMs)?.seq ?? Number.POSITIVE_INFINITY
}

/** What the first statement of a change locks and reads; null for a message that is not there. */
export function lockRow(rows: Rows, request: ChangeRequest, nowMs: number): State | null {
  const row = rows.messages.get(request.messageId)
  if (row === undefined || row.message.customerId !== request.customerId || row.withheld === true) return null
  const work = workOfMessage(rows, request.messageId)
  const named = namedRow(rows, request)
  const early: readonly EarlyReceipt[] = named === null || named.messageId !== request.messageId ? [] : named.early
  return { message: messageOf(row, work), work: work === null ? null : workOf(work), early, now: dateOf(nowMs) }
}

function namedRow(rows: Rows, { customerId, messageId, named }: ChangeRequest) {
  if (named === null) return null
  const row = rows.providerIds.get(providerName({ ...named, customerId }, 'outbound'))
  return row === undefined ? { messageId, early: [] } : { ...row, messageId: row.messageId ?? messageId }
}

export interface Decided {
  request: ChangeRequest
  state: State
  change: Change | null
}

/** False when an outbox row moved between reading and writing: then nothing is written. */
export function applyChanges(rows: Rows, decided: readonly Decided[], nowMs: number): boolean {
  for (const { state, change } of decided) {
    if (change !== null && change.work !== 'keep' && state.work !== null && !isAsRead(rows, state)) return false
  }
  for (const one of decided) applyChange(rows, one, nowMs)
  return true
}

function isAsRead(rows: Rows, { work }: State): boolean {
  if (work === null || rows.plant === 'settle-on-anything') return true
  const row = rows.outbox.get(work.seq)
  return row !== undefined && row.run === work.run
}

function applyChange(rows: Rows, { request, state, change }: Decided, nowMs: number): void {
  const named = namedRow(rows, request)
  if (named !== null && request.named !== null) {
    const name = providerName({ ...request.named, customerId: request.customerId }, 'outbound')
    rows.providerIds.set(name, named)
  }
  if (change === null) return
  const { id, customerId, lineId } = state.message
  const row = rows.messages.get(id)
  if (row === undefined) return
  const after = patched(state.message, change, state.now)
  row.message = isOnlyLater(change) ? after : { ...after, updatedAt: dateOf(nowMs) }
  if (change.attempt !== null) rows.attempts.push({ ...change.attempt, messageId: id })
  applyWork(rows, { state, change, key: { customerId, lineId, lane: state.message.lane ?? '' } })
  tellAll(rows, customerId, change.events, nowMs)
}

function tellAll(rows: Rows, customerId: CustomerId, events: readonly NewEvent[], nowMs: number): void {
  // The plant loses every seventh, as a crash between two transactions would.
  const isLost = rows.plant === 'event-apart' && rows.events.length % 7 === 6
  for (const event of isLost ? events.slice(1) : events) tellRow(rows, customerId, event, nowMs)
}

function applyWork(rows: Rows, { state, change, key }: { state: State; change: Change; key: LaneKey }): void {
  if (change.work === 'keep') return
  if (change.work === 'done') {
    if (state.work !== null) rows.outbox.delete(state.work.seq)
    return
  }
  const { dueAt, channel, rest, tries, confirming, holds, doubtful, waits = 0, askedSince = null } = change.work
  if (state.work === null) {
    addWork(rows, { ...key, messageId: state.message.id, dueMs: msOf(dueAt), channel, rest, tries, confirming })
    return
  }
  const row = rows.outbox.get(state.work.seq)
  if (row !== undefined)
    Object.assign(row, {
      dueMs: msOf(dueAt),
      channel,
      rest,
      tries,
      confirming,
      holds,
      doubtful,
      waits,
      run: null,
      runStartedMs: null,
      askedSinceMs: askedSince === null ? null : msOf(askedSince),
    })
}

export function changeOutcome({ state, change }: Decided): ChangeOutcome {
  if (change === null) return { changed: false, before: state, after: state.message }
  return { changed: true, before: state, after: patched(state.message, change, state.now) }
}

export function readMessageById(rows: Rows, customerId: CustomerId, id: MessageId): Message | null {
  const row = rows.messages.get(id)
  if (row === undefined || row.message.customerId !== customerId || row.message.deletedAt !== null) return null
  if (row.withheld === true) return null
  return readMessage(rows, row)
}
