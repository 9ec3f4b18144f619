/** How fast a line may send: a token bucket with a queue, in which whoever has to wait keeps the turn they were given. */
import type { Clock } from './clock.ts'

export interface Pace {
  /** How long to wait for a turn of this cost. With 0 it has come, and is used up. */
  turn(ref: string, cost: number): number
  /** The provider has no room: nobody's turn comes for so long. */
  pause(ms: number): void
}

interface Reserved {
  dueMs: number
  cost: number
}

/** A turn that nobody took up for so long is given back. */
const keptForMs = 60_000
/** More than this in the queue are told to ask again, without a turn of their own. */
const queueMax = 10_000

export function createPace(options: { clock: Pick<Clock, 'monotonic'>; perSecond: number; burst: number }): Pace {
  const { clock, burst } = options
  const perMs = options.perSecond / 1_000
  /** In the order of their turns. */
  const queue = new Map<string, Reserved>()
  let level = burst
  let lookedAtMs = clock.monotonic()
  let pausedUntilMs = lookedAtMs

  const refill = (now: number) => {
    level = Math.min(burst, level + (now - lookedAtMs) * perMs)
    lookedAtMs = now
    for (const [ref, { dueMs, cost }] of queue) {
      if (dueMs + keptForMs > now) break
      queue.delete(ref)
      level = Math.min(burst, level + cost)
    }
  }
  /** One that costs more than fits the bucket goes when it is full, and those behind it wait the longer. */
  const waitFor = (cost: number) => Math.max(0, (Math.min(cost, burst) - level) / perMs)

  return {
    turn(ref, cost) {
      const now = clock.monotonic()
      if (pausedUntilMs > now) return Math.ceil(pausedUntilMs - now)
      refill(now)
      const own = queue.get(ref)
      if (own !== undefined) {
        if (own.dueMs > now) return Math.ceil(own.dueMs - now)
        queue.delete(ref)
        return 0
      }
      const waitMs = waitFor(cost)
      if (waitMs > 0 && queue.size >= queueMax) return Math.ceil(waitMs)
      level -= cost
      if (waitMs === 0) return 0
      queue.set(ref, { dueMs: now + waitMs, cost })
      return Math.ceil(waitMs)
    },
    pause(ms) {
      pausedUntilMs = Math.max(pausedUntilMs, clock.monotonic() + ms)
    },
  }
}
