/** What may go wrong in a run, and how often: from nothing at all to everything at once. */
import type { FaultKind } from '../../src/channels/inmemory/faults.ts'
import type { Chance } from '../../src/lib/chance.ts'

export interface Profile {
  name: 'healthy' | 'links' | 'network' | 'database' | 'processes' | 'storm'
  network: Partial<Record<FaultKind, number>>
  database: { errorBefore: number; errorAfter: number; slow: number; slowMaxMs: number; aways: number }
  processes: {
    crashes: number
    stops: number
    pauses: number
    sessionLosses: number
    clockJumps: number
    disconnects: number
  }
  /** People who fail, refuse, bounce or fall silent. */
  oddPeople: boolean
  /** Callers who give up early, repeat, retry and cancel. */
  oddCallers: boolean
}

const calmDatabase = { errorBefore: 0, errorAfter: 0, slow: 0, slowMaxMs: 0, aways: 0 }
const calmProcesses = { crashes: 0, stops: 0, pauses: 0, sessionLosses: 0, clockJumps: 0, disconnects: 0 }
const strange = { late: 0.08, delay: 0.1, early: 0.15, reorder: 0.2, duplicate: 0.15, ackLost: 0.1 }
const lossy = { disconnect: 0.06, dropBefore: 0.07, dropAfter: 0.1 }
const rude = { retryable: 0.08, refused: 0.04 }

const shaky = { errorBefore: 0.03, errorAfter: 0.03, slow: 0.04, slowMaxMs: 3_000, aways: 2 }
const mortal = { crashes: 3, stops: 2, pauses: 5, sessionLosses: 2, clockJumps: 2, disconnects: 1 }

const profiles: readonly { weight: number; profile: Profile }[] = [
  {
    weight: 2,
    profile: {
      name: 'healthy',
      network: { delay: 0.1, early: 0.1 },
      database: calmDatabase,
      processes: calmProcesses,
      oddPeople: false,
      oddCallers: false,
    },
  },
  {
    weight: 2,
    profile: {
      name: 'links',
      network: { ...strange, ...lossy },
      database: calmDatabase,
      processes: { ...calmProcesses, disconnects: 3 },
      oddPeople: false,
      oddCallers: false,
    },
  },
  {
    weight: 3,
    profile: {
      name: 'network',
      network: { ...strange, ...lossy, ...rude },
      database: calmDatabase,
      processes: { ...calmProcesses, disconnects: 3 },
      oddPeople: true,
      oddCallers: true,
    },
  },
  {
    weight: 3,
    profile: {
      name: 'database',
      network: strange,
      database: shaky,
      processes: calmProcesses,
      oddPeople: false,
      oddCallers: true,
    },
  },
  {
    weight: 3,
    profile: {
      name: 'processes',
      network: { ...strange, dropAfter: 0.05 },
      database: { ...calmDatabase, slow: 0.04, slowMaxMs: 2_000 },
      processes: mortal,
      oddPeople: false,
      oddCallers: true,
    },
  },
  {
    weight: 4,
    profile: {
      name: 'storm',
      network: { ...strange, ...lossy, ...rude },
      database: shaky,
      processes: mortal,
      oddPeople: true,
      oddCallers: true,
    },
  },
]

export function profileOf(chance: Chance): Profile {
  let at = chance.between(
    1,
    profiles.reduce((sum, { weight }) => sum + weight, 0),
  )
  for (const { weight, profile } of profiles) {
    at -= weight
    if (at <= 0) return profile
  }
  throw new Error('The weights do not add up.')
}
