/** JSON lines over TCP: what the gateway under test and the network outside say to each other. */
import { connect, type Socket } from 'node:net'
import type { Incoming } from '../../src/channels/connector.ts'
import type { Channel } from '../../src/model/channel.ts'

export interface LinkName {
  line: string
  channel: Channel
}

export type SendRequest = LinkName & { op: 'send'; ref: string; to: string; text: string }
export type VerbRequest = LinkName & { op: 'verb'; verb: string; target: string | null; what: string | null }

/** What the gateway says. Sends and verbs are answered one at a time on their socket; the rest is not. */
export type Said =
  | SendRequest
  | VerbRequest
  | (LinkName & { op: 'listen' })
  | { op: 'ack'; event: number }
  | { op: 'nack'; event: number }

export type Answer =
  | { taken: true; providerId: string; chat: string }
  | { taken: false; kind: 'retryable' | 'unreachable' | 'refused'; scope: 'link' | 'message' }

/** What the network says by itself, on a socket that listens. */
export interface Told {
  event: number
  incoming: Incoming
}

/** Calls back with each line that has come in whole. */
export function readLines<Line>(socket: Socket, hear: (line: Line) => void): void {
  let rest = ''
  socket.setEncoding('utf8')
  socket.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) hear(JSON.parse(line) as Line)
  })
}

export function writeLine(socket: Socket, line: object): void {
  if (socket.writable) socket.write(`${JSON.stringify(line)}\n`)
}

/** The request never left: the network cannot have acted on it. */
export class NotConnected extends Error {
  override readonly name = 'NotConnected'
}

/** The request was on its way when the connection went. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost'
}

export interface Caller {
  call(request: SendRequest | VerbRequest): Promise<Answer>
  close(): void
}

/** One request at a time per socket, so that a connection that breaks takes one request with it and no other. */
export function createCaller(port: number): Caller {
  const idle: Socket[] = []
  const open = new Set<Socket>()

  async function take(): Promise<Socket> {
    const free = idle.pop()
    if (free !== undefined) return free
    const socket = await connected(port)
    open.add(socket)
    socket.once('close', () => {
      open.delete(socket)
      const at = idle.indexOf(socket)
      if (at >= 0) idle.splice(at, 1)
    })
    return socket
  }

  return {
    async call(request) {
      const socket = await take()
      const answer = await ask(socket, request)
      idle.push(socket)
      return answer
    },
    close() {
      for (const socket of open) socket.destroy()
    },
  }
}

const waiting = new WeakMap<Socket, { resolve(answer: Answer): void; reject(error: Error): void }>()

function connected(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    socket.once('connect', () => resolve(socket))
    // A connection that is refused rejects the call; one that breaks later is told by its end.
    socket.on('error', () => reject(new NotConnected('The network cannot be reached.')))
    socket.on('close', () => waiting.get(socket)?.reject(new ConnectionLost('The connection ended before the answer.')))
    readLines<Answer>(socket, (answer) => waiting.get(socket)?.resolve(answer))
  })
}

function ask(socket: Socket, request: SendRequest | VerbRequest): Promise<Answer> {
  return new Promise<Answer>((resolve, reject) => {
    if (socket.destroyed) return reject(new NotConnected('The connection had ended.'))
    waiting.set(socket, { resolve, reject })
    writeLine(socket, request)
  })
}
