/** Messages to one chat of a session, that somebody types there, and that what they wrote was seen. */
import type { z } from 'zod'
import type { Caller, Gateway } from '../../gateway.ts'
import type { Draft } from '../../messaging/draft.ts'
import { type CallCode, GatewayError } from '../../model/errors.ts'
import type { Handle, LineId } from '../../model/ids.ts'
import type { Message } from '../../model/message.ts'
import { invalid } from '../input.ts'
import { defineRoute, type Route } from '../route.ts'
import { type Chat, chatOf, messageIdOf, providerChatOf, sessionIdOf, wireMessageId } from './ids.ts'
import * as shape from './schema.ts'

type Sent = z.output<typeof shape.sendMessage>

const tag = 'Messages'
/** Base64 of a hundred megabytes, and what stands around it. */
const sendBytesMax = 150 * 1024 * 1024

const sendErrors: readonly CallCode[] = [
  ...(['CONTENT_NOT_SUPPORTED', 'CONVERSATION_NOT_FOUND', 'CONVERSATION_NOT_READY'] as const),
  ...(['FROM_INSTANCE_CANNOT_REACH', 'IDEMPOTENCY_KEY_REUSED', 'MEDIA_TOO_LARGE'] as const),
  ...(['NOT_FOUND', 'NO_CHANNEL_AVAILABLE', 'RECIPIENT_OPTED_OUT', 'WHATSAPP_NOT_CONNECTED'] as const),
]

const sendMessage = defineRoute({
  method: 'POST',
  path: '/api/v1/session/{id}/send-message',
  operationId: 'sendMessage',
  summary: 'Send a message',
  description:
    'A text, a file or a place, on WhatsApp alone. The answer comes once the message is stored safely; it is sent as soon as the pace of the session allows. What became of it is told by the webhooks of `/v1`.',
  tag,
  scope: 'send',
  bare: true,
  params: shape.sessionParams,
  headers: shape.idempotencyHeader,
  body: shape.sendMessage,
  bodyBytesMax: sendBytesMax,
  responses: { 200: { description: 'Stored, and on its way.', schema: shape.sentMessage } },
  errors: sendErrors,
  async handle({ gateway }, { caller, params, headers, body, correlationId }) {
    const from = await numberOf(gateway, caller, sessionIdOf(params.id))
    const key = headers['idempotency-key'] ?? null
    const place = await placeOf(gateway, caller, { chat: chatOf(body.phone), from })
    const draft = draftOf(body, { ...place, from, idempotencyKey: key, correlationId })
    const { message } = await gateway.messages.submit(caller, draft).catch(inOurFields)
    const messageId = wireMessageId('outbound', message.to ?? place.to ?? '', message.id)
    return { status: 200, data: { success: true as const, message: 'The message is on its way.', data: { messageId } } }
  },
})

/** What is wrong with a file is said of the field that it came in. */
function inOurFields(error: unknown): never {
  if (!(error instanceof GatewayError) || error.code !== 'VALIDATION_ERROR' || error.details === null) throw error
  throw invalid(
    error.details.map(({ path, message }) => ({ path: path.replace('attachments[0]', 'content.file'), message })),
  )
}

async function numberOf(gateway: Gateway, caller: Caller, id: LineId): Promise<Handle> {
  const { stage, address } = await gateway.sessions.get(caller, id)
  if (stage === 'up' && address !== null) return address
  throw notReady()
}

function notReady(): GatewayError {
  return new GatewayError('WHATSAPP_NOT_CONNECTED', 'This session is not ready. Link a phone with it first.')
}

type Place = Pick<Draft, 'to' | 'conversationId'>

/** Who is known by a name of WhatsApp's alone can be answered, but not written to first. */
async function placeOf(gateway: Gateway, caller: Caller, { chat, from }: { chat: Chat; from: Handle }): Promise<Place> {
  if (!('alias' in chat)) return { to: 'group' in chat ? chat.group : chat.phone, conversationId: null }
  const at = { name: { chat: providerChatOf(chat) }, from }
  const { conversation } = await gateway.chats.get(caller, at).catch(noSuchChat)
  return { to: null, conversationId: conversation.id }
}

/** What another session knows is not there for this one. */
function noSuchChat(error: unknown): never {
  if (!(error instanceof GatewayError) || error.code !== 'FROM_INSTANCE_CANNOT_REACH') throw error
  throw new GatewayError('CONVERSATION_NOT_FOUND', 'There is no such chat of this session.')
}

function draftOf(body: Sent, about: Place & Pick<Draft, 'from' | 'idempotencyKey' | 'correlationId'>): Draft {
  return {
    ...about,
    ...said(body),
    ...{ replyTo: null, mentions: [], scheduledAt: null, callbackUrl: null, metadata: null },
    preference: ['whatsapp'],
    fallback: false,
  }
}

function said(body: Sent): Pick<Draft, 'content' | 'attachments'> {
  const nothing = { text: null, mediaUrls: [], effect: null, location: null }
  switch (body.type) {
    case 'text':
      return { content: { ...nothing, text: body.content.replaceAll('\\n', '\n') }, attachments: [] }
    case 'location': {
      const { title = null, latitude, longitude } = body.content
      return { content: { ...nothing, location: { title, latitude, longitude } }, attachments: [] }
    }
    case 'file': {
      const { mimetype = null, filename = null, caption = null, url, data = '' } = body.content
      const facts = { mimeType: mimetype, filename, voiceNote: false }
      const file = url === undefined ? { ...facts, base64: data } : { ...facts, url }
      return { content: { ...nothing, text: caption === '' ? null : caption }, attachments: [file] }
    }
  }
}

const sendChatState = defineRoute({
  method: 'POST',
  path: '/api/v1/session/{id}/send-chat-state',
  operationId: 'sendChatState',
  summary: 'Show that you type',
  description:
    'Shows the other side that you type or record, for ten seconds or until you say `stop`. Nothing need have been written there yet.',
  tag,
  scope: 'send',
  bare: true,
  params: shape.sessionParams,
  body: shape.chatState,
  responses: { 200: { description: 'Shown.', schema: shape.done } },
  errors: [
    ...(['CHANNEL_NOT_SUPPORTED', 'CHAT_CHANGE_FAILED', 'CONVERSATION_NOT_FOUND', 'NOT_FOUND'] as const),
    ...(['NO_CHANNEL_AVAILABLE', 'PROVIDER_TIMEOUT', 'WHATSAPP_NOT_CONNECTED', 'WHATSAPP_RATE_LIMITED'] as const),
    ...(['WHATSAPP_REJECTED', 'WHATSAPP_SEND_FAILED'] as const),
  ],
  async handle({ gateway }, { caller, params, body }) {
    const chat = providerChatOf(chatOf(body.phone))
    await gateway.sessions.showTyping(caller, sessionIdOf(params.id), chat, body.state)
    return { status: 200, data: { success: true as const, message: 'The chat state is shown.' } }
  },
})

const sendSeen = defineRoute({
  method: 'POST',
  path: '/api/v1/session/{id}/send-seen',
  operationId: 'sendSeen',
  summary: 'Mark a message as seen',
  description: 'Sends the read receipt for a message that came in on this session.',
  tag,
  scope: 'send',
  bare: true,
  params: shape.sessionParams,
  body: shape.seen,
  responses: { 200: { description: 'The sender was told.', schema: shape.done } },
  errors: [
    ...([
      'CHANNEL_NOT_SUPPORTED',
      'INVALID_STATUS',
      'MISSING_EXTERNAL_ID',
      'MISSING_WHATSAPP_JID',
      'NOT_FOUND',
    ] as const),
    ...(['NO_CHANNEL_AVAILABLE', 'PROVIDER_TIMEOUT', 'READ_FAILED', 'WHATSAPP_NOT_CONNECTED'] as const),
  ],
  async handle({ gateway }, { caller, params, body }) {
    const chat = chatOf(body.phone)
    const { lineId, stage } = await gateway.sessions.get(caller, sessionIdOf(params.id))
    const message = await gateway.messages.get(caller, messageIdOf(body.messageId))
    const isElsewhere = message.lineId !== lineId || (message.channel ?? 'whatsapp') !== 'whatsapp'
    if (isElsewhere || !isFrom(message, chat)) throw noSuchMessage()
    if (stage !== 'up') throw notReady()
    await gateway.messages.markRead(caller, message.id)
    return { status: 200, data: { success: true as const, message: 'The message is marked as seen.' } }
  },
})

/** Of those who are known by another name than their number nobody can tell, and in a group anybody may have written it. */
function isFrom({ direction, from, to }: Message, chat: Chat): boolean {
  const other = direction === 'inbound' ? from : to
  if ('group' in chat || other === null || !other.startsWith('+')) return true
  // By now the number of whoever was told under another name may be known.
  return 'alias' in chat || other === chat.phone
}

function noSuchMessage(): GatewayError {
  return new GatewayError('NOT_FOUND', 'There is no such message of this chat.')
}

export const messageRoutes: readonly Route[] = [sendMessage, sendChatState, sendSeen]
