/** The whole inside of the product, without HTTP: its face. Surfaces and tests hold nothing but this; wiring.ts builds it. */

import type { ApiKey, Caller, Customer, CustomerChange, KeySurface, NewCustomer, Scope } from './accounts/caller.ts'
import type { AdminLine, LineChange, NewLine } from './accounts/lines.ts'
import type { Agents } from './agents/agents.ts'
import type { Contacts } from './contacts/contacts.ts'
import type { HealthReport } from './links/health.ts'
import type { Pairing } from './links/pairing.ts'
import type { LineTest, ProviderCalls } from './links/provider-calls.ts'
import type { Sessions } from './links/sessions.ts'
import type { Download } from './media/downloads.ts'
import type { LinkedFile } from './media/links.ts'
import type { Chats } from './messaging/chats/chats.ts'
import type { Draft } from './messaging/draft.ts'
import type { Reachability } from './messaging/reach.ts'
import type { Channel } from './model/channel.ts'
import type { Cursor, EventType, GatewayEvent } from './model/event.ts'
import type {
  CustomerId,
  DeliveryId,
  EventId,
  Handle,
  KeyId,
  LineId,
  MessageId,
  WebhookId,
  WebhookJobId,
} from './model/ids.ts'
import type { Line } from './model/line.ts'
import type { MemberReceipt, Message, MessageFilter } from './model/message.ts'
import type {
  Delivery,
  DeliveryDetail,
  DeliveryFilter,
  NewWebhook,
  ShownSecret,
  TestResult,
  Webhook,
  WebhookChange,
  WebhookJob,
} from './model/webhook.ts'

export type { ApiKey, Caller, Customer, KeySurface, Scope } from './accounts/caller.ts'
export type { AdminLine, LineChange, NewLine, ProviderChange } from './accounts/lines.ts'
export type { HealthReport } from './links/health.ts'
export type { Session } from './links/pairing.ts'
export type { ChatAt, KnownChat } from './messaging/chats/chats.ts'
export type { Draft } from './messaging/draft.ts'
export type { Reachability } from './messaging/reach.ts'
export type { SessionAgent } from './model/agents/agent.ts'
export type { MessageFilter } from './model/message.ts'

export interface Page<Row> {
  rows: readonly Row[]
  hasMore: boolean
}

export interface UsageRow {
  customerId: CustomerId
  /** YYYY-MM-DD, UTC. */
  day: string
  event: EventType
  channel: Channel | null
  count: number
}

export interface Gateway {
  callers: { authenticate(token: string): Promise<Caller> }
  messages: {
    submit(by: Caller, draft: Draft): Promise<{ message: Message; repeated: boolean }>
    get(by: Caller, id: MessageId): Promise<Message>
    list(by: Caller, filter: MessageFilter): Promise<Page<Message>>
    /** Hides it from every later read. */
    remove(by: Caller, id: MessageId): Promise<Message>
    retry(by: Caller, id: MessageId): Promise<Message>
    cancel(by: Caller, id: MessageId): Promise<Message>
    edit(by: Caller, id: MessageId, text: string, fallbackText: string | null): Promise<Message>
    unsend(by: Caller, id: MessageId): Promise<Message>
    react(by: Caller, id: MessageId, reaction: string): Promise<void>
    markRead(by: Caller, id: MessageId): Promise<void>
    /** Who has got what we sent, and who has read it: everybody of a group who said so, first things first. */
    receipts(by: Caller, id: MessageId): Promise<{ message: Message; receipts: readonly MemberReceipt[] }>
  }
  chats: Chats
  contacts: Contacts
  agents: Agents
  lines: {
    list(by: Caller): Promise<readonly Line[]>
    reach(by: Caller, handle: Handle): Promise<Reachability>
  }
  pairing: Omit<Pairing, 'ofLine'>
  sessions: Sessions
  events: {
    /** Ends when the signal aborts; throws GatewayError('SERVICE_UNAVAILABLE') at a reader that is too slow. */
    follow(
      by: Caller,
      from: { after: Cursor | null; types: readonly EventType[] | null },
      signal: AbortSignal,
    ): AsyncIterable<GatewayEvent>
    /** Where a reader that last saw this event goes on; null when the event is unknown or no longer kept. */
    cursorOf(by: Caller, event: EventId): Promise<Cursor | null>
    /** The end of the log as of now. */
    end(): Promise<Cursor>
  }
  media: {
    /** Throws INVALID_SIGNATURE, URL_EXPIRED or NOT_FOUND. */
    download(token: string): Promise<Download>
    /** A link to a file of this customer, to be used until then. */
    linkTo(file: LinkedFile, untilMs: number): string
  }
  webhooks: {
    /** Throws VALIDATION_ERROR for a URL that may not be reached, WEBHOOK_DUPLICATE for the same URL and set of events. */
    create(by: Caller, input: NewWebhook): Promise<Webhook & ShownSecret>
    /** Oldest first. */
    list(by: Caller): Promise<readonly Webhook[]>
    get(by: Caller, id: WebhookId): Promise<Webhook>
    change(by: Caller, id: WebhookId, change: WebhookChange): Promise<Webhook>
    remove(by: Caller, id: WebhookId): Promise<void>
    /** Sends a test event at once and waits for the answer. */
    test(by: Caller, id: WebhookId): Promise<TestResult>
    rotateSecret(by: Caller, id: WebhookId): Promise<Webhook & ShownSecret>
    /** Legacy clients know one webhook: all active ones are deactivated and this one is made. */
    replaceAll(by: Caller, input: NewWebhook): Promise<Webhook & ShownSecret>
    /** How many were active. */
    deactivateAll(by: Caller): Promise<number>
    /** Newest first. */
    deliveries(by: Caller, id: WebhookId, filter: DeliveryFilter): Promise<Page<Delivery>>
    delivery(by: Caller, id: WebhookId, delivery: DeliveryId): Promise<DeliveryDetail>
    /** Throws INVALID_STATUS for one that is pending. */
    redeliver(by: Caller, id: WebhookId, delivery: DeliveryId): Promise<Delivery>
    recover(by: Caller, id: WebhookId, since: Date): Promise<WebhookJob>
    replay(
      by: Caller,
      id: WebhookId,
      range: { since: Date; until: Date | null; events: readonly string[] | null },
    ): Promise<WebhookJob>
    jobs(by: Caller, id: WebhookId): Promise<readonly WebhookJob[]>
    job(by: Caller, id: WebhookId, job: WebhookJobId): Promise<WebhookJob>
    /** Since when what signs the deliveries to `callbackUrl` is the same; null until there has been one. */
    callbackSecret(by: Caller): Promise<{ rotatedAt: Date | null }>
    /** Shown here and never again. */
    rotateCallbackSecret(by: Caller): Promise<{ secret: string; rotatedAt: Date }>
  }
  admin: {
    createCustomer(input: NewCustomer): Promise<Customer>
    /** Only what is named changes. */
    changeCustomer(id: CustomerId, change: CustomerChange): Promise<Customer>
    customers(page: { limit: number; after: CustomerId | null }): Promise<Page<Customer>>
    customer(id: CustomerId): Promise<Customer>
    createKey(input: {
      name: string
      customer: { id: CustomerId } | { email: string }
      scopes: readonly Scope[]
      expiresAt: Date | null
      surface?: KeySurface
    }): Promise<ApiKey & { key: string }>
    keys(page: { limit: number; after: KeyId | null; customerId: CustomerId | null }): Promise<Page<ApiKey>>
    revokeKey(id: KeyId): Promise<ApiKey>
    createLine(line: NewLine): Promise<AdminLine>
    lines(page: { limit: number; after: LineId | null }): Promise<Page<AdminLine>>
    line(id: LineId): Promise<AdminLine>
    changeLine(id: LineId, change: LineChange): Promise<AdminLine>
    removeLine(id: LineId): Promise<void>
    /** Connects with the line's settings, by each of its channels, and says what came of it. */
    testLine(id: LineId): Promise<readonly LineTest[]>
    /** Gives the customer a line: an unassigned one, or a new one when `line` is null. */
    addNumber(
      customer: CustomerId,
      input: { address: Handle; provider: string; line: LineId | null },
    ): Promise<AdminLine>
    numbers(customer: CustomerId): Promise<readonly AdminLine[]>
    removeNumber(customer: CustomerId, line: LineId): Promise<void>
    makeDefault(customer: CustomerId, line: LineId): Promise<AdminLine>
    pairing: Pairing['ofLine']
    usage(filter: {
      customerId: CustomerId | null
      from: string
      to: string
      limit: number
      offset: number
    }): Promise<{ rows: readonly UsageRow[]; hasMore: boolean }>
  }
  /** Calls that the networks' providers make of us. */
  providers: Pick<ProviderCalls, 'called'>
  health(): Promise<HealthReport>
  start(): Promise<void>
  /** Closes the doors in order: work drains, links stop, the store closes. */
  stop(): Promise<void>
}
