/** Which people were told of under both of their names already, in this process. */
import type { Handle } from '../../../model/ids.ts'
import type { Incoming } from '../../connector.ts'
import type { Pair } from '../names.ts'

export interface Pairs {
  /** What is to be told before an event whose stanza shows these people by both names. */
  news(...pairs: readonly (Pair | null)[]): Incoming[]
  /** An event is durable: a pair that it told of need not be told again. Until then it is, which does no harm. */
  told(event: Incoming): void
}

const pairsMax = 20_000

export function createPairs(max = pairsMax): Pairs {
  const known = new Map<Handle, Handle>()
  return {
    news(...pairs) {
      const fresh = new Map<Handle, Handle>()
      for (const pair of pairs)
        if (pair !== null && known.get(pair.alias) !== pair.phone) fresh.set(pair.alias, pair.phone)
      return [...fresh].map(([alias, phone]) => ({ kind: 'handle', alias, phone }))
    },
    told(event) {
      if (event.kind !== 'handle') return
      known.delete(event.alias)
      known.set(event.alias, event.phone)
      const [oldest] = known.keys()
      if (known.size > max && oldest !== undefined) known.delete(oldest)
    },
  }
}
