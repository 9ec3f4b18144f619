/** The address book, and the rosters that show who is in it: both change in one transaction. */
import type { Contact, ContactFields, ContactFilter } from '../../model/contact.ts'
import type { ContactId, CustomerId, Handle } from '../../model/ids.ts'
import type { Db, Queryable, Statement } from '../db.ts'

interface Row {
  id: ContactId
  phone_number: Handle
  email: string | null
  first_name: string | null
  last_name: string | null
  company: string | null
  tags: string[]
  metadata: Record<string, unknown>
  last_contacted_at: Date | null
  opted_out: boolean
  created_at: Date
  updated_at: Date
}

export type NewContact = ContactFields & { id: ContactId }

/** Each in the order given. `known`: somebody with this number is there already. `full`: no more fit in. */
export interface Added {
  contacts: (Contact | 'known' | 'full')[]
  isRosterChanged: boolean
}

const columns = `c.id, c.phone_number, c.email, c.first_name, c.last_name, c.company, c.tags, c.metadata, c.last_contacted_at,
  c.created_at, c.updated_at, exists (select from opt_outs o where o.customer_id = c.customer_id and o.opted_out
    and o.address in (c.phone_number, c.email)) as opted_out`

/** Before the first look at anything; see gateway_known_now. */
const lockBook: Statement = {
  name: 'contacts-lock',
  text: 'select pg_advisory_xact_lock(7331003, hashtext($1::uuid::text))',
}

const room: Statement = {
  name: 'contacts-room',
  text: 'select count(*)::int as contacts from contacts where customer_id = $1',
}

const input = `json_to_recordset($2::json) as i(id uuid, phone_number text, email text, first_name text, last_name text,
  company text, tags text[], metadata jsonb)`

const taken: Statement = {
  name: 'contacts-taken',
  text: 'select id, phone_number from contacts where customer_id = $1 and phone_number = any($2::text[])',
}

const insert: Statement = {
  name: 'contacts-insert',
  text: `insert into contacts (customer_id, id, phone_number, email, first_name, last_name, company, tags, metadata)
    select $1, id, phone_number, email, first_name, last_name, company, tags, metadata from ${input}`,
}

const replace: Statement = {
  name: 'contacts-replace',
  text: `update contacts c set phone_number = i.phone_number, email = i.email, first_name = i.first_name,
      last_name = i.last_name, company = i.company, tags = i.tags, metadata = i.metadata, updated_at = gateway_now()
    from ${input} where c.customer_id = $1 and c.id = i.id`,
}

const remove: Statement = {
  name: 'contacts-remove',
  text: `with gone as (select id from contacts where customer_id = $1 and id = any($2::uuid[]) order by id for update)
    delete from contacts c using gone where c.customer_id = $1 and c.id = gone.id returning c.phone_number, c.email`,
}

const some: Statement = {
  name: 'contacts-some',
  text: `select ${columns} from contacts c where c.customer_id = $1 and c.id = any($2::uuid[])`,
}

/**
 * Only rosters that say something else from now on. Found by people who are named with their customer, and by nothing
 * else: that is what the index knows, and nobody else's conversations are looked at.
 */
const rewrite: Statement = {
  name: 'contacts-rosters',
  text: `with named as materialized (
    select customer_id, id from conversations where gateway_people_of(customer_id, participants) && $2::text[]
  ), fitting as materialized (
    select id, gateway_known($1, participants) as participants from conversations
    where customer_id = $1 and id in (select id from named where customer_id = $1) order by id for update
  )
  update conversations c set participants = f.participants from fitting f
  where c.customer_id = $1 and c.id = f.id and c.participants <> f.participants returning c.id`,
}

/** A message leads to one person: whom it went to, or who wrote it. What goes to a group is nobody's in particular. */
const contacted: Statement = {
  name: 'contacts-contacted',
  text: `with reader as (
    insert into log_readers as r (name, xid, seq) values ('contacts', '0', 0) on conflict (name) do update set name = r.name
    returning xid, seq
  ), page as materialized (
    select e.customer_id, e.xid, e.seq, e.at, gateway_person(case e.type
      when 'message.sent' then e.data #>> '{message,to}' when 'message.inbound' then e.data #>> '{message,from}' end) as person
    from events e, reader r where (e.xid, e.seq) > (r.xid, r.seq) and e.xid < pg_snapshot_xmin(pg_current_snapshot())
    order by e.xid, e.seq limit $1
  ), met as materialized (
    select customer_id, gateway_contact(customer_id, person) as id, max(at) as at
    from page where person is not null group by customer_id, person
  ), held as materialized (
    select c.customer_id, c.id, m.at from met m join contacts c on c.customer_id = m.customer_id and c.id = m.id
    order by c.customer_id, c.id for update of c
  ), moved as (
    update contacts c set last_contacted_at = greatest(c.last_contacted_at, h.at)
    from (select customer_id, id, max(at) as at from held group by customer_id, id) h
    where c.customer_id = h.customer_id and c.id = h.id
  )
  select xid::text as xid, seq, (select count(*)::int from page) as rows from page
    order by page.xid desc, page.seq desc limit 1`,
}
const lockReader: Statement = {
  name: 'contacts-reader-lock',
  text: 'select pg_try_advisory_xact_lock(7331004, 0) as mine',
}
const moveReader: Statement = {
  name: 'contacts-reader-move',
  text: `update log_readers set xid = $1::xid8, seq = $2 where name = 'contacts'`,
}

export function createContactStore(db: Db) {
  const inBook = <Result>(customerId: CustomerId, work: (tx: Queryable) => Promise<Result>) =>
    db.transaction(async (tx) => {
      await tx.query(lockBook, [customerId])
      return work(tx)
    })
  return {
    /** Of two with the same number the first is made. */
    add: (customerId: CustomerId, fresh: readonly NewContact[], contactsMax: number): Promise<Added> =>
      inBook(customerId, async (tx) => {
        const [book] = await tx.query<{ contacts: number }>(room, [customerId])
        const isNew = await newcomers(tx, customerId, fresh)
        const fitting = fresh.filter(isNew).slice(0, Math.max(0, contactsMax - (book?.contacts ?? 0)))
        if (fitting.length > 0) await tx.query(insert, [customerId, JSON.stringify(fitting.map(rowOf))])
        const isRosterChanged = await rewriteRosters(tx, customerId, fitting)
        const made = await read(tx, customerId, fitting)
        const contacts = fresh.map((one) => made.get(one.id) ?? (isNew(one) ? 'full' : 'known'))
        return { contacts, isRosterChanged }
      }),

    /** Null: there is no such contact. `known`: somebody else has the number. */
    change: (
      customerId: CustomerId,
      id: ContactId,
      change: Partial<ContactFields>,
    ): Promise<{ contact: Contact | 'known'; isRosterChanged: boolean } | null> =>
      inBook(customerId, async (tx) => {
        const before = (await read(tx, customerId, [{ id }])).get(id)
        if (before === undefined) return null
        const after = { ...before, ...change }
        const [other] = await tx.query<{ id: ContactId }>(taken, [customerId, [after.phoneNumber]])
        if (other !== undefined && other.id !== id) return { contact: 'known', isRosterChanged: false }
        await tx.query(replace, [customerId, JSON.stringify([rowOf(after)])])
        const isSame = before.phoneNumber === after.phoneNumber && before.email === after.email
        const isRosterChanged = !isSame && (await rewriteRosters(tx, customerId, [before, after]))
        return { contact: (await read(tx, customerId, [{ id }])).get(id) ?? after, isRosterChanged }
      }),

    remove: (
      customerId: CustomerId,
      ids: readonly ContactId[],
    ): Promise<{ removed: number; isRosterChanged: boolean }> =>
      inBook(customerId, async (tx) => {
        const gone = await tx.query<Pick<Row, 'phone_number' | 'email'>>(remove, [customerId, ids])
        const people = gone.map((row) => ({ phoneNumber: row.phone_number, email: row.email }))
        return { removed: gone.length, isRosterChanged: await rewriteRosters(tx, customerId, people) }
      }),

    async isKnown(customerId: CustomerId, phoneNumber: Handle): Promise<boolean> {
      return (await db.query(taken, [customerId, [phoneNumber]])).length > 0
    },

    async get(customerId: CustomerId, id: ContactId): Promise<Contact | null> {
      return (await read(db, customerId, [{ id }])).get(id) ?? null
    },

    list: (customerId: CustomerId, filter: ContactFilter) => list(db, customerId, filter),

    /** Reads on in the log, and notes when somebody was last written to or wrote; returns how many events it has read. */
    noteContacted: (eventsMax: number): Promise<number> =>
      db.transaction(async (tx) => {
        const [row] = await tx.query<{ mine: boolean }>(lockReader)
        if (row?.mine !== true) return 0
        const [last] = await tx.query<{ xid: string; seq: number; rows: number }>(contacted, [eventsMax])
        if (last === undefined) return 0
        await tx.query(moveReader, [last.xid, last.seq])
        return last.rows
      }),
  }
}

export type ContactStore = ReturnType<typeof createContactStore>

/** Newest first. Reads all contacts of the customer that match, of which there are never many. */
async function list(
  db: Queryable,
  customerId: CustomerId,
  filter: ContactFilter,
): Promise<{ rows: Contact[]; total: number }> {
  const values: unknown[] = [customerId]
  const where = ['c.customer_id = $1']
  if (filter.search !== null) {
    values.push(`%${filter.search.replace(/[\\%_]/g, '\\$&')}%`)
    where.push(`c.search like lower($${values.length})`)
  }
  if (filter.tag !== null) {
    values.push([filter.tag])
    where.push(`c.tags @> $${values.length}::text[]`)
  }
  const matching = `from contacts c where ${where.join(' and ')}`
  const count = { name: '', text: `select count(*)::int as total ${matching}` }
  const [counted] = await db.query<{ total: number }>(count, values)
  const place = `limit $${values.length + 1} offset $${values.length + 2}`
  const page = { name: '', text: `select ${columns} ${matching} order by c.id desc ${place}` }
  const rows = await db.query<Row>(page, [...values, filter.limit, filter.offset])
  return { rows: rows.map(fromRow), total: counted?.total ?? 0 }
}

type Named = Pick<ContactFields, 'phoneNumber' | 'email'>

/** Who is neither in the book nor earlier in the list. */
async function newcomers(
  tx: Queryable,
  customerId: CustomerId,
  fresh: readonly NewContact[],
): Promise<(one: NewContact) => boolean> {
  const numbers = fresh.map(({ phoneNumber }) => phoneNumber)
  const known = new Set(
    (await tx.query<Pick<Row, 'phone_number'>>(taken, [customerId, numbers])).map((row) => row.phone_number),
  )
  return (one) => !known.has(one.phoneNumber) && fresh[numbers.indexOf(one.phoneNumber)] === one
}

async function rewriteRosters(tx: Queryable, customerId: CustomerId, people: readonly Named[]): Promise<boolean> {
  const names = people.flatMap(({ phoneNumber, email }) => (email === null ? [phoneNumber] : [phoneNumber, email]))
  if (names.length === 0) return false
  const entries = [...new Set(names)].map((name) => `${customerId}/${name}`)
  return (await tx.query(rewrite, [customerId, entries])).length > 0
}

async function read(
  from: Queryable,
  customerId: CustomerId,
  wanted: readonly { id: ContactId }[],
): Promise<Map<ContactId, Contact>> {
  const rows = await from.query<Row>(some, [customerId, wanted.map(({ id }) => id)])
  return new Map(rows.map((row) => [row.id, fromRow(row)]))
}

function rowOf({ id, phoneNumber, email, firstName, lastName, company, tags, metadata }: NewContact): object {
  const names = { first_name: firstName, last_name: lastName, company }
  return { id, phone_number: phoneNumber, email, ...names, tags, metadata }
}

function fromRow(row: Row): Contact {
  return {
    id: row.id,
    phoneNumber: row.phone_number,
    email: row.email,
    firstName: row.first_name,
    lastName: row.last_name,
    company: row.company,
    tags: row.tags,
    metadata: row.metadata,
    lastContactedAt: row.last_contacted_at,
    optedOut: row.opted_out,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}
