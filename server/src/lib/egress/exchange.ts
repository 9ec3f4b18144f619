/** One request and its response on a connection that stands: the head, then the body, whole or as it comes. */
import { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { orAborted, reasonOf } from './deadline.ts'
import type { Link } from './pool.ts'
import { EgressError, exchangeTrouble, words } from './trouble.ts'

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE'

/** A body that is not held in memory: it is read at the pace at which the receiver takes it. */
export interface RequestStream {
  /** Announced to the receiver. A source with more or less in it fails the request, which then never is complete. */
  bytes: number
  /** From the start, whenever the request is made: again after a redirect, or when a connection turns out to be gone. */
  open(): Promise<Readable>
}

export interface Hop {
  method: Method
  url: URL
  headers: Readonly<Record<string, string>>
  body: Uint8Array | RequestStream | null
}

/** What is written: opened, if it had to be. */
export type Content = { bytes: number; body: Readable } | Uint8Array | null

export interface Head {
  status: number
  headers: Readonly<Record<string, string>>
}

export interface ExchangeOptions {
  link: Link
  hop: Hop
  content: Content
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

/** Opens what is streamed; whoever gets it makes an exchange of it, which takes care of it however it ends. */
export async function contentOf({ body }: Hop, signal: AbortSignal): Promise<Content> {
  if (body === null || body instanceof Uint8Array) return body
  const opening = body.open()
  try {
    const source = await orAborted(signal, opening)
    const piped = Readable.from(measured(source, body.bytes), { objectMode: false })
    // Whoever reads them learns of it; nobody may have begun to.
    source.on('error', () => {})
    piped.on('error', () => {}).once('close', () => source.destroy())
    return { bytes: body.bytes, body: piped }
  } catch (error) {
    // It may still open after nobody wants it any more.
    void opening.then(
      (late) => late.destroy(),
      () => undefined,
    )
    throw error instanceof EgressError ? error : new EgressError('source', words.source)
  }
}

/** Keeps a piece back until the next is there: a source with too much in it must not make a complete request either. */
async function* measured(source: Readable, bytes: number): AsyncGenerator<Uint8Array> {
  let left = bytes
  let held: Uint8Array | null = null
  try {
    for await (const piece of source as AsyncIterable<Uint8Array>) {
      left -= piece.length
      if (left < 0) break
      if (held !== null) yield held
      held = piece
    }
  } catch {
    // What the source says of itself may name paths and hosts inside.
    throw new EgressError('source', words.source)
  }
  if (left !== 0) throw new EgressError('source', words.sourceLength)
  if (held !== null) yield held
}

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

function run({ link, hop, content, signal, done }: ExchangeOptions, reader: Reader): Control {
  let controller: Dispatcher.DispatchController | null = null
  let isOver = false
  /** True the first time. A connection that is left before the end of the message is of no use to the next. */
  const leave = (isClean: boolean): boolean => {
    if (isOver) return false
    isOver = true
    signal.removeEventListener('abort', stops)
    if (!isClean) link.socket.destroy()
    if (content !== null && 'body' in content) content.body.destroy()
    // The client decides only after this whether the connection can be used again.
    queueMicrotask(done)
    return true
  }
  const fail = (error: Error) => {
    if (!leave(false)) return
    const trouble = exchangeTrouble(error)
    reader.fail(trouble instanceof EgressError && controller !== null ? trouble.whenSent() : trouble)
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
  else link.client.dispatch(dispatched(hop, content), handler)
  return { resume: () => controller?.resume(), stop: () => void leave(false) }
}

function dispatched({ method, url, headers }: Hop, content: Content): Dispatcher.DispatchOptions {
  const sendable = Object.entries(headers).filter(([name]) => !ownHeaders.has(name.toLowerCase()))
  const path = `${url.pathname}${url.search}`
  if (content === null || content instanceof Uint8Array) {
    return { method, path, headers: Object.fromEntries(sendable), body: content }
  }
  const framed = [...sendable, ['content-length', String(content.bytes)]]
  return { method, path, headers: Object.fromEntries(framed), body: content.body }
}

function flat(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')]),
  )
}
