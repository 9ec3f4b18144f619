/** Answers kept for a moment: who asks meanwhile gets the kept one, and of many who ask at once only one really asks. */
import type { Clock } from './clock.ts'

export interface Kept<Key, Value> {
  get(key: Key, ask: () => Promise<Value>): Promise<Value>
  /** What was asked before this counts for nobody who asks after it. */
  forget(): void
}

interface Entry<Value> {
  answer: Promise<Value>
  until: number
}

export function createKept<Key, Value>(options: { clock: Clock; keptMs: number; keptMax: number }): Kept<Key, Value> {
  const { clock, keptMs, keptMax } = options
  const entries = new Map<Key, Entry<Value>>()

  async function ask(key: Key, entry: Entry<Value>): Promise<void> {
    try {
      await entry.answer
      entry.until = clock.monotonic() + keptMs
    } catch {
      // Whoever waits for it hears of it; the next one asks again.
      if (entries.get(key) === entry) entries.delete(key)
    }
  }

  return {
    get(key, load) {
      const hit = entries.get(key)
      if (hit !== undefined && hit.until > clock.monotonic()) return hit.answer
      if (entries.size >= keptMax) entries.clear()
      const entry = { answer: load(), until: Number.POSITIVE_INFINITY }
      entries.set(key, entry)
      void ask(key, entry)
      return entry.answer
    },
    forget: () => entries.clear(),
  }
}
