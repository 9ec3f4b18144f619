/** A stream into a file of its own: hashed and counted on the way, cut off when it grows too large. */
import { createHash } from 'node:crypto'
import { mkdir, open, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { Clock } from '../lib/clock.ts'
import type { Mint } from '../lib/mint.ts'
import { passed } from './storage/stream-garbage.ts'

export interface Spooled {
  path: string
  bytes: number
  /** SHA-256 of the content, in hex. */
  hash: string
  /** For a file that was not taken over by anybody. */
  drop(): Promise<void>
}

export class TooLarge extends Error {
  override readonly name = 'TooLarge'
  readonly bytesMax: number
  constructor(bytesMax: number) {
    super(`The file is larger than ${bytesMax} bytes.`)
    this.bytesMax = bytesMax
  }
}

export interface Spool {
  /** Fails with what the stream fails with, or with `TooLarge`; either way nothing is left behind. */
  take(source: Readable | Uint8Array, bytesMax: number): Promise<Spooled>
  /** A place for a tool to write to. */
  path(): Promise<string>
  /** What a tool has written there. Fails with `TooLarge`, and then nothing is left of it. */
  adopt(path: string, bytesMax: number): Promise<Spooled>
  /** What a process that died has left: nobody works on a file for so long. */
  sweep(): Promise<number>
}

export interface SpoolOptions {
  /** On the disk where files are kept, so that keeping one is a rename. */
  dir: string
  mint: Mint
  clock: Clock
}

const abandonedAfterMs = 6 * 3_600_000
/** Each write is a trip through the thread pool, and each piece of a socket is small. */
const writeBytes = 512 * 1024

export function createSpool({ dir, mint, clock }: SpoolOptions): Spool {
  const path = async () => {
    await mkdir(dir, { recursive: true, mode: 0o700 })
    return join(dir, mint())
  }
  return {
    path,
    async take(source, bytesMax) {
      const target = await path()
      const drop = () => rm(target, { force: true })
      try {
        return { path: target, drop, ...(await write(target, source, bytesMax)) }
      } catch (error) {
        await drop()
        throw error
      }
    },
    async adopt(target, bytesMax) {
      const drop = () => rm(target, { force: true })
      try {
        return { path: target, drop, ...(await readThrough(target, bytesMax)) }
      } catch (error) {
        await drop()
        throw error
      }
    },
    async sweep() {
      let swept = 0
      for (const name of await readdir(dir).catch(noneThere)) {
        const found = await stat(join(dir, name)).catch(noneThere)
        if (Array.isArray(found) || clock.now() - found.mtimeMs < abandonedAfterMs) continue
        await rm(join(dir, name), { recursive: true, force: true })
        swept += 1
      }
      return swept
    },
  }
}

async function write(
  target: string,
  source: Readable | Uint8Array,
  bytesMax: number,
): Promise<{ bytes: number; hash: string }> {
  const hash = createHash('sha256')
  const file = await open(target, 'wx', 0o600)
  let bytes = 0
  let waiting: Buffer[] = []
  let waitingBytes = 0
  // What came is written while more comes and is hashed; never more than two such heaps are in memory.
  let writing: Promise<unknown> = Promise.resolve()
  const flush = async () => {
    await writing
    passed(waitingBytes)
    const pieces = waiting
    waiting = []
    waitingBytes = 0
    if (pieces.length > 0) writing = file.writev(pieces)
    // Whoever waits for it next learns of it; until then it is nobody's.
    writing.catch(() => {})
  }
  try {
    for await (const piece of source instanceof Uint8Array ? [source] : source) {
      const chunk = Buffer.isBuffer(piece) ? piece : Buffer.from(piece as Uint8Array)
      bytes += chunk.length
      if (bytes > bytesMax) throw new TooLarge(bytesMax)
      hash.update(chunk)
      waiting.push(chunk)
      waitingBytes += chunk.length
      if (waitingBytes >= writeBytes) await flush()
    }
    await flush()
    await writing
    await file.sync()
  } finally {
    await writing.catch(() => {})
    await file.close()
  }
  return { bytes, hash: hash.digest('hex') }
}

async function readThrough(target: string, bytesMax: number): Promise<{ bytes: number; hash: string }> {
  const hash = createHash('sha256')
  const file = await open(target, 'r+')
  let bytes = 0
  try {
    for await (const chunk of file.createReadStream({ autoClose: false, highWaterMark: writeBytes })) {
      bytes += (chunk as Buffer).length
      if (bytes > bytesMax) throw new TooLarge(bytesMax)
      hash.update(chunk as Buffer)
    }
    await file.sync()
  } finally {
    await file.close()
  }
  return { bytes, hash: hash.digest('hex') }
}

function noneThere(error: unknown): [] {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
  throw error
}
