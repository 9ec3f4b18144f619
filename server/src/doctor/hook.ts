/** Listens for a while for what the server on the Mac calls about. */
import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import { noteIn } from '../channels/imessage/bluebubbles/counter.ts'
import type { Clock } from '../lib/clock.ts'
import { Ailment } from './findings.ts'

export interface Hook {
  readonly url: string
  /** Whether it was called about new rows. */
  readonly isCalled: boolean
  close(): Promise<void>
}

const bodyBytesMax = 1024 * 1024

export async function openHook(base: URL, clock: Pick<Clock, 'now'>): Promise<Hook> {
  const path = `/v1/providers/doctor/imessage/event-${randomBytes(20).toString('hex')}`
  let isCalled = false
  const server = createServer(async (request, response) => {
    const isOurs = request.method === 'POST' && request.url === path
    const body = isOurs ? await bodyOf(request).catch(() => null) : null
    // Who sends too much, or only half of it, is not the server on the Mac.
    if (body !== null && noteIn(body, clock.now())?.what === 'rows') isCalled = true
    response.writeHead(isOurs ? 200 : 404).end()
  })
  await new Promise<void>((resolve, reject) => {
    const fails = () => reject(new Ailment(`Nothing can listen on port ${base.port} of this machine. Choose another.`))
    server.once('error', fails).listen(Number(base.port), resolve)
  })
  return {
    url: `${base.origin}${path}`,
    get isCalled() {
      return isCalled
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of request) {
    bytes += piece.length
    if (bytes > bodyBytesMax) throw new Error('This is more than is expected.')
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}
