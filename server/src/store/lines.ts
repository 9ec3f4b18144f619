/** Lines and the state of their links. */
import type { Channel } from '../model/channel.ts'
import type { NewEvent } from '../model/event.ts'
import type { CustomerId, Handle, LineId } from '../model/ids.ts'
import {
  type DisconnectReason,
  type Line,
  type LinkOrder,
  type LinkOrders,
  type LinkPast,
  type LinkState,
  pairingEnds,
} from '../model/line.ts'
import type { Db, Statement } from './db.ts'
import { tellIn } from './inbound.ts'

/** What connects a line to one network. */
export interface ChannelProvider {
  provider: string
  url: string | null
  /** Sealed, in base64. */
  secret: string | null
}

export type ChannelProviders = Partial<Record<Channel, ChannelProvider>>

export interface StoredLine extends Line {
  url: string | null
  secret: Buffer | null
  channelProviders: ChannelProviders
  linkOrders: LinkOrders
  linkPasts: Partial<Record<Channel, LinkPast>>
  hostType: string | null
  hostInfo: string | null
  createdAt: Date
  /** Its customer made it. */
  own: boolean
  /** When a link of it last reported. */
  checkedAt: Date | null
}

export interface LineRow {
  id: LineId
  customer_id: CustomerId | null
  name: string
  address: Handle | null
  email: Handle | null
  provider: string
  channels: Channel[]
  is_default: boolean
  status: Line['status']
  url: string | null
  secret: Buffer | null
  channel_providers: ChannelProviders
  link_orders: LinkOrders
  host_type: string | null
  host_info: string | null
  created_at: Date
  own: boolean
  links: Record<string, LinkState> | null
  pasts: Record<string, PastRow> | null
  checked_at: Date | null
}

interface PastRow {
  round: number
  connected_at: string | null
  disconnected_at: string | null
  identity: string | null
  reason: DisconnectReason | null
}

const columns = `l.id, l.customer_id, l.name, l.address, l.email, l.provider, l.channels, l.is_default, l.status, l.url, l.secret, l.channel_providers,
  l.link_orders, l.host_type, l.host_info, l.created_at, l.own,
  (select jsonb_object_agg(k.channel, k.state) from links k where k.line_id = l.id) as links,
  (select jsonb_object_agg(k.channel, to_jsonb(k) - 'state') from links k where k.line_id = l.id) as pasts,
  (select max(k.changed_at) from links k where k.line_id = l.id) as checked_at`

const ofCustomer: Statement = {
  name: 'lines-of-customer',
  text: `select ${columns} from lines l where l.customer_id = $1 and l.removed_at is null order by l.is_default desc, l.id`,
}
const one: Statement = {
  name: 'lines-one',
  text: `select ${columns} from lines l where l.id = $1 and l.removed_at is null`,
}
const byAddress: Statement = {
  name: 'lines-by-address',
  text: `select ${columns} from lines l where l.address = $1 and l.removed_at is null`,
}
const page: Statement = {
  name: 'lines-page',
  text: `select ${columns} from lines l where l.removed_at is null and ($1::uuid is null or l.id < $1) order by l.id desc limit $2`,
}
const insert: Statement = {
  name: 'lines-insert',
  text: `insert into lines (id, name, address, email, provider, channels, url, secret, host_type, host_info, channel_providers)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) on conflict do nothing returning id`,
}
const change: Statement = {
  name: 'lines-change',
  text: `update lines set name = $2, url = $3, secret = $4, host_type = $5, host_info = $6, channels = $7, status = $8, channel_providers = $9
    where id = $1 and removed_at is null returning id`,
}
/** Of lines that are given to a customer at the same time, one is the first. */
const lockCustomer: Statement = {
  name: 'lines-lock-customer',
  text: 'select id from customers where id = $1 for update',
}
/** The first line of a customer becomes its default. */
const assign: Statement = {
  name: 'lines-assign',
  text: `update lines set customer_id = $2,
      is_default = not exists (select from lines d where d.customer_id = $2 and d.is_default and d.removed_at is null)
    where id = $1 and customer_id is null and removed_at is null returning id`,
}
const remove: Statement = {
  name: 'lines-remove',
  text: `update lines set removed_at = gateway_now(), is_default = false
    where id = $1 and removed_at is null and ($2::uuid is null or customer_id = $2) returning id`,
}
/** In the order of their ids, as everybody locks several lines. */
const lockOfCustomer: Statement = {
  name: 'lines-lock',
  text: 'select id from lines where customer_id = $1 and removed_at is null order by id for update',
}
const clearDefault: Statement = {
  name: 'lines-clear-default',
  text: 'update lines set is_default = false where customer_id = $1 and is_default',
}
const setDefault: Statement = {
  name: 'lines-set-default',
  text: 'update lines set is_default = true where id = $1 and customer_id = $2 and removed_at is null returning id',
}
/** Whatever is to happen next, what the link said before no longer counts. */
const nextOrder = `link_orders || jsonb_build_object($3::text, jsonb_build_object('stopped', $4::text,
  'round', coalesce((link_orders #>> array[$3, 'round'])::int, 0) + 1))`
const ordered = 'where id = $1 and customer_id is not distinct from $2 and removed_at is null'
const order: Statement = {
  name: 'lines-order',
  text: `update lines set link_orders = ${nextOrder} ${ordered} and $3 = any(channels) returning id`,
}
/** A provider that an operator chose for this channel stays. */
const addChannel: Statement = {
  name: 'lines-add-channel',
  text: `update lines set link_orders = ${nextOrder}, channels = case when $3 = any(channels) then channels else channels || $3::text end,
      channel_providers = case when $5::jsonb is null then channel_providers
        else jsonb_build_object($3::text, $5::jsonb) || channel_providers end
    ${ordered} returning id`,
}
/** Its order stays, so that the rounds of a later pairing are later than all before. */
const dropChannel: Statement = {
  name: 'lines-drop-channel',
  text: `update lines set link_orders = ${nextOrder}, channels = array_remove(channels, $3) ${ordered} returning id`,
}
/** No row: the line is held under another epoch by now. */
const setLink: Statement = {
  name: 'links-set',
  text: `with before as (select state from links where line_id = $1 and channel = $2), stored as (
    insert into links as k (line_id, channel, state, round, connected_at, identity, reason)
    select $1, $2, $3::jsonb, $5, case when $3 ->> 'status' = 'connected' then gateway_now() end, $3 ->> 'identity', $3 ->> 'reason'
    where exists (select from lines where id = $1 and epoch = $4)
    on conflict (line_id, channel) do update set state = excluded.state, round = excluded.round, changed_at = gateway_now(),
      connected_at = case when k.state ->> 'status' = 'connected' then k.connected_at else coalesce(excluded.connected_at, k.connected_at) end,
      disconnected_at = case when k.state ->> 'status' = 'connected' and excluded.state ->> 'status' <> 'connected' then gateway_now()
        else k.disconnected_at end,
      identity = case when excluded.reason in (${pairingEnds.map((one) => `'${one}'`).join(', ')}) then null
        else coalesce(excluded.identity, k.identity) end,
      reason = case when excluded.state ->> 'status' = 'connected' then null else coalesce(excluded.reason, k.reason) end
    returning line_id)
  select (select state from before) is distinct from $3 as news, (select state from before) as before,
    (select address from lines where id = $1) as address from stored`,
}
/** Never the default: nothing can be sent from it before it has a number. */
const insertOwn: Statement = {
  name: 'lines-insert-own',
  text: `insert into lines (id, customer_id, name, provider, channels, url, own)
    select $1, $2, $3, $4, '{}', $5, true where (select count(*) from lines where customer_id = $2 and own and address is null
      and removed_at is null) < $6 returning id`,
}
const ownerNow: Statement = {
  name: 'lines-owner',
  text: 'select customer_id, address from lines where id = $1 and epoch = $2 and removed_at is null',
}
const adopt: Statement = {
  name: 'lines-adopt',
  text: `update lines set address = $3, is_default = is_default or not exists (
      select from lines d where d.customer_id = lines.customer_id and d.is_default and d.removed_at is null)
    where id = $1 and epoch = $2 and address is null and removed_at is null
      and not exists (select from lines o where o.address = $3 and o.removed_at is null) returning id`,
}
/** Whoever has not been paired yet is no trouble of the gateway's. */
const summary: Statement = {
  name: 'lines-summary',
  text: `select k.channel, k.state, count(*) as lines from lines l cross join lateral unnest(l.channels) c(channel)
    join links k on k.line_id = l.id and k.channel = c.channel
    where l.removed_at is null and l.status = 'active' and l.customer_id is not null and not (l.own and l.address is null)
    group by k.channel, k.state`,
}
type NewRow = Omit<
  StoredLine,
  | ('customerId' | 'providers' | 'isDefault' | 'status' | 'links' | 'linkOrders' | 'linkPasts')
  | ('createdAt' | 'own' | 'checkedAt')
>
type ChangedRow = Omit<StoredLine, keyof Unchanging>
type Unchanging = Pick<
  StoredLine,
  | ('customerId' | 'address' | 'email' | 'provider' | 'providers' | 'isDefault')
  | ('links' | 'linkOrders' | 'linkPasts' | 'createdAt' | 'own' | 'checkedAt')
>

type Named = Pick<Line, 'id' | 'customerId'>

export function createLineStore(db: Db) {
  const first = (rows: LineRow[]): StoredLine | null => (rows[0] === undefined ? null : fromRow(rows[0]))
  return {
    ofCustomer: async (customerId: CustomerId): Promise<StoredLine[]> =>
      (await db.query<LineRow>(ofCustomer, [customerId])).map(fromRow),
    get: async (id: LineId) => first(await db.query<LineRow>(one, [id])),
    byAddress: async (address: Handle) => first(await db.query<LineRow>(byAddress, [address])),
    page: async (after: LineId | null, limit: number) => (await db.query<LineRow>(page, [after, limit])).map(fromRow),

    /** False: the address or e-mail address belongs to a line already. */
    add: async (line: NewRow): Promise<boolean> => {
      const { id, name, address, email, provider, channels, url, secret, hostType, hostInfo } = line
      const values = [id, name, address, email, provider, channels, url, secret, hostType, hostInfo]
      return (await db.query(insert, [...values, JSON.stringify(line.channelProviders)])).length === 1
    },
    change: async (line: ChangedRow): Promise<boolean> => {
      const { id, name, url, secret, hostType, hostInfo, channels, status } = line
      const values = [id, name, url, secret, hostType, hostInfo, channels, status]
      return (await db.query(change, [...values, JSON.stringify(line.channelProviders)])).length === 1
    },
    /** False: it is assigned already, or gone. */
    assign: (id: LineId, customerId: CustomerId): Promise<boolean> =>
      db.transaction(async (tx) => {
        await tx.query(lockCustomer, [customerId])
        return (await tx.query(assign, [id, customerId])).length === 1
      }),
    remove: async (id: LineId, customerId: CustomerId | null) =>
      (await db.query(remove, [id, customerId])).length === 1,
    makeDefault: (id: LineId, customerId: CustomerId) => makeDefault(db, id, customerId),

    /** How many links of each channel are in which state. */
    summary: () => db.query<{ channel: Channel; state: LinkState; lines: number }>(summary),

    /** False: it is not there, or has no such channel. */
    order: async ({ id, customerId }: Named, channel: Channel, stopped: LinkOrder['stopped']): Promise<boolean> =>
      (await db.query(order, [id, customerId, channel, stopped])).length === 1,
    /** Ordered to be up; with this provider if it is given and the channel has none of its own. */
    addChannel: async ({ id, customerId }: Named, channel: Channel, own: ChannelProvider | null): Promise<boolean> => {
      const values = [id, customerId, channel, null, own === null ? null : JSON.stringify(own)]
      return (await db.query(addChannel, values)).length === 1
    },
    dropChannel: async ({ id, customerId }: Named, channel: Channel): Promise<boolean> =>
      (await db.query(dropChannel, [id, customerId, channel, null])).length === 1,

    setLink: (...said: Said) => setLinkAndTell(db, ...said),

    /** False: the customer has as many as this that no phone was paired with. */
    addOwn: (line: OwnLine, unpairedMax: number): Promise<boolean> =>
      db.transaction(async (tx) => {
        const { id, customerId, name, provider, url } = line
        await tx.query(lockCustomer, [customerId])
        return (await tx.query(insertOwn, [id, customerId, name, provider, url, unpairedMax])).length === 1
      }),
    adopt: (line: { id: LineId; epoch: number }, address: Handle) => adoptAddress(db, line, address),
  }
}

type Said = [
  line: { id: LineId; customerId: CustomerId; epoch: number },
  said: { channel: Channel; state: LinkState; round: number },
  event: (before: LinkState | null, address: Handle | null) => NewEvent,
]

/** What a link says of itself, and the event that tells it. False: it is no news, or the line is held under another epoch by now. */
function setLinkAndTell(db: Db, ...[line, { channel, state, round }, event]: Said): Promise<boolean> {
  return db.transaction(async (tx) => {
    const values = [line.id, channel, JSON.stringify(state), line.epoch, round]
    const [row] = await tx.query<StoredLink>(setLink, values)
    if (row === undefined || !row.news) return false
    await tellIn(tx, line.customerId, event(row.before, row.address))
    return true
  })
}

interface StoredLink {
  news: boolean
  before: LinkState | null
  address: Handle | null
}

export type OwnLine = Pick<StoredLine, 'id' | 'name' | 'provider' | 'url'> & { customerId: CustomerId }

/**
 * The number of the phone that a line was paired with becomes the line's, unless it has one. False: it has another, or
 * another line has this one, or this line is held by somebody else by now.
 */
function adoptAddress(db: Db, { id, epoch }: { id: LineId; epoch: number }, address: Handle): Promise<boolean> {
  return db.transaction(async (tx) => {
    const [line] = await tx.query<{ customer_id: CustomerId; address: Handle | null }>(ownerNow, [id, epoch])
    if (line === undefined) return false
    if (line.address !== null) return line.address === address
    await tx.query(lockCustomer, [line.customer_id])
    return (await tx.query(adopt, [id, epoch, address])).length === 1
  })
}

function makeDefault(db: Db, id: LineId, customerId: CustomerId): Promise<boolean> {
  return db.transaction(async (tx) => {
    await tx.query(lockCustomer, [customerId])
    const lines = await tx.query<{ id: LineId }>(lockOfCustomer, [customerId])
    if (!lines.some((line) => line.id === id)) return false
    await tx.query(clearDefault, [customerId])
    return (await tx.query(setDefault, [id, customerId])).length === 1
  })
}

export type LineStore = ReturnType<typeof createLineStore>

function fromRow(row: LineRow): StoredLine {
  return {
    id: row.id,
    customerId: row.customer_id,
    name: row.name,
    address: row.address,
    email: row.email,
    provider: row.provider,
    providers: namesOf(row.channel_providers),
    channelProviders: row.channel_providers,
    channels: row.channels,
    isDefault: row.is_default,
    status: row.status,
    links: row.links ?? {},
    linkOrders: row.link_orders,
    linkPasts: Object.fromEntries(Object.entries(row.pasts ?? {}).map(([channel, past]) => [channel, pastFrom(past)])),
    url: row.url,
    secret: row.secret,
    hostType: row.host_type,
    hostInfo: row.host_info,
    createdAt: row.created_at,
    own: row.own,
    checkedAt: row.checked_at,
  }
}

function pastFrom({ round, connected_at, disconnected_at, identity, reason }: PastRow): LinkPast {
  const moment = (text: string | null) => (text === null ? null : new Date(text))
  return { round, connectedAt: moment(connected_at), disconnectedAt: moment(disconnected_at), identity, reason }
}

function namesOf(providers: ChannelProviders): Line['providers'] {
  return Object.fromEntries(Object.entries(providers).map(([channel, { provider }]) => [channel, provider]))
}

/** What connects this line to this network, and the place under which its secret is sealed. */
export function providerAt(
  line: Pick<StoredLine, 'id' | 'provider' | 'url' | 'secret' | 'channelProviders'>,
  channel: Channel,
): { provider: string; url: string | null; secret: Buffer | null; place: string } {
  const own = line.channelProviders[channel]
  if (own === undefined) {
    const { provider, url, secret } = line
    return { provider, url, secret, place: secretPlace(line.id, null) }
  }
  const secret = own.secret === null ? null : Buffer.from(own.secret, 'base64')
  return { provider: own.provider, url: own.url, secret, place: secretPlace(line.id, channel) }
}

export function secretPlace(line: LineId, channel: Channel | null): string {
  return channel === null ? `lines/${line}` : `lines/${line}/${channel}`
}
