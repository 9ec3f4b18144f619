/** The rows of the in-memory model of the store, and what its statements share. */
import type { Channel } from '../../src/model/channel.ts'
import type { Conversation } from '../../src/model/conversation.ts'
import type { Recent } from '../../src/model/echo.ts'
import type { NewEvent } from '../../src/model/event.ts'
import type { ConversationId, CustomerId, Handle, LineId, MessageId } from '../../src/model/ids.ts'
import type { Message } from '../../src/model/message.ts'
import type { ClosedAttempt, EarlyReceipt, Fence, Work } from '../../src/store/changes.ts'
import type { LaneKey } from '../../src/store/outbox.ts'
import { epochMs } from './clock.ts'
import type { Plant } from './plants.ts'

export const never = Number.NEGATIVE_INFINITY

export interface MessageRow {
  /** `pending` is read from the outbox. */
  message: Message
  fingerprint: string | null
  /** Nobody finds it. */
  withheld?: boolean
}

export interface RecentRow {
  expiresMs: number
}

export interface OutboxRow extends LaneKey {
  seq: number
  messageId: MessageId
  dueMs: number
  channel: Channel
  rest: readonly Channel[]
  tries: number
  confirming: boolean
  holds: boolean
  doubtful: boolean
  waits: number
  run: Fence | null
  runStartedMs: number | null
  askedSinceMs: number | null
}

export interface LaneRow extends LaneKey {
  nextMs: number
  holdUntilMs: number
  leaseUntilMs: number
  fence: Fence
  holder: number | null
}

export interface ProviderIdRow {
  messageId: MessageId | null
  early: readonly EarlyReceipt[]
}

export interface NodeRow {
  seenMs: number
  /** Whether its connection still holds the advisory lock. */
  lives: boolean
}

export interface LineRow {
  id: LineId
  customerId: CustomerId
  address: Handle
  channels: readonly Channel[]
  holder: number | null
  epoch: number
  leaseUntilMs: number
}

export interface Told {
  customerId: CustomerId
  atMs: number
  event: NewEvent
}

/** Time is the ledger's own, in ms since the start of the run. */
export interface Rows {
  readonly plant: Plant | null
  readonly messages: Map<MessageId, MessageRow>
  readonly keys: Map<string, MessageId>
  /** In the order of their seq. */
  readonly outbox: Map<number, OutboxRow>
  readonly lanes: Map<string, LaneRow>
  readonly providerIds: Map<string, ProviderIdRow>
  readonly conversations: Map<string, Conversation & { customerId: CustomerId }>
  /** What was changed lately, and which echoes may still come. */
  readonly echoes: Map<ConversationId, Recent>
  /** What was told lately, by customer and key. */
  readonly recent: Map<string, RecentRow>
  /** Who opted out, or did so once, by customer and person. */
  readonly optOuts: Map<string, boolean>
  readonly nodes: Map<number, NodeRow>
  readonly lines: Map<LineId, LineRow>
  readonly vault: Map<string, Uint8Array>
  readonly events: Told[]
  readonly attempts: (ClosedAttempt & { messageId: MessageId })[]
  /** How often an attempt was allowed to begin, by the ref it sends with. */
  readonly begun: Map<string, number>
  seq: number
  fence: number
  node: number
}

export function createRows(plant: Plant | null): Rows {
  return {
    plant,
    messages: new Map(),
    keys: new Map(),
    outbox: new Map(),
    lanes: new Map(),
    providerIds: new Map(),
    conversations: new Map(),
    echoes: new Map(),
    recent: new Map(),
    optOuts: new Map(),
    nodes: new Map(),
    lines: new Map(),
    vault: new Map(),
    events: [],
    attempts: [],
    begun: new Map(),
    seq: 0,
    fence: 0,
    node: 0,
  }
}

export function dateOf(ms: number): Date {
  return new Date(epochMs + ms)
}

export function msOf(date: Date): number {
  return date.getTime() - epochMs
}

export function laneName({ customerId, lineId, lane }: LaneKey): string {
  return `${customerId} ${lineId} ${lane}`
}

export function workOf(row: OutboxRow): Work {
  const { seq, lineId, lane, channel, rest, tries, confirming, doubtful, waits, run, runStartedMs, askedSinceMs } = row
  const runStartedAt = runStartedMs === null ? null : dateOf(runStartedMs)
  const askedSince = askedSinceMs === null ? null : dateOf(askedSinceMs)
  return { seq, lineId, lane, channel, rest, tries, confirming, doubtful, waits, run, runStartedAt, askedSince }
}

export function workOfMessage(rows: Rows, id: MessageId): OutboxRow | null {
  for (const row of rows.outbox.values()) if (row.messageId === id) return row
  return null
}

/** As every statement reads it: joined with its outbox row. */
export function messageOf(row: MessageRow, work: OutboxRow | null): Message {
  return { ...row.message, pending: work !== null && work.tries > 0 }
}

/** New work wakes its lane, but does not overtake a head that holds it back. */
export function wakeLane(rows: Rows, key: LaneKey, dueMs: number): void {
  const name = laneName(key)
  const lane = rows.lanes.get(name)
  if (lane === undefined) {
    const { customerId, lineId, lane: label } = key
    const fresh = { nextMs: dueMs, holdUntilMs: never, leaseUntilMs: never, fence: 0, holder: null }
    rows.lanes.set(name, { customerId, lineId, lane: label, ...fresh })
    return
  }
  const nextMs = Math.max(dueMs, lane.holdUntilMs)
  if (nextMs < lane.nextMs) lane.nextMs = nextMs
}

export function tellRow(rows: Rows, customerId: CustomerId, event: NewEvent, atMs: number): void {
  rows.events.push({ customerId, atMs, event })
}
