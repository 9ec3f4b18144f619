/** Who opted out: said once, told once, and looked up before anything is sent. */
import type { Channel } from '../../model/channel.ts'
import { personOf } from '../../model/contact.ts'
import type { NewEvent } from '../../model/event.ts'
import type { CustomerId, Handle } from '../../model/ids.ts'
import type { Db, Queryable, Statement } from '../db.ts'
import { type NewInbound, storeInbound } from '../inbound.ts'
import { acceptWithin, type NewMessage } from '../messages.ts'
import { fanOut, hearing, hearingColumns } from '../sql/fan-out.ts'

/** Its event tells who, and where they said so. */
export type NewChoice = Extract<NewEvent, { type: 'contact.opted_out' | 'contact.opted_in' }>

/** How things stand for one customer. */
export interface Standing {
  /** Where nothing is sent to those who opted out. */
  channels: readonly Channel[]
  /** Everybody who did; null when there are too many to name. */
  people: readonly Handle[] | null
}

/** Before anything is written, so that of two choices of one person the later one has the later place in the log. */
const lockPerson: Statement = {
  name: 'opt-outs-lock',
  text: `select pg_advisory_xact_lock(7331005, hashtext($1::uuid::text || '/' || $2::text))`,
}

/** The same for all names of one person, in one order whoever asks. */
const lockNames: Statement = {
  name: 'opt-outs-lock-names',
  text: `select pg_advisory_xact_lock(7331005, name) from (
    select distinct hashtext($1::uuid::text || '/' || n) as name from unnest($2::text[]) n order by name) names`,
}

/** What they said last counts under every name; of two things said at once, to be left alone. Nobody is told again. */
const share: Statement = {
  name: 'opt-outs-share',
  text: `with last as (
    select opted_out, source, channel, changed_at from opt_outs where customer_id = $1 and address = any($2::text[])
    order by changed_at desc, opted_out desc limit 1
  )
  insert into opt_outs as o (customer_id, address, opted_out, source, channel, changed_at)
  select $1, n, l.opted_out, l.source, l.channel, l.changed_at from last l, unnest($2::text[]) n order by n
  on conflict (customer_id, address) do update set opted_out = excluded.opted_out, source = excluded.source,
    channel = excluded.channel, changed_at = excluded.changed_at
    where (o.opted_out, o.changed_at) is distinct from (excluded.opted_out, excluded.changed_at)
  returning 1`,
}

const number: Statement = {
  name: 'opt-outs-number',
  text: `select phone from handle_aliases where customer_id = $1 and line_id = $2 and channel = $3 and alias = $4`,
}

/** Who never opted out cannot opt in: nothing changes, and nobody is told. */
const choose: Statement = {
  name: 'opt-outs-choose',
  text: `with input as materialized (
    select 1 as ord, $1::uuid as customer_id, i.* from json_to_record($2::json) as i(
      event_id uuid, event_type text, correlation_id text, event_data jsonb, ${hearingColumns})
  ), changed as (
    insert into opt_outs as o (customer_id, address, opted_out, source, channel, changed_at)
    select $1, $3, $4, i.event_data ->> 'source', i.event_data ->> 'channel', gateway_now() from input i
    where $4 or exists (select from opt_outs k where k.customer_id = $1 and k.address = $3)
    on conflict (customer_id, address) do update set opted_out = excluded.opted_out, source = excluded.source,
      channel = excluded.channel, changed_at = excluded.changed_at where o.opted_out <> excluded.opted_out
    returning 1
  ), told as (
    insert into events (customer_id, id, type, at, correlation_id, data)
    select customer_id, event_id, event_type, gateway_now(), correlation_id,
      event_data || jsonb_build_object('contactId', gateway_contact($1, $3))
    from input where exists (select from changed)
  ), ${fanOut('input', 'exists (select from changed)')}
  select from changed`,
}

const standing: Statement = {
  name: 'opt-outs-standing',
  text: `select c.opt_out_channels as channels, array(
      select o.address from opt_outs o where o.customer_id = c.id and o.opted_out limit $2) as people
    from customers c where c.id = $1`,
}

const among: Statement = {
  name: 'opt-outs-among',
  text: `select k.ord from unnest($1::uuid[], $2::text[]) with ordinality k(customer_id, address, ord)
    join opt_outs o on o.customer_id = k.customer_id and o.address = k.address and o.opted_out`,
}

const namedMax = 1_000

export interface Asked {
  customerId: CustomerId
  person: Handle
}

export function createOptOutStore(db: Db) {
  return {
    /** Says whether that changed anything. */
    choose: (customerId: CustomerId, event: NewChoice): Promise<boolean> =>
      db.transaction(async (tx) => {
        await tx.query(lockPerson, [customerId, event.data.person])
        return chosen(tx, customerId, event)
      }),

    /**
     * The message that says so, what it changes, and the reply if it changed anything; a message that is known already
     * changes nothing any more.
     */
    store: (message: NewInbound, event: NewChoice, reply: NewMessage | null = null): Promise<boolean> =>
      db.transaction(async (tx) => {
        await tx.query(lockPerson, [message.customerId, event.data.person])
        const isNew = (await storeInbound(tx, [message])).length === 1
        const changed = isNew && (await chosen(tx, message.customerId, await underNumber(tx, message, event)))
        if (changed && reply !== null) await acceptWithin(tx, reply)
        return isNew
      }),

    async standing(customerId: CustomerId): Promise<Standing> {
      const [row] = await db.query<{ channels: Channel[]; people: Handle[] }>(standing, [customerId, namedMax + 1])
      if (row === undefined) return { channels: [], people: [] }
      return { channels: row.channels, people: row.people.length > namedMax ? null : row.people }
    },

    /** Which of these opted out. */
    async optedOut(asked: readonly Asked[]): Promise<boolean[]> {
      const values = [asked.map(({ customerId }) => customerId), asked.map(({ person }) => person)]
      const found = new Set((await db.query<{ ord: number }>(among, values)).map(({ ord }) => ord))
      return asked.map((_one, index) => found.has(index + 1))
    },
  }
}

/** For whoever joins the names, in the transaction that does. Says whether that changed anything. */
export async function shareChoice(tx: Queryable, customerId: CustomerId, names: readonly Handle[]): Promise<boolean> {
  const people = [...new Set(names.map(personOf))]
  await tx.query(lockNames, [customerId, people])
  return (await tx.query(share, [customerId, people])).length > 0
}

/** Their number may have come out since the message was read. */
async function underNumber(tx: Queryable, message: NewInbound, event: NewChoice): Promise<NewChoice> {
  const { person } = event.data
  if (person.startsWith('+')) return event
  const place = [message.customerId, message.lineId, message.channel]
  const [known] = await tx.query<{ phone: Handle }>(number, [...place, person])
  if (known === undefined) return event
  await tx.query(lockPerson, [message.customerId, known.phone])
  return { ...event, data: { ...event.data, person: known.phone } }
}

export type OptOutStore = ReturnType<typeof createOptOutStore>

async function chosen(tx: Queryable, customerId: CustomerId, event: NewChoice): Promise<boolean> {
  const row = {
    event_id: event.id,
    event_type: event.type,
    correlation_id: event.correlationId,
    event_data: event.data,
    ...hearing(customerId, event, null),
  }
  const isOut = event.type === 'contact.opted_out'
  return (await tx.query(choose, [customerId, JSON.stringify(row), event.data.person, isOut])).length === 1
}
