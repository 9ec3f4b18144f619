/** Conversations as callers look for them: by either of their names, and in pages. */
import type { Channel } from '../../model/channel.ts'
import { personOf } from '../../model/contact.ts'
import type { Conversation } from '../../model/conversation.ts'
import type { ConversationId, CustomerId, Handle, LineId, ProviderChatId } from '../../model/ids.ts'
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
  text: `select ${conversationColumns}, created_at from conversations where customer_id = $1
    and id = (select coalesce(joined_into, id) from conversations where customer_id = $1 and id = $2)`,
}

/**
 * Two lines of one customer may be in the same chat: the one asked for comes first, then those the customer still has, of
 * these the one it was begun on. Else a line that is added later would take over the calls of whoever made the group.
 * Somebody who goes by several names is found by their number too, before their network has used it.
 */
const byChat: Statement = {
  name: 'chats-by-chat',
  text: `select ${conversationColumns}, created_at from conversations where customer_id = $1 and id = (
    select coalesce(c.joined_into, c.id) from (
      select id, line_id, joined_into from conversations where customer_id = $1 and provider_chat_id = $2
      union all
      select p.id, p.line_id, null from conversations p
      where p.customer_id = $1 and p.handle = $4 and not p.is_group and p.joined_into is null
        and exists (select from handle_aliases a where a.customer_id = $1 and a.phone = $4 and a.line_id = p.line_id
          and a.channel = p.channel)
    ) c
    order by (c.line_id = $3) desc nulls last,
      exists (select from lines l where l.id = c.line_id and l.customer_id = $1 and l.removed_at is null) desc, c.id
    limit 1)`,
}

/** The number in a chat's name, where a network names chats of two like that. */
function numberIn(chat: ProviderChatId): Handle | null {
  const person = personOf(chat)
  return person.startsWith('+') && person !== (chat as string) ? person : null
}

export function createChatListing(db: Db) {
  return {
    async named(customerId: CustomerId, name: ChatName, line: LineId | null): Promise<KnownChat | null> {
      const [row] = await ('id' in name
        ? db.query<Row>(byId, [customerId, name.id])
        : db.query<Row>(byChat, [customerId, name.chat, line, numberIn(name.chat)]))
      return row === undefined ? null : { conversation: fromRow(row), createdAt: row.created_at }
    },

    /** Newest first; one row more than asked for says that there is a next page. */
    async list(customerId: CustomerId, filter: ChatFilter): Promise<{ rows: Conversation[]; hasMore: boolean }> {
      const values: unknown[] = [customerId, filter.limit + 1]
      const where = ['customer_id = $1', 'joined_into is null']
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
  }
}

export type ChatListing = ReturnType<typeof createChatListing>
