/** A change of a group, by whoever tells of it → what becomes of the group, and what is told. Pure; the store runs it. */
import type { Mint } from '../lib/mint.ts'
import {
  aboutOf,
  type ChatChange,
  captured,
  changed,
  changeKey,
  changes,
  type Origin,
  ranked,
} from '../model/chat-change.ts'
import type { Conversation, Participant } from '../model/conversation.ts'
import {
  answered,
  awaiting,
  echoed,
  isNewPhoto,
  isTouched,
  type Recent,
  recentAt,
  touch,
  withdrawn,
  withPhoto,
} from '../model/echo.ts'
import type { EventData, NewEvent } from '../model/event.ts'
import type { Handle } from '../model/ids.ts'
import type { ConversationChange, ConversationRequest, ConversationState } from '../store/conversations.ts'
import { newEvent, type Untold } from './settle.ts'

/** Networks may tell again what was not acknowledged before they lost us. */
export const noticeKeptMs = 24 * 3_600_000

export type Which = Pick<ConversationRequest, 'customerId' | 'of'>

export interface ChangeNews {
  of: Which
  change: ChatChange
  origin: Origin
  actor: Handle | null
  to: Handle | null
  /** How the network names this notice; null for a caller's. */
  notice: { id: string; externalId: string | null } | null
}

/** A caller's change that the network has made, or a notice of a network's: told if it changes anything. */
export function chatChange(news: ChangeNews, mint: Mint): ConversationRequest {
  const { change, origin, notice } = news
  return {
    ...news.of,
    notice: ({ id }) => notice && { key: JSON.stringify([id, changeKey(change), notice.id]), forMs: noticeKeptMs },
    decide: (state) => {
      if (state.repeated || !state.conversation.isGroup) return null
      const now = { ...state, recent: recentAt(state.recent, state.nowMs) }
      return origin === 'caller' ? byCaller(news, now, mint) : byNetwork(news, now, mint)
    },
  }
}

/** A caller is about to ask for it: if its echo comes before the answer, that is told and the answer is not. */
export function asking(of: Which, change: ChatChange): ConversationRequest {
  return remembering(of, (recent, nowMs) => awaiting(recent, change, 'asked', nowMs))
}

/** A group was made under this name, and its network may tell of that later as of a change, when it has another already. */
export function namedAtFirst(of: Which, title: string): ConversationRequest {
  return remembering(of, (recent, nowMs) => awaiting(recent, { what: 'title', title }, 'told', nowMs))
}

/** The network has refused what a caller asked for. */
export function refused(of: Which, change: ChatChange): ConversationRequest {
  return remembering(of, (recent) => withdrawn(recent, change))
}

function remembering(of: Which, next: (recent: Recent, nowMs: number) => Recent): ConversationRequest {
  return {
    ...of,
    decide: ({ conversation, recent, nowMs }) =>
      conversation.isGroup ? { conversation, recent: next(recentAt(recent, nowMs), nowMs), events: [] } : null,
  }
}

function byCaller(news: ChangeNews, state: ConversationState, mint: Mint): ConversationChange {
  const { conversation, nowMs } = state
  const isNews = isNewIn(news, state)
  const { stage, recent } = answered(state.recent, { change: news.change, isNews }, nowMs)
  if (stage === 'heard' || stage === 'crossed') return { conversation, recent: seenBy(news, recent, nowMs), events: [] }
  const expected = stage === null && isNews ? awaiting(recent, news.change, 'told', nowMs) : recent
  return applied(news, { ...state, recent: expected }, { isNews, isTold: !isOurselves(news.change) }, mint)
}

function seenBy({ change, origin }: ChangeNews, recent: Recent, nowMs: number): Recent {
  return change.what === 'photo' ? withPhoto(recent, change, origin, nowMs) : recent
}

function byNetwork(news: ChangeNews, state: ConversationState, mint: Mint): ConversationChange {
  const { echo, recent } = echoed(state.recent, news.change)
  if (echo === 'old') return { conversation: state.conversation, recent, events: [] }
  const isNews = isNewIn(news, { ...state, recent })
  // Whoever leaves knows it.
  const isTold = echo === 'none' || !isOurselves(news.change)
  return applied(news, { ...state, recent }, { isNews, isTold }, mint)
}

function isOurselves(change: ChatChange): boolean {
  return 'member' in change && change.member.role === 'self'
}

function isNewIn({ change, origin }: ChangeNews, { conversation, recent }: ConversationState): boolean {
  return change.what === 'photo' ? isNewPhoto(recent, change, origin) : changes(conversation, change)
}

function applied(
  news: ChangeNews,
  { conversation, recent, nowMs }: ConversationState,
  { isNews, isTold }: { isNews: boolean; isTold: boolean },
  mint: Mint,
): ConversationChange {
  const { change } = news
  const after = isNews ? changed(conversation, change) : captured(conversation, change)
  const told = isNews && isTold ? worded(news, conversation, after) : null
  return {
    conversation: after,
    recent: seenBy(news, isNews ? touch(recent, change, nowMs) : recent, nowMs),
    events: told === null ? [] : [newEvent(told, null, mint)],
  }
}

/** Null: nobody is told of it. */
function worded(news: Telling, before: Conversation, conversation: Conversation): Untold | null {
  const { change, actor, to } = news
  const about = { conversation, channel: conversation.channel, actor, to, externalId: news.notice?.externalId ?? null }
  switch (change.what) {
    case 'title':
      return { type: 'chat.title.changed', data: { ...about, name: change.title } }
    case 'photo':
      return { type: 'chat.photo.changed', data: { ...about, photo: photoOf(change) } }
    case 'joined':
      return { type: 'chat.participant.added', data: { ...about, participant: change.member } }
    case 'left': {
      const participant = before.participants.find(({ handle }) => handle === change.member.handle) ?? change.member
      return { type: 'chat.participant.left', data: { ...about, participant } }
    }
    case 'rank':
      return null
  }
}

type Telling = Pick<ChangeNews, 'change' | 'actor' | 'to' | 'notice'>

function photoOf({ photo }: ChatChange & { what: 'photo' }): EventData['chat.photo.changed']['photo'] {
  if (photo === 'removed') return { url: null }
  return photo.url === null ? null : { url: photo.url }
}

/** What a group is called and who is in it but ourselves, as its network tells it. */
export interface Roster {
  name: string | null
  /** Null when it was not told, or not wholly. */
  participants: readonly Participant[] | null
}

/** Whether a message's account of its group says anything else than what is known. */
export function differs(conversation: Conversation, group: Roster): boolean {
  if (conversation.unheard === true || conversation.absent === true) return true
  return rosterChanges(conversation, group).length > 0 || reranked(conversation, group, () => false) !== conversation
}

/**
 * A message says who is in its group: a change of which no notice has come yet is told now, and its notice is a repeat.
 * But a message may be older than what was told since, and so it changes nothing that anybody has changed lately. Ranks
 * come and go without anybody being told, and so does what is told of a group of which nothing was known.
 */
export function rosterTold(of: Which, group: Roster, to: Handle | null, mint: Mint): ConversationRequest {
  return {
    ...of,
    decide: (state) => {
      const recent = recentAt(state.recent, state.nowMs)
      const isLate = (about: string) => isTouched(recent, about)
      if (state.conversation.unheard) return { conversation: heard(state.conversation, group, isLate), events: [] }
      const start = reranked(present(state.conversation, isLate), group, isLate)
      const news = rosterChanges(start, group).filter((change) => !isLate(aboutOf(change)))
      const events: NewEvent[] = []
      const after = { conversation: start, recent, events }
      for (const change of news) {
        const before = after.conversation
        after.conversation = changed(before, change)
        after.recent = touch(after.recent, change, state.nowMs)
        const told = worded({ change, actor: null, to, notice: null }, before, after.conversation)
        if (told !== null) events.push(newEvent(told, null, mint))
      }
      return after.conversation === state.conversation ? null : after
    },
  }
}

type IsLate = (about: string) => boolean

/** What a network answers when it is asked about a group of which nothing was known. */
export function answer(of: Which, group: Roster): ConversationRequest {
  return {
    ...of,
    decide: ({ conversation, recent, nowMs }) => {
      if (conversation.unheard !== true) return null
      const now = recentAt(recent, nowMs)
      return { conversation: heard(conversation, group, (about) => isTouched(now, about)), events: [] }
    },
  }
}

/** From now on it is known; whatever was told of it since is newer than this. */
function heard(conversation: Conversation, group: Roster, isLate: IsLate): Conversation {
  const name = isLate('title') ? conversation.name : group.name
  if (group.participants === null) return name === conversation.name ? conversation : { ...conversation, name }
  const { unheard: _, ...known } = present(conversation, isLate)
  const isKept = (one: Participant) => isLate(`member ${one.handle}`)
  const there = conversation.participants.filter(isKept)
  const others = group.participants.filter((one) => !isKept(one))
  return { ...known, name, participants: [...others, ...there] }
}

/** Whoever hears from a group is in it. */
function present(conversation: Conversation, isLate: IsLate): Conversation {
  if (conversation.absent !== true || isLate('member self')) return conversation
  const { absent: _, ...there } = conversation
  return there
}

/** What of a group's own account of itself is news, member by member; whoever is in it already may have another rank. */
function rosterChanges(conversation: Conversation, { name, participants }: Roster): ChatChange[] {
  const news: ChatChange[] = name === null ? [] : [{ what: 'title', title: name }]
  const named = news.filter((change) => changes(conversation, change))
  if (participants === null) return named
  const known = new Set(conversation.participants.map(({ handle }) => handle))
  const there = new Set(participants.map(({ handle }) => handle))
  const joined = participants.filter(({ handle }) => !known.has(handle))
  const left = conversation.participants.filter(({ handle }) => !there.has(handle))
  return [
    ...named,
    ...joined.map((member) => ({ what: 'joined' as const, member })),
    ...left.map((member) => ({ what: 'left' as const, member })),
  ]
}

function reranked(conversation: Conversation, { participants }: Roster, isLate: IsLate): Conversation {
  const ranks = new Map((participants ?? []).map((one) => [one.handle, one]))
  const rankedNow = (one: Participant) => {
    const told = ranks.get(one.handle)
    if (told === undefined || (told.admin === one.admin && told.role === one.role)) return one
    return isLate(`rank ${one.handle}`) ? one : ranked(one, told.admin)
  }
  const now = conversation.participants.map(rankedNow)
  return now.every((one, nth) => one === conversation.participants[nth])
    ? conversation
    : { ...conversation, participants: now }
}
