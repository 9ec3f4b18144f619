/** Who hears of an event, as part of the statement that writes it: an event cannot exist without its deliveries. */
import { createHash } from 'node:crypto'
import { type NewEvent, subjectOf } from '../../model/event.ts'
import type { CustomerId, LineId } from '../../model/ids.ts'

/** What a statement that writes events knows of each besides the event; see `hearing`. */
export const hearingColumns = `topics text[], message_lane text, thread_lane text, is_status boolean,
  call_url text, call_id uuid, call_origin text`

/** How long an event of a message waits for an earlier one that cannot be delivered, before it goes ahead of it. */
const holdFor = `interval '1 hour'`

/**
 * Two parts of a `with`, to stand beside the one that writes the events of `from` (rows with customer_id, event_id,
 * event_type, ord and the columns above) that fulfil `where`, for the webhooks `w` that fulfil `hears`. A callback's row is made where it is missing, since
 * housekeeping may have removed it between two events of its message.
 */
export function fanOut(from: string, where = 'true', hears = 'true'): string {
  const columns = `customer_id, webhook_id, event_id, event_type, event_at, lane, holds_until, is_status, url, due_at`
  return `called as (
    insert into webhooks (customer_id, id, kind, url)
    select distinct i.customer_id, i.call_id, 'callback', i.call_origin from ${from} i
    where ${where} and i.call_id is not null order by 1, 2 on conflict do nothing
  ), fanned as (
    insert into webhook_queue (${columns})
    select customer_id, webhook_id, event_id, event_type, gateway_now(), lane,
      case when ordered then 'infinity' else gateway_now() + ${holdFor} end, is_status, url, gateway_now()
    from (
      select i.customer_id, w.id as webhook_id, i.event_id, i.event_type, w.ordered, i.is_status, null::text as url, i.ord,
        case when w.ordered then coalesce(i.thread_lane, i.message_lane) else i.message_lane end as lane
      from ${from} i join webhooks w on w.customer_id = i.customer_id and w.active and w.removed_at is null
        and w.kind = 'webhook' and w.events && i.topics
        and ${hears}
      where ${where}
      union all
      select i.customer_id, i.call_id, i.event_id, i.event_type, false, i.is_status, i.call_url, i.ord,
        i.message_lane
      from ${from} i where ${where} and i.call_id is not null and cardinality(i.topics) > 0
    ) heard order by ord
  )`
}

export interface Hearing {
  topics: readonly string[]
  message_lane: string | null
  thread_lane: string | null
  is_status: boolean
  call_url: string | null
  call_id: string | null
  call_origin: string | null
}

/** The message an event is about, as far as it matters here. */
interface About {
  callbackUrl: string | null
  lineId: LineId
  lane: string | null
}

/** The values of `hearingColumns` for one event. */
export function hearing(customerId: CustomerId, event: NewEvent, about: About | null): Hearing {
  const { topics, message, thread, isStatus } = subjectOf(event)
  const callbackUrl = about?.callbackUrl ?? null
  const origin = callbackUrl === null ? null : (URL.parse(callbackUrl)?.origin ?? null)
  return {
    topics,
    message_lane: message,
    // The lane it was sent in says it best: it is known before the conversation is.
    thread_lane: about?.lane ? `${about.lineId}/${about.lane}` : thread,
    is_status: isStatus,
    call_url: origin === null ? null : callbackUrl,
    call_id: origin === null ? null : callbackId(customerId, origin),
    call_origin: origin,
  }
}

/** Derived, so that a statement can name the row before it is there. */
function callbackId(customerId: CustomerId, origin: string): string {
  const hex = createHash('sha256').update(`callback/${customerId}/${origin}`).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
