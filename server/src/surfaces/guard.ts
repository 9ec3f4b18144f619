/** Who is let in, and how often: keys, scopes and rates, decided before a body is read. */
import { createHash, timingSafeEqual } from 'node:crypto'
import { isIPv6 } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Caller, Gateway } from '../gateway.ts'
import type { Clock } from '../lib/clock.ts'
import { createRateLimit, type Verdict } from '../lib/rate-limit.ts'
import { GatewayError } from '../model/errors.ts'
import type { RouteScope } from './route.ts'

const failuresWindowMs = 60_000
const keysMax = 100_000
/** Wrong keys per minute and address before they are answered with 429. */
const failuresMax = 30

/** Null: no caller is known, and none is needed. */
export type Admit = (request: FastifyRequest, reply: FastifyReply) => Promise<Caller | null>

export interface Guard {
  forScope(scope: RouteScope): Admit
  /** For what is no operation: a key counts and must be right, but none is asked for. */
  optional: Admit
}

/** How often a key may call: each surface counts for itself. */
export interface Rate {
  window: 'minute' | 'hour'
  /** Null: no limit. */
  limitOf(caller: Caller): number | null
}

export interface GuardSettings {
  gateway: Gateway
  clock: Clock
  /** Null: no call of this surface is the operator's. */
  adminKey: string | null
  rate: Rate
}

const windowsMs = { minute: 60_000, hour: 3_600_000 } as const

export function createGuard({ gateway, clock, adminKey, rate }: GuardSettings): Guard {
  const calls = createRateLimit({ clock, windowMs: windowsMs[rate.window], keysMax })
  const failures = createRateLimit({ clock, windowMs: failuresWindowMs, keysMax })
  const adminHash = adminKey === null ? null : digest(adminKey)
  const isAdmin = (token: string): boolean => adminHash !== null && timingSafeEqual(digest(token), adminHash)

  const count = (reply: FastifyReply, caller: Caller): void => {
    const limit = rate.limitOf(caller)
    if (limit === null) return
    const verdict = calls.take(caller.keyId, limit)
    tellRate(reply, verdict)
    if (!verdict.allowed) throw tooMany(`This key made more calls in this ${rate.window} than it may.`, verdict)
  }
  /**
   * A right key is let in even from an address that sends wrong ones: behind a proxy that is everybody's address, and
   * whoever could lock it would lock out all. Guessing is hopeless by the length of the keys, not by this limit.
   */
  const fail = (request: FastifyRequest, message: string): never => {
    const verdict = failures.take(networkOf(request.ip), failuresMax)
    if (!verdict.allowed) throw tooMany('Too many wrong keys came from this address.', verdict)
    throw new GatewayError('UNAUTHORIZED', message)
  }
  const identify = async (request: FastifyRequest, token: string): Promise<Caller> => {
    try {
      return await gateway.callers.authenticate(token)
    } catch (error) {
      if (error instanceof GatewayError && error.code === 'UNAUTHORIZED') return fail(request, error.message)
      throw error
    }
  }
  const admitCaller = (scope: 'send' | 'read' | 'manage'): Admit => {
    const lacking = `This key lacks the scope \`${scope}\`. Use another one, or ask for it.`
    return async (request, reply) => {
      const token = bearerOf(request) ?? fail(request, missing)
      const caller = await identify(request, token)
      count(reply, caller)
      if (!caller.scopes.has(scope)) throw new GatewayError('FORBIDDEN', lacking)
      return caller
    }
  }
  const admitAdmin: Admit = async (request) => {
    const token = bearerOf(request)
    if (token === null || !isAdmin(token)) return fail(request, wrongAdminKey)
    return null
  }
  return {
    forScope(scope) {
      if (scope === 'public') return async () => null
      return scope === 'admin' ? admitAdmin : admitCaller(scope)
    },
    async optional(request, reply) {
      const token = bearerOf(request)
      if (token === null || isAdmin(token)) return null
      const caller = await identify(request, token)
      count(reply, caller)
      return caller
    },
  }
}

const missing = 'Send your API key in the header `Authorization: Bearer …`.'
const wrongAdminKey =
  'Send the admin key in the header `Authorization: Bearer …`. API keys of customers open nothing here.'

function bearerOf(request: FastifyRequest): string | null {
  const header = request.headers.authorization
  if (header === undefined || header.length > 512 || header.slice(0, 7).toLowerCase() !== 'bearer ') return null
  const token = header.slice(7).trim()
  return token === '' ? null : token
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function tellRate(reply: FastifyReply, { limit, remaining, resetsAt }: Verdict): void {
  reply.header('x-ratelimit-limit', limit)
  reply.header('x-ratelimit-remaining', remaining)
  reply.header('x-ratelimit-reset', resetsAt)
}

function tooMany(what: string, { retryAfterMs }: Verdict): GatewayError {
  const message = `${what} Try again in ${Math.ceil(retryAfterMs / 1000)} s.`
  return new GatewayError('RATE_LIMIT_EXCEEDED', message, { retryAfterMs })
}

/** Whoever has one IPv6 address has 2^64 of them. */
function networkOf(address: string): string {
  if (!isIPv6(address) || address.startsWith('::ffff:')) return address
  const [head = '', tail] = address.split('::')
  const groups = head === '' ? [] : head.split(':')
  const missingGroups = tail === undefined ? 0 : 8 - groups.length - (tail === '' ? 0 : tail.split(':').length)
  const whole = [...groups, ...Array<string>(missingGroups).fill('0'), ...(tail ? tail.split(':') : [])]
  return whole.slice(0, 4).join(':')
}
