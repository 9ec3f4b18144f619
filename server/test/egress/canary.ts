/** Listeners inside that nobody may reach: they count who comes, whatever came of it. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'

export interface Canaries {
  /** The first port listens on 127.0.0.1 and ::1, the second on every address of the machine. */
  readonly ports: readonly number[]
  readonly own: readonly { host: string; port: number }[]
  /** Connections accepted so far. */
  connections(): number
  close(): Promise<void>
}

export async function openCanaries(): Promise<Canaries> {
  const servers: Server[] = []
  let connections = 0
  const listen = async (host: string, port: number): Promise<number | null> => {
    const server = createServer((socket) => {
      connections += 1
      socket.on('error', () => {})
      socket.destroy()
    })
    server.listen({ host, port, ipv6Only: host === '::' })
    try {
      await once(server, 'listening')
    } catch {
      return null
    }
    servers.push(server)
    const address = server.address()
    return typeof address === 'object' && address !== null ? address.port : null
  }
  const own: { host: string; port: number }[] = []
  for (const [four, six] of [
    ['127.0.0.1', '::1'],
    ['0.0.0.0', '::'],
  ] as const) {
    const port = await listen(four, 0)
    if (port === null) throw new Error(`Nothing can listen on ${four}.`)
    own.push({ host: four, port })
    // A machine without IPv6 has nothing there to protect.
    if ((await listen(six, port)) !== null) own.push({ host: six, port })
  }
  return {
    ports: [...new Set(own.map(({ port }) => port))],
    own,
    connections: () => connections,
    async close() {
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
    },
  }
}
