/** An S3 server with one bucket: believes no signature that it has not worked out itself, by a library that is not ours. */
import { createHash, timingSafeEqual } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtemp, rename, rm, stat } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { AwsV4Signer } from 'aws4fetch'
import type { S3Place } from '../../src/media/storage/s3.ts'

/** A status; the connection broken, to GET halfway; no answer at all; half of a body and then silence. */
type Fault = number | 'reset' | 'hang' | 'stall'

export interface S3Server {
  /** How it is reached, with keys that it knows. */
  place: S3Place
  /** What lies in the bucket. */
  names(): string[]
  /** `PUT name` and so on, the refused ones too. */
  asked: string[]
  /** One for each of the next requests; null leaves one out. */
  fail(...faults: (Fault | null)[]): void
  /** From now on to every request of this method. */
  forbid(method: string): void
  /** Called with each piece of a body that arrives. */
  onPiece: () => void
  close(): Promise<void>
}

class Refusal extends Error {
  readonly status: number
  constructor(status: number, code: string) {
    super(code)
    this.status = status
  }
}

const keys = { accessKeyId: 'AKIATESTS', secretAccessKey: 'a/secret+of=tests', sessionToken: null }
const skewMs = 15 * 60_000

export async function openS3Server(given: Partial<S3Place> = {}): Promise<S3Server> {
  const dir = await mkdtemp(join(tmpdir(), 's3-'))
  const objects = new Set<string>()
  const faults: (Fault | null)[] = []
  const forbidden = new Set<string>()
  const bucket = { objects, pathOf: (name: string) => join(dir, createHash('sha256').update(name).digest('hex')) }

  const server = createServer((request, response) => {
    void answer(request, response).catch((error: unknown) => refuse(response, error))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const place: S3Place = {
    ...{ endpoint, region: 'eu-test-1', bucket: 'media', prefix: '', pathStyle: true },
    ...keys,
    ...given,
  }

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '' } = request
    const [, named = '', name = ''] = /^\/([^/?]+)\/?([^?]*)/.exec(request.url ?? '') ?? []
    const key = decodeURIComponent(name)
    s3.asked.push(`${method} ${key}`)
    const fault = faults.shift() ?? null
    if (fault === 'hang') return
    if (fault === 'reset' && method !== 'GET') return void request.socket.resetAndDestroy()
    if (typeof fault === 'number') throw new Refusal(fault, fault >= 500 ? 'InternalError' : 'AccessDenied')
    await checkSignature(request, place)
    if (forbidden.has(method)) throw new Refusal(403, 'AccessDenied')
    if (named !== place.bucket) throw new Refusal(404, 'NoSuchBucket')
    if (method === 'PUT') return put(bucket, { key, request, response, onPiece: () => s3.onPiece() })
    if (method === 'DELETE') {
      objects.delete(key)
      return void response.writeHead(204).end()
    }
    if (!objects.has(key))
      throw new Refusal(forbidden.has('LIST') ? 403 : 404, forbidden.has('LIST') ? 'AccessDenied' : 'NoSuchKey')
    await get(bucket.pathOf(key), { request, response, fault })
  }

  const s3: S3Server = {
    place,
    names: () => [...objects].sort(),
    asked: [],
    fail: (...some) => void faults.push(...some),
    forbid: (method) => void forbidden.add(method),
    onPiece: () => undefined,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await rm(dir, { recursive: true })
    },
  }
  return s3
}

function refuse(response: ServerResponse, error: unknown): void {
  if (response.headersSent || response.destroyed) return void response.destroy()
  const [status, code] = error instanceof Refusal ? [error.status, error.message] : [500, String(error)]
  response.req.resume()
  response.writeHead(status, { 'content-type': 'application/xml', connection: 'close' })
  response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>No.</Message></Error>`)
}

/** Everything that begins with x-amz- is signed, and so is where it goes. */
async function checkSignature({ headers, method, url }: IncomingMessage, place: S3Place): Promise<void> {
  const { region, accessKeyId, secretAccessKey, sessionToken } = place
  const pattern =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/
  const [, id, day, named, list = '', signature = ''] = pattern.exec(headers.authorization ?? '') ?? []
  const datetime = String(headers['x-amz-date'])
  if (id === undefined || day !== datetime.slice(0, 8)) throw new Refusal(403, 'AccessDenied')
  if (id !== accessKeyId) throw new Refusal(403, 'InvalidAccessKeyId')
  if (named !== region) throw new Refusal(400, 'AuthorizationHeaderMalformed')
  const signed = list.split(';')
  const due = ['host', ...Object.keys(headers).filter((name) => name.startsWith('x-amz-'))]
  if (!due.every((name) => signed.includes(name))) throw new Refusal(403, 'AccessDenied')
  if (sessionToken !== null && headers['x-amz-security-token'] !== sessionToken) throw new Refusal(403, 'InvalidToken')
  const at = Date.parse(datetime.replace(/^(....)(..)(..T..)(..)(..Z)$/, '$1-$2-$3:$4:$5'))
  if (!(Math.abs(Date.now() - at) < skewMs)) throw new Refusal(403, 'RequestTimeTooSkewed')
  const others = signed.filter((name) => name !== 'host').map((name) => [name, String(headers[name] ?? '')] as const)
  const signer = new AwsV4Signer({
    ...{ method, url: `http://${headers.host}${url}`, headers: Object.fromEntries(others) },
    ...{ accessKeyId, secretAccessKey, service: 's3', region, datetime, allHeaders: true },
  })
  const right = Buffer.from(await signer.signature())
  if (!timingSafeEqual(right, Buffer.from(signature))) throw new Refusal(403, 'SignatureDoesNotMatch')
}

interface Bucket {
  objects: Set<string>
  pathOf(name: string): string
}

interface Put {
  key: string
  request: IncomingMessage
  response: ServerResponse
  onPiece: () => void
}

async function put({ objects, pathOf }: Bucket, { key, request, response, onPiece }: Put): Promise<void> {
  if (request.headers['content-length'] === undefined) throw new Refusal(411, 'MissingContentLength')
  const hash = createHash('sha256')
  const through = new Transform({
    transform(piece, _, done) {
      hash.update(piece)
      onPiece()
      done(null, piece)
    },
  })
  const path = pathOf(key)
  await pipeline(request, through, createWriteStream(`${path}.part`))
  if (hash.digest('hex') !== request.headers['x-amz-content-sha256'])
    throw new Refusal(400, 'XAmzContentSHA256Mismatch')
  await rename(`${path}.part`, path)
  objects.add(key)
  response.writeHead(200).end()
}

interface Get {
  request: IncomingMessage
  response: ServerResponse
  fault: Fault | null
}

async function get(path: string, { request, response, fault }: Get): Promise<void> {
  const { size } = await stat(path)
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []
  const isPart = first !== undefined && last !== undefined
  const [start, end] = isPart ? [Number(first), Math.min(Number(last), size - 1)] : [0, size - 1]
  if (isPart && start >= size) throw new Refusal(416, 'InvalidRange')
  const part = isPart ? { 'content-range': `bytes ${start}-${end}/${size}` } : {}
  response.writeHead(isPart ? 206 : 200, { 'content-length': end - start + 1, ...part })
  if (request.method === 'HEAD' || size === 0) return void response.end()
  if (fault === null) return pipeline(createReadStream(path, { start, end }), response)
  await pipeline(createReadStream(path, { start, end: Math.floor((start + end) / 2) }), response, { end: false })
  // With everything that was written so far, so that it is the middle that it breaks in.
  if (fault === 'reset') request.socket.destroySoon()
}
