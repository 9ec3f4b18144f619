/** Conversations as callers look for them: by either of their names, and in pages; and the pictures of groups. */
import type { Channel } from '../../model/channel.ts'
import type { Conversation } from '../../model/conversation.ts'
import type { ConversationId, CustomerId, LineId, ProviderChatId } from '../../model/ids.ts'
import { type ConversationRow, conversationColumns, fromRow } from '../conversations.ts'
import type { Db, Statement } from '../db.ts'

export type ChatName = { id: ConversationId } | { chat: ProviderChatId }

export interface ChatFilter {
  limit: number
  after: ConversationId | null
  channel?: Channel | undefined
  isGroup?: boolean | undefined
}

/** A conversation, and when it was first known here. */
export interface KnownChat {
  conversation: Conversation
  createdAt: Date
}

type Row = ConversationRow & { created_at: Date }

const byId: Statement = {
  name: 'chats-by-id',
  text: `select ${conversationColumns}, created_at from conversations where customer_id = $1 and id = $2`,
}

/** Two lines of one customer may be in the same group: the one asked for comes first, then the newest. */
const byChat: Statement = {
  name: 'chats-by-chat',
  text: `select ${conversationColumns}, created_at from conversations where customer_id = $1 and provider_chat_id = $2
    order by (line_id = $3) desc nulls last, id desc limit 1`,
}

const photo: Statement = {
  name: 'chats-photo',
  text: 'update conversations set photo = $3 where customer_id = $1 and id = $2',
}

export function createChatListing(db: Db) {
  return {
    async named(customerId: CustomerId, name: ChatName, line: LineId | null): Promise<KnownChat | null> {
      const [row] = await ('id' in name
        ? db.query<Row>(byId, [customerId, name.id])
        : db.query<Row>(byChat, [customerId, name.chat, line]))
      return row === undefined ? null : { conversation: fromRow(row), createdAt: row.created_at }
    },

    /** Newest first; one row more than asked for says that there is a next page. */
    async list(customerId: CustomerId, filter: ChatFilter): Promise<{ rows: Conversation[]; hasMore: boolean }> {
      const values: unknown[] = [customerId, filter.limit + 1]
      const where = ['customer_id = $1']
      const add = (condition: string, value: unknown) => {
        values.push(value)
        where.push(`${condition} $${values.length}`)
      }
      if (filter.after !== null) add('id <', filter.after)
      if (filter.channel !== undefined) add('channel =', filter.channel)
      if (filter.isGroup !== undefined) add('is_group =', filter.isGroup)
      const text = `select ${conversationColumns} from conversations where ${where.join(' and ')} order by id desc limit $2`
      const rows = await db.query<ConversationRow>({ name: '', text }, values)
      return { rows: rows.slice(0, filter.limit).map(fromRow), hasMore: rows.length > filter.limit }
    },

    /** The name of the stored bytes. */
    async keepPhoto(customerId: CustomerId, id: ConversationId, blob: string): Promise<void> {
      await db.query(photo, [customerId, id, blob])
    },
  }
}

export type ChatListing = ReturnType<typeof createChatListing>
