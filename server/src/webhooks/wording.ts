/** What the webhooks ask of the surfaces: an event as bytes, in the words of a dialect. */
import type { GatewayEvent } from '../model/event.ts'
import type { CustomerId, EventId, WebhookId } from '../model/ids.ts'
import type { WebhookDialect } from '../model/webhook.ts'

export interface Worded {
  /** As the receiver knows the event; the same in every attempt. */
  id: string
  type: string
  /** The same bytes for the same event, however often it is asked for. */
  body: Buffer
}

export interface Wording {
  /** Null when the dialect has no word for it. */
  event(dialect: WebhookDialect, event: GatewayEvent): Worded | null
  test(dialect: WebhookDialect, test: { id: EventId; webhookId: WebhookId; customerId: CustomerId; at: Date }): Worded
}
