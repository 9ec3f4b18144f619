/** What a group is, and how the server describes one: to whoever asks for it, and to its members when it is made. */
import type { Party } from '../party/party.ts'
import { type BinaryNode, stanza } from '../wire/nodes.ts'

export type Role = 'superadmin' | 'admin' | null

export interface Icon {
  id: string
  image: Buffer
}

export interface Description {
  id: string
  text: string
  /** The LID of whoever wrote it. */
  author: string
  at: number
}

/** What members can change of a group besides who is in it. */
export interface GroupSettings {
  subject: string
  picture: Icon | null
  description: Description | null
  /** Only admins write here. */
  isAnnouncement: boolean
  /** Only admins change what the group is called and looks like, and whether messages disappear. */
  isLocked: boolean
  /** Only admins add others. */
  onlyAdminsAdd: boolean
  /** Messages disappear after so many seconds; 0: they stay. */
  expiration: number
}

export interface Group extends GroupSettings {
  id: string
  creator: Party
  createdAt: number
  members: Map<Party, Role>
}

export interface GroupState extends GroupSettings {
  id: string
  creator: string
  createdAt: number
  members: [number: string, role: Role][]
}

export function newSettings(subject: string): GroupSettings {
  const open = { isAnnouncement: false, isLocked: false, onlyAdminsAdd: false }
  return { subject, picture: null, description: null, ...open, expiration: 0 }
}

export function mayWrite({ members, isAnnouncement }: Group, party: Party): boolean {
  const role = members.get(party)
  return role !== undefined && (role !== null || !isAnnouncement)
}

export function memberNode(party: Party, role: Role): BinaryNode {
  return stanza('participant', { jid: party.lid, phone_number: numberOf(party), type: role ?? undefined })
}

/** As far as they let others know it. */
export function numberOf({ knownBy, jid }: Party): string | undefined {
  return knownBy === 'lid' ? undefined : jid
}

export function described(group: Group): BinaryNode {
  const { id, subject, creator, createdAt, members } = group
  const t = String(createdAt)
  const named = { id: id.replace('@g.us', ''), subject, creator: creator.lid, creator_pn: numberOf(creator) }
  const when = { creation: t, s_t: t, s_o: creator.lid, addressing_mode: 'lid', size: String(members.size) }
  return stanza('group', { ...named, ...when }, [
    ...settingsOf(group),
    ...[...members].map(([party, role]) => memberNode(party, role)),
  ])
}

function settingsOf({ description, isAnnouncement, isLocked, onlyAdminsAdd, expiration }: Group): BinaryNode[] {
  return [
    ...(description === null ? [] : [descriptionNode(description)]),
    ...(isAnnouncement ? [stanza('announcement')] : []),
    ...(isLocked ? [stanza('locked')] : []),
    stanza('member_add_mode', {}, Buffer.from(onlyAdminsAdd ? 'admin_add' : 'all_member_add')),
    ...(expiration > 0 ? [stanza('ephemeral', { expiration: String(expiration) })] : []),
  ]
}

function descriptionNode({ id, text, author, at }: Description): BinaryNode {
  return stanza('description', { id, participant: author, t: String(at) }, [stanza('body', {}, Buffer.from(text))])
}
