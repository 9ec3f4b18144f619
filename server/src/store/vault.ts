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

const getAll: Statement = {
  name: 'vault-get-all',
  text: 'select key, value from vault where line_id = $1 and channel = $2 and key = any($3::text[])',
}

const keys: Statement = {
  name: 'vault-keys',
  text: 'select key from vault where line_id = $1 and channel = $2 and starts_with(key, $3) order by key',
}

/** In the order of the keys, so that two who write the same do not wait for each other. */
const put: Statement = {
  name: 'vault-put',
  text: `insert into vault (line_id, channel, key, value)
    select $1, $2, fresh.key, fresh.value from unnest($3::text[], $4::bytea[]) fresh(key, value)
    on conflict (line_id, channel, key) do update set value = excluded.value`,
}

const forget: Statement = {
  name: 'vault-forget',
  text: 'delete from vault where line_id = $1 and channel = $2 and key = any($3::text[])',
}

/** Whoever takes the line waits for what is being written: otherwise it would read keys that are about to change under it. */
const stillHeld: Statement = {
  name: 'vault-held',
  text: 'select 1 as held from lines where id = $1 and epoch = $2 and lease_until > gateway_now() for share',
}

export function createVaultStore(db: Db, box: SealedBox) {
  const place = (link: LinkKey, key: string) => `vault/${link.lineId}/${link.channel}/${key}`
  return {
    async get(link: LinkKey, key: string): Promise<Uint8Array | null> {
      const [row] = await db.query<{ value: Buffer }>(get, [link.lineId, link.channel, key])
      return row === undefined ? null : box.open(row.value, place(link, key))
    },

    async getAll(link: LinkKey, wanted: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>> {
      if (wanted.length === 0) return new Map()
      const rows = await db.query<{ key: string; value: Buffer }>(getAll, [link.lineId, link.channel, wanted])
      return new Map(rows.map(({ key, value }) => [key, box.open(value, place(link, key))]))
    },

    async keys(link: LinkKey, prefix: string): Promise<readonly string[]> {
      return (await db.query<{ key: string }>(keys, [link.lineId, link.channel, prefix])).map(({ key }) => key)
    },

    async put(link: LinkKey, entries: Readonly<Record<string, Uint8Array | null>>): Promise<void> {
      const sorted = Object.entries(entries).sort(([a], [b]) => (a < b ? -1 : 1))
      const forgotten = sorted.flatMap(([key, value]) => (value === null ? [key] : []))
      const kept = sorted.flatMap(([key, value]) => (value === null ? [] : [{ key, value }]))
      await db.transaction(async (tx) => {
        const held = await tx.query(stillHeld, [link.lineId, link.epoch])
        if (held.length === 0) throw new LinkLost()
        if (forgotten.length > 0) await tx.query(forget, [link.lineId, link.channel, forgotten])
        if (kept.length === 0) return
        const sealed = kept.map(({ key, value }) => box.seal(value, place(link, key)))
        await tx.query(put, [link.lineId, link.channel, kept.map(({ key }) => key), sealed])
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
