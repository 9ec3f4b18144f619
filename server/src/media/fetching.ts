/** A file from a URL that a caller named: fetched once through the one way out, within limits, and kept. */
import { PassThrough, pipeline, type Readable } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'
import type { SafeFetch } from '../lib/egress/safe-fetch.ts'
import { EgressError } from '../lib/egress/trouble.ts'
import { SendFailure } from '../model/delivery.ts'
import type { Spool, Spooled } from './spool.ts'
import { TooLarge } from './spool.ts'

export interface Fetched {
  spooled: Spooled
  /** What the server called it; a hint. */
  mimeType: string | null
  filename: string | null
}

export interface Fetching {
  egress: Pick<SafeFetch, 'open'>
  spool: Pick<Spool, 'take'>
}

/** The largest any channel takes, and a little for the form it comes in. */
const fetchBytesMax = 100 * 1024 * 1024
const fetchWithinMs = 60_000

/**
 * Fails with a SendFailure: retryable when the server may think again, refused when it will not. The size is limited
 * here and not on the way, where too large and broken would be the same.
 */
export async function fetchFile({ egress, spool }: Fetching, url: string): Promise<Fetched> {
  try {
    const reply = await egress.open({
      ...{ method: 'GET', url, headers: { accept: '*/*' }, body: null },
      ...{ timeoutMs: fetchWithinMs, responseBytesMax: Number.MAX_SAFE_INTEGER, redirectsMax: 3 },
    })
    if (reply.status < 200 || reply.status > 299) {
      reply.body.destroy()
      throw unwilling(reply.status)
    }
    const said = Number(reply.headers['content-length'] ?? 0)
    if (said > fetchBytesMax) {
      reply.body.destroy()
      throw new TooLarge(fetchBytesMax)
    }
    const spooled = await spool.take(decoded(reply.body, reply.headers['content-encoding']), fetchBytesMax)
    const { 'content-type': type, 'content-disposition': disposition } = reply.headers
    return {
      spooled,
      mimeType: type?.split(';', 1)[0]?.trim().toLowerCase() || null,
      filename: named(reply.url, disposition),
    }
  } catch (error) {
    throw asFailure(error)
  }
}

/** Nothing asks for it, but some servers compress what they always send compressed. */
function decoded(body: Readable, encoding: string | undefined): Readable {
  const decoder =
    encoding === undefined || encoding === '' || encoding === 'identity' ? null : decoders[encoding.toLowerCase()]
  if (decoder === null) return body
  if (decoder === undefined) {
    body.destroy()
    throw new SendFailure(
      'refused',
      'MEDIA_FETCH_FAILED',
      `The file came in the encoding "${encoding?.slice(0, 40)}". Send it plain.`,
    )
  }
  const plain = new PassThrough()
  pipeline(body, decoder(), plain, () => undefined)
  return plain
}

const decoders: Readonly<Record<string, () => NodeJS.ReadWriteStream>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
}

function unwilling(status: number): SendFailure {
  const isPassing = status === 408 || status === 425 || status === 429 || status >= 500
  return new SendFailure(
    isPassing ? 'retryable' : 'refused',
    'MEDIA_FETCH_FAILED',
    `The server of the file answered with ${status}. Make the URL readable without a key, or send the file as base64.`,
  )
}

function asFailure(error: unknown): SendFailure {
  if (error instanceof SendFailure) return error
  if (error instanceof TooLarge)
    return new SendFailure(
      'refused',
      'MEDIA_TOO_LARGE',
      `The file is larger than ${error.bytesMax} bytes, which no channel takes.`,
    )
  if (error instanceof EgressError) {
    const isFinal = error.trouble === 'refused'
    return new SendFailure(
      isFinal ? 'refused' : 'retryable',
      'MEDIA_FETCH_FAILED',
      `The file could not be fetched: ${error.message}`,
    )
  }
  if (error instanceof Error && 'code' in error && String(error.code).startsWith('Z_'))
    return new SendFailure('refused', 'MEDIA_FETCH_FAILED', 'The file came compressed, and broken.')
  throw error
}

function named(url: string, disposition: string | undefined): string | null {
  const said =
    /filename\*=UTF-8''([^;]+)/i.exec(disposition ?? '')?.[1] ?? /filename="?([^";]+)"?/i.exec(disposition ?? '')?.[1]
  const text = said ?? new URL(url).pathname.split('/').at(-1) ?? ''
  try {
    return decodeURIComponent(text).slice(0, 255) || null
  } catch {
    return null
  }
}
