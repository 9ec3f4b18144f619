/** Who of a roster is in the address book, for those who write rosters. */
import { known, personOf } from '../../model/contact.ts'
import type { Conversation, Participant } from '../../model/conversation.ts'
import type { NewEvent } from '../../model/event.ts'
import type { ContactId, CustomerId, Handle } from '../../model/ids.ts'
import type { Queryable, Statement } from '../db.ts'

/** As in gateway_known_now: no contact is made or changed while a roster is written. */
const lock: Statement = {
  name: 'known-lock',
  text: 'select pg_advisory_xact_lock_shared(7331003, hashtext($1::uuid::text))',
}

const contacts: Statement = {
  name: 'known-contacts',
  text: `select w.person, c.id from unnest($2::text[]) w(person)
    cross join lateral (select gateway_contact($1, w.person) as id) c where c.id is not null`,
}

export async function lockKnown(tx: Queryable, customerId: CustomerId): Promise<void> {
  await tx.query(lock, [customerId])
}

interface Change {
  conversation: Conversation
  event: NewEvent | null
}

/** The same change, with everybody in it known as the address book has them now. */
export async function knownIn(tx: Queryable, customerId: CustomerId, change: Change): Promise<Change> {
  const { conversation, event } = change
  const one = event !== null && 'participant' in event.data ? event.data.participant : null
  const people = [...conversation.participants, ...(one === null ? [] : [one])].map(({ handle }) => personOf(handle))
  const rows = await tx.query<{ person: Handle; id: ContactId }>(contacts, [customerId, [...new Set(people)]])
  const ids = new Map(rows.map(({ person, id }) => [person, id]))
  const now = { ...conversation, participants: known(conversation.participants, ids) }
  return {
    conversation: now,
    event: event === null ? null : withKnown(event, now, one === null ? [] : known([one], ids)),
  }
}

function withKnown(event: NewEvent, conversation: Conversation, [participant]: readonly Participant[]): NewEvent {
  const data = { ...event.data, conversation, ...(participant !== undefined && { participant }) }
  return { ...event, data } as NewEvent
}
