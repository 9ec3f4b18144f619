/** Webhooks as the gateway knows them: who is told, what became of each telling, and the jobs that tell again. */
import type { EventType } from './event.ts'
import type { CustomerId, DeliveryId, EventId, WebhookId, WebhookJobId } from './ids.ts'

/** Fixes the shape of the body and which headers of old clients are added to the standard ones. */
export const webhookDialects = ['standard', 'textbubbles', 'whatsbridge'] as const
export type WebhookDialect = (typeof webhookDialects)[number]

export interface Webhook {
  id: WebhookId
  customerId: CustomerId
  name: string | null
  url: string
  /** Names of event types, or `*` alone; sorted, each once. */
  events: readonly string[]
  dialect: WebhookDialect
  active: boolean
  /** Why it was deactivated, when that was not the customer's own doing. */
  deactivated: DeactivationReason | null
  /** Events of one conversation arrive one after the other, not only those of one message. */
  ordered: boolean
  /** Its Ed25519 key, when deliveries carry a `v1a` signature as well. */
  publicKey: string | null
  health: WebhookHealth
  createdAt: Date
  updatedAt: Date
}

/** `exhausted`: three deliveries in a row failed to the end. `gone`: the receiver answered 410. */
export type DeactivationReason = 'exhausted' | 'gone'

export interface WebhookHealth {
  /** While it is open, deliveries wait instead of using up their attempts. */
  breaker: 'closed' | 'open'
  /** Deliveries in a row that failed to the end. */
  exhausted: number
  pending: number
}

export interface NewWebhook {
  url: string
  events: readonly string[]
  name: string | null
  /** The customer's own text for X-Signature; null mints one. */
  secret: string | null
  dialect: WebhookDialect
  ordered: boolean
  asymmetric: boolean
}

export type WebhookChange = Partial<
  Pick<NewWebhook, 'url' | 'events' | 'name' | 'dialect' | 'ordered' | 'asymmetric'> & {
    secret: string
    active: boolean
  }
>

/** What is shown once: `secret` when it was minted; the standard one when the customer brought another. */
export interface ShownSecret {
  secret: string | null
  standardSecret: string | null
}

/**
 * `pending` waits for its next attempt. `failed` was refused for good or used up its attempts. `superseded` came too
 * late: a later status of the same message had arrived. `cancelled`: its webhook was paused or deleted meanwhile.
 */
export const deliveryStatuses = ['pending', 'delivered', 'failed', 'superseded', 'cancelled'] as const
export type DeliveryStatus = (typeof deliveryStatuses)[number]

/** One event on its way to one webhook. */
export interface Delivery {
  id: DeliveryId
  webhookId: WebhookId
  eventId: EventId
  eventType: EventType
  url: string
  status: DeliveryStatus
  attempts: number
  createdAt: Date
  /** Null when nothing more will be tried. */
  nextAttemptAt: Date | null
  endedAt: Date | null
  last: DeliveryAttempt | null
}

export interface DeliveryAttempt {
  number: number
  at: Date
  durationMs: number
  /** Null when there was no answer. */
  responseStatus: number | null
  /** The beginning of what was answered. */
  responseExcerpt: string | null
  /** Null when it succeeded. */
  error: string | null
}

/** A delivery whole: every attempt, and what was sent. */
export interface DeliveryDetail extends Delivery {
  history: readonly DeliveryAttempt[]
  /** Null when the event is no longer kept. Signatures are left out. */
  request: { headers: Readonly<Record<string, string>>; bodyExcerpt: string } | null
}

export interface DeliveryFilter {
  status: DeliveryStatus | null
  limit: number
  after: DeliveryId | null
}

/** `recover` tells again what failed, `replay` what happened. */
export type WebhookJobKind = 'recover' | 'replay'

export interface WebhookJob {
  id: WebhookJobId
  webhookId: WebhookId
  kind: WebhookJobKind
  since: Date
  until: Date
  /** Null: all that the webhook subscribes to. */
  events: readonly string[] | null
  status: 'running' | 'done' | 'cancelled'
  /** How far through `since`…`until` it is. */
  reachedAt: Date
  scanned: number
  queued: number
  createdAt: Date
  endedAt: Date | null
}

/** How a test delivery went. */
export interface TestResult {
  delivered: boolean
  url: string
  responseStatus: number | null
  error: string | null
  eventId: EventId
}

/** One generation of what signs deliveries, as it lies sealed in the database. */
export interface SecretGeneration {
  /** Base64 of 32 random bytes, from which every key of ours is derived. */
  random: string
  /** The customer's own text, which signs X-Signature instead. */
  supplied: string | null
  /** ISO; null for the current one, else until when it signs along. */
  until: string | null
}
