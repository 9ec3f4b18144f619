/** Opus out of an Ogg file into a CAF file, packet by packet and without touching a sample. */
import { type FileHandle, open, rm } from 'node:fs/promises'
import { NotOggOpus, type OpusHead, type OpusPacket, opusParts } from './ogg.ts'

export class CafTooLarge extends Error {
  override readonly name = 'CafTooLarge'
}

/** Ten hours in packets of 20 ms. */
const packetsMax = 1_800_000
const writeBytes = 256 * 1024
const rate = 48_000

/** Fails with NotOggOpus or CafTooLarge; either way nothing is left behind. */
export async function wrapInCaf(of: { path: string; out: string; bytesMax: number }): Promise<void> {
  const input = await open(of.path, 'r')
  try {
    const table = await tableOf(input)
    const header = headerOf(table)
    if (header.length + table.bytes > of.bytesMax) throw new CafTooLarge(`More than ${of.bytesMax} bytes.`)
    await write(input, of.out, header)
  } finally {
    await input.close()
  }
}

async function write(input: FileHandle, out: string, header: Buffer): Promise<void> {
  const output = await open(out, 'w', 0o600)
  try {
    let waiting: Buffer[] = [header]
    let waitingBytes = header.length
    for await (const part of opusParts(input)) {
      if ('head' in part) continue
      waiting.push(part.packet.bytes)
      waitingBytes += part.packet.bytes.length
      if (waitingBytes < writeBytes) continue
      await output.writev(waiting)
      waiting = []
      waitingBytes = 0
    }
    if (waiting.length > 0) await output.writev(waiting)
  } catch (error) {
    await rm(out, { force: true })
    throw error
  } finally {
    await output.close()
  }
}

interface Table {
  head: OpusHead
  bytes: number
  samples: number
  /** Samples at the end that only fill up the last packet. */
  remainder: number
  /** Of every packet: its bytes, and how many samples it holds. */
  sizes: number[]
  lengths: number[]
}

async function tableOf(input: FileHandle): Promise<Table> {
  let head: OpusHead = { channels: 1, preSkip: 0 }
  const table = { bytes: 0, samples: 0, sizes: [] as number[], lengths: [] as number[] }
  const ends = { first: null as number | null, last: null as number | null, samplesAtFirst: 0 }
  for await (const part of opusParts(input)) {
    if ('head' in part) head = part.head
    else add(part.packet)
  }
  return { ...table, head, remainder: remainderOf() }

  function add({ bytes, samples, granule }: OpusPacket): void {
    if (table.sizes.length === packetsMax) throw new NotOggOpus('Not an Ogg file with Opus: too many packets.')
    table.bytes += bytes.length
    table.samples += samples
    table.sizes.push(bytes.length)
    table.lengths.push(samples)
    if (granule === null) return
    if (ends.first === null) {
      ends.first = granule
      ends.samplesAtFirst = table.samples
    }
    ends.last = granule
  }

  /** A stream that was cut out of another begins late; one that ends early says so in the position of its last page. */
  function remainderOf(): number {
    if (ends.first === null || ends.last === null) return 0
    const start = Math.max(0, ends.first - ends.samplesAtFirst)
    const most = Math.max(0, table.samples - head.preSkip)
    return Math.min(most, Math.max(0, start + table.samples - ends.last))
  }
}

/** Everything up to the first packet. */
function headerOf({ head, bytes, samples, remainder, sizes, lengths }: Table): Buffer {
  const [first = 0] = lengths
  const equal = lengths.every((length) => length === first)
  const desc = Buffer.alloc(32)
  desc.writeDoubleBE(rate, 0)
  desc.write('opus', 8, 'latin1')
  desc.writeUInt32BE(equal ? first : 0, 20)
  desc.writeUInt32BE(head.channels, 24)
  const chan = Buffer.alloc(12)
  chan.writeUInt32BE(layouts[head.channels - 1] ?? 0, 0)
  const priming = Math.min(head.preSkip, samples)
  const pakt = Buffer.alloc(24)
  pakt.writeBigInt64BE(BigInt(sizes.length), 0)
  pakt.writeBigInt64BE(BigInt(samples - priming - remainder), 8)
  pakt.writeInt32BE(priming, 16)
  pakt.writeInt32BE(remainder, 20)
  const entries: number[] = []
  for (const [place, size] of sizes.entries()) {
    addNumber(entries, size)
    if (!equal) addNumber(entries, lengths[place] ?? 0)
  }
  const edits = Buffer.alloc(4)
  return Buffer.concat([
    ...[Buffer.from('caff'), Buffer.from([0, 1, 0, 0])],
    ...[chunk('desc', desc.length), desc, chunk('chan', chan.length), chan],
    ...[chunk('pakt', pakt.length + entries.length), pakt, Buffer.from(entries)],
    ...[chunk('data', edits.length + bytes), edits],
  ])
}

/** kAudioChannelLayoutTag_Mono and _Stereo. */
const layouts = [(100 << 16) | 1, (101 << 16) | 2]

function chunk(type: string, bytes: number): Buffer {
  const header = Buffer.alloc(12)
  header.write(type, 0, 'latin1')
  header.writeBigInt64BE(BigInt(bytes), 4)
  return header
}

/** Seven bits a byte, the high bit on all but the last. */
function addNumber(into: number[], value: number): void {
  for (let shift = 28; shift > 0; shift -= 7) if (value >= 2 ** shift) into.push(((value >>> shift) & 127) | 128)
  into.push(value & 127)
}
