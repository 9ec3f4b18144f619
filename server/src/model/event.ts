/** Everything that ever happened, as callers may hear of it. The log, webhooks and streams carry only these. */
import type { Channel } from './channel.ts'
import type { Conversation } from './conversation.ts'
import type { CustomerId, EventId, Handle, LineId, MessageId } from './ids.ts'
import type { LinkState } from './line.ts'
import type { Attachment, Status } from './message.ts'

/** What an event tells of its message: the message as it was when the event was written. */
export interface EventMessage {
  id: MessageId
  lineId: LineId
  externalId: string | null
  from: string | null
  to: string | null
  text: string | null
  channel: Channel | null
  status: Status
  metadata: Readonly<Record<string, unknown>> | null
  conversation: Conversation | null
  retryCount: number
}

interface About {
  message: EventMessage
}

export interface EventData {
  'message.scheduled': About & { scheduledAt: string }
  'message.schedule_cancelled': About & { scheduledAt: string | null }
  'message.queued': About
  'message.sent': About & { sentAt: string }
  'message.delivered': About & { deliveredAt: string }
  'message.read': About & { readAt: string }
  'message.fallback': About & { fallbackFrom: Channel; reason: string }
  'message.failed': About & { errorCode: string; errorMessage: string }
  'message.unsent': About
  'message.edited': About
  'message.deleted': About
  'message.inbound': About & {
    replyTo: { messageId: MessageId | null; externalId: string } | null
    attachments: readonly Attachment[]
  }
  'message.reaction': {
    target: MessageId | null
    targetExternalId: string
    preview: string | null
    from: Handle
    to: string | null
    channel: Channel
    reaction: string | null
    conversation: Conversation | null
  }
  'typing.indicator': { channel: Channel; from: Handle; typing: boolean; conversation: Conversation | null }
  'line.status': { lineId: LineId; address: string | null; channel: Channel; state: LinkState }
}

export type EventType = keyof EventData

/** One new event on its way into the log. */
export type NewEvent = {
  [T in EventType]: { id: EventId; type: T; correlationId: string | null; data: EventData[T] }
}[EventType]

/** `cursor` orders the log (transaction, then sequence); every reader resumes from the last one it saw. */
export type GatewayEvent = NewEvent & { cursor: Cursor; customerId: CustomerId; at: Date }

/** Opaque to readers: `<xid>.<seq>` of the last event seen. */
export type Cursor = string
