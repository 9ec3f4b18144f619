/** An agent: a language model behind somebody's server that answers people in a customer's name, and how far it may go. */
import type { AgentId, ConversationId, CustomerId, LineId, MessageId } from '../ids.ts'

/** How an agent answers, when it makes way for a person, and where it stops. */
export interface AgentManner {
  /** Of each answer; null leaves it to the server. */
  maxTokens: number | null
  temperature: number | null
  /** Longer answers are cut at the end of a sentence. */
  maxReplyChars: number
  /** Whoever writes one of these, and nothing else, wants a person. */
  handoverKeywords: readonly string[]
  /** What they are told then; null: nothing. */
  handoverNotice: string | null
  /** How long it keeps silent in a chat once a person has answered there, or was asked for. */
  pauseMinutes: number
  /** In one chat. */
  repliesPerMinute: number
  /** In any 24 hours, over all chats. */
  repliesPerDay: number
  tokensPerDay: number
}

export const usualManner: AgentManner = {
  maxTokens: null,
  temperature: null,
  maxReplyChars: 2_000,
  handoverKeywords: ['human', 'agent'],
  handoverNotice: null,
  pauseMinutes: 60,
  repliesPerMinute: 6,
  repliesPerDay: 500,
  tokensPerDay: 500_000,
}

/** Where an agent works. On each line one agent at most is the default, and that one answers while it is active. */
export interface AgentPost {
  lineId: LineId
  isActive: boolean
  isDefault: boolean
}

/** An agent as its line shows it. */
export interface SessionAgent extends AgentPost {
  id: AgentId
  name: string
}

/** All that its owner chooses, but for the key. */
export interface AgentFields {
  name: string
  systemPrompt: string
  /** Of the chat endpoint, without `/chat/completions`. */
  baseUrl: string
  model: string
  manner: AgentManner
}

export interface Agent extends AgentFields {
  id: AgentId
  customerId: CustomerId
  provider: 'openai-compatible'
  /** The end of its key, by which the owner knows which one it is; null: it has none. */
  keyEnd: string | null
  posts: readonly AgentPost[]
  createdAt: Date
  updatedAt: Date
}

export type NewAgent = Omit<AgentFields, 'manner'> & { apiKey: string | null; manner: Partial<AgentManner> }

/** Only what is named changes; a key of null takes it away. */
export type AgentChange = Partial<NewAgent>

/**
 * One message that an agent may have to answer. `skipped`: by its rules nobody answers, and `reason` says by which.
 * `failed`: it should have been answered and was not.
 */
export const turnStates = ['pending', 'working', 'done', 'failed', 'skipped'] as const
export type TurnState = (typeof turnStates)[number]

export interface AgentTurn {
  /** What was said. */
  messageId: MessageId
  agentId: AgentId
  lineId: LineId
  conversationId: ConversationId
  /** Who said it. */
  person: string | null
  state: TurnState
  reason: TurnReason | null
  attempts: number
  /** Spent on this answer, as the server counts them. */
  tokens: number
  /** The answer, or the notice that a person will take over. Several turns have one together. */
  replyId: MessageId | null
  createdAt: Date
  endedAt: Date | null
}

const skipReasons = [
  'no_agent',
  'gone',
  'too_old',
  'opted_out',
  'other_agent',
  'paused',
  'stopped',
  'handover',
  'loop',
  'replies_per_minute',
  'replies_per_day',
  'tokens_per_day',
] as const
export type SkipReason = (typeof skipReasons)[number]

const failReasons = [
  'model_timeout',
  'model_busy',
  'model_down',
  'model_unreachable',
  'model_refused_key',
  'model_refused',
  'model_garbage',
  'model_empty',
  'reply_refused',
  'gateway_failed',
] as const
export type FailReason = (typeof failReasons)[number]

export const turnReasons = [...skipReasons, ...failReasons] as const
export type TurnReason = (typeof turnReasons)[number]

/** Why no agent answers in a chat for a while. */
export const pauseReasons = ['by_hand', 'handover', 'stopped', 'loop'] as const
export type PauseReason = (typeof pauseReasons)[number]

export interface AgentPause {
  lineId: LineId
  conversationId: ConversationId
  /** The other one in the chat. */
  person: string | null
  reason: PauseReason
  until: Date
}
