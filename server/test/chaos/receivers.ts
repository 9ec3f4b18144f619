/** The receivers of a run, one server for each kind: they keep what came, prove who sent it, and answer well or badly. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo, Server, Socket } from 'node:net'
import type { Chance } from '../../src/lib/chance.ts'
import { type Certificate, issueCertificate } from '../egress/certificates.ts'
import { standardClient, textbubblesClient } from '../webhooks/clients.ts'
import { type Arrival, type Kind, kinds } from './evidence.ts'
import { manners, shareOf, take } from './manners.ts'
import { createTlsDoor } from './tls-door.ts'

export interface Receivers {
  arrivals: Arrival[]
  /** The certificate of the one whose TLS is good now and then. */
  trusted: string
  urlOf(kind: Kind, hook: string): string
  /** From now on what comes to this hook is verified with it. */
  know(hook: string, secret: string): void
  /** Requests that were answered with a 2xx. */
  taken(): number
  close(): Promise<void>
}

interface State {
  chance: Chance
  forbidden: readonly string[]
  arrivals: Arrival[]
  secrets: Map<string, string>
  taken: number
}

const badTlsShare = 0.15

export async function openReceivers(chance: Chance, forbidden: readonly string[]): Promise<Receivers> {
  const state: State = { chance, forbidden, arrivals: [], secrets: new Map(), taken: 0 }
  const good = await issueCertificate(['IP:127.0.0.1'])
  const bad = await issueCertificate(['IP:127.0.0.1'])
  const sockets = new Set<Socket>()
  const doors = new Map<Kind, { server: Server; origin: string }>()
  for (const kind of kinds) {
    const server = doorOf(state, kind, { good, bad })
    server.on('connection', (socket: Socket) => {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.once('close', () => sockets.delete(socket))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const scheme = isTls(kind) ? 'https' : 'http'
    doors.set(kind, { server, origin: `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}` })
  }
  return {
    arrivals: state.arrivals,
    trusted: good.cert,
    urlOf: (kind, hook) => `${doors.get(kind)?.origin}/${hook}`,
    know: (hook, secret) => void state.secrets.set(hook, secret),
    taken: () => state.taken,
    async close() {
      for (const socket of sockets) socket.destroy()
      await Promise.all([...doors.values()].map(({ server }) => new Promise((resolve) => server.close(resolve))))
    },
  }
}

function isTls(kind: Kind): boolean {
  return kind === 'tls' || kind === 'distrusted'
}

function doorOf(state: State, kind: Kind, { good, bad }: { good: Certificate; bad: Certificate }): Server {
  const chance = state.chance.fork(kind)
  const listener: RequestListener = (request, response) => hear({ state, kind, chance }, request, response)
  if (!isTls(kind)) return createServer(listener)
  const badShare = () => (kind === 'distrusted' ? 1 : badTlsShare)
  return createTlsDoor({ good, bad, badShare, chance }, listener)
}

function hear(
  { state, kind, chance }: { state: State; kind: Kind; chance: Chance },
  request: IncomingMessage,
  response: ServerResponse,
): void {
  // Some have gone before they have read what is said to them.
  if (kind === 'reset' && chance.happens(shareOf.reset / 4)) return void request.socket.resetAndDestroy()
  // Each request has a handshake of its own, and with it a chance to go wrong.
  if (kind === 'tls') response.shouldKeepAlive = false
  const chunks: Buffer[] = []
  response.on('error', () => {})
  request.on('error', () => {})
  request.on('data', (chunk: Buffer) => void chunks.push(chunk))
  request.on('end', () => {
    const arrival = arrivalOf(state, request, Buffer.concat(chunks))
    state.arrivals.push(arrival)
    const fine = () => {
      arrival.fine = true
      state.taken += 1
    }
    const behave = chance.happens(shareOf[kind]) ? manners[kind] : take
    behave({ request, response, chance, forbidden: state.forbidden, fine })
  })
}

function arrivalOf(state: State, request: IncomingMessage, raw: Buffer): Arrival {
  const hook = (request.url ?? '').slice(1)
  const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]))
  const body = bodyOf(raw)
  return {
    hook,
    id: headers['webhook-id'] ?? '',
    event: body.id ?? '',
    type: body.type ?? '',
    hash: createHash('sha256').update(raw).digest('base64url'),
    fine: false,
    ...signedWith(state.secrets.get(hook) ?? null, { headers, body: raw }),
  }
}

function bodyOf(raw: Buffer): { id?: string; type?: string } {
  try {
    return JSON.parse(raw.toString()) as { id?: string; type?: string }
  } catch {
    return {}
  }
}

interface Request {
  headers: Record<string, string>
  body: Buffer
}

/** By the official library, and by X-Signature, which counts only with its time. */
export function signedWith(secret: string | null, request: Request): Pick<Arrival, 'standard' | 'stamped'> {
  if (secret === null) return { standard: false, stamped: false }
  const isStamped = request.headers['x-timestamp'] !== undefined && textbubblesClient(secret)(request)
  return { standard: standardClient(secret)(request), stamped: isStamped }
}
