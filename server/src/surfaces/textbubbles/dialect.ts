/** How this surface words an event: the body of a webhook and the data line of a stream, byte for byte the same. */
import type { Conversation } from '../../model/conversation.ts'
import type { EventData, EventMessage, GatewayEvent } from '../../model/event.ts'
import type { LinkState } from '../../model/line.ts'
import type { Attachment } from '../../model/message.ts'
import { type FileLinks, type LinkTo, linkOf, linkWorksMs } from '../downloads.ts'
import { type CallEvent, type ChatEvent, wordCall, wordChat } from './dialect-chats.ts'
import type { WireEventType } from './event-schema.ts'
import { wireEventId, wireMessageId } from './ids.ts'
import { isRetryable, presentChat, presentStatus, wireHandle } from './present.ts'

export interface WireEvent {
  id: string
  type: WireEventType
  timestamp: string
  data: Record<string, unknown>
  /** The same as `id`, for consumers that were told to drop repeats by this name. */
  eventId: string
}

/** Null when this surface has no word for it, and so tells nothing. */
export function wordEvent(event: GatewayEvent, linkTo: LinkTo): WireEvent | null {
  const id = wireEventId(event.id)
  const worded = typeAndData(event, id, linkTo)
  if (worded === null) return null
  return { id, type: worded.type, timestamp: event.at.toISOString(), data: worded.data, eventId: id, ...worded.flat }
}

export type Worded = Pick<WireEvent, 'type' | 'data'> & {
  /** What stands beside `data` as well. */
  flat?: Record<string, unknown>
}

function typeAndData(event: GatewayEvent, id: string, linkTo: LinkTo): Worded | null {
  const { customerId } = event
  switch (event.type) {
    case 'chat.participant.added':
    case 'chat.participant.left':
    case 'chat.title.changed':
    case 'chat.photo.changed':
      return wordChat(event, linkTo)
    case 'facetime.incoming':
    case 'facetime.status_changed':
      return wordCall(event, id)
    case 'contact.opted_out':
    case 'contact.opted_in': {
      const { person, contactId, channel, source } = event.data
      const phoneNumber = person.startsWith('+') ? person : null
      const handle = channel === null ? person : wireHandle(person, channel)
      return { type: event.type, data: { phoneNumber, handle, contactId, channel, source, customerId } }
    }
    case 'webhook.deactivated': {
      const { webhookId, url, reason } = event.data
      return { type: event.type, data: { webhookId, url, reason, customerId } }
    }
    case 'message.audio_kept':
      return { type: event.type, data: { ...keptData(event.data), customerId } }
    case 'typing.indicator':
      return wordTyping(event.data, customerId)
    case 'line.status':
      return wordLink(event.data, customerId)
    case 'message.reaction':
      return { type: event.type, data: { ...reactionData(event.data), customerId } }
    case 'message.inbound':
      return {
        type: event.type,
        data: { ...inboundData(event, linkTo), customerId, ...fragments(event.data.message, 'theirs') },
      }
    case 'message.sent':
    case 'message.delivered':
    case 'message.read':
    case 'message.failed':
      return { type: event.type, data: { ...statusData(event), ...fragments(event.data.message, 'ours') } }
    default:
      return { type: event.type, data: statusData(event) }
  }
}

type StatusEvent = Exclude<
  GatewayEvent,
  | { type: 'typing.indicator' | 'line.status' | 'webhook.deactivated' | 'contact.opted_out' | 'contact.opted_in' }
  | { type: 'message.reaction' | 'message.audio_kept' | 'message.inbound' }
  | ChatEvent
  | CallEvent
>

function statusData(event: StatusEvent): Record<string, unknown> {
  const { message } = event.data
  return {
    messageId: wireMessageId(message.id),
    externalMessageId: message.externalId,
    from: message.from,
    to: message.to,
    text: message.text,
    channel: message.channel,
    status: presentStatus(message.status),
    metadata: message.metadata,
    customerId: event.customerId,
    retryCount: message.retryCount,
    ...(message.conversation !== null && { conversationId: message.conversation.id }),
    ...detailOf(event),
  }
}

/** What only this kind of event has to say. */
function detailOf(event: StatusEvent): Record<string, unknown> {
  switch (event.type) {
    case 'message.scheduled':
      return { scheduledAt: event.data.scheduledAt }
    case 'message.schedule_cancelled':
      return event.data.scheduledAt === null ? {} : { scheduledAt: event.data.scheduledAt }
    case 'message.sent':
      return { sentAt: event.data.sentAt }
    case 'message.delivered':
      return { deliveredAt: event.data.deliveredAt }
    case 'message.read':
      return { readAt: event.data.readAt }
    case 'message.fallback':
      return { fallbackFrom: event.data.fallbackFrom, reason: event.data.reason }
    case 'message.failed':
      return failure(event.data)
    case 'message.edit_failed':
      return { errorCode: event.data.errorCode, errorMessage: event.data.errorMessage }
    case 'message.queued':
    case 'message.unsent':
    case 'message.edited':
    case 'message.deleted':
      return {}
  }
}

function failure({ errorCode, errorMessage }: EventData['message.failed']): Record<string, unknown> {
  return {
    errorCode,
    errorMessage,
    error: { code: errorCode, message: errorMessage },
    retryable: isRetryable(errorCode),
  }
}

function inboundData(
  { data, customerId, at }: GatewayEvent & { type: 'message.inbound' },
  linkTo: LinkTo,
): Record<string, unknown> {
  const { message, replyTo, attachments, otp } = data
  // Counted from the event, so that every attempt to tell it carries the same bytes.
  const links = { linkTo, customerId, untilMs: at.getTime() + linkWorksMs }
  const parentMessageId = replyTo === null || replyTo.messageId === null ? null : wireMessageId(replyTo.messageId)
  return {
    messageId: wireMessageId(message.id),
    externalMessageId: message.externalId,
    // Callers take this for a number or an address; who has none yet is named as the sender.
    from: message.from?.endsWith('@lid') ? null : message.from,
    to: message.to,
    text: message.text,
    channel: message.channel,
    parentMessageId,
    ...(replyTo !== null && { replyTo: { messageId: parentMessageId, externalMessageId: replyTo.externalId } }),
    attachments: attachments.map((file) => wordAttachment(file, links)),
    ...(otp !== undefined && { otp }),
    ...(message.conversation !== null && { conversationId: message.conversation.id }),
  }
}

function wordAttachment(file: Attachment, links: FileLinks): Record<string, unknown> {
  const downloadUrl = linkOf(file, links)
  return {
    mimeType: file.mimeType ?? 'application/octet-stream',
    ...(file.filename !== null && { filename: file.filename }),
    totalBytes: file.bytes,
    ...(downloadUrl === null ? { note: file.note ?? 'The bytes of this file are not kept.' } : { downloadUrl }),
  }
}

/** Present when the message belongs to a stored conversation, absent (never null) otherwise. */
function fragments(message: EventMessage, sender: 'ours' | 'theirs'): Record<string, unknown> {
  if (message.conversation === null) return {}
  const { chatId, name, ...rest } = presentChat(message.conversation)
  return {
    chat: { chatId, name, ...rest },
    sender: sender === 'ours' ? { contactId: null, handle: 'self' } : senderIn(message.conversation, message.from),
    conversation: { id: chatId, groupName: name, ...rest },
  }
}

/** A one-to-one chat names its sender even when the network could not tell us the number. */
function senderIn(
  conversation: Conversation,
  from: string | null,
): { contactId: string | null; handle: string | null } {
  const other = conversation.isGroup ? undefined : conversation.participants[0]
  const known = conversation.participants.find(({ handle }) => handle === from) ?? (from === null ? other : undefined)
  const handle = known?.handle ?? from
  return {
    contactId: known?.contactId ?? null,
    handle: handle === null ? null : wireHandle(handle, conversation.channel),
  }
}

function keptData(data: EventData['message.audio_kept']): Record<string, unknown> {
  return {
    externalMessageId: data.externalId,
    targetMessageId: data.target === null ? null : wireMessageId(data.target),
    targetExternalId: data.targetExternalId,
    from: data.from,
    to: data.to,
    channel: data.channel,
  }
}

const tapbacks: ReadonlySet<string> = new Set(['love', 'like', 'dislike', 'laugh', 'emphasize', 'question'])

function reactionData(data: EventData['message.reaction']): Record<string, unknown> {
  const { reaction, channel, preview } = data
  const isTapback = reaction !== null && channel !== 'whatsapp' && tapbacks.has(reaction)
  const isEmoji = reaction !== null && !isTapback
  return {
    reaction: {
      type: reaction === null ? 'remove' : isEmoji && channel !== 'whatsapp' ? 'emoji' : reaction,
      ...(isEmoji && { emoji: reaction }),
      targetMessageId: data.target === null ? null : wireMessageId(data.target),
      targetExternalId: data.targetExternalId,
      content: isEmoji && channel !== 'whatsapp' ? null : preview,
    },
    from: data.from,
    to: data.to,
    channel,
  }
}

/** Only WhatsApp's is told, and only the beginning: callers let it fade by themselves. */
function wordTyping(data: EventData['typing.indicator'], customerId: string): Worded | null {
  if (data.channel !== 'whatsapp' || !data.typing) return null
  const about =
    data.conversation === null
      ? {}
      : { sender: senderIn(data.conversation, data.from), chat: presentChat(data.conversation) }
  return {
    type: 'typing.indicator',
    data: { state: 'composing', from: data.from, channel: data.channel, customerId, ...about },
  }
}

function wordLink(data: EventData['line.status'], customerId: string): Worded | null {
  if (data.channel !== 'whatsapp') return null
  return { type: 'whatsapp.status', data: { phoneNumber: data.address, ...linkData(data.state), customerId } }
}

function linkData(state: LinkState): Record<string, unknown> {
  switch (state.status) {
    case 'connecting':
      return { status: 'connecting' }
    case 'pairing':
      return { status: 'qr_pending', qrCode: state.qr }
    case 'connected':
      return { status: 'connected', jid: state.identity }
    case 'disconnected':
      return { status: 'disconnected', disconnectReason: state.reason }
    case 'off':
      return { status: 'disconnected', disconnectReason: 'stopped' }
  }
}
