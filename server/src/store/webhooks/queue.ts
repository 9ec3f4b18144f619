/** Deliveries that are still to be made: one process holds a webhook at a time, and takes, ends and postpones its rows. */
import type { SealedBox } from '../../lib/sealed-box.ts'
import type { EventType, GatewayEvent, NewEvent } from '../../model/event.ts'
import type { CustomerId, DeliveryId, EventId, WebhookId } from '../../model/ids.ts'
import type { DeactivationReason, SecretGeneration, WebhookDialect } from '../../model/webhook.ts'
import type { Fence } from '../changes.ts'
import type { Db, Statement } from '../db.ts'
import { hearing } from '../sql/fan-out.ts'
import {
  cancel,
  claim,
  deactivate,
  discover,
  fetch,
  finish,
  listening,
  probe,
  refresh,
  release,
} from '../sql/webhook-sql.ts'
import { openCallbackSecrets } from './callbacks.ts'
import { openSecrets } from './webhooks.ts'

/** A webhook this process holds: where to, how, and how it fared so far. */
export interface HeldWebhook {
  id: WebhookId
  customerId: CustomerId
  fence: Fence
  kind: 'webhook' | 'callback'
  url: string
  dialect: WebhookDialect
  ordered: boolean
  asymmetric: boolean
  /** False: nothing may be sent, and what waits is cancelled. */
  active: boolean
  secrets: readonly SecretGeneration[]
  exhausted: number
  opened: number
  /** Of the breaker; 0 when it is closed. */
  openForMs: number
}

/** One delivery that is due. `event` is null when the log no longer has it. */
export interface DueDelivery {
  webhookId: WebhookId
  customerId: CustomerId
  id: DeliveryId
  /** Where it stands in its lane. */
  xid: string
  seq: number
  lane: string | null
  /** An earlier one of its lane is still waiting, and has waited long enough. */
  overtakes: boolean
  isStatus: boolean
  url: string | null
  attempts: number
  tries: number
  eventId: EventId
  event: GatewayEvent | null
}

export interface Wanted {
  webhook: HeldWebhook
  rows: number
  /** What is under way or waiting here already. */
  known: readonly DeliveryId[]
}

export interface Tried {
  durationMs: number
  responseStatus: number | null
  responseExcerpt: string | null
  error: string | null
}

export interface Ended {
  delivery: DueDelivery
  fence: Fence
  /** `unheard`: the dialect has no word for it, so there is nothing to log. */
  outcome: 'delivered' | 'failed' | 'again' | 'unheard'
  /** Of `again`. */
  afterMs: number
  tried: Tried | null
}

/** How a webhook fares, to be kept for whoever holds it next. */
export interface Fared {
  webhookId: WebhookId
  customerId: CustomerId
  fence: Fence
  exhausted: number
  opened: number
  openForMs: number
}

interface HeldRow {
  id: WebhookId
  customer_id: CustomerId
  fence: Fence
  kind: 'webhook' | 'callback'
  url: string
  dialect: WebhookDialect
  ordered: boolean
  public_key: string | null
  active: boolean
  secrets: Buffer | null
  callback_secrets: Buffer | null
  exhausted: number
  opened: number
  open_for_ms: number
}

interface DueRow {
  webhook_id: WebhookId
  customer_id: CustomerId
  id: DeliveryId
  xid: string
  seq: number
  lane: string | null
  overtakes: boolean
  is_status: boolean
  url: string | null
  attempts: number
  tries: number
  event_id: EventId
  type: EventType | null
  at: Date
  correlation_id: string | null
  data: unknown
  event_cursor: string
}

export function createWebhookQueueStore(db: Db, box: SealedBox) {
  const held = (rows: readonly HeldRow[]) => rows.map((row) => heldFrom(box, row))
  const due = async (statement: Statement, wanted: readonly Wanted[]): Promise<DueDelivery[]> => {
    const input = wanted.map(({ webhook, rows, known }) => {
      return { id: webhook.id, ordered: webhook.ordered, want: rows, known }
    })
    return (await db.query<DueRow>(statement, [JSON.stringify(input)])).map(dueFrom)
  }
  return {
    /** Webhooks with something due: those that were free are held now; `due` names those this process holds already. */
    async discover(node: number, leaseMs: number, most: number): Promise<{ held: HeldWebhook[]; due: WebhookId[] }> {
      const rows = await db.query<HeldRow & { fresh: boolean }>(discover, [node, leaseMs, most])
      return {
        held: held(rows.filter((row) => row.fresh)),
        due: rows.filter((row) => !row.fresh).map((row) => row.id),
      }
    },

    /** The same for the webhooks of these customers. */
    async claim(customers: readonly CustomerId[], node: number, leaseMs: number): Promise<HeldWebhook[]> {
      return held(await db.query<HeldRow>(claim, [node, leaseMs, customers]))
    },

    /** The webhooks that may have something to hear of this customer. */
    async listening(customerId: CustomerId): Promise<WebhookId[]> {
      return (await db.query<{ id: WebhookId }>(listening, [customerId])).map(({ id }) => id)
    },

    /** Renews the leases and reads what their owners may have changed. Who does not come back is lost. */
    async refresh(held_: readonly HeldWebhook[], node: number, leaseMs: number): Promise<HeldWebhook[]> {
      if (held_.length === 0) return []
      const input = JSON.stringify(held_.map(({ id, fence }) => ({ id, fence })))
      return held(await db.query<HeldRow>(refresh, [input, node, leaseMs]))
    },

    async release(held_: readonly HeldWebhook[]): Promise<void> {
      if (held_.length === 0) return
      await db.query(release, [JSON.stringify(held_.map(({ id, fence }) => ({ id, fence })))])
    },

    fetch: (wanted: readonly Wanted[]) => due(fetch, wanted),

    /** The one that has been tried most often: of many that wait for a dead receiver, some must come to their end. */
    probe: (wanted: readonly Wanted[]) => due(probe, wanted),

    /** Writes nothing for a webhook that is held by somebody else meanwhile. */
    async finish(ended: readonly Ended[], fared: readonly Fared[]): Promise<void> {
      await db.query(finish, [JSON.stringify(ended.map(endedRow)), JSON.stringify(fared.map(faredRow))])
    },

    /** Tells of it, in the same statement. False: it was not active or is not ours any more. */
    async deactivate(webhook: HeldWebhook, reason: DeactivationReason, event: NewEvent): Promise<boolean> {
      const { customerId, id, fence } = webhook
      const row = {
        ...{ event_id: event.id, event_type: event.type, correlation_id: null, event_data: event.data },
        ...hearing(customerId, event, null),
      }
      return (await db.query(deactivate, [customerId, id, fence, reason, JSON.stringify(row)])).length === 1
    },

    /** Ends up to `most` deliveries that wait for a webhook which is not active. How many there were. */
    async cancel(customerId: CustomerId, id: WebhookId, most: number): Promise<number> {
      return (await db.query(cancel, [customerId, id, most])).length
    },
  }
}

export type WebhookQueueStore = ReturnType<typeof createWebhookQueueStore>

function heldFrom(box: SealedBox, row: HeldRow): HeldWebhook {
  const own = row.secrets === null ? [] : openSecrets(box, { id: row.id, secrets: row.secrets })
  return {
    id: row.id,
    customerId: row.customer_id,
    fence: row.fence,
    kind: row.kind,
    url: row.url,
    dialect: row.dialect,
    ordered: row.ordered,
    asymmetric: row.public_key !== null,
    active: row.active,
    secrets: row.kind === 'callback' ? openCallbackSecrets(box, row.customer_id, row.callback_secrets) : own,
    exhausted: row.exhausted,
    opened: row.opened,
    openForMs: row.open_for_ms,
  }
}

function dueFrom(row: DueRow): DueDelivery {
  const { id, lane, xid, seq, url, attempts, tries, overtakes } = row
  const about = { webhookId: row.webhook_id, customerId: row.customer_id, eventId: row.event_id }
  return {
    ...about,
    id,
    lane,
    xid,
    seq,
    url,
    attempts,
    tries,
    overtakes,
    isStatus: row.is_status,
    event: eventFrom(row),
  }
}

function eventFrom(row: DueRow): GatewayEvent | null {
  if (row.type === null) return null
  const { type, at, data } = row
  const about = { customerId: row.customer_id, correlationId: row.correlation_id, cursor: row.event_cursor }
  // The row was written from a GatewayEvent of this very type.
  return { id: row.event_id, type, at, data, ...about } as GatewayEvent
}

function endedRow({ delivery, fence, outcome, afterMs, tried }: Ended): object {
  const { webhookId, customerId, id, lane, xid, seq, overtakes, isStatus } = delivery
  return {
    ...{ webhook_id: webhookId, customer_id: customerId, id, lane, xid, seq, fence, outcome, after_ms: afterMs },
    passes: outcome === 'delivered' && overtakes && isStatus,
    duration_ms: tried === null ? null : Math.round(tried.durationMs),
    response_status: tried?.responseStatus ?? null,
    response_excerpt: tried?.responseExcerpt ?? null,
    error: tried?.error ?? null,
  }
}

function faredRow({ webhookId, customerId, fence, exhausted, opened, openForMs }: Fared): object {
  return { webhook_id: webhookId, customer_id: customerId, fence, exhausted, opened, open_for_ms: openForMs }
}
