/** Conversations: found or made by what the network calls them, and the one way to change a group and tell of it. */
import type { Channel } from '../model/channel.ts'
import type { Conversation, Participant, ShownPhoto } from '../model/conversation.ts'
import { nothingRecent, type Recent } from '../model/echo.ts'
import type { NewEvent } from '../model/event.ts'
import type { ConversationId, CustomerId, Handle, LineId, ProviderChatId } from '../model/ids.ts'
import type { Db, Queryable, Statement } from './db.ts'
import { knownIn, lockKnown } from './people/known.ts'
import { hearing } from './sql/fan-out.ts'
import { changeConversation, forget, remember, seen, tellAlso } from './sql/told-once.ts'

export interface ConversationKey {
  customerId: CustomerId
  lineId: LineId
  channel: Channel
  chat: ProviderChatId
}

export interface NewConversation extends ConversationKey {
  id: ConversationId
  /** The other person of a 1:1 conversation. */
  handle: Handle | null
  isGroup: boolean
  name: string | null
  participants: readonly Participant[]
  /** Nobody has told what it is called and who is in it. */
  unheard?: boolean
}

/** What a decision sees: all of it as of the moment from which on nobody else can change this conversation. */
export interface ConversationState {
  conversation: Conversation
  recent: Recent
  nowMs: number
  /** The very same notice was heard before. */
  repeated: boolean
}

/** The conversation as it is from now on, and the events that tell of it, each with the conversation after its own change. */
export interface ConversationChange {
  conversation: Conversation
  /** Absent: as before. */
  recent?: Recent
  events: readonly NewEvent[]
}

export interface ConversationRequest {
  customerId: CustomerId
  of: { id: ConversationId } | Omit<ConversationKey, 'customerId'>
  /** By what this very notice of a network is known, and for how long; null for what is no such notice. */
  notice?(conversation: Conversation): { key: string; forMs: number } | null
  /** Pure: it may run again. Null leaves everything as it is and tells nobody. */
  decide(state: ConversationState): ConversationChange | null
}

/** Null: there is no such conversation. */
export type ConversationOutcome = { told: boolean; conversation: Conversation } | null

export interface ConversationRow {
  customer_id: CustomerId
  id: ConversationId
  line_id: LineId
  channel: Channel
  provider_chat_id: ProviderChatId | null
  is_group: boolean
  name: string | null
  participants: Participant[]
  unheard: boolean
  absent: boolean
  photo: ShownPhoto | null
}

export const conversationColumns = `customer_id, id, line_id, channel, provider_chat_id, is_group, name, participants,
  unheard, absent, photo`

/** Whatever has become part of another conversation is that one, by each of its names. */
const whole = (where: string) =>
  `id = (select coalesce(joined_into, id) from conversations where customer_id = $1 and ${where})`
const isNamed = whole('id = $2')
const isChat = whole('line_id = $2 and channel = $3 and provider_chat_id = $4')

const byId: Statement = {
  name: 'conversations-by-id',
  text: `select ${conversationColumns} from conversations where customer_id = $1 and ${isNamed}`,
}

const byChat: Statement = {
  name: 'conversations-by-chat',
  text: `select ${conversationColumns} from conversations where customer_id = $1 and ${isChat}`,
}

type LockedRow = ConversationRow & { recent: Recent | null; now_ms: number }

const locked = (where: string) => `select ${conversationColumns}, recent,
    (extract(epoch from gateway_now()) * 1000)::float8 as now_ms
  from conversations where customer_id = $1 and ${where} for update`

const lockById: Statement = { name: 'conversations-lock-id', text: locked(isNamed) }
const lockByChat: Statement = { name: 'conversations-lock-chat', text: locked(isChat) }

/** With somebody who goes by several names there is a conversation already: what is made is one more name for it. */
const insert: Statement = {
  name: 'conversations-insert',
  text: `insert into conversations (customer_id, id, line_id, channel, provider_chat_id, handle, is_group, name, participants,
      unheard, joined_into)
    values ($1, $2, $3, $4, $5, $6, $7, $8, gateway_known_now($1, $9::jsonb), $10, (
      select c.id from conversations c where c.customer_id = $1 and c.handle = $6 and c.line_id = $3 and c.channel = $4
        and not c.is_group and c.joined_into is null and exists (select from handle_aliases a where a.customer_id = $1
          and a.phone = $6 and a.line_id = $3 and a.channel = $4)
      order by c.id limit 1))
    on conflict (customer_id, line_id, channel, provider_chat_id) do nothing
    returning ${conversationColumns}, joined_into is not null as joined`,
}

export function createConversationStore(db: Db) {
  const findByChat = async (key: ConversationKey): Promise<Conversation | null> => {
    const [row] = await db.query<ConversationRow>(byChat, [key.customerId, key.lineId, key.channel, key.chat])
    return row === undefined ? null : fromRow(row)
  }
  return {
    async get(customerId: CustomerId, id: ConversationId): Promise<Conversation | null> {
      const [row] = await db.query<ConversationRow>(byId, [customerId, id])
      return row === undefined ? null : fromRow(row)
    },

    findByChat,

    /** The conversation of this chat, made when it is new. Of two that make it, both get the same one. */
    async ensure(fresh: NewConversation): Promise<Conversation> {
      const known = await findByChat(fresh)
      if (known !== null) return known
      const [row] = await db.query<ConversationRow & { joined: boolean }>(insert, [
        fresh.customerId,
        fresh.id,
        fresh.lineId,
        fresh.channel,
        fresh.chat,
        fresh.handle,
        fresh.isGroup,
        fresh.name,
        JSON.stringify(fresh.participants),
        fresh.unheard === true,
      ])
      if (row?.joined === false) return fromRow(row)
      const winner = await findByChat(fresh)
      if (winner === null) throw new Error(`Conversation ${fresh.id} was neither made nor found.`)
      return winner
    },

    /**
     * The row of the conversation is locked before anything is looked at, so of two that tell of one change at once the
     * second sees that it was told. This lock comes before all others but that of the address book.
     */
    change: (request: ConversationRequest): Promise<ConversationOutcome> =>
      db.transaction((tx) => changeOne(tx, request)),

    /** Forgets what was told too long ago to come again; returns how many there were. */
    forgetTold: async (rowsMax: number): Promise<number> => (await db.query(forget, [rowsMax])).length,
  }
}

async function changeOne(tx: Queryable, request: ConversationRequest): Promise<ConversationOutcome> {
  const { customerId, of } = request
  await lockKnown(tx, customerId)
  const [row] =
    'id' in of
      ? await tx.query<LockedRow>(lockById, [customerId, of.id])
      : await tx.query<LockedRow>(lockByChat, [customerId, of.lineId, of.channel, of.chat])
  if (row === undefined) return null
  const conversation = fromRow(row)
  const notice = request.notice?.(conversation) ?? null
  const repeated = notice !== null && (await tx.query(seen, [customerId, notice.key])).length > 0
  if (notice !== null) await tx.query(remember, [customerId, notice.key, notice.forMs])
  const recent = row.recent ?? nothingRecent
  const decided = request.decide({ conversation, recent, nowMs: row.now_ms, repeated })
  if (decided === null) return { told: false, conversation }
  const isRosterSame = decided.conversation.participants === conversation.participants && decided.events.length === 0
  const change = isRosterSame ? decided : await knownIn(tx, customerId, decided)
  await keep(tx, change, isRosterSame)
  return { told: change.events.length > 0, conversation: change.conversation }
}

/** Each event has the whole roster in it. */
const eventBytesMax = 4 * 1024 * 1024

async function keep(
  tx: Queryable,
  { conversation, recent, events }: ConversationChange,
  isRosterSame: boolean,
): Promise<void> {
  const { customerId, id, name, unheard = false, absent = false } = conversation
  const photo = conversation.photo === undefined ? null : JSON.stringify(conversation.photo)
  const memory = recent === undefined ? null : JSON.stringify(recent)
  const roster = isRosterSame ? null : JSON.stringify(conversation.participants)
  const together = Math.max(1, Math.floor(eventBytesMax / ((roster?.length ?? 0) + 1)))
  const rows = (from: number) =>
    JSON.stringify(events.slice(from, from + together).map((one) => eventRow(customerId, one)))
  await tx.query(changeConversation, [customerId, rows(0), id, name, roster, unheard, absent, memory, photo])
  for (let from = together; from < events.length; from += together) await tx.query(tellAlso, [customerId, rows(from)])
}

function eventRow(customerId: CustomerId, event: NewEvent): object {
  return {
    event_id: event.id,
    event_type: event.type,
    correlation_id: event.correlationId,
    event_data: event.data,
    ...hearing(customerId, event, null),
  }
}

export type ConversationStore = ReturnType<typeof createConversationStore>

export function fromRow(row: ConversationRow): Conversation {
  return {
    id: row.id,
    customerId: row.customer_id,
    lineId: row.line_id,
    channel: row.channel,
    providerChatId: row.provider_chat_id,
    isGroup: row.is_group,
    name: row.name,
    participants: row.participants,
    ...(row.unheard && { unheard: true }),
    ...(row.absent && { absent: true }),
    ...(row.photo !== null && { photo: row.photo }),
  }
}
