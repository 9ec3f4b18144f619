/** Caches that the library is given: of so many entries, each for so long. */

export interface Cache {
  get<Value>(key: string): Value | undefined
  set<Value>(key: string, value: Value): boolean
  del(key: string): void
  flushAll(): void
}

export function ageingCache(options: { now(): number; ageMs: number; entriesMax: number }): Cache {
  const { now, ageMs, entriesMax } = options
  const entries = new Map<string, { value: unknown; untilMs: number }>()
  return {
    get<Value>(key: string): Value | undefined {
      const entry = entries.get(key)
      if (entry === undefined) return undefined
      if (entry.untilMs > now()) return entry.value as Value
      entries.delete(key)
      return undefined
    },
    set(key, value) {
      entries.delete(key)
      entries.set(key, { value, untilMs: now() + ageMs })
      // The oldest goes: a map keeps the order in which keys came.
      for (const oldest of entries.keys()) {
        if (entries.size <= entriesMax) break
        entries.delete(oldest)
      }
      return true
    },
    del: (key) => void entries.delete(key),
    flushAll: () => entries.clear(),
  }
}
