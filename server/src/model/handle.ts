/** How a person or chat is named by callers: E.164, e-mail, WhatsApp group, iMessage chat. Parse, normalise, compare. */
import type { Channel } from './channel.ts'
import type { Handle, ProviderChatId } from './ids.ts'

export type Recipient =
  | { kind: 'phone'; handle: Handle }
  | { kind: 'email'; handle: Handle }
  /** A chat named by its network's own id; it exists on that channel only. */
  | { kind: 'chat'; chat: ProviderChatId; channel: Channel }

const phonePattern = /^\+[1-9]\d{1,14}$/
// Linear on purpose: one @, no nested repetition, so that hostile input costs nothing. No control characters and no
// halves of a surrogate pair (\p{C}): neither the database nor a network could hold them.
const emailPattern = /^[^\s\p{C}@;]{1,64}@[^\s\p{C}@;.]+(?:\.[^\s\p{C}@;.]+)+$/u
/** Ids of WhatsApp look like e-mail addresses; nobody gets mail there. */
const whatsappHostPattern = /@(?:[gc]\.us|s\.whatsapp\.net)$/
const imessageGroupPattern = /^iMessage;\+;[^\s\p{C};]+$/u
const groupJidPattern = /^\d{5,30}(?:-\d{5,20})?@g\.us$/
const imessageDirectPrefix = 'iMessage;-;'
const addressLengthMax = 320

/** Null when the text names nobody. Spaces, dots, dashes and brackets inside a phone number are forgiven. */
export function parseRecipient(text: string): Recipient | null {
  const trimmed = text.trim()
  if (trimmed.length === 0 || trimmed.length > addressLengthMax) return null
  if (trimmed.startsWith('+') && !trimmed.includes('@')) {
    const handle = parsePhone(trimmed)
    return handle === null ? null : { kind: 'phone', handle }
  }
  if (trimmed.startsWith('iMessage;')) return parseImessageChat(trimmed)
  if (groupJidPattern.test(trimmed)) return { kind: 'chat', chat: trimmed as ProviderChatId, channel: 'whatsapp' }
  // In small letters first: some capitals grow, and what is accepted must still be accepted when read back.
  const email = trimmed.toLowerCase()
  const isEmail = email.length <= addressLengthMax && emailPattern.test(email) && !whatsappHostPattern.test(email)
  return isEmail ? { kind: 'email', handle: email as Handle } : null
}

export function parsePhone(text: string): Handle | null {
  if (text.length > addressLengthMax) return null
  const digits = text.replace(/[\s().-]/g, '')
  return phonePattern.test(digits) ? (digits as Handle) : null
}

/** A phone or an e-mail address, as a line or a person is addressed. */
export function parseAddress(text: string): Handle | null {
  const recipient = parseRecipient(text)
  return recipient === null || recipient.kind === 'chat' ? null : recipient.handle
}

const shortCodePattern = /^\d{3,8}$/
/** What phones show in the place of a number; a digit alone is no name. */
const senderNamePattern = /^(?=.*[A-Za-z])[A-Za-z0-9 &_.-]{1,11}$/

/** What a line may be called: an address, or in SMS a short code or a name of up to 11 letters and digits. */
export function parseSender(text: string): Handle | null {
  const trimmed = text.trim()
  if (shortCodePattern.test(trimmed) || senderNamePattern.test(trimmed)) return trimmed as Handle
  return parseAddress(trimmed)
}

const phoneJidPattern = /^(\d{2,15})(?::\d{1,5})?@(?:s\.whatsapp\.net|c\.us)$/
const lidPattern = /^\d{1,30}@lid$/

/** Somebody in a group: an address, or what WhatsApp calls them. */
export function parsePerson(text: string): Handle | null {
  const trimmed = text.trim()
  const digits = phoneJidPattern.exec(trimmed)?.[1]
  if (digits !== undefined) return parsePhone(`+${digits}`)
  return lidPattern.test(trimmed) ? (trimmed as Handle) : parseAddress(trimmed)
}

/** Numbers are on every channel, WhatsApp's own names there alone, short codes and names in SMS, and e-mail addresses elsewhere. */
export function mayBeOn(handle: Handle, channel: Channel): boolean {
  if (!handle.startsWith('+') && !handle.includes('@')) return channel === 'sms'
  return handle.startsWith('+') || handle.endsWith('@lid') === (channel === 'whatsapp')
}

function parseImessageChat(text: string): Recipient | null {
  if (imessageGroupPattern.test(text)) return { kind: 'chat', chat: text as ProviderChatId, channel: 'imessage' }
  if (!text.startsWith(imessageDirectPrefix)) return null
  const inner = parseAddress(text.slice(imessageDirectPrefix.length))
  return inner === null
    ? null
    : { kind: 'chat', chat: `${imessageDirectPrefix}${inner}` as ProviderChatId, channel: 'imessage' }
}

const directPrefixes = [imessageDirectPrefix, 'SMS;-;']

/** What networks call a chat that is spelled otherwise: with capitals, spaces, a device's number, or without its `+`. */
export function usualChatName(text: string): ProviderChatId {
  const trimmed = text.trim()
  const digits = phoneJidPattern.exec(trimmed)?.[1]
  if (digits !== undefined) return `${digits}@s.whatsapp.net` as ProviderChatId
  const prefix = directPrefixes.find((one) => trimmed.startsWith(one))
  const name = prefix === undefined ? '' : trimmed.slice(prefix.length)
  const isShort = prefix === 'SMS;-;' && shortCodePattern.test(name)
  const inner = prefix === undefined || isShort ? null : parseAddress(withPlus(name))
  return (inner === null ? trimmed : `${prefix}${inner}`) as ProviderChatId
}

/** In a path a `+` gets lost in two manners: left out, or decoded as a space. Whatever names somebody as it is stays. */
export function withPlus(text: string): string {
  return parsePerson(text) === null ? text.replace(/^ ?(?=\d)/, '+') : text
}

/** The person behind a chat of two that is named in the way callers name it; null for a group. */
export function personOfChat(chat: ProviderChatId): Handle | null {
  return chat.startsWith(imessageDirectPrefix) ? parseAddress(chat.slice(imessageDirectPrefix.length)) : null
}
