/** What we have sent, for those who could not read it and ask again: the latest of it, sealed like the keys it is sent under. */
import { proto } from 'baileys'
import type { Vault } from '../../connector.ts'
import type { Entries, KeyStore } from './key-store.ts'

const prefix = 'sent/'
/** Whoever asks does so soon. */
const keptMax = 1_000

export class Sent {
  readonly #vault: Vault
  readonly #store: KeyStore
  /** In the order in which they were sent; of those that an earlier process has sent, in any order. */
  readonly #ids: Set<string>

  constructor(vault: Vault, store: KeyStore, ids: Set<string>) {
    this.#vault = vault
    this.#store = store
    this.#ids = ids
  }

  static async open({ vault, store }: { vault: Vault; store: KeyStore }): Promise<Sent> {
    const keys = await vault.keys(prefix)
    return new Sent(vault, store, new Set(keys.map((key) => key.slice(prefix.length))))
  }

  async keep(id: string, message: proto.IMessage): Promise<void> {
    this.#ids.delete(id)
    this.#ids.add(id)
    const entries: Entries = { [`${prefix}${id}`]: proto.Message.encode(message).finish() }
    for (const oldest of this.#ids) {
      if (this.#ids.size <= keptMax) break
      this.#ids.delete(oldest)
      entries[`${prefix}${oldest}`] = null
    }
    await this.#store.write(entries)
  }

  async find(id: string): Promise<proto.IMessage | undefined> {
    const bytes = this.#ids.has(id) ? await this.#vault.get(`${prefix}${id}`) : null
    return bytes === null ? undefined : proto.Message.decode(bytes)
  }
}
