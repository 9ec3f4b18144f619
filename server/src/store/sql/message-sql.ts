/** The SQL of messages. */
import type { CustomerId } from '../../model/ids.ts'
import type { MessageFilter } from '../../model/message.ts'
import type { Statement } from '../db.ts'
import { fanOut, hearingColumns } from './fan-out.ts'

export const messageColumns = `m.customer_id, m.id, m.direction, m.status, m.line_id, m.conversation_id, m.lane, m.channel,
  m.from_address, m.to_address, m.content, m.metadata, m.route, m.fallback_triggered, m.provider_id, m.error_code,
  m.error_message, m.idempotency_key, m.callback_url, m.correlation_id, m.retry_count, m.timeline, m.created_at,
  m.updated_at, m.scheduled_at, m.sent_at, m.delivered_at, m.read_at, m.deleted_at, o.tries`

/**
 * Locks are taken in the same order everywhere: messages, then outbox, then lanes; within each by key. Here the
 * sort before the lanes also makes sure that every message is in before the first lane is locked.
 *
 * A lane that is held back (hold_until) stays so: new work may not overtake the head that holds it. Ids are minted in
 * order, so by id is in the order of arrival. The `case` keeps the planner from joining row by row, which it would
 * choose with hash joins priced out: one hashed look-up instead.
 */
export const accept: Statement = {
  name: 'messages-accept',
  text: `with input as materialized (
    select row_number() over () as ord, i.* from json_to_recordset($1::json) as i(
      customer_id uuid, id uuid, line_id uuid, conversation_id uuid, from_address text, to_address text, content jsonb,
      metadata jsonb, route text[], idempotency_key text, fingerprint text, callback_url text, correlation_id text,
      scheduled_at timestamptz, lane text, event_id uuid, event_type text, event_data jsonb, ${hearingColumns})
  ), stored as (
    insert into messages as m (customer_id, id, direction, status, line_id, conversation_id, lane, from_address, to_address,
      content, metadata, route, idempotency_key, fingerprint, callback_url, correlation_id, scheduled_at, timeline,
      created_at, updated_at)
    select customer_id, id, 'outbound', case when scheduled_at is null then 'queued' else 'scheduled' end, line_id,
      conversation_id, lane, from_address, to_address, content, metadata, route,
      idempotency_key, fingerprint, callback_url, correlation_id, scheduled_at,
      jsonb_build_array(jsonb_build_object('status', case when scheduled_at is null then 'queued' else 'scheduled' end,
        'at', to_char(gateway_now() at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'channel', null)),
      gateway_now(), gateway_now()
    from input order by customer_id, idempotency_key, ord
    on conflict (customer_id, idempotency_key) where idempotency_key is not null do nothing
    returning m.customer_id, m.id, m.line_id, m.lane, m.route, m.scheduled_at, m.created_at
  ), queued as (
    insert into outbox (customer_id, line_id, lane, message_id, due_at, channel, rest)
    select customer_id, line_id, lane, id, coalesce(scheduled_at, created_at), route[1], route[2:]
    from stored order by id
  ), woken as (
    insert into lanes as l (customer_id, line_id, lane, next_at)
    select customer_id, line_id, lane, min(coalesce(scheduled_at, created_at))
    from stored group by 1, 2, 3 order by 1, 2, 3
    on conflict (customer_id, line_id, lane) do update set next_at = greatest(excluded.next_at, l.hold_until)
      where greatest(excluded.next_at, l.hold_until) < l.next_at
  ), told as (
    insert into events (customer_id, id, type, at, correlation_id, data)
    select i.customer_id, i.event_id, i.event_type, gateway_now(), i.correlation_id, i.event_data
    from input i where case when i.id in (select id from stored) then true end order by i.ord
  ), ${fanOut('input', 'case when i.id in (select id from stored) then true end')}
  select id, created_at from stored`,
}

export const one: Statement = {
  name: 'messages-one',
  text: `select ${messageColumns} from messages m
    left join outbox o on o.customer_id = m.customer_id and o.message_id = m.id
    where m.customer_id = $1 and m.id = $2 and m.deleted_at is null and not m.withheld`,
}

export const many: Statement = {
  name: 'messages-many',
  text: `select ${messageColumns} from (select distinct * from unnest($1::uuid[], $2::uuid[])) w(customer_id, id)
    join messages m on m.customer_id = w.customer_id and m.id = w.id and m.deleted_at is null and not m.withheld
    left join outbox o on o.customer_id = m.customer_id and o.message_id = m.id`,
}

/** Only the filters that were asked for are in the text, so that each page is one index range. */
export function list(customerId: CustomerId, query: MessageFilter): { text: string; values: unknown[] } {
  const values: unknown[] = [customerId]
  const where = ['m.customer_id = $1', 'm.deleted_at is null', 'not m.withheld']
  const add = (condition: (place: string) => string, value: unknown) => {
    values.push(value)
    where.push(condition(`$${values.length}`))
  }
  if (query.after !== null) add((place) => `m.id < ${place}`, query.after)
  if (query.status !== undefined) addStatus(query.status, where, add)
  if (query.to !== undefined) add((place) => `m.to_address = ${place}`, query.to)
  if (query.from !== undefined) add((place) => `m.from_address = ${place}`, query.from)
  if (query.channel !== undefined) add((place) => `m.channel = ${place}`, query.channel)
  if (query.direction !== undefined) add((place) => `m.direction = ${place}`, query.direction)
  if (query.conversationId !== undefined) add((place) => `m.conversation_id = ${place}`, query.conversationId)
  values.push(query.limit + 1)
  const text = `select ${messageColumns} from messages m
    left join outbox o on o.customer_id = m.customer_id and o.message_id = m.id
    where ${where.join(' and ')} order by m.id desc limit $${values.length}`
  return { text, values }
}

/** Outwardly an unknown outcome is a failed message. The index messages_by_status is on this same expression. */
const outwardStatus = `(case when m.status = 'unknown' then 'failed' else m.status end)`

/** `pending` is a fact of the outbox. */
function addStatus(
  status: string,
  where: string[],
  add: (condition: (place: string) => string, value: unknown) => void,
): void {
  if (status === 'pending') where.push(`${outwardStatus} = 'queued' and o.tries > 0`)
  else if (status === 'queued') where.push(`${outwardStatus} = 'queued' and coalesce(o.tries, 0) = 0`)
  else add((place) => `${outwardStatus} = ${place}`, status)
}
