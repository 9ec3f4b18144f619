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
  events: readonly NewEvent[]
}

/** The same change, with everybody in it known as the address book has them now. */
export async function knownIn<One extends Change>(tx: Queryable, customerId: CustomerId, change: One): Promise<One> {
  const rosters = [change.conversation, ...change.events.map(conversationIn)].map((one) => one?.participants ?? [])
  const everybody = new Set([...rosters.flat(), ...change.events.flatMap(participantIn)])
  const people = [...new Set([...everybody].map(({ handle }) => personOf(handle)))]
  const rows = await tx.query<{ person: Handle; id: ContactId }>(contacts, [customerId, people])
  const ids = new Map(rows.map(({ person, id }) => [person, id]))
  // Whoever is in a thousand rosters is looked up once.
  const list = [...everybody]
  const now = new Map(known(list, ids).map((one, nth) => [list[nth] as Participant, one]))
  const nowIn = (roster: readonly Participant[]) => roster.map((one) => now.get(one) ?? one)
  return {
    ...change,
    conversation: { ...change.conversation, participants: nowIn(change.conversation.participants) },
    events: change.events.map((event) => withKnown(event, nowIn)),
  }
}

function conversationIn({ data }: NewEvent): Conversation | null {
  return 'conversation' in data ? data.conversation : null
}

function participantIn({ data }: NewEvent): Participant[] {
  return 'participant' in data ? [data.participant] : []
}

function withKnown(event: NewEvent, nowIn: (roster: readonly Participant[]) => Participant[]): NewEvent {
  const conversation = conversationIn(event)
  const [participant] = nowIn(participantIn(event))
  const data = {
    ...event.data,
    ...(conversation !== null && { conversation: { ...conversation, participants: nowIn(conversation.participants) } }),
    ...(participant !== undefined && { participant }),
  }
  return { ...event, data } as NewEvent
}
