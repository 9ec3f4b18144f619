/** Ends work that takes too long or is no longer wanted, by the clock that was handed in, and leaves nothing behind. */
import type { Clock } from '../clock.ts'
import { EgressError, words } from './trouble.ts'

export interface Deadline {
  /** Aborts with an `EgressError` as its reason. */
  readonly signal: AbortSignal
  /** Ends the work now. */
  stop(reason: EgressError): void
  /** The work is done: its timer and its listener go. */
  end(): void
}

export interface DeadlineOptions {
  clock: Pick<Clock, 'sleep'>
  ms: number
  late(): EgressError
  parent?: AbortSignal
}

export function startDeadline({ clock, ms, late, parent }: DeadlineOptions): Deadline {
  const work = new AbortController()
  const timer = new AbortController()
  const give = () => work.abort(parent?.reason instanceof EgressError ? parent.reason : givenUp())
  if (parent?.aborted) give()
  else parent?.addEventListener('abort', give, { once: true })
  void clock.sleep(ms, timer.signal).then(() => {
    if (!timer.signal.aborted) work.abort(late())
  })
  return {
    signal: work.signal,
    stop: (reason) => work.abort(reason),
    end() {
      timer.abort()
      parent?.removeEventListener('abort', give)
    },
  }
}

/** The work's outcome, or the reason of the abort as soon as that comes; for work that does not heed the signal itself. */
export function orAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const give = () => reject(reasonOf(signal))
    if (signal.aborted) give()
    else signal.addEventListener('abort', give, { once: true })
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', give))
  })
}

export function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : givenUp()
}

function givenUp(): EgressError {
  return new EgressError('aborted', words.aborted)
}
