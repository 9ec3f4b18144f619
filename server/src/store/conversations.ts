/** Conversations: found or made by what the network calls them, and the one way to change a group and tell of it. */
import type { Channel } from '../model/channel.ts'
import type { Origin } from '../model/chat-change.ts'
import type { Conversation, Participant } from '../model/conversation.ts'
import type { NewEvent } from '../model/event.ts'
import type { ConversationId, CustomerId, Handle, LineId, ProviderChatId } from '../model/ids.ts'
import type { Db, Queryable, Statement } from './db.ts'
import { knownIn, lockKnown } from './people/known.ts'
import { hearing } from './sql/fan-out.ts'
import { amendConversation, changeConversation, forget, forgetOne, remember, seen } from './sql/told-once.ts'

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
}

/** What a telling of a change is known by, each for its time. */
export interface ChangeKeys {
  /** The same whoever tells of the change; null for what nobody is told of. */
  change: { key: string; forMs: number } | null
  /** The same only for this very notice of a network; null when a caller tells. */
  notice: { key: string; forMs: number } | null
  /** The change this one would undo, if whoever tells may be behind the times. */
  undoes: string | null
}

/** What a decision sees: all of it as of the moment from which on nobody else can change this conversation. */
export interface ConversationState {
  conversation: Conversation
  /** Who told of the same change lately. */
  seen: Origin | null
  /** The very same notice was told. */
  repeated: boolean
  /** Who told lately of the change that this one would undo. */
  undone: Origin | null
}

/** The conversation as it is from now on, and the event that tells of it; null: nobody is told. */
export interface ConversationChange {
  conversation: Conversation
  event: NewEvent | null
}

export interface ConversationRequest {
  customerId: CustomerId
  of: { id: ConversationId } | Omit<ConversationKey, 'customerId'>
  origin: Origin
  keys(conversation: Conversation): ChangeKeys
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
}

export const conversationColumns = 'customer_id, id, line_id, channel, provider_chat_id, is_group, name, participants'

const byId: Statement = {
  name: 'conversations-by-id',
  text: `select ${conversationColumns} from conversations where customer_id = $1 and id = $2`,
}

const byChat: Statement = {
  name: 'conversations-by-chat',
  text: `select ${conversationColumns} from conversations
    where customer_id = $1 and line_id = $2 and channel = $3 and provider_chat_id = $4`,
}

const lockById: Statement = { name: 'conversations-lock-id', text: `${byId.text} for update` }
const lockByChat: Statement = { name: 'conversations-lock-chat', text: `${byChat.text} for update` }

const insert: Statement = {
  name: 'conversations-insert',
  text: `insert into conversations (customer_id, id, line_id, channel, provider_chat_id, handle, is_group, name, participants)
    values ($1, $2, $3, $4, $5, $6, $7, $8, gateway_known_now($1, $9::jsonb))
    on conflict (customer_id, line_id, channel, provider_chat_id) do nothing returning ${conversationColumns}`,
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
      const [row] = await db.query<ConversationRow>(insert, [
        fresh.customerId,
        fresh.id,
        fresh.lineId,
        fresh.channel,
        fresh.chat,
        fresh.handle,
        fresh.isGroup,
        fresh.name,
        JSON.stringify(fresh.participants),
      ])
      if (row !== undefined) return fromRow(row)
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
      ? await tx.query<ConversationRow>(lockById, [customerId, of.id])
      : await tx.query<ConversationRow>(lockByChat, [customerId, of.lineId, of.channel, of.chat])
  if (row === undefined) return null
  const conversation = fromRow(row)
  const { change, notice, undoes } = request.keys(conversation)
  const names = [change?.key ?? null, notice?.key ?? null, undoes]
  const known = await tx.query<{ ord: number; origin: Origin }>(seen, [customerId, names])
  const originOf = (nth: number) => known.find(({ ord }) => ord === nth)?.origin ?? null
  const decided = request.decide({
    conversation,
    seen: originOf(1),
    repeated: originOf(2) !== null,
    undone: originOf(3),
  })
  const isSame = decided === null || (decided.event === null && decided.conversation === conversation)
  const now = isSame ? decided : await knownIn(tx, customerId, decided)
  const kept = [decided === null ? null : change, notice].filter((one) => one !== null)
  const keys = kept.map(({ key }) => key)
  const times = kept.map(({ forMs }) => forMs)
  const after = now?.conversation ?? conversation
  const event = now?.event ?? null
  const participants = JSON.stringify(after.participants)
  // Both have told of it: what either tells from now on is another change.
  if (decided === null && request.origin === 'caller' && originOf(1) === 'network')
    await tx.query(forgetOne, [customerId, change?.key])
  if (event === null) {
    if (after !== conversation) await tx.query(amendConversation, [customerId, after.id, after.name, participants])
    if (keys.length > 0) await tx.query(remember, [customerId, request.origin, keys, times])
    return { told: false, conversation: after }
  }
  const told = JSON.stringify(eventRow(customerId, event))
  const isPhoto = event.type === 'chat.photo.changed'
  const values = [customerId, told, after.id, after.name, participants, request.origin, keys, times, isPhoto]
  await tx.query(changeConversation, values)
  return { told: true, conversation: after }
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
  }
}
