/** One turn of a chat: everything that counts is read, decided on, and the model's answer is sent like any caller's message. */
import type { Draft } from '../messaging/draft.ts'
import type { Submitted } from '../messaging/submit.ts'
import { type AgentManner, usualManner } from '../model/agents/agent.ts'
import { historyMessagesMax, promptOf, replyOf } from '../model/agents/prompt.ts'
import { afterFailure, decideTurn, type ModelTrouble, type TurnDecision } from '../model/agents/turn.ts'
import type { Channel } from '../model/channel.ts'
import type { Conversation } from '../model/conversation.ts'
import { GatewayError } from '../model/errors.ts'
import type { ConversationId, CustomerId, Handle, MessageId } from '../model/ids.ts'
import type { Message } from '../model/message.ts'
import type { AgentStore } from '../store/agents/agents.ts'
import type { ChatEnd, ClaimedChat, OpenTurn, TurnStore } from '../store/agents/turns.ts'
import { type ModelCall, ModelFailure } from './model-call.ts'

export interface AnsweringOptions {
  store: Pick<AgentStore, 'answering'>
  turns: Pick<TurnStore, 'open' | 'history' | 'facts' | 'keepReply' | 'end' | 'again'>
  conversation(customerId: CustomerId, id: ConversationId): Promise<Conversation | null>
  /** Of these channels, those on which nothing may be sent to this person. */
  closed(customerId: CustomerId, handle: Handle, channels: readonly Channel[]): Promise<readonly Channel[]>
  ask: ModelCall
  submit(customerId: CustomerId, draft: Draft): Promise<Submitted>
  /** The message that has this idempotency key already. */
  winner(customerId: CustomerId, idempotencyKey: string): Promise<{ message: Message } | null>
  /** Somebody types in the chat until the work is done. */
  whileTyping<Result>(chat: ClaimedChat, work: () => Promise<Result>): Promise<Result>
  onError(error: unknown): void
}

type Answering = NonNullable<Awaited<ReturnType<AgentStore['answering']>>>

/** A chat with what waits in it; `leader` is the newest, by whose id the answer is known. */
interface Turn {
  chat: ClaimedChat
  all: readonly OpenTurn[]
  leader: OpenTurn
  by: Answering | null
}

export async function answerChat(options: AnsweringOptions, chat: ClaimedChat, signal: AbortSignal): Promise<void> {
  const all = await options.turns.open(chat)
  const leader = all.at(-1)
  if (leader === undefined) return void (await options.turns.end(chat, null, ended('skipped', 'gone', null)))
  const turn: Turn = { chat, all, leader, by: null }
  try {
    turn.by = await options.store.answering(chat.customerId, chat.lineId)
    await takeTurn(options, turn, signal)
  } catch (error) {
    if (signal.aborted) return
    const trouble = troubleOf(error)
    if (trouble.reason === 'gateway_failed') options.onError(error)
    await settleFailure(options, turn, trouble)
  }
}

/** Whoever worked at it before may have sent an answer, or have been about to. What came in after it is another turn. */
function asLeft(turn: Turn): { turn: Turn; kept: OpenTurn | undefined } {
  const at = turn.all.findIndex(({ reply }) => reply !== null)
  const kept = turn.all[at]
  return { turn: kept === undefined ? turn : { ...turn, all: turn.all.slice(0, at + 1), leader: kept }, kept }
}

async function takeTurn(options: AnsweringOptions, whole: Turn, signal: AbortSignal): Promise<void> {
  const { turn, kept } = asLeft(whole)
  const { chat, by } = turn
  const sent = kept === undefined ? null : await options.winner(chat.customerId, keyOf(kept.messageId))
  if (sent !== null) return end(options, turn, ended('done', null, sent.message.id))
  const decision = await decide(options, turn)
  if (decision.do === 'skip') return skip(options, turn, decision)
  if (by === null) return
  const reply = kept?.reply ?? (await think(options, turn, { by, signal }))
  if (reply === null) return
  // While the model was thinking a person may have taken the chat over, or the agent's owner have taken it away.
  const still = await decide(options, { ...turn, by: await sameAgent(options, chat, by) })
  if (still.do === 'skip') return skip(options, turn, still)
  const { id } = await send(options, turn, { messageId: turn.leader.messageId, text: reply })
  await end(options, turn, ended('done', null, id))
}

async function sameAgent({ store }: AnsweringOptions, chat: ClaimedChat, by: Answering): Promise<Answering | null> {
  const now = await store.answering(chat.customerId, chat.lineId)
  return now?.agent.id === by.agent.id ? now : null
}

async function decide(options: AnsweringOptions, turn: Turn): Promise<TurnDecision> {
  const { chat, all, leader, by } = turn
  const manner = by?.agent.manner ?? null
  const person = await personIn(options, chat)
  const [history, facts, closed] = await Promise.all([
    options.turns.history(chat, leader.messageId, historyMessagesMax),
    options.turns.facts(chat, { agentId: by?.agent.id ?? null, person, pauseMinutes: manner?.pauseMinutes ?? 0 }),
    person === null ? [] : options.closed(chat.customerId, person, ['whatsapp']),
  ])
  const texts = all.flatMap(({ text }) => (text === null ? [] : [text]))
  return decideTurn({
    ...{ ...facts, manner, texts, history },
    ...{ saidAt: leader.saidAt, isOptedOut: closed.length > 0 },
  })
}

async function personIn(options: AnsweringOptions, chat: ClaimedChat): Promise<Handle | null> {
  const conversation = await options.conversation(chat.customerId, chat.conversationId)
  return conversation?.participants[0]?.handle ?? null
}

async function skip(
  options: AnsweringOptions,
  turn: Turn,
  { why, pause, notice }: TurnDecision & { do: 'skip' },
): Promise<void> {
  const text = notice === null ? null : replyOf(notice, usualManner.maxReplyChars)
  const sent = text === null ? null : await send(options, turn, { messageId: turn.leader.messageId, text })
  await end(options, turn, { ...ended('skipped', why, sent?.id ?? null), pause })
}

/** The answer, kept. Null: somebody else has the chat by now. */
async function think(
  { turns, ask, whileTyping }: AnsweringOptions,
  { chat, leader }: Turn,
  { by, signal }: { by: Answering; signal: AbortSignal },
): Promise<string | null> {
  const { agent, apiKey } = by
  const { baseUrl, model, systemPrompt } = agent
  const { maxTokens, temperature, maxReplyChars }: AgentManner = agent.manner
  const messages = promptOf(systemPrompt, await turns.history(chat, leader.messageId, historyMessagesMax))
  const { text, tokens } = await whileTyping(chat, () =>
    ask({ baseUrl, apiKey, model, messages, maxTokens, temperature }, signal),
  )
  const reply = replyOf(text, maxReplyChars)
  const isOurs = await turns.keepReply(chat, leader.messageId, { reply, tokens })
  if (reply === null) throw new ModelFailure('model_empty')
  return isOurs ? reply : null
}

function keyOf(messageId: MessageId): string {
  return `agent:${messageId}`
}

/** An ordinary message: it may be repeated, for its key makes it one. */
async function send(
  { submit }: AnsweringOptions,
  { chat, by }: Turn,
  { messageId, text }: { messageId: MessageId; text: string },
): Promise<Message> {
  const { message } = await submit(chat.customerId, {
    ...{ to: null, conversationId: chat.conversationId, from: null },
    content: { text, mediaUrls: [], effect: null, location: null },
    ...{ attachments: [], replyTo: null, mentions: [], preference: ['whatsapp'], fallback: false },
    ...{ scheduledAt: null, idempotencyKey: keyOf(messageId), callbackUrl: null },
    metadata: { agent: { id: by?.agent.id ?? null, name: by?.agent.name ?? null } },
    correlationId: `cor_${messageId.replaceAll('-', '')}`,
  })
  return message
}

function ended(state: ChatEnd['state'], reason: ChatEnd['reason'], replyId: MessageId | null): ChatEnd {
  return { state, reason, replyId, agentId: null, pause: null }
}

async function end({ turns }: AnsweringOptions, { chat, leader, by }: Turn, how: ChatEnd): Promise<void> {
  await turns.end(chat, leader.messageId, { ...how, agentId: by?.agent.id ?? null })
}

async function settleFailure(options: AnsweringOptions, turn: Turn, trouble: ModelTrouble): Promise<void> {
  const next = afterFailure(trouble, turn.leader.attempts)
  if (next.again) await options.turns.again(turn.chat, next.afterMs, trouble.reason)
  else await end(options, turn, ended('failed', next.reason, null))
}

function troubleOf(error: unknown): ModelTrouble {
  if (error instanceof ModelFailure) return error
  const isRefusal = error instanceof GatewayError && error.code !== 'SERVICE_UNAVAILABLE'
  return { reason: isRefusal ? 'reply_refused' : 'gateway_failed', retryAfterMs: null }
}
