/** What became of deliveries: those that wait and those that have ended, each with its attempts, and ended ones taken up again. */
import type { EventType, GatewayEvent } from '../../model/event.ts'
import type { CustomerId, DeliveryId, EventId, WebhookId } from '../../model/ids.ts'
import type { Delivery, DeliveryAttempt, DeliveryStatus } from '../../model/webhook.ts'
import type { Db, Statement } from '../db.ts'

const ofWaiting = `q.id, q.webhook_id, q.event_id, q.event_type, q.event_at, coalesce(q.url, w.url) as url,
  'pending' as status, q.attempts, q.created_at, q.due_at as next_attempt_at, null::timestamptz as ended_at,
  a.number, a.at, a.duration_ms, a.response_status, a.response_excerpt, a.error`
const lastOfWaiting = `left join lateral (select * from webhook_attempts a where a.webhook_id = q.webhook_id
  and a.delivery_id = q.id order by a.number desc limit 1) a on true`
const ofEnded = `l.id, l.webhook_id, l.event_id, l.event_type, l.event_at, coalesce(l.url, w.url) as url, l.status, l.attempts,
  l.created_at, null::timestamptz as next_attempt_at, l.ended_at,
  case when l.attempt_at is not null then l.attempts end as number, l.attempt_at as at, l.duration_ms,
  l.response_status, l.response_excerpt, l.error`
const owned = `from webhooks w where w.customer_id = $1 and w.id = $2 and w.kind = 'webhook' and w.removed_at is null`

/** One index range per status, merged: a page costs the same wherever it lies. */
const page: Statement = {
  name: 'webhook-log-page',
  text: `with hook as materialized (select w.* ${owned})
  (select ${ofWaiting} from hook w join webhook_queue q on q.webhook_id = w.id ${lastOfWaiting}
    where 'pending' = any ($3::text[]) and ($4::uuid is null or q.id < $4) order by q.id desc limit $5)
  ${['delivered', 'failed', 'superseded', 'cancelled']
    .map(
      (status) => `union all (select ${ofEnded} from hook w join webhook_log l on l.webhook_id = w.id
    where '${status}' = any ($3::text[]) and l.status = '${status}' and ($4::uuid is null or l.id < $4)
    order by l.id desc limit $5)`,
    )
    .join('\n  ')}
  order by id desc limit $5`,
}

const one: Statement = {
  name: 'webhook-log-one',
  text: `with hook as materialized (select w.* ${owned})
  select ${ofWaiting} from hook w join webhook_queue q on q.webhook_id = w.id and q.id = $3 ${lastOfWaiting}
  union all
  select ${ofEnded} from hook w join webhook_log l on l.webhook_id = w.id and l.id = $3
    and l.status in ('delivered', 'failed', 'superseded', 'cancelled') limit 1`,
}

const attempts: Statement = {
  name: 'webhook-log-attempts',
  text: `select number, at, duration_ms, response_status, response_excerpt, error from webhook_attempts
    where customer_id = $1 and webhook_id = $2 and delivery_id = $3 order by number`,
}

/** A time that has been here as a Date has lost its microseconds. */
const event: Statement = {
  name: 'webhook-log-event',
  text: `select e.customer_id, e.id, e.type, e.at, e.correlation_id, e.data, e.xid || '.' || e.seq as cursor
    from events e where e.customer_id = $1 and e.id = $2
      and e.at >= $3 and e.at < $3::timestamptz + interval '1 ms'`,
}

/**
 * Ended deliveries begin again with a schedule of their own, and their last attempt joins the earlier ones. They are
 * told whatever has been told since, each lane of them in order and apart from what happens now.
 */
export function takeUp(which: string): string {
  return `with chosen as materialized (${which}), back as (
    delete from webhook_log l using chosen s
    where l.webhook_id = s.webhook_id and l.status = s.status and l.id = s.id and not exists (
      select from webhook_queue q where q.webhook_id = l.webhook_id and q.event_id = l.event_id) returning l.*
  ), kept as (
    insert into webhook_attempts (customer_id, webhook_id, delivery_id, number, at, duration_ms, response_status,
      response_excerpt, error)
    select customer_id, webhook_id, id, attempts, attempt_at, duration_ms, response_status, response_excerpt, error
    from back where attempt_at is not null
  )
  insert into webhook_queue (customer_id, webhook_id, id, event_id, event_type, event_at, lane, holds_until, url, attempts,
    due_at, created_at)
  select b.customer_id, b.webhook_id, b.id, b.event_id, b.event_type, b.event_at,
    case when b.lane like 'again:%' then b.lane else 'again:' || b.lane end,
    case when w.ordered then 'infinity' else gateway_now() + interval '1 hour' end, b.url, b.attempts, gateway_now(),
    b.created_at
  from back b join webhooks w on w.customer_id = b.customer_id and w.id = b.webhook_id
  order by b.event_at, b.id returning id`
}

const again: Statement = {
  name: 'webhook-log-again',
  text: takeUp(`select l.webhook_id, l.status, l.id from webhooks w join webhook_log l on l.webhook_id = w.id
    where w.customer_id = $1 and w.id = $2 and w.active and w.removed_at is null and l.id = $3
      and l.status in ('delivered', 'failed', 'superseded', 'cancelled')`),
}

export interface DeliveryRow extends Delivery {
  eventAt: Date
}

interface Row {
  id: DeliveryId
  webhook_id: WebhookId
  event_id: EventId
  event_type: EventType
  event_at: Date
  url: string
  status: DeliveryStatus
  attempts: number
  created_at: Date
  next_attempt_at: Date | null
  ended_at: Date | null
  number: number | null
  at: Date | null
  duration_ms: number | null
  response_status: number | null
  response_excerpt: string | null
  error: string | null
}

export function createWebhookLogStore(db: Db) {
  return {
    /** Newest first, and one more than asked for when there are more. */
    async page(
      hook: { customerId: CustomerId; id: WebhookId },
      filter: { statuses: readonly DeliveryStatus[]; after: DeliveryId | null; limit: number },
    ): Promise<DeliveryRow[]> {
      const { statuses, after, limit } = filter
      return (await db.query<Row>(page, [hook.customerId, hook.id, statuses, after, limit + 1])).map(rowFrom)
    },

    async get(customerId: CustomerId, webhookId: WebhookId, id: DeliveryId): Promise<DeliveryRow | null> {
      const [row] = await db.query<Row>(one, [customerId, webhookId, id])
      return row === undefined ? null : rowFrom(row)
    },

    /** All but the last one of an ended delivery, which lies with it. */
    async attempts(customerId: CustomerId, webhookId: WebhookId, id: DeliveryId): Promise<DeliveryAttempt[]> {
      const rows = await db.query<Row>(attempts, [customerId, webhookId, id])
      return rows.flatMap((row) => lastFrom(row) ?? [])
    },

    async event(customerId: CustomerId, id: EventId, at: Date): Promise<GatewayEvent | null> {
      const [row] = await db.query<EventRow>(event, [customerId, id, at])
      if (row === undefined) return null
      const { type, data, cursor } = row
      // The row was written from a GatewayEvent of this very type.
      return { id, type, at, data, cursor, customerId, correlationId: row.correlation_id } as GatewayEvent
    },

    /** False: it is gone, or waits already. */
    async again(customerId: CustomerId, webhookId: WebhookId, id: DeliveryId): Promise<boolean> {
      return (await db.query(again, [customerId, webhookId, id])).length === 1
    },
  }
}

export type WebhookLogStore = ReturnType<typeof createWebhookLogStore>

interface EventRow {
  type: EventType
  data: unknown
  cursor: string
  correlation_id: string | null
}

function rowFrom(row: Row): DeliveryRow {
  return {
    id: row.id,
    webhookId: row.webhook_id,
    eventId: row.event_id,
    eventType: row.event_type,
    eventAt: row.event_at,
    url: row.url,
    status: row.status,
    attempts: row.attempts,
    createdAt: row.created_at,
    nextAttemptAt: row.next_attempt_at,
    endedAt: row.ended_at,
    last: lastFrom(row),
  }
}

function lastFrom(row: Pick<Row, 'number' | 'at' | 'duration_ms' | 'response_status' | 'response_excerpt' | 'error'>) {
  if (row.number === null || row.at === null) return null
  return {
    number: row.number,
    at: row.at,
    durationMs: row.duration_ms ?? 0,
    responseStatus: row.response_status,
    responseExcerpt: row.response_excerpt,
    error: row.error,
  }
}
