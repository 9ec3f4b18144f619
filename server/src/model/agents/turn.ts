/** Whether an agent answers, and what becomes of it when its model fails. Pure: no clock, no I/O. */
import type { Channel } from '../channel.ts'
import { choiceIn } from '../opt-out.ts'
import type { AgentManner, FailReason, PauseReason, SkipReason } from './agent.ts'

/** One text of a chat of two. */
export interface Said {
  by: 'them' | 'us'
  text: string
  at: Date
}

interface Heard {
  channel: Channel
  from: string
  /** The line's own. */
  address: string | null
  isGroup: boolean
  /** A one-time code, which is shown to nobody. */
  isWithheld: boolean
  text: string | null
}

/** Known when it comes in; all else is asked when its turn has come. */
export function mayAskForAnswer({ channel, from, address, isGroup, isWithheld, text }: Heard): boolean {
  if (channel !== 'whatsapp' || isGroup || isWithheld || from === address) return false
  return text !== null && text.trim() !== ''
}

/** Everything that counts when the turn of a chat has come. */
export interface TurnFacts {
  /** Of the agent that answers on the line by now; null: there is none. */
  manner: AgentManner | null
  now: Date
  /** When the newest of what is to be answered was said. */
  saidAt: Date
  /** All that is to be answered, as far as it still stands. */
  texts: readonly string[]
  isOptedOut: boolean
  /** At the other end answers an agent of this very gateway. */
  isOtherAgent: boolean
  pausedUntil: Date | null
  /** When somebody last answered by hand. */
  byHandAt: Date | null
  /** Of agents in this chat. */
  repliesLastMinute: number
  repliesLastFiveMinutes: number
  repliesLastHour: number
  /** Of this agent in all chats, within 24 hours. */
  repliesLastDay: number
  tokensLastDay: number
  /** The chat so far, oldest first, and last what is to be answered. */
  history: readonly Said[]
}

export type TurnDecision =
  | { do: 'answer' }
  | { do: 'skip'; why: SkipReason; pause: Pause | null; notice: string | null }

export interface Pause {
  reason: PauseReason
  until: Date
}

const minuteMs = 60_000
/** Whoever has waited longer than this has found another way. */
const answerableMs = 15 * minuteMs

export function decideTurn(facts: TurnFacts): TurnDecision {
  const { manner, now, texts } = facts
  if (manner === null) return skip('no_agent')
  if (texts.length === 0) return skip('gone')
  if (now.getTime() - facts.saidAt.getTime() > answerableMs) return skip('too_old')
  if (facts.isOptedOut) return skip('opted_out')
  if (facts.isOtherAgent) return skip('other_agent')
  if (facts.pausedUntil !== null && facts.pausedUntil > now) return skip('paused')
  const pauseMs = manner.pauseMinutes * minuteMs
  const silence = (reason: PauseReason, from: Date): Pause => ({ reason, until: new Date(from.getTime() + pauseMs) })
  const byHand = facts.byHandAt === null ? null : silence('by_hand', facts.byHandAt)
  if (byHand !== null && byHand.until > now) return skip('paused', byHand)
  if (texts.some((text) => choiceIn(text) === 'out')) return skip('stopped', silence('stopped', now))
  if (texts.some((text) => asksForPerson(text, manner.handoverKeywords)))
    return { ...skip('handover', silence('handover', now)), notice: manner.handoverNotice }
  if (isLoop(facts)) return skip('loop', silence('loop', now))
  if (facts.repliesLastMinute >= manner.repliesPerMinute) return skip('replies_per_minute')
  if (facts.repliesLastDay >= manner.repliesPerDay) return skip('replies_per_day')
  if (facts.tokensLastDay >= manner.tokensPerDay) return skip('tokens_per_day')
  return { do: 'answer' }
}

function skip(why: SkipReason, pause: Pause | null = null): TurnDecision & { do: 'skip' } {
  return { do: 'skip', why, pause, notice: null }
}

const around = /^[\s\p{P}\p{Cf}]+|[\s\p{P}\p{Cf}]+$/gu

/** Only a word that stands alone: "Is there a human agent?" may well be answered. */
function asksForPerson(text: string, keywords: readonly string[]): boolean {
  const plain = (words: string) => words.replace(around, '').replace(/\s+/g, ' ').toLowerCase()
  const asked = plain(text)
  return asked !== '' && keywords.some((keyword) => plain(keyword) === asked)
}

const recentMs = 10 * minuteMs
/** So many answers in five minutes are plenty, unless somebody is seen to type; so many are too many in any case. */
const repliesSuspect = 8
const repliesTooMany = 20
const repliesPerHourTooMany = 60
const sameReplies = 3
const instantMs = 1_000
const instantAnswers = 5

/** Two machines that answer each other never tire; people do, and they take time to read and to type. */
export function isLoop(
  facts: Pick<TurnFacts, 'now' | 'history' | 'repliesLastFiveMinutes' | 'repliesLastHour'>,
): boolean {
  const { now, repliesLastFiveMinutes, repliesLastHour } = facts
  if (repliesLastFiveMinutes >= repliesTooMany || repliesLastHour >= repliesPerHourTooMany) return true
  const recent = facts.history.filter(({ at }) => now.getTime() - at.getTime() <= recentMs)
  const ours = recent.filter(({ by }) => by === 'us').slice(-sameReplies)
  if (ours.length === sameReplies && new Set(ours.map(({ text }) => text.trim().toLowerCase())).size === 1) return true
  const answers = answersIn(recent)
  const latest = answers.slice(-instantAnswers)
  if (latest.length === instantAnswers && latest.every(({ afterMs }) => afterMs <= instantMs)) return true
  const typed = answers.filter(isTyped).length
  return repliesLastFiveMinutes >= repliesSuspect && typed * 2 <= answers.length
}

interface Answer {
  text: string
  afterMs: number
}

/** What they said first after each text of ours. What they said before they could read it is no answer to it. */
function answersIn(said: readonly Said[]): Answer[] {
  return said.flatMap(({ by, text, at }, index) => {
    const before = said[index - 1]
    if (by !== 'them' || before?.by !== 'us' || at < before.at) return []
    return [{ text, afterMs: at.getTime() - before.at.getTime() }]
  })
}

const readingMs = 2_000
/** Nobody types faster than this for long. */
const charsPerSecond = 15

function isTyped({ text, afterMs }: Answer): boolean {
  return afterMs >= readingMs && text.length <= (charsPerSecond * afterMs) / 1_000
}

/** What went wrong with the model's server. */
export interface ModelTrouble {
  reason: FailReason
  /** As the server asked. */
  retryAfterMs: number | null
}

export type AfterFailure = { again: true; afterMs: number } | { again: false; reason: FailReason }

const passing: ReadonlySet<FailReason> = new Set(['model_timeout', 'model_busy', 'model_down', 'gateway_failed'])
const pausesMs = [2_000, 10_000, 30_000]
const retryAfterMaxMs = 5 * minuteMs

/** `attempts` counts the one that failed. */
export function afterFailure({ reason, retryAfterMs }: ModelTrouble, attempts: number): AfterFailure {
  const pauseMs = pausesMs[attempts - 1]
  if (!passing.has(reason) || pauseMs === undefined) return { again: false, reason }
  return { again: true, afterMs: Math.max(pauseMs, Math.min(retryAfterMs ?? 0, retryAfterMaxMs)) }
}
