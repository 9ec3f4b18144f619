/** Who can be reached on which channel, as far as it was asked. */
import type { Channel } from '../model/channel.ts'
import type { CustomerId, Handle, LineId } from '../model/ids.ts'
import type { Db, Statement } from './db.ts'

const reached: Statement = {
  name: 'reach-get',
  text: `select channel, answer, checked_at, checked_at > gateway_now() - case answer when 'yes' then interval '24 hours' else interval '1 hour' end as fresh
    from reachability where customer_id = $1 and line_id = $2 and handle = $3 and channel = any($4)`,
}
const setReached: Statement = {
  name: 'reach-set',
  text: `insert into reachability (customer_id, line_id, channel, handle, answer, checked_at) values ($1, $2, $3, $4, $5, gateway_now())
    on conflict (customer_id, line_id, channel, handle) do update set answer = excluded.answer, checked_at = excluded.checked_at`,
}

export interface ReachKey {
  customerId: CustomerId
  lineId: LineId
  handle: Handle
}

export function createReachStore(db: Db) {
  return {
    async reached(
      key: ReachKey,
      channels: readonly Channel[],
    ): Promise<Map<Channel, { answer: 'yes' | 'no'; checkedAt: Date }>> {
      const rows = await db.query<{ channel: Channel; answer: 'yes' | 'no'; checked_at: Date; fresh: boolean }>(
        reached,
        [key.customerId, key.lineId, key.handle, channels],
      )
      return new Map(
        rows.filter((row) => row.fresh).map((row) => [row.channel, { answer: row.answer, checkedAt: row.checked_at }]),
      )
    },
    async setReached(key: ReachKey, channel: Channel, answer: 'yes' | 'no'): Promise<void> {
      await db.query(setReached, [key.customerId, key.lineId, channel, key.handle, answer])
    },
  }
}

export type ReachStore = ReturnType<typeof createReachStore>
