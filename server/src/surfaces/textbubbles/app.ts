/** Mounts the operations: what every answer carries, who may call, how input is read and how errors are worded. */
import { randomUUID } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { Caller, Gateway } from '../../gateway.ts'
import type { Clock } from '../../lib/clock.ts'
import { GatewayError } from '../../model/errors.ts'
import { checked, checkedBody, readJson } from '../input.ts'
import type { Inside, Route } from '../route.ts'
import { errorBody, errors, forCaller, noSuchCall, unsupportedMediaType } from './errors.ts'
import { type Admit, createGuard, type Guard } from './guard.ts'

declare module 'fastify' {
  interface FastifyRequest {
    caller: Caller | null
    correlationId: string
  }
}

export interface SurfaceLog {
  info(fields: object, message: string): void
  error(fields: object, message: string): void
}

export interface SurfaceOptions {
  gateway: Gateway
  clock: Clock
  log: SurfaceLog
  adminKey: string
  /** Callers reach us over TLS, so browsers are told to stay there. */
  overTls: boolean
  routes: readonly Route[]
}

const bodyBytesMax = 1024 * 1024
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const
const jsonType = 'application/json; charset=utf-8'

export function mountTextbubbles(app: FastifyInstance, options: SurfaceOptions): void {
  const { gateway, clock, log, adminKey, routes } = options
  const guard = createGuard({ gateway, clock, adminKey })
  app.decorateRequest('caller', null)
  app.decorateRequest('correlationId', '')
  const headers = standingHeaders(options.overTls)
  app.addHook('onRequest', (request, reply, done) => {
    greet(request, reply, headers)
    done()
  })
  const note = createAnswerLog(log)
  readBodies(app, new Set(routes.filter(({ body }) => body !== undefined).map(pathKey)))
  for (const route of routes) mount(app, route, { guard, note, inside: { gateway, clock } })
  refuseOtherMethods(app, routes, guard.optional)
  app.setErrorHandler((error, request, reply) => answerError(error, { request, reply, log, note }))
  app.setNotFoundHandler(async (request, reply) => {
    request.caller = await guard.optional(request, reply)
    throw noSuchCall()
  })
}

function standingHeaders(overTls: boolean): readonly (readonly [string, string])[] {
  return [
    ['x-content-type-options', 'nosniff'],
    ['referrer-policy', 'no-referrer'],
    ['cache-control', 'no-store'],
    ...(overTls ? [['strict-transport-security', 'max-age=31536000'] as const] : []),
  ]
}

const correlationPattern = /^cor_[0-9a-f]{32}$/

function greet(request: FastifyRequest, reply: FastifyReply, headers: readonly (readonly [string, string])[]): void {
  request.correlationId = correlationIdOf(request.headers['x-correlation-id'])
  reply.header('x-request-id', request.id)
  reply.header('x-correlation-id', request.correlationId)
  for (const [name, value] of headers) reply.header(name, value)
}

/** A caller may name its request; what cannot stand in a header or a log line gets a name of ours. */
export function requestIdOf(given: string | string[] | undefined): string {
  return typeof given === 'string' && /^[\x21-\x7e]{1,128}$/.test(given) ? given : `req_${randomUUID()}`
}

export function correlationIdOf(given: string | string[] | undefined): string {
  return typeof given === 'string' && correlationPattern.test(given) ? given : `cor_${randomUUID().replaceAll('-', '')}`
}

/** Successes and refused keys come in floods: one line in a hundred is enough to see them. */
const sampledCount = 100

type Note = (request: FastifyRequest, reply: FastifyReply) => void

/** One line per answer, written when it is given: a hook after the answer would cost every request its listeners. */
function createAnswerLog(log: SurfaceLog): Note {
  let seen = 0
  return (request, reply) => {
    const status = reply.statusCode
    const common = status < 400 || status === 401 || status === 429
    if (common) seen += 1
    if (common && seen % sampledCount !== 1) return
    const { method, id: requestId } = request
    const elapsedMs = Math.round(reply.elapsedTime)
    const fields = { requestId, method, route: request.routeOptions.url, status, elapsedMs }
    log.info(common ? { ...fields, sampledCount } : fields, 'request answered')
  }
}

/** The raw bytes are parsed where errors can be answered without closing the connection. A call without a body ignores one. */
function readBodies(app: FastifyInstance, withBody: ReadonlySet<string>): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer', bodyLimit: bodyBytesMax },
    (_request, body, done) => {
      done(null, body)
    },
  )
  app.addContentTypeParser('*', (request, payload, done) => {
    const takesBody = withBody.has(`${request.method} ${request.routeOptions.url}`)
    if (takesBody && request.headers['content-length'] !== '0') return done(unsupportedMediaType())
    payload.resume()
    done(null, undefined)
  })
}

function urlOf(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1')
}

function pathKey({ method, path }: Route): string {
  return `${method} ${urlOf(path)}`
}

interface Mounting {
  guard: Guard
  note: Note
  inside: Inside
}

function mount(app: FastifyInstance, route: Route, { guard, note, inside }: Mounting): void {
  const admit = guard.forScope(route.scope)
  app.route({
    method: route.file === undefined ? route.method : ['GET', 'HEAD'],
    url: urlOf(route.path),
    bodyLimit: route.bodyBytesMax ?? bodyBytesMax,
    exposeHeadRoute: route.stream === undefined && route.file === undefined,
    onRequest: async (request, reply) => {
      request.caller = await admit(request, reply)
      if (request.headers['content-encoding'] !== undefined && route.method !== 'GET') throw unsupportedMediaType()
    },
    handler: handlerOf(route, inside, note),
  })
}

function handlerOf(route: Route, inside: Inside, note: Note) {
  if (route.stream !== undefined) return streaming(route, inside)
  return route.file === undefined ? answering(route, inside, note) : sendingFile(route, inside, note)
}

function sendingFile(route: Route, inside: Inside, note: Note) {
  const { file } = route
  if (file === undefined) throw new TypeError(`${route.operationId} has no file`)
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const { status, headers, open } = await file(inside, callOf(route, request))
    const body = open === null || request.method === 'HEAD' ? null : await open()
    reply.statusCode = status
    reply.headers(headers)
    note(request, reply)
    return reply.send(body)
  }
}

function answering(route: Route, inside: Inside, note: Note) {
  const { handle } = route
  if (handle === undefined) throw new TypeError(`${route.operationId} has no handler`)
  const quick = withQuickBody(route)
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const { status, data } = await handle(inside, callOf(quick(), request))
    reply.statusCode = status
    reply.header('content-type', jsonType)
    note(request, reply)
    return reply.send(JSON.stringify(route.bare ? data : { success: true, data, requestId: request.id }))
  }
}

/** Compiling a schema takes some ms and halves what each check costs, so the first request to a route pays for the others. */
function withQuickBody(route: Route): () => Route {
  const { body } = route
  if (body === undefined) return () => route
  let quick: Route | null = null
  return () => {
    quick ??= { ...route, body: z.compile(body) }
    return quick
  }
}

function streaming(route: Route, inside: Inside) {
  const { stream } = route
  if (stream === undefined) throw new TypeError(`${route.operationId} has no stream`)
  return (request: FastifyRequest, reply: FastifyReply) => stream(inside, callOf(route, request), { request, reply })
}

function callOf(route: Route, request: FastifyRequest): Parameters<NonNullable<Route['handle']>>[1] {
  return {
    caller: request.caller,
    params: route.params === undefined ? undefined : checked(route.params, request.params),
    query: route.query === undefined ? undefined : checked(route.query, request.query),
    headers: route.headers === undefined ? undefined : checked(route.headers, request.headers),
    body: route.body === undefined ? undefined : checkedBody(route.body, readJson(request.body)),
    correlationId: request.correlationId,
  }
}

/** A path that exists answers every other method with 405 and says which ones there are. */
function refuseOtherMethods(app: FastifyInstance, routes: readonly Route[], admit: Admit): void {
  for (const [path, own] of Map.groupBy(routes, (route) => route.path)) {
    const known = new Set<string>(own.map(({ method }) => method))
    if (own.some(({ method, stream }) => method === 'GET' && stream === undefined)) known.add('HEAD')
    const allow = [...known].join(', ')
    app.route({
      method: methods.filter((method) => !known.has(method)),
      url: urlOf(path),
      onRequest: async (request, reply) => {
        reply.header('allow', allow)
        request.caller = await admit(request, reply)
        throw new GatewayError('METHOD_NOT_ALLOWED', `This path takes ${allow}.`)
      },
      handler: () => undefined,
    })
  }
}

interface Failing {
  request: FastifyRequest
  reply: FastifyReply
  log: SurfaceLog
  note: Note
}

function answerError(error: unknown, { request, reply, log, note }: Failing): FastifyReply {
  const told = forCaller(error)
  reply.statusCode = told === null ? 500 : errors[told.code].status
  reply.header('content-type', jsonType)
  if (told === null) {
    const { method, id: requestId } = request
    log.error({ err: error, requestId, method, route: request.routeOptions.url }, 'a request met a bug')
  } else {
    // What was in the way is the operator's to see, not the caller's.
    if (told.cause !== undefined) log.info({ err: told.cause, requestId: request.id }, 'a request could not be served')
    if (told.code === 'UNAUTHORIZED') reply.header('www-authenticate', 'Bearer')
    if (told.retryAfterMs !== null) reply.header('retry-after', Math.max(1, Math.ceil(told.retryAfterMs / 1000)))
    note(request, reply)
  }
  return reply.send(errorBody(told, request.id))
}
