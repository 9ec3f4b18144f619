/** A row of `messages` with its outbox facts, and back into a Message. */
import type { Channel } from '../../model/channel.ts'
import type { ErrorCode } from '../../model/errors.ts'
import type { ConversationId, CustomerId, LineId, MessageId, ProviderMessageId } from '../../model/ids.ts'
import type { Content, Message, Status, TimelineEntry } from '../../model/message.ts'

export interface MessageRow {
  customer_id: CustomerId
  id: MessageId
  direction: 'outbound' | 'inbound'
  status: Status
  line_id: LineId
  conversation_id: ConversationId | null
  lane: string | null
  channel: Channel | null
  from_address: string | null
  to_address: string | null
  content: Content
  metadata: Record<string, unknown> | null
  route: Channel[]
  fallback_triggered: boolean
  provider_id: ProviderMessageId | null
  error_code: ErrorCode | null
  error_message: string | null
  idempotency_key: string | null
  callback_url: string | null
  correlation_id: string | null
  retry_count: number
  timeline: TimelineEntry[]
  created_at: Date
  updated_at: Date
  scheduled_at: Date | null
  sent_at: Date | null
  delivered_at: Date | null
  read_at: Date | null
  deleted_at: Date | null
  /** Tries of the outbox row; null when there is none. */
  tries: number | null
}

export function fromRow(row: MessageRow): Message {
  return {
    customerId: row.customer_id,
    id: row.id,
    direction: row.direction,
    status: row.status,
    pending: row.tries !== null && row.tries > 0,
    lineId: row.line_id,
    conversationId: row.conversation_id,
    lane: row.lane,
    channel: row.channel,
    from: row.from_address,
    to: row.to_address,
    content: row.content,
    metadata: row.metadata,
    route: row.route,
    fallbackTriggered: row.fallback_triggered,
    providerId: row.provider_id,
    errorCode: row.error_code,
    errorMessage: row.error_message,
    idempotencyKey: row.idempotency_key,
    callbackUrl: row.callback_url,
    correlationId: row.correlation_id,
    retryCount: row.retry_count,
    timeline: row.timeline,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    scheduledAt: row.scheduled_at,
    sentAt: row.sent_at,
    deliveredAt: row.delivered_at,
    readAt: row.read_at,
    deletedAt: row.deleted_at,
  }
}
