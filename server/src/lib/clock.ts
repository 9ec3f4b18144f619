/** The keeper of time: the only file that asks the machine what time it is or sleeps. */

export interface Clock {
  /** Wall time in ms, for ids and log lines. Leases and schedules use the database's time instead. */
  now(): number
  /** Never goes backwards; for measuring how long something took. */
  monotonic(): number
  /** Resolves after `ms`, or at once when the signal aborts. Never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** Runs `work` once everything that is ready now has run: the moment to send what has gathered. */
  defer(work: () => void): void
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  defer: (work) => void setImmediate(work),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve()
      const done = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', done)
        resolve()
      }
      const timer = setTimeout(done, ms)
      signal?.addEventListener('abort', done, { once: true })
    }),
}
