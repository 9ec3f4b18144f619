/** What became of each delivery, and how to send again what was missed: one delivery, all that failed, or all that happened. */
import type { z } from 'zod'
import type { Clock } from '../../../lib/clock.ts'
import type { Delivery, DeliveryAttempt, DeliveryDetail, WebhookJob } from '../../../model/webhook.ts'
import { invalid } from '../../input.ts'
import { defineRoute, type Route } from '../../route.ts'
import { cursorOf, plainIdOf, wireEventId } from '../ids.ts'
import { pageEnd } from '../present.ts'
import * as shape from './schema.ts'
import { namedEvents } from './setup.ts'

type WireDelivery = z.input<typeof shape.delivery>
type WireAttempt = NonNullable<WireDelivery['lastAttempt']>

const presentAttempt = (from: DeliveryAttempt): WireAttempt => ({
  number: from.number,
  at: from.at.toISOString(),
  durationMs: from.durationMs,
  responseStatus: from.responseStatus,
  responseExcerpt: from.responseExcerpt,
  error: from.error,
})

const presentDelivery = (from: Delivery): WireDelivery => ({
  id: from.id,
  webhookId: from.webhookId,
  eventId: wireEventId(from.eventId),
  eventType: from.eventType,
  url: from.url,
  status: from.status,
  attempts: from.attempts,
  createdAt: from.createdAt.toISOString(),
  nextAttemptAt: from.nextAttemptAt?.toISOString() ?? null,
  endedAt: from.endedAt?.toISOString() ?? null,
  lastAttempt: from.last === null ? null : presentAttempt(from.last),
})

const presentDetail = (from: DeliveryDetail): z.input<typeof shape.deliveryDetail> => ({
  ...presentDelivery(from),
  history: from.history.map(presentAttempt),
  request:
    from.request === null ? null : { headers: { ...from.request.headers }, bodyExcerpt: from.request.bodyExcerpt },
})

const presentJob = (from: WebhookJob): z.input<typeof shape.job> => ({
  id: from.id,
  webhookId: from.webhookId,
  kind: from.kind,
  since: from.since.toISOString(),
  until: from.until.toISOString(),
  events: from.events === null ? null : [...from.events],
  status: from.status,
  progress: progressOf(from),
  scanned: from.scanned,
  queued: from.queued,
  createdAt: from.createdAt.toISOString(),
  endedAt: from.endedAt?.toISOString() ?? null,
})

function progressOf({ status, since, until, reachedAt }: WebhookJob): number {
  if (status === 'done') return 1
  const wholeMs = until.getTime() - since.getTime()
  if (wholeMs <= 0) return 0
  const part = (reachedAt.getTime() - since.getTime()) / wholeMs
  return Math.round(Math.min(1, Math.max(0, part)) * 1_000) / 1_000
}

function pastMoment(text: string, path: string, clock: Clock): Date {
  const moment = new Date(text)
  if (moment.getTime() > clock.now()) throw invalid([{ path, message: 'This is in the future.' }])
  return moment
}

const listDeliveries = defineRoute({
  method: 'GET',
  path: '/v1/webhooks/{id}/deliveries',
  operationId: 'listDeliveries',
  summary: 'List what was sent to a webhook',
  description:
    'Newest first: what is on its way, what arrived, and what did not and why. Kept as long as the events themselves.',
  tag: 'Webhooks',
  scope: 'read',
  params: shape.webhookParams,
  query: shape.deliveryQuery,
  responses: { 200: { description: 'One page.', schema: shape.deliveryPage } },
  errors: ['WEBHOOK_NOT_FOUND'],
  async handle({ gateway }, { caller, params, query }) {
    const { status = null, limit, cursor } = query
    const filter = { status, limit, after: cursorOf<'delivery'>(cursor) }
    const page = await gateway.webhooks.deliveries(caller, plainIdOf<'webhook'>(params.id), filter)
    return { status: 200, data: { deliveries: page.rows.map(presentDelivery), pagination: pageEnd(page) } }
  },
})

const getDelivery = defineRoute({
  method: 'GET',
  path: '/v1/webhooks/{id}/deliveries/{deliveryId}',
  operationId: 'getDelivery',
  summary: 'Read a delivery',
  description: 'With every attempt, and with what was sent. Signatures are left out.',
  tag: 'Webhooks',
  scope: 'read',
  params: shape.deliveryParams,
  responses: { 200: { description: 'The delivery.', schema: shape.deliveryDetail } },
  errors: ['NOT_FOUND', 'WEBHOOK_NOT_FOUND'],
  async handle({ gateway }, { caller, params }) {
    const id = plainIdOf<'delivery'>(params.deliveryId)
    const found = await gateway.webhooks.delivery(caller, plainIdOf<'webhook'>(params.id), id)
    return { status: 200, data: presentDetail(found) }
  },
})

const redeliver = defineRoute({
  method: 'POST',
  path: '/v1/webhooks/{id}/deliveries/{deliveryId}/redeliver',
  operationId: 'redeliver',
  summary: 'Send a delivery again',
  description:
    'Sends the same event once more, with its old id, so that a receiver that has it can drop it, and with the whole schedule of attempts before it again. One that is still pending is refused, since it will be tried anyway, and so is one of a webhook that is not active.',
  tag: 'Webhooks',
  scope: 'manage',
  params: shape.deliveryParams,
  responses: { 202: { description: 'On its way again.', schema: shape.delivery } },
  errors: ['INVALID_STATUS', 'NOT_FOUND', 'WEBHOOK_NOT_FOUND'],
  async handle({ gateway }, { caller, params }) {
    const id = plainIdOf<'delivery'>(params.deliveryId)
    const sent = await gateway.webhooks.redeliver(caller, plainIdOf<'webhook'>(params.id), id)
    return { status: 202, data: presentDelivery(sent) }
  },
})

const recoverWebhook = defineRoute({
  method: 'POST',
  path: '/v1/webhooks/{id}/recover',
  operationId: 'recoverWebhook',
  summary: 'Send again what failed',
  description:
    'For the time after an outage of the receiver: everything that failed or was cancelled since then is sent again in the background. What arrived is left alone. The webhook must be active, and may have five jobs under way. Each event keeps its id, so a repeat can be told from something new.',
  tag: 'Webhooks',
  scope: 'manage',
  params: shape.webhookParams,
  body: shape.recoverWebhook,
  responses: { 202: { description: 'Begun. Read the job to see how far it is.', schema: shape.job } },
  errors: ['CONFLICT', 'INVALID_STATUS', 'WEBHOOK_NOT_FOUND'],
  async handle({ gateway, clock }, { caller, params, body }) {
    const since = pastMoment(body.since, 'since', clock)
    const job = await gateway.webhooks.recover(caller, plainIdOf<'webhook'>(params.id), since)
    return { status: 202, data: presentJob(job) }
  },
})

const replayWebhook = defineRoute({
  method: 'POST',
  path: '/v1/webhooks/{id}/replay',
  operationId: 'replayWebhook',
  summary: 'Send again what happened',
  description:
    'Sends every event of a span of time, whether it arrived before or not, also from before the webhook was created, oldest first and in the background. Each event keeps its id, so a receiver drops what it has. Events are kept for a limited time; older ones cannot be replayed. The webhook must be active, and may have five jobs under way.',
  tag: 'Webhooks',
  scope: 'manage',
  params: shape.webhookParams,
  body: shape.replayWebhook,
  responses: { 202: { description: 'Begun. Read the job to see how far it is.', schema: shape.job } },
  errors: ['CONFLICT', 'INVALID_STATUS', 'WEBHOOK_NOT_FOUND'],
  async handle({ gateway, clock }, { caller, params, body }) {
    const since = pastMoment(body.since, 'since', clock)
    const until = body.until === undefined ? null : pastMoment(body.until, 'until', clock)
    if (until !== null && since >= until) throw invalid([{ path: 'since', message: 'It must be before `until`.' }])
    const events = body.events === undefined ? null : namedEvents(body.events)
    const job = await gateway.webhooks.replay(caller, plainIdOf<'webhook'>(params.id), { since, until, events })
    return { status: 202, data: presentJob(job) }
  },
})

const listJobs = defineRoute({
  method: 'GET',
  path: '/v1/webhooks/{id}/jobs',
  operationId: 'listWebhookJobs',
  summary: 'List the jobs of a webhook',
  description: 'What recover and replay began, newest first; the last hundred.',
  tag: 'Webhooks',
  scope: 'read',
  params: shape.webhookParams,
  responses: { 200: { description: 'The last hundred.', schema: shape.jobList } },
  errors: ['WEBHOOK_NOT_FOUND'],
  async handle({ gateway }, { caller, params }) {
    const jobs = await gateway.webhooks.jobs(caller, plainIdOf<'webhook'>(params.id))
    return { status: 200, data: { jobs: jobs.map(presentJob) } }
  },
})

const getJob = defineRoute({
  method: 'GET',
  path: '/v1/webhooks/{id}/jobs/{jobId}',
  operationId: 'getWebhookJob',
  summary: 'Read a job',
  description: 'How far it is, and how much it sends again.',
  tag: 'Webhooks',
  scope: 'read',
  params: shape.jobParams,
  responses: { 200: { description: 'The job.', schema: shape.job } },
  errors: ['NOT_FOUND', 'WEBHOOK_NOT_FOUND'],
  async handle({ gateway }, { caller, params }) {
    const id = plainIdOf<'webhookJob'>(params.jobId)
    return { status: 200, data: presentJob(await gateway.webhooks.job(caller, plainIdOf<'webhook'>(params.id), id)) }
  },
})

export const webhookLogRoutes: readonly Route[] = [
  listDeliveries,
  getDelivery,
  redeliver,
  recoverWebhook,
  replayWebhook,
  listJobs,
  getJob,
]
