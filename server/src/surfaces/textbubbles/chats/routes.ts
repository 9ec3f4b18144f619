/** The calls that find conversations, read them, and show their people what we do: read, unread, typing. */
import type { z } from 'zod'
import type { ChatAt, KnownChat } from '../../../gateway.ts'
import type { Conversation } from '../../../model/conversation.ts'
import type { CallCode } from '../../../model/errors.ts'
import { defineRoute, type Route } from '../../route.ts'
import { chatNameOf, cursorOf } from '../ids.ts'
import { linksNow, pageEnd, photoUrlOf, presentChat, presentMessages } from '../present.ts'
import * as shape from './schema.ts'

/** A query may be written with a `+` that was not encoded and arrives as a space. */
export function chatAt(
  params: { chatId: string },
  query: { from?: string | undefined },
  body?: { from?: string | undefined },
): ChatAt {
  const from = body?.from ?? query.from?.replace(/^ /, '+') ?? null
  return { name: chatNameOf(params.chatId), from }
}

/** Older clients look for these beside the conversation, without themselves in the roster. */
export function presentKnown({ conversation, createdAt }: KnownChat): z.input<typeof shape.createdGroup> {
  const chat = presentChat(conversation)
  const { channel, name } = chat
  const participants = chat.participants.filter(({ role }) => role !== 'self')
  const flat = { chatId: chat.providerChatGuid, conversationId: chat.chatId, channel, name, participants }
  return { chat, createdAt: createdAt.toISOString(), ...flat }
}

export function presentNames({ id, providerChatId }: Conversation) {
  return { chatId: id, conversationId: id, providerChatGuid: providerChatId }
}

export const chatErrors: readonly CallCode[] = [
  'CHANNEL_NOT_SUPPORTED',
  'CONVERSATION_NOT_FOUND',
  'CONVERSATION_NOT_READY',
  'FROM_INSTANCE_CANNOT_REACH',
  'INVALID_STATUS',
  'PROVIDER_TIMEOUT',
  'WHATSAPP_NOT_CONNECTED',
]

const listChats = defineRoute({
  method: 'GET',
  path: '/v1/chats',
  operationId: 'listChats',
  summary: 'List conversations',
  description: 'Groups and chats of two, the newest first: in the order in which they were begun. Filters add up.',
  tag: 'Chats',
  scope: 'read',
  query: shape.listChats,
  responses: { 200: { description: 'One page.', schema: shape.chatPage } },
  errors: [],
  async handle(inside, { caller, query: { cursor, ...filter } }) {
    const page = await inside.gateway.chats.list(caller, { ...filter, after: cursorOf<'conversation'>(cursor) })
    const links = linksNow(inside)
    const chats = page.rows.map((one) => ({ ...presentChat(one), photoUrl: photoUrlOf(one, links) }))
    return { status: 200, data: { chats, pagination: pageEnd(page) } }
  },
})

const getChat = defineRoute({
  method: 'GET',
  path: '/v1/chats/{chatId}',
  operationId: 'getChat',
  summary: 'Read a conversation',
  description:
    'What it is called and who is in it now, with their ranks.\n\nWhen the number of somebody comes out whom WhatsApp has called `<id>@lid`, both names lead to one chat. If there was one under each, the older takes in the messages of the newer, whose id leads there from then on.',
  tag: 'Chats',
  scope: 'read',
  params: shape.chatParams,
  query: shape.fromQuery,
  responses: { 200: { description: 'The conversation.', schema: shape.shownChat } },
  errors: ['CONVERSATION_NOT_FOUND', 'FROM_INSTANCE_CANNOT_REACH'],
  async handle(inside, { caller, params, query }) {
    const known = await inside.gateway.chats.get(caller, chatAt(params, query))
    const photoUrl = photoUrlOf(known.conversation, linksNow(inside))
    return { status: 200, data: { ...presentKnown(known), photoUrl } }
  },
})

const listChatMessages = defineRoute({
  method: 'GET',
  path: '/v1/chats/{chatId}/messages',
  operationId: 'listChatMessages',
  summary: 'Read the history of a conversation',
  description: 'Its messages of both directions, newest first, as in `GET /v1/messages`.',
  tag: 'Chats',
  scope: 'read',
  params: shape.chatParams,
  query: shape.history,
  responses: { 200: { description: 'One page.', schema: shape.chatMessages } },
  errors: ['CONVERSATION_NOT_FOUND', 'FROM_INSTANCE_CANNOT_REACH'],
  async handle(inside, { caller, params, query }) {
    const after = cursorOf<'message'>(query.cursor)
    const { conversation } = await inside.gateway.chats.get(caller, chatAt(params, query))
    const page = await inside.gateway.messages.list(caller, {
      limit: query.limit,
      after,
      conversationId: conversation.id,
    })
    return { status: 200, data: presentMessages(page, inside) }
  },
})

const readChat = defineRoute({
  method: 'POST',
  path: '/v1/chats/{chatId}/read',
  operationId: 'markChatRead',
  summary: 'Mark a conversation as read',
  description:
    'Its people see that you have read everything, if your number tells them. iMessage only; on WhatsApp messages are marked one by one.',
  tag: 'Chats',
  scope: 'send',
  params: shape.chatParams,
  query: shape.fromQuery,
  body: shape.fromBody,
  responses: { 200: { description: 'Marked.', schema: shape.read } },
  errors: [...chatErrors, 'READ_FAILED'],
  async handle({ gateway }, { caller, params, query, body }) {
    const conversation = await gateway.chats.markRead(caller, chatAt(params, query, body))
    return { status: 200, data: { ...presentNames(conversation), read: true as const } }
  },
})

const unreadChat = defineRoute({
  method: 'POST',
  path: '/v1/chats/{chatId}/unread',
  operationId: 'markChatUnread',
  summary: 'Mark a conversation as unread',
  description: 'For whoever looks at it on your own devices. iMessage only.',
  tag: 'Chats',
  scope: 'send',
  params: shape.chatParams,
  query: shape.fromQuery,
  body: shape.fromBody,
  responses: { 200: { description: 'Marked.', schema: shape.unread } },
  errors: [...chatErrors, 'READ_FAILED'],
  async handle({ gateway }, { caller, params, query, body }) {
    const conversation = await gateway.chats.markUnread(caller, chatAt(params, query, body))
    return { status: 200, data: { ...presentNames(conversation), unread: true as const } }
  },
})

const typeInChat = defineRoute({
  method: 'POST',
  path: '/v1/chats/{chatId}/typing',
  operationId: 'setChatTyping',
  summary: 'Show that you are typing',
  description:
    'iMessage and WhatsApp. It ends by itself after 10 seconds; start it again to keep it up. A message that you send needs no stop before it.',
  tag: 'Chats',
  scope: 'send',
  params: shape.chatParams,
  query: shape.fromQuery,
  body: shape.typingBody,
  responses: { 200: { description: 'Shown, or not any more.', schema: shape.typing } },
  errors: [...chatErrors, 'CHAT_CHANGE_FAILED'],
  async handle({ gateway }, { caller, params, query, body }) {
    const typing = body.status === 'start'
    const conversation = await gateway.chats.setTyping(caller, chatAt(params, query, body), typing)
    return { status: 200, data: { ...presentNames(conversation), typing } }
  },
})

export const chatRoutes: readonly Route[] = [listChats, getChat, listChatMessages, readChat, unreadChat, typeInChat]
