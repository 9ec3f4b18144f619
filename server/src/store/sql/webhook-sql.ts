/** The SQL of webhook deliveries. Who holds a webhook may send for it; its fence stands in every write. */
import type { Statement } from '../db.ts'
import { fanOut, hearingColumns } from './fan-out.ts'

const heldColumns = `w.id, w.customer_id, w.fence, w.kind, w.url, w.dialect, w.ordered, w.public_key,
  w.active and w.removed_at is null as active, w.secrets, c.callback_secrets, w.exhausted, w.opened,
  greatest(0, extract(epoch from greatest(w.open_until, gateway_now()) - gateway_now()) * 1000)::float8 as open_for_ms`

const isDue = `exists (select from webhook_queue q where q.webhook_id = w.id and q.due_at <= gateway_now())`
/** `$1` is the process that asks: what it holds itself it has, also when a renewal was late. */
const isFree = 'w.lease_until < gateway_now() and w.open_until <= gateway_now() and w.holder is distinct from $1'

/** Hops from webhook to webhook through the index: it costs what there are of them, not what waits for them. */
export const discover: Statement = {
  name: 'webhook-discover',
  text: `with recursive waiting as (
    (select webhook_id from webhook_queue order by webhook_id limit 1)
    union all
    select (select q.webhook_id from webhook_queue q where q.webhook_id > h.webhook_id order by q.webhook_id limit 1)
    from waiting h where h.webhook_id is not null
  ), due as materialized (
    select w.* from waiting h join webhooks w on w.id = h.webhook_id
    where ${isDue}
  ), picked as materialized (
    select w.id from webhooks w where w.id in (select w.id from due w where ${isFree} order by w.id limit $3)
      and ${isFree} order by w.id for update skip locked
  ), taken as (
    update webhooks w set holder = $1, fence = nextval('fences'), lease_until = gateway_now() + $2 * interval '1 ms'
    from picked p where w.id = p.id returning w.*
  )
  select ${heldColumns}, true as fresh from taken w join customers c on c.id = w.customer_id
  union all
  select ${heldColumns}, false from due d join webhooks w on w.id = d.id join customers c on c.id = w.customer_id
  where d.holder = $1`,
}

export const claim: Statement = {
  name: 'webhook-claim',
  text: `with picked as materialized (
    select w.id from unnest($3::uuid[]) n(customer_id) join webhooks w on w.customer_id = n.customer_id
    where ${isFree} and ${isDue} order by w.id for update of w skip locked
  ), taken as (
    update webhooks w set holder = $1, fence = nextval('fences'), lease_until = gateway_now() + $2 * interval '1 ms'
    from picked p where w.id = p.id returning w.*
  )
  select ${heldColumns} from taken w join customers c on c.id = w.customer_id`,
}

export const listening: Statement = {
  name: 'webhook-listening',
  text: 'select id from webhooks where customer_id = $1 and active and removed_at is null',
}

/** Locked in the order of their ids first, like everything that renews. Nobody has taken what still has its fence. */
export const refresh: Statement = {
  name: 'webhook-refresh',
  text: `with mine as materialized (
    select w.id from json_to_recordset($1::json) as f(id uuid, fence bigint)
    join webhooks w on w.id = f.id and w.fence = f.fence order by w.id for update of w
  ), kept as (
    update webhooks w set holder = $2, lease_until = gateway_now() + $3 * interval '1 ms' from mine m where w.id = m.id
    returning w.*
  )
  select ${heldColumns} from kept w join customers c on c.id = w.customer_id`,
}

export const release: Statement = {
  name: 'webhook-release',
  text: `with mine as materialized (
    select w.id from json_to_recordset($1::json) as f(id uuid, fence bigint)
    join webhooks w on w.id = f.id and w.fence = f.fence order by w.id for update of w
  )
  update webhooks w set holder = null, lease_until = '-infinity' from mine m where w.id = m.id`,
}

const isBefore = (p: string, q: string) =>
  `${p}.webhook_id = ${q}.webhook_id and ${p}.lane = ${q}.lane and (${p}.xid, ${p}.seq) < (${q}.xid, ${q}.seq)`

/**
 * What is due and waits for nothing before it in its lane: whatever can be tried now goes first, whatever cannot holds it
 * up for its time. So of a lane one row is here at most, and overtakes only what is not here. A webhook in order takes only what is settled: a
 * transaction that is still open may yet put an older event before it.
 */
function dueRows(order: string): string {
  return `select q.webhook_id, q.customer_id, q.id, q.xid::text as xid, q.seq, q.lane, q.overtakes, q.is_status, q.url, q.attempts,
    q.tries, q.event_id, e.type, e.at, e.correlation_id, e.data, e.xid || '.' || e.seq as event_cursor
  from json_to_recordset($1::json) as w(id uuid, ordered boolean, want int, known uuid[])
  cross join lateral (
    select q.*, exists (select from webhook_queue p where ${isBefore('p', 'q')}) as overtakes from webhook_queue q
    where q.webhook_id = w.id and q.due_at <= gateway_now() and not (q.id = any (w.known)) and not exists (
      select from webhook_queue p where ${isBefore('p', 'q')} and (p.due_at <= gateway_now() or p.holds_until > gateway_now()))
      and (not w.ordered or q.xid < pg_snapshot_xmin(pg_current_snapshot()))
    order by ${order} limit w.want
  ) q
  left join events e on e.customer_id = q.customer_id and e.id = q.event_id and e.at = q.event_at`
}

export const fetch: Statement = { name: 'webhook-fetch', text: dueRows('q.due_at, q.seq') }
export const probe: Statement = { name: 'webhook-probe', text: dueRows('q.tries desc, q.due_at, q.seq') }

const logColumns = `customer_id, webhook_id, id, event_id, event_type, event_at, lane, is_status, url, status, attempts,
  created_at, ended_at, attempt_at, duration_ms, response_status, response_excerpt, error`
const logRow = (status: string) => `q.customer_id, q.webhook_id, q.id, q.event_id, q.event_type, q.event_at, q.lane,
  q.is_status, q.url, ${status}`

/**
 * Ended rows go to the log, postponed ones take those behind them in their lane along, and a status that arrives
 * after others that still wait makes these stale.
 */
export const finish: Statement = {
  name: 'webhook-finish',
  text: `with mine as materialized (
    select i.* from json_to_recordset($1::json) as i(webhook_id uuid, customer_id uuid, id uuid, lane text, xid xid8,
      seq bigint, fence bigint, outcome text, after_ms float8, passes boolean, duration_ms int,
      response_status int, response_excerpt text, error text)
    join webhooks w on w.customer_id = i.customer_id and w.id = i.webhook_id and w.fence = i.fence
  ), gone as (
    delete from webhook_queue q using mine m
    where q.webhook_id = m.webhook_id and q.id = m.id and m.outcome <> 'again' returning q.*
  ), passed as (
    delete from webhook_queue q using mine m where m.passes and q.webhook_id = m.webhook_id and q.lane = m.lane
      and (q.xid, q.seq) < (m.xid, m.seq) and q.is_status returning q.*
  ), logged as (
    insert into webhook_log (${logColumns})
    select ${logRow('m.outcome')}, q.attempts + 1, q.created_at, gateway_now(),
      gateway_now() - m.duration_ms * interval '1 ms', m.duration_ms, m.response_status,
      m.response_excerpt, m.error
    from gone q join mine m on m.webhook_id = q.webhook_id and m.id = q.id where m.outcome <> 'unheard'
    union all
    select ${logRow("'superseded'")}, q.attempts, q.created_at, gateway_now(), null, null, null, null, null from passed q
  ), again as (
    update webhook_queue q set attempts = q.attempts + 1, tries = q.tries + 1,
      due_at = gateway_now() + m.after_ms * interval '1 ms'
    from mine m where m.outcome = 'again' and q.webhook_id = m.webhook_id and q.id = m.id
    returning q.webhook_id, q.lane, q.xid, q.seq, least(q.due_at, q.holds_until) as until
  ), behind as (
    update webhook_queue q set due_at = a.until from again a where q.webhook_id = a.webhook_id and q.lane = a.lane
      and (q.xid, q.seq) > (a.xid, a.seq) and q.due_at < a.until
  ), tried as (
    insert into webhook_attempts (customer_id, webhook_id, delivery_id, number, at, duration_ms, response_status,
      response_excerpt, error)
    select q.customer_id, q.webhook_id, q.id, q.attempts + 1, gateway_now() - m.duration_ms * interval '1 ms', m.duration_ms, m.response_status, m.response_excerpt,
      m.error
    from mine m join webhook_queue q on q.webhook_id = m.webhook_id and q.id = m.id where m.outcome = 'again'
  )
  update webhooks w set exhausted = h.exhausted, opened = h.opened,
    open_until = case when h.open_for_ms > 0 then gateway_now() + h.open_for_ms * interval '1 ms' else '-infinity' end
  from json_to_recordset($2::json) as h(webhook_id uuid, customer_id uuid, fence bigint, exhausted int, opened int,
    open_for_ms float8)
  where w.customer_id = h.customer_id and w.id = h.webhook_id and w.fence = h.fence`,
}

export const deactivate: Statement = {
  name: 'webhook-deactivate',
  text: `with off as (
    update webhooks w set active = false, deactivated = $4, updated_at = gateway_now()
    where w.customer_id = $1 and w.id = $2 and w.fence = $3 and w.active and w.kind = 'webhook' returning w.id
  ), input as materialized (
    select 1 as ord, $1::uuid as customer_id, i.* from off, json_to_record($5::json) as i(event_id uuid, event_type text,
      correlation_id text, event_data jsonb, ${hearingColumns})
  ), told as (
    insert into events (customer_id, id, type, at, correlation_id, data)
    select customer_id, event_id, event_type, gateway_now(), correlation_id, event_data from input
  ), ${fanOut('input', 'true', 'w.id <> $2')}
  select id from off`,
}

/** Leaves out what is being finished right now: waiting for it, each would wait for the other. */
export const cancel: Statement = {
  name: 'webhook-cancel',
  text: `with chosen as materialized (
    select q.id from webhook_queue q join webhooks w on w.customer_id = q.customer_id and w.id = q.webhook_id
    where q.customer_id = $1 and q.webhook_id = $2 and (not w.active or w.removed_at is not null) limit $3 for update of q skip locked
  ), gone as (
    delete from webhook_queue q using chosen s where q.webhook_id = $2 and q.id = s.id returning q.*
  )
  insert into webhook_log (${logColumns})
  select ${logRow("'cancelled'")}, q.attempts, q.created_at, gateway_now(), null, null, null, null, null from gone q
  returning id`,
}
