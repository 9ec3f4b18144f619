/** The webhooks as one thing: what callers may ask of them, and what works for them in the background. */
import { GatewayError } from '../model/errors.ts'
import type { CustomerId, DeliveryId, EventId, WebhookId, WebhookJobId } from '../model/ids.ts'
import type { DeliveryFilter, NewWebhook, WebhookChange } from '../model/webhook.ts'
import type { CallbackStore } from '../store/webhooks/callbacks.ts'
import type { WebhookJobStore } from '../store/webhooks/jobs.ts'
import type { WebhookLogStore } from '../store/webhooks/log.ts'
import type { HeldWebhook, WebhookQueueStore } from '../store/webhooks/queue.ts'
import type { WebhookStore } from '../store/webhooks/webhooks.ts'
import { createHistory } from './history.ts'
import { createJobWorker } from './jobs.ts'
import { Dispatcher, type DispatcherOptions } from './sending/dispatcher.ts'
import { createWebhooks, type WebhooksOptions } from './webhooks.ts'

export interface WebhookRoomOptions
  extends Omit<WebhooksOptions, 'store' | 'queue'>,
    Omit<DispatcherOptions, 'queue' | 'deactivated'> {
  store: WebhookStore
  callbacks: CallbackStore
  queue: WebhookQueueStore
  log: WebhookLogStore
  jobs: WebhookJobStore
  /** Events of this customer were written, or deliveries made due. */
  told(customerId: CustomerId): void
}

interface By {
  customerId: CustomerId
}

export interface Destinations {
  callbackUrl: string | null
  /** Everything else the gateway would have to fetch for it, by the path its owner knows. */
  urls: readonly { path: string; url: string }[]
}

export function createWebhookRoom(options: WebhookRoomOptions) {
  const hooks = createWebhooks(options)
  const history = createHistory(options)
  const dispatcher = new Dispatcher({ ...options, deactivated: (webhook, reason) => giveUp(options, webhook, reason) })
  const worker = createJobWorker(options)
  const signed = new Set<CustomerId>()
  return {
    face: {
      create: (by: By, input: NewWebhook) => hooks.create(by.customerId, input),
      list: (by: By) => hooks.list(by.customerId),
      get: (by: By, id: WebhookId) => hooks.get(by.customerId, id),
      change: (by: By, id: WebhookId, change: WebhookChange) => hooks.change(by.customerId, id, change),
      remove: (by: By, id: WebhookId) => hooks.remove(by.customerId, id),
      test: (by: By, id: WebhookId) => hooks.test(by.customerId, id),
      rotateSecret: (by: By, id: WebhookId) => hooks.rotateSecret(by.customerId, id),
      replaceAll: (by: By, input: NewWebhook) => hooks.replaceAll(by.customerId, input),
      deactivateAll: (by: By) => hooks.deactivateAll(by.customerId),
      callbackSecret: (by: By) => hooks.callbackSecret(by.customerId),
      rotateCallbackSecret: (by: By) => hooks.rotateCallbackSecret(by.customerId),
      deliveries: (by: By, id: WebhookId, filter: DeliveryFilter) => history.deliveries(by.customerId, id, filter),
      delivery: (by: By, id: WebhookId, one: DeliveryId) => history.delivery(by.customerId, id, one),
      redeliver: (by: By, id: WebhookId, one: DeliveryId) => history.redeliver(by.customerId, id, one),
      recover: (by: By, id: WebhookId, since: Date) =>
        history.recover(by.customerId, id, { since, until: null, events: null }),
      replay: (by: By, id: WebhookId, range: Parameters<typeof history.replay>[2]) =>
        history.replay(by.customerId, id, range),
      jobs: (by: By, id: WebhookId) => history.jobs(by.customerId, id),
      job: (by: By, id: WebhookId, job: WebhookJobId) => history.job(by.customerId, id, job),
    },
    /** What a message asks the gateway to reach: refused by its rules at once, by its addresses when it is reached. */
    async admit(customerId: CustomerId, { callbackUrl, urls }: Destinations): Promise<void> {
      const all = callbackUrl === null ? urls : [{ path: 'callbackUrl', url: callbackUrl }, ...urls]
      const details = all.flatMap(({ path, url }) => {
        const message = options.egress.problemAtOnce(url)
        return message === null ? [] : [{ path, message }]
      })
      const [first] = details
      if (first !== undefined)
        throw new GatewayError('VALIDATION_ERROR', `${first.path}: ${first.message}`, { details })
      if (callbackUrl === null || signed.has(customerId)) return
      await hooks.ensureCallbackSecret(customerId)
      signed.add(customerId)
    },
    told(customers: readonly CustomerId[]) {
      dispatcher.told(customers)
      if (customers.length > 0) worker.wake()
    },
    /** A message that names a callback was accepted. */
    calls: (customerId: CustomerId) => dispatcher.calls(customerId),
    /** Webhooks were changed, here or elsewhere. */
    changed: () => dispatcher.changed(),
    start() {
      dispatcher.start()
      worker.start()
    },
    async stop() {
      await worker.stop()
      await dispatcher.stop()
    },
  }
}

export type WebhookRoom = ReturnType<typeof createWebhookRoom>

async function giveUp(options: WebhookRoomOptions, webhook: HeldWebhook, reason: 'exhausted' | 'gone'): Promise<void> {
  const data = { webhookId: webhook.id, url: webhook.url, reason }
  const event = { id: options.mint() as EventId, type: 'webhook.deactivated' as const, correlationId: null, data }
  if (!(await options.queue.deactivate(webhook, reason, event))) return
  options.changed()
  options.told(webhook.customerId)
}
