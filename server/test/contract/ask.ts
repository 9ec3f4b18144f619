/** Calls the gateway as a client does, and holds every single answer against the OpenAPI document. */
import { expect } from 'vitest'
import type { OpenApi } from '../../src/surfaces/openapi.ts'
import { createJudge } from '../fuzz/fuzz.ts'
import { entriesOf } from '../fuzz/requests.ts'
import type { TestGateway } from '../support/gateway.ts'

export interface Asked {
  status: number
  headers: Headers
  text: string
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever came over the wire
  body: any
}

export interface Options {
  /** Null: none is sent. */
  key?: string | null
  headers?: Record<string, string>
  /** Sent as it is instead of JSON. */
  raw?: string | Uint8Array<ArrayBuffer>
}

export type Ask = (call: string, body?: unknown, options?: Options) => Promise<Asked>

/** `call` is a method and a path: `POST /v1/messages`. */
/** `prefix` is where the surface has its document. */
export async function askerOf({ url, apiKey, adminKey }: TestGateway, prefix = ''): Promise<Ask> {
  const document = (await (await fetch(`${url}${prefix}/openapi.json`)).json()) as OpenApi
  const judge = createJudge(document)
  const entries = entriesOf(document).map((entry) => ({ entry, pattern: patternOf(entry.path) }))
  /** Where a literal path and one with parameters both match, the server takes the literal one, whatever the method. */
  const entryOf = (method: string, path: string) => {
    const matching = entries.filter(({ pattern }) => pattern.test(path)).map(({ entry }) => entry)
    const literal = matching.filter((entry) => entry.path === path)
    return (literal.length > 0 ? literal : matching).find((entry) => entry.method === method)
  }

  return async (call, body, options = {}) => {
    const [method = '', path = ''] = call.split(' ')
    const key = options.key === undefined ? (path.startsWith('/v1/admin/') ? adminKey : apiKey) : options.key
    const headers: Record<string, string> = {
      ...(key !== null && { authorization: `Bearer ${key}` }),
      ...((body !== undefined || options.raw !== undefined) && { 'content-type': 'application/json' }),
      ...options.headers,
    }
    const payload = options.raw ?? (body === undefined ? null : JSON.stringify(body))
    const response = await fetch(`${url}${path}`, { method, headers, body: payload })
    const text = await response.text()
    const entry = entryOf(method, path.split('?')[0] ?? '')
    if (entry !== undefined) {
      const answer = { status: response.status, headers: Object.fromEntries(response.headers), text, elapsedMs: 0 }
      expect(judge(entry, { headers }, answer), `${call} is answered as documented`).toBeNull()
    }
    return { status: response.status, headers: response.headers, text, body: parsed(text) }
  }
}

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** Whatever differs from one answer to the next by design. */
export function withoutRequestId(text: string): string {
  return text.replace(/"requestId":"[^"]*"/, '"requestId":"…"')
}
