/** One request and its response on a connection that stands: the head, then the body, whole or as it comes. */
import { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { reasonOf } from './deadline.ts'
import type { Link } from './pool.ts'
import { EgressError, exchangeTrouble, words } from './trouble.ts'

export interface Hop {
  method: 'GET' | 'POST' | 'HEAD'
  url: URL
  headers: Readonly<Record<string, string>>
  body: Uint8Array | null
}

export interface Head {
  status: number
  headers: Readonly<Record<string, string>>
}

export interface ExchangeOptions {
  link: Link
  hop: Hop
  bytesMax: number
  signal: AbortSignal
  /** Called once, when the connection is of no further use here; it may be free for others or gone. */
  done(): void
}

/** What is about the connection itself, or would change how the message is framed, is not for callers to say. */
const ownHeaders = new Set([
  ...['host', 'connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'content-length'],
  ...['te', 'trailer', 'upgrade', 'expect', 'accept-encoding'],
])

/** Reads the whole body, but no more than `bytesMax` of it: the rest is cut off together with the connection. */
export function exchangeWhole(options: ExchangeOptions): Promise<Head & { body: Buffer; truncated: boolean }> {
  return new Promise((resolve, reject) => {
    const { bytesMax } = options
    const chunks: Buffer[] = []
    let head: Head = { status: 0, headers: {} }
    let bytes = 0
    const answer = (truncated: boolean) => {
      // Copied even when it is one piece: the piece is a window on a larger buffer.
      resolve({ ...head, body: Buffer.concat(chunks, Math.min(bytes, bytesMax)), truncated })
    }
    run(options, {
      head(received) {
        head = received
        return undefined
      },
      data(chunk) {
        const room = bytesMax - bytes
        bytes += chunk.length
        if (room > 0) chunks.push(chunk)
        if (chunk.length <= room) return undefined
        answer(true)
        return 'enough'
      },
      end: () => answer(false),
      fail: reject,
    })
  })
}

/** Hands the body over as it comes, at the reader's pace. More than `bytesMax` of it is an error. */
export function exchangeStream(options: ExchangeOptions): Promise<Head & { body: Readable }> {
  return new Promise((resolve, reject) => {
    const { bytesMax, hop } = options
    const tooLarge = () => new EgressError('protocol', words.tooLarge(bytesMax))
    let bytes = 0
    let fail = reject
    let control: Control | null = null
    const body = new Readable({
      read: () => control?.resume(),
      destroy(error, done) {
        control?.stop()
        done(error)
      },
    })
    // It may fail before whoever asked for it had a turn to listen; who reads it then still learns of it.
    body.on('error', () => {})
    control = run(options, {
      head(head) {
        const announced = hop.method === 'HEAD' ? 0 : Number(head.headers['content-length'] ?? 0)
        if (announced > bytesMax) return tooLarge()
        fail = (error) => body.destroy(error)
        resolve({ ...head, body })
        return undefined
      },
      data(chunk) {
        bytes += chunk.length
        if (bytes > bytesMax) return tooLarge()
        return body.push(chunk) ? undefined : 'pause'
      },
      end: () => void body.push(null),
      fail: (error) => fail(error),
    })
  })
}

/** An error ends the exchange with it; `enough` ends it without reading the rest. */
type Wish = 'pause' | 'enough' | EgressError | undefined

interface Reader {
  head(head: Head): Wish
  data(chunk: Buffer): Wish
  end(): void
  fail(error: Error): void
}

interface Control {
  resume(): void
  /** The rest is not wanted. */
  stop(): void
}

function run({ link, hop, signal, done }: ExchangeOptions, reader: Reader): Control {
  let controller: Dispatcher.DispatchController | null = null
  let isOver = false
  /** True the first time. A connection that is left before the end of the message is of no use to the next. */
  const leave = (isClean: boolean): boolean => {
    if (isOver) return false
    isOver = true
    signal.removeEventListener('abort', stops)
    if (!isClean) link.socket.destroy()
    // The client decides only after this whether the connection can be used again.
    queueMicrotask(done)
    return true
  }
  const fail = (error: Error) => {
    if (leave(false)) reader.fail(exchangeTrouble(error))
  }
  const stops = () => fail(reasonOf(signal))
  const heed = (wish: Wish) => {
    if (wish === 'pause') controller?.pause()
    else if (wish === 'enough') leave(false)
    else if (wish !== undefined) fail(wish)
  }
  const handler: Dispatcher.DispatchHandler = {
    onRequestStart(started) {
      controller = started
    },
    onResponseStart(_, status, headers) {
      if (!isOver && status >= 200) heed(reader.head({ status, headers: flat(headers) }))
    },
    onResponseData(_, chunk) {
      if (!isOver) heed(reader.data(chunk))
    },
    onResponseEnd() {
      if (leave(true)) reader.end()
    },
    onResponseError: (_, error) => fail(error),
  }
  signal.addEventListener('abort', stops, { once: true })
  if (signal.aborted) stops()
  else link.client.dispatch(dispatched(hop), handler)
  return { resume: () => controller?.resume(), stop: () => void leave(false) }
}

function dispatched({ method, url, headers, body }: Hop): Dispatcher.DispatchOptions {
  const sendable = Object.entries(headers).filter(([name]) => !ownHeaders.has(name.toLowerCase()))
  return { method, path: `${url.pathname}${url.search}`, headers: Object.fromEntries(sendable), body }
}

function flat(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')]),
  )
}
