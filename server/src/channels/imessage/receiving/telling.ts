/** Hands events to the gateway while the link is up: a few at a time, and what has the same name one after another. */
import { orAborted } from '../../../lib/egress/deadline.ts'
import { EgressError } from '../../../lib/egress/trouble.ts'
import { SendFailure } from '../../../model/delivery.ts'
import type { Host, Incoming } from '../../connector.ts'

export interface Telling {
  /** Aborts when the link ends. */
  readonly signal: AbortSignal
  /** Resolves when it is durable. A store that is stuck holds nobody longer than the link lasts. */
  tell(event: Incoming): Promise<void>
  inTurn(name: string, work: () => Promise<void>): Promise<void>
}

/** Files are fetched before a message counts as taken: however many large ones there are, the others have room. */
const atOnceMax = { withFiles: 4, others: 8 } as const

export function createTelling(host: Pick<Host, 'receive'>, signal: AbortSignal): Telling {
  const places = { withFiles: createPlaces(atOnceMax.withFiles), others: createPlaces(atOnceMax.others) }
  /** The end of what is under way under each name. */
  const ends = new Map<string, Promise<void>>()

  function tell(event: Incoming): Promise<void> {
    const hasFiles = event.kind === 'message' ? event.attachments.length > 0 : event.kind === 'chat'
    return places[hasFiles ? 'withFiles' : 'others'](async () => {
      signal.throwIfAborted()
      await orAborted(signal, host.receive(event))
    })
  }

  function inTurn(name: string, work: () => Promise<void>): Promise<void> {
    const turn = (ends.get(name) ?? Promise.resolve()).then(work)
    const end = turn
      // Who asked hears of it; the next in line only waits.
      .catch(() => {})
      .then(() => {
        if (ends.get(name) === end) ends.delete(name)
      })
    ends.set(name, end)
    return turn
  }

  return { signal, tell, inTurn }
}

/** Runs so many at a time, in the order in which they came. */
function createPlaces(most: number): (work: () => Promise<void>) => Promise<void> {
  let free = most
  const waiting: (() => void)[] = []
  return async (work) => {
    if (free > 0) free -= 1
    else await new Promise<void>((resolve) => waiting.push(resolve))
    try {
      await work()
    } finally {
      const next = waiting.shift()
      if (next === undefined) free += 1
      else next()
    }
  }
}

/** What may be logged of a question or an event that failed. */
export function factsOf(error: unknown): object {
  if (error instanceof EgressError) return { code: error.trouble }
  return error instanceof SendFailure ? { code: error.code } : { err: error }
}
