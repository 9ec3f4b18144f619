/** Takes what is sent to webhooks, keeps it, and answers as it is told. */
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Receiver {
  url: string
  /** What came so far. */
  got: { headers: IncomingHttpHeaders; body: string }[]
  /** With which status it answers from now on; 200 at first. */
  answerWith(status: number): void
  stop(): Promise<void>
}

export async function startReceiver(): Promise<Receiver> {
  const got: Receiver['got'] = []
  let status = 200
  const server = createServer(async (request, response) => {
    const pieces: Buffer[] = []
    for await (const piece of request) pieces.push(piece as Buffer)
    got.push({ headers: request.headers, body: Buffer.concat(pieces).toString() })
    response.writeHead(status, { 'content-type': 'text/plain' }).end(`said with ${status}`)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/hooks`,
    got,
    answerWith: (next) => {
      status = next
    },
    stop: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
