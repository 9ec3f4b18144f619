/** Any Opus stream in Ogg comes out of the CAF file packet by packet; whatever is damaged is refused whole. */
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CafTooLarge, wrapInCaf } from './caf.ts'
import { NotOggOpus } from './ogg.ts'

let dir = ''
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'switchboard-caf-'))
})
afterAll(() => rm(dir, { recursive: true, force: true }))

/** Bit by bit, as the specification words it. */
function checksum(page: Buffer): number {
  let sum = 0
  for (const byte of page) {
    sum ^= byte << 24
    for (let bit = 0; bit < 8; bit++) sum = sum < 0 ? (sum << 1) ^ 0x04c11db7 : sum << 1
  }
  return sum >>> 0
}

interface PageOf {
  flags: number
  granule: bigint
  sequence: number
  lacing: number[]
  body: Buffer
}

function page({ flags, granule, sequence, lacing, body }: PageOf): Buffer {
  const header = Buffer.alloc(27)
  header.write('OggS')
  header[5] = flags
  header.writeBigInt64LE(granule, 6)
  header.writeUInt32LE(7, 14)
  header.writeUInt32LE(sequence, 18)
  header[26] = lacing.length
  const whole = Buffer.concat([header, Buffer.from(lacing), body])
  whole.writeUInt32LE(checksum(whole), 22)
  return whole
}

const lacingOf = (bytes: number) => [...Array<number>(Math.floor(bytes / 255)).fill(255), bytes % 255]

interface Stream {
  channels: number
  preSkip: number
  packets: Buffer[]
  /** Samples of the packets that are not to be heard at the end. */
  cut: number
  /** How many segments a page has: packets go on from one to the next. */
  segments: number
}

/** 20 ms of one frame, or 60 ms of three of them. */
const samplesOf = (packet: Buffer) => (packet[0] === 0x4b ? 3 * 960 : 960)

function oggOf({ channels, preSkip, packets, cut, segments }: Stream): Buffer {
  const head = Buffer.alloc(19)
  head.write('OpusHead')
  head[8] = 1
  head[9] = channels
  head.writeUInt16LE(preSkip, 10)
  const tags = Buffer.concat([Buffer.from('OpusTags'), Buffer.alloc(8)])
  const pages = [
    page({ flags: 2, granule: 0n, sequence: 0, lacing: [head.length], body: head }),
    page({ flags: 0, granule: 0n, sequence: 1, lacing: [tags.length], body: tags }),
  ]
  const lacing = packets.flatMap((packet, place) => lacingOf(packet.length).map((length) => ({ length, place })))
  const body = Buffer.concat(packets)
  let at = 0
  for (let first = 0; first < lacing.length; first += segments) {
    const own = lacing.slice(first, first + segments)
    const bytes = own.reduce((sum, { length }) => sum + length, 0)
    const last = first + segments >= lacing.length
    const ended = own.filter(({ length }) => length < 255).at(-1)
    const heard = packets.slice(0, (ended?.place ?? 0) + 1).reduce((sum, packet) => sum + samplesOf(packet), 0)
    const continued = lacing[first - 1]?.length === 255
    pages.push(
      page({
        flags: Number(continued) | (last ? 4 : 0),
        granule: ended === undefined ? -1n : BigInt(heard - (last ? cut : 0)),
        sequence: pages.length,
        lacing: own.map(({ length }) => length),
        body: body.subarray(at, at + bytes),
      }),
    )
    at += bytes
  }
  return Buffer.concat(pages)
}

interface Caf {
  rate: number
  format: string
  framesPerPacket: number
  channels: number
  valid: number
  priming: number
  remainder: number
  frames: number[]
  packets: Buffer[]
}

/** As any reader would: chunk by chunk. */
function readCaf(bytes: Buffer): Caf {
  expect(bytes.toString('hex', 0, 8)).toBe('6361666600010000')
  const chunks = new Map<string, Buffer>()
  for (let at = 8; at < bytes.length; ) {
    const size = Number(bytes.readBigInt64BE(at + 4))
    chunks.set(bytes.toString('latin1', at, at + 4), bytes.subarray(at + 12, at + 12 + size))
    at += 12 + size
    expect(at).toBeLessThanOrEqual(bytes.length)
  }
  expect([...chunks.keys()]).toEqual(['desc', 'chan', 'pakt', 'data'])
  const [desc, pakt, data] = [chunks.get('desc')!, chunks.get('pakt')!, chunks.get('data')!]
  const framesPerPacket = desc.readUInt32BE(20)
  const numbers: number[] = []
  for (let at = 24, value = 0; at < pakt.length; at++) {
    value = value * 128 + (pakt[at]! & 127)
    if (pakt[at]! & 128) continue
    numbers.push(value)
    value = 0
  }
  const stride = framesPerPacket === 0 ? 2 : 1
  const sizes = numbers.filter((_, place) => place % stride === 0)
  expect(sizes).toHaveLength(Number(pakt.readBigInt64BE(0)))
  const packets: Buffer[] = []
  let at = 4
  for (const size of sizes) {
    packets.push(data.subarray(at, at + size))
    at += size
  }
  expect(at).toBe(data.length)
  return {
    ...{ rate: desc.readDoubleBE(0), format: desc.toString('latin1', 8, 12), framesPerPacket },
    channels: desc.readUInt32BE(24),
    ...{ valid: Number(pakt.readBigInt64BE(8)), priming: pakt.readInt32BE(16), remainder: pakt.readInt32BE(20) },
    frames: framesPerPacket === 0 ? numbers.filter((_, place) => place % 2 === 1) : sizes.map(() => framesPerPacket),
    packets,
  }
}

async function wrap(ogg: Buffer, bytesMax = 1_000_000): Promise<Buffer> {
  const [path, out] = [join(dir, 'in'), join(dir, 'out')]
  await writeFile(path, ogg)
  await rm(out, { force: true })
  await wrapInCaf({ path, out, bytesMax })
  return readFile(out)
}

const packet = fc
  .tuple(fc.constantFrom(0x48, 0x48, 0x48, 0x4b), fc.integer({ min: 2, max: 1_300 }), fc.integer({ min: 0, max: 255 }))
  .map(([first, bytes, fill]) => {
    const whole = Buffer.alloc(bytes, fill)
    whole[0] = first
    whole[1] = first === 0x4b ? 3 : fill
    return whole
  })
const stream: fc.Arbitrary<Stream> = fc.record({
  channels: fc.constantFrom(1, 2),
  preSkip: fc.constantFrom(0, 312, 3_840),
  packets: fc.array(packet, { minLength: 1, maxLength: 30 }),
  cut: fc.integer({ min: 0, max: 900 }),
  segments: fc.integer({ min: 1, max: 255 }),
})

test('every packet comes out as it went in, with its length and what is not to be heard of it', async () => {
  await fc.assert(
    fc.asyncProperty(stream, async (one) => {
      const caf = readCaf(await wrap(oggOf(one)))
      const frames = one.packets.map(samplesOf)
      const total = frames.reduce((sum, length) => sum + length, 0)
      const priming = Math.min(one.preSkip, total)
      const remainder = Math.min(one.cut, Math.max(0, total - one.preSkip))
      expect(caf).toMatchObject({ rate: 48_000, format: 'opus', channels: one.channels, priming, remainder, frames })
      expect(caf.framesPerPacket).toBe(new Set(frames).size === 1 ? frames[0] : 0)
      expect(caf.valid).toBe(total - priming - remainder)
      expect(Buffer.concat(caf.packets).equals(Buffer.concat(one.packets))).toBe(true)
      expect(caf.packets.map(({ length }) => length)).toEqual(one.packets.map(({ length }) => length))
    }),
    { numRuns: 150 },
  )
})

const plain: Stream = {
  ...{ channels: 1, preSkip: 312, cut: 100, segments: 3 },
  packets: [80, 300, 255, 1, 900].map((bytes) => Buffer.alloc(bytes, 0x48)),
}

test('a stream with one bit turned, or cut off anywhere, is refused', async () => {
  const whole = oggOf(plain)
  await expect(wrap(whole)).resolves.toBeInstanceOf(Buffer)
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length * 8 - 1), async (place) => {
      const turned = Buffer.from(whole)
      turned[place >> 3]! ^= 1 << (place & 7)
      await expect(wrap(turned)).rejects.toBeInstanceOf(NotOggOpus)
      await expect(wrap(whole.subarray(0, place >> 3))).rejects.toBeInstanceOf(NotOggOpus)
      expect(existsSync(join(dir, 'out'))).toBe(false)
    }),
    { numRuns: 200 },
  )
})

test.each([
  ['nothing', Buffer.alloc(0)],
  ['another file', Buffer.from('RIFF....WAVEfmt ')],
  ['two streams, one after the other', Buffer.concat([oggOf(plain), oggOf(plain)])],
  ['bytes behind the end', Buffer.concat([oggOf(plain), Buffer.from('more')])],
  ['more channels than two', oggOf({ ...plain, channels: 6 })],
  ['a packet without a length', oggOf({ ...plain, packets: [Buffer.from([0x4b, 0])] })],
  ['an empty packet', oggOf({ ...plain, packets: [Buffer.alloc(0)] })],
  ['no packets', oggOf({ ...plain, packets: [] })],
  ['a packet larger than any can be', oggOf({ ...plain, segments: 255, packets: [Buffer.alloc(70_000, 0x48)] })],
])('%s is no Opus in Ogg', async (_, bytes) => {
  await expect(wrap(bytes)).rejects.toBeInstanceOf(NotOggOpus)
})

test('what would come out too large is not begun', async () => {
  const bytes = (await wrap(oggOf(plain))).length
  await expect(wrap(oggOf(plain), bytes)).resolves.toHaveLength(bytes)
  await expect(wrap(oggOf(plain), bytes - 1)).rejects.toBeInstanceOf(CafTooLarge)
  expect(existsSync(join(dir, 'out'))).toBe(false)
})
