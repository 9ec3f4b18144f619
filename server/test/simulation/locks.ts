/** Row locks of the model: whoever comes second waits until the first has committed or is gone. */

export interface Locks {
  /** Calls back once all of the names are free, having taken them. */
  take(names: readonly string[], taken: () => void): void
  give(names: readonly string[]): void
}

export function createLocks(): Locks {
  const held = new Set<string>()
  let waiting: { names: readonly string[]; taken: () => void }[] = []

  const tryTake = (names: readonly string[], taken: () => void): boolean => {
    if (names.some((name) => held.has(name))) return false
    for (const name of names) held.add(name)
    taken()
    return true
  }

  return {
    take(names, taken) {
      if (!tryTake(names, taken)) waiting.push({ names, taken })
    },
    give(names) {
      for (const name of names) held.delete(name)
      const looking = waiting
      waiting = []
      const still = looking.filter(({ names: wanted, taken }) => !tryTake(wanted, taken))
      waiting = [...still, ...waiting]
    },
  }
}
