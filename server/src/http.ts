/** The one HTTP server: limits and time-outs of its connections, the surfaces mounted on it, and a stop that ends streams first. */
import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { Gateway } from './gateway.ts'
import type { Clock } from './lib/clock.ts'
import type { Log } from './lib/log.ts'
import { GatewayError } from './model/errors.ts'
import { docsPageOf } from './surfaces/docs-page.ts'
import { correlationIdOf, greetEverybody, requestIdOf } from './surfaces/mounting.ts'
import { type OpenApi, openApiOf } from './surfaces/openapi.ts'
import { mountProviders } from './surfaces/providers/app.ts'
import { mountTextbubbles } from './surfaces/textbubbles/app.ts'
import { errorBody, noSuchCall } from './surfaces/textbubbles/errors.ts'
import { textbubblesApi, textbubblesRoutes } from './surfaces/textbubbles/operations.ts'
import { createStreams } from './surfaces/textbubbles/stream.ts'
import { mountWhatsbridge, whatsbridgePrefix } from './surfaces/whatsbridge/app.ts'
import { failure, noSuchCall as noSuchWhatsbridgeCall } from './surfaces/whatsbridge/errors.ts'
import { whatsbridgeApi, whatsbridgeRoutes } from './surfaces/whatsbridge/operations.ts'

export interface HttpOptions {
  gateway: Gateway
  clock: Clock
  log: Log
  adminKey: string
  version: string
  host: string
  /** 0 picks a free one. */
  port: number
  /** Null: the address it listens on. */
  publicUrl: string | null
  trustProxy: boolean | number | readonly string[]
}

export interface Http {
  app: FastifyInstance
  /** Resolves with the address it listens on. */
  listen(): Promise<string>
  /** Ends streams, lets running requests finish, then closes. */
  close(): Promise<void>
}

const headersTimeoutMs = 10_000
const requestTimeoutMs = 60_000
const connectionsCheckMs = 5_000
const keepAliveMs = 72_000
const idleCheckMs = 50
/** After that a request that still runs is cut off: its caller repeats it with its idempotency key. */
const stopWithinMs = 8_000
/** Longer than any URL that fits into the headers, so that a long id is looked up like a short one. */
const paramLengthMax = 16_384

export function createHttp(options: HttpOptions): Http {
  const { gateway, clock, log, adminKey, version, host, port } = options
  const app = createApp(options.trustProxy)
  const streams = createStreams(log)
  const sockets = socketsOf(app.server)
  let publicUrl = options.publicUrl?.replace(/\/+$/, '') ?? ''
  const document = () => openApiOf(textbubblesApi(streams.route, { version, url: publicUrl }))
  greetEverybody(app, publicUrl.startsWith('https://'))
  mountTextbubbles(app, { gateway, clock, log, adminKey, routes: textbubblesRoutes(streams.route) })
  mountProviders(app, { gateway, log })
  describe(app, '', document)
  mountWhatsbridge(app, { gateway, clock, log, routes: whatsbridgeRoutes })
  describe(app, whatsbridgePrefix, () => openApiOf(whatsbridgeApi({ version, url: publicUrl })))
  return {
    app,
    async listen() {
      const address = await app.listen({ host, port })
      publicUrl ||= address
      return address
    },
    async close() {
      streams.end()
      await closeServer(app, { clock, sockets })
    },
  }
}

function socketsOf(server: Server): ReadonlySet<Socket> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  return sockets
}

/**
 * Requests that are under way get their answer. Node closes what is idle at that moment, and nothing else: a connection
 * that becomes idle later would be kept alive, and one on which nothing was ever asked would keep the server open for good.
 */
async function closeServer(
  app: FastifyInstance,
  { clock, sockets }: { clock: Clock; sockets: ReadonlySet<Socket> },
): Promise<void> {
  const over = new AbortController()
  const closed = app.close().finally(() => over.abort())
  const giveUpAtMs = clock.monotonic() + stopWithinMs
  while (!over.signal.aborted) {
    if (clock.monotonic() > giveUpAtMs) app.server.closeAllConnections()
    app.server.closeIdleConnections()
    for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy()
    await clock.sleep(idleCheckMs, over.signal)
  }
  await closed
}

function createApp(trustProxy: HttpOptions['trustProxy']): FastifyInstance {
  return Fastify<Server>({
    logger: false,
    trustProxy: trustOf(trustProxy),
    requestIdHeader: false,
    genReqId: (request) => requestIdOf(request.headers['x-request-id']),
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: keepAliveMs,
    // Requests on connections that are still open get their answer, with a hint to close.
    return503OnClosing: false,
    http: { headersTimeout: headersTimeoutMs, connectionsCheckingInterval: connectionsCheckMs },
    routerOptions: { maxParamLength: paramLengthMax },
    clientErrorHandler: answerUnreadable,
    frameworkErrors: answerUndecodable,
  })
}

/** A number is how many proxies stand between us and the caller. */
function trustOf(trust: HttpOptions['trustProxy']): boolean | string[] | ((address: string, hop: number) => boolean) {
  if (typeof trust === 'number') return (_address, hop) => hop < trust
  return typeof trust === 'boolean' ? trust : [...trust]
}

/** A path that cannot be decoded names nothing. */
function answerUndecodable(_error: Error, request: FastifyRequest, reply: FastifyReply): void {
  const body = request.raw.url?.startsWith(whatsbridgePrefix)
    ? failure(noSuchWhatsbridgeCall()).body
    : errorBody(noSuchCall(), request.id)
  void reply
    .code(404)
    .headers({
      'content-type': 'application/json; charset=utf-8',
      'x-request-id': request.id,
      'x-correlation-id': correlationIdOf(request.headers['x-correlation-id']),
      'x-content-type-options': 'nosniff',
    })
    .send(body)
}

/** What never became a request: no HTTP, headers too large, or too slow. */
function answerUnreadable(this: FastifyInstance, error: Error & { code?: string }, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy()
  const [status, message] = unreadable[error.code ?? ''] ?? [
    '400 Bad Request',
    'This is not a request that HTTP allows.',
  ]
  const id = requestIdOf(undefined)
  const body = errorBody(new GatewayError('VALIDATION_ERROR', message), id)
  const head = [
    `HTTP/1.1 ${status}`,
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-Id: ${id}`,
    `X-Correlation-Id: ${correlationIdOf(undefined)}`,
    'X-Content-Type-Options: nosniff',
    'Connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}

const unreadable: Record<string, [string, string]> = {
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'The headers are larger than 16 KiB.'],
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'The request did not arrive in time.'],
}

/** A surface's document, and the page made of it. */
function describe(app: FastifyInstance, prefix: string, document: () => OpenApi): void {
  const path = `${prefix}/openapi.json`
  serve(app, path, () => ({ type: 'application/json; charset=utf-8', body: JSON.stringify(document()) }))
  serve(app, `${prefix}/docs`, () => {
    const { html, contentSecurityPolicy } = docsPageOf(document(), path)
    return { type: 'text/html; charset=utf-8', body: html, policy: contentSecurityPolicy }
  })
}

interface Page {
  type: string
  body: string
  policy?: string
}

/** A page that needs no key; made when it is first asked for, because most processes never are. */
function serve(app: FastifyInstance, url: string, make: () => Page): void {
  let made: Page | null = null
  app.get(url, (_request, reply) => {
    made ??= make()
    void reply.header('content-type', made.type).header('cache-control', 'public, max-age=300')
    if (made.policy !== undefined) void reply.header('content-security-policy', made.policy)
    return reply.send(made.body)
  })
}
