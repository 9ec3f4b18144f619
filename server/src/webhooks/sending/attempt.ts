/** One attempt: signed, sent, answered or not. What it means is decided elsewhere. */
import type { Clock } from '../../lib/clock.ts'
import type { SafeFetch } from '../../lib/egress/safe-fetch.ts'
import { EgressError } from '../../lib/egress/trouble.ts'
import type { SecretGeneration, WebhookDialect } from '../../model/webhook.ts'
import type { Tried } from '../../store/webhooks/queue.ts'
import { signatureHeaders } from '../signing.ts'
import type { Worded } from '../wording.ts'
import type { ReceiverAnswer } from './verdict.ts'

export interface AttemptOptions {
  clock: Clock
  egress: SafeFetch
  timeoutMs: number
  userAgent: string
}

export interface Call {
  url: string
  dialect: WebhookDialect
  /** Newest first. */
  secrets: readonly SecretGeneration[]
  asymmetric: boolean
  worded: Worded
  correlationId: string | null
  /** Counted from 1. */
  attempt: number
  signal: AbortSignal
}

const responseBytesMax = 16 * 1024
const excerptCharacters = 1_000

/** Null: it was given up by ourselves and counts for nothing. */
export async function attempt(
  options: AttemptOptions,
  call: Call,
): Promise<{ answer: ReceiverAnswer | null; tried: Tried } | null> {
  const { clock, egress, timeoutMs } = options
  const begun = clock.monotonic()
  const headers = headersOf(call, options.userAgent, Math.floor(clock.now() / 1_000))
  const request = { method: 'POST' as const, url: call.url, headers, body: call.worded.body, timeoutMs }
  const durationMs = () => clock.monotonic() - begun
  try {
    const reply = await egress.request({ ...request, responseBytesMax, redirectsMax: 0, signal: call.signal })
    const answer = { status: reply.status, retryAfter: reply.headers['retry-after'] ?? null }
    const isFine = reply.status >= 200 && reply.status < 300
    const tried = {
      durationMs: durationMs(),
      responseStatus: reply.status,
      responseExcerpt: excerptOf(reply.body),
      error: isFine ? null : refusalWords(reply.status),
    }
    return { answer, tried }
  } catch (error) {
    if (!(error instanceof EgressError)) throw error
    if (error.trouble === 'aborted') return null
    const tried = { durationMs: durationMs(), responseStatus: null, responseExcerpt: null, error: error.message }
    return { answer: null, tried }
  }
}

/** The signatures that a delivery of now would have are left to the attempt. */
export function plainHeaders(
  call: Pick<Call, 'worded' | 'correlationId' | 'attempt'>,
  userAgent: string,
): Record<string, string> {
  return {
    'Content-Type': 'application/json',
    'User-Agent': userAgent,
    'X-Event-Id': call.worded.id,
    'X-Event-Type': call.worded.type,
    'X-Delivery-Attempt': String(call.attempt),
    ...(call.correlationId !== null && { 'X-Correlation-Id': call.correlationId }),
  }
}

function headersOf(call: Call, userAgent: string, timestamp: number): Record<string, string> {
  const signing = { id: call.worded.id, timestamp, body: call.worded.body }
  return {
    ...plainHeaders(call, userAgent),
    ...signatureHeaders(call.dialect, call.secrets, call.asymmetric, signing),
  }
}

/** Whatever bytes came, as a text that a database and a JSON document can hold. */
function excerptOf(body: Buffer): string {
  return body
    .subarray(0, 4 * excerptCharacters)
    .toString()
    .replaceAll('\0', '\uFFFD')
    .slice(0, excerptCharacters)
    .toWellFormed()
}

function refusalWords(status: number): string {
  if (status >= 300 && status < 400)
    return `The receiver redirects (${status}). Redirects are not followed: change the URL.`
  if (status === 410) return 'The receiver says that it is gone for good (410).'
  return `The receiver answered ${status}.`
}
