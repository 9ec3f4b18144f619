/** Names of the network's own for people, and the numbers they turned out to have. */
import type { Channel } from '../../model/channel.ts'
import type { ConversationId, CustomerId, Handle, LineId } from '../../model/ids.ts'
import type { Db, Statement } from '../db.ts'

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

export function createAliasStore(db: Db) {
  return {
    async learn({ customerId, lineId, channel }: AliasPlace, alias: Handle, phone: Handle): Promise<void> {
      await db.query(learn, [customerId, lineId, channel, alias, phone])
    },

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
  }
}

export type AliasStore = ReturnType<typeof createAliasStore>
