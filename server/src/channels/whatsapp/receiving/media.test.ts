/** Files as they come: opened while they stream, from one host only, and never taken for what they are not. */
import { createCipheriv, createHash, createHmac, randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { getMediaKeys } from 'baileys'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createMedia, type MediaOptions, type SealedFile } from './media.ts'

const source = { message: { key: {} }, again: () => null }
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest()

/** As phones do it. */
async function sealed(plain: Buffer, kind: SealedFile['kind'] = 'image') {
  const mediaKey = randomBytes(32)
  const { iv, cipherKey, macKey } = await getMediaKeys(mediaKey, kind)
  const cipher = createCipheriv('aes-256-cbc', cipherKey, iv)
  const body = Buffer.concat([cipher.update(plain), cipher.final()])
  const mac = createHmac('sha256', macKey ?? '').update(iv)
  const octets = Buffer.concat([body, mac.update(body).digest().subarray(0, 10)])
  const hashes = { fileSha256: sha256(plain), fileEncSha256: sha256(octets) }
  return { octets, facts: { directPath: '/v/a.enc?oh=1', mediaKey, fileLength: plain.length, ...hashes }, kind }
}

interface Come {
  kind: SealedFile['kind']
  facts: SealedFile['facts']
}

function fileOf({ kind, facts }: Come): SealedFile {
  return { kind, facts, mimeType: 'image/jpeg', filename: null, voiceNote: false }
}

/** In pieces of any size. */
function inPieces(octets: Buffer, size = 1_000): Readable {
  const starts = Array.from({ length: Math.ceil(octets.length / size) }, (_, nth) => nth * size)
  return Readable.from(starts.map((start) => octets.subarray(start, start + size)))
}

async function read(octets: Buffer, come: Come, size?: number): Promise<Buffer> {
  const media = createMedia({ host: 'media.test', get: async () => ({ status: 200, body: inPieces(octets, size) }) })
  const stream = await media.open(fileOf(come), source).open()
  return Buffer.concat(await stream.toArray())
}

const plain = randomBytes(50_003)

test('a file of any length in pieces of any size is the one that was sent', async () => {
  const kinds = fc.constantFrom<SealedFile['kind']>('image', 'video', 'audio', 'document', 'sticker')
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 200 }),
      fc.integer({ min: 1, max: 64 }),
      kinds,
      async (bytes, size, kind) => {
        const { octets, ...come } = await sealed(Buffer.from(bytes), kind)
        expect(await read(octets, come, size)).toEqual(Buffer.from(bytes))
      },
    ),
  )
})

test('it is told by what its message says, whatever that is worth', async () => {
  const { facts, kind } = await sealed(plain)
  const media = createMedia({ host: 'media.test', get: async () => Promise.reject(new Error('Not asked.')) })
  const open = (fileLength: unknown) => media.open(fileOf({ kind, facts: { ...facts, fileLength } }), source)
  const lengths = [7, { low: 7, high: 1, unsigned: true }, -7, Number.NaN, 'seven', { low: 0, high: -1 }, null]
  expect(lengths.map((length) => open(length).bytes)).toEqual([7, 4_294_967_303, null, null, null, null, null])
  expect(open(1)).toMatchObject({ mimeType: 'image/jpeg', filename: null, voiceNote: false })
})

test('without a length or hashes the seal is proof enough', async () => {
  const { octets, kind, facts } = await sealed(plain)
  const { directPath, mediaKey } = facts
  expect((await read(octets, { kind, facts: { directPath, mediaKey } })).equals(plain)).toBe(true)
  await expect(read(flipped(octets, 3), { kind, facts: { directPath, mediaKey } })).rejects.toThrow('seal is broken')
})

function flipped(octets: Buffer, at: number): Buffer {
  const other = Buffer.from(octets)
  other.writeUInt8(other.readUInt8(at) ^ 1, at)
  return other
}

describe('a file is an error', () => {
  test.each<[string, (octets: Buffer) => Buffer, RegExp]>([
    ['when an octet is another', (octets) => flipped(octets, 1_000), /seal is broken/],
    ['when its proof is another', (octets) => flipped(octets, octets.length - 1), /seal is broken/],
    ['when its end is missing', (octets) => octets.subarray(0, -16), /seal is broken/],
    ['when next to nothing comes', () => Buffer.from('seven'), /seal is broken/],
    ['when nothing comes', () => Buffer.alloc(0), /seal is broken/],
    ['when more comes than was told', (octets) => Buffer.concat([octets, Buffer.alloc(32)]), /larger than/],
  ])('%s', async (_, change, words) => {
    const { octets, ...come } = await sealed(plain)
    await expect(read(change(octets), come)).rejects.toThrow(words)
  })

  test.each<[string, SealedFile['facts'], RegExp]>([
    ['when it is longer than its message says', { fileLength: plain.length - 20 }, /larger than/],
    ['when it is a little longer than its message says', { fileLength: plain.length - 1 }, /tells of/],
    ['when it is shorter than its message says', { fileLength: plain.length + 20 }, /tells of/],
    ['when it has another hash', { fileSha256: Buffer.alloc(32) }, /tells of/],
    ['when it has another hash before it is opened', { fileEncSha256: Buffer.alloc(32) }, /tells of/],
    ['when its key is another', { mediaKey: Buffer.alloc(32, 1) }, /seal is broken/],
    ['when its key is missing', { mediaKey: null }, /no key/],
    ['when its key is too short', { mediaKey: Buffer.alloc(31) }, /no key/],
    ['when its message does not say where it is', { directPath: null }, /where its file is/],
  ])('%s', async (_, facts, words) => {
    const { octets, ...come } = await sealed(plain)
    await expect(read(octets, { ...come, facts: { ...come.facts, ...facts } })).rejects.toThrow(words)
  })

  test('when it breaks off, and when its host refuses it', async () => {
    const { facts, kind } = await sealed(plain)
    async function* broken() {
      yield Buffer.alloc(100)
      throw new Error('The line is dead.')
    }
    const dead: MediaOptions['get'] = async () => ({ status: 200, body: Readable.from(broken()) })
    const stream = await createMedia({ host: 'media.test', get: dead }).open(fileOf({ kind, facts }), source).open()
    await expect(stream.toArray()).rejects.toThrow('The line is dead.')
    const body = inPieces(plain)
    const refuse: MediaOptions['get'] = async () => ({ status: 503, body })
    const refused = createMedia({ host: 'media.test', get: refuse }).open(fileOf({ kind, facts }), source)
    await expect(refused.open()).rejects.toThrow('WhatsApp answered 503')
    expect(body.destroyed).toBe(true)
  })
})

test('nothing is read any more once whoever reads has gone, though its host hangs', async () => {
  const { facts, kind } = await sealed(plain)
  const body = new Readable({ read: () => undefined })
  const media = createMedia({ host: 'media.test', get: async () => ({ status: 200, body }) })
  const stream = await media.open(fileOf({ kind, facts }), source).open()
  stream.destroy()
  await expect.poll(() => body.destroyed).toBe(true)
})

test('a length that is exceeded ends the reading at once', async () => {
  const { facts, kind } = await sealed(plain)
  let pieces = 0
  const endless = new Readable({
    read() {
      pieces += 1
      this.push(Buffer.alloc(1_000))
    },
  })
  const media = createMedia({ host: 'media.test', get: async () => ({ status: 200, body: endless }) })
  const stream = await media.open(fileOf({ kind, facts: { ...facts, fileLength: 5_000 } }), source).open()
  await expect(stream.toArray()).rejects.toThrow('larger than')
  expect(endless.destroyed).toBe(true)
  expect(pieces).toBeLessThan(200)
})

describe('the place of a file', () => {
  async function asked(directPath: unknown, host = 'media.test:8443') {
    const urls: string[] = []
    const { facts, kind } = await sealed(plain)
    const get: MediaOptions['get'] = async (url) => {
      urls.push(url)
      throw new Error('Enough.')
    }
    const url = 'https://169.254.169.254/latest'
    const file = fileOf({ kind, facts: { ...facts, directPath, ...{ url } } })
    const open = createMedia({ host, get }).open(file, source).open()
    await expect(open).rejects.toThrow()
    return urls
  }

  test('is a path at WhatsApp’s own host', async () => {
    expect(await asked('/v/t62/a.enc?oh=1&_nc=2')).toEqual(['https://media.test:8443/v/t62/a.enc?oh=1&_nc=2'])
    expect(await asked('/../../a.enc')).toEqual(['https://media.test:8443/a.enc'])
  })

  test.each([
    '@127.0.0.1/a.enc',
    '.evil.test/a.enc',
    ':80/a.enc',
    '//127.0.0.1/a.enc',
    '/\\127.0.0.1/a.enc',
    '/\t/127.0.0.1/a.enc',
    'https://127.0.0.1/a.enc',
    '',
    5,
  ])('is nowhere else: %s', async (directPath) => {
    expect(await asked(directPath)).toEqual([])
  })
})

describe('a file that is gone', () => {
  async function gone(reupload?: MediaOptions['reupload'], renewed: SealedFile['facts'] | null = {}) {
    const { octets, facts, kind } = await sealed(plain)
    const urls: string[] = []
    const get: MediaOptions['get'] = async (url) => {
      urls.push(new URL(url).pathname)
      const isThere = url.includes('/new')
      return { status: isThere ? 200 : 410, body: isThere ? inPieces(octets) : Readable.from([]) }
    }
    const again = () => (renewed === null ? null : fileOf({ kind, facts: { ...facts, ...renewed } }))
    const media = createMedia({ host: 'media.test', get, reupload })
    const opened = media.open(fileOf({ kind, facts }), { ...source, again }).open()
    const bytes = await opened
      .then(async (stream) => Buffer.concat(await stream.toArray()))
      .catch(({ message }) => message)
    return { urls, bytes }
  }

  test('is an error that says so when nobody can be asked', async () => {
    expect(await gone()).toEqual({ urls: ['/v/a.enc'], bytes: 'The file is gone from WhatsApp.' })
  })

  test('is asked for once from whoever sent it', async () => {
    const { urls, bytes } = await gone(async (message) => message, { directPath: '/new.enc' })
    expect([urls, plain.equals(bytes)]).toEqual([['/v/a.enc', '/new.enc'], true])
    expect(await gone(async (message) => message)).toEqual({
      urls: ['/v/a.enc', '/v/a.enc'],
      bytes: 'The file is gone from WhatsApp.',
    })
    expect((await gone(async (message) => message, null)).urls).toEqual(['/v/a.enc'])
    expect((await gone(() => Promise.reject(new Error('They refuse.')))).bytes).toBe('They refuse.')
  })
})
