/** A clock that runs by itself and can be moved on: whoever sleeps past the new time wakes. */
import { type Clock, systemClock } from '../../src/lib/clock.ts'

export interface TestClock extends Clock {
  /** Whoever went to sleep after that moment of the machine's own clock sleeps as long as they meant to. */
  advance(ms: number, spareFrom?: number): void
  /** That clock. */
  real(): number
}

export function createTestClock(): TestClock {
  let aheadMs = 0
  const sleepers = new Set<{ beganMs: number; dueMs: number; wake: () => void }>()
  const monotonic = () => systemClock.monotonic() + aheadMs
  return {
    now: () => systemClock.now() + aheadMs,
    monotonic,
    defer: systemClock.defer,
    real: systemClock.monotonic,
    async sleep(ms, signal) {
      const early = new AbortController()
      const sleeper = { beganMs: systemClock.monotonic(), dueMs: monotonic() + ms, wake: () => early.abort() }
      sleepers.add(sleeper)
      const signals = signal === undefined ? early.signal : AbortSignal.any([early.signal, signal])
      await systemClock.sleep(ms, signals)
      sleepers.delete(sleeper)
    },
    advance(ms, spareFrom = Number.POSITIVE_INFINITY) {
      aheadMs += ms
      for (const sleeper of sleepers) {
        if (sleeper.beganMs >= spareFrom) sleeper.dueMs += ms
        else if (sleeper.dueMs <= monotonic()) sleeper.wake()
      }
    },
  }
}
