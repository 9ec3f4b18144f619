/** Names as this surface writes them: sessions, people by their digits, and messages by direction, chat and id. */
import { parsePhone, usualChatName } from '../../model/handle.ts'
import type { Handle, Id, LineId, MessageId, ProviderChatId } from '../../model/ids.ts'
import { invalid } from '../input.ts'

const uuidPattern = /^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$/
/** Never minted. Looking it up gives the very answer of an id that is not there. */
const nobody = '00000000-0000-0000-0000-000000000000'

export function plainIdOf<Kind extends string>(text: string): Id<Kind> {
  return (uuidPattern.test(text) ? text.toLowerCase() : nobody) as Id<Kind>
}

export function sessionIdOf(text: string): LineId {
  return plainIdOf<'line'>(text)
}

/** Of whom nobody knows the number there is WhatsApp's own name, as webhooks tell it. */
export type Chat = { phone: Handle } | { alias: Handle } | { group: ProviderChatId }

const groupPattern = /^\d{5,30}(?:-\d{5,20})?@g\.us$/
const personPattern = /^([^@]*)@(?:c\.us|s\.whatsapp\.net)$/
const aliasPattern = /^\d{5,30}@lid$/
const lengthMax = 100

/** A number with its country code, however it is written, or what WhatsApp calls a person or a group. */
export function chatOf(text: string, field = 'phone'): Chat {
  const trimmed = text.trim()
  if (groupPattern.test(trimmed)) return { group: trimmed as ProviderChatId }
  if (aliasPattern.test(trimmed)) return { alias: trimmed as Handle }
  const phone = trimmed.length > lengthMax ? null : phoneIn(personPattern.exec(trimmed)?.[1] ?? trimmed)
  if (phone !== null) return { phone }
  const message = 'Write the number with its country code, such as 14155550123, or give the id of a group.'
  throw invalid([{ path: field, message }])
}

/** Letters would be a name; whatever else stands between digits is how people write numbers. */
function phoneIn(text: string): Handle | null {
  if (/[\p{L}@]/u.test(text)) return null
  const digits = text.replaceAll(/\D/g, '').replace(/^00/, '')
  return parsePhone(`+${digits}`)
}

/** Somebody in a chat of two. */
export function personOf(text: string): Handle {
  const chat = chatOf(text)
  if (!('group' in chat)) return 'phone' in chat ? chat.phone : chat.alias
  throw invalid([{ path: 'phone', message: 'This is a group. Give the number of one person.' }])
}

export function phoneOf(text: string): Handle {
  const person = personOf(text)
  if (person.startsWith('+')) return person
  throw invalid([{ path: 'phone', message: 'This is no number. Give the one that the phone has.' }])
}

export function providerChatOf(chat: Chat): ProviderChatId {
  if ('group' in chat) return chat.group
  return usualChatName('alias' in chat ? chat.alias : `${chat.phone.slice(1)}@s.whatsapp.net`)
}

/** A person as webhooks name them: the digits of their number, or what WhatsApp calls who has none that we know. */
export function wirePerson(handle: string): string {
  return handle.startsWith('+') ? handle.slice(1) : handle
}

/** The digits of the message's own id, which it has before it is sent, and keeps however often that is tried. */
export function wireMessageId(direction: 'outbound' | 'inbound', chat: string, id: MessageId): string {
  const place = chat.includes('@') ? chat : `${wirePerson(chat)}@c.us`
  return `${direction === 'outbound'}_${place}_${id.replaceAll('-', '').toUpperCase()}`
}

const messagePattern =
  /^(?:(?:true|false)_[^_]{1,80}_)?([0-9a-fA-F]{8})-?([0-9a-fA-F]{4})-?([0-9a-fA-F]{4})-?([0-9a-fA-F]{4})-?([0-9a-fA-F]{12})$/

/** In any form that we have told it in. What is no id of ours is looked up like one that is not there. */
export function messageIdOf(text: string): MessageId {
  const [, ...parts] = messagePattern.exec(text) ?? []
  return (parts.length === 0 ? nobody : parts.join('-').toLowerCase()) as MessageId
}
