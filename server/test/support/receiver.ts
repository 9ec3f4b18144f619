/** Somebody's server that takes webhooks: keeps what came, and answers as it is told to. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Received {
  path: string
  headers: IncomingHttpHeaders
  raw: Buffer
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever came over the wire
  body: any
}

export type Answering = (received: Received, response: ServerResponse) => void

export interface Receiver {
  url: string
  port: number
  received: Received[]
  /** `type` of each, in the order of arrival. */
  types(): string[]
  answer(how: Answering | number): void
  close(): Promise<void>
}

function withStatus(status: number): Answering {
  return (_received, response) => void response.writeHead(status).end()
}

export async function openReceiver(port = 0): Promise<Receiver> {
  const received: Received[] = []
  let answering = withStatus(200)
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => void chunks.push(chunk))
    request.on('end', () => {
      const raw = Buffer.concat(chunks)
      const one = { path: request.url ?? '', headers: request.headers, raw, body: JSON.parse(raw.toString() || 'null') }
      received.push(one)
      answering(one, response)
    })
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const taken = (server.address() as AddressInfo).port
  return {
    url: `http://127.0.0.1:${taken}/hook`,
    port: taken,
    received,
    types: () => received.map((one) => one.body.type),
    answer: (how) => {
      answering = typeof how === 'number' ? withStatus(how) : how
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
