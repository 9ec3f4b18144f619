/** Wakes whoever waits for the next time to look: many rings while they look are one. */
import type { Clock } from '../../../lib/clock.ts'

export interface Bell {
  ring(): void
  /** For so long, or until the next ring, or not at all if it rang since the last time. Says whether it rang. */
  wait(ms: number, signal: AbortSignal): Promise<boolean>
}

export function createBell(clock: Pick<Clock, 'sleep'>): Bell {
  let hasRung = false
  let rouse: (() => void) | null = null

  async function sleep(ms: number, signal: AbortSignal): Promise<void> {
    const nap = new AbortController()
    const wake = () => nap.abort()
    rouse = wake
    await clock.sleep(ms, AbortSignal.any([signal, nap.signal]))
    if (rouse === wake) rouse = null
  }

  return {
    ring() {
      hasRung = true
      rouse?.()
    },
    async wait(ms, signal) {
      if (!hasRung && !signal.aborted) await sleep(ms, signal)
      // Whoever has to go leaves the ring to those who come after.
      if (signal.aborted) return false
      const rang = hasRung
      hasRung = false
      return rang
    },
  }
}
