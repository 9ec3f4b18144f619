/** What networks tell us, stored once: messages by their provider id, receipts even before the id is known. */
import type { Channel } from '../model/channel.ts'
import { type NewEvent, subjectOf } from '../model/event.ts'
import type { ConversationId, CustomerId, LineId, MessageId, ProviderMessageId } from '../model/ids.ts'
import type { Content, Message } from '../model/message.ts'
import { askAgents } from './agents/turn-sql.ts'
import type { EarlyReceipt } from './changes.ts'
import type { Db, Queryable, Statement } from './db.ts'
import { fanOut, hearing, hearingColumns } from './sql/fan-out.ts'
import { tellOnce } from './sql/told-once.ts'

export interface NewInbound {
  customerId: CustomerId
  id: MessageId
  lineId: LineId
  conversationId: ConversationId
  channel: Channel
  providerId: ProviderMessageId
  from: string
  to: string | null
  content: Content
  metadata?: Message['metadata']
  /** Null: nobody is told, and nobody finds it. */
  event: NewEvent | null
  /** When it was said, if an agent may have to answer it. */
  saidAt?: Date
}

export interface ProviderKey {
  customerId: CustomerId
  lineId: LineId
  channel: Channel
  providerId: ProviderMessageId
}

/** The unique provider id decides: a repeat stores nothing and tells nobody. */
const store: Statement = {
  name: 'inbound-store',
  text: `with input as materialized (
    select row_number() over () as ord, i.* from json_to_recordset($1::json) as i(
      customer_id uuid, id uuid, line_id uuid, conversation_id uuid, channel text, provider_id text, from_address text,
      to_address text, content jsonb, metadata jsonb, event_id uuid, event_type text, correlation_id text, event_data jsonb,
      said_at timestamptz, ${hearingColumns})
  ), fresh as (
    insert into provider_ids (customer_id, line_id, channel, direction, provider_id, message_id, withheld)
    select customer_id, line_id, channel, 'inbound', provider_id, id, event_id is null from input order by 1, 2, 3, 5, ord
    on conflict do nothing returning customer_id, message_id
  ), stored as (
    insert into messages (customer_id, id, direction, status, line_id, conversation_id, channel, from_address, to_address,
      content, metadata, withheld, route, provider_id, timeline, created_at, updated_at)
    select i.customer_id, i.id, 'inbound', 'received', i.line_id, i.conversation_id, i.channel, i.from_address, i.to_address,
      i.content, i.metadata, i.event_id is null, array[i.channel], i.provider_id, jsonb_build_array(jsonb_build_object('status', 'received',
        'at', to_char(gateway_now() at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'channel', i.channel)),
      gateway_now(), gateway_now()
    from input i join fresh f on f.customer_id = i.customer_id and f.message_id = i.id order by i.ord
  ), told as (
    insert into events (customer_id, id, type, at, correlation_id, data)
    select i.customer_id, i.event_id, i.event_type, gateway_now(), i.correlation_id, i.event_data
    from input i join fresh f on f.customer_id = i.customer_id and f.message_id = i.id
    where i.event_id is not null order by i.ord
  ), ${askAgents}, ${fanOut('input', 'case when i.id in (select message_id from fresh) then true end')}
  select message_id from fresh`,
}

const earlyMax = 10

/** Whoever comes second, the receipt or the send it speaks of, waits here for the first and sees what it wrote. */
const note: Statement = {
  name: 'inbound-note',
  text: `insert into provider_ids as p (customer_id, line_id, channel, direction, provider_id, early)
    values ($1, $2, $3, 'outbound', $4, jsonb_build_array($5::jsonb))
    on conflict (customer_id, line_id, channel, direction, provider_id) do update set early = p.early || $5::jsonb
      where p.message_id is null and jsonb_array_length(p.early) < ${earlyMax}`,
}

/** Our own message before one of theirs, should a network use an id for both. */
const find: Statement = {
  name: 'inbound-find',
  text: `select k.ord, p.message_id, p.parts from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[]) with ordinality
      k(customer_id, line_id, channel, provider_id, ord)
    cross join lateral (select message_id, parts from provider_ids p where p.customer_id = k.customer_id and p.line_id = k.line_id
      and p.channel = k.channel and p.direction in ('outbound', 'inbound') and p.provider_id = k.provider_id
      and p.message_id is not null and not p.withheld order by p.direction desc limit 1) p`,
}

/** Those who tell of the last two parts at the same time wait for each other here. */
const lockFirst: Statement = {
  name: 'inbound-lock-first',
  text: `select from provider_ids where customer_id = $1 and line_id = $2 and channel = $3 and direction = 'outbound'
    and provider_id = $4 for update`,
}

const deliverPart: Statement = {
  name: 'inbound-deliver-part',
  text: `update provider_ids set delivered = true where customer_id = $1 and line_id = $2 and channel = $3
    and direction = 'outbound' and provider_id = $4 and not delivered`,
}

const allDelivered: Statement = {
  name: 'inbound-all-delivered',
  text: `select coalesce(bool_and(delivered), false) as delivered from provider_ids where customer_id = $1 and line_id = $2
    and channel = $3 and direction = 'outbound' and provider_id = any ($4::text[])`,
}

/** What is about a message of the caller's goes to that message's callback as well. */
const tell: Statement = {
  name: 'inbound-tell',
  text: `with input as materialized (
    select 1 as ord, $1::uuid as customer_id, i.* from json_to_record($2::json) as i(
      event_id uuid, event_type text, correlation_id text, event_data jsonb, ${hearingColumns})
  ), told as (
    insert into events (customer_id, id, type, at, correlation_id, data)
    select customer_id, event_id, event_type, gateway_now(), correlation_id, event_data from input
  ), ${fanOut('input')}
  select from input`,
}

const isUp: Statement = {
  name: 'inbound-link-up',
  text: `select from lines l join links k on k.line_id = l.id
    where l.customer_id = $1 and l.id = $2 and k.channel = $3 and $3 = any(l.channels) and k.state ->> 'status' = 'connected'`,
}

const callbackOf: Statement = {
  name: 'inbound-callback',
  text: `select callback_url as "callbackUrl", line_id as "lineId", lane from messages
    where customer_id = $1 and id = $2 and callback_url is not null`,
}

/** The message that a network means by an id. */
export interface Found {
  messageId: MessageId
  /** Of a message in parts, the ids of all, the first of which is the message's own. */
  parts: readonly ProviderMessageId[] | null
}

interface FoundRow {
  ord: number
  message_id: MessageId
  parts: ProviderMessageId[] | null
}

export interface Noted {
  messageId: MessageId
  /** What its network calls the whole message. */
  providerId: ProviderMessageId
}

export function createInboundStore(db: Db) {
  const findMany = async (keys: readonly ProviderKey[]): Promise<(Found | null)[]> => {
    const rows = await db.query<FoundRow>(find, [
      keys.map((key) => key.customerId),
      keys.map((key) => key.lineId),
      keys.map((key) => key.channel),
      keys.map((key) => key.providerId),
    ])
    const found = new Map(rows.map((row) => [row.ord, { messageId: row.message_id, parts: row.parts }]))
    return keys.map((_key, index) => found.get(index + 1) ?? null)
  }
  const findOne = async (key: ProviderKey) => (await findMany([key]))[0] ?? null
  const findMessage = async (key: ProviderKey) => (await findOne(key))?.messageId ?? null
  const keepReceipt = async (key: ProviderKey, receipt: EarlyReceipt) => {
    await db.query(note, [key.customerId, key.lineId, key.channel, key.providerId, JSON.stringify(receipt)])
    return findOne(key)
  }
  return {
    /** Ids of those that were new. */
    async store(batch: readonly NewInbound[]): Promise<Set<MessageId>> {
      return new Set(await storeInbound(db, batch))
    },

    /**
     * The message a receipt speaks of, `known` being what was found for it already. Null: it is not known yet, and the
     * receipt is kept for it; or it was one part of several, and says nothing about all of them yet.
     */
    async noteReceipt(key: ProviderKey, receipt: EarlyReceipt, known: Found | null): Promise<Noted | null> {
      const found = known ?? (await findOne(key)) ?? (await keepReceipt(key, receipt))
      if (found === null) return null
      const { messageId, parts } = found
      const providerId = parts?.[0] ?? key.providerId
      if (parts === null || receipt.status === 'sent' || receipt.status === 'failed') return { messageId, providerId }
      return (await partDelivered(db, key, parts)) ? { messageId, providerId } : null
    },

    /** The message a network means by this id, either direction. */
    findMessage,
    findMany,

    /** For what leaves no other trace than its event. */
    async tell(customerId: CustomerId, event: NewEvent): Promise<void> {
      await tellIn(db, customerId, event)
    },

    /** The same for what a network may tell again: nothing is told when what has this key was told within its time. */
    async tellOnce(customerId: CustomerId, event: NewEvent, once: { key: string; forMs: number }): Promise<boolean> {
      const row = JSON.stringify(await toldRow(db, customerId, event))
      return (await db.query(tellOnce, [customerId, row, once.key, once.forMs])).length === 1
    },

    /** Whether this link is up, as its holder last said. */
    async isConnected(link: { customerId: CustomerId; lineId: LineId; channel: Channel }): Promise<boolean> {
      return (await db.query(isUp, [link.customerId, link.lineId, link.channel])).length === 1
    },
  }
}

/** True when with this part all of them are delivered. */
function partDelivered(db: Db, key: ProviderKey, parts: readonly ProviderMessageId[]): Promise<boolean> {
  const place = [key.customerId, key.lineId, key.channel]
  return db.transaction(async (tx) => {
    await tx.query(lockFirst, [...place, parts[0]])
    await tx.query(deliverPart, [...place, key.providerId])
    const [all] = await tx.query<{ delivered: boolean }>(allDelivered, [...place, parts])
    return all?.delivered === true
  })
}

/** Ids of those that were new. */
export async function storeInbound(from: Queryable, batch: readonly NewInbound[]): Promise<MessageId[]> {
  const rows = await from.query<{ message_id: MessageId }>(store, [JSON.stringify(batch.map(inboundRow))])
  return rows.map((row) => row.message_id)
}

/** As part of what else is written. */
export async function tellIn(tx: Queryable, customerId: CustomerId, event: NewEvent): Promise<void> {
  await tx.query(tell, [customerId, JSON.stringify(await toldRow(tx, customerId, event))])
}

async function toldRow(db: Queryable, customerId: CustomerId, event: NewEvent): Promise<object> {
  const about = subjectOf(event).message
  const [message] = about === null ? [] : await db.query<EventAbout>(callbackOf, [customerId, about])
  return eventRow(customerId, event, message ?? null)
}

export type InboundStore = ReturnType<typeof createInboundStore>

function inboundRow(message: NewInbound): object {
  return {
    customer_id: message.customerId,
    id: message.id,
    line_id: message.lineId,
    conversation_id: message.conversationId,
    channel: message.channel,
    provider_id: message.providerId,
    from_address: message.from,
    to_address: message.to,
    content: message.content,
    metadata: message.metadata,
    said_at: message.saidAt,
    ...(message.event !== null && eventRow(message.customerId, message.event, null)),
  }
}

type EventAbout = NonNullable<Parameters<typeof hearing>[2]>

function eventRow(customerId: CustomerId, event: NewEvent, about: EventAbout | null): object {
  return {
    event_id: event.id,
    event_type: event.type,
    correlation_id: event.correlationId,
    event_data: event.data,
    ...hearing(customerId, event, about),
  }
}
