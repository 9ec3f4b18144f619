/** Notifications and typing: what changes in a group, who turns out to be whom, and who is writing just now. */
import type { Readable } from 'node:stream'
import type { BinaryNode } from 'baileys'
import type { Handle, ProviderChatId, ProviderMessageId } from '../../../model/ids.ts'
import type { ChatChange, Incoming } from '../../connector.ts'
import { chatOf, isGroup, isUs, nameIn, spelledId } from '../names.ts'
import { type Numbers, underNumber } from './numbers.ts'
import { attribute, childrenOf, type Here, type Person, personIn, timeIn } from './stanzas.ts'
import { cut } from './values.ts'

export interface NoticeEar extends Here {
  /** What a group shows now. */
  picture(chat: ProviderChatId): Promise<Readable>
}

const titleMax = 1_024
const childrenMax = 16

export function noticesOf(node: BinaryNode, ear: NoticeEar): Incoming[] {
  const type = attribute(node, 'type')
  const chat = chatOf(attribute(node, 'from'))
  const isAboutGroup = chat !== null && isGroup(chat)
  if (type === 'w:gp2') return isAboutGroup ? groupNotices(node, chat, ear) : []
  if (type === 'picture' && isAboutGroup) return pictureNotices(node, chat, ear)
  // Of devices, identities and accounts only this is told: that a person has both of these names.
  return ear.pairs.news(personIn(node, 'from', ear.us)?.pair ?? null)
}

/** The group of which everything that was known before counts no more. */
export function touches(node: BinaryNode): ProviderChatId | null {
  const chat = attribute(node, 'type') === 'w:gp2' ? chatOf(attribute(node, 'from')) : null
  return chat !== null && isGroup(chat) ? chat : null
}

function groupNotices(node: BinaryNode, chat: ProviderChatId, { us, pairs, clock }: Here): Incoming[] {
  const actor = personIn(node, 'participant', us)
  const deeds = childrenOf(node).slice(0, childrenMax)
  const people = deeds.flatMap((deed) => membersIn(deed, us))
  const changes = deeds.flatMap((deed) => changesIn(deed, actor, us))
  const about = noticeOf(node, { chat, actor, clock })
  return [
    ...pairs.news(actor?.pair ?? null, ...people.map(({ pair }) => pair)),
    ...changes.map((change): Incoming => ({ ...about, change })),
  ]
}

function noticeOf(
  node: BinaryNode,
  { chat, actor, clock }: { chat: ProviderChatId; actor: Person | null } & Pick<Here, 'clock'>,
) {
  return {
    kind: 'chat' as const,
    providerId: spelledId(attribute(node, 'id')) as ProviderMessageId | null,
    chat,
    actor: actor?.handle ?? null,
    at: timeIn(attribute(node, 't'), clock),
  }
}

/** Of a group that was made just now, everybody in it. */
function membersIn(deed: BinaryNode, us: Here['us']): Person[] {
  const nodes =
    deed.tag === 'create' ? childrenOf(deed, 'group').flatMap((group) => childrenOf(group)) : childrenOf(deed)
  const members = nodes.filter(({ tag }) => tag === 'participant')
  return members.flatMap((member) => personIn(member, 'jid', us) ?? [])
}

function changesIn(deed: BinaryNode, actor: Person | null, us: Here['us']): ChatChange[] {
  const { tag } = deed
  const members = membersIn(deed, us)
  if (tag === 'subject') {
    const title = attribute(deed, 'subject')
    return title === null ? [] : [{ what: 'title', title: cut(title, titleMax) }]
  }
  // Whoever is added, be it again, hears of it as of a new group.
  if (tag === 'create')
    return members.flatMap(({ handle }) => (handle === ourHandle(us) ? { what: 'joined', member: handle } : []))
  if (tag === 'add') return members.map(({ handle }) => ({ what: 'joined', member: handle }))
  if (tag === 'remove' || tag === 'leave') {
    const gone = members.length === 0 && tag === 'leave' && actor !== null ? [actor] : members
    return gone.map(({ handle }) => ({ what: 'left', member: handle }))
  }
  if (tag !== 'promote' && tag !== 'demote') return []
  const admin = tag === 'promote' ? 'admin' : null
  return members.map(({ handle }) => ({ what: 'rank', member: handle, admin }))
}

function ourHandle(us: Here['us']): Handle {
  return `+${us.pn}` as Handle
}

function pictureNotices(node: BinaryNode, chat: ProviderChatId, ear: NoticeEar): Incoming[] {
  const deed = childrenOf(node).find(({ tag }) => tag === 'set' || tag === 'delete')
  if (deed === undefined) return []
  const actor = personIn(node, 'participant', ear.us) ?? authorOf(deed, ear.us)
  const mark = attribute(deed, 'id')
  const photo = deed.tag === 'delete' ? 'removed' : { mark, url: null, open: () => ear.picture(chat) }
  const about = noticeOf(node, { chat, actor, clock: ear.clock })
  return [...ear.pairs.news(actor?.pair ?? null), { ...about, change: { what: 'photo', photo } }]
}

function authorOf(deed: BinaryNode, us: Here['us']): Person | null {
  const author = attribute(deed, 'author')
  return author === null ? null : personIn({ tag: '', attrs: { participant: author } }, 'participant', us)
}

/** Pausing says that they write no more; recordings are typing as well. */
export async function typingOf(node: BinaryNode, here: Here & Numbers): Promise<Incoming[]> {
  const from = attribute(node, 'from')
  const where = isGroup(from) ? 'participant' : 'from'
  const person = personIn(node, where, here.us)
  const state = childrenOf(node).find(({ tag }) => tag === 'composing' || tag === 'recording' || tag === 'paused')
  if (person === null || state === undefined || isUs(nameIn(attribute(node, where)), here.us)) return []
  const { handle, pair } = isGroup(from) ? person : await underNumber(person, here)
  const chat = chatOf(isGroup(from) ? from : handle)
  if (chat === null) return []
  return [...here.pairs.news(pair), { kind: 'typing', chat, from: handle, typing: state.tag !== 'paused' }]
}
