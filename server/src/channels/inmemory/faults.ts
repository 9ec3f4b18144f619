/** What goes wrong on the in-memory network: by chance, from a seed, or once, by script; and how often it did. */
import type { Chance } from '../../lib/chance.ts'
import type { Channel } from '../../model/channel.ts'

export const faultKinds = [
  /** The link drops before the call leaves, and comes back after a while. */
  'disconnect',
  /** The network says: not now. */
  'retryable',
  /** The network says: never. */
  'refused',
  /** The call is lost on the way there: nothing happened, and the caller cannot know. */
  'dropBefore',
  /** The call took effect, and its answer is lost. */
  'dropAfter',
  /** The call takes effect late, perhaps after the caller gave up. */
  'late',
  /** The answer takes its time. */
  'delay',
  /** Echo and receipts of a message come before the answer to its send. */
  'early',
  /** Read comes before delivered. */
  'reorder',
  /** The network tells the same thing twice. */
  'duplicate',
  /** What we acknowledged is delivered once more. */
  'ackLost',
] as const
export type FaultKind = (typeof faultKinds)[number]

export interface Place {
  channel: Channel
  line: string
}

/** One fault to come. Without a channel or a line it strikes wherever its kind is possible first. */
export interface Script extends Partial<Place> {
  kind: FaultKind
  /** How long the delay or the disconnection lasts. */
  ms?: number
  /** For a lost call: true leaves it hanging until the caller gives up, false tells of a timeout. */
  hangs?: boolean
  /** How often it strikes; once if not given. */
  times?: number
}

export interface Strike {
  ms: number
  hangs: boolean
}

export interface Faults {
  /** Probabilities per call or per event, from 0 to 1; what is not named no longer happens. */
  set(probabilities: Partial<Record<FaultKind, number>>): void
  failNext(script: Script): void
  /** Scripts that found no occasion yet. */
  waiting(): readonly Script[]
  hits(): Readonly<Record<FaultKind, number>>
  /** Asked at each occasion; null: all goes well. */
  strikes(kind: FaultKind, place: Place): Strike | null
}

export function createFaults(chance: Chance): Faults {
  let probabilities: Partial<Record<FaultKind, number>> = {}
  const scripts: Script[] = []
  const hits = Object.fromEntries(faultKinds.map((kind) => [kind, 0])) as Record<FaultKind, number>

  const takeScript = (kind: FaultKind, place: Place): Script | null => {
    if (scripts.length === 0) return null
    const index = scripts.findIndex(
      (one) =>
        one.kind === kind &&
        (one.channel ?? place.channel) === place.channel &&
        (one.line ?? place.line) === place.line,
    )
    const script = scripts[index]
    if (script === undefined) return null
    if ((script.times ?? 1) > 1) scripts[index] = { ...script, times: (script.times ?? 1) - 1 }
    else scripts.splice(index, 1)
    return script
  }

  return {
    set: (next) => {
      probabilities = { ...next }
    },
    failNext: (script) => {
      scripts.push(script)
    },
    waiting: () => [...scripts],
    hits: () => ({ ...hits }),
    strikes: (kind, place) => {
      const script = takeScript(kind, place)
      if (script === null && !chance.happens(probabilities[kind] ?? 0)) return null
      hits[kind] += 1
      return { ms: script?.ms ?? chance.between(100, 5_000), hangs: script?.hangs ?? chance.happens(0.5) }
    },
  }
}
