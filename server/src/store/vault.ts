/** Secrets of a link at rest: sealed before they reach the database, bound to the link they belong to. */

import type { SealedBox } from '../lib/sealed-box.ts'
import type { Channel } from '../model/channel.ts'
import type { LineId } from '../model/ids.ts'
import type { Db, Statement } from './db.ts'

export interface LinkKey {
  lineId: LineId
  channel: Channel
  /** Of the holder; a write under an older one is refused. */
  epoch: number
}

const get: Statement = {
  name: 'vault-get',
  text: 'select value from vault where line_id = $1 and channel = $2 and key = $3',
}

const put: Statement = {
  name: 'vault-put',
  text: `insert into vault (line_id, channel, key, value) values ($1, $2, $3, $4)
    on conflict (line_id, channel, key) do update set value = excluded.value`,
}

const forget: Statement = {
  name: 'vault-forget',
  text: 'delete from vault where line_id = $1 and channel = $2 and key = $3',
}

const stillHeld: Statement = {
  name: 'vault-held',
  text: 'select 1 as held from lines where id = $1 and epoch = $2 and lease_until > gateway_now() for key share',
}

export function createVaultStore(db: Db, box: SealedBox) {
  const place = (link: LinkKey, key: string) => `vault/${link.lineId}/${link.channel}/${key}`
  return {
    async get(link: LinkKey, key: string): Promise<Uint8Array | null> {
      const [row] = await db.query<{ value: Buffer }>(get, [link.lineId, link.channel, key])
      return row === undefined ? null : box.open(row.value, place(link, key))
    },

    async put(link: LinkKey, entries: Readonly<Record<string, Uint8Array | null>>): Promise<void> {
      const sorted = Object.entries(entries).sort(([a], [b]) => (a < b ? -1 : 1))
      await db.transaction(async (tx) => {
        const held = await tx.query(stillHeld, [link.lineId, link.epoch])
        if (held.length === 0) throw new LinkLost()
        for (const [key, value] of sorted) {
          if (value === null) await tx.query(forget, [link.lineId, link.channel, key])
          else await tx.query(put, [link.lineId, link.channel, key, box.seal(value, place(link, key))])
        }
      })
    },
  }
}

export type VaultStore = ReturnType<typeof createVaultStore>

/** Another process holds the line now: this one must drop its connection and write nothing more. */
class LinkLost extends Error {
  override readonly name = 'LinkLost'
  constructor() {
    super('Another process holds this line now.')
  }
}
