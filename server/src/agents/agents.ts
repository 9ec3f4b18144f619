/** Agents as their owners make, change and post them, and what they see of their work. */
import type { SafeFetch } from '../lib/egress/safe-fetch.ts'
import type { Mint } from '../lib/mint.ts'
import {
  type Agent,
  type AgentChange,
  type AgentFields,
  type AgentPause,
  type AgentTurn,
  type NewAgent,
  type SessionAgent,
  usualManner,
} from '../model/agents/agent.ts'
import { GatewayError } from '../model/errors.ts'
import type { AgentId, ConversationId, CustomerId, Handle, LineId, MessageId } from '../model/ids.ts'
import type { Line } from '../model/line.ts'
import type { AgentStore, KeyGiven } from '../store/agents/agents.ts'
import type { TurnStore } from '../store/agents/turns.ts'

export interface AgentsOptions {
  mint: Mint
  egress: Pick<SafeFetch, 'problemWith'>
  agents: AgentStore
  agentTurns: TurnStore
  lines(customerId: CustomerId): Promise<readonly Line[]>
}

interface By {
  customerId: CustomerId
}

export interface Agents {
  /** Oldest first. */
  list(by: By): Promise<readonly Agent[]>
  get(by: By, id: AgentId): Promise<Agent>
  /** Throws VALIDATION_ERROR for a base URL that may not be reached. */
  create(by: By, input: NewAgent): Promise<Agent>
  /** A base URL on another server needs the key given again: who may only change it does not get to see it. */
  change(by: By, id: AgentId, change: AgentChange): Promise<Agent>
  remove(by: By, id: AgentId): Promise<void>
  /** The new default of a line takes the place of the one before. Not saying: it is, if the line has none yet. */
  attach(by: By, id: AgentId, line: LineId, how: { isActive: boolean; isDefault: boolean | null }): Promise<Agent>
  detach(by: By, id: AgentId, line: LineId): Promise<void>
  /** What it answered and what it did not, newest first, for 30 days. */
  log(
    by: By,
    id: AgentId,
    page: { limit: number; after: MessageId | null },
  ): Promise<{ rows: readonly AgentTurn[]; hasMore: boolean }>
  /** Chats in which agents keep silent. One in which a person answers by hand is found here once somebody has written to it since. */
  pauses(by: By): Promise<readonly AgentPause[]>
  /** Null: an agent may answer this person. */
  pauseWith(by: By, line: LineId, person: Handle): Promise<AgentPause | null>
  /** Agents may answer this person again, whoever wrote by hand before. */
  resume(by: By, line: LineId, person: Handle): Promise<void>
  /** The agents of each of these lines, for whoever shows lines. */
  ofSessions(by: By, lines: readonly LineId[]): Promise<ReadonlyMap<LineId, readonly SessionAgent[]>>
}

const agentsMax = 100

export function createAgents(options: AgentsOptions): Agents {
  return { ...owning(options), ...posting(options), ...watching(options) }
}

function owning(options: AgentsOptions): Pick<Agents, 'list' | 'get' | 'create' | 'change' | 'remove'> {
  const { agents, egress, mint } = options
  return {
    list: (by) => agents.list(by.customerId),
    get: (by, id) => found(options, by, id),
    async create(by, { apiKey, manner, ...input }) {
      await refuseUnsafe(egress, input.baseUrl)
      const id = mint() as AgentId
      const now = new Date(0)
      const fresh: Agent = {
        ...{ ...input, id, customerId: by.customerId, provider: 'openai-compatible', keyEnd: null, posts: [] },
        ...{ manner: { ...usualManner, ...manner }, createdAt: now, updatedAt: now },
      }
      const agent = await agents.add(fresh, { apiKey }, agentsMax)
      if (agent !== null) return agent
      throw new GatewayError('CONFLICT', `You have ${agentsMax} agents, which is the limit. Delete one first.`)
    },
    async change(by, id, change) {
      if (change.baseUrl !== undefined) await refuseUnsafe(egress, change.baseUrl)
      const agent = await agents.change(by.customerId, id, (before) => changed(before, change))
      if (agent === null) throw notFound()
      return agent
    },
    async remove(by, id) {
      if (!(await agents.remove(by.customerId, id))) throw notFound()
    },
  }
}

function changed(before: Agent, change: AgentChange): { fields: AgentFields; key: KeyGiven | null } {
  const { apiKey, manner, ...rest } = change
  const fields = { ...before, ...rest, manner: { ...before.manner, ...manner } }
  const isElsewhere = new URL(fields.baseUrl).origin !== new URL(before.baseUrl).origin
  if (isElsewhere && before.keyEnd !== null && apiKey === undefined) {
    const message = 'Give the key again, or null for none: the one there is belongs to another server.'
    throw new GatewayError('VALIDATION_ERROR', `api_key: ${message}`, { details: [{ path: 'api_key', message }] })
  }
  return { fields, key: apiKey === undefined ? null : { apiKey } }
}

async function refuseUnsafe(egress: AgentsOptions['egress'], baseUrl: string): Promise<void> {
  const { search, hash } = new URL(baseUrl)
  const plain = search === '' && hash === '' ? null : 'Leave out what comes after the path.'
  const message = plain ?? (await egress.problemWith(baseUrl))
  if (message === null) return
  throw new GatewayError('VALIDATION_ERROR', `base_url: ${message}`, { details: [{ path: 'base_url', message }] })
}

async function found({ agents }: AgentsOptions, by: By, id: AgentId): Promise<Agent> {
  const agent = await agents.get(by.customerId, id)
  if (agent === null) throw notFound()
  return agent
}

function notFound(): GatewayError {
  return new GatewayError('NOT_FOUND', 'There is no such agent.')
}

function posting(options: AgentsOptions): Pick<Agents, 'attach' | 'detach' | 'ofSessions'> {
  const { agents } = options
  return {
    async attach(by, id, lineId, how) {
      await ownLine(options, by, lineId)
      if (!(await agents.post({ customerId: by.customerId, agentId: id, lineId, ...how }))) throw notFound()
      return found(options, by, id)
    },
    async detach(by, id, lineId) {
      await ownLine(options, by, lineId)
      if (!(await agents.unpost(by.customerId, id, lineId)))
        throw new GatewayError('NOT_FOUND', 'This agent is not attached to this session.')
    },
    async ofSessions(by, lines) {
      return Map.groupBy(await agents.ofLines(by.customerId, lines), ({ lineId }) => lineId)
    },
  }
}

async function ownLine({ lines }: AgentsOptions, by: By, id: LineId): Promise<void> {
  if ((await lines(by.customerId)).some((line) => line.id === id)) return
  throw new GatewayError('NOT_FOUND', 'There is no such session.')
}

function watching(options: AgentsOptions): Pick<Agents, 'log' | 'pauses' | 'pauseWith' | 'resume'> {
  const { agentTurns } = options
  return {
    async log(by, id, page) {
      await found(options, by, id)
      return agentTurns.log(by.customerId, id, page)
    },
    pauses: (by) => agentTurns.pauses(by.customerId),
    async pauseWith(by, lineId, person) {
      const conversationId = await chatWith(options, by, { lineId, person })
      const stored = await agentTurns.pauseOf(by.customerId, conversationId)
      if (stored !== null) return { lineId, conversationId, person, ...stored }
      const answering = await options.agents.answering(by.customerId, lineId)
      if (answering === null) return null
      const { pauseMinutes } = answering.agent.manner
      const at = await agentTurns.byHandAt({ ...by, lineId, person }, conversationId, pauseMinutes)
      if (at === null) return null
      const until = new Date(at.getTime() + pauseMinutes * 60_000)
      return { lineId, conversationId, person, reason: 'by_hand', until }
    },
    async resume(by, lineId, person) {
      const conversationId = await chatWith(options, by, { lineId, person })
      await agentTurns.resume({ customerId: by.customerId, lineId, conversationId })
    },
  }
}

async function chatWith(
  options: AgentsOptions,
  by: By,
  { lineId, person }: { lineId: LineId; person: Handle },
): Promise<ConversationId> {
  await ownLine(options, by, lineId)
  const id = await options.agentTurns.chatWith({ customerId: by.customerId, lineId, person })
  if (id === null) throw new GatewayError('CONVERSATION_NOT_FOUND', 'There is no chat with this number.')
  return id
}
