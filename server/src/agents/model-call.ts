/** One question to a language model, over any server that speaks OpenAI's chat endpoint. The only file that knows the library. */
import type { OpenAI } from 'openai'
import type { SafeFetch } from '../lib/egress/safe-fetch.ts'
import { EgressError } from '../lib/egress/trouble.ts'
import type { FailReason } from '../model/agents/agent.ts'
import type { PromptMessage } from '../model/agents/prompt.ts'
import type { ModelTrouble } from '../model/agents/turn.ts'

export interface Question {
  baseUrl: string
  apiKey: string | null
  model: string
  messages: readonly PromptMessage[]
  maxTokens: number | null
  temperature: number | null
}

export interface ModelAnswer {
  /** Perhaps nothing: that costs as well. */
  text: string
  tokens: number
}

export class ModelFailure extends Error implements ModelTrouble {
  override readonly name = 'ModelFailure'
  readonly reason: FailReason
  readonly retryAfterMs: number | null
  constructor(reason: FailReason, retryAfterMs: number | null = null) {
    super(`The model's server: ${reason}.`)
    this.reason = reason
    this.retryAfterMs = retryAfterMs
  }
}

export interface ModelCallOptions {
  egress: Pick<SafeFetch, 'request'>
  userAgent: string
}

export type ModelCall = (question: Question, signal: AbortSignal) => Promise<ModelAnswer>

const answerWithinMs = 60_000
/** The library's own limit, which only counts if ours does not. */
const libraryWithinMs = 2 * answerWithinMs
const answerBytesMax = 1_048_576
/** The library wants one. It is not sent: see `headersOf`. */
const noKey = 'none'

/** It is loaded with the first question: a gateway without agents need not carry it. */
export function createModelCall(options: ModelCallOptions): ModelCall {
  return async (question, signal) => {
    const { OpenAI } = await import('openai')
    const { baseUrl, apiKey, model, messages, maxTokens, temperature } = question
    const client = new OpenAI({
      baseURL: baseUrl,
      apiKey: apiKey ?? noKey,
      // Said outright, for what is left out the library would look for in our environment.
      ...{ adminAPIKey: null, organization: null, project: null, webhookSecret: null, logLevel: 'off' },
      maxRetries: 0,
      timeout: libraryWithinMs,
      fetch: fetchFor(options, question),
    })
    const body = {
      model,
      messages: [...messages],
      ...(maxTokens !== null && { max_tokens: maxTokens }),
      ...(temperature !== null && { temperature }),
    }
    const answered = await client.chat.completions.create(body, { signal }).catch((error: unknown) => {
      throw failureOf(error, OpenAI)
    })
    return answerIn(answered, messages)
  }
}

/** Nothing the library adds of its own leaves the gateway, and the key goes to the server it was given for and nowhere else. */
function headersOf(question: Question, userAgent: string): Record<string, string> {
  return {
    accept: 'application/json',
    'content-type': 'application/json',
    'user-agent': userAgent,
    ...(question.apiKey !== null && { authorization: `Bearer ${question.apiKey}` }),
  }
}

function fetchFor({ egress, userAgent }: ModelCallOptions, question: Question): typeof fetch {
  const { origin } = new URL(question.baseUrl)
  return async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input)
    if (url.origin !== origin || typeof init?.body !== 'string') throw new ModelFailure('model_refused')
    const { status, headers, body, truncated } = await egress.request({
      method: 'POST',
      url: url.href,
      headers: headersOf(question, userAgent),
      body: Buffer.from(init.body),
      timeoutMs: answerWithinMs,
      responseBytesMax: answerBytesMax,
      // Whoever is led elsewhere would carry the key along.
      redirectsMax: 0,
      ...(init.signal && { signal: init.signal }),
    })
    if (truncated) throw new ModelFailure('model_garbage')
    const said = new Headers()
    for (const name of ['content-type', 'retry-after', 'retry-after-ms']) {
      const value = headers[name]
      if (typeof value === 'string') said.set(name, value)
    }
    return new Response(withoutBody.has(status) ? null : new Uint8Array(body), { status, headers: said })
  }
}

const withoutBody = new Set([204, 205, 304])

/** What the server said is not repeated: it may hold the key. */
function failureOf(error: unknown, { APIError, APIConnectionError }: typeof OpenAI): unknown {
  if (error instanceof APIConnectionError) {
    const { cause } = error
    if (cause instanceof ModelFailure) return cause
    return cause instanceof EgressError ? new ModelFailure(reasonOfTrouble(cause)) : new ModelFailure('model_timeout')
  }
  if (error instanceof APIError && typeof error.status === 'number')
    return new ModelFailure(reasonOfStatus(error.status), retryAfterIn(error.headers))
  if (error instanceof SyntaxError) return new ModelFailure('model_garbage')
  return error
}

function reasonOfTrouble({ trouble }: EgressError): FailReason {
  if (trouble === 'refused' || trouble === 'tls') return 'model_unreachable'
  if (trouble === 'timeout') return 'model_timeout'
  return trouble === 'protocol' ? 'model_garbage' : 'model_down'
}

function reasonOfStatus(status: number): FailReason {
  if (status === 401 || status === 403) return 'model_refused_key'
  if (status === 408) return 'model_timeout'
  if (status === 429) return 'model_busy'
  return status >= 500 ? 'model_down' : 'model_refused'
}

function retryAfterIn(headers: Headers | undefined): number | null {
  const ms = Number(headers?.get('retry-after-ms') ?? Number.NaN)
  if (ms > 0) return ms
  const seconds = Number(headers?.get('retry-after') ?? Number.NaN)
  return seconds > 0 ? seconds * 1_000 : null
}

const charsPerToken = 4

/** Servers that only claim to speak it answer anything at all. */
function answerIn(answered: unknown, messages: readonly PromptMessage[]): ModelAnswer {
  const { choices, usage } = (answered ?? {}) as { choices?: unknown; usage?: { total_tokens?: unknown } | null }
  const [first] = Array.isArray(choices) ? (choices as { message?: { content?: unknown } | null }[]) : []
  if (first === undefined || first === null || typeof first !== 'object') throw new ModelFailure('model_garbage')
  const content = first.message?.content ?? ''
  if (typeof content !== 'string') throw new ModelFailure('model_garbage')
  const told = usage?.total_tokens
  const isCount = typeof told === 'number' && Number.isSafeInteger(told) && told > 0 && told < tokensMax
  return { text: content, tokens: isCount ? told : guess(content, messages) }
}

const tokensMax = 10_000_000

function guess(content: string, messages: readonly PromptMessage[]): number {
  const chars = messages.reduce((sum, message) => sum + message.content.length, content.length)
  return Math.ceil(chars / charsPerToken)
}
