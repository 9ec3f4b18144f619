/** How long messages stay in each chat: what the other side has set is put on everything we send there. */
import type { Vault } from '../connector.ts'
import type { KeyStore } from './keys/key-store.ts'
import { type Expiry, newerExpiry } from './receiving/expiry.ts'
import { ageingCache, type Cache } from './session/caches.ts'

export class Expiries {
  readonly #vault: Vault
  readonly #store: KeyStore
  readonly #cache: Cache

  constructor({ vault, store, now }: { vault: Vault; store: KeyStore; now(): number }) {
    this.#vault = vault
    this.#store = store
    this.#cache = ageingCache({ now, ageMs: 3_600_000, entriesMax: 2_000 })
  }

  /** In seconds; null where messages stay. */
  async of(chat: string): Promise<number | null> {
    return (await this.#known(chat))?.seconds || null
  }

  async note(seen: Expiry): Promise<void> {
    const known = await this.#known(seen.chat)
    const newer = newerExpiry(known, seen)
    if (newer === known) return
    await this.#store.write({ [keyOf(seen.chat)]: Buffer.from(JSON.stringify(newer)) })
    this.#cache.set(seen.chat, newer)
  }

  async #known(chat: string): Promise<Expiry | null> {
    const cached = this.#cache.get<Expiry | null>(chat)
    if (cached !== undefined) return cached
    const bytes = await this.#vault.get(keyOf(chat))
    const known: Expiry | null = bytes === null ? null : revived(JSON.parse(Buffer.from(bytes).toString()))
    this.#cache.set(chat, known)
    return known
  }
}

function keyOf(chat: string): string {
  return `expiry/${chat}`
}

function revived(saved: Expiry): Expiry {
  return { ...saved, at: new Date(saved.at) }
}
