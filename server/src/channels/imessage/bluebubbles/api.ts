/** Requests to a BlueBubbles server. The password goes along in the query, as the server wants it, so no URL is ever told. */
import type { Readable } from 'node:stream'
import type { Clock } from '../../../lib/clock.ts'
import type { Method } from '../../../lib/egress/exchange.ts'
import type { EgressRequest, SafeFetch } from '../../../lib/egress/safe-fetch.ts'
import type { Place } from '../settings.ts'
import { ServerTrouble } from '../troubles.ts'
import { encodedForm, type Form } from './form.ts'
import { countOf, type Fields, fieldsOf, parsed } from './json.ts'

export interface BlueBubblesTools {
  clock: Clock
  http: SafeFetch
}

export interface Ask {
  method: Method
  /** Behind `/api/v1`, its parts encoded. */
  path: string
  query?: Readonly<Record<string, string>>
  json?: object
  form?: Form
  timeoutMs: number
}

export interface Answer {
  status: number
  /** It was said in the form in which this server says everything; whatever stands before it may speak otherwise. */
  isItsOwn: boolean
  data: unknown
  /** What the server calls the trouble. It may quote what was sent: to be compared with, and never to be told. */
  trouble: string
  metadata: Fields
  /** It was cut off, and nothing of it was read. */
  isTooLong: boolean
}

/** What was asked for is more than is read at a time: ask for less. */
export class AnswerTooLong extends ServerTrouble {}

export interface Api {
  ask(ask: Ask, signal: AbortSignal): Promise<Answer>
  /** Like `ask`, for what must not fail but for want of the server: anything but an answer is a ServerTrouble. */
  question(ask: Question, signal: AbortSignal): Promise<Answer>
  /** The bytes as they come. */
  open(path: string, query?: Readonly<Record<string, string>>): Promise<Readable>
}

export type Question = Omit<Ask, 'timeoutMs' | 'form'> & { timeoutMs?: number }

const questionMs = 30_000
const downloadMs = 30 * 60_000
/** A page of a thousand rows with long texts. */
const answerBytesMax = 32 * 1024 * 1024
/** More than Apple carries. */
const fileBytesMax = 2 * 1024 ** 3

export function createApi({ http }: BlueBubblesTools, place: Place): Api {
  const urlOf = (path: string, query: Readonly<Record<string, string>> = {}) => {
    const search = new URLSearchParams({ ...query, password: place.password })
    return `${place.origin}${place.basePath}/api/v1${path}?${search}`
  }
  const ask = async (asked: Ask, signal: AbortSignal): Promise<Answer> => {
    const reply = await http.request({
      method: asked.method,
      url: urlOf(asked.path, asked.query),
      ...contentOf(asked),
      timeoutMs: asked.timeoutMs,
      responseBytesMax: answerBytesMax,
      redirectsMax: 0,
      signal,
    })
    const answer = answerIn(reply.status, reply.truncated ? undefined : parsed(reply.body))
    return { ...answer, isTooLong: reply.truncated }
  }
  return {
    ask,
    async question(asked, signal) {
      const answer = await ask({ timeoutMs: questionMs, ...asked }, signal)
      if (isFine(answer)) return answer
      throw answer.isTooLong ? new AnswerTooLong(answer.status) : new ServerTrouble(answer.status)
    },
    async open(path, query) {
      const reply = await http.open({
        method: 'GET',
        url: urlOf(path, query),
        headers: {},
        body: null,
        timeoutMs: downloadMs,
        responseBytesMax: fileBytesMax,
        redirectsMax: 0,
      })
      if (reply.status === 200) return reply.body
      reply.body.destroy()
      throw new ServerTrouble(reply.status)
    },
  }
}

export function isFine({ status, isItsOwn }: Answer): boolean {
  return status >= 200 && status < 300 && isItsOwn
}

/** As one part of a path. */
export function part(text: string): string {
  return encodeURIComponent(text)
}

function contentOf({ json, form }: Ask): Pick<EgressRequest, 'headers' | 'body'> {
  if (form !== undefined) {
    const { type, body } = encodedForm(form)
    return { headers: { 'content-type': type }, body }
  }
  if (json === undefined) return { headers: {}, body: null }
  return { headers: { 'content-type': 'application/json' }, body: Buffer.from(JSON.stringify(json)) }
}

function answerIn(status: number, json: unknown): Omit<Answer, 'isTooLong'> {
  const envelope = fieldsOf(json)
  const error = fieldsOf(envelope.error)
  const trouble = typeof error.message === 'string' ? error.message : ''
  return {
    status,
    isItsOwn: countOf(envelope.status) === status,
    data: envelope.data,
    trouble,
    metadata: fieldsOf(envelope.metadata),
  }
}
