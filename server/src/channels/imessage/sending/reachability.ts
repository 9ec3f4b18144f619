/** Who is on iMessage: asked, since the server may be wrong once, and learnt from what was delivered. */
import type { Clock } from '../../../lib/clock.ts'
import type { Handle } from '../../../model/ids.ts'
import type { Backend } from '../backend.ts'

export interface Reachability {
  /** Asks the server unless it is known. Fails with whatever broke. */
  ask(person: Handle, signal: AbortSignal): Promise<boolean>
  /** Null: nobody knows. */
  known(person: Handle): boolean | null
  /** Something was delivered to them, or could not be because they have no iMessage. */
  learn(person: Handle, isOnImessage: boolean): void
}

export interface ReachabilityOptions {
  backend: Pick<Backend, 'onImessage'>
  clock: Pick<Clock, 'monotonic' | 'sleep'>
}

/** Who has iMessage keeps it; who was told to have none may have been told so wrongly. */
const keptForMs = { yes: 24 * 3_600_000, no: 10 * 60_000 } as const
const peopleMax = 10_000
/** A no is false now and then (https://github.com/BlueBubblesApp/bluebubbles-server/issues/699). */
const againMs = 1_000

export function createReachability({ backend, clock }: ReachabilityOptions): Reachability {
  const answers = new Map<Handle, { isOnImessage: boolean; untilMs: number }>()

  function known(person: Handle): boolean | null {
    const answer = answers.get(person)
    return answer !== undefined && answer.untilMs > clock.monotonic() ? answer.isOnImessage : null
  }

  function learn(person: Handle, isOnImessage: boolean): void {
    answers.delete(person)
    answers.set(person, {
      isOnImessage,
      untilMs: clock.monotonic() + (isOnImessage ? keptForMs.yes : keptForMs.no),
    })
    const [oldest] = answers.keys()
    if (answers.size > peopleMax && oldest !== undefined) answers.delete(oldest)
  }

  return {
    known,
    learn,
    async ask(person, signal) {
      const before = known(person)
      if (before !== null) return before
      let isOnImessage = await backend.onImessage(person, signal)
      if (!isOnImessage) {
        await clock.sleep(againMs, signal)
        isOnImessage = await backend.onImessage(person, signal)
      }
      learn(person, isOnImessage)
      return isOnImessage
    },
  }
}
