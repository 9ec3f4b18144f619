/** Opus packets out of an Ogg file, page by page (RFC 3533, RFC 7845): strict, and never more in memory than two pages. */
import type { FileHandle } from 'node:fs/promises'

export class NotOggOpus extends Error {
  override readonly name = 'NotOggOpus'
}

export interface OpusHead {
  channels: number
  /** Samples to leave out at the start. */
  preSkip: number
}

export interface OpusPacket {
  bytes: Buffer
  /** Samples at 48 kHz. */
  samples: number
  /** On the last packet that ends on its page: how many samples there are up to here. */
  granule: number | null
}

export type OpusPart = { head: OpusHead } | { packet: OpusPacket }

interface Page {
  first: boolean
  last: boolean
  continued: boolean
  granule: number | null
  serial: number
  sequence: number
  segments: Buffer
  body: Buffer
}

const headerBytes = 27
const tagsBytesMax = 1024 * 1024
/** RFC 6716: 120 ms at most, and so no audio packet is larger than this. */
const packetBytesMax = 61_440
const samplesMax = 5_760
const nothing = Buffer.alloc(0)

/** The first part is the head, all others are packets. Throws NotOggOpus for whatever is not one whole Opus stream. */
export async function* opusParts(file: FileHandle): AsyncGenerator<OpusPart> {
  let serial: number | null = null
  let sequence = 0
  let unfinished: Buffer = nothing
  let isUnfinished = false
  let before = 0
  let ended = false
  for await (const page of pagesOf(file)) {
    serial ??= page.serial
    check(!ended && page.serial === serial && page.sequence === sequence, 'more than one stream, or pages are missing')
    check(page.first === (sequence === 0) && page.continued === isUnfinished, 'pages do not follow each other')
    sequence += 1
    ended = page.last
    const { packets, rest } = packetsOf(page, unfinished, before < 2 ? tagsBytesMax : packetBytesMax)
    unfinished = rest ?? nothing
    isUnfinished = rest !== null
    for (const [place, bytes] of packets.entries()) {
      before += 1
      if (before === 1) yield { head: headOf(bytes) }
      if (before === 2) check(bytes.subarray(0, 8).equals(Buffer.from('OpusTags')), 'no tags')
      if (before < 3) continue
      const granule = place === packets.length - 1 ? page.granule : null
      yield { packet: { bytes, samples: samplesOf(bytes), granule } }
    }
  }
  check(ended && !isUnfinished && before > 2, 'it is cut off')
}

function check(isSo: boolean, what: string): asserts isSo {
  if (!isSo) throw new NotOggOpus(`Not an Ogg file with Opus: ${what}.`)
}

async function* pagesOf(file: FileHandle): AsyncGenerator<Page> {
  const header = Buffer.alloc(headerBytes + 255)
  for (let place = 0; ; ) {
    const { bytesRead } = await file.read(header, 0, header.length, place)
    if (bytesRead === 0) return
    check(bytesRead >= headerBytes && header.toString('latin1', 0, 4) === 'OggS' && header[4] === 0, 'no page')
    const count = header[26] ?? 0
    const bodyAt = headerBytes + count
    check(bytesRead >= bodyAt, 'it is cut off')
    const segments = header.subarray(headerBytes, bodyAt)
    const whole = Buffer.alloc(bodyAt + segments.reduce((sum, length) => sum + length, 0))
    const read = await file.read(whole, 0, whole.length, place)
    check(read.bytesRead === whole.length, 'it is cut off')
    check(sumOf(whole) === whole.readUInt32LE(22), 'a checksum is wrong')
    yield pageOf(whole, bodyAt)
    place += whole.length
  }
}

function pageOf(whole: Buffer, bodyAt: number): Page {
  const flags = whole[5] ?? 0
  const granule = whole.readBigInt64LE(6)
  check(granule >= -1n && granule <= BigInt(Number.MAX_SAFE_INTEGER), 'a position makes no sense')
  return {
    ...{ continued: (flags & 1) !== 0, first: (flags & 2) !== 0, last: (flags & 4) !== 0 },
    granule: granule === -1n ? null : Number(granule),
    serial: whole.readUInt32LE(14),
    sequence: whole.readUInt32LE(18),
    segments: whole.subarray(headerBytes, bodyAt),
    body: whole.subarray(bodyAt),
  }
}

/** A packet goes on for as long as its segments are full; `rest` is what the next page continues. */
function packetsOf(
  { segments, body }: Page,
  unfinished: Buffer,
  bytesMax: number,
): { packets: Buffer[]; rest: Buffer | null } {
  const packets: Buffer[] = []
  let from = 0
  let to = 0
  let pending: Buffer = unfinished
  for (const length of segments) {
    to += length
    check(pending.length + to - from <= bytesMax, 'a packet is too large')
    if (length === 255) continue
    packets.push(pending.length === 0 ? body.subarray(from, to) : Buffer.concat([pending, body.subarray(from, to)]))
    pending = nothing
    from = to
  }
  const isOpen = segments.at(-1) === 255
  return { packets, rest: isOpen ? Buffer.concat([pending, body.subarray(from, to)]) : null }
}

/** One or two channels: more need a table of streams that no voice note has. */
function headOf(bytes: Buffer): OpusHead {
  check(bytes.length >= 19 && bytes.toString('latin1', 0, 8) === 'OpusHead', 'no head')
  const channels = bytes[9] ?? 0
  check(
    (bytes[8] ?? 0) >> 4 === 0 && bytes[18] === 0 && (channels === 1 || channels === 2),
    'its head is of another kind',
  )
  return { channels, preSkip: bytes.readUInt16LE(10) }
}

/** RFC 6716, 3.1: the first byte says how long a frame is and whether there is one, two, or as many as the second says. */
function samplesOf(packet: Buffer): number {
  const first = packet[0]
  check(first !== undefined, 'an empty packet')
  const config = first >> 3
  const code = first & 3
  const count = code === 0 ? 1 : code < 3 ? 2 : (packet[1] ?? 0) & 63
  const samples = count * frameSamples(config)
  check(samples > 0 && samples <= samplesMax, 'a packet has no length')
  return samples
}

function frameSamples(config: number): number {
  if (config < 12) return [480, 960, 1920, 2880][config % 4] ?? 0
  if (config < 16) return [480, 960][config % 2] ?? 0
  return [120, 240, 480, 960][config % 4] ?? 0
}

const sums = Uint32Array.from({ length: 256 }, (_, byte) => {
  let sum = byte << 24
  for (let bit = 0; bit < 8; bit++) sum = sum & 0x80000000 ? (sum << 1) ^ 0x04c11db7 : sum << 1
  return sum
})

/** The page's checksum, with nothing in its own place. */
function sumOf(page: Buffer): number {
  let sum = 0
  for (let place = 0; place < page.length; place++) {
    const byte = place >= 22 && place < 26 ? 0 : (page[place] ?? 0)
    sum = ((sum << 8) ^ (sums[((sum >>> 24) ^ byte) & 255] ?? 0)) >>> 0
  }
  return sum >>> 0
}
