/** Messages: accepting them in batches, reading and paging them, and the one way to change one. */
import type { Channel } from '../model/channel.ts'
import type { NewEvent } from '../model/event.ts'
import type { ConversationId, CustomerId, LineId, MessageId } from '../model/ids.ts'
import type { Content, Message, MessageFilter } from '../model/message.ts'
import type { OneTimeCode } from '../model/one-time-code.ts'
import type { Db, Queryable, Statement } from './db.ts'
import { hearing } from './sql/fan-out.ts'
import { fromRow, type MessageRow } from './sql/message-row.ts'
import { accept, list, many, messageColumns, one } from './sql/message-sql.ts'

export interface NewMessage {
  customerId: CustomerId
  id: MessageId
  lineId: LineId
  conversationId: ConversationId | null
  from: string | null
  to: string
  content: Content
  metadata: Readonly<Record<string, unknown>> | null
  route: readonly Channel[]
  idempotencyKey: string | null
  fingerprint: string
  callbackUrl: string | null
  correlationId: string
  /** ISO; null: now. */
  scheduledAt: string | null
  lane: string
  event: NewEvent
}

/** What became of one accepted message: stored now, or the one that already had its idempotency key. */
export type AcceptOutcome =
  | { stored: true; message: Message }
  | { stored: false; message: Message; fingerprint: string | null }

/** A code to sign up with WhatsApp, and the message it came in, which callers may not be able to read. */
export interface SignupCode {
  code: OneTimeCode['code']
  messageId: MessageId
  from: string | null
  channel: Channel
  receivedAt: Date
}

const signupCodesMax = 100
const signupCodes: Statement = {
  name: 'messages-sign-up-codes',
  text: `select metadata #>> '{otp,code}' as code, id as "messageId", from_address as "from", channel, created_at as "receivedAt"
    from messages where customer_id = $1 and line_id = $2 and direction = 'inbound' and metadata #>> '{otp,provider}' = 'whatsapp'
      and created_at > gateway_now() - $3 * interval '1 minute' and deleted_at is null
    order by created_at desc, id desc limit ${signupCodesMax}`,
}

/** For what stores a message of our own together with what gave rise to it. */
export async function acceptWithin(tx: Queryable, message: NewMessage): Promise<void> {
  await tx.query(accept, [JSON.stringify([acceptRow(message)])])
}

export function createMessageStore(db: Db) {
  return {
    /** One statement for all: messages, outbox rows, lanes and events commit together or not at all. */
    async accept(batch: readonly NewMessage[]): Promise<AcceptOutcome[]> {
      const rows = await db.query<StoredRow>(accept, [JSON.stringify(batch.map(acceptRow))])
      const stored = new Map(rows.map((row) => [row.id, row]))
      const losers = batch.filter((message) => !stored.has(message.id))
      const winners = await readWinners(db, losers)
      return batch.map((message) => outcomeOf(message, stored.get(message.id), winners))
    },

    /** In the order asked for; null for what is not there. */
    async getMany(keys: readonly { customerId: CustomerId; id: MessageId }[]): Promise<(Message | null)[]> {
      const rows = await db.query<MessageRow>(many, [keys.map((key) => key.customerId), keys.map((key) => key.id)])
      const found = new Map(rows.map((row) => [`${row.customer_id}/${row.id}`, fromRow(row)]))
      return keys.map((key) => found.get(`${key.customerId}/${key.id}`) ?? null)
    },

    async get(customerId: CustomerId, id: MessageId): Promise<Message | null> {
      const [row] = await db.query<MessageRow>(one, [customerId, id])
      return row === undefined ? null : fromRow(row)
    },

    /** The message that has this idempotency key. */
    async winner(
      customerId: CustomerId,
      idempotencyKey: string,
    ): Promise<{ message: Message; fingerprint: string | null } | null> {
      const [row] = await readWinners(db, [{ customerId, idempotencyKey }])
      return row === undefined ? null : { message: fromRow(row), fingerprint: row.fingerprint }
    },

    /** Newest first; one row more than asked for says that there is a next page. */
    async list(customerId: CustomerId, query: MessageFilter): Promise<{ rows: Message[]; hasMore: boolean }> {
      const { text, values } = list(customerId, query)
      const rows = await db.query<MessageRow>({ name: '', text }, values)
      return { rows: rows.slice(0, query.limit).map(fromRow), hasMore: rows.length > query.limit }
    },

    /** Newest first, those that were withheld included. */
    signupCodes: (customerId: CustomerId, lineId: LineId, minutes: number): Promise<SignupCode[]> =>
      db.query<SignupCode>(signupCodes, [customerId, lineId, minutes]),
  }
}

export type MessageStore = ReturnType<typeof createMessageStore>

/** What the database decides about a new message; the rest is as it was given. */
interface StoredRow {
  id: MessageId
  created_at: Date
}

function storedMessage(message: NewMessage, createdAt: Date): Message {
  const status = message.scheduledAt === null ? 'queued' : 'scheduled'
  return {
    customerId: message.customerId,
    id: message.id,
    direction: 'outbound',
    status,
    pending: false,
    lineId: message.lineId,
    conversationId: message.conversationId,
    lane: message.lane,
    channel: null,
    from: message.from,
    to: message.to,
    content: message.content,
    metadata: message.metadata,
    route: message.route,
    fallbackTriggered: false,
    providerId: null,
    errorCode: null,
    errorMessage: null,
    idempotencyKey: message.idempotencyKey,
    callbackUrl: message.callbackUrl,
    correlationId: message.correlationId,
    retryCount: 0,
    timeline: [{ status, at: createdAt.toISOString(), channel: null }],
    createdAt,
    updatedAt: createdAt,
    scheduledAt: message.scheduledAt === null ? null : new Date(message.scheduledAt),
    sentAt: null,
    deliveredAt: null,
    readAt: null,
    deletedAt: null,
  }
}

function acceptRow(message: NewMessage): Record<string, unknown> {
  return {
    customer_id: message.customerId,
    id: message.id,
    line_id: message.lineId,
    conversation_id: message.conversationId,
    from_address: message.from,
    to_address: message.to,
    content: message.content,
    metadata: message.metadata,
    route: message.route,
    idempotency_key: message.idempotencyKey,
    fingerprint: message.fingerprint,
    callback_url: message.callbackUrl,
    correlation_id: message.correlationId,
    scheduled_at: message.scheduledAt,
    lane: message.lane,
    event_id: message.event.id,
    event_type: message.event.type,
    event_data: message.event.data,
    ...hearing(message.customerId, message.event, message),
  }
}

async function readWinners(
  db: Db,
  losers: readonly Pick<NewMessage, 'customerId' | 'idempotencyKey'>[],
): Promise<(MessageRow & { fingerprint: string | null })[]> {
  if (losers.length === 0) return []
  const text = `select ${messageColumns}, m.fingerprint from unnest($1::uuid[], $2::text[]) w(customer_id, idempotency_key)
    join messages m using (customer_id, idempotency_key)
    left join outbox o on o.customer_id = m.customer_id and o.message_id = m.id`
  return db.query({ name: 'messages-winners', text }, [
    losers.map((message) => message.customerId),
    losers.map((message) => message.idempotencyKey),
  ])
}

function outcomeOf(
  message: NewMessage,
  stored: StoredRow | undefined,
  winners: readonly (MessageRow & { fingerprint: string | null })[],
): AcceptOutcome {
  if (stored !== undefined) return { stored: true, message: storedMessage(message, stored.created_at) }
  const winner = winners.find(
    (row) => row.customer_id === message.customerId && row.idempotency_key === message.idempotencyKey,
  )
  if (winner === undefined) throw new Error(`Message ${message.id} was neither stored nor a repeat.`)
  return { stored: false, message: fromRow(winner), fingerprint: winner.fingerprint }
}
