/** Many runs, one after the other: what they came to in sum, and the first that broke a promise. */
import { type FaultCount, faultKinds, noFaults } from './history.ts'
import type { Plant } from './plants.ts'
import { type Outcome, simulate } from './simulate.ts'

export interface Failure {
  seed: number
  profile: string
  broken: readonly string[]
  /** The end of what happened. */
  tail: readonly string[]
}

export interface Sum {
  seeds: number
  virtualMs: number
  messages: number
  faults: FaultCount
  failure: Failure | null
}

export interface Batch {
  from: number
  seeds: number
  /** Every so many seeds; the others belong to somebody else. */
  stride?: number
  plant?: Plant | null
  progress?(sum: Sum): void
  stopped?(): boolean
}

/** Every so many runs one is run twice: both must come to the same, byte by byte. */
const twiceEvery = 50
const tailLines = 60

export function noSum(): Sum {
  return { seeds: 0, virtualMs: 0, messages: 0, faults: noFaults(), failure: null }
}

export async function simulateMany(batch: Batch): Promise<Sum> {
  const { from, seeds, stride = 1, plant = null, progress, stopped } = batch
  const sum = noSum()
  // Half of the time would go into traces of errors that are part of the play.
  const traces = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  try {
    for (let seed = from; seed < from + seeds; seed += stride) {
      const outcome = await simulate(seed, plant)
      add(sum, outcome)
      const differs = sum.seeds % twiceEvery === 0 && (await simulate(seed, plant)).hash !== outcome.hash
      const broken = differs
        ? [...outcome.broken, 'not deterministic: the same seed came to something else']
        : outcome.broken
      if (broken.length > 0)
        sum.failure = { seed, profile: outcome.profile, broken, tail: outcome.history.lines.slice(-tailLines) }
      if (sum.failure !== null || stopped?.() === true) break
      if (sum.seeds % 20 !== 0) continue
      progress?.(sum)
      await new Promise((resolve) => setImmediate(resolve))
    }
  } finally {
    Error.stackTraceLimit = traces
  }
  return sum
}

function add(sum: Sum, outcome: Outcome): void {
  sum.seeds += 1
  sum.virtualMs += outcome.virtualMs
  sum.messages += outcome.messages
  addFaults(sum.faults, outcome.faults)
}

export function addFaults(sum: FaultCount, more: FaultCount): void {
  for (const kind of faultKinds) sum[kind] += more[kind]
}

/** Faults that never struck: what they would have found, nobody knows. */
export function neverHit(faults: FaultCount): string[] {
  return faultKinds.filter((kind) => faults[kind] === 0)
}
