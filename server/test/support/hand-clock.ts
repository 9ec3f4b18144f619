/** A clock that stands still until a test moves it, or lets it run to the next thing that is due. */
import type { Clock } from '../../src/lib/clock.ts'

export interface HandClock extends Clock {
  /** Moves time on, waking sleepers in their order on the way. */
  advance(ms: number): Promise<void>
  /** Lets time pass until the work is done; fails when nobody sleeps and it is still not done. */
  during<T>(work: Promise<T>): Promise<T>
  /** How many are sleeping: timers that are left behind show here. */
  readonly sleepers: number
}

interface Sleeper {
  dueMs: number
  wake: () => void
}

/** Work that waits for streams needs a few turns of the event loop although nobody sleeps. */
const idleTurnsMax = 20

export function createHandClock(startMs = Date.UTC(2026, 0, 1)): HandClock {
  let elapsedMs = 0
  const sleepers = new Set<Sleeper>()

  const sleep = (ms: number, signal?: AbortSignal) =>
    new Promise<void>((resolve) => {
      if (signal?.aborted) return resolve()
      const wake = () => {
        sleepers.delete(sleeper)
        signal?.removeEventListener('abort', wake)
        resolve()
      }
      const sleeper = { dueMs: elapsedMs + Math.max(0, ms), wake }
      sleepers.add(sleeper)
      signal?.addEventListener('abort', wake, { once: true })
    })

  const nextOf = (): Sleeper | undefined => {
    let next: Sleeper | undefined
    for (const sleeper of sleepers) if (next === undefined || sleeper.dueMs < next.dueMs) next = sleeper
    return next
  }

  const advance = async (ms: number) => {
    const untilMs = elapsedMs + ms
    await turn()
    for (let next = nextOf(); next !== undefined && next.dueMs <= untilMs; next = nextOf()) {
      elapsedMs = Math.max(elapsedMs, next.dueMs)
      next.wake()
      await turn()
    }
    elapsedMs = untilMs
  }

  const during = async <T>(work: Promise<T>): Promise<T> => {
    let isDone = false
    const done = () => {
      isDone = true
    }
    work.then(done, done)
    for (let idleTurns = 0; idleTurns < idleTurnsMax; ) {
      await turn()
      if (isDone) return work
      const next = nextOf()
      if (next === undefined) idleTurns += 1
      else await advance(Math.max(0, next.dueMs - elapsedMs))
    }
    throw new Error('Nobody is asleep, nothing is left to happen, and the work is not done.')
  }

  return {
    now: () => startMs + elapsedMs,
    monotonic: () => elapsedMs,
    sleep,
    defer: (work) => void setImmediate(work),
    advance,
    during,
    get sleepers() {
      return sleepers.size
    },
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
