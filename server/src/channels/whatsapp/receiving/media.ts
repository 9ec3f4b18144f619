/** Files of messages: fetched from WhatsApp's own host, whatever the message says, and opened while they come in. */
import {
  createDecipheriv,
  createHash,
  createHmac,
  type Decipheriv,
  type Hash,
  type Hmac,
  timingSafeEqual,
} from 'node:crypto'
import { pipeline, type Readable, Transform } from 'node:stream'
import { getMediaKeys, type MediaType, type WAMessage } from 'baileys'
import type { IncomingMedia } from '../../connector.ts'
import { bytesIn, countIn, textIn } from './values.ts'

/** What a message says of a file; any of it may be missing or untrue. */
export interface SealedFile {
  /** The keys of each kind are others. */
  kind: MediaType & ('image' | 'video' | 'audio' | 'document' | 'sticker')
  mimeType: string
  filename: string | null
  voiceNote: boolean
  facts: {
    directPath?: unknown
    mediaKey?: unknown
    fileLength?: unknown
    fileSha256?: unknown
    fileEncSha256?: unknown
  }
}

export interface Source {
  message: WAMessage
  /** The same file in the message that came back from whoever sent it, who has put it there once more. */
  again(message: WAMessage): SealedFile | null
}

export interface Media {
  open(file: SealedFile, source: Source): IncomingMedia
}

export interface MediaOptions {
  /** With its port, if it has one. */
  host: string
  /** Follows no redirects, and has limits of its own in time. */
  get(url: string): Promise<{ status: number; body: Readable }>
  /** Asks whoever sent it for a file that is gone. */
  reupload?(message: WAMessage): Promise<WAMessage>
}

const macBytes = 10
const blockBytes = 16
const keyBytes = 32
const goneStatuses: ReadonlySet<number> = new Set([404, 410])

export function createMedia(options: MediaOptions): Media {
  return {
    open(file, source) {
      const { mimeType, filename, voiceNote, facts } = file
      return {
        mimeType,
        filename,
        voiceNote,
        bytes: countIn(facts.fileLength),
        open: () => open(options, file, source),
      }
    },
  }
}

async function open(options: MediaOptions, file: SealedFile, source: Source): Promise<Readable> {
  const first = await fetchOne(options, file)
  if (first !== 'gone') return first
  const { reupload } = options
  const there = reupload === undefined ? null : source.again(await reupload(source.message))
  const second = there === null ? 'gone' : await fetchOne(options, there)
  if (second === 'gone') throw new Error('The file is gone from WhatsApp.')
  return second
}

async function fetchOne({ host, get }: MediaOptions, { kind, facts }: SealedFile): Promise<Readable | 'gone'> {
  const mediaKey = bytesIn(facts.mediaKey)
  if (mediaKey?.length !== keyBytes) throw new Error('The message has no key to its file.')
  const { iv, cipherKey, macKey } = await getMediaKeys(mediaKey, kind)
  if (!macKey) throw new Error('The key of the file proves nothing.')
  const { status, body } = await get(urlOf(host, facts.directPath))
  if (status !== 200) {
    body.destroy()
    if (goneStatuses.has(status)) return 'gone'
    throw new Error(`WhatsApp answered ${status} for the file.`)
  }
  return unsealed(body, new Seal({ iv, cipherKey, macKey }, facts))
}

/** The sender chooses the path and nothing else: a URL or a path that leads to another host is refused. */
function urlOf(host: string, directPath: unknown): string {
  const root = `https://${host}`
  const path = textIn(directPath) ?? ''
  const url = path.startsWith('/') ? URL.parse(path, root) : null
  if (url === null || url.origin !== new URL(root).origin)
    throw new Error('The message does not say where its file is.')
  return url.href
}

function unsealed(body: Readable, seal: Seal): Readable {
  const plain = new Transform({
    transform(chunk: Buffer, _, done) {
      attempt(done, () => seal.take(chunk))
    },
    flush(done) {
      attempt(done, () => seal.end())
    },
  })
  // Whoever reads it hears of what goes wrong from the stream itself.
  pipeline(body, plain, () => {})
  return plain
}

function attempt(done: (error: Error | null, data?: Buffer) => void, work: () => Buffer): void {
  try {
    done(null, work())
  } catch (error) {
    done(error instanceof Error ? error : new Error('The file could not be decrypted.'))
  }
}

/**
 * AES-256 in CBC mode, then ten bytes that prove both who sealed it and that all of it is there. What was read is
 * handed over before that is known, so a file counts only when it came to its end.
 */
class Seal {
  readonly #decipher: Decipheriv
  readonly #mac: Hmac
  readonly #sealedHash: Hash = createHash('sha256')
  readonly #plainHash: Hash = createHash('sha256')
  readonly #facts: SealedFile['facts']
  readonly #plainBytes: number | null
  readonly #sealedMax: number
  #taken = 0
  #given = 0
  /** It may be the proof: it stays behind until something follows it. */
  #tail: Buffer = Buffer.alloc(0)

  constructor(keys: { iv: Uint8Array; cipherKey: Uint8Array; macKey: Uint8Array }, facts: SealedFile['facts']) {
    this.#decipher = createDecipheriv('aes-256-cbc', keys.cipherKey, keys.iv)
    this.#mac = createHmac('sha256', keys.macKey).update(keys.iv)
    this.#facts = facts
    this.#plainBytes = countIn(facts.fileLength)
    const blocks = Math.floor((this.#plainBytes ?? Number.POSITIVE_INFINITY) / blockBytes) + 1
    this.#sealedMax = blocks * blockBytes + macBytes
  }

  take(chunk: Buffer): Buffer {
    this.#taken += chunk.length
    if (this.#taken > this.#sealedMax) throw new Error('The file is larger than its message says.')
    this.#sealedHash.update(chunk)
    const all = Buffer.concat([this.#tail, chunk])
    const end = Math.max(0, all.length - macBytes)
    this.#tail = all.subarray(end)
    const sealed = all.subarray(0, end)
    this.#mac.update(sealed)
    return this.#give(this.#decipher.update(sealed))
  }

  end(): Buffer {
    const mac = this.#mac.digest().subarray(0, macBytes)
    if (this.#tail.length !== macBytes || !timingSafeEqual(mac, this.#tail))
      throw new Error('The file is not the one that was sent: its seal is broken.')
    const last = this.#give(this.#decipher.final())
    const isWhole = this.#plainBytes === null || this.#given === this.#plainBytes
    const { fileSha256, fileEncSha256 } = this.#facts
    if (!isWhole || !isHash(fileEncSha256, this.#sealedHash) || !isHash(fileSha256, this.#plainHash))
      throw new Error('The file is not the one that its message tells of.')
    return last
  }

  #give(plain: Buffer): Buffer {
    this.#given += plain.length
    this.#plainHash.update(plain)
    return plain
  }
}

/** A message may leave a hash out: the seal proves as much to whoever has the key. */
function isHash(told: unknown, hash: Hash): boolean {
  const bytes = bytesIn(told)
  return bytes === null || bytes.length === 0 || hash.digest().equals(bytes)
}
