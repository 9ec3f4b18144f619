/** What agents have to answer: claimed by the chat, read with all that counts, and ended under the fence of whoever claimed it. */
import type { AgentPause, AgentTurn, PauseReason, TurnReason, TurnState } from '../../model/agents/agent.ts'
import type { Said } from '../../model/agents/turn.ts'
import type { AgentId, ConversationId, CustomerId, LineId, MessageId } from '../../model/ids.ts'
import type { Fence } from '../changes.ts'
import type { Db, Statement } from '../db.ts'
import * as sql from './turn-sql.ts'

/** A chat that this process may answer in, until its lease ends. */
export interface ClaimedChat {
  customerId: CustomerId
  conversationId: ConversationId
  lineId: LineId
  fence: Fence
}

export interface ClaimChats {
  chatsMax: number
  leaseMs: number
  node: number
  /** Whose chats are left alone for now. */
  butNot: readonly CustomerId[]
}

/** One message that waits for an answer; the newest of a chat leads. */
export interface OpenTurn {
  messageId: MessageId
  attempts: number
  saidAt: Date
  /** Null: it was deleted or taken back. */
  text: string | null
  /** What the model said before whoever worked at it went away. */
  reply: string | null
}

/** What is known of a chat and of its agent, as of now. */
export interface ChatFacts {
  now: Date
  pausedUntil: Date | null
  byHandAt: Date | null
  isOtherAgent: boolean
  repliesLastMinute: number
  repliesLastFiveMinutes: number
  repliesLastHour: number
  /** With those that chats which were claimed before may be about to get. */
  repliesLastDay: number
  tokensLastDay: number
}

export interface ChatEnd {
  state: Exclude<TurnState, 'pending' | 'working'>
  reason: TurnReason | null
  agentId: AgentId | null
  replyId: MessageId | null
  pause: { reason: PauseReason; until: Date } | null
}

interface TurnRow {
  message_id: MessageId
  agent_id: AgentId
  line_id: LineId
  conversation_id: ConversationId
  person: string | null
  state: TurnState
  reason: TurnReason | null
  attempts: number
  tokens: number
  reply_id: MessageId | null
  created_at: Date
  ended_at: Date | null
}

export interface FactsAsked {
  /** Null: nobody answers on the line any more. */
  agentId: AgentId | null
  person: string | null
  pauseMinutes: number
}

export function createTurnStore(db: Db) {
  return Object.assign(working(db), watching(db))
}

export type TurnStore = ReturnType<typeof createTurnStore>

function working(db: Db) {
  const held = async (chat: ClaimedChat, statement: Statement, values: readonly unknown[]): Promise<boolean> =>
    (await db.query(statement, [chat.customerId, chat.conversationId, chat.fence, ...values])).length > 0
  return {
    claim: ({ chatsMax, leaseMs, node, butNot }: ClaimChats): Promise<ClaimedChat[]> =>
      db.query<ClaimedChat>(sql.claim, [chatsMax, leaseMs, node, butNot]),

    /** Oldest first. */
    open: (chat: ClaimedChat): Promise<OpenTurn[]> =>
      db.query<OpenTurn>(sql.open, [chat.customerId, chat.conversationId]),

    /** The chat until this message, with what we said since; oldest first, and last what waits for an answer. */
    async history(chat: ClaimedChat, until: MessageId, messagesMax: number): Promise<Said[]> {
      const rows = await db.query<Said>(sql.history, [chat.customerId, chat.conversationId, until, messagesMax])
      return rows.reverse()
    },

    async facts(chat: ClaimedChat, { agentId, person, pauseMinutes }: FactsAsked): Promise<ChatFacts> {
      const { customerId, conversationId, lineId, fence } = chat
      const values = [customerId, conversationId, lineId, person, pauseMinutes, agentId, fence]
      const [row] = await db.query<ChatFacts>(sql.facts, values)
      if (row === undefined) throw new Error(`Chat ${conversationId} of an agent is gone.`)
      return row
    },

    /** Keeps the answer, if there is any, and what it cost before it is sent. False: somebody else has the chat by now, and nothing may be sent. */
    keepReply: (
      chat: ClaimedChat,
      leader: MessageId,
      said: { reply: string | null; tokens: number },
    ): Promise<boolean> => held(chat, sql.keepReply, [leader, said.reply, said.tokens]),

    /** What is under way in the chat up to this message has come to this end; the rest is to be answered at once. Null: all. */
    async end(chat: ClaimedChat, upTo: MessageId | null, how: ChatEnd): Promise<boolean> {
      const { state, reason, agentId, replyId, pause } = how
      return held(chat, sql.end, [state, reason, agentId, replyId, pause?.until ?? null, pause?.reason ?? null, upTo])
    },

    /** It is tried again. */
    again: (chat: ClaimedChat, afterMs: number, reason: TurnReason): Promise<boolean> =>
      held(chat, sql.again, [afterMs, reason]),

    /** Forgets turns that ended long ago; returns how many there were. */
    forget: async (rowsMax: number): Promise<number> => (await db.query(sql.forget, [rowsMax])).length,
  }
}

/** What owners see of it, and what they may do about it. */
function watching(db: Db) {
  return {
    /** Newest first; one row more than asked for says that there is a next page. */
    async log(
      customerId: CustomerId,
      agentId: AgentId,
      page: { limit: number; after: MessageId | null },
    ): Promise<{ rows: AgentTurn[]; hasMore: boolean }> {
      const rows = await db.query<TurnRow>(sql.log, [customerId, agentId, page.after, page.limit + 1])
      return { rows: rows.slice(0, page.limit).map(turnFrom), hasMore: rows.length > page.limit }
    },

    pauses: (customerId: CustomerId): Promise<AgentPause[]> => db.query<AgentPause>(sql.pauses, [customerId]),

    /** The chat of two with somebody on a line. */
    async chatWith(place: { customerId: CustomerId; lineId: LineId; person: string }): Promise<ConversationId | null> {
      const [row] = await db.query<{ id: ConversationId }>(sql.chatWith, [place.customerId, place.lineId, place.person])
      return row?.id ?? null
    },

    async pauseOf(customerId: CustomerId, id: ConversationId): Promise<{ until: Date; reason: PauseReason } | null> {
      const [row] = await db.query<{ until: Date; reason: PauseReason }>(sql.pauseOf, [customerId, id])
      return row ?? null
    },

    /** When somebody last answered by hand, if that still counts. */
    async byHandAt(
      { customerId, lineId, person }: { customerId: CustomerId; lineId: LineId; person: string },
      conversationId: ConversationId,
      pauseMinutes: number,
    ): Promise<Date | null> {
      const values = [customerId, conversationId, lineId, person, pauseMinutes]
      return (await db.query<{ at: Date | null }>(sql.byHandAt, values))[0]?.at ?? null
    },

    async resume(place: { customerId: CustomerId; lineId: LineId; conversationId: ConversationId }): Promise<void> {
      await db.query(sql.resume, [place.customerId, place.conversationId, place.lineId])
    },
  }
}

function turnFrom(row: TurnRow): AgentTurn {
  return {
    messageId: row.message_id,
    agentId: row.agent_id,
    lineId: row.line_id,
    conversationId: row.conversation_id,
    person: row.person,
    state: row.state,
    reason: row.reason,
    attempts: row.attempts,
    tokens: row.tokens,
    replyId: row.reply_id,
    createdAt: row.created_at,
    endedAt: row.ended_at,
  }
}
