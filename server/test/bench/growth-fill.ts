/** Fills a database with messages as they look after months of use, by the database itself and in batches. */
import type { Queryable } from '../../src/store/db.ts'
import type { Sender } from './traffic.ts'

/** Each run of so many messages goes to a hundred people, sixty each: a page of one person's is full at every size. */
const runLength = 6_000
const peoplePerRun = 100
const batchRows = 50_000
/** The time between two messages, whatever the size: the newest is always of this hour. */
const stepMs = 200

export interface FillOptions {
  senders: readonly Sender[]
  rows: number
  say(done: number): void
}

export async function fill(db: Queryable, { senders, rows, say }: FillOptions): Promise<void> {
  const [lines, owners] = [
    senders.flatMap((sender) => sender.lines.map((line) => line.id)),
    senders.map((sender) => sender.customerId),
  ]
  const addresses = senders.flatMap((sender) => sender.lines.map((line) => line.address))
  await db.query({ name: '', text: 'set statement_timeout = 0' })
  const firstAt = Date.now() - rows * stepMs
  for (let from = 0; from < rows; from += batchRows) {
    const to = Math.min(rows, from + batchRows) - 1
    const values = [from, to, firstAt, owners, lines, addresses]
    await db.query({ name: 'fill-conversations', text: conversations }, values)
    await db.query({ name: 'fill-messages', text: messages }, values)
    say(to + 1)
  }
  for (const table of ['messages', 'provider_ids', 'conversations'])
    await db.query({ name: '', text: `vacuum analyze ${table}` })
  await db.query({ name: '', text: 'checkpoint' })
}

/**
 * Seven of ten messages belong to the first customer, one in five comes in, one of a hundred has failed. `person` is
 * who is on the other side; a person always writes with one line.
 */
const facts = `select n, $3::float8 + n * ${stepMs} as at_ms, person, line, owner, incoming, channel,
    ($4::text[])[owner + 1]::uuid as customer_id, ($5::text[])[line + 1]::uuid as line_id,
    ($6::text[])[line + 1] as address,
    '+1415' || lpad((person % 10000000)::text, 7, '0') as handle,
    md5('c' || person)::uuid as conversation_id
  from (select n, person, owner, owner * 5 + person % 5 as line, n % 5 = 4 as incoming,
      (array['imessage', 'whatsapp', 'sms'])[1 + person % 3] as channel
    from (select n, person, greatest(0, person % 10 - 6) as owner
      from (select n, (n / ${runLength}) * ${peoplePerRun} + n % ${peoplePerRun} as person
        from generate_series($1::bigint, $2::bigint) n) a) b) c`

const conversations = `insert into conversations (customer_id, id, line_id, channel, provider_chat_id, handle, is_group,
    name, participants)
  select distinct on (customer_id, conversation_id) customer_id, conversation_id, line_id, channel,
    'chat;-;' || handle, handle, false, null, jsonb_build_array(jsonb_build_object('handle', handle, 'contactId', null,
      'role', 'member', 'admin', null, 'phoneKnown', true))
  from (${facts}) f on conflict do nothing`

/** Version 7, so that ids sort by time like those the gateway mints. */
const uuid = `(lpad(to_hex(at_ms::bigint), 12, '0') || '7' || substr(md5('m' || n), 1, 3)
    || '8' || substr(md5('m' || n), 4, 15))::uuid`

const timeline = `jsonb_build_array(
    jsonb_build_object('status', 'queued', 'at', to_char(at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'channel', null),
    jsonb_build_object('status', 'sent', 'at', to_char(at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'channel', channel),
    jsonb_build_object('status', status, 'at', to_char(at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'channel', channel))`

const messages = `with rows as materialized (
    select f.*, ${uuid} as id, to_timestamp(at_ms / 1000) as at,
      case when incoming then 'received' when n % 100 = 33 then 'failed' when n % 7 = 0 then 'read'
        else 'delivered' end as status
    from (${facts}) f
  ), named as (
    insert into provider_ids (customer_id, line_id, channel, direction, provider_id, message_id, created_at)
    select customer_id, line_id, channel, case when incoming then 'inbound' else 'outbound' end, 'p-' || n, id, at
    from rows
  )
  insert into messages (customer_id, id, direction, status, line_id, conversation_id, lane, channel, from_address,
    to_address, content, metadata, route, provider_id, error_code, idempotency_key, fingerprint, correlation_id,
    timeline, created_at, updated_at, sent_at, delivered_at)
  select customer_id, id, case when incoming then 'inbound' else 'outbound' end, status, line_id, conversation_id,
    case when incoming then null else 'h:' || handle end, channel, case when incoming then handle else address end,
    case when incoming then address else handle end,
    jsonb_build_object('text', 'Message ' || n || ': your parcel has left the depot and arrives today before twelve.',
      'mediaUrls', '[]'::jsonb,
      'attachments', '[]'::jsonb, 'replyTo', null, 'mentions', '[]'::jsonb, 'effect', null, 'location', null),
    jsonb_build_object('order', n), array[channel], 'p-' || n, case when status = 'failed' then 'SMS_SEND_FAILED' end,
    case when incoming then null else 'fill-' || n end, md5('f' || n), 'cor_' || md5('k' || n),
    ${timeline}, at, at, at, at
  from rows`
