/** Lines and the state of their links. */
import type { Channel } from '../model/channel.ts'
import type { CustomerId, Handle, LineId } from '../model/ids.ts'
import type { Line, LinkState } from '../model/line.ts'
import type { Db, Statement } from './db.ts'

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
  hostType: string | null
  hostInfo: string | null
  createdAt: Date
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
  host_type: string | null
  host_info: string | null
  created_at: Date
  links: Record<string, LinkState> | null
  checked_at: Date | null
}

const columns = `l.id, l.customer_id, l.name, l.address, l.email, l.provider, l.channels, l.is_default, l.status, l.url, l.secret, l.channel_providers,
  l.host_type, l.host_info, l.created_at,
  (select jsonb_object_agg(k.channel, k.state) from links k where k.line_id = l.id) as links,
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
const setLink: Statement = {
  name: 'links-set',
  text: `insert into links (line_id, channel, state)
    select $1, $2, $3 where exists (select from lines where id = $1 and epoch = $4)
    on conflict (line_id, channel) do update set state = excluded.state, changed_at = gateway_now() returning line_id`,
}
const summary: Statement = {
  name: 'lines-summary',
  text: `select k.channel, k.state, count(*) as lines from lines l cross join lateral unnest(l.channels) c(channel)
    join links k on k.line_id = l.id and k.channel = c.channel
    where l.removed_at is null and l.status = 'active' and l.customer_id is not null group by k.channel, k.state`,
}
type NewRow = Omit<
  StoredLine,
  'customerId' | 'providers' | 'isDefault' | 'status' | 'links' | 'createdAt' | 'checkedAt'
>
type ChangedRow = Omit<StoredLine, keyof Unchanging>
type Unchanging = Pick<
  StoredLine,
  'customerId' | 'address' | 'email' | 'provider' | 'providers' | 'isDefault' | 'links' | 'createdAt' | 'checkedAt'
>

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

    /** False: the line is held under another epoch by now. */
    async setLink(line: { id: LineId; epoch: number }, channel: Channel, state: LinkState): Promise<boolean> {
      return (await db.query(setLink, [line.id, channel, JSON.stringify(state), line.epoch])).length === 1
    },
  }
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
    url: row.url,
    secret: row.secret,
    hostType: row.host_type,
    hostInfo: row.host_info,
    createdAt: row.created_at,
    checkedAt: row.checked_at,
  }
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
