/** What happens, told as it happens: server-sent events for whoever listens, in a number and at a length that are bounded. */
import type { ServerResponse } from 'node:http'
import type { People, Told } from '../people.ts'
import type { Clock } from '../time.ts'
import { Refused } from './door.ts'

const listenersMax = 20
/** Whoever reads more slowly than that is let go, and may come again. */
const unreadBytesMax = 4 * 1_024 * 1_024
const stillHereMs = 15_000

export interface Stream {
  follow(response: ServerResponse): void
  stop(): void
}

export function createStream(people: People, clock: Clock): Stream {
  const open = new Set<ServerResponse>()
  const tell = (text: string) => {
    for (const response of open) {
      if (response.writableLength > unreadBytesMax) response.destroy()
      else response.write(text)
    }
  }
  const deafen = people.listen((told) => tell(wordsOf(told)))
  const stopped = new AbortController()
  void keepOpen()

  async function keepOpen(): Promise<void> {
    while (!stopped.signal.aborted) {
      await clock.sleep(stillHereMs, stopped.signal)
      tell(':\n\n')
    }
  }

  return {
    follow(response) {
      if (open.size >= listenersMax) throw new Refused(503, `At most ${listenersMax} may listen at a time.`)
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
      response.write(':\n\n')
      open.add(response)
      response.once('close', () => open.delete(response))
      response.on('error', () => response.destroy())
    },
    stop() {
      stopped.abort()
      deafen()
      for (const response of open) response.end()
      open.clear()
    },
  }
}

function wordsOf(told: Told): string {
  return `event: ${told.what}\ndata: ${JSON.stringify(told)}\n\n`
}
