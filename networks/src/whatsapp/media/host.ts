/** Where encrypted files lie: taken and given over HTTPS, and the keys to them are in the messages. */
import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { MediaType } from 'baileys'
import { close, listen } from '../../listening.ts'
import type { FaultState } from '../faults.ts'
import type { Certificate } from '../wire/certificate.ts'
import { handOut, spoil } from './downloads.ts'
import { Files } from './files.ts'
import { open, seal, sha256 } from './sealing.ts'

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
  /** What lies there is gone, and from the phones as well if it is for good. False when it is not there. */
  lose(directPath: string, isForGood: boolean): boolean
  /** A phone uploads anew what it has; null when it has not. */
  renew(directPath: string): string | null
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

/** Sealed, a file of the largest size that phones send is a little more. */
const fileBytesMax = 101 * 1_024 * 1_024

/** `former`: where it was the last time, which is in the settings of lines; if somebody else is there now, elsewhere. */
export async function openMediaHost(certificate: Certificate, faults: FaultState, former = 0): Promise<MediaHost> {
  const files = new Files()
  const server = createServer({ ...certificate, requestTimeout: 60_000 }, (request, response) => {
    void (request.method === 'POST' ? upload : download)(files, faults, request, response)
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
    lose: (path, isForGood) => files.lose(path, isForGood),
    renew: (path) => files.renew(path),
    stop: () => close(server),
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

function download(files: Files, faults: FaultState, request: IncomingMessage, response: ServerResponse): void {
  const path = pathOf(request)
  const body = files.get(path)
  if (body === undefined) return void response.writeHead(files.isLost(path) ? 410 : 404).end()
  const how = faults.spoiledNext.shift()
  if (how === undefined) handOut(body, response)
  else {
    faults.spoiled += 1
    spoil(how, body, response)
  }
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
