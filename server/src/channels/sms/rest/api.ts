/** Requests to a provider, with our credentials, and what it means when they fail on the way. */
import type { Clock } from '../../../lib/clock.ts'
import type { SafeFetch } from '../../../lib/egress/safe-fetch.ts'
import { EgressError } from '../../../lib/egress/trouble.ts'
import { SendFailure } from '../../../model/delivery.ts'
import type { Place } from './place.ts'

export interface Answer {
  status: number
  /** Undefined when the body was no JSON or was too long. */
  json: unknown
  retryAfterMs: number | null
}

export interface Api {
  readonly origin: string
  readonly authorization: string
  /** A path behind the base path, or a whole URL of the provider. */
  get(where: string, signal: AbortSignal): Promise<Answer>
  post(where: string, content: { type: string; text: string }, signal: AbortSignal): Promise<Answer>
}

export interface ApiOptions {
  clock: Clock
  http: SafeFetch
  place: Place
  password: string
}

const timeoutMs = { get: 15_000, post: 30_000 }
const responseBytesMax = 8 * 1024 * 1024

export function createApi({ clock, http, place, password }: ApiOptions): Api {
  const authorization = `Basic ${Buffer.from(`${place.user}:${password}`).toString('base64')}`
  const shared = { responseBytesMax, redirectsMax: 0 }
  const urlOf = (where: string) => (where.startsWith('/') ? `${place.origin}${place.basePath}${where}` : where)
  const headers = { authorization, accept: 'application/json' }
  const answerOf = async (request: Parameters<SafeFetch['request']>[0]): Promise<Answer> => {
    const reply = await http.request(request)
    const json = reply.truncated ? undefined : parsed(reply.body)
    return { status: reply.status, json, retryAfterMs: waitIn(reply.headers['retry-after'], clock.now()) }
  }
  return {
    origin: place.origin,
    authorization,
    get: (where, signal) =>
      answerOf({ ...shared, method: 'GET', url: urlOf(where), headers, body: null, timeoutMs: timeoutMs.get, signal }),
    post: (where, { type, text }, signal) =>
      answerOf({
        ...shared,
        method: 'POST',
        url: urlOf(where),
        headers: { ...headers, 'content-type': type },
        body: Buffer.from(text),
        timeoutMs: timeoutMs.post,
        signal,
      }),
  }
}

/** Troubles of which the provider cannot have read anything. */
const before: ReadonlySet<string> = new Set(['refused', 'dns', 'connect', 'tls'])

/** What broke before the request can have been read may be sent again; of the rest nobody knows. */
export function failureOnTheWay(error: unknown): SendFailure {
  if (!(error instanceof EgressError)) throw error
  if (before.has(error.trouble)) {
    return new SendFailure('retryable', 'SMS_SEND_FAILED', `The provider was not reached. ${error.message}`, {
      scope: 'link',
    })
  }
  return new SendFailure('uncertain', 'PROVIDER_TIMEOUT', `The provider may have taken it. ${error.message}`)
}

export function notConnected(): SendFailure {
  return new SendFailure('retryable', 'SERVICE_UNAVAILABLE', 'The link is not connected.', { scope: 'link' })
}

export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

/** A text or a number as text; empty when it is neither. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  return typeof value === 'number' && Number.isFinite(value) ? String(value) : ''
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString())
  } catch {
    return undefined
  }
}

/** Seconds or a date (RFC 9110, section 10.2.3). */
function waitIn(text: string | undefined, now: number): number | null {
  if (text === undefined) return null
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - now
  return Number.isNaN(ms) ? null : Math.max(0, ms)
}
