/**
 * What was decrypted and is not yet the gateway's. A message can be decrypted once, for its key is thrown away with it,
 * and the library acknowledges it before anybody has it: so the text is kept in the transaction that turns the ratchet,
 * and stays until the gateway has stored it. After a crash it is handed over from here.
 */
import { createHash } from 'node:crypto'
import type { BinaryNode } from 'baileys'
import type { Clock } from '../../../lib/clock.ts'
import type { Vault } from '../../connector.ts'
import type { Entries, KeyStore } from './key-store.ts'
import type { SignalKeys } from './signal-keys.ts'

/** One ciphertext of a message, decrypted and still padded, and what stands on its envelope. */
export interface Decrypted {
  envelope: BinaryNode['attrs']
  plaintext: Uint8Array
}

export interface JournalOptions {
  vault: Vault
  store: KeyStore
  keys: SignalKeys
  clock: Clock
  /** Hands it to the gateway. Resolves when that has it; a rejection only means that the link has ended. */
  take(decrypted: Decrypted): Promise<void>
  onError(error: unknown): void
  /** The link has ended: what fails now fails for that. */
  isOver(): boolean
}

const prefix = 'journal/'
/** An acknowledgement may be lost after all: the same ciphertext that comes again by then is answered from here. */
const graceMs = 60_000
/** A busy link has tens of thousands of rows: not all of them are looked at with each message. */
const sweepPauseMs = 1_000

interface Row {
  key: string
  plaintext: Uint8Array
  takenMs: number | null
}

export class Journal {
  readonly #options: JournalOptions
  /** By the hash of the ciphertext. */
  readonly #rows = new Map<string, Row>()
  #order = 0
  #sweptMs = Number.NEGATIVE_INFINITY

  constructor(options: JournalOptions) {
    this.#options = options
  }

  /** Hands over what an earlier process has left, in its order. Resolves when everything is on its way. */
  async resume(): Promise<void> {
    const { vault } = this.#options
    const keys = await vault.keys(prefix)
    const values = await vault.getAll(keys)
    for (const key of keys) {
      const bytes = values.get(key)
      if (bytes === undefined) continue
      const { hash, ...decrypted } = parsed(bytes)
      this.#rows.set(hash, { key, plaintext: decrypted.plaintext, takenMs: null })
      void this.#hand(hash, decrypted)
    }
  }

  /** Decrypts, unless this very ciphertext has been decrypted a moment ago. */
  async once(
    ciphertext: Uint8Array,
    envelope: BinaryNode['attrs'] | null,
    decrypt: () => Promise<Uint8Array>,
  ): Promise<Uint8Array> {
    const hash = createHash('sha256').update(ciphertext).digest('base64url')
    const known = this.#rows.get(hash)
    if (known !== undefined) return known.plaintext
    // Not from a message: nothing to hand over.
    if (envelope === null) return decrypt()
    const { keys, clock } = this.#options
    const key = `${prefix}${String(clock.now()).padStart(15, '0')}-${String(this.#order++).padStart(9, '0')}`
    const turning = keys.transaction(async () => {
      const opened = await decrypt()
      keys.note({ [key]: packed({ hash, envelope, plaintext: opened }) })
      return opened
    })
    const plaintext = await turning.catch((error: unknown) => {
      if (!this.#options.isOver()) throw error
      // The library would tell the sender that it cannot be read. Unanswered it comes again, to whoever holds the line then.
      return new Promise<never>(() => {})
    })
    this.#rows.set(hash, { key, plaintext, takenMs: null })
    void this.#hand(hash, { envelope, plaintext })
    return plaintext
  }

  async #hand(hash: string, decrypted: Decrypted): Promise<void> {
    try {
      await this.#options.take(decrypted)
    } catch (error) {
      this.#options.onError(error)
      return
    }
    const row = this.#rows.get(hash)
    if (row !== undefined) row.takenMs = this.#options.clock.monotonic()
    await this.#sweep().catch(this.#options.onError)
  }

  /** In heaps: a row is not worth a statement of its own. */
  async #sweep(): Promise<void> {
    const { clock, store } = this.#options
    if (clock.monotonic() - this.#sweptMs < sweepPauseMs) return
    this.#sweptMs = clock.monotonic()
    const old = [...this.#rows].filter(([, row]) => row.takenMs !== null && clock.monotonic() - row.takenMs > graceMs)
    const oldest = old[0]?.[1].takenMs
    const isDue = old.length >= 100 || (oldest != null && clock.monotonic() - oldest > 2 * graceMs)
    if (!isDue) return
    const gone: Entries = {}
    for (const [hash, { key }] of old) {
      this.#rows.delete(hash)
      gone[key] = null
    }
    await store.write(gone)
  }
}

function packed({ hash, envelope, plaintext }: Decrypted & { hash: string }): Buffer {
  return Buffer.from(JSON.stringify({ hash, envelope, plaintext: Buffer.from(plaintext).toString('base64') }))
}

function parsed(bytes: Uint8Array): Decrypted & { hash: string } {
  const { hash, envelope, plaintext } = JSON.parse(Buffer.from(bytes).toString())
  return { hash, envelope, plaintext: Buffer.from(plaintext, 'base64') }
}
