/** The address book as callers see it, and what is recorded of those who want no more messages. */
import type { Mint } from '../lib/mint.ts'
import { type Contact, type ContactFields, type ContactFilter, contactsMax } from '../model/contact.ts'
import { GatewayError } from '../model/errors.ts'
import type { ContactId, CustomerId, EventId, Handle } from '../model/ids.ts'
import type { ContactStore } from '../store/people/contacts.ts'
import type { OptOutStore } from '../store/people/opt-outs.ts'
import { createLookups, type Lookups, type LookupsOptions } from './lookups.ts'

export interface ContactsOptions extends LookupsOptions {
  mint: Mint
  contacts: ContactStore
  optOuts: Pick<OptOutStore, 'choose'>
  /** What is kept of conversations and opt-outs is old, in every process. */
  changed(): void
  /** Events were written. */
  told(customerId: CustomerId): void
  onError(error: unknown): void
}

interface By {
  customerId: CustomerId
}

export interface Contacts extends Lookups {
  create(by: By, fields: ContactFields): Promise<Contact>
  /** One outcome for each, in order: some may fail while others are made. */
  createMany(by: By, list: readonly ContactFields[]): Promise<readonly (Contact | GatewayError)[]>
  /** Newest first. */
  list(by: By, filter: ContactFilter): Promise<{ rows: readonly Contact[]; total: number }>
  get(by: By, id: ContactId): Promise<Contact>
  change(by: By, id: ContactId, change: Partial<ContactFields>): Promise<Contact>
  remove(by: By, id: ContactId): Promise<void>
  /** How many there were. */
  removeMany(by: By, ids: readonly ContactId[]): Promise<number>
  /** What somebody said elsewhere; they need not be a contact. Told only if it changes anything. */
  recordChoice(by: By, person: Handle, isOptedOut: boolean): Promise<void>
}

export interface ContactsRoom extends Contacts {
  /** Makes a contact of whoever is written to and has a number. Never fails: the message counts. */
  meet(customerId: CustomerId, handle: Handle): Promise<void>
}

export function createContacts(options: ContactsOptions): ContactsRoom {
  return {
    ...createLookups(options),
    ...reading(options),
    ...writing(options),
    ...choosing(options),
    ...meeting(options),
  }
}

function reading({ contacts }: ContactsOptions): Pick<Contacts, 'list' | 'get'> {
  return {
    list: (by, filter) => contacts.list(by.customerId, filter),
    async get(by, id) {
      const contact = await contacts.get(by.customerId, id)
      if (contact === null) throw noSuchContact()
      return contact
    },
  }
}

function noSuchContact(): GatewayError {
  return new GatewayError('NOT_FOUND', 'There is no such contact.')
}

const reasons = {
  known: () => new GatewayError('CONTACT_EXISTS', 'You have a contact with this number already. Change that one.'),
  full: () =>
    new GatewayError('CONFLICT', `You have ${contactsMax} contacts, which is all there may be. Delete some first.`),
}

type Writing = Pick<Contacts, 'create' | 'createMany' | 'change' | 'remove' | 'removeMany'>

function writing(options: ContactsOptions): Writing {
  const { contacts, mint } = options
  const add = async ({ customerId }: By, list: readonly ContactFields[]) => {
    const fresh = list.map((fields) => ({ ...fields, id: mint() as ContactId }))
    const added = await contacts.add(customerId, fresh, contactsMax)
    if (added.isRosterChanged) options.changed()
    return added.contacts.map((one) => (typeof one === 'string' ? reasons[one]() : one))
  }
  const removeMany: Contacts['removeMany'] = async ({ customerId }, ids) => {
    const { removed, isRosterChanged } = await contacts.remove(customerId, ids)
    if (isRosterChanged) options.changed()
    return removed
  }
  return {
    async create(by, fields) {
      const [made] = await add(by, [fields])
      if (made === undefined || made instanceof GatewayError) throw made
      return made
    },
    createMany: add,
    async change({ customerId }, id, change) {
      const outcome = await contacts.change(customerId, id, change)
      if (outcome === null) throw noSuchContact()
      if (outcome.contact === 'known') throw reasons.known()
      if (outcome.isRosterChanged) options.changed()
      return outcome.contact
    },
    async remove(by, id) {
      if ((await removeMany(by, [id])) === 0) throw noSuchContact()
    },
    removeMany,
  }
}

function choosing({ optOuts, mint, changed, told }: ContactsOptions): Pick<Contacts, 'recordChoice'> {
  return {
    async recordChoice({ customerId }, person, isOptedOut) {
      const type = isOptedOut ? 'contact.opted_out' : 'contact.opted_in'
      const data = { person, contactId: null, channel: null, source: 'api' as const }
      if (!(await optOuts.choose(customerId, { type, data, id: mint() as EventId, correlationId: null }))) return
      changed()
      told(customerId)
    },
  }
}

function meeting(options: ContactsOptions): Pick<ContactsRoom, 'meet'> {
  const nothing = { email: null, firstName: null, lastName: null, company: null, tags: [], metadata: {} }
  return {
    async meet(customerId, handle) {
      if (!handle.startsWith('+')) return
      try {
        if (await options.contacts.isKnown(customerId, handle)) return
        const fresh = { ...nothing, phoneNumber: handle, id: options.mint() as ContactId }
        const { isRosterChanged } = await options.contacts.add(customerId, [fresh], contactsMax)
        if (isRosterChanged) options.changed()
      } catch (error) {
        options.onError(error)
      }
    },
  }
}
