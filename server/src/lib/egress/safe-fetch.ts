/** The one way out to a URL that somebody else chose: webhooks, callbacks, media. It cannot be led to an address inside. */
import { finished, type Readable } from 'node:stream'
import type { Clock } from '../clock.ts'
import { type Deadline, startDeadline } from './deadline.ts'
import { checkDestination, literalOf, type NetworkPolicy, notAllowed } from './destination.ts'
import { type DialOptions, dial, permits, vettedAddresses } from './dial.ts'
import {
  contentOf,
  type ExchangeOptions,
  exchangeStream,
  exchangeWhole,
  type Head,
  type Hop,
  type Method,
  type RequestStream,
} from './exchange.ts'
import { type Answer, createLookUp } from './name-lookup.ts'
import { Pool } from './pool.ts'
import { nextHop } from './redirects.ts'
import { EgressError, staleConnection, words } from './trouble.ts'

export interface SafeFetchOptions {
  clock: Clock
  policy: NetworkPolicy
  /** Addresses HTTP listens on; never a destination, whatever name leads there. */
  own(): readonly { host: string; port: number }[]
  /** For tests: the answers of the name servers, and whom to trust. */
  resolve?(host: string): Promise<readonly Answer[]>
  ca?: string
}

export interface EgressRequest {
  method: Method
  url: string
  /** What belongs to the connection (Host, Connection, Content-Length and the like) is left out. */
  headers: Readonly<Record<string, string>>
  body: Uint8Array | RequestStream | null
  /** For everything: name, connection, TLS, request, response and redirects. */
  timeoutMs: number
  /** Reading stops there and the connection is closed. */
  responseBytesMax: number
  /** With 0 a redirect is returned as the response that it is. */
  redirectsMax: number
  signal?: AbortSignal
}

export interface EgressReply extends Head {
  /** As it came: nothing is decompressed, and nothing asks for it to be compressed. */
  body: Buffer
  truncated: boolean
  /** After redirects. */
  url: string
}

export interface EgressStream extends Head {
  /** Fails with an `EgressError`. Read it to its end or destroy it. */
  body: Readable
  url: string
}

export interface SafeFetch {
  /** For whoever stores a URL. A name that does not resolve in time passes: it is checked again with every connection. */
  problemWith(url: string): Promise<string | null>
  /** The rules only, no name server is asked. */
  problemAtOnce(url: string): string | null
  request(request: EgressRequest): Promise<EgressReply>
  /** Like `request`, but hands the body over as it comes; one that exceeds `responseBytesMax` is an error. */
  open(request: EgressRequest): Promise<EgressStream>
  close(): Promise<void>
}

const problemLookUpMs = 1_000

export function createSafeFetch(options: SafeFetchOptions): SafeFetch {
  const { clock, policy } = options
  const dialling: DialOptions = {
    clock,
    policy,
    own: options.own,
    lookUp: createLookUp(policy, options.resolve),
    ca: options.ca,
  }
  const pool = new Pool((url, signal) => dial(dialling, url, signal))
  const underWay = new Set<Deadline>()
  let isClosed = false

  function start({ timeoutMs: ms, signal: parent }: EgressRequest): Way & { end(): void } {
    if (isClosed) throw new EgressError('aborted', words.stopping)
    const deadline = startDeadline({ clock, ms, late: () => new EgressError('timeout', words.late(ms)), parent })
    underWay.add(deadline)
    const end = () => {
      underWay.delete(deadline)
      deadline.end()
    }
    return { pool, policy, signal: deadline.signal, end }
  }

  return {
    problemAtOnce(url) {
      const checked = checkDestination(url, policy)
      if (!checked.ok) return checked.problem
      const literal = literalOf(checked.url)
      return literal === null || permits(dialling, checked.url, literal) ? null : notAllowed
    },
    async problemWith(url) {
      const checked = checkDestination(url, policy)
      if (!checked.ok) return checked.problem
      try {
        await vettedAddresses(dialling, { url: checked.url, ms: problemLookUpMs })
        return null
      } catch (error) {
        if (!(error instanceof EgressError)) throw error
        return error.trouble === 'refused' ? error.message : null
      }
    },
    async request(request) {
      const way = start(request)
      try {
        return await follow(way, request, { exchange: exchangeWhole, drop() {} })
      } finally {
        way.end()
      }
    },
    async open(request) {
      const way = start(request)
      try {
        const stream = await follow(way, request, { exchange: exchangeStream, drop: ({ body }) => body.destroy() })
        // It may be over already, with all of it read or none.
        finished(stream.body, way.end)
        return stream
      } catch (error) {
        way.end()
        throw error
      }
    },
    async close() {
      isClosed = true
      for (const deadline of underWay) deadline.stop(new EgressError('aborted', words.stopping))
      await pool.close()
    },
  }
}

interface Way {
  pool: Pool
  policy: NetworkPolicy
  signal: AbortSignal
}

interface Reading<T> {
  exchange(options: ExchangeOptions): Promise<T>
  /** For the response to a hop that is not the last. */
  drop(answer: T): void
}

/** Every hop goes through the same rules, and every connection through the same checks. */
async function follow<T extends Head>(
  way: Way,
  request: EgressRequest,
  reading: Reading<T>,
): Promise<T & { url: string }> {
  let hop: Hop = { ...request, url: vet(request.url, way.policy) }
  for (let hopsLeft = request.redirectsMax; ; hopsLeft -= 1) {
    const answer = await exchangeOnce(way, hop, { bytesMax: request.responseBytesMax, exchange: reading.exchange })
    const next = request.redirectsMax === 0 ? null : nextHop(hop, answer)
    if (next === null) return { ...answer, url: hop.url.href }
    reading.drop(answer)
    if (hopsLeft === 0) throw new EgressError('protocol', words.redirects)
    hop = { ...next, url: vet(next.url, way.policy) }
  }
}

function vet(url: string, policy: NetworkPolicy): URL {
  const checked = checkDestination(url, policy)
  if (!checked.ok) throw new EgressError('refused', checked.problem)
  return checked.url
}

/** A connection that broke before the request was written on it is no failure of the request. */
async function exchangeOnce<T>(
  { pool, signal }: Way,
  hop: Hop,
  { bytesMax, exchange }: Pick<Reading<T>, 'exchange'> & { bytesMax: number },
): Promise<T> {
  for (;;) {
    // First, so that no connection waits for a source.
    const content = await contentOf(hop, signal)
    const link = await pool.take(hop.url, signal).catch((error: unknown) => {
      if (content !== null && 'body' in content) content.body.destroy()
      throw error
    })
    const wasIdle = !link.isNew
    try {
      return await exchange({ link, hop, content, bytesMax, signal, done: () => pool.give(link) })
    } catch (error) {
      if (error !== staleConnection) throw error
      if (!wasIdle) throw new EgressError('reset', words.reset)
    }
  }
}
