/** The calls that make groups and change them: name, people, picture, and going. */
import type { z } from 'zod'
import type { PictureSource } from '../../../media/picture.ts'
import type { CallCode } from '../../../model/errors.ts'
import { GatewayError } from '../../../model/errors.ts'
import { withPlus } from '../../../model/handle.ts'
import { defineRoute, type Route } from '../../route.ts'
import { linksNow, photoUrlOf, presentChat, presentParticipant } from '../present.ts'
import { chatAt, chatErrors, presentKnown, presentNames } from './routes.ts'
import * as shape from './schema.ts'

const groupErrors: readonly CallCode[] = [
  ...chatErrors,
  'CHAT_CHANGE_FAILED',
  'GROUP_SMS_UNSUPPORTED',
  'INVALID_REQUEST',
]

const createGroup = defineRoute({
  method: 'POST',
  path: '/v1/chats/groups',
  operationId: 'createGroup',
  summary: 'Create a group',
  description:
    'The group belongs to the number it is made from, for good. The answer names the conversation twice: as `chat`, and flat for older clients, where `chatId` is what its network calls it.',
  tag: 'Chats',
  scope: 'send',
  body: shape.newGroup,
  responses: { 201: { description: 'Created.', schema: shape.createdGroup } },
  errors: [
    'ADDRESS_NOT_AUTHORIZED',
    'CHANNEL_NOT_SUPPORTED',
    'CHAT_CHANGE_FAILED',
    'FROM_INSTANCE_CANNOT_REACH',
    'GROUP_SMS_UNSUPPORTED',
    'INVALID_PHONE_NUMBER',
    'INVALID_REQUEST',
    'NAME_REQUIRED',
    'NO_CHANNEL_AVAILABLE',
    'NO_DEFAULT_ADDRESS',
    'PROVIDER_TIMEOUT',
    'WHATSAPP_NOT_CONNECTED',
  ],
  async handle({ gateway }, { caller, body }) {
    const { participants, channel, name, from = null } = body
    const said = name === undefined || name.trim() === '' ? null : name
    const known = await gateway.chats.createGroup(caller, { channel, from, name: said, participants })
    return { status: 201, data: presentKnown(known) }
  },
})

const renameChat = defineRoute({
  method: 'PUT',
  path: '/v1/chats/{chatId}/name',
  operationId: 'renameChat',
  summary: 'Rename a group',
  description: 'Everybody in it sees the new name. It is told once as `chat.title.changed`.',
  tag: 'Chats',
  scope: 'send',
  params: shape.chatParams,
  query: shape.fromQuery,
  body: shape.rename,
  responses: { 200: { description: 'Renamed.', schema: shape.renamed } },
  errors: groupErrors,
  async handle({ gateway }, { caller, params, query, body }) {
    const conversation = await gateway.chats.rename(caller, chatAt(params, query, body), body.name)
    return { status: 200, data: { chat: presentChat(conversation), name: body.name } }
  },
})

const addParticipant = defineRoute({
  method: 'POST',
  path: '/v1/chats/{chatId}/participants',
  operationId: 'addChatParticipant',
  summary: 'Add somebody to a group',
  description:
    'It is told once as `chat.participant.added`. Whoever is in the group already stays in it, and nothing is told.',
  tag: 'Chats',
  scope: 'send',
  params: shape.chatParams,
  query: shape.fromQuery,
  body: shape.addParticipant,
  responses: { 200: { description: 'They are in it.', schema: shape.added } },
  errors: [...groupErrors, 'INVALID_PHONE_NUMBER', 'NO_CHANNEL_AVAILABLE'],
  async handle({ gateway }, { caller, params, query, body }) {
    const at = chatAt(params, query, body)
    const { conversation, participant } = await gateway.chats.addParticipant(caller, at, body.participant)
    const data = { chat: presentChat(conversation), participant: presentParticipant(participant, conversation.channel) }
    return { status: 200, data }
  },
})

const removeParticipant = defineRoute({
  method: 'DELETE',
  path: '/v1/chats/{chatId}/participants/{participantId}',
  operationId: 'removeChatParticipant',
  summary: 'Remove somebody from a group',
  description: 'It is told once as `chat.participant.left`. To go yourself, leave the group.',
  tag: 'Chats',
  scope: 'send',
  params: shape.memberParams,
  query: shape.fromQuery,
  responses: { 200: { description: 'They are out of it.', schema: shape.removed } },
  errors: [...groupErrors, 'NOT_FOUND'],
  async handle({ gateway }, { caller, params, query }) {
    const at = chatAt(params, query)
    const { conversation, participant } = await gateway.chats.removeParticipant(
      caller,
      at,
      withPlus(params.participantId),
    )
    const removedParticipant = presentParticipant(participant, conversation.channel)
    return { status: 200, data: { chat: presentChat(conversation), removedParticipant } }
  },
})

/** Base64 of five megabytes, and what stands around it. */
const iconBytesMax = 8 * 1024 * 1024

const setIcon = defineRoute({
  method: 'POST',
  path: '/v1/chats/{chatId}/icon',
  operationId: 'setChatIcon',
  summary: 'Give a group a picture',
  description:
    'Send the picture, or say where to fetch it: at a public address, within 30 seconds. It is told once as `chat.photo.changed`.',
  tag: 'Chats',
  scope: 'send',
  params: shape.chatParams,
  query: shape.fromQuery,
  body: shape.icon,
  bodyBytesMax: iconBytesMax,
  responses: { 200: { description: 'Everybody in the group sees it.', schema: shape.iconAnswer } },
  errors: groupErrors,
  async handle(inside, { caller, params, query, body }) {
    const conversation = await inside.gateway.chats.setIcon(caller, chatAt(params, query, body), pictureIn(body))
    const photoUrl = photoUrlOf(conversation, linksNow(inside))
    return { status: 200, data: { chat: presentChat(conversation), photoUrl } }
  },
})

function pictureIn(body: z.output<typeof shape.icon>): PictureSource {
  if ('imageUrl' in body && 'imageBase64' in body)
    throw new GatewayError('INVALID_REQUEST', 'Give either `imageUrl` or `imageBase64`, exactly one of the two.')
  return 'imageUrl' in body ? { url: body.imageUrl as string } : { base64: body.imageBase64 as string }
}

const removeIcon = defineRoute({
  method: 'DELETE',
  path: '/v1/chats/{chatId}/icon',
  operationId: 'removeChatIcon',
  summary: 'Take the picture of a group away',
  description: 'It is told once as `chat.photo.changed`, with a `photoUrl` of null.',
  tag: 'Chats',
  scope: 'send',
  params: shape.chatParams,
  query: shape.fromQuery,
  responses: { 200: { description: 'There is none any more.', schema: shape.iconRemoved } },
  errors: groupErrors,
  async handle({ gateway }, { caller, params, query }) {
    const conversation = await gateway.chats.removeIcon(caller, chatAt(params, query))
    return { status: 200, data: { chat: presentChat(conversation), photoUrl: null } }
  },
})

const leaveChat = defineRoute({
  method: 'POST',
  path: '/v1/chats/{chatId}/leave',
  operationId: 'leaveChat',
  summary: 'Leave a group',
  description: 'Its history stays here. No event tells of it: you know.',
  tag: 'Chats',
  scope: 'send',
  params: shape.chatParams,
  query: shape.fromQuery,
  body: shape.fromBody,
  responses: { 200: { description: 'You are out of it.', schema: shape.left } },
  errors: groupErrors,
  async handle({ gateway }, { caller, params, query, body }) {
    const conversation = await gateway.chats.leave(caller, chatAt(params, query, body))
    return { status: 200, data: { ...presentNames(conversation), left: true as const } }
  },
})

export const groupRoutes: readonly Route[] = [
  createGroup,
  renameChat,
  addParticipant,
  removeParticipant,
  setIcon,
  removeIcon,
  leaveChat,
]
