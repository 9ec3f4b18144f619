/** A server that speaks OpenAI's chat endpoint, and answers as it is told to: at once, late, wrongly or not at all. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Asked {
  path: string
  headers: IncomingHttpHeaders
  model: string
  messages: readonly { role: string; content: string }[]
  /** Everything, as it came. */
  raw: string
}

export type Reacting = (asked: Asked, response: ServerResponse) => void | Promise<void>

export interface ModelStub {
  /** To be given as the base URL of an agent. */
  url: string
  asked: Asked[]
  /** From now on. A text is what the model says. */
  answer(how: Reacting | string): void
  close(): Promise<void>
}

/** As such servers do, with what it cost if that is told. */
export function saying(text: unknown, tokens?: number): Reacting {
  return ({ model }, response) => {
    const choices = [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: text } }]
    const usage =
      tokens === undefined ? null : { prompt_tokens: tokens - 1, completion_tokens: 1, total_tokens: tokens }
    const body = { id: 'chatcmpl-1', object: 'chat.completion', created: 1, model, choices, usage }
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }
}

export function failing(status: number, headers: Record<string, string> = {}, message = 'No.'): Reacting {
  return (_asked, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(JSON.stringify({ error: { message, type: 'error', code: null } }))
  }
}

export function raw(body: string, contentType = 'application/json'): Reacting {
  return (_asked, response) => void response.writeHead(200, { 'content-type': contentType }).end(body)
}

/** Takes the question and never answers. */
export const silence: Reacting = () => {}

/** Thinks until it is released. */
export function held(then: Reacting): { reacting: Reacting; release(): void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  return {
    reacting: async (asked, response) => {
      await promise
      await then(asked, response)
    },
    release: resolve,
  }
}

/** Each question gets the next of these; the last one stays. */
export function inTurn(...all: readonly [Reacting, ...Reacting[]]): Reacting {
  let next = 0
  return (asked, response) => {
    const reacting = all[Math.min(next, all.length - 1)] ?? all[0]
    next += 1
    return reacting(asked, response)
  }
}

export async function openModelStub(): Promise<ModelStub> {
  const asked: Asked[] = []
  let reacting: Reacting = saying('Hello, how can I help?')
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => void chunks.push(chunk))
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString()
      const { model, messages } = JSON.parse(text)
      const one = { path: request.url ?? '', headers: request.headers, model, messages, raw: text }
      asked.push(one)
      void reacting(one, response)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    asked,
    answer: (how) => {
      reacting = typeof how === 'string' ? saying(how) : how
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
