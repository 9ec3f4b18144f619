/** A message and the only ways its status may move. */
import type { Channel } from './channel.ts'
import type { ErrorCode } from './errors.ts'
import type { ConversationId, CustomerId, Handle, LineId, MessageId, ProviderMessageId } from './ids.ts'

export interface Mention {
  handle: Handle
  start: number
  length: number
}

export interface Content {
  text: string | null
  mediaUrls: readonly string[]
  attachments: readonly Attachment[]
  replyTo: MessageId | null
  mentions: readonly Mention[]
  effect: string | null
  location: { title: string | null; latitude: number; longitude: number } | null
  /** It confirms an opt-out, and so may go to somebody who opted out. Never from a caller. */
  answersChoice?: true
}

/** A file by reference: where the bytes are, and what the caller said they are. */
export interface Attachment {
  id: string
  /** Null: the network named a file whose bytes were not kept. */
  source: { url: string } | { blob: string } | null
  mimeType: string | null
  filename: string | null
  bytes: number | null
  voiceNote: boolean
  /** Why there are no bytes, for a file that came in. */
  note?: string
}

/**
 * `unknown`: it may or may not have been delivered, and no proof came in time. A later receipt still counts.
 * That an attempt is running is a fact of the outbox, not a status of its own.
 */
export const outboundStatuses = [
  'scheduled',
  'queued',
  'unknown',
  'sent',
  'delivered',
  'read',
  'failed',
  'cancelled',
  'unsent',
] as const
export type OutboundStatus = (typeof outboundStatuses)[number]
export type Status = OutboundStatus | 'received'

export interface TimelineEntry {
  status: string
  at: string
  channel: Channel | null
}

/** One row, either direction. `to` is a handle, or the provider's id of a chat, as the caller gave it. */
export interface Message {
  customerId: CustomerId
  id: MessageId
  direction: 'outbound' | 'inbound'
  status: Status
  /** An attempt is running or waiting for proof. */
  pending: boolean
  lineId: LineId
  conversationId: ConversationId | null
  /** Whom it goes to, in order with what else goes there (laneOf). Null for inbound. */
  lane: string | null
  channel: Channel | null
  from: string | null
  to: string | null
  content: Content
  metadata: Readonly<Record<string, unknown>> | null
  /** The channels to try, in order. One entry when fallback is off. */
  route: readonly Channel[]
  fallbackTriggered: boolean
  providerId: ProviderMessageId | null
  errorCode: ErrorCode | null
  errorMessage: string | null
  idempotencyKey: string | null
  callbackUrl: string | null
  correlationId: string | null
  retryCount: number
  timeline: readonly TimelineEntry[]
  createdAt: Date
  updatedAt: Date
  scheduledAt: Date | null
  sentAt: Date | null
  deliveredAt: Date | null
  readAt: Date | null
  deletedAt: Date | null
}

/** A page of messages, newest first. */
export interface MessageFilter {
  limit: number
  /** The id of the last message of the page before. */
  after: MessageId | null
  /** As callers name it: `pending` too, and `failed` for what is unknown. */
  status?: string
  to?: string
  from?: string
  channel?: Channel
  direction?: 'outbound' | 'inbound'
  conversationId?: ConversationId
}

/** When somebody got it and read it, as far as they said so. */
export interface MemberReceipt {
  handle: Handle
  deliveredAt: Date | null
  readAt: Date | null
}

const rank: Record<Status, number> = {
  scheduled: 0,
  queued: 1,
  unknown: 2,
  sent: 3,
  delivered: 4,
  read: 5,
  failed: 9,
  cancelled: 9,
  unsent: 9,
  received: 9,
}

/** Receipts arrive late and out of order; a status only ever moves forward. */
export function advances(from: Status, to: Status): boolean {
  if (rank[from] === 9) return false
  if (to === 'failed') return rank[from] <= rank.sent
  if (to === 'cancelled') return from === 'scheduled'
  if (to === 'unsent') return rank[from] >= rank.sent
  return rank[to] > rank[from] && rank[to] < 9
}

/** Only what ended without success may be sent again, and only because the caller says so. */
export function mayRetry(status: Status): boolean {
  return status === 'failed' || status === 'unknown'
}
