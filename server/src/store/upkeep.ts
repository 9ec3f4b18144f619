/** What the database needs from time to time: partitions ahead, old ones dropped, usage counted from the log. */
import type { Channel } from '../model/channel.ts'
import type { EventType } from '../model/event.ts'
import type { CustomerId } from '../model/ids.ts'
import type { Db, Queryable, Statement } from './db.ts'

const daysAhead = 3
const dayMs = 86_400_000
/** One process at a time keeps house; the others skip their turn. */
const upkeepLock = 7_331_002

const lock: Statement = { name: 'upkeep-lock', text: 'select pg_try_advisory_xact_lock($1) as mine' }
const today: Statement = {
  name: 'upkeep-today',
  text: `select date_trunc('day', gateway_now() at time zone 'utc') at time zone 'utc' as today`,
}
const partitions: Statement = {
  name: 'upkeep-partitions',
  text: `select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent in ('events'::regclass, 'attempts'::regclass, 'webhook_log'::regclass, 'webhook_attempts'::regclass)`,
}

/** By the column that says when a row was written for good. */
const partitioned = { events: 'at', attempts: 'ended_at', webhook_log: 'ended_at', webhook_attempts: 'at' } as const

const cutDefault = (table: string, column: string): Statement => ({
  name: `upkeep-cut-${table}`,
  text: `delete from ${table}_default where ${column} < gateway_now() - $1 * interval '1 ms'`,
})
const cutReach: Statement = {
  name: 'upkeep-cut-reach',
  text: `delete from reachability where checked_at < gateway_now() - interval '7 days'`,
}
const cutEarly: Statement = {
  name: 'upkeep-cut-early',
  text: `delete from provider_ids where message_id is null and created_at < gateway_now() - interval '7 days'`,
}

/** Counting is one more reader of the log, so that no message pays for it when it is accepted. */
const countUsage: Statement = {
  name: 'usage-count',
  text: `with reader as (
    insert into log_readers as r (name, xid, seq) values ('usage', '0', 0) on conflict (name) do update set name = r.name
    returning xid, seq
  ), page as materialized (
    select e.customer_id, e.xid, e.seq, e.type, e.at, coalesce(e.data #>> '{message,channel}', e.data ->> 'channel', '') as channel
    from events e, reader r where (e.xid, e.seq) > (r.xid, r.seq) and e.xid < pg_snapshot_xmin(pg_current_snapshot())
    order by e.xid, e.seq limit $1
  ), counted as (
    insert into usage_daily as u (customer_id, day, event, channel, count)
    select customer_id, (at at time zone 'utc')::date, type, channel, count(*) from page group by 1, 2, 3, 4
    on conflict (customer_id, day, event, channel) do update set count = u.count + excluded.count
  )
  select xid::text as xid, seq, (select count(*) from page) as rows from page order by page.xid desc, page.seq desc limit 1`,
}
const moveReader: Statement = {
  name: 'usage-move',
  text: `update log_readers set xid = $1::xid8, seq = $2 where name = 'usage'`,
}

const usage: Statement = {
  name: 'usage-list',
  text: `select customer_id as "customerId", to_char(day, 'YYYY-MM-DD') as day, event, nullif(channel, '') as channel, count from usage_daily
    where ($1::uuid is null or customer_id = $1) and day between $2 and $3
    order by day desc, customer_id, event, channel limit $4 offset $5`,
}

export interface UsageFilter {
  customerId: CustomerId | null
  from: string
  to: string
  limit: number
  offset: number
}

export interface UsageCount {
  customerId: CustomerId
  day: string
  event: EventType
  channel: Channel | null
  count: number
}

export function createUpkeepStore(db: Db) {
  return {
    /** Makes the partitions of the coming days and drops those that retention has passed. Returns what it did. */
    async partition(retentionMs: number): Promise<{ made: string[]; dropped: string[] }> {
      return db.transaction(async (tx) => {
        const [row] = await tx.query<{ mine: boolean }>(lock, [upkeepLock])
        if (row?.mine !== true) return { made: [], dropped: [] }
        const known = new Set((await tx.query<{ name: string }>(partitions)).map((one) => one.name))
        const [day] = await tx.query<{ today: Date }>(today)
        const start = (day?.today ?? new Date(0)).getTime()
        const made = await makeAhead(tx, start, known)
        const dropped = await dropOld(tx, start - retentionMs, known)
        for (const [table, column] of Object.entries(partitioned))
          await tx.query(cutDefault(table, column), [retentionMs])
        await tx.query(cutReach)
        await tx.query(cutEarly)
        return { made, dropped }
      })
    },

    /** Counts the next part of the log; returns how many events it has read. */
    async countUsage(eventsMax: number): Promise<number> {
      return db.transaction(async (tx) => {
        const [row] = await tx.query<{ mine: boolean }>(lock, [upkeepLock + 1])
        if (row?.mine !== true) return 0
        const [last] = await tx.query<{ xid: string; seq: number; rows: number }>(countUsage, [eventsMax])
        if (last === undefined) return 0
        await tx.query(moveReader, [last.xid, last.seq])
        return last.rows
      })
    },

    async usage(filter: UsageFilter): Promise<{ rows: UsageCount[]; hasMore: boolean }> {
      const { customerId, from, to, limit, offset } = filter
      const rows = await db.query<UsageCount>(usage, [customerId, from, to, limit + 1, offset])
      return { rows: rows.slice(0, limit), hasMore: rows.length > limit }
    },
  }
}

export type UpkeepStore = ReturnType<typeof createUpkeepStore>

function dateOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}

/** Rows of that day that already lie in the default partition stay there: the day is left to it. */
async function makeAhead(tx: Queryable, start: number, known: ReadonlySet<string>): Promise<string[]> {
  const made: string[] = []
  for (const [table, column] of Object.entries(partitioned)) {
    for (let ahead = 0; ahead <= daysAhead; ahead++) {
      const [from, to] = [dateOf(start + ahead * dayMs), dateOf(start + (ahead + 1) * dayMs)]
      const name = `${table}_${from.replaceAll('-', '')}`
      if (known.has(name)) continue
      // Making a partition takes this lock in any case; taken first, nobody can write such a row after we looked.
      await tx.query({ name: '', text: `lock table ${table}_default in access exclusive mode` })
      const early = await tx.query({
        name: '',
        text: `select from ${table}_default where ${column} >= '${from}Z' and ${column} < '${to}Z' limit 1`,
      })
      if (early.length > 0) continue
      await tx.query({
        name: '',
        text: `create table ${name} partition of ${table} for values from ('${from}Z') to ('${to}Z')`,
      })
      made.push(name)
    }
  }
  return made
}

async function dropOld(tx: Queryable, before: number, known: ReadonlySet<string>): Promise<string[]> {
  const limit = dateOf(before).replaceAll('-', '')
  const old = [...known].filter((name) => {
    const day = /^(?:events|attempts|webhook_log|webhook_attempts)_(\d{8})$/.exec(name)?.[1]
    return day !== undefined && day < limit
  })
  for (const name of old) await tx.query({ name: '', text: `drop table ${name}` })
  return old
}
