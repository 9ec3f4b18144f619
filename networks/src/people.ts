/** People with phones: who they are, how they behave, and what has arrived with them. Every number belongs to somebody. */
import { magicOf } from './magic.ts'

export interface Behaviour {
  /** False: nobody has this number. */
  exists: boolean
  /** False: the number is nobody's on WhatsApp. */
  onWhatsapp: boolean
  /** False: the number, or the e-mail address, is nobody's on iMessage. */
  onImessage: boolean
  /** After so long a receipt says what became of a message; null: none ever comes. */
  receiptAfterMs: number | null
  receipt: 'delivered' | 'failed'
  /** So long after it was delivered a message is read, where networks tell that; null: never. */
  readAfterMs: number | null
  /** What they answer to each message; `$text` stands for what they were told. Null: nothing. */
  writesBack: string | null
  writesBackAfterMs: number
  /** So many first tries of each text fail for a passing reason. */
  failsFirst: number
  /** So many first tries of each text are told to wait for so long. */
  throttledFirst: number
  throttledForMs: number
  /** The network takes the message and never answers. */
  neverAnswers: boolean
  /** Messages with media are refused. */
  refusesMedia: boolean
}

export const ordinary: Behaviour = {
  exists: true,
  onWhatsapp: true,
  onImessage: true,
  receiptAfterMs: 150,
  receipt: 'delivered',
  readAfterMs: null,
  writesBack: null,
  writesBackAfterMs: 300,
  failsFirst: 0,
  throttledFirst: 0,
  throttledForMs: 1_000,
  neverAnswers: false,
  refusesMedia: false,
}

/** A message as the phone shows it: put together again if it came in parts. */
export interface Arrived {
  /** Counted from 1 over everybody. */
  seq: number
  network: string
  /** The network's own id; of several parts, the first one's. */
  id: string
  /** The ids of all parts. */
  parts: readonly string[]
  from: string
  to: string
  text: string | null
  media: readonly { mimeType: string; bytes: number; sha256: string }[]
  at: number
}

export type Told = { what: 'arrived'; message: Arrived } | { what: 'said'; network: string; from: string; text: string }

/** So much is remembered of what arrived; what is older is forgotten. */
const keptMax = 50_000

export class People {
  readonly #told = new Map<string, Behaviour>()
  readonly #listeners = new Set<(told: Told) => void>()
  readonly #tries = new Map<string, number>()
  #arrived: Arrived[] = []
  #seq = 0

  behaviourOf(number: string): Behaviour {
    return this.#told.get(number) ?? { ...ordinary, ...magicOf(number)?.behaviour }
  }

  /** What is not named stays as the number does by itself. */
  set(number: string, behaviour: Partial<Behaviour>): void {
    this.#told.set(number, { ...this.behaviourOf(number), ...behaviour })
  }

  /** Counts the tries of one text to one person, from 1. */
  countTry(to: string, text: string): number {
    const key = `${to} ${text}`
    const count = (this.#tries.get(key) ?? 0) + 1
    if (this.#tries.size >= keptMax) this.#tries.clear()
    this.#tries.set(key, count)
    return count
  }

  take(message: Omit<Arrived, 'seq'>): Arrived {
    this.#seq += 1
    const arrived = { ...message, seq: this.#seq }
    this.#arrived.push(arrived)
    if (this.#arrived.length > keptMax) this.#arrived = this.#arrived.slice(-keptMax / 2)
    this.tell({ what: 'arrived', message: arrived })
    return arrived
  }

  /** What arrived with this person, or with everybody, in order. */
  arrived(number?: string): readonly Arrived[] {
    return number === undefined ? this.#arrived : this.#arrived.filter(({ to }) => to === number)
  }

  tell(told: Told): void {
    for (const listener of this.#listeners) listener(told)
  }

  listen(listener: (told: Told) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }
}
