/** How WhatsApp names people, chats and messages, and what we call them: the only file that looks inside such a name. */
import { SendFailure } from '../../model/delivery.ts'
import type { Handle, ProviderChatId, ProviderMessageId } from '../../model/ids.ts'
import type { Target } from '../connector.ts'

/** The user parts of our own two names, without a device. */
export interface Us {
  pn: string
  lid: string | null
}

/** Whom a JID names, whichever of their devices it means. */
export interface Name {
  kind: 'phone' | 'lid' | 'group'
  user: string
}

/** The two names of one person, as handles. */
export interface Pair {
  alias: Handle
  phone: Handle
}

/** How WhatsApp points at a message. */
export interface MessageKey {
  id?: string | null
  remoteJid?: string | null
  participant?: string | null
  fromMe?: boolean | null
}

/** The user, an agent, a device and a server: `14155551234_1:12@s.whatsapp.net`. */
const personPattern = /^(\d{1,30})(?:[._]\d{1,3})?(?::\d{1,5})?@(s\.whatsapp\.net|c\.us|hosted|lid|hosted\.lid)$/
const groupPattern = /^(\d{5,30}(?:-\d{5,20})?)@g\.us$/
const phonePattern = /^[1-9]\d{1,14}$/
const servers = { phone: 's.whatsapp.net', lid: 'lid', group: 'g.us' } as const

/** Of a JID, or of what we made of one. Null for everything else: status updates, channels, lists, the server itself. */
export function nameIn(text: unknown): Name | null {
  if (typeof text !== 'string') return null
  if (text.startsWith('+')) return phonePattern.test(text.slice(1)) ? { kind: 'phone', user: text.slice(1) } : null
  const [, user = '', server = ''] = personPattern.exec(text) ?? []
  if (server.endsWith('lid')) return { kind: 'lid', user }
  if (server !== '') return phonePattern.test(user) ? { kind: 'phone', user } : null
  const group = groupPattern.exec(text)?.[1]
  return group === undefined ? null : { kind: 'group', user: group }
}

export function spelled({ kind, user }: Name): string {
  return `${user}@${servers[kind]}`
}

/** `alt` is their other name, if the stanza has it: the number wins. */
export function handleOf(jid: unknown, alt?: unknown): Handle | null {
  const [one, other] = [nameIn(jid), nameIn(alt)]
  if (one === null || one.kind === 'group') return null
  const named = other?.kind === 'phone' && one.kind === 'lid' ? other : one
  return (named.kind === 'phone' ? `+${named.user}` : spelled(named)) as Handle
}

export function chatOf(jid: unknown, alt?: unknown): ProviderChatId | null {
  const name = nameIn(jid)
  if (name?.kind === 'group') return spelled(name) as ProviderChatId
  const named = nameIn(handleOf(jid, alt))
  return named === null ? null : (spelled(named) as ProviderChatId)
}

/** Of what we call a person or a chat; null for what we call nobody. */
export function jidOf(handle: Handle | ProviderChatId): string | null {
  const name = nameIn(handle)
  return name === null ? null : spelled(name)
}

/** The same, where something is to be done there. */
export function addressOf(handle: Handle | ProviderChatId): string {
  const jid = jidOf(handle)
  if (jid === null) throw new SendFailure('refused', 'CONVERSATION_NOT_FOUND', 'On WhatsApp nobody is called so.')
  return jid
}

export function isGroup(chat: unknown): boolean {
  return nameIn(chat)?.kind === 'group'
}

export function isUs(name: Name | null, us: Us): boolean {
  if (name === null || name.kind === 'group') return false
  return name.user === (name.kind === 'phone' ? us.pn : us.lid)
}

/** Like `handleOf`, and ourselves always by our number: that is what a line is known by. */
export function personOf(us: Us, jid: unknown, alt?: unknown): Handle | null {
  return isUs(nameIn(jid), us) ? (`+${us.pn}` as Handle) : handleOf(jid, alt)
}

/** Null unless these are the two names of somebody else. */
export function pairOf(us: Us, jid: unknown, alt: unknown): Pair | null {
  const names = [nameIn(jid), nameIn(alt)]
  const lid = names.find((name) => name?.kind === 'lid')
  const phone = names.find((name) => name?.kind === 'phone')
  if (!lid || !phone || isUs(lid, us) || isUs(phone, us)) return null
  return { alias: spelled(lid) as Handle, phone: `+${phone.user}` as Handle }
}

const idLengthMax = 128

/**
 * Whoever writes a message chooses its id. In chats of two, and for what we wrote, it is taken as it is. In a group the
 * author is part of it, so that nobody else can edit what they wrote, take it back or be taken for them; the mark
 * between the two occurs in no id, since it is spelled out there.
 */
export function providerIdOf(key: MessageKey, us: Us): ProviderMessageId | null {
  const id = spelledId(key.id)
  const chat = nameIn(key.remoteJid)
  if (id === null || chat === null) return null
  const author = nameIn(key.participant)
  if (chat.kind !== 'group' || key.fromMe === true || isUs(author, us)) return id as ProviderMessageId
  if (author === null || author.kind === 'group') return null
  return `${id}_${spelled(author)}` as ProviderMessageId
}

/** Ids are letters and digits; whatever else somebody puts into one is spelled out. */
export function spelledId(id: unknown): string | null {
  if (typeof id !== 'string' || id === '' || id.length > idLengthMax) return null
  return id.replace(/[^A-Za-z0-9.:+/=-]/g, (unit) => `%${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

const providerIdPattern = /^([A-Za-z0-9.:+/=%-]{1,640})(?:_(\d{1,30}@(?:lid|s\.whatsapp\.net)))?$/

/** The key by which WhatsApp knows a message of ours or of others; null for what is no message of this chat. */
export function keyOfTarget({
  chat,
  providerId,
  fromMe,
}: Target): { remoteJid: string; id: string; fromMe: boolean; participant?: string } | null {
  const remoteJid = jidOf(chat)
  const [, spelledOut, participant] = providerIdPattern.exec(providerId) ?? []
  if (remoteJid === null || spelledOut === undefined) return null
  const id = spelledOut.replace(/%([0-9a-f]{4})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
  const isByOther = isGroup(chat) && !fromMe
  if (isByOther !== (participant !== undefined)) return null
  return { remoteJid, id, fromMe, ...(participant !== undefined && { participant }) }
}
