/** A change of a group, by whoever tells of it → what is looked up, decided and told. Pure; the store runs it. */
import type { Mint } from '../lib/mint.ts'
import {
  type ChatChange,
  changed,
  changeKey,
  changes,
  echoWithinMs,
  isNews,
  type Origin,
} from '../model/chat-change.ts'
import type { Conversation, Participant } from '../model/conversation.ts'
import type { EventData } from '../model/event.ts'
import type { Handle } from '../model/ids.ts'
import type { ConversationRequest } from '../store/conversations.ts'
import { newEvent, type Untold } from './settle.ts'

/** Networks may tell again what was not acknowledged before they lost us. */
export const noticeKeptMs = 24 * 3_600_000

export interface ChangeNews {
  of: Pick<ConversationRequest, 'customerId' | 'of'>
  change: ChatChange
  origin: Origin
  actor: Handle | null
  to: Handle | null
  /** How the network names this notice; null for a caller's. */
  notice: { id: string; externalId: string | null } | null
  /** Whoever tells may be behind the times: it must not undo what a caller did lately. */
  mayBeOld?: true
}

export function chatChange(news: ChangeNews, mint: Mint): ConversationRequest {
  const { change, origin, notice } = news
  return {
    ...news.of,
    origin,
    keys: (conversation) => {
      const key = changeKey(conversation, change)
      return {
        change: { key, forMs: echoWithinMs },
        notice: notice === null ? null : { key: JSON.stringify([key, notice.id]), forMs: noticeKeptMs },
        undoes: news.mayBeOld ? undoneBy(conversation, change) : null,
      }
    },
    decide: ({ conversation, seen, repeated, undone }) => {
      if (repeated || undone === 'caller' || !conversation.isGroup) return null
      if (!isNews({ seen, origin, changes: changes(conversation, change) })) return null
      const after = changed(conversation, change)
      return { conversation: after, event: newEvent(worded(news, conversation, after), null, mint) }
    },
  }
}

function undoneBy(conversation: Conversation, change: ChatChange): string | null {
  if (change.what === 'photo') return null
  if (change.what !== 'title')
    return changeKey(conversation, { ...change, what: change.what === 'joined' ? 'left' : 'joined' })
  return conversation.name === null ? null : changeKey(conversation, { what: 'title', title: conversation.name })
}

function worded(news: ChangeNews, before: Conversation, conversation: Conversation): Untold {
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
  }
}

function photoOf({ photo }: ChatChange & { what: 'photo' }): EventData['chat.photo.changed']['photo'] {
  if (photo === 'removed') return { url: null }
  return photo.url === null ? null : { url: photo.url }
}

/** What of a group's own account of itself is news, member by member; whoever is in it already may have another rank. */
export function rosterChanges(conversation: Conversation, group: Roster): ChatChange[] {
  const known = new Set(conversation.participants.map(({ handle }) => handle))
  const present = new Set(group.participants.map(({ handle }) => handle))
  const news: ChatChange[] = []
  if (group.name !== null) news.push({ what: 'title', title: group.name })
  for (const member of group.participants) if (!known.has(member.handle)) news.push({ what: 'joined', member })
  for (const member of conversation.participants) if (!present.has(member.handle)) news.push({ what: 'left', member })
  return news.filter((change) => changes(conversation, change))
}

export interface Roster {
  name: string | null
  participants: readonly Participant[]
}

/** Ranks come and go without anybody being told, and so does a roster of which nothing was known. */
export function amendment(of: ChangeNews['of'], group: Roster): ConversationRequest {
  return {
    ...of,
    origin: 'network',
    keys: () => ({ change: null, notice: null, undoes: null }),
    decide: ({ conversation }) => {
      const after = amended(conversation, group)
      return after === conversation ? null : { conversation: after, event: null }
    },
  }
}

export function amended(conversation: Conversation, group: Roster): Conversation {
  // Made by a send, before anything was heard of it. One that somebody emptied has its name.
  const isUnknown = conversation.participants.length === 0 && conversation.name === null
  if (isUnknown && group.participants.length > 0)
    return { ...conversation, name: group.name, participants: group.participants }
  const ranks = new Map(group.participants.map((one) => [one.handle, one]))
  const isSame = (one: Participant) => {
    const told = ranks.get(one.handle)
    return told === undefined || (told.admin === one.admin && told.role === one.role)
  }
  if (conversation.participants.every(isSame)) return conversation
  const participants = conversation.participants.map((one) => {
    const told = ranks.get(one.handle)
    return told === undefined ? one : { ...one, admin: told.admin, role: told.role }
  })
  return { ...conversation, participants }
}
