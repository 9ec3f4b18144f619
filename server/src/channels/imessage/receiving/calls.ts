/** Calls by FaceTime: nobody can be asked for them later, so that what is heard of them is kept until it is taken. */
import type { Clock } from '../../../lib/clock.ts'
import { parseAddress } from '../../../model/handle.ts'
import type { Host, Incoming } from '../../connector.ts'
import type { Note } from '../backend.ts'
import { createBell } from './bell.ts'
import { factsOf, type Telling } from './telling.ts'

export interface Calls {
  add(note: Note & { what: 'call' }): void
  /** Until the link ends. */
  keepTelling(telling: Telling): Promise<void>
}

const waitingMax = 100
const idleMs = 60_000
const retryMs = 2_000

export function createCalls({ clock, host }: { clock: Clock; host: Pick<Host, 'log'> }): Calls {
  const waiting: Incoming[] = []
  const bell = createBell(clock)
  return {
    add({ callId, person, status, isAudio, isVideo, isOutgoing, atMs }) {
      const who = parseAddress(person) ?? person
      const call = { callId, person: who, status, isAudio, isVideo, isOutgoing, at: new Date(atMs) }
      waiting.push({ kind: 'facetime', ...call })
      if (waiting.length > waitingMax) waiting.shift()
      bell.ring()
    },
    async keepTelling({ signal, tell }) {
      while (!signal.aborted) {
        let pauseMs = idleMs
        try {
          for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
            await tell(next)
            if (waiting[0] === next) waiting.shift()
          }
        } catch (error) {
          if (signal.aborted) return
          host.log.warn(factsOf(error), 'A call could not be told; it is told again.')
          pauseMs = retryMs
        }
        await bell.wait(pauseMs, signal)
      }
    },
  }
}
