/** Processes that share the database: who is alive, which lines each holds, and what a dead one leaves behind. */
import type { Channel } from '../model/channel.ts'
import type { CustomerId, Handle, LineId } from '../model/ids.ts'
import type { LinkOrders } from '../model/line.ts'
import type { Fence } from './changes.ts'
import type { Db, Session, Statement } from './db.ts'
import type { ChannelProviders } from './lines.ts'

export interface HeldLine {
  id: LineId
  customerId: CustomerId
  address: Handle | null
  email: Handle | null
  channels: readonly Channel[]
  epoch: number
  provider: string
  url: string | null
  secret: Buffer | null
  channelProviders: ChannelProviders
  linkOrders: LinkOrders
}

/** The class of the advisory locks that say "this process lives"; any constant of our own. */
const livingClass = 7_331

const register: Statement = {
  name: 'nodes-register',
  text: `insert into nodes (number) values (nextval('node_numbers')) returning number`,
}

const stayAlive: Statement = { name: 'nodes-lock', text: `select pg_try_advisory_lock(${livingClass}, $1) as locked` }

const beat: Statement = {
  name: 'nodes-beat',
  text: 'update nodes set seen_at = gateway_now() where number = $1 returning number',
}

/** Lanes are locked in their order everywhere, here too. */
const renewLanes: Statement = {
  name: 'nodes-renew-lanes',
  text: `with mine as materialized (
    select customer_id, line_id, lane from lanes
    where holder = $1 and fence = any($2::bigint[]) and lease_until > gateway_now()
    order by customer_id, line_id, lane for update
  )
  update lanes l set lease_until = gateway_now() + $3 * interval '1 ms' from mine m
  where l.customer_id = m.customer_id and l.line_id = m.line_id and l.lane = m.lane returning l.fence`,
}

/** Locked in the order of their ids first: an operator may be changing several lines at the same time. */
const renewLines: Statement = {
  name: 'nodes-renew-lines',
  text: `with mine as materialized (
    select id from lines where holder = $1 and lease_until > gateway_now() and removed_at is null and status = 'active'
      and customer_id is not null order by id for update
  )
  update lines l set lease_until = gateway_now() + $2 * interval '1 ms' from mine where l.id = mine.id
    returning l.id, l.customer_id, l.address, l.email, l.channels, l.epoch, l.provider, l.url, l.secret, l.channel_providers, l.link_orders`,
}

/**
 * The dead are known by their advisory lock: the server frees it the moment their connection goes, long before a
 * lease would end. The lease remains as the net, for a connection that hangs without ending.
 */
const bury: Statement = {
  name: 'nodes-bury',
  text: `with dead as materialized (
    select n.number from nodes n where n.number <> $1 and (
      n.seen_at < gateway_now() - $2 * interval '1 ms' or not exists (
        select from pg_locks l where l.locktype = 'advisory' and l.classid = ${livingClass} and l.objid = n.number::bigint::oid
          and l.database = (select oid from pg_database where datname = current_database())))
    for update skip locked
  ), lanes_left as materialized (
    select customer_id, line_id, lane from lanes where holder in (select number from dead)
    order by customer_id, line_id, lane for update
  ), lanes_freed as (
    update lanes l set lease_until = '-infinity', holder = null from lanes_left m
    where l.customer_id = m.customer_id and l.line_id = m.line_id and l.lane = m.lane
  ), lines_freed as (
    update lines set lease_until = '-infinity', holder = null from dead where lines.holder = dead.number
  ), webhooks_left as materialized (
    select customer_id, id from webhooks where holder in (select number from dead) order by id for update
  ), webhooks_freed as (
    update webhooks w set lease_until = '-infinity', holder = null from webhooks_left m
    where w.customer_id = m.customer_id and w.id = m.id
  ), chats_left as materialized (
    select customer_id, conversation_id from agent_chats where holder in (select number from dead)
    order by customer_id, conversation_id for update
  ), chats_freed as (
    update agent_chats c set lease_until = '-infinity', holder = null from chats_left m
    where c.customer_id = m.customer_id and c.conversation_id = m.conversation_id
  )
  delete from nodes using dead where nodes.number = dead.number returning nodes.number`,
}

/** A fair share: what is free, up to all lines divided by all living processes. */
const take: Statement = {
  name: 'nodes-take',
  text: `with share as (
    select ceil((select count(*) from lines where removed_at is null and status = 'active' and customer_id is not null)::numeric
      / greatest(1, (select count(*) from nodes)))::int
      - (select count(*) from lines where holder = $1 and lease_until > gateway_now())::int as free
  ), picked as materialized (
    select id from lines where removed_at is null and status = 'active' and customer_id is not null
      and lease_until < gateway_now() order by id limit greatest(0, (select free from share)) for update skip locked
  )
  update lines l set holder = $1, epoch = l.epoch + 1, lease_until = gateway_now() + $2 * interval '1 ms'
  from picked where l.id = picked.id returning l.id, l.customer_id, l.address, l.email, l.channels, l.epoch, l.provider, l.url, l.secret, l.channel_providers, l.link_orders`,
}

const release: Statement = {
  name: 'nodes-release',
  text: `update lines set holder = null, lease_until = '-infinity' where id = $1 and holder = $2 and epoch = $3`,
}

const leave: Statement = {
  name: 'nodes-leave',
  text: `with gone as (delete from nodes where number = $1),
    lanes_freed as (update lanes set lease_until = '-infinity', holder = null where holder = $1),
    webhooks_freed as (update webhooks set lease_until = '-infinity', holder = null where holder = $1),
    chats_freed as (update agent_chats set lease_until = '-infinity', holder = null where holder = $1)
    update lines set lease_until = '-infinity', holder = null where holder = $1`,
}

interface LineRow {
  id: LineId
  customer_id: CustomerId
  address: Handle | null
  email: Handle | null
  channels: Channel[]
  epoch: number
  provider: string
  url: string | null
  secret: Buffer | null
  channel_providers: ChannelProviders
  link_orders: LinkOrders
}

export function createNodeStore(db: Db) {
  return {
    /** The session keeps the proof of life: when it goes, so does this process's claim to be alive. */
    async register(session: Session): Promise<number> {
      const [row] = await db.query<{ number: number }>(register)
      if (row === undefined) throw new Error('The process could not be registered in the database.')
      await session.query(stayAlive, [row.number])
      return row.number
    },

    /** False: others took this process for dead. */
    async beat(node: number): Promise<boolean> {
      return (await db.query(beat, [node])).length === 1
    },

    /** Those of the fences that are still ours. */
    async renewLanes(node: number, fences: readonly Fence[], leaseMs: number): Promise<Set<Fence>> {
      if (fences.length === 0) return new Set()
      const rows = await db.query<{ fence: Fence }>(renewLanes, [node, fences, leaseMs])
      return new Set(rows.map((row) => row.fence))
    },

    /** The lines this process still holds and should; any other it had must be dropped. */
    async renewLines(node: number, leaseMs: number): Promise<HeldLine[]> {
      return (await db.query<LineRow>(renewLines, [node, leaseMs])).map(heldFrom)
    },

    async takeLines(node: number, leaseMs: number): Promise<HeldLine[]> {
      return (await db.query<LineRow>(take, [node, leaseMs])).map(heldFrom)
    },

    async releaseLine(node: number, line: { id: LineId; epoch: number }): Promise<void> {
      await db.query(release, [line.id, node, line.epoch])
    },

    /** Frees at once what dead processes held; returns their numbers. */
    async bury(node: number, leaseMs: number): Promise<number[]> {
      return (await db.query<{ number: number }>(bury, [node, leaseMs])).map((row) => row.number)
    },

    async leave(node: number): Promise<void> {
      await db.query(leave, [node])
    },
  }
}

export type NodeStore = ReturnType<typeof createNodeStore>

function heldFrom(row: LineRow): HeldLine {
  return {
    id: row.id,
    customerId: row.customer_id,
    address: row.address,
    email: row.email,
    channels: row.channels,
    epoch: row.epoch,
    provider: row.provider,
    url: row.url,
    secret: row.secret,
    channelProviders: row.channel_providers,
    linkOrders: row.link_orders,
  }
}
