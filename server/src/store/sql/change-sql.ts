/** The SQL of changes. Locks in one order everywhere: messages, then provider ids, then outbox, then lanes. */
import type { Statement } from '../db.ts'
import { fanOut, hearingColumns } from './fan-out.ts'
import { messageColumns } from './message-sql.ts'

export const lockMessages: Statement = {
  name: 'change-lock',
  text: `select ${messageColumns}, m.xmin::text as written_by, pg_current_xact_id()::text as own_xid,
      gateway_now() as now, o.seq, o.line_id as work_line_id, o.lane as work_lane,
      o.channel as work_channel, o.rest, o.confirming, o.doubtful, o.waits, o.run, o.run_started_at, o.asked_since
    from unnest($1::uuid[], $2::uuid[]) w(customer_id, id)
    join messages m on m.customer_id = w.customer_id and m.id = w.id and not m.withheld
    left join outbox o on o.customer_id = m.customer_id and o.message_id = m.id
    order by m.customer_id, m.id
    for update of m`,
}

/**
 * The upsert is where a send and an early receipt meet: whoever comes second sees what the first has written. Of a
 * message in parts, each is named, and remembers whether it was delivered before anybody knew that it was one.
 */
export const nameProviderIds: Statement = {
  name: 'change-name',
  text: `insert into provider_ids as p (customer_id, line_id, channel, direction, provider_id, message_id, parts)
    select customer_id, line_id, channel, 'outbound', provider_id, message_id, parts
    from json_to_recordset($1::json) as i(customer_id uuid, line_id uuid, channel text, provider_id text, message_id uuid,
      parts text[])
    order by 1, 2, 3, 5
    on conflict (customer_id, line_id, channel, direction, provider_id)
      do update set message_id = coalesce(p.message_id, excluded.message_id), parts = coalesce(p.parts, excluded.parts),
        delivered = p.delivered or p.early @> '[{"status": "delivered"}]' or p.early @> '[{"status": "read"}]'
    returning p.message_id, p.early, p.delivered`,
}

export const apply: Statement = {
  name: 'change-apply',
  text: `with changed as (
    update messages m set status = c.status, conversation_id = c.conversation_id, channel = c.channel,
      content = coalesce(c.content, m.content), metadata = coalesce(c.metadata, m.metadata),
      fallback_triggered = c.fallback_triggered, provider_id = c.provider_id, error_code = c.error_code,
      error_message = c.error_message, retry_count = c.retry_count, timeline = m.timeline || c.entries,
      sent_at = c.sent_at, delivered_at = c.delivered_at, read_at = c.read_at, deleted_at = c.deleted_at,
      updated_at = gateway_now()
    from json_to_recordset($1::json) as c(customer_id uuid, id uuid, status text, conversation_id uuid, channel text,
      content jsonb, metadata jsonb, fallback_triggered boolean, provider_id text, error_code text, error_message text,
      retry_count int, entries jsonb, sent_at timestamptz, delivered_at timestamptz, read_at timestamptz,
      deleted_at timestamptz)
    where m.customer_id = c.customer_id and m.id = c.id
  ), done as (
    delete from outbox o using json_to_recordset($2::json) as d(seq bigint, run bigint)
    where o.seq = d.seq and o.run is not distinct from d.run returning o.seq
  ), again as (
    update outbox o set due_at = a.due_at, channel = a.channel, rest = a.rest, tries = a.tries,
      confirming = a.confirming, holds = a.holds, doubtful = a.doubtful, waits = a.waits, asked_since = a.asked_since,
      run = null, run_started_at = null
    from json_to_recordset($3::json) as a(seq bigint, run bigint, due_at timestamptz, channel text, rest text[],
      tries int, confirming boolean, holds boolean, doubtful boolean, waits int, asked_since timestamptz)
    where o.seq = a.seq and o.run is not distinct from a.run returning o.seq
  ), anew as (
    insert into outbox (customer_id, line_id, lane, message_id, due_at, channel, rest, tries, confirming)
    select customer_id, line_id, lane, message_id, due_at, channel, rest, tries, confirming
    from json_to_recordset($4::json) as n(customer_id uuid, line_id uuid, lane text, message_id uuid,
      due_at timestamptz, channel text, rest text[], tries int, confirming boolean)
    returning customer_id, line_id, lane, due_at
  ), woken as (
    insert into lanes as l (customer_id, line_id, lane, next_at)
    select customer_id, line_id, lane, min(due_at) from anew group by 1, 2, 3 order by 1, 2, 3
    on conflict (customer_id, line_id, lane) do update set next_at = greatest(excluded.next_at, l.hold_until)
      where greatest(excluded.next_at, l.hold_until) < l.next_at
  ), attempted as (
    insert into attempts (customer_id, message_id, number, channel, ref, outcome, code, detail, provider_id,
      started_at, ended_at)
    select t.*, gateway_now() from json_to_recordset($5::json) as t(customer_id uuid, message_id uuid, number int,
      channel text, ref text, outcome text, code text, detail text, provider_id text, started_at timestamptz)
  ), event as materialized (
    select row_number() over () as ord, e.* from json_to_recordset($6::json) as e(customer_id uuid, event_id uuid,
      event_type text, correlation_id text, event_data jsonb, ${hearingColumns})
  ), told as (
    insert into events (customer_id, id, type, at, correlation_id, data)
    select customer_id, event_id, event_type, gateway_now(), correlation_id, event_data from event order by ord
  ), ${fanOut('event')}
  select (select count(*) from done) + (select count(*) from again) as moved`,
}
