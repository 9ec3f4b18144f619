/** The door of the control API: JSON over HTTP for programs on this machine only, in bounded pieces, strictly read. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { close, listen } from '../listening.ts'

/** What the asker did wrong, in words that say what to do. */
export class Refused extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

export interface Call {
  /** What stood in the place of each name in braces, in order. */
  named: readonly string[]
  query: URLSearchParams
  /** The JSON that was sent; undefined for methods that send none. */
  body: unknown
  request: IncomingMessage
  response: ServerResponse
}

export interface Route {
  method: 'GET' | 'PUT' | 'POST'
  /** A segment in braces stands for any one segment. */
  path: string
  meaning: string
  /** What it returns is sent as JSON; undefined: it answers by itself. */
  answer(call: Call): unknown
}

export interface Door {
  port: number
  url: string
  stop(): Promise<void>
}

const bodyBytesMax = 64 * 1_024
const connectionsMax = 100
const loopbackHost = /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?$/i
const loopbackOrigin = /^https?:\/\/(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?$/i

export async function openDoor(routes: readonly Route[], port: number): Promise<Door> {
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 10_000 }, (request, response) => {
    void answer(routes, request, response)
  })
  server.maxConnections = connectionsMax
  const taken = await listen(server, port)
  return { port: taken, url: `http://127.0.0.1:${taken}`, stop: () => close(server) }
}

async function answer(routes: readonly Route[], request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    mustBeFromHere(request)
    const { route, named, query } = routed(routes, request)
    const body = route.method === 'GET' ? undefined : await bodyOf(request)
    const data = await route.answer({ named, query, body, request, response })
    if (data !== undefined) send(response, 200, data)
  } catch (error) {
    if (error instanceof Refused) send(response, error.status, { error: error.message })
    else send(response, 500, { error: 'That went wrong in here. It is a mistake of the networks.' })
  }
}

function send(response: ServerResponse, status: number, data: unknown): void {
  if (response.headersSent || response.destroyed) return void response.destroy()
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'x-content-type-options': 'nosniff',
    // What was not read of a body that is too large is not waited for.
    ...(status === 413 && { connection: 'close' }),
  })
  response.end(`${JSON.stringify(data, null, 2)}\n`)
}

/** A page that is open in a browser on this machine can send requests here, under a name of its own or from its origin. */
function mustBeFromHere({ headers }: IncomingMessage): void {
  if (!loopbackHost.test(headers.host ?? ''))
    throw new Refused(403, 'Ask for 127.0.0.1 or localhost: the Host header names another machine.')
  if (headers.origin !== undefined && !loopbackOrigin.test(headers.origin))
    throw new Refused(403, 'Pages of other origins may not ask here.')
}

function routed(routes: readonly Route[], { method, url }: IncomingMessage) {
  const address = URL.canParse(url ?? '', 'http://127.0.0.1') ? new URL(url ?? '', 'http://127.0.0.1') : null
  const segments = address === null ? null : segmentsOf(address.pathname)
  if (address === null || segments === null) throw new Refused(400, 'The path cannot be decoded.')
  const fitting = routes.flatMap((route) => {
    const named = namedIn(route.path, segments)
    return named === null ? [] : [{ route, named, query: address.searchParams }]
  })
  const found = fitting.find(({ route }) => route.method === method)
  if (found !== undefined) return found
  if (fitting.length === 0) throw new Refused(404, 'There is nothing here. GET / lists what there is.')
  throw new Refused(405, `Here you can ${fitting.map(({ route }) => route.method).join(' and ')}.`)
}

function segmentsOf(path: string): string[] | null {
  try {
    return path.slice(1).split('/').map(decodeURIComponent)
  } catch {
    return null
  }
}

function namedIn(path: string, segments: readonly string[]): string[] | null {
  const pattern = path.slice(1).split('/')
  if (pattern.length !== segments.length) return null
  const pairs = pattern.map((wanted, index) => ({ wanted, given: segments[index] ?? '' }))
  if (pairs.some(({ wanted, given }) => !wanted.startsWith('{') && wanted !== given)) return null
  return pairs.filter(({ wanted }) => wanted.startsWith('{')).map(({ given }) => given)
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  // Asking for this keeps foreign pages out as well: a browser sends it only where it was allowed to.
  if (!/^application\/json(?:\s*;|$)/i.test(request.headers['content-type'] ?? ''))
    throw new Refused(415, 'Send JSON, with the header Content-Type: application/json.')
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    bytes += chunk.length
    if (bytes > bodyBytesMax) throw new Refused(413, `A body has at most ${bodyBytesMax} bytes.`)
    chunks.push(chunk)
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks)))
  } catch {
    throw new Refused(400, 'The body is not JSON.')
  }
}
