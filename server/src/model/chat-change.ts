/** Changes of a group, made by callers or by others: what each makes of the conversation, and which are worth telling. Pure. */
import type { Conversation, Participant, PictureFile, ShownPhoto } from './conversation.ts'
import type { Handle } from './ids.ts'

export type ChatChange =
  | { what: 'title'; title: string }
  | { what: 'photo'; photo: Photo | 'removed' }
  | { what: 'joined' | 'left'; member: Participant }
  /** They have the rank of this member from now on. Nobody is told. */
  | { what: 'rank'; member: Participant }

export interface Photo {
  /** The same for the same picture, as far as whoever tells of it can say so. */
  mark: string | null
  /** Where its network has it; null when it does not say. */
  url: string | null
  /** Its bytes; absent when they could not be captured. */
  file?: PictureFile
}

/** Who tells of a change: the caller who made it, or the network, whose news may be the echo of a caller's. */
export type Origin = 'caller' | 'network'

export function memberOf(handle: Handle, phoneKnown = handle.startsWith('+')): Participant {
  return { handle, contactId: null, role: 'member', admin: null, phoneKnown }
}

/** A roster as a network tells it, which may list ourselves. Whoever made the group is its owner, where the network says so. */
export function membersOf(
  group: { members: readonly { handle: Handle; phoneKnown: boolean; admin: Participant['admin'] }[] },
  us: Ourselves,
): Participant[] {
  const others = group.members.filter(({ handle }) => !isOurs(us, handle))
  return others.map(({ handle, phoneKnown, admin }) => ranked(memberOf(handle, phoneKnown), admin))
}

export function ranked(member: Participant, admin: Participant['admin']): Participant {
  return { ...member, role: admin === 'superadmin' ? 'owner' : 'member', admin }
}

/** What a line is known by. */
export interface Ourselves {
  address: Handle | null
  email?: Handle | null
}

/** As others have written to it: by its number, if it has one. */
export function ownName({ address, email = null }: Ourselves): Handle | null {
  return address ?? email
}

export function isOurs({ address, email = null }: Ourselves, handle: Handle | null): boolean {
  return handle !== null && (handle === address || handle === email)
}

/** What a change is known by: two with the same key are the same change, whoever tells of them. */
export function changeKey(change: ChatChange): string {
  return JSON.stringify([change.what, normal(change)])
}

/** What it changes: of two changes about the same, the later one counts. */
export function aboutOf(change: ChatChange): string {
  if (!('member' in change)) return change.what
  return `${change.what === 'rank' ? 'rank' : 'member'} ${nameOf(change.member)}`
}

function normal(change: ChatChange): string {
  if (change.what === 'title') return plain(change.title)
  if (change.what === 'photo') return change.photo === 'removed' ? 'removed' : `set ${change.photo.mark ?? ''}`
  return nameOf(change.member)
}

/** Whatever number or address we were named by. */
function nameOf({ handle, role }: Participant): string {
  return role === 'self' ? 'self' : handle
}

/** Networks trim and compose what was written. */
function plain(name: string): string {
  return name.normalize('NFC').trim()
}

/** The conversation after the change; the same object when it changes nothing. */
export function changed(conversation: Conversation, change: ChatChange): Conversation {
  if (change.what === 'photo') return pictured(conversation, change.photo)
  if (change.what === 'title') {
    const isKnown = conversation.name !== null && plain(conversation.name) === plain(change.title)
    return isKnown ? conversation : { ...conversation, name: change.title }
  }
  return change.what === 'rank' ? promoted(conversation, change.member) : moved(conversation, change)
}

function pictured(conversation: Conversation, photo: Photo | 'removed'): Conversation {
  const { photo: before, ...bare } = conversation
  if (before !== undefined && photo !== 'removed' && isSame(before, photo)) return conversation
  if (photo === 'removed' || photo.file === undefined) return before === undefined ? conversation : bare
  const { hash, mimeType } = photo.file
  return { ...bare, photo: { mark: photo.mark, hash, mimeType } }
}

function isSame(before: ShownPhoto, { mark, file }: Photo): boolean {
  return mark === before.mark && (file === undefined ? mark !== null : file.hash === before.hash)
}

/** Of two who tell of one picture, only the later may have its bytes. */
export function captured(conversation: Conversation, change: ChatChange): Conversation {
  return change.what === 'photo' && conversation.photo === undefined ? changed(conversation, change) : conversation
}

function promoted(conversation: Conversation, { handle, role, admin }: Participant): Conversation {
  const known = conversation.participants.find((one) => one.handle === handle)
  if (known === undefined || (known.admin === admin && known.role === role)) return conversation
  const participants = conversation.participants.map((one) => (one === known ? { ...one, role, admin } : one))
  return { ...conversation, participants }
}

function moved(conversation: Conversation, { what, member }: ChatChange & { what: 'joined' | 'left' }): Conversation {
  // The line itself is in no roster.
  if (member.role === 'self') {
    if ((conversation.absent === true) === (what === 'left')) return conversation
    const { absent: _, ...present } = conversation
    return what === 'left' ? { ...present, absent: true } : present
  }
  const { handle } = member
  const others = conversation.participants.filter((one) => one.handle !== handle)
  const isThere = others.length < conversation.participants.length
  if (isThere === (what === 'joined')) return conversation
  return { ...conversation, participants: what === 'joined' ? [...others, member] : others }
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

/** Nothing in it tells whether a photo is news; and of a group whose roster nobody has told, anybody may leave. */
export function changes(conversation: Conversation, change: ChatChange): boolean {
  if (change.what === 'photo' || changed(conversation, change) !== conversation) return true
  return change.what === 'left' && conversation.unheard === true && change.member.role !== 'self'
}
