/** What the inside knows, in this surface's words: messages, conversations, files. */
import type { z } from 'zod'
import type { Page } from '../../gateway.ts'
import type { Conversation, Participant } from '../../model/conversation.ts'
import type { CallCode } from '../../model/errors.ts'
import type { Attachment, MemberReceipt, Message, Status, TimelineEntry } from '../../model/message.ts'
import { type FileLinks, linkOf, linkWorksMs } from '../downloads.ts'
import type { Inside } from '../route.ts'
import { wireCursor, wireMessageId } from './ids.ts'
import type { acceptedMessage, message, messagePage, receiptList } from './message-schema.ts'

type WireMessage = z.input<typeof message>
type WireStatus = WireMessage['status']

/** `unknown` has no word out here: it is a failure that must not be repeated blindly, and its code says so. */
export function presentStatus(status: Status, pending = false): WireStatus {
  if (status === 'unknown') return 'failed'
  return status === 'queued' && pending ? 'pending' : status
}

/** Causes that pass, so that the same message may go through later. */
const passing: ReadonlySet<string> = new Set<CallCode>([
  'IMESSAGE_SEND_FAILED',
  'MEDIA_FETCH_FAILED',
  'NO_CHANNEL_AVAILABLE',
  'PROVIDER_TIMEOUT',
  'SERVICE_UNAVAILABLE',
  'SMS_SEND_FAILED',
  'WHATSAPP_NOT_CONNECTED',
  'WHATSAPP_SEND_FAILED',
])

export function isRetryable(errorCode: string | null): boolean {
  return errorCode !== null && passing.has(errorCode)
}

/** Null: it has no picture, or none of which we have the bytes. */
export function photoUrlOf(
  { customerId, photo }: Pick<Conversation, 'customerId' | 'photo'>,
  { linkTo, untilMs }: Omit<FileLinks, 'customerId'>,
): string | null {
  if (photo === undefined) return null
  const { hash, mimeType } = photo
  return linkTo({ customerId, hash, mimeType, filename: null }, untilMs)
}

/** Links of what is read now work for an hour from now. */
export function linksNow({ gateway, clock }: Inside): Pick<FileLinks, 'linkTo' | 'untilMs'> {
  return { linkTo: gateway.media.linkTo, untilMs: clock.now() + linkWorksMs }
}

export function presentMessage(from: Message, links: ReturnType<typeof linksNow>): WireMessage {
  const { content } = from
  const status = presentStatus(from.status, from.pending)
  const errorCode = from.errorCode ?? (from.status === 'unknown' ? 'OUTCOME_UNKNOWN' : null)
  return {
    id: wireMessageId(from.id),
    direction: from.direction,
    status,
    to: from.to,
    from: from.from,
    channel: from.channel,
    ...(from.conversationId !== null && { conversationId: from.conversationId }),
    messageType: content.mediaUrls.length > 1 ? 'carousel' : 'text',
    content: {
      ...(content.text !== null && { text: content.text }),
      ...(content.mediaUrls.length > 0 && { mediaUrls: [...content.mediaUrls] }),
    },
    ...(content.attachments.length > 0 && {
      attachments: content.attachments.map((file) =>
        presentAttachment(file, { ...links, customerId: from.customerId }),
      ),
    }),
    timeline: from.timeline.map(presentEntry),
    fallbackTriggered: from.fallbackTriggered,
    retryCount: from.retryCount,
    metadata: from.metadata,
    externalId: from.providerId,
    errorCode,
    errorMessage: from.errorMessage,
    ...(status === 'failed' && { retryable: isRetryable(errorCode) }),
    ...(content.effect !== null && { effect: content.effect }),
    ...(content.replyTo !== null && { parentMessageId: wireMessageId(content.replyTo) }),
    createdAt: from.createdAt.toISOString(),
    updatedAt: from.updatedAt.toISOString(),
    ...moments(from),
  }
}

function moments(from: Message): Pick<WireMessage, 'scheduledAt' | 'sentAt' | 'deliveredAt' | 'readAt'> {
  const { scheduledAt, sentAt, deliveredAt, readAt } = from
  return {
    ...(scheduledAt !== null && { scheduledAt: scheduledAt.toISOString() }),
    ...(sentAt !== null && { sentAt: sentAt.toISOString() }),
    ...(deliveredAt !== null && { deliveredAt: deliveredAt.toISOString() }),
    ...(readAt !== null && { readAt: readAt.toISOString() }),
  }
}

function presentEntry({ status, at, channel }: TimelineEntry): WireMessage['timeline'][number] {
  return { status: status === 'unknown' ? 'failed' : status, at, channel }
}

function presentAttachment(file: Attachment, links: FileLinks): NonNullable<WireMessage['attachments']>[number] {
  const downloadUrl = linkOf(file, links)
  return {
    mimeType: file.mimeType ?? 'application/octet-stream',
    ...(file.filename !== null && { filename: file.filename }),
    totalBytes: file.bytes,
    isAudioMessage: file.voiceNote,
    ...(file.source !== null && 'url' in file.source && { url: file.source.url }),
    ...(downloadUrl !== null && { downloadUrl }),
    ...(file.note !== undefined && { note: file.note }),
  }
}

/** Right after the send. A conversation is named by its id when the caller did so, and then `to` is left out. */
export function presentAccepted(from: Message, intoConversation: boolean): z.input<typeof acceptedMessage> {
  const answer: z.input<typeof acceptedMessage> = {
    id: wireMessageId(from.id),
    status: presentStatus(from.status, from.pending),
    from: from.from,
    channel: from.channel,
    createdAt: from.createdAt.toISOString(),
  }
  if (intoConversation && from.conversationId !== null) answer.conversationId = from.conversationId
  else if (from.to !== null) answer.to = from.to
  if (from.scheduledAt !== null) answer.scheduledAt = from.scheduledAt.toISOString()
  return answer
}

export function presentMessages(page: Page<Message>, inside: Inside): z.input<typeof messagePage> {
  const links = linksNow(inside)
  return { messages: page.rows.map((message) => presentMessage(message, links)), pagination: pageEnd(page) }
}

export function pageEnd(page: Page<{ id: string }>): { hasMore: boolean; nextCursor: string | null } {
  const last = page.rows.at(-1)
  return { hasMore: page.hasMore, nextCursor: page.hasMore && last !== undefined ? wireCursor(last.id) : null }
}

export function presentReceipts(of: Message, receipts: readonly MemberReceipt[]): z.input<typeof receiptList> {
  return {
    messageId: wireMessageId(of.id),
    receipts: receipts.map(({ handle, deliveredAt, readAt }) => ({
      handle: of.channel === null ? handle : wireHandle(handle, of.channel),
      deliveredAt: deliveredAt?.toISOString() ?? null,
      readAt: readAt?.toISOString() ?? null,
    })),
  }
}

export interface WireParticipant {
  handle: string
  contactId: string | null
  role: Participant['role']
  isPhoneResolved: boolean
  admin?: Participant['admin']
}

export interface WireChat {
  chatId: string
  providerChatGuid: string | null
  channel: Conversation['channel']
  isGroup: boolean
  name: string | null
  participants: WireParticipant[]
}

export function presentChat(from: Conversation): WireChat {
  return {
    chatId: from.id,
    providerChatGuid: from.providerChatId,
    channel: from.channel,
    isGroup: from.isGroup,
    name: from.isGroup ? from.name : null,
    participants: [
      ...from.participants.map((one) => presentParticipant(one, from.channel)),
      ...(from.absent === true ? [] : [ourselves]),
    ],
  }
}

/** The line itself, by a name that tells nothing of its number. */
const ourselves: WireParticipant = { handle: 'self', contactId: null, role: 'self', isPhoneResolved: true }

export function presentParticipant(from: Participant, channel: Conversation['channel']): WireParticipant {
  if (from.role === 'self') return ourselves
  return {
    handle: wireHandle(from.handle, channel),
    contactId: from.contactId,
    role: from.role,
    isPhoneResolved: from.phoneKnown,
    ...(channel === 'whatsapp' && { admin: from.admin }),
  }
}

/** A person as their network names them. */
export function wireHandle(handle: string, channel: Conversation['channel']): string {
  return channel === 'whatsapp' && handle.startsWith('+') ? `${handle.slice(1)}@s.whatsapp.net` : handle
}
