/** Everything that ever happened, as callers may hear of it. The log, webhooks and streams carry only these. */
import type { Channel } from './channel.ts'
import { type Conversation, laneOf, type Participant } from './conversation.ts'
import type { ContactId, CustomerId, EventId, Handle, LineId, MessageId, WebhookId } from './ids.ts'
import { type LinkState, stageOf } from './line.ts'
import type { Attachment, Content, Status } from './message.ts'
import type { OneTimeCode } from './one-time-code.ts'
import type { DeactivationReason } from './webhook.ts'

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

/** A change of a group: the conversation is as it was after the change. */
interface AboutChat {
  conversation: Conversation
  channel: Channel
  /** Who made it; `self` when it was us, null when nobody said. */
  actor: Handle | null
  to: string | null
  /** The network's own id of its notice. */
  externalId: string | null
}

/** Somebody asked to be left alone, or no longer does; told once for each change. */
interface AboutChoice {
  person: Handle
  contactId: ContactId | null
  /** Where they said so; null when a caller did. */
  channel: Channel | null
  source: 'keyword' | 'api'
}

export type CallStatus = 'incoming' | 'answered' | 'disconnected' | 'missed' | 'rejected' | 'failed'

interface AboutCall {
  channel: Channel
  callId: string
  /** The other side. */
  person: Handle
  to: string | null
  isAudio: boolean
  isVideo: boolean
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
  /** The message as it still stands. */
  'message.edit_failed': About & { errorCode: string; errorMessage: string }
  'message.deleted': About
  'message.inbound': About & {
    replyTo: { messageId: MessageId | null; externalId: string } | null
    attachments: readonly Attachment[]
    /** Absent when it is no place. */
    location?: NonNullable<Content['location']>
    /** Absent when there is none in it. */
    otp?: OneTimeCode
  }
  'message.audio_kept': {
    target: MessageId | null
    targetExternalId: string
    externalId: string | null
    from: Handle
    to: string | null
    channel: Channel
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
  'chat.participant.added': AboutChat & { participant: Participant }
  'chat.participant.left': AboutChat & { participant: Participant }
  'chat.title.changed': AboutChat & { name: string }
  /** The conversation has the photo if its bytes are kept. Else its `url` is null when it was removed; null: neither is known. */
  'chat.photo.changed': AboutChat & { photo: { url: string | null } | null }
  'facetime.incoming': AboutCall & { at: string }
  'facetime.status_changed': AboutCall & { status: CallStatus; isOutgoing: boolean }
  'contact.opted_out': AboutChoice
  'contact.opted_in': AboutChoice
  'webhook.deactivated': { webhookId: WebhookId; url: string; reason: DeactivationReason }
  /** `before` is what the link last said before; null if it had said nothing, absent in events of older versions. */
  'line.status': {
    lineId: LineId
    address: string | null
    channel: Channel
    state: LinkState
    before?: LinkState | null
  }
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

/** What deciding who hears of an event, and in which order, needs to know of it. */
export interface Subject {
  /** Names a subscription may list to hear of it; none: it is told on streams only. */
  topics: readonly string[]
  /** What its events are told in order of: the message, or the line. */
  message: MessageId | LineId | null
  /** The conversation, by line and person or group: the same whichever channel carries it. Or the person, if there is none. */
  thread: string | null
  /** It says how a message stands, and the next one that does makes it stale. */
  isStatus: boolean
}

const statusTypes: ReadonlySet<EventType> = new Set([
  'message.scheduled',
  'message.queued',
  'message.sent',
  'message.delivered',
  'message.read',
  'message.failed',
])

export function subjectOf(event: Pick<NewEvent, 'type' | 'data'>): Subject {
  const data = event.data as Partial<About> & { target?: MessageId | null; conversation?: Conversation | null }
  const isChoice = event.type === 'contact.opted_out' || event.type === 'contact.opted_in'
  const message = data.message ?? null
  const conversation = message?.conversation ?? data.conversation ?? null
  return {
    topics: topicsOf(event),
    message: message?.id ?? data.target ?? lineOf(event),
    thread: isChoice ? `contact/${(event.data as AboutChoice).person}` : threadOf(message, conversation),
    isStatus: statusTypes.has(event.type),
  }
}

function lineOf({ type, data }: Pick<NewEvent, 'type' | 'data'>): LineId | null {
  return type === 'line.status' ? (data as EventData['line.status']).lineId : null
}

/**
 * How a line is linked is for whoever watches it pair, and only WhatsApp's typing has a name outside. WhatsBridge tells of
 * WhatsApp alone, under names of its own, which nobody hears who asks for everything.
 */
function topicsOf({ type, data }: Pick<NewEvent, 'type' | 'data'>): readonly string[] {
  if (type === 'line.status') return isNewStage(data as EventData['line.status']) ? ['session.status_changed'] : []
  if (type === 'typing.indicator' && (data as EventData['typing.indicator']).channel !== 'whatsapp') return []
  const isReceived = type === 'message.inbound' && (data as EventData['message.inbound']).message.channel === 'whatsapp'
  return isReceived ? ['*', type, 'message.received'] : ['*', type]
}

/** A fresh code to scan is news for those who show it, and for nobody else. */
function isNewStage({ channel, state, before }: EventData['line.status']): boolean {
  return channel === 'whatsapp' && before !== undefined && stageOf(before) !== stageOf(state)
}

function threadOf(message: EventMessage | null, conversation: Conversation | null): string | null {
  const lineId = message?.lineId ?? conversation?.lineId
  if (lineId === undefined) return null
  if (conversation !== null) return `${lineId}/${laneOf({ conversation })}`
  const person = message?.status === 'received' ? message.from : message?.to
  return person ? `${lineId}/h:${person}` : null
}
