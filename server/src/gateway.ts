/** The whole inside of the product, without HTTP: its face. Surfaces and tests hold nothing but this; wiring.ts builds it. */

import type { ApiKey, Caller, Customer, Scope } from './accounts/caller.ts'
import type { AdminLine, LineChange, NewLine } from './accounts/lines.ts'
import type { Draft } from './messaging/draft.ts'
import type { Reachability } from './messaging/reach.ts'
import type { Channel } from './model/channel.ts'
import type { Cursor, EventType, GatewayEvent } from './model/event.ts'
import type { CustomerId, EventId, Handle, KeyId, LineId, MessageId } from './model/ids.ts'
import type { Health, Line } from './model/line.ts'
import type { Message, MessageFilter } from './model/message.ts'

export type { ApiKey, Caller, Customer, Scope } from './accounts/caller.ts'
export type { AdminLine, LineChange, NewLine } from './accounts/lines.ts'
export type { Draft } from './messaging/draft.ts'
export type { Reachability } from './messaging/reach.ts'
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
  }
  lines: {
    list(by: Caller): Promise<readonly Line[]>
    reach(by: Caller, handle: Handle): Promise<Reachability>
  }
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
  admin: {
    createCustomer(input: {
      email: string
      name: string
      company: string | null
      requestsPerMinute: number | null
    }): Promise<Customer>
    customers(page: { limit: number; after: CustomerId | null }): Promise<Page<Customer>>
    customer(id: CustomerId): Promise<Customer>
    createKey(input: {
      name: string
      customer: { id: CustomerId } | { email: string }
      scopes: readonly Scope[]
      expiresAt: Date | null
    }): Promise<ApiKey & { key: string }>
    keys(page: { limit: number; after: KeyId | null; customerId: CustomerId | null }): Promise<Page<ApiKey>>
    revokeKey(id: KeyId): Promise<ApiKey>
    createLine(line: NewLine): Promise<AdminLine>
    lines(page: { limit: number; after: LineId | null }): Promise<Page<AdminLine>>
    line(id: LineId): Promise<AdminLine>
    changeLine(id: LineId, change: LineChange): Promise<AdminLine>
    removeLine(id: LineId): Promise<void>
    /** Gives the customer a line: an unassigned one, or a new one when `line` is null. */
    addNumber(
      customer: CustomerId,
      input: { address: Handle; provider: string; line: LineId | null },
    ): Promise<AdminLine>
    numbers(customer: CustomerId): Promise<readonly AdminLine[]>
    removeNumber(customer: CustomerId, line: LineId): Promise<void>
    makeDefault(customer: CustomerId, line: LineId): Promise<AdminLine>
    usage(filter: {
      customerId: CustomerId | null
      from: string
      to: string
      limit: number
      offset: number
    }): Promise<{ rows: readonly UsageRow[]; hasMore: boolean }>
  }
  health(): Promise<HealthReport>
  start(): Promise<void>
  /** Closes the doors in order: work drains, links stop, the store closes. */
  stop(): Promise<void>
}

export interface HealthReport {
  database: boolean
  /** The work loops run and have looked at the database lately. */
  outbox: boolean
  links: Record<Channel, { health: Health; lines: number }>
}
