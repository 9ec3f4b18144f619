/** Changes of a group, made by callers or by others: what each makes of the conversation, and which are worth telling. Pure. */
import type { Conversation, Participant } from './conversation.ts'
import type { Handle } from './ids.ts'

export type ChatChange =
  | { what: 'title'; title: string }
  | { what: 'photo'; photo: Photo | 'removed' }
  | { what: 'joined' | 'left'; member: Participant }

export interface Photo {
  /** The same for the same picture, as far as whoever tells of it can say so. */
  mark: string | null
  /** Null when it could not be captured. */
  url: string | null
}

/** Who tells of a change: the caller who made it, or the network, whose news may be the echo of a caller's. */
export type Origin = 'caller' | 'network'

/** The other origin's news of a change within this time is the same change. */
export const echoWithinMs = 60_000

export function memberOf(handle: Handle, phoneKnown = handle.startsWith('+')): Participant {
  return { handle, contactId: null, role: 'member', admin: null, phoneKnown }
}

/** A roster as a network tells it. Whoever made the group is its owner, where the network says so. */
export function membersOf(group: {
  members: readonly { handle: Handle; phoneKnown: boolean; admin: Participant['admin'] }[]
}): Participant[] {
  return group.members.map(({ handle, phoneKnown, admin }) => {
    const role = admin === 'superadmin' ? 'owner' : 'member'
    return { ...memberOf(handle, phoneKnown), role, admin }
  })
}

/** What a change is known by: two with the same key are the same change, whoever tells of them. */
export function changeKey({ id }: Conversation, change: ChatChange): string {
  return JSON.stringify([id, change.what, normal(change)])
}

function normal(change: ChatChange): string {
  if (change.what === 'title') return plain(change.title)
  if (change.what === 'photo') return change.photo === 'removed' ? 'removed' : `set ${change.photo.mark ?? ''}`
  return change.member.handle
}

/** Networks trim and compose what was written. */
function plain(name: string): string {
  return name.normalize('NFC').trim()
}

/** The conversation after the change; the same object when it changes nothing. What a photo changes is not kept here. */
export function changed(conversation: Conversation, change: ChatChange): Conversation {
  if (change.what === 'photo') return conversation
  if (change.what === 'title') {
    const isKnown = conversation.name !== null && plain(conversation.name) === plain(change.title)
    return isKnown ? conversation : { ...conversation, name: change.title }
  }
  // The line itself is in no roster.
  if (change.member.role === 'self') return conversation
  const { handle } = change.member
  const others = conversation.participants.filter((one) => one.handle !== handle)
  const isThere = others.length < conversation.participants.length
  if (isThere === (change.what === 'joined')) return conversation
  const participants = change.what === 'joined' ? [...others, change.member] : others
  return { ...conversation, participants }
}

/** Somebody's other name turned out to be this number: from now on they are in the roster once, under it. */
export function underNumber(conversation: Conversation, alias: Handle, phone: Handle): Conversation {
  const { participants } = conversation
  const named = participants.find(({ handle }) => handle === alias)
  if (named === undefined) return conversation
  const numbered = participants.find(({ handle }) => handle === phone)
  const one: Participant = {
    handle: phone,
    contactId: numbered?.contactId ?? named.contactId,
    role: named.role === 'member' ? (numbered?.role ?? 'member') : named.role,
    admin: highest(named.admin, numbered?.admin ?? null),
    phoneKnown: true,
  }
  const others = participants.filter((other) => other !== numbered)
  return { ...conversation, participants: others.map((other) => (other === named ? one : other)) }
}

function highest(one: Participant['admin'], other: Participant['admin']): Participant['admin'] {
  return one === 'superadmin' || other === null ? one : other
}

/** Of a photo, and of our own coming and going, nothing is kept that would tell whether it is news. */
export function changes(conversation: Conversation, change: ChatChange): boolean {
  const isKept = change.what === 'title' || (change.what !== 'photo' && change.member.role !== 'self')
  return !isKept || changed(conversation, change) !== conversation
}

export interface Seen {
  /** Who told of the same change within the last minute. */
  seen: Origin | null
  origin: Origin
  changes: boolean
}

/**
 * Dropped are the echo of a change that was told already, even if the conversation has moved on since (an older echo
 * must not undo a newer change), and whatever changes nothing: a repeat, or an echo that comes late.
 */
export function isNews({ seen, origin, changes }: Seen): boolean {
  if (seen !== null && seen !== origin) return false
  return changes
}
