/** Somebody's server that takes webhooks as cheaply as Node can, with paths and further ports that never answer. */
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { answerAs } from '../child.ts'
import { machineMs } from '../machine-clock.ts'

export interface ReceiverSettings {
  /** How many ports accept and are silent. */
  silent: number
}

export interface ReceiverPlace {
  port: number
  silent: readonly number[]
  /** Below it nothing is ever answered, though the rest of the server answers. */
  silentPath: string
}

const silentPath = '/silent/'

export interface Taken {
  all: number
  /** Of the last event of a message's life here. */
  delivered: number
  /** When this was said, on the machine's clock. */
  at: number
}

/** One delivery as it came, to be made again without a gateway. */
export interface Sample {
  headers: Record<string, string>
  body: string
}

await answerAs<ReceiverSettings>(async ({ silent }) => {
  const taken = { all: 0, delivered: 0 }
  let queuedAt = new Map<number, number>()
  let repeated = 0
  let sample: Sample | null = null
  let held = 0
  const server = createServer((request, response) => {
    if (request.url?.startsWith(silentPath)) {
      held += 1
      request.resume().socket.once('close', () => {
        held -= 1
      })
      return
    }
    taken.all += 1
    const type = request.headers['x-event-type']
    if (type === 'message.delivered') taken.delivered += 1
    if (type !== 'message.queued') {
      request.resume()
      response.writeHead(200).end()
      return
    }
    const at = machineMs()
    let body = ''
    request.setEncoding('latin1').on('data', (chunk: string) => {
      body += chunk
    })
    request.on('end', () => {
      response.writeHead(200).end()
      const number = orderIn(body)
      if (queuedAt.has(number)) repeated += 1
      else queuedAt.set(number, at)
      sample ??= { headers: { ...request.headers } as Record<string, string>, body }
    })
  })
  const port = await listening(server)
  const mute = await Promise.all(Array.from({ length: silent }, () => openSilent()))
  return {
    answers: {
      place: (): ReceiverPlace => ({ port, silent: mute.map((one) => one.port), silentPath }),
      taken: (): Taken => ({ ...taken, at: machineMs() }),
      arrivals: () => ({ queuedAt: [...queuedAt], repeated }),
      held: () => mute.reduce((sum, one) => sum + one.sockets.size, held),
      sample: () => sample,
      forget() {
        queuedAt = new Map()
        repeated = 0
        Object.assign(taken, { all: 0, delivered: 0 })
      },
    },
    async stop() {
      for (const one of mute) one.close()
      server.closeAllConnections()
      server.close()
    },
  }
})

/** The number that the load wrote into the metadata of its message. */
function orderIn(body: string): number {
  return Number(/"order":"A-[^"]*-(\d+)"/.exec(body)?.[1] ?? Number.NaN)
}

async function openSilent(): Promise<{ port: number; sockets: ReadonlySet<Socket>; close(): void }> {
  const sockets = new Set<Socket>()
  const server = createTcpServer((socket) => {
    sockets.add(socket)
    // What is asked is taken off the wire, so that nobody waits for that.
    socket.resume().on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
  })
  const port = await listening(server)
  return {
    port,
    sockets,
    close() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

function listening(server: Server): Promise<number> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)))
}
