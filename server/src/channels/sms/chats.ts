/** How people are named by SMS: numbers, short codes, and names that cannot be answered. */
import { SendFailure } from '../../model/delivery.ts'
import type { Handle, ProviderChatId } from '../../model/ids.ts'
import type { Outgoing } from '../connector.ts'

const prefix = 'SMS;-;'

export function chatOf(handle: string): ProviderChatId {
  return `${prefix}${handle}` as ProviderChatId
}

/** Whom to write to; fails for those nobody can write to by SMS. */
export function recipientOf(to: Outgoing['to']): Handle {
  const named = handleIn(to)
  if (isNumber(named)) return named as Handle
  throw new SendFailure('unreachable', 'NO_CHANNEL_AVAILABLE', 'SMS goes to phone numbers and short codes only.')
}

/** Nobody knows of a number whether it takes SMS until it does. */
export function reachOf(handle: Handle): 'unknown' | 'no' {
  return isNumber(handle) ? 'unknown' : 'no'
}

/** What providers name senders and messages by: short, visible, and nothing else is promised. */
export function isName(text: string): boolean {
  return /^[\x21-\x7e](?:[\x20-\x7e]{0,62}[\x21-\x7e])?$/.test(text)
}

export function mimeTypeOf(text: string): string {
  const bare = text.split(';')[0]?.trim().toLowerCase() ?? ''
  return bare.length <= 127 && /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+$/.test(bare) ? bare : 'application/octet-stream'
}

function isNumber(text: string): boolean {
  return /^(\+[1-9]\d{1,14}|\d{3,8})$/.test(text)
}

export function handleIn(to: Outgoing['to']): string {
  if ('handle' in to) return to.handle
  if (to.chat.startsWith(prefix)) return to.chat.slice(prefix.length)
  throw new SendFailure('refused', 'GROUP_SMS_UNSUPPORTED', 'SMS has no groups. Write to each person instead.')
}
