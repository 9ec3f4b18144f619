/** Agents in this surface's words: made, attached to sessions, watched, and told to speak again. */
import type { z } from 'zod'
import type { Agent, AgentChange, AgentManner, AgentPause, AgentTurn } from '../../../model/agents/agent.ts'
import type { CallCode } from '../../../model/errors.ts'
import { defineRoute, type Route } from '../../route.ts'
import { messageIdOf, personOf, plainIdOf, sessionIdOf, wireMessageId, wirePerson } from '../ids.ts'
import { done } from '../schema.ts'
import * as shape from './schema.ts'

const tag = 'AI agents'

type Asked = z.output<typeof shape.changeAgent>

/** Without what was not said. */
function mannerIn(body: Asked): Partial<AgentManner> {
  const some: Partial<Record<keyof AgentManner, unknown>> = {
    maxTokens: body.max_tokens,
    temperature: body.temperature,
    maxReplyChars: body.max_reply_chars,
    handoverKeywords: body.handover_keywords,
    handoverNotice: body.handover_notice,
    pauseMinutes: body.pause_minutes,
    repliesPerMinute: body.replies_per_minute,
    repliesPerDay: body.replies_per_day,
    tokensPerDay: body.tokens_per_day,
  }
  return said(some) as Partial<AgentManner>
}

function changeIn(body: Asked): AgentChange {
  const { name, system_prompt: systemPrompt, base_url: baseUrl, model, api_key: apiKey } = body
  return { ...(said({ name, systemPrompt, baseUrl, model, apiKey }) as AgentChange), manner: mannerIn(body) }
}

function said(some: object): object {
  return Object.fromEntries(Object.entries(some).filter(([, value]) => value !== undefined))
}

function presentAgent(agent: Agent): z.input<typeof shape.agent> {
  const { id, name, systemPrompt, provider, baseUrl, model, manner, keyEnd, posts } = agent
  return {
    ...{ id, name, system_prompt: systemPrompt, provider, base_url: baseUrl, model },
    ...{ has_api_key: keyEnd !== null, api_key_end: keyEnd === '' ? null : keyEnd },
    is_active: posts.some(({ isActive }) => isActive),
    is_default: posts.some(({ isDefault }) => isDefault),
    session_ids: posts.map(({ lineId }) => lineId),
    sessions: posts.map(({ lineId, isActive, isDefault }) => {
      return { session_id: lineId, is_active: isActive, is_default: isDefault }
    }),
    max_tokens: manner.maxTokens,
    temperature: manner.temperature,
    max_reply_chars: manner.maxReplyChars,
    handover_keywords: [...manner.handoverKeywords],
    handover_notice: manner.handoverNotice,
    pause_minutes: manner.pauseMinutes,
    replies_per_minute: manner.repliesPerMinute,
    replies_per_day: manner.repliesPerDay,
    tokens_per_day: manner.tokensPerDay,
    ...{ created_at: agent.createdAt.toISOString(), updated_at: agent.updatedAt.toISOString() },
  }
}

function presentTurn(turn: AgentTurn): z.input<typeof shape.agentLog>['data'][number] {
  const { messageId, lineId, person, state, reason, attempts, tokens, replyId } = turn
  const chat = person ?? ''
  return {
    message_id: wireMessageId('inbound', chat, messageId),
    session_id: lineId,
    phone: person === null ? null : wirePerson(person),
    ...{ state, reason, attempts, tokens },
    reply_id: replyId === null ? null : wireMessageId('outbound', chat, replyId),
    ...{ created_at: turn.createdAt.toISOString(), ended_at: turn.endedAt?.toISOString() ?? null },
  }
}

function presentPause({ lineId, person, reason, until }: AgentPause): z.input<typeof shape.pauseList>['data'][number] {
  const phone = person === null ? null : wirePerson(person)
  return { session_id: lineId, phone, reason, until: until.toISOString() }
}

const listAgents = defineRoute({
  method: 'GET',
  path: '/api/v1/agents',
  operationId: 'listAgents',
  summary: 'List your agents',
  description: 'All of them, oldest first, with the sessions they are attached to.',
  tag,
  scope: 'read',
  bare: true,
  responses: { 200: { description: 'All of them.', schema: shape.agentList } },
  errors: [],
  async handle({ gateway }, { caller }) {
    return { status: 200, data: { data: (await gateway.agents.list(caller)).map(presentAgent) } }
  },
})

const createAgent = defineRoute({
  method: 'POST',
  path: '/api/v1/agents',
  operationId: 'createAgent',
  summary: 'Create an agent',
  description:
    'A language model behind a server of your choice. It answers nobody until it is attached to a session. You may have 100.',
  tag,
  scope: 'manage',
  bare: true,
  body: shape.newAgent,
  responses: { 201: { description: 'The agent.', schema: shape.agent } },
  errors: ['CONFLICT'],
  async handle({ gateway }, { caller, body }) {
    const { name, system_prompt: systemPrompt, base_url: baseUrl, model } = body
    const fields = { name, systemPrompt, baseUrl, model, apiKey: body.api_key ?? null, manner: mannerIn(body) }
    return { status: 201, data: presentAgent(await gateway.agents.create(caller, fields)) }
  },
})

const listPauses = defineRoute({
  method: 'GET',
  path: '/api/v1/agents/pauses',
  operationId: 'listAgentPauses',
  summary: 'List chats in which agents are silent',
  description:
    'The longest first, 1,000 at most. A chat that a person answers by hand is in it once somebody has written there since.',
  tag,
  scope: 'read',
  bare: true,
  responses: { 200: { description: 'All of them.', schema: shape.pauseList } },
  errors: [],
  async handle({ gateway }, { caller }) {
    return { status: 200, data: { data: (await gateway.agents.pauses(caller)).map(presentPause) } }
  },
})

const getAgent = defineRoute({
  method: 'GET',
  path: '/api/v1/agents/{id}',
  operationId: 'getAgent',
  summary: 'Read an agent',
  description: 'One agent as it is now. Of its key only the end is shown.',
  tag,
  scope: 'read',
  bare: true,
  params: shape.agentParams,
  responses: { 200: { description: 'The agent.', schema: shape.agent } },
  errors: ['NOT_FOUND'],
  async handle({ gateway }, { caller, params }) {
    return { status: 200, data: presentAgent(await gateway.agents.get(caller, plainIdOf<'agent'>(params.id))) }
  },
})

const changeAgent = defineRoute({
  method: 'PATCH',
  path: '/api/v1/agents/{id}',
  operationId: 'changeAgent',
  summary: 'Change an agent',
  description: 'Only what is named changes. It counts from the next text that is answered.',
  tag,
  scope: 'manage',
  bare: true,
  params: shape.agentParams,
  body: shape.changeAgent,
  responses: { 200: { description: 'The agent after the change.', schema: shape.agent } },
  errors: ['NOT_FOUND'],
  async handle({ gateway }, { caller, params, body }) {
    const agent = await gateway.agents.change(caller, plainIdOf<'agent'>(params.id), changeIn(body))
    return { status: 200, data: presentAgent(agent) }
  },
})

const deleteAgent = defineRoute({
  method: 'DELETE',
  path: '/api/v1/agents/{id}',
  operationId: 'deleteAgent',
  summary: 'Delete an agent',
  description: 'It is gone from all sessions, with its key. What it has written stays.',
  tag,
  scope: 'manage',
  bare: true,
  params: shape.agentParams,
  responses: { 200: { description: 'Deleted.', schema: done } },
  errors: ['NOT_FOUND'],
  async handle({ gateway }, { caller, params }) {
    await gateway.agents.remove(caller, plainIdOf<'agent'>(params.id))
    return { status: 200, data: { success: true as const, message: 'The agent is deleted.' } }
  },
})

const getLog = defineRoute({
  method: 'GET',
  path: '/api/v1/agents/{id}/log',
  operationId: 'getAgentLog',
  summary: 'See what an agent did',
  description: 'Every text that came in while it was to answer, newest first, and what became of it. Kept for 30 days.',
  tag,
  scope: 'read',
  bare: true,
  params: shape.agentParams,
  query: shape.logQuery,
  responses: { 200: { description: 'A page of it.', schema: shape.agentLog } },
  errors: ['NOT_FOUND'],
  async handle({ gateway }, { caller, params, query }) {
    const page = { limit: query.limit, after: query.before === undefined ? null : messageIdOf(query.before) }
    const { rows, hasMore } = await gateway.agents.log(caller, plainIdOf<'agent'>(params.id), page)
    return { status: 200, data: { data: rows.map(presentTurn), has_more: hasMore } }
  },
})

const attachAgent = defineRoute({
  method: 'PUT',
  path: '/api/v1/session/{id}/agents/{agentId}',
  operationId: 'attachAgent',
  summary: 'Attach an agent to a session',
  description: 'Also changes how it is attached. The default agent of a session answers while it is active.',
  tag,
  scope: 'manage',
  bare: true,
  params: shape.postParams,
  body: shape.post,
  responses: { 200: { description: 'The agent with its sessions.', schema: shape.agent } },
  errors: ['NOT_FOUND'],
  async handle({ gateway }, { caller, params, body }) {
    const how = { isActive: body.is_active, isDefault: body.is_default ?? null }
    const agent = await gateway.agents.attach(caller, plainIdOf<'agent'>(params.agentId), sessionIdOf(params.id), how)
    return { status: 200, data: presentAgent(agent) }
  },
})

const detachAgent = defineRoute({
  method: 'DELETE',
  path: '/api/v1/session/{id}/agents/{agentId}',
  operationId: 'detachAgent',
  summary: 'Detach an agent from a session',
  description: 'It answers nobody there any more, not even those who wait for an answer.',
  tag,
  scope: 'manage',
  bare: true,
  params: shape.postParams,
  responses: { 200: { description: 'Detached.', schema: done } },
  errors: ['NOT_FOUND'],
  async handle({ gateway }, { caller, params }) {
    await gateway.agents.detach(caller, plainIdOf<'agent'>(params.agentId), sessionIdOf(params.id))
    return { status: 200, data: { success: true as const, message: 'The agent is detached.' } }
  },
})

const chatErrors: readonly CallCode[] = ['CONVERSATION_NOT_FOUND', 'NOT_FOUND']

const getPause = defineRoute({
  method: 'GET',
  path: '/api/v1/session/{id}/chats/{phone}/agent',
  operationId: 'getAgentPause',
  summary: 'See whether agents are silent in a chat',
  description: 'They are for a while after a person has answered by hand, or was asked for.',
  tag,
  scope: 'read',
  bare: true,
  params: shape.chatParams,
  responses: { 200: { description: 'As it is now.', schema: shape.chatState } },
  errors: chatErrors,
  async handle({ gateway }, { caller, params }) {
    const pause = await gateway.agents.pauseWith(caller, sessionIdOf(params.id), personOf(params.phone))
    const until = pause?.until.toISOString() ?? null
    return { status: 200, data: { paused: pause !== null, reason: pause?.reason ?? null, until } }
  },
})

const resume = defineRoute({
  method: 'DELETE',
  path: '/api/v1/session/{id}/chats/{phone}/agent',
  operationId: 'resumeAgent',
  summary: 'Let agents answer in a chat again',
  description: 'From the next text on, whoever has written by hand before.',
  tag,
  scope: 'manage',
  bare: true,
  params: shape.chatParams,
  responses: { 200: { description: 'They may answer, whether or not they were silent.', schema: done } },
  errors: chatErrors,
  async handle({ gateway }, { caller, params }) {
    await gateway.agents.resume(caller, sessionIdOf(params.id), personOf(params.phone))
    return { status: 200, data: { success: true as const, message: 'Agents may answer in this chat.' } }
  },
})

export const agentRoutes: readonly Route[] = [
  ...[listAgents, createAgent, listPauses, getAgent, changeAgent, deleteAgent, getLog],
  ...[attachAgent, detachAgent, getPause, resume],
]
