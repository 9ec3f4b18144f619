/** Sends a request as it is, right or wrong, and measures the answer. */
import http from 'node:http'
import type { Request } from './requests.ts'

export interface Answer {
  status: number
  headers: http.IncomingHttpHeaders
  text: string
  elapsedMs: number
}

export interface Wire {
  send(request: Request): Promise<Answer>
  close(): void
}

/** A stream would never end: its head and its first words are enough. */
const streamed = 'text/event-stream'

export function createWire(url: string): Wire {
  const { hostname, port } = new URL(url)
  const agent = new http.Agent({ keepAlive: true, maxSockets: 64 })
  const once = ({ method, path, headers, body }: Request): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const startedMs = performance.now()
      const lengths = body === null ? {} : { 'content-length': String(body.length) }
      const outgoing = http.request(
        { hostname, port, agent, method, path, headers: { ...headers, ...lengths } },
        (incoming) => {
          const pieces: Buffer[] = []
          const finish = () =>
            resolve({
              status: incoming.statusCode ?? 0,
              headers: incoming.headers,
              text: Buffer.concat(pieces).toString(),
              elapsedMs: performance.now() - startedMs,
            })
          incoming.on('data', (piece: Buffer) => {
            pieces.push(piece)
            if (incoming.headers['content-type'] !== streamed) return
            finish()
            incoming.destroy()
          })
          incoming.on('end', finish)
          incoming.on('error', reject)
        },
      )
      outgoing.setTimeout(10_000, () => outgoing.destroy(new Error('no answer within ten seconds')))
      outgoing.on('error', reject)
      if (body !== null) outgoing.write(body)
      outgoing.end()
    })
  return {
    /** An idle connection may be closed just when it is used again; that is no answer, so it is asked once more. */
    send: (request) =>
      once(request).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') throw error
        return once(request)
      }),
    close: () => agent.destroy(),
  }
}
