/** The front door of a pretended provider: HTTP on this machine alone, with the faults that lines of the real ones have. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { listen } from '../listening.ts'

export interface Asked {
  method: string
  path: string
  query: URLSearchParams
  headers: Readonly<Record<string, string>>
  body: Buffer
}

/** `silence`: the connection stays open and nothing ever comes. */
export type Answered =
  | { status: number; type?: string; headers?: Readonly<Record<string, string>>; body: string | Uint8Array }
  | 'silence'

export interface Logged {
  method: string
  path: string
  body: string
  authorized: boolean
}

export interface Door {
  readonly port: number
  /** What was asked, the newest last; only the newest are kept. */
  readonly requests: Logged[]
  /** How many wait for an answer that never comes. */
  readonly hanging: number
  /** How many are being answered. */
  readonly busy: number
  readonly sockets: number
  /** Ends every connection; `refuses` takes no new one, `silent` takes them and says nothing. */
  cut(how?: 'refuses' | 'silent'): Promise<void>
  mend(): Promise<void>
  stop(): Promise<void>
}

export interface DoorOptions {
  /** 0: any that is free. */
  port: number
  bodyBytesMax: number
  isAuthorized(authorization: string | undefined, query: URLSearchParams): boolean
  /** What is kept of a body in `requests`; all of it when nothing is said. */
  shown?(body: Buffer, type: string): string
  answer(asked: Asked): Answered | Promise<Answered>
}

const loggedMax = 1_000

export async function openDoor(options: DoorOptions): Promise<Door> {
  const state: State = { sockets: new Set(), hanging: new Set(), requests: [], busy: 0, isSilent: false }
  const server = createServer((request, response) => {
    state.busy += 1
    handle(options, state, request, response)
      .catch(() => response.destroy())
      .finally(() => {
        state.busy -= 1
      })
  })
  server.on('connection', (socket) => {
    state.sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => state.sockets.delete(socket))
  })
  const close = () =>
    new Promise<void>((resolve) => {
      for (const socket of state.sockets) socket.destroy()
      if (server.listening) server.close(() => resolve())
      else resolve()
    })
  const port = await listen(server, options.port)
  return {
    port,
    requests: state.requests,
    get hanging() {
      return state.hanging.size
    },
    get busy() {
      return state.busy
    },
    get sockets() {
      return state.sockets.size
    },
    async cut(how = 'refuses') {
      if (how === 'refuses') return close()
      state.isSilent = true
      for (const socket of state.sockets) socket.destroy()
    },
    async mend() {
      state.isSilent = false
      if (!server.listening) await listen(server, port)
    },
    stop: close,
  }
}

interface State {
  sockets: Set<Socket>
  hanging: Set<ServerResponse>
  requests: Logged[]
  busy: number
  isSilent: boolean
}

async function handle(
  { bodyBytesMax, isAuthorized, shown = (whole) => whole.toString(), answer }: DoorOptions,
  { hanging, requests, isSilent }: State,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await bodyOf(request, bodyBytesMax)
  if (body === null) return void response.writeHead(413, { connection: 'close' }).end()
  const url = URL.parse(request.url ?? '/', 'http://door')
  const asked: Asked = {
    method: request.method ?? 'GET',
    path: url?.pathname ?? '/',
    query: url?.searchParams ?? new URLSearchParams(),
    headers: flat(request),
    body,
  }
  const authorized = isAuthorized(request.headers.authorization, asked.query)
  const kept = shown(body, asked.headers['content-type'] ?? '')
  requests.push({ method: asked.method, path: request.url ?? '/', body: kept, authorized })
  if (requests.length > loggedMax) requests.splice(0, requests.length - loggedMax)
  const answered = isSilent ? 'silence' : await answer(asked)
  if (answered === 'silence') {
    hanging.add(response)
    response.once('close', () => hanging.delete(response))
    return
  }
  const type = answered.type ?? 'application/json'
  response.writeHead(answered.status, { 'content-type': type, ...answered.headers }).end(answered.body)
}

export function json(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Answered {
  return { status, headers, body: JSON.stringify(value) }
}

export function isBasic(authorization: string | undefined, user: string, password: string): boolean {
  return authorization === `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
}

async function bodyOf(request: IncomingMessage, bytesMax: number): Promise<Buffer | null> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > bytesMax) return null
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function flat({ headers }: IncomingMessage): Record<string, string> {
  const pairs = Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value])
  return Object.fromEntries(pairs.filter(([, value]) => value !== undefined))
}
