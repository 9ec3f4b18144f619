/** Rows that nobody is told of, counted: once a while a line of the log says how many there were. */
import type { Clock } from '../../../lib/clock.ts'
import type { LinkLog } from '../../connector.ts'

export type Counted = 'otherService' | 'old' | 'other'

export interface Counts {
  add(what: Counted): void
  /** The first time at once, then not too often. */
  report(): void
}

const reportEveryMs = 10 * 60_000

export function createCounts(clock: Pick<Clock, 'monotonic'>, log: Pick<LinkLog, 'info'>): Counts {
  const counts: Record<Counted, number> = { otherService: 0, old: 0, other: 0 }
  let notBefore = 0
  return {
    add(what) {
      counts[what] += 1
    },
    report() {
      const { otherService, old, other } = counts
      if (otherService + old + other === 0 || clock.monotonic() < notBefore) return
      notBefore = clock.monotonic() + reportEveryMs
      const facts = { otherServiceCount: otherService, oldCount: old, otherCount: other }
      log.info(facts, 'Rows of the Mac that are no messages for this line were passed over.')
      Object.assign(counts, { otherService: 0, old: 0, other: 0 })
    },
  }
}
