/** Who is asking, and what callers are shown of customers and keys. */
import type { Channel } from '../model/channel.ts'
import type { CustomerId, KeyId } from '../model/ids.ts'

export type Scope = 'send' | 'read' | 'manage'
export type KeySurface = 'textbubbles' | 'whatsbridge'

/** Every operation takes one, so no query can forget whose data it reads. */
export interface Caller {
  customerId: CustomerId
  keyId: KeyId
  scopes: ReadonlySet<Scope>
  /** Null: no limit. */
  requestsPerMinute: number | null
  /** Where calls are counted by the hour. Null: no limit. */
  requestsPerHour: number | null
}

export interface Customer {
  id: CustomerId
  email: string
  name: string
  company: string | null
  /** Null: the gateway's default. 0: no limit. */
  requestsPerMinute: number | null
  /** Where nothing is sent to those who opted out, and where a word of theirs opts them out. */
  optOutChannels: readonly Channel[]
  createdAt: Date
}

/** Opt-outs count for SMS as long as nothing is said. */
export type NewCustomer = Omit<Customer, 'id' | 'createdAt' | 'optOutChannels'> &
  Partial<Pick<Customer, 'optOutChannels'>>
export type CustomerChange = Partial<Omit<NewCustomer, 'email'>>

export interface ApiKey {
  id: KeyId
  customerId: CustomerId
  customerEmail: string
  name: string
  /** The first characters, to tell keys apart; the key itself is shown once. */
  prefix: string
  scopes: readonly Scope[]
  createdAt: Date
  expiresAt: Date | null
  revokedAt: Date | null
  lastUsedAt: Date | null
}
