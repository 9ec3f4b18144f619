/** What may take so long and no longer. */
import type { Clock } from '../../lib/clock.ts'

/** Aborts what it runs when the time is over, and rejects with `late` then, whether or not that listens. */
export async function within<Result>(
  clock: Pick<Clock, 'sleep'>,
  limit: { ms: number; late(): Error },
  run: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const done = new AbortController()
  const over = new AbortController()
  const late = clock.sleep(limit.ms, done.signal).then((): never => {
    over.abort()
    throw limit.late()
  })
  try {
    return await Promise.race([run(over.signal), late])
  } finally {
    // Nobody waits for it any more when it is not the one that ended this.
    late.catch(() => undefined)
    done.abort()
  }
}
