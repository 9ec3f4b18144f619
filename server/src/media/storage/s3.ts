/** Files in a bucket of S3, or of a server that speaks as S3 does. */
import { createHash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import type { Clock } from '../../lib/clock.ts'
import { type Answered, type Asked, createS3Requests } from './s3-request.ts'
import { isPassing, refusal, S3Trouble } from './s3-trouble.ts'
import { emptyHash, escapedPath, type SigningKeys, signedHeaders } from './sign-v4.ts'
import type { Range, Storage } from './storage.ts'

export interface S3Place extends SigningKeys {
  /** Where the server is, without the bucket. */
  endpoint: string
  region: string
  bucket: string
  /** Before the names of all objects; empty for none. */
  prefix: string
  /** The bucket in the path, not in the host name. */
  pathStyle: boolean
}

type Time = Pick<Clock, 'now' | 'monotonic' | 'sleep'>

const againAfterMs = [200, 1_000]
const readBytes = 256 * 1024

export function createS3Storage(place: S3Place, { clock }: { clock: Time }): Storage {
  const calls = createCalls(place, clock)
  return {
    async place(name, { path, bytes, hash }) {
      if ((await calls.lengthOf(name)) === bytes) return
      await patiently(clock, () =>
        calls.put(name, { body: () => createReadStream(path, { highWaterMark: readBytes }), bytes, hash }),
      )
    },
    open: (name, range) => patiently(clock, () => calls.get(name, range)),
    remove: (name) => patiently(clock, () => calls.remove(name)),
    pathOf: () => null,
    async check() {
      let doing = 'write'
      const text = randomUUID()
      const name = `.check-${text}`
      const hash = createHash('sha256').update(text).digest('hex')
      try {
        await calls.put(name, { body: Buffer.from(text), bytes: text.length, hash })
        doing = 'read'
        if ((await textOf(await calls.get(name, null))) !== text) throw otherThan('what was written')
        doing = 'remove'
        await calls.remove(name)
        // Whoever may not list is told that what is not there is forbidden: then nothing would ever count as gone.
        doing = 'list'
        const left = await calls.get(name, null)
        left?.destroy()
      } catch (error) {
        throw refusal(error, doing, place)
      }
    },
  }
}

interface Body {
  body: Uint8Array | (() => Readable)
  bytes: number
  hash: string
}

interface Calls {
  /** Null when nobody says. */
  lengthOf(name: string): Promise<number | null>
  put(name: string, body: Body): Promise<void>
  get(name: string, range: Range | null): Promise<Readable | null>
  remove(name: string): Promise<void>
}

function createCalls(place: S3Place, clock: Time): Calls {
  const requests = createS3Requests(clock)
  const send = (asked: Omit<Asked, 'url'> & { name: string; bodyHash: string }): Promise<Answered> => {
    const { name, bodyHash, ...rest } = asked
    const url = addressOf(place, name)
    const headers = signedHeaders({ ...rest, url, bodyHash }, { ...place, keys: place, nowMs: clock.now() })
    return requests.send({ ...rest, url, headers })
  }
  const nothing = { headers: {}, bodyHash: emptyHash }
  return {
    async lengthOf(name) {
      const answer = await send({ method: 'HEAD', name, ...nothing }).catch(noAnswer)
      answer?.body.resume()
      const length = answer?.headers['content-length']
      return typeof length === 'string' ? Number(length) : null
    },
    async put(name, { body, bytes, hash }) {
      const headers = { 'content-length': String(bytes), 'content-type': 'application/octet-stream' }
      await drained(await send({ method: 'PUT', name, headers, bodyHash: hash, body }))
    },
    async get(name, range) {
      const headers: Record<string, string> = range === null ? {} : { range: `bytes=${range.start}-${range.end}` }
      const answer = await send({ method: 'GET', name, ...nothing, headers }).catch(ifMissing)
      if (answer === null) return null
      if (answer.status === (range === null ? 200 : 206)) return answer.body
      answer.body.destroy()
      throw otherThan('the part that was asked for')
    },
    async remove(name) {
      const answer = await send({ method: 'DELETE', name, ...nothing }).catch(ifMissing)
      if (answer !== null) await drained(answer)
    },
  }
}

/** Read to its end, so that its connection serves the next request. */
async function drained({ body }: Answered): Promise<void> {
  for await (const _ of body);
}

async function textOf(body: Readable | null): Promise<string> {
  let text = ''
  for await (const piece of body ?? []) text += String(piece)
  return text
}

function otherThan(what: string): S3Trouble {
  return new S3Trouble('GET', { status: 200, code: `other than ${what}`, region: null })
}

function noAnswer(error: unknown): null {
  if (error instanceof S3Trouble) return null
  throw error
}

/** A missing bucket is no missing object. */
function ifMissing(error: unknown): null {
  if (error instanceof S3Trouble && error.status === 404 && error.code !== 'NoSuchBucket') return null
  throw error
}

/** Exported for its test: a bucket in the host name needs a name server. */
export function addressOf({ endpoint, bucket, prefix, pathStyle }: S3Place, name: string): URL {
  const url = new URL(endpoint)
  if (!pathStyle) url.hostname = `${bucket}.${url.hostname}`
  const parts = [url.pathname.replace(/^\/+|\/+$/g, ''), pathStyle ? bucket : '', prefix, name]
  url.pathname = escapedPath(`/${parts.filter((part) => part !== '').join('/')}`)
  return url
}

async function patiently<Result>(clock: Time, work: () => Promise<Result>): Promise<Result> {
  for (const waitMs of againAfterMs) {
    try {
      return await work()
    } catch (error) {
      if (!isPassing(error)) throw error
    }
    await clock.sleep(waitMs)
  }
  return work()
}
