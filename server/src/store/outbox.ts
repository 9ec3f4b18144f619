/** The outbox: claiming lanes, beginning attempts, giving lanes back. */
import type { Channel } from '../model/channel.ts'
import type { CustomerId, LineId, MessageId } from '../model/ids.ts'
import type { Message } from '../model/message.ts'
import type { Fence, Work } from './changes.ts'
import type { Db, Statement } from './db.ts'
import { fromRow, type MessageRow } from './sql/message-row.ts'
import { messageColumns } from './sql/message-sql.ts'

export interface LaneKey {
  customerId: CustomerId
  lineId: LineId
  lane: string
}

export interface ClaimedLane extends LaneKey {
  fence: Fence
  /** In the order they must be sent. May be empty: then the lane only needs giving back. */
  heads: readonly Head[]
}

export interface Head {
  message: Message
  work: Work
}

export interface ClaimOptions {
  lines: readonly { customerId: CustomerId; lineId: LineId }[]
  node: number
  lanesMax: number
  headsMax: number
  leaseMs: number
}

export interface Begin {
  key: LaneKey
  fence: Fence
  seq: number
  /** As claimed; a row that was tried since is somebody else's. */
  tries: number
}

/** `holdMs`: how long the whole lane waits; null when only the message itself does. */
export interface Finish {
  key: LaneKey
  fence: Fence
  holdMs: number | null
}

/**
 * What waits behind a row that holds its lane is not sent before it, whoever works on the lane by then: the lane's
 * own hold_until is written after the change that asks for it, and a process may die in between.
 */
const firstHolding = (
  lane: 'c' | 'l',
) => `coalesce((select min(b.seq) from outbox b where b.customer_id = ${lane}.customer_id
        and b.line_id = ${lane}.line_id and b.lane = ${lane}.lane and b.holds and b.due_at > gateway_now()), 9223372036854775807)`

/**
 * Each line's oldest lane comes before any line's second, so that one line's backlog never stands before another's.
 * The lock skips what others are claiming; the fence of this claim is the only proof of ownership from here on.
 */
const claim: Statement = {
  name: 'outbox-claim',
  text: `with due as materialized (
    select d.* from unnest($1::uuid[], $2::uuid[]) h(customer_id, line_id)
    cross join lateral (
      select customer_id, line_id, lane, next_at, row_number() over (order by next_at) as place from lanes
      where lanes.customer_id = h.customer_id and lanes.line_id = h.line_id
        and next_at <= gateway_now() and lease_until < gateway_now()
      order by next_at limit $3
    ) d order by d.place, d.next_at limit $3
  ), picked as materialized (
    select l.customer_id, l.line_id, l.lane from due d
    join lanes l on l.customer_id = d.customer_id and l.line_id = d.line_id and l.lane = d.lane
    where l.next_at <= gateway_now() and l.lease_until < gateway_now() for update of l skip locked
  ), claimed as (
    update lanes l set fence = nextval('fences'), holder = $4, lease_until = gateway_now() + $5 * interval '1 ms'
    from picked p where l.customer_id = p.customer_id and l.line_id = p.line_id and l.lane = p.lane
    returning l.customer_id, l.line_id, l.lane, l.fence
  )
  select c.customer_id as lane_customer_id, c.line_id as lane_line_id, c.lane as lane_key, c.fence, h.seq, h.channel as work_channel,
    h.rest, h.confirming, h.doubtful, h.waits, h.run, h.run_started_at, h.asked_since, ${messageColumns.replace('o.tries', 'h.tries')}
  from claimed c
  left join lateral (
    select * from outbox o where o.customer_id = c.customer_id and o.line_id = c.line_id and o.lane = c.lane
      and o.due_at <= gateway_now() and o.seq < ${firstHolding('c')} order by o.seq limit $6
  ) h on true
  left join messages m on m.customer_id = h.customer_id and m.id = h.message_id
  order by c.fence, h.seq`,
}

/**
 * The one door to the network: an attempt runs only after this has committed. From null to a fence, on one row,
 * while the lane's lease is alive: of two that try, one wins. What the claim has read may be stale; this is not.
 */
const begin: Statement = {
  name: 'outbox-begin',
  text: `update outbox o set run = b.fence, run_started_at = gateway_now(), tries = o.tries + 1
    from json_to_recordset($1::json) as b(seq bigint, fence bigint, tries int, customer_id uuid, line_id uuid, lane text)
    where o.seq = b.seq and o.run is null and o.tries = b.tries and not o.confirming and exists (
      select from lanes l where l.customer_id = b.customer_id and l.line_id = b.line_id and l.lane = b.lane
        and l.fence = b.fence and l.lease_until > gateway_now())
    returning o.seq`,
}

/**
 * Lock first, look second, in two statements. In one statement the look would use a snapshot from before the lock
 * and miss a message enqueued in between: 2 of 24,000 were stranded that way when it was tried.
 */
const finishLock: Statement = {
  name: 'outbox-finish-lock',
  text: `select l.lane from lanes l join json_to_recordset($1::json) as f(customer_id uuid, line_id uuid, lane text, fence bigint)
      on l.customer_id = f.customer_id and l.line_id = f.line_id and l.lane = f.lane and l.fence = f.fence
    order by l.customer_id, l.line_id, l.lane for update of l`,
}

const finishLook: Statement = {
  name: 'outbox-finish',
  text: `with mine as (
    select l.customer_id, l.line_id, l.lane, gateway_now() + f.hold_ms * interval '1 ms' as hold_until,
      (select o.due_at from outbox o where o.customer_id = l.customer_id and o.line_id = l.line_id and o.lane = l.lane
        and o.seq <= ${firstHolding('l')} order by o.due_at limit 1) as next_at
    from json_to_recordset($1::json) as f(customer_id uuid, line_id uuid, lane text, fence bigint, hold_ms float8)
    join lanes l on l.customer_id = f.customer_id and l.line_id = f.line_id and l.lane = f.lane and l.fence = f.fence
  ), emptied as (
    delete from lanes l using mine m where m.next_at is null
      and l.customer_id = m.customer_id and l.line_id = m.line_id and l.lane = m.lane
  )
  update lanes l set next_at = greatest(m.next_at, m.hold_until), hold_until = coalesce(m.hold_until, '-infinity'),
    lease_until = '-infinity', holder = null
  from mine m where m.next_at is not null
    and l.customer_id = m.customer_id and l.line_id = m.line_id and l.lane = m.lane
  returning l.next_at <= gateway_now() as due`,
}

/** A net for what cannot happen: an outbox row whose lane is gone. What it finds is a bug and is logged as one. */
const sweep: Statement = {
  name: 'outbox-sweep',
  text: `insert into lanes (customer_id, line_id, lane, next_at)
    select o.customer_id, o.line_id, o.lane, min(o.due_at) from outbox o
    where not exists (select from lanes l where l.customer_id = o.customer_id and l.line_id = o.line_id and l.lane = o.lane)
    group by 1, 2, 3 order by 1, 2, 3 on conflict do nothing returning lane`,
}

/** Nobody holds a line that was removed, so nobody would ever look at its messages. */
const orphans: Statement = {
  name: 'outbox-orphans',
  text: `select o.customer_id, o.message_id from lines l
    join lateral (select customer_id, message_id from outbox where outbox.customer_id = l.customer_id and outbox.line_id = l.id
      order by lane, seq limit $1) o on true
    where l.removed_at > gateway_now() - interval '31 days' limit $1`,
}

type ClaimRow = Omit<MessageRow, 'id'> & {
  id: MessageRow['id'] | null
  lane_customer_id: CustomerId
  lane_line_id: LineId
  lane_key: string
  fence: number
  seq: number
  work_channel: Channel
  rest: Channel[]
  confirming: boolean
  doubtful: boolean
  waits: number
  run: number | null
  run_started_at: Date | null
  asked_since: Date | null
}

export function createOutboxStore(db: Db) {
  return {
    async claim(options: ClaimOptions): Promise<ClaimedLane[]> {
      const rows = await db.query<ClaimRow>(claim, [
        options.lines.map((line) => line.customerId),
        options.lines.map((line) => line.lineId),
        options.lanesMax,
        options.node,
        options.leaseMs,
        options.headsMax,
      ])
      return groupByFence(rows)
    },

    /** Which of these attempts may run: those whose seq comes back. */
    async begin(batch: readonly Begin[]): Promise<Set<number>> {
      const rows = await db.query<{ seq: number }>(begin, [
        JSON.stringify(batch.map(({ key, ...rest }) => ({ ...rest, ...laneColumns(key) }))),
      ])
      return new Set(rows.map((row) => row.seq))
    },

    /** Whether one of the lanes has more to send at once. */
    async finish(batch: readonly Finish[]): Promise<boolean> {
      const input = JSON.stringify(
        batch.map(({ key, fence, holdMs }) => ({ ...laneColumns(key), fence, hold_ms: holdMs })),
      )
      return db.transaction(async (tx) => {
        await tx.query(finishLock, [input])
        return (await tx.query<{ due: boolean }>(finishLook, [input])).some((row) => row.due)
      })
    },

    async orphans(rowsMax: number): Promise<{ customerId: CustomerId; messageId: MessageId }[]> {
      const rows = await db.query<{ customer_id: CustomerId; message_id: MessageId }>(orphans, [rowsMax])
      return rows.map((row) => ({ customerId: row.customer_id, messageId: row.message_id }))
    },

    async sweep(): Promise<number> {
      return (await db.query(sweep)).length
    },
  }
}

export type OutboxStore = ReturnType<typeof createOutboxStore>

function laneColumns(key: LaneKey): { customer_id: CustomerId; line_id: LineId; lane: string } {
  return { customer_id: key.customerId, line_id: key.lineId, lane: key.lane }
}

function groupByFence(rows: readonly ClaimRow[]): ClaimedLane[] {
  const lanes = new Map<Fence, LaneKey & { fence: Fence; heads: Head[] }>()
  for (const row of rows) {
    const lane = lanes.get(row.fence) ?? {
      customerId: row.lane_customer_id,
      lineId: row.lane_line_id,
      lane: row.lane_key,
      fence: row.fence,
      heads: [],
    }
    lanes.set(row.fence, lane)
    if (row.id !== null) lane.heads.push(headFrom({ ...row, id: row.id }))
  }
  return [...lanes.values()]
}

function headFrom(row: ClaimRow & MessageRow): Head {
  return {
    message: fromRow(row),
    work: {
      seq: row.seq,
      lineId: row.lane_line_id,
      lane: row.lane_key,
      channel: row.work_channel,
      rest: row.rest,
      tries: row.tries ?? 0,
      confirming: row.confirming,
      doubtful: row.doubtful,
      waits: row.waits,
      run: row.run,
      runStartedAt: row.run_started_at,
      askedSince: row.asked_since,
    },
  }
}
