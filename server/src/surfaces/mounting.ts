/** Mounts operations: what every answer carries, who may call, how input is read. How answers are worded is each surface's own. */
import { randomUUID } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { Caller } from '../gateway.ts'
import { GatewayError } from '../model/errors.ts'
import { forCaller, unsupportedMediaType } from './errors.ts'
import { readForm } from './form.ts'
import type { Admit, Guard } from './guard.ts'
import { checked, checkedBody, readJson } from './input.ts'
import type { Inside, Route } from './route.ts'

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

/** How a surface words its answers. */
export interface Manner {
  /** Bodies may be forms as well as JSON. */
  forms: boolean
  success(route: Route, data: unknown, requestId: string): unknown
  /** Null: a bug of ours. */
  failure(error: GatewayError | null, requestId: string): { status: number; body: string }
  noSuchCall(): GatewayError
}

export interface Mounted {
  inside: Inside
  log: SurfaceLog
  guard: Guard
  routes: readonly Route[]
  manner: Manner
  /** Which the app puts before each path by itself. */
  prefix: string
}

const bodyBytesMax = 1024 * 1024
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const
const jsonType = 'application/json; charset=utf-8'
const formType = 'application/x-www-form-urlencoded'

/** Once for all surfaces, before the first of them is mounted. */
export function greetEverybody(app: FastifyInstance, overTls: boolean): void {
  app.decorateRequest('caller', null)
  app.decorateRequest('correlationId', '')
  const headers = standingHeaders(overTls)
  app.addHook('onRequest', (request, reply, done) => {
    greet(request, reply, headers)
    done()
  })
}

export function mountOperations(app: FastifyInstance, mounted: Mounted): void {
  const { inside, log, guard, routes, manner, prefix } = mounted
  const note = createAnswerLog(log)
  readBodies(app, new Set(routes.filter(({ body }) => body !== undefined).map(pathKey)), manner.forms)
  for (const route of routes) mount(app, route, { guard, note, inside, manner, prefix })
  refuseOtherMethods(app, mounted)
  app.setErrorHandler((error, request, reply) => answerError(error, { request, reply, log, note, manner }))
  app.setNotFoundHandler(async (request, reply) => {
    request.caller = await guard.optional(request, reply)
    throw manner.noSuchCall()
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
function readBodies(app: FastifyInstance, withBody: ReadonlySet<string>, forms: boolean): void {
  app.removeAllContentTypeParsers()
  const types = forms ? ['application/json', formType] : ['application/json']
  app.addContentTypeParser(types, { parseAs: 'buffer', bodyLimit: bodyBytesMax }, (_request, body, done) => {
    done(null, body)
  })
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
  manner: Manner
  prefix: string
}

function mount(app: FastifyInstance, route: Route, mounting: Mounting): void {
  const { guard, prefix } = mounting
  const admit = guard.forScope(route.scope)
  app.route({
    method: route.file === undefined ? route.method : ['GET', 'HEAD'],
    url: urlOf(route.path.slice(prefix.length)),
    bodyLimit: route.bodyBytesMax ?? bodyBytesMax,
    exposeHeadRoute: route.stream === undefined && route.file === undefined,
    onRequest: async (request, reply) => {
      request.caller = await admit(request, reply)
      if (request.headers['content-encoding'] !== undefined && route.method !== 'GET') throw unsupportedMediaType()
    },
    handler: handlerOf(route, mounting),
  })
}

function handlerOf(route: Route, mounting: Mounting) {
  if (route.stream !== undefined) return streaming(route, mounting)
  return route.file === undefined ? answering(route, mounting) : sendingFile(route, mounting)
}

function sendingFile(route: Route, { inside, note, manner }: Mounting) {
  const { file } = route
  if (file === undefined) throw new TypeError(`${route.operationId} has no file`)
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const { status, headers, open } = await file(inside, callOf(route, request, manner))
    const body = open === null || request.method === 'HEAD' ? null : await open()
    reply.statusCode = status
    reply.headers(headers)
    note(request, reply)
    return reply.send(body)
  }
}

function answering(route: Route, { inside, note, manner }: Mounting) {
  const { handle } = route
  if (handle === undefined) throw new TypeError(`${route.operationId} has no handler`)
  const quick = withQuickBody(route)
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const { status, data } = await handle(inside, callOf(quick(), request, manner))
    reply.statusCode = status
    reply.header('content-type', jsonType)
    note(request, reply)
    return reply.send(JSON.stringify(manner.success(route, data, request.id)))
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

function streaming(route: Route, { inside, manner }: Mounting) {
  const { stream } = route
  if (stream === undefined) throw new TypeError(`${route.operationId} has no stream`)
  return (request: FastifyRequest, reply: FastifyReply) =>
    stream(inside, callOf(route, request, manner), { request, reply })
}

function callOf(route: Route, request: FastifyRequest, { forms }: Manner): Parameters<NonNullable<Route['handle']>>[1] {
  const read = forms && isForm(request) ? readForm : readJson
  return {
    caller: request.caller,
    params: route.params === undefined ? undefined : checked(route.params, request.params),
    query: route.query === undefined ? undefined : checked(route.query, request.query),
    headers: route.headers === undefined ? undefined : checked(route.headers, request.headers),
    body: route.body === undefined ? undefined : checkedBody(route.body, read(request.body)),
    correlationId: request.correlationId,
  }
}

function isForm(request: FastifyRequest): boolean {
  return request.headers['content-type']?.toLowerCase().startsWith(formType) ?? false
}

/** A path that exists answers every other method with 405 and says which ones there are. */
function refuseOtherMethods(app: FastifyInstance, { routes, guard, prefix }: Mounted): void {
  const admit: Admit = guard.optional
  for (const [path, own] of Map.groupBy(routes, (route) => route.path)) {
    const known = new Set<string>(own.map(({ method }) => method))
    if (own.some(({ method, stream }) => method === 'GET' && stream === undefined)) known.add('HEAD')
    const allow = [...known].join(', ')
    app.route({
      method: methods.filter((method) => !known.has(method)),
      url: urlOf(path.slice(prefix.length)),
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
  manner: Manner
}

function answerError(error: unknown, { request, reply, log, note, manner }: Failing): FastifyReply {
  const told = forCaller(error)
  const { status, body } = manner.failure(told, request.id)
  reply.statusCode = status
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
  return reply.send(body)
}
