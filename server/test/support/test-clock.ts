/** A clock that runs by itself and can be moved on: whoever sleeps past the new time wakes. */
import { type Clock, systemClock } from '../../src/lib/clock.ts'

export interface TestClock extends Clock {
  advance(ms: number): void
}

export function createTestClock(): TestClock {
  let aheadMs = 0
  const sleepers = new Set<{ dueMs: number; wake: () => void }>()
  const monotonic = () => systemClock.monotonic() + aheadMs
  return {
    now: () => systemClock.now() + aheadMs,
    monotonic,
    defer: systemClock.defer,
    async sleep(ms, signal) {
      const early = new AbortController()
      const sleeper = { dueMs: monotonic() + ms, wake: () => early.abort() }
      sleepers.add(sleeper)
      const signals = signal === undefined ? early.signal : AbortSignal.any([early.signal, signal])
      await systemClock.sleep(ms, signals)
      sleepers.delete(sleeper)
    },
    advance(ms) {
      aheadMs += ms
      for (const sleeper of sleepers) if (sleeper.dueMs <= monotonic()) sleeper.wake()
    },
  }
}
