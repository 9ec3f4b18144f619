/** Whom a line knows: strangers are written to slowly and few a day, people who wrote to us are answered at once. */
import type { Clock } from '../../../lib/clock.ts'
import type { Vault } from '../../connector.ts'
import type { KeyStore } from '../keys/key-store.ts'
import { createPace, type Pace, type PaceSettings } from './pace.ts'

export interface AcquaintancesOptions {
  vault: Vault
  store: KeyStore
  clock: Clock
  chance(): number
  settings: PaceSettings
  /** Loses only how careful we have to be. */
  onError(error: unknown): void
}

const knownPrefix = 'knows/'
const paceKey = 'pace'
const dayMs = 24 * 3_600_000
/** Beyond this the longest unheard of counts as new again. */
const knownMax = 100_000

export class Acquaintances {
  readonly #options: AcquaintancesOptions
  readonly #pace: Pace
  /** Chats of two in which anybody has written; and when they last did in this process, by the monotonic clock. */
  readonly #known: Map<string, number | null>

  private constructor(options: AcquaintancesOptions, pace: Pace, known: Map<string, number | null>) {
    this.#options = options
    this.#pace = pace
    this.#known = known
  }

  static async open(options: AcquaintancesOptions): Promise<Acquaintances> {
    const { vault } = options
    const saved = await vault.get(paceKey)
    const state = saved === null ? null : JSON.parse(Buffer.from(saved).toString())
    const keys = await vault.keys(knownPrefix)
    const known = new Map<string, number | null>(keys.map((key) => [key.slice(knownPrefix.length), null]))
    return new Acquaintances(options, createPace({ ...options, state }), known)
  }

  /** How long a message with so many parts has to wait; with 0 its turn has come. */
  turn(message: { ref: string; chat: string; isGroup: boolean; parts: number }): number {
    const { ref, chat, isGroup, parts } = message
    const heardMs = this.#known.get(chat) ?? null
    const isReply = heardMs !== null && this.#options.clock.monotonic() - heardMs < dayMs
    const isNew = !isGroup && !this.#known.has(chat)
    const waitMs = this.#pace.turn({ ref, chat, isNew, isReply, messages: parts })
    if (waitMs === 0 && isNew) this.#note(chat, null)
    return waitMs
  }

  /** They wrote to us. */
  heard(chat: string): void {
    const isNew = !this.#known.has(chat)
    this.#known.delete(chat)
    this.#known.set(chat, this.#options.clock.monotonic())
    if (isNew) this.#write({ [`${knownPrefix}${chat}`]: Buffer.alloc(0) })
  }

  paired(): void {
    this.#pace.paired()
    this.#write(this.#snapshot())
  }

  #note(chat: string, heardMs: number | null): void {
    this.#known.set(chat, heardMs)
    const [oldest] = this.#known.keys()
    const isFull = this.#known.size > knownMax && oldest !== undefined
    if (isFull) this.#known.delete(oldest)
    const gone = isFull ? { [`${knownPrefix}${oldest}`]: null } : {}
    this.#write({ ...gone, [`${knownPrefix}${chat}`]: Buffer.alloc(0), ...this.#snapshot() })
  }

  #snapshot() {
    return { [paceKey]: Buffer.from(JSON.stringify(this.#pace.snapshot())) }
  }

  #write(entries: Record<string, Uint8Array | null>): void {
    this.#options.store.write(entries).catch(this.#options.onError)
  }
}
