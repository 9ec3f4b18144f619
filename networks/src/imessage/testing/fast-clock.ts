/** A clock for tests that passes so many times as fast as the real one, and can be moved on at once. */
import { type Clock, systemClock } from '../../time.ts'

export interface FastClock extends Clock {
  /** So much later at once: whoever sleeps wakes as if the time had passed. */
  skip(ms: number): void
}

export function fastClock(speed = 1): FastClock {
  const began = systemClock.now()
  const sleepers = new Set<{ until: number; wake(): void }>()
  let skipped = 0
  const now = () => began + (systemClock.now() - began) * speed + skipped
  return {
    now: () => Math.floor(now()),
    skip(ms) {
      skipped += ms
      for (const one of sleepers) if (one.until <= now()) one.wake()
    },
    async sleep(ms, signal) {
      if (signal?.aborted) return
      const woken = new AbortController()
      const sleeper = { until: now() + ms, wake: () => woken.abort() }
      sleepers.add(sleeper)
      await systemClock.sleep(ms / speed, signal === undefined ? woken.signal : AbortSignal.any([signal, woken.signal]))
      sleepers.delete(sleeper)
    },
  }
}
