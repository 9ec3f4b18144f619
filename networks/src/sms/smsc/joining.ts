/** Parts of one message, gathered by the phone until it can show them. */
import type { Heard } from './texts.ts'

export interface Gathered {
  text: string
  /** In the order of the parts. */
  ids: readonly string[]
}

interface Gathering {
  parts: Map<number, { text: string; id: string }>
}

/** So many messages are waited for; of more, the oldest is forgotten. */
const openMax = 1_000

export class Joining {
  readonly #open = new Map<string, Gathering>()

  get waiting(): number {
    return this.#open.size
  }

  /** The whole message once its last part is there; null before that. */
  add(between: string, { text, place }: Heard, id: string): Gathered | null {
    if (place === null) return { text, ids: [id] }
    const key = `${between} ${place.reference} ${place.total}`
    const known = this.#open.get(key)
    const before = known?.parts.get(place.sequence)
    // With another text the reference was used again, and what came before never became whole.
    const isAnother = before !== undefined && before.text !== text
    const gathering: Gathering = known === undefined || isAnother ? { parts: new Map() } : known
    gathering.parts.set(place.sequence, { text, id })
    this.#open.set(key, gathering)
    const [oldest] = this.#open.keys()
    if (this.#open.size > openMax && oldest !== undefined) this.#open.delete(oldest)
    if (gathering.parts.size < place.total) return null
    this.#open.delete(key)
    const inOrder = [...gathering.parts].sort(([one], [other]) => one - other).map(([, part]) => part)
    return { text: inOrder.map((part) => part.text).join(''), ids: inOrder.map((part) => part.id) }
  }
}
