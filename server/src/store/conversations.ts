/** Conversations: found or made by what the network calls them. */
import type { Channel } from '../model/channel.ts'
import type { Conversation, Participant } from '../model/conversation.ts'
import type { ConversationId, CustomerId, Handle, LineId, ProviderChatId } from '../model/ids.ts'
import type { Db, Statement } from './db.ts'

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

interface ConversationRow {
  customer_id: CustomerId
  id: ConversationId
  line_id: LineId
  channel: Channel
  provider_chat_id: ProviderChatId | null
  is_group: boolean
  name: string | null
  participants: Participant[]
}

const columns = 'customer_id, id, line_id, channel, provider_chat_id, is_group, name, participants'

const byId: Statement = {
  name: 'conversations-by-id',
  text: `select ${columns} from conversations where customer_id = $1 and id = $2`,
}

const byChat: Statement = {
  name: 'conversations-by-chat',
  text: `select ${columns} from conversations
    where customer_id = $1 and line_id = $2 and channel = $3 and provider_chat_id = $4`,
}

const insert: Statement = {
  name: 'conversations-insert',
  text: `insert into conversations (customer_id, id, line_id, channel, provider_chat_id, handle, is_group, name, participants)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    on conflict (customer_id, line_id, channel, provider_chat_id) do nothing returning ${columns}`,
}

const roster: Statement = {
  name: 'conversations-roster',
  text: `update conversations set name = $5, participants = $6
    where customer_id = $1 and line_id = $2 and channel = $3 and provider_chat_id = $4 returning ${columns}`,
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

    async setRoster(
      key: ConversationKey,
      name: string | null,
      participants: readonly Participant[],
    ): Promise<Conversation | null> {
      const [row] = await db.query<ConversationRow>(roster, [
        key.customerId,
        key.lineId,
        key.channel,
        key.chat,
        name,
        JSON.stringify(participants),
      ])
      return row === undefined ? null : fromRow(row)
    },
  }
}

export type ConversationStore = ReturnType<typeof createConversationStore>

function fromRow(row: ConversationRow): Conversation {
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
