/** A caller that follows the event stream through every death of the gateway, resuming after the last event it saw. */
import { type ClientRequest, get } from 'node:http'
import { pause } from './insist.ts'

export interface Followed {
  id: string
  type: string
  messageId: string | null
}

export interface Follower {
  followed: Followed[]
  /** Resolves when it is listening. */
  connected(): Promise<void>
  stop(): Promise<void>
}

const pauseMs = 10

export function follow(url: () => string | null, token: string): Follower {
  const followed: Followed[] = []
  let stopping = false
  let call: ClientRequest | null = null
  let listening = () => {}
  const connected = new Promise<void>((resolve) => {
    listening = resolve
  })

  async function forever(): Promise<void> {
    while (!stopping) {
      const at = url()
      if (at !== null) await stream(at)
      await pause(pauseMs)
    }
  }

  function stream(at: string): Promise<void> {
    return new Promise((resolve) => {
      const last = followed.at(-1)
      const headers = { authorization: `Bearer ${token}`, ...(last === undefined ? {} : { 'last-event-id': last.id }) }
      call = get(new URL('/v1/events', at), { headers, agent: false }, (response) => {
        response.setEncoding('utf8')
        response.on('close', resolve)
        response.on('error', () => {})
        if (response.statusCode !== 200) return void response.destroy()
        let rest = ''
        response.on('data', (chunk: string) => {
          listening()
          const frames = (rest + chunk).split('\n\n')
          rest = frames.pop() ?? ''
          followed.push(...frames.flatMap(eventOf))
        })
      })
      call.on('error', () => resolve())
    })
  }

  const loop = forever()
  return {
    followed,
    connected: () => connected,
    async stop() {
      stopping = true
      call?.destroy()
      await loop
    },
  }
}

/** A frame that was cut off by a death is not in `frames`: it is told again after the resume. */
function eventOf(frame: string): Followed[] {
  const data = /^data: (.*)$/m.exec(frame)?.[1]
  if (data === undefined) return []
  const event = JSON.parse(data) as { id: string; type: string; data: { messageId?: string } }
  return [{ id: event.id, type: event.type, messageId: event.data.messageId ?? null }]
}
