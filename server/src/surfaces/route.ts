/** An operation as data: one entry makes the route, checks the request and is the chapter of the OpenAPI document. */
import type { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { z } from 'zod'
import type { Caller, Gateway } from '../gateway.ts'
import type { Clock } from '../lib/clock.ts'
import type { CallCode } from '../model/errors.ts'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** What a key must be allowed to do; `admin` asks for the operator's key, `public` for none. */
export type RouteScope = 'send' | 'read' | 'manage' | 'admin' | 'public'

export interface Answer {
  description: string
  schema: z.ZodType
}

/** What every handler may use. */
export interface Inside {
  gateway: Gateway
  clock: Clock
}

/** A request that has been let in and checked. */
export interface Call<Params, Query, Headers, Body, Who> {
  caller: Who
  params: Params
  query: Query
  headers: Headers
  body: Body
  correlationId: string
}

/** The success answers of a route are the only ones its handler can give: status and shape are checked by the compiler. */
type Outcome<Answers extends Record<number, Answer>> = {
  [Status in keyof Answers & number]: { status: Status; data: z.input<Answers[Status]['schema']> }
}[keyof Answers & number]

type WhoOf<Scope extends RouteScope> = Scope extends 'admin' | 'public' ? null : Caller

interface Described<Scope extends RouteScope> {
  method: Method
  /** With `{name}` for parameters. */
  path: string
  operationId: string
  summary: string
  description: string
  tag: string
  scope: Scope
  /** Codes of its own; those that any call may get are added from its scope and its inputs. */
  errors: readonly CallCode[]
}

interface RouteSpec<Scope extends RouteScope, Params, Query, Headers, Body, Answers extends Record<number, Answer>>
  extends Described<Scope> {
  params?: z.ZodType<Params>
  query?: z.ZodType<Query>
  headers?: z.ZodType<Headers>
  body?: z.ZodType<Body>
  bodyBytesMax?: number
  /** Answered as it is, without the envelope. */
  bare?: true
  responses: Answers
  handle(inside: Inside, call: Call<Params, Query, Headers, Body, WhoOf<Scope>>): Promise<Outcome<NoInfer<Answers>>>
}

interface StreamSpec<Query, Headers> extends Described<'read'> {
  query: z.ZodType<Query>
  headers: z.ZodType<Headers>
  responses: { 200: Answer }
  /** Takes the connection over; what it throws before that is answered like any error. */
  stream(
    inside: Inside,
    call: Call<undefined, Query, Headers, undefined, Caller>,
    raw: { request: FastifyRequest; reply: FastifyReply },
  ): Promise<void>
}

/** A file, or a part of one: what its head says, and the bytes unless there are none to send. */
export interface FileAnswer {
  status: number
  headers: Readonly<Record<string, string>>
  open: (() => Promise<Readable>) | null
}

interface FileSpec<Params, Headers> extends Described<'public'> {
  method: 'GET'
  params: z.ZodType<Params>
  headers: z.ZodType<Headers>
  responses: Readonly<Record<number, { description: string }>>
  /** Asked for HEAD too, and then nothing is opened. */
  file(inside: Inside, call: Call<Params, undefined, Headers, undefined, null>): Promise<FileAnswer>
}

type AnyCall = Call<unknown, unknown, unknown, unknown, Caller | null>

/** A route in the table: its types have done their work where it was defined. */
export interface Route extends Described<RouteScope> {
  params?: z.ZodType
  query?: z.ZodType
  headers?: z.ZodType
  body?: z.ZodType
  bodyBytesMax?: number
  bare?: true
  responses: Readonly<Record<number, Answer | { description: string; schema?: undefined }>>
  handle?(inside: Inside, call: AnyCall): Promise<{ status: number; data: unknown }>
  file?(inside: Inside, call: AnyCall): Promise<FileAnswer>
  stream?(inside: Inside, call: AnyCall, raw: { request: FastifyRequest; reply: FastifyReply }): Promise<void>
}

export function defineRoute<
  Scope extends RouteScope,
  Params = undefined,
  Query = undefined,
  Headers = undefined,
  Body = undefined,
  const Answers extends Record<number, Answer> = Record<number, Answer>,
>(spec: RouteSpec<Scope, Params, Query, Headers, Body, Answers>): Route {
  return spec as unknown as Route
}

export function defineStream<Query, Headers>(spec: StreamSpec<Query, Headers>): Route {
  return spec as unknown as Route
}

export function defineFile<Params, Headers>(spec: FileSpec<Params, Headers>): Route {
  return spec as unknown as Route
}

const withBody = new Set<Method>(['POST', 'PUT', 'PATCH', 'DELETE'])

/** Every code a call of this route can be answered with. */
export function errorsOf(route: Route): CallCode[] {
  const codes = new Set<CallCode>(route.errors)
  if (route.scope !== 'public') codes.add('UNAUTHORIZED').add('RATE_LIMIT_EXCEEDED')
  if (route.scope !== 'public' && route.scope !== 'admin') codes.add('FORBIDDEN')
  if (route.params || route.query || route.headers || route.body) codes.add('VALIDATION_ERROR')
  if (withBody.has(route.method)) codes.add('VALIDATION_ERROR').add('PAYLOAD_TOO_LARGE').add('UNSUPPORTED_MEDIA_TYPE')
  codes.add('INTERNAL_ERROR')
  if (route.scope !== 'public') codes.add('SERVICE_UNAVAILABLE')
  return [...codes].sort()
}
