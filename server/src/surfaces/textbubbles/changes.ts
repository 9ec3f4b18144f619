/** What can be done to a message after it was sent or received: edit, unsend, retry, react, read. */
import type { CallCode } from '../../model/errors.ts'
import { defineRoute, type Route } from '../route.ts'
import { messageIdOf, wireMessageId } from './ids.ts'
import * as shape from './message-schema.ts'
import { linksNow, presentMessage, presentStatus } from './present.ts'

/** A change reaches the recipient through the channel that carried the message, and only while that is connected. */
const changeErrors: readonly CallCode[] = [
  'CHANNEL_NOT_SUPPORTED',
  'INVALID_STATUS',
  'MISSING_EXTERNAL_ID',
  'NOT_FOUND',
  'NO_CHANNEL_AVAILABLE',
  'PROVIDER_TIMEOUT',
  'WHATSAPP_NOT_CONNECTED',
]

const editMessage = defineRoute({
  method: 'PUT',
  path: '/v1/messages/{id}',
  operationId: 'editMessage',
  summary: 'Edit a sent message',
  description: 'Replaces the text the recipient sees. iMessage only.',
  tag: 'Changes',
  scope: 'send',
  params: shape.messageParams,
  body: shape.editMessage,
  responses: { 200: { description: 'The message with its new text.', schema: shape.message } },
  errors: [...changeErrors, 'ALREADY_UNSENT', 'EDIT_FAILED'],
  async handle(inside, { caller, params, body }) {
    const fallbackText = body.backwardsCompatibilityMessage ?? null
    const message = await inside.gateway.messages.edit(caller, messageIdOf(params.id), body.text, fallbackText)
    return { status: 200, data: presentMessage(message, linksNow(inside)) }
  },
})

const unsendMessage = defineRoute({
  method: 'POST',
  path: '/v1/messages/{id}/unsend',
  operationId: 'unsendMessage',
  summary: 'Take a sent message back',
  description: 'Removes the message from the conversation of the recipient. iMessage only.',
  tag: 'Changes',
  scope: 'send',
  params: shape.messageParams,
  responses: { 200: { description: 'Taken back.', schema: shape.unsentMessage } },
  errors: [...changeErrors, 'ALREADY_UNSENT', 'UNSEND_FAILED'],
  async handle({ gateway }, { caller, params }) {
    const message = await gateway.messages.unsend(caller, messageIdOf(params.id))
    return { status: 200, data: { id: wireMessageId(message.id), status: 'unsent' as const } }
  },
})

const retryMessage = defineRoute({
  method: 'POST',
  path: '/v1/messages/{id}/retry',
  operationId: 'retryMessage',
  summary: 'Send a failed message again',
  description:
    'Keeps the id and everything the message says; only `failed` ones can be retried. After `OUTCOME_UNKNOWN` the recipient may get it twice: the network never told whether the first one arrived.',
  tag: 'Changes',
  scope: 'send',
  params: shape.messageParams,
  responses: { 202: { description: 'Queued again.', schema: shape.retriedMessage } },
  errors: ['INVALID_STATUS', 'NOT_FOUND'],
  async handle({ gateway }, { caller, params }) {
    const { id, status, pending, retryCount } = await gateway.messages.retry(caller, messageIdOf(params.id))
    return { status: 202, data: { id: wireMessageId(id), status: presentStatus(status, pending), retryCount } }
  },
})

const reactToMessage = defineRoute({
  method: 'POST',
  path: '/v1/messages/{id}/reactions',
  operationId: 'reactToMessage',
  summary: 'React to a message',
  description:
    'Adds your reaction to a message of either direction, or takes it back. A second one replaces the first. iMessage and WhatsApp.',
  tag: 'Changes',
  scope: 'send',
  params: shape.messageParams,
  body: shape.reactToMessage,
  responses: { 200: { description: 'The recipient sees it.', schema: shape.reactionAnswer } },
  errors: [...changeErrors, 'MISSING_WHATSAPP_JID', 'REACTION_FAILED', 'WHATSAPP_REACTION_FAILED'],
  async handle({ gateway }, { caller, params, body }) {
    const id = messageIdOf(params.id)
    await gateway.messages.react(caller, id, body.type)
    return { status: 200, data: { messageId: wireMessageId(id), reaction: body.type } }
  },
})

const readMessage = defineRoute({
  method: 'POST',
  path: '/v1/messages/{id}/read',
  operationId: 'markMessageRead',
  summary: 'Tell the sender that a message was read',
  description: 'For messages that came in over WhatsApp or iMessage.',
  tag: 'Changes',
  scope: 'send',
  params: shape.messageParams,
  responses: { 200: { description: 'The receipt is sent.', schema: shape.readAnswer } },
  errors: [...changeErrors, 'READ_FAILED'],
  async handle({ gateway }, { caller, params }) {
    const id = messageIdOf(params.id)
    await gateway.messages.markRead(caller, id)
    return { status: 200, data: { messageId: wireMessageId(id), read: true as const } }
  },
})

export const changeRoutes: readonly Route[] = [editMessage, unsendMessage, retryMessage, reactToMessage, readMessage]
