/** Where encrypted files lie: taken and given over HTTPS, and the keys to them are in the messages. */
import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import { getMediaKeys, type MediaType } from 'baileys'
import { close, listen } from '../listening.ts'
import type { FaultState } from './faults.ts'
import type { Certificate } from './wire/certificate.ts'

export interface MediaHost {
  /** With its port. */
  readonly host: string
  readonly port: number
  /** A person's phone puts a file there. */
  put(kind: MediaType, plain: Buffer): Promise<MediaFile>
  /** A person's phone fetches one and reads it. Null: it is gone, or not what the message says. */
  get(kind: MediaType, file: Partial<Record<keyof MediaFile, unknown>>): Promise<Buffer | null>
  /** Puts there what everybody may see, and says where it lies. */
  publish(image: Buffer): string
  stop(): Promise<void>
}

/** The fields of a message that say where a file lies and how to read it. */
export interface MediaFile {
  url: string
  directPath: string
  mediaKey: Uint8Array
  fileSha256: Uint8Array
  fileEncSha256: Uint8Array
  fileLength: number
}

const fileBytesMax = 64 * 1_024 * 1_024
const keptBytesMax = 256 * 1_024 * 1_024
const macBytes = 10

/** `former`: where it was the last time, which is in the settings of lines; if somebody else is there now, elsewhere. */
export async function openMediaHost(certificate: Certificate, faults: FaultState, former = 0): Promise<MediaHost> {
  const files = new Files()
  const server = createServer({ ...certificate, requestTimeout: 60_000 }, (request, response) => {
    void (request.method === 'POST' ? upload(files, faults, request, response) : download(files, request, response))
  })
  server.maxConnections = 200
  server.on('tlsClientError', (_error, socket) => socket.destroy())
  const port = await listen(server, former).catch((error: unknown) => {
    if (former === 0) throw error
    return listen(server, 0)
  })
  const host = `127.0.0.1:${port}`
  files.host = host
  return {
    ...{ host, port },
    async put(kind, plain) {
      const mediaKey = randomBytes(32)
      const sealed = await seal(kind, plain, mediaKey)
      const { url, directPath } = files.put(sealed)
      const hashes = { fileSha256: sha256(plain), fileEncSha256: sha256(sealed) }
      return { url, directPath, mediaKey, ...hashes, fileLength: plain.length }
    },
    async get(kind, { directPath, mediaKey, fileSha256 }) {
      const sealed = typeof directPath === 'string' ? files.get(directPath.split('?')[0] ?? '') : undefined
      if (sealed === undefined || !(mediaKey instanceof Uint8Array) || !(fileSha256 instanceof Uint8Array)) return null
      const plain = await open(kind, sealed, mediaKey)
      return plain !== null && sha256(plain).equals(fileSha256) ? plain : null
    },
    publish: (image) => files.put(image).url,
    stop: () => close(server),
  }
}

class Files {
  host = ''
  readonly #kept = new Map<string, Buffer>()
  #bytes = 0

  put(sealed: Buffer): { url: string; directPath: string } {
    const directPath = `/v/t62.7118-24/${sha256(sealed).toString('base64url')}.enc`
    if (!this.#kept.has(directPath)) this.#bytes += sealed.length
    this.#kept.set(directPath, sealed)
    for (const [oldest, { length }] of this.#kept) {
      if (this.#bytes <= keptBytesMax) break
      this.#kept.delete(oldest)
      this.#bytes -= length
    }
    return { url: `https://${this.host}${directPath}`, directPath }
  }

  get(path: string): Buffer | undefined {
    return this.#kept.get(path)
  }
}

async function upload(files: Files, faults: FaultState, request: IncomingMessage, response: ServerResponse) {
  const name = pathOf(request).split('/').at(-1) ?? ''
  const body = await bodyOf(request)
  if (body === null) return void response.writeHead(413, { connection: 'close' }).end()
  if (faults.refusesUploads) return void response.writeHead(503).end('{}')
  // The name of a file is the hash of what was encrypted.
  if (sha256(body).toString('base64url') !== decodeURIComponent(name).replace(/=+$/, ''))
    return void response.writeHead(400).end('{}')
  const { url, directPath } = files.put(body)
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ url, direct_path: directPath }))
}

function download(files: Files, request: IncomingMessage, response: ServerResponse): void {
  const body = files.get(pathOf(request))
  if (body === undefined) return void response.writeHead(404).end()
  response.writeHead(200, { 'content-length': body.length, 'content-type': 'application/octet-stream' }).end(body)
}

function pathOf({ url = '/' }: IncomingMessage): string {
  return url.split('?')[0] ?? '/'
}

async function bodyOf(request: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      bytes += chunk.length
      if (bytes > fileBytesMax) return null
      chunks.push(chunk)
    }
    return Buffer.concat(chunks)
  } catch {
    return null
  }
}

async function seal(kind: MediaType, plain: Buffer, mediaKey: Uint8Array): Promise<Buffer> {
  const { iv, cipherKey, macKey = Buffer.alloc(0) } = await getMediaKeys(mediaKey, kind)
  const cipher = createCipheriv('aes-256-cbc', cipherKey, iv)
  const sealed = Buffer.concat([cipher.update(plain), cipher.final()])
  return Buffer.concat([sealed, macOf(macKey, iv, sealed)])
}

/** Null when it is not what this key has sealed. */
async function open(kind: MediaType, sealed: Buffer, mediaKey: Uint8Array): Promise<Buffer | null> {
  const { iv, cipherKey, macKey = Buffer.alloc(0) } = await getMediaKeys(mediaKey, kind)
  const body = sealed.subarray(0, -macBytes)
  if (!macOf(macKey, iv, body).equals(sealed.subarray(-macBytes))) return null
  const decipher = createDecipheriv('aes-256-cbc', cipherKey, iv)
  return Buffer.concat([decipher.update(body), decipher.final()])
}

function macOf(key: Uint8Array, iv: Uint8Array, body: Uint8Array): Buffer {
  return createHmac('sha256', key).update(iv).update(body).digest().subarray(0, macBytes)
}

function sha256(data: Uint8Array): Buffer {
  return createHash('sha256').update(data).digest()
}
