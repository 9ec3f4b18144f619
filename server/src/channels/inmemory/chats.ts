/** How chats are named on each channel, and the groups: who is in them and who hears of a change. */
import type { Channel } from '../../model/channel.ts'
import { SendFailure } from '../../model/delivery.ts'
import type { Handle, ProviderChatId } from '../../model/ids.ts'
import type { ChatChange, ChatInfo, IncomingPhoto } from '../connector.ts'
import type { Exchange, Group } from './exchange.ts'

const directPrefix = { imessage: 'iMessage;-;', sms: 'SMS;-;' } as const

export function directChat(channel: Channel, handle: Handle): ProviderChatId {
  if (channel !== 'whatsapp') return `${directPrefix[channel]}${handle}` as ProviderChatId
  return (handle.includes('@') ? handle : `${handle.replace('+', '')}@s.whatsapp.net`) as ProviderChatId
}

/** Null for a group, and for what is no chat of this channel. */
export function handleOfChat(channel: Channel, chat: ProviderChatId): Handle | null {
  if (channel !== 'whatsapp') {
    const prefix = directPrefix[channel]
    return chat.startsWith(prefix) && chat.length > prefix.length ? (chat.slice(prefix.length) as Handle) : null
  }
  const phone = /^(\d+)@s\.whatsapp\.net$/.exec(chat)?.[1]
  if (phone !== undefined) return `+${phone}` as Handle
  return chat.endsWith('@lid') ? (chat as string as Handle) : null
}

/** Whoever has told their number is in one chat, by either name. */
export function isSameChat(exchange: Exchange, channel: Channel, ...chats: [ProviderChatId, ProviderChatId]): boolean {
  const [one, other] = chats.map((chat) => {
    const handle = handleOfChat(channel, chat)
    return handle === null ? chat : (exchange.aliases.get(handle) ?? handle)
  })
  return one === other
}

/** Everybody but the line that asks. */
export function infoOf(group: Group, line: string): ChatInfo {
  const others = [...group.members].filter(([handle]) => handle !== line)
  const members = others.map(([handle, admin]) => ({ handle, phoneKnown: handle.startsWith('+'), admin }))
  return { chat: group.chat, name: group.name, members }
}

export function makeGroup(
  exchange: Exchange,
  made: { channel: Channel; name: string | null; by: Handle; members: readonly Handle[] },
): Group {
  const { channel, name, by, members } = made
  const digits = exchange.mintDigits()
  const chat = (channel === 'whatsapp' ? `${digits}@g.us` : `iMessage;+;chat${digits}`) as ProviderChatId
  const ranks: [Handle, 'admin' | 'superadmin' | null][] = members.map((member) => [member, null])
  const group: Group = {
    chat,
    channel,
    name,
    members: new Map([...ranks, [by, channel === 'whatsapp' ? 'superadmin' : null]]),
  }
  exchange.groups.set(chat, group)
  for (const member of group.members.keys()) {
    if (member !== by) tellMember(exchange, group, member, { actor: by, change: { what: 'joined', member } })
  }
  return group
}

/** The group as one of its members sees it; anybody else is refused. */
export function groupFor(exchange: Exchange, member: string, chat: ProviderChatId): Group {
  const group = exchange.groups.get(chat)
  if (group?.members.has(member as Handle)) return group
  throw new SendFailure('refused', 'CONVERSATION_NOT_FOUND', 'There is no such group, or this line is not in it.')
}

export function renameGroup(exchange: Exchange, group: Group, by: Handle, name: string): void {
  group.name = name
  tellGroup(exchange, group, { actor: by, change: { what: 'title', title: name } })
}

/** The picture itself is kept by nobody here: whoever is told of it may have it. */
export function setGroupPhoto(exchange: Exchange, group: Group, by: Handle, photo: IncomingPhoto | 'removed'): void {
  tellGroup(exchange, group, { actor: by, change: { what: 'photo', photo } })
}

export function addToGroup(exchange: Exchange, group: Group, by: Handle, member: Handle): void {
  if (memberIn(exchange, group, member) !== null) return
  group.members.set(member, null)
  tellGroup(exchange, group, { actor: by, change: { what: 'joined', member } })
}

/** Whoever goes is told as well. */
export function removeFromGroup(exchange: Exchange, group: Group, by: Handle, named: Handle): void {
  const member = memberIn(exchange, group, named)
  if (member === null) return
  tellGroup(exchange, group, { actor: by, change: { what: 'left', member } })
  group.members.delete(member)
}

/** Whoever is in it hears of it; to us it is no event. */
export function rankInGroup(
  exchange: Exchange,
  group: Group,
  { by, member: named, admin }: { by: Handle; member: Handle; admin: 'admin' | null },
): void {
  const member = memberIn(exchange, group, named)
  if (member === null || group.members.get(member) === admin) return
  group.members.set(member, admin)
  tellGroup(exchange, group, { actor: by, change: { what: 'rank', member, admin } })
}

/** Under the name by which the group knows them; null when they are not in it. */
function memberIn(exchange: Exchange, group: Group, named: Handle): Handle | null {
  if (group.members.has(named)) return named
  const isThem = (member: Handle) => exchange.aliases.get(member) === named || exchange.aliases.get(named) === member
  return [...group.members.keys()].find(isThem) ?? null
}

interface News {
  actor: Handle
  change: ChatChange
}

/** Our own changes come back to us too, as networks do it. */
function tellGroup(exchange: Exchange, group: Group, news: News): void {
  for (const member of group.members.keys()) tellMember(exchange, group, member, news)
}

function tellMember(exchange: Exchange, group: Group, member: Handle, { actor, change }: News): void {
  const { channel, chat } = group
  if (!exchange.isLine(channel, member)) return
  const providerId = exchange.mint(channel)
  exchange.tell(channel, member, chat, { kind: 'chat', providerId, chat, actor, at: exchange.now(), change })
}
