/** The log of deliveries as owners read it, and everything that tells again: one delivery, all that failed, all that happened. */
import type { Clock } from '../lib/clock.ts'
import type { Mint } from '../lib/mint.ts'
import { GatewayError } from '../model/errors.ts'
import type { CustomerId, DeliveryId, WebhookId, WebhookJobId } from '../model/ids.ts'
import {
  type Delivery,
  type DeliveryDetail,
  type DeliveryFilter,
  deliveryStatuses,
  type WebhookJob,
  type WebhookJobKind,
} from '../model/webhook.ts'
import type { WebhookJobStore } from '../store/webhooks/jobs.ts'
import type { DeliveryRow, WebhookLogStore } from '../store/webhooks/log.ts'
import type { WebhookRow, WebhookStore } from '../store/webhooks/webhooks.ts'
import { plainHeaders } from './sending/attempt.ts'
import { found } from './webhooks.ts'
import type { Wording } from './wording.ts'

export interface HistoryOptions {
  clock: Clock
  mint: Mint
  wording: Wording
  userAgent: string
  store: WebhookStore
  log: WebhookLogStore
  jobs: WebhookJobStore
  /** There is something to send, or a job to work on. */
  told(customerId: CustomerId): void
}

const excerptCharacters = 4_000

export function createHistory(options: HistoryOptions) {
  const { store, log, jobs } = options
  const start = (kind: WebhookJobKind) => {
    return async (customerId: CustomerId, id: WebhookId, range: JobRange): Promise<WebhookJob> => {
      const row = await found(store, customerId, id)
      const about = { id: options.mint() as WebhookJobId, customerId, webhookId: id, kind }
      const job = await jobs.add({ ...about, ...range })
      if (job === null) throw notNow(row)
      options.told(customerId)
      return job
    }
  }
  return {
    async deliveries(
      customerId: CustomerId,
      id: WebhookId,
      filter: DeliveryFilter,
    ): Promise<{ rows: Delivery[]; hasMore: boolean }> {
      await found(store, customerId, id)
      const { status, after, limit } = filter
      const statuses = status === null ? deliveryStatuses : [status]
      const rows = await log.page({ customerId, id }, { statuses, after, limit })
      return { rows: rows.slice(0, limit), hasMore: rows.length > limit }
    },

    async delivery(customerId: CustomerId, id: WebhookId, delivery: DeliveryId): Promise<DeliveryDetail> {
      const hook = await found(store, customerId, id)
      const row = await deliveryOf(log, { customerId, id, delivery })
      const earlier = await log.attempts(customerId, id, delivery)
      const history = row.last === null || row.status === 'pending' ? earlier : [...earlier, row.last]
      return { ...row, history, request: await requestOf(options, hook, row) }
    },

    async redeliver(customerId: CustomerId, id: WebhookId, delivery: DeliveryId): Promise<Delivery> {
      const hook = await found(store, customerId, id)
      const row = await deliveryOf(log, { customerId, id, delivery })
      if (row.status === 'pending') throw refused('This delivery is waiting for its next attempt already.')
      if (!hook.active) throw notNow(hook)
      if (!(await log.again(customerId, id, delivery)))
        throw refused('This event is on its way to the webhook already.')
      options.told(customerId)
      return deliveryOf(log, { customerId, id, delivery })
    },

    recover: start('recover'),
    replay: start('replay'),

    async jobs(customerId: CustomerId, id: WebhookId): Promise<WebhookJob[]> {
      await found(store, customerId, id)
      return jobs.list(customerId, id)
    },

    async job(customerId: CustomerId, id: WebhookId, job: WebhookJobId): Promise<WebhookJob> {
      await found(store, customerId, id)
      const known = await jobs.get(customerId, id, job)
      if (known === null) throw new GatewayError('NOT_FOUND', 'There is no such job.')
      return known
    },
  }
}

interface JobRange {
  since: Date
  until: Date | null
  events: readonly string[] | null
}

async function deliveryOf(
  log: WebhookLogStore,
  key: { customerId: CustomerId; id: WebhookId; delivery: DeliveryId },
): Promise<DeliveryRow> {
  const row = await log.get(key.customerId, key.id, key.delivery)
  if (row === null) throw new GatewayError('NOT_FOUND', 'There is no such delivery.')
  return row
}

function notNow(hook: WebhookRow): GatewayError {
  return hook.active
    ? new GatewayError('CONFLICT', 'This webhook has as many jobs under way as it may. Wait until one is done.')
    : refused('This webhook is not active. Activate it first.')
}

function refused(message: string): GatewayError {
  return new GatewayError('INVALID_STATUS', message)
}

/** Worded anew: the same event gives the same bytes. What proves it is of the moment, and left out. */
async function requestOf(
  options: HistoryOptions,
  hook: WebhookRow,
  row: DeliveryRow,
): Promise<DeliveryDetail['request']> {
  const event = await options.log.event(hook.customer_id, row.eventId, row.eventAt)
  const worded = event === null ? null : options.wording.event(hook.dialect, event)
  if (event === null || worded === null) return null
  const call = { worded, correlationId: event.correlationId, attempt: Math.max(1, row.attempts) }
  const headers = { ...plainHeaders(call, options.userAgent), 'webhook-id': worded.id }
  return { headers, bodyExcerpt: worded.body.toString().slice(0, excerptCharacters).toWellFormed() }
}
