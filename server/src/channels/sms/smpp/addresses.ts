/** Numbers, short codes and names of senders, as SMPP writes them with a type and a plan (TON, NPI) beside them. */
import type { Handle } from '../../../model/ids.ts'

export interface Address {
  ton: number
  npi: number
  digits: string
}

const ton = { unknown: 0, international: 1, networkSpecific: 3, alphanumeric: 5 }
const npi = { unknown: 0, isdn: 1 }

const phonePattern = /^\+([1-9]\d{1,14})$/
const shortCodePattern = /^\d{3,8}$/
/** What a sender's name may be made of: printable ASCII with a letter in it, but nothing that looks like e-mail. */
const namePattern = /^(?=.*[A-Za-z])[ !-?A-~]{1,11}$/

/** Null for somebody whom no SMS reaches. */
export function addressOf(handle: string): Address | null {
  const digits = phonePattern.exec(handle)?.[1]
  if (digits !== undefined) return { ton: ton.international, npi: npi.isdn, digits }
  if (shortCodePattern.test(handle)) return { ton: ton.networkSpecific, npi: npi.unknown, digits: handle }
  if (namePattern.test(handle)) return { ton: ton.alphanumeric, npi: npi.unknown, digits: handle }
  // Longer digits without a plus came in like this, and go back as they came.
  return /^\d{9,20}$/.test(handle) ? { ton: ton.unknown, npi: npi.unknown, digits: handle } : null
}

/**
 * Numbers are told with a plus whether or not they came with one; short codes and names stay as they are. Many SMSCs
 * leave the type at 0: a number too long to be a national one is taken for international.
 */
export function handleOf({ ton: type, digits }: Pick<Address, 'ton' | 'digits'>): Handle {
  const text = digits.trim()
  if (type === ton.alphanumeric) return text as Handle
  const number = /^\+?([1-9]\d{8,14})$/.exec(text)?.[1]
  if (number === undefined) return text as Handle
  const isInternational = text.startsWith('+') || type === ton.international
  const isLong = type === ton.unknown && number.length >= 11
  return (isInternational || isLong ? `+${number}` : text) as Handle
}
