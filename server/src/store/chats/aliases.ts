/** Names of the network's own for people, and the numbers they turned out to have. */
import type { Channel } from '../../model/channel.ts'
import type { ConversationId, CustomerId, Handle, LineId } from '../../model/ids.ts'
import type { Db, Statement } from '../db.ts'
import { shareChoice } from '../people/opt-outs.ts'

export interface AliasPlace {
  customerId: CustomerId
  lineId: LineId
  channel: Channel
}

const learn: Statement = {
  name: 'aliases-learn',
  text: `insert into handle_aliases (customer_id, line_id, channel, alias, phone) values ($1, $2, $3, $4, $5)
    on conflict (customer_id, line_id, channel, alias) do update set phone = excluded.phone, learned_at = gateway_now()
    where handle_aliases.phone <> excluded.phone`,
}

const phones: Statement = {
  name: 'aliases-phones',
  text: `select alias, phone from handle_aliases
    where customer_id = $1 and line_id = $2 and channel = $3 and alias = any($4::text[])`,
}

/** The expression is that of the index, so that only conversations with this very name are looked at. */
const chats: Statement = {
  name: 'aliases-chats',
  text: `select id from conversations where customer_id = $1 and line_id = $2 and channel = $3
    and jsonb_path_query_array(participants, '$[*] ? (@.phoneKnown == false).handle') @> jsonb_build_array($4::text)
    order by id`,
}

const lockWith: Statement = {
  name: 'aliases-lock-chats',
  text: `select id from conversations where customer_id = $1 and line_id = $2 and channel = $3 and handle = $4
    and not is_group and joined_into is null order by id for update`,
}

/** Also what has become part of one of them before. */
const joinChats: Statement = {
  name: 'aliases-join-chats',
  text: `update conversations set joined_into = $2
    where customer_id = $1 and (id = any($3::uuid[]) or joined_into = any($3::uuid[]))`,
}

const moveMessages: Statement = {
  name: 'aliases-move-messages',
  text: `with moved as materialized (
    select id from messages where customer_id = $1 and conversation_id = any($3::uuid[]) order by id for update
  )
  update messages m set conversation_id = $2 from moved where m.customer_id = $1 and m.id = moved.id`,
}

/** Messages that were on their way into what is no conversation of its own any more. */
const parts: Statement = {
  name: 'aliases-parts',
  text: 'select id from conversations where customer_id = $1 and joined_into = $2',
}

export function createAliasStore(db: Db) {
  return {
    /** What they said of being written to goes with them; answers whether anything of that changed. */
    learn: ({ customerId, lineId, channel }: AliasPlace, alias: Handle, phone: Handle): Promise<boolean> =>
      db.transaction(async (tx) => {
        const isShared = await shareChoice(tx, customerId, [alias, phone])
        await tx.query(learn, [customerId, lineId, channel, alias, phone])
        return isShared
      }),

    /** The numbers of those that have turned out to have one. */
    async phonesOf(
      { customerId, lineId, channel }: AliasPlace,
      aliases: readonly Handle[],
    ): Promise<ReadonlyMap<Handle, Handle>> {
      const rows = await db.query<{ alias: Handle; phone: Handle }>(phones, [customerId, lineId, channel, aliases])
      return new Map(rows.map(({ alias, phone }) => [alias, phone]))
    },

    /** Where somebody still goes by this name. */
    async chatsWith({ customerId, lineId, channel }: AliasPlace, alias: Handle): Promise<ConversationId[]> {
      const rows = await db.query<{ id: ConversationId }>(chats, [customerId, lineId, channel, alias])
      return rows.map(({ id }) => id)
    },

    /** Of several chats of two with one person the oldest stays and has all messages. Says whether there were several. */
    joinChats: ({ customerId, lineId, channel }: AliasPlace, phone: Handle): Promise<boolean> =>
      db.transaction(async (tx) => {
        const found = await tx.query<{ id: ConversationId }>(lockWith, [customerId, lineId, channel, phone])
        const [oldest, ...others] = found.map(({ id }) => id)
        if (oldest === undefined) return false
        if (others.length > 0) await tx.query(joinChats, [customerId, oldest, others])
        const joined = await tx.query<{ id: ConversationId }>(parts, [customerId, oldest])
        if (joined.length > 0) await tx.query(moveMessages, [customerId, oldest, joined.map(({ id }) => id)])
        return others.length > 0
      }),
  }
}

export type AliasStore = ReturnType<typeof createAliasStore>
