/** One request to the operator's own S3 server, signed, with deadlines. Nobody but the operator chooses where it goes. */
import { pipeline, Readable, Transform } from 'node:stream'
import { Agent, type Dispatcher } from 'undici'
import type { Clock } from '../../lib/clock.ts'
import { codeIn, S3Trouble } from './s3-trouble.ts'

export interface Asked {
  method: 'GET' | 'HEAD' | 'PUT' | 'DELETE'
  url: URL
  headers: Readonly<Record<string, string>>
  /** Opened when the server is ready for it. */
  body?: Uint8Array | (() => Readable)
}

export interface Answered {
  status: number
  headers: Dispatcher.ResponseData['headers']
  /** Fails when the connection breaks or nothing comes for too long; nobody else has to listen for that. */
  body: Readable
}

export interface S3Requests {
  /** The answer as soon as its head is there. Throws an S3Trouble for every status of 300 and more. */
  send(asked: Asked): Promise<Answered>
}

type Time = Pick<Clock, 'monotonic' | 'sleep'>

const connectMs = 10_000
/** Until the head of the answer: to PUT since the last piece that was sent. */
const answerMs = { GET: 10_000, HEAD: 20_000, DELETE: 20_000, PUT: 120_000 }
const idleMs = 120_000
const refusalBytesMax = 16 * 1024
const pieceBytes = 256 * 1024

export function createS3Requests(clock: Time): S3Requests {
  const agent = new Agent({
    // As many connections as there are readers: one who is slow must not keep the others waiting.
    pipelining: 1,
    // Said here, so that no variable of the environment can say otherwise.
    connect: { timeout: connectMs, rejectUnauthorized: true },
    // The limits below go by our clock, and see a body that is sent.
    headersTimeout: 0,
    bodyTimeout: 0,
  })
  return {
    async send(asked) {
      const { method } = asked
      const late = new AbortController()
      const watch = startWatch(clock, answerMs[method], () => late.abort(gaveNone(method, 'no answer in time')))
      try {
        const answer = await agent.request(dispatched(asked, watch, late.signal)).catch((error: unknown) => {
          throw error instanceof S3Trouble ? error : gaveNone(method, codeOf(error), error)
        })
        if (answer.statusCode >= 300) throw await refused(method, answer)
        return { status: answer.statusCode, headers: answer.headers, body: watched(answer.body, clock) }
      } finally {
        watch.end()
      }
    },
  }
}

function dispatched(
  { method, url, headers, body }: Asked,
  watch: Watch,
  signal: AbortSignal,
): Dispatcher.RequestOptions {
  const asked = { origin: url.origin, path: `${url.pathname}${url.search}`, method, headers, signal }
  if (body === undefined || body instanceof Uint8Array) return { ...asked, body: body ?? null }
  return { ...asked, body: Readable.from(touching(body, watch), { objectMode: false, highWaterMark: pieceBytes }) }
}

async function* touching(open: () => Readable, watch: Watch): AsyncGenerator<Uint8Array> {
  for await (const piece of open()) {
    watch.touch()
    yield piece as Uint8Array
  }
}

/** The body as it comes: cut off when nothing comes any more, but not because whoever reads it is slow. */
function watched(body: Readable, clock: Time): Readable {
  const out = new Transform({
    readableHighWaterMark: pieceBytes,
    transform(piece, _, done) {
      watch.touch()
      done(null, piece)
    },
  })
  const watch = startWatch(clock, idleMs, () => {
    if (out.readableLength > 0) watch.touch()
    else out.destroy(gaveNone('GET', 'the rest did not come in time'))
  })
  pipeline(body, out, () => watch.end())
  return out
}

interface Watch {
  touch(): void
  end(): void
}

/** Calls `late` when it has not been touched for so long; goes on if it is touched then. */
function startWatch(clock: Time, ms: number, late: () => void): Watch {
  const over = new AbortController()
  let dueMs = clock.monotonic() + ms
  const watch = async () => {
    while (!over.signal.aborted) {
      const leftMs = dueMs - clock.monotonic()
      if (leftMs > 0) await clock.sleep(leftMs, over.signal)
      else {
        late()
        if (dueMs <= clock.monotonic()) return
      }
    }
  }
  void watch()
  return {
    touch() {
      dueMs = clock.monotonic() + ms
    },
    end: () => over.abort(),
  }
}

async function refused(method: string, { statusCode, headers, body }: Dispatcher.ResponseData): Promise<S3Trouble> {
  const region = headers['x-amz-bucket-region']
  const code = codeIn(await textOf(body))
  return new S3Trouble(method, { status: statusCode, code, region: typeof region === 'string' ? region : null })
}

/** Its beginning; what comes of a broken connection is told as far as it came. */
async function textOf(body: Readable): Promise<string> {
  let text = ''
  try {
    for await (const piece of body) {
      text += String(piece)
      if (text.length > refusalBytesMax) break
    }
  } catch {
    // The status says what matters.
  }
  return text
}

function gaveNone(method: string, code: string, cause?: unknown): S3Trouble {
  const trouble = new S3Trouble(method, { status: null, code, region: null })
  trouble.cause = cause
  return trouble
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'it broke off'
}
