/** Sending, finding, cancelling and removing messages. */
import type { z } from 'zod'
import type { Draft, DraftAttachment } from '../../messaging/draft.ts'
import { type CallCode, GatewayError } from '../../model/errors.ts'
import { parseRecipient } from '../../model/handle.ts'
import { invalid } from '../input.ts'
import { defineRoute, type Route } from '../route.ts'
import { conversationIdOf, cursorOf, messageIdOf, wireMessageId } from './ids.ts'
import * as shape from './message-schema.ts'
import {
  linksNow,
  presentAccepted,
  presentMessage,
  presentMessages,
  presentReceipts,
  presentStatus,
} from './present.ts'
import { listPage } from './schema.ts'

type Sent = z.output<typeof shape.sendMessage>

const sendErrors: readonly CallCode[] = [
  'ADDRESS_NOT_AUTHORIZED',
  'CONTENT_NOT_SUPPORTED',
  'CONVERSATION_NOT_FOUND',
  'CONVERSATION_NOT_READY',
  'FROM_INSTANCE_CANNOT_REACH',
  'GROUP_SMS_UNSUPPORTED',
  'IDEMPOTENCY_KEY_REUSED',
  'INVALID_PHONE_NUMBER',
  'INVALID_REQUEST',
  'INVALID_SCHEDULED_AT',
  'MEDIA_TOO_LARGE',
  'NO_CHANNEL_AVAILABLE',
  'NO_DEFAULT_ADDRESS',
  'RECIPIENT_OPTED_OUT',
  'REPLY_NOT_FOUND',
  'SCHEDULED_IN_PAST',
  'SCHEDULED_TOO_FAR',
]

/** Base64 of a hundred megabytes, and what stands around it. */
const sendBytesMax = 150 * 1024 * 1024

const sendMessage = defineRoute({
  method: 'POST',
  path: '/v1/messages',
  operationId: 'sendMessage',
  summary: 'Send a message',
  description:
    'Takes one message for one recipient, now or at a later time. The answer comes once the message is stored safely; what becomes of it is told by events and by reading it. A known idempotency key gives the message it was first used for, with status 200.',
  tag: 'Messages',
  scope: 'send',
  headers: shape.idempotencyHeader,
  body: shape.sendMessage,
  bodyBytesMax: sendBytesMax,
  responses: {
    202: { description: 'Stored, and on its way.', schema: shape.acceptedMessage },
    200: {
      description: 'This idempotency key is known; here is its message as it is now.',
      schema: shape.acceptedMessage,
    },
  },
  errors: sendErrors,
  async handle({ gateway }, { caller, body, headers, correlationId }) {
    const draft = draftOf(body, headers['idempotency-key'], correlationId)
    const { message, repeated } = await gateway.messages.submit(caller, draft)
    return { status: repeated ? 200 : 202, data: presentAccepted(message, draft.conversationId !== null) }
  },
})

function draftOf(body: Sent, keyInHeader: string | undefined, correlationId: string): Draft {
  const conversationId = conversationNamedBy(body)
  requireContent(body)
  return {
    to: body.to ?? null,
    conversationId,
    from: body.from ?? null,
    content: {
      text: body.content?.text ?? null,
      mediaUrls: body.content?.mediaUrls ?? [],
      effect: body.effect ?? null,
      location: null,
    },
    attachments: body.attachments === undefined ? [] : body.attachments.map(draftAttachment),
    replyTo: body.replyTo === undefined ? null : messageIdOf(body.replyTo),
    mentions: body.mentions ?? [],
    preference: body.routing?.preference ?? null,
    fallback: body.routing?.fallback ?? true,
    scheduledAt: body.scheduledAt ?? null,
    idempotencyKey: keyOf(body.idempotencyKey, keyInHeader),
    callbackUrl: body.callbackUrl ?? null,
    createContact: body.createContact ?? false,
    metadata: body.metadata ?? null,
    correlationId,
  }
}

/** Null when the message goes to an address. */
function conversationNamedBy({ to, chatId, conversationId }: Sent): string | null {
  if (chatId !== undefined && conversationId !== undefined && chatId !== conversationId) {
    throw new GatewayError(
      'INVALID_REQUEST',
      '`chatId` and `conversationId` are two names of one field; they must be equal.',
    )
  }
  const named = chatId ?? conversationId
  if ((to === undefined) === (named === undefined)) {
    throw new GatewayError('INVALID_REQUEST', 'Give either `to` or `chatId`, exactly one of the two.')
  }
  return named === undefined ? null : conversationIdOf(named)
}

function requireContent({ content, attachments }: Sent): void {
  const hasText = content?.text !== undefined && content.text !== ''
  if (hasText || content?.mediaUrls !== undefined || (attachments !== undefined && attachments.length > 0)) return
  throw invalid([
    { path: 'content', message: 'Send at least one of `content.text`, `content.mediaUrls` and `attachments`.' },
  ])
}

function draftAttachment(file: NonNullable<Sent['attachments']>[number]): DraftAttachment {
  const facts = {
    mimeType: file.mimeType ?? null,
    filename: file.filename ?? null,
    voiceNote: file.isAudioMessage ?? false,
  }
  return file.type === 'url' ? { ...facts, url: file.url } : { ...facts, base64: file.data }
}

function keyOf(inBody: string | undefined, inHeader: string | undefined): string | null {
  if (inBody !== undefined && inHeader !== undefined && inBody !== inHeader) {
    throw invalid([
      {
        path: 'idempotencyKey',
        message: 'The header Idempotency-Key says something else; send one of them, or the same in both.',
      },
    ])
  }
  return inBody ?? inHeader ?? null
}

const sendCarousel = defineRoute({
  method: 'POST',
  path: '/v1/messages/carousel',
  operationId: 'sendCarousel',
  summary: 'Send several images as one message',
  description:
    'An older way to call `POST /v1/messages` with two or more `content.mediaUrls`; kept for clients that use it.',
  tag: 'Messages',
  scope: 'send',
  headers: shape.idempotencyHeader,
  body: shape.sendCarousel,
  responses: {
    202: { description: 'Stored, and on its way.', schema: shape.acceptedCarousel },
    200: {
      description: 'This idempotency key is known; here is its message as it is now.',
      schema: shape.acceptedCarousel,
    },
  },
  errors: sendErrors,
  async handle({ gateway }, { caller, body, headers, correlationId }) {
    const { mediaUrls, text, ...rest } = body
    const draft = draftOf({ ...rest, content: { text, mediaUrls } }, headers['idempotency-key'], correlationId)
    const { message, repeated } = await gateway.messages.submit(caller, draft)
    const data = {
      id: wireMessageId(message.id),
      status: presentStatus(message.status, message.pending),
      to: message.to ?? body.to,
      messageType: 'carousel' as const,
      imageCount: message.content.mediaUrls.length,
      createdAt: message.createdAt.toISOString(),
    }
    return { status: repeated ? 200 : 202, data }
  },
})

const listMessages = defineRoute({
  method: 'GET',
  path: '/v1/messages',
  operationId: 'listMessages',
  summary: 'List messages',
  description: 'Messages of both directions, newest first. Filters add up.',
  tag: 'Messages',
  scope: 'read',
  query: shape.listMessages,
  responses: { 200: { description: 'One page.', schema: shape.messagePage } },
  errors: [],
  async handle(inside, { caller, query }) {
    const { limit, cursor, to, from, chatId, ...rest } = query
    const page = await inside.gateway.messages.list(caller, {
      ...rest,
      limit,
      after: cursorOf<'message'>(cursor),
      ...(to !== undefined && { to: addressIn(to) }),
      ...(from !== undefined && { from: addressIn(from) }),
      ...(chatId !== undefined && { conversationId: conversationIdOf(chatId) }),
    })
    return { status: 200, data: presentMessages(page, inside) }
  },
})

/** As messages hold it. A `+` that was not encoded arrives as a space. */
function addressIn(text: string): string {
  const recipient = parseRecipient(text.replace(/^ /, '+'))
  if (recipient === null) return text
  return recipient.kind === 'chat' ? recipient.chat : recipient.handle
}

const listScheduled = defineRoute({
  method: 'GET',
  path: '/v1/messages/scheduled',
  operationId: 'listScheduledMessages',
  summary: 'List scheduled messages',
  description: 'Messages that wait for their time, newest first.',
  tag: 'Scheduling',
  scope: 'read',
  query: listPage,
  responses: { 200: { description: 'One page.', schema: shape.messagePage } },
  errors: [],
  async handle(inside, { caller, query }) {
    const page = await inside.gateway.messages.list(caller, {
      limit: query.limit,
      after: cursorOf<'message'>(query.cursor),
      status: 'scheduled',
    })
    return { status: 200, data: presentMessages(page, inside) }
  },
})

const getMessage = defineRoute({
  method: 'GET',
  path: '/v1/messages/{id}',
  operationId: 'getMessage',
  summary: 'Read a message',
  description: 'One message of either direction, with its timeline.',
  tag: 'Messages',
  scope: 'read',
  params: shape.messageParams,
  responses: { 200: { description: 'The message.', schema: shape.message } },
  errors: ['NOT_FOUND'],
  async handle(inside, { caller, params }) {
    const message = await inside.gateway.messages.get(caller, messageIdOf(params.id))
    return { status: 200, data: presentMessage(message, linksNow(inside)) }
  },
})

const listReceipts = defineRoute({
  method: 'GET',
  path: '/v1/messages/{id}/receipts',
  operationId: 'listReceipts',
  summary: 'See who got and who read a message',
  description:
    'Everybody who has said so, first things first: of a group each member whose phone sends receipts, otherwise the one recipient. The message itself counts as delivered and as read with the first receipt of each kind, and only that one is told by an event. Nobody sends receipts for what they sent themselves: an inbound message has none.',
  tag: 'Messages',
  scope: 'read',
  params: shape.messageParams,
  responses: { 200: { description: 'The receipts there are.', schema: shape.receiptList } },
  errors: ['NOT_FOUND'],
  async handle({ gateway }, { caller, params }) {
    const { message, receipts } = await gateway.messages.receipts(caller, messageIdOf(params.id))
    return { status: 200, data: presentReceipts(message, receipts) }
  },
})

const deleteMessage = defineRoute({
  method: 'DELETE',
  path: '/v1/messages/{id}',
  operationId: 'deleteMessage',
  summary: 'Delete a message',
  description: 'Hides a message from every later read. It is not taken back from the recipient; see unsend for that.',
  tag: 'Messages',
  scope: 'send',
  params: shape.messageParams,
  responses: { 200: { description: 'Deleted.', schema: shape.deletedMessage } },
  errors: ['ALREADY_DELETED', 'NOT_FOUND'],
  async handle({ gateway }, { caller, params }) {
    const message = await gateway.messages.remove(caller, messageIdOf(params.id))
    return { status: 200, data: { id: wireMessageId(message.id), deleted: true as const } }
  },
})

const cancelScheduled = defineRoute({
  method: 'DELETE',
  path: '/v1/messages/{id}/schedule',
  operationId: 'cancelScheduledMessage',
  summary: 'Cancel a scheduled message',
  description: 'Possible until the moment it is due.',
  tag: 'Scheduling',
  scope: 'send',
  params: shape.messageParams,
  responses: { 200: { description: 'It will not be sent.', schema: shape.cancelledMessage } },
  errors: ['NOT_FOUND', 'NOT_SCHEDULED'],
  async handle({ gateway }, { caller, params }) {
    const message = await gateway.messages.cancel(caller, messageIdOf(params.id))
    return {
      status: 200,
      data: { id: wireMessageId(message.id), status: 'cancelled' as const, cancelled: true as const },
    }
  },
})

export const messageRoutes: readonly Route[] = [
  sendMessage,
  listMessages,
  getMessage,
  listReceipts,
  deleteMessage,
  listScheduled,
  cancelScheduled,
  sendCarousel,
]
