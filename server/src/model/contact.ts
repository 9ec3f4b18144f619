/** Somebody in a customer's address book, and how they are recognised whatever a network calls them. */
import type { Participant } from './conversation.ts'
import type { ContactId, Handle } from './ids.ts'

export interface ContactFields {
  /** In E.164; no two contacts of a customer have the same. */
  phoneNumber: Handle
  /** In small letters. */
  email: string | null
  firstName: string | null
  lastName: string | null
  company: string | null
  tags: readonly string[]
  metadata: Readonly<Record<string, unknown>>
}

export interface Contact extends ContactFields {
  id: ContactId
  /** When a message last went to them or came from them. */
  lastContactedAt: Date | null
  optedOut: boolean
  createdAt: Date
  updatedAt: Date
}

export interface ContactFilter {
  /** Part of a name, a number, an e-mail address or a company, in any case. */
  search: string | null
  tag: string | null
  limit: number
  offset: number
}

export const contactsMax = 50_000

const phoneJidPattern = /^(\d{2,15})(?::\d{1,5})?@(?:s\.whatsapp\.net|c\.us)$/

/** The same person for every name that tells their number or address; the database has this rule as gateway_person. */
export function personOf(handle: string): Handle {
  const digits = phoneJidPattern.exec(handle)?.[1]
  return (digits === undefined ? handle.toLowerCase() : `+${digits}`) as Handle
}

/** A roster as the address book knows it: `ids` by person. */
export function known(roster: readonly Participant[], ids: ReadonlyMap<Handle, ContactId>): Participant[] {
  return roster.map((one) => ({ ...one, contactId: ids.get(personOf(one.handle)) ?? null }))
}
