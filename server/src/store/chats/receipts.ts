/** Who of a group has a message and who has read it, by the network's id of the message. */
import type { Handle } from '../../model/ids.ts'
import type { MemberReceipt } from '../../model/message.ts'
import type { Db, Statement } from '../db.ts'
import type { ProviderKey } from '../inbound.ts'

export interface NewMemberReceipt extends ProviderKey {
  handle: Handle
  status: 'delivered' | 'read'
  at: string
}

/** The first of each kind counts; a network may tell it again. */
const note: Statement = {
  name: 'receipts-note',
  text: `insert into group_receipts as r (customer_id, line_id, channel, provider_id, handle, delivered_at, read_at)
    select customer_id, line_id, channel, provider_id, handle, min(at) filter (where status = 'delivered'),
      min(at) filter (where status = 'read')
    from json_to_recordset($1::json) as i(customer_id uuid, line_id uuid, channel text, provider_id text, handle text,
      status text, at timestamptz)
    group by 1, 2, 3, 4, 5 order by 1, 2, 3, 4, 5
    on conflict (customer_id, line_id, channel, provider_id, handle) do update
      set delivered_at = coalesce(r.delivered_at, excluded.delivered_at), read_at = coalesce(r.read_at, excluded.read_at)
      where (r.delivered_at is null and excluded.delivered_at is not null)
        or (r.read_at is null and excluded.read_at is not null)`,
}

/** Under their number, as soon as it is known, whatever they were called when the receipt came. */
const list: Statement = {
  name: 'receipts-list',
  text: `select coalesce(a.phone, r.handle) as handle, min(r.delivered_at) as "deliveredAt", min(r.read_at) as "readAt"
    from group_receipts r left join handle_aliases a on a.customer_id = r.customer_id and a.line_id = r.line_id
      and a.channel = r.channel and a.alias = r.handle
    where r.customer_id = $1 and r.line_id = $2 and r.channel = $3 and r.provider_id = $4
    group by 1 order by least(min(r.delivered_at), min(r.read_at)), 1 limit $5`,
}

/** More than any network's group has members. */
const receiptsMax = 5_000

export function createReceiptStore(db: Db) {
  return {
    async note(receipts: readonly NewMemberReceipt[]): Promise<void> {
      const rows = receipts.map(({ customerId, lineId, providerId, ...rest }) => ({
        ...{ customer_id: customerId, line_id: lineId, provider_id: providerId },
        ...rest,
      }))
      await db.query(note, [JSON.stringify(rows)])
    },

    list: ({ customerId, lineId, channel, providerId }: ProviderKey): Promise<MemberReceipt[]> =>
      db.query<MemberReceipt>(list, [customerId, lineId, channel, providerId, receiptsMax]),
  }
}
