/** Files that came with a message, fetched from their network at once and kept: later they may be gone. */
import type { Readable } from 'node:stream'
import type { Clock } from '../lib/clock.ts'
import type { CustomerId } from '../model/ids.ts'
import type { KeptFile } from '../model/media/file.ts'
import type { Library } from './library.ts'
import { type Spool, TooLarge } from './spool.ts'

export interface Arriving {
  mimeType: string
  filename: string | null
  bytes: number | null
  open(): Promise<Readable>
}

export interface Receiving {
  /** Never fails because of the file or its network: what could not be had says why. */
  receive(customerId: CustomerId, file: Arriving): Promise<{ kept: KeptFile } | { note: string }>
}

const receiveBytesMax = 100 * 1024 * 1024
const receiveWithinMs = 60_000

export function createReceiving({
  library,
  spool,
  clock,
}: {
  library: Pick<Library, 'keep'>
  spool: Pick<Spool, 'take'>
  clock: Clock
}): Receiving {
  return {
    async receive(customerId, { mimeType, filename, bytes, open }) {
      if (bytes !== null && bytes > receiveBytesMax) return { note: tooLarge }
      const taken = await inTime(clock, open, (stream) => spool.take(stream, receiveBytesMax))
      return 'note' in taken ? taken : { kept: await library.keep(customerId, taken.value, { mimeType, filename }) }
    },
  }
}

const tooLarge = `The file is larger than ${receiveBytesMax / 1024 / 1024} MB and was not kept.`
const late = 'The network did not hand over the file in time.'
const refused = 'The network did not hand over the file.'

/** What goes wrong at the network is told by a note; what goes wrong on our disk fails, so that the message is told again. */
async function inTime<Result>(
  clock: Clock,
  open: () => Promise<Readable>,
  take: (stream: Readable) => Promise<Result>,
): Promise<{ value: Result } | { note: string }> {
  const done = new AbortController()
  let stream: Readable | null = null
  let theirs: unknown = null
  const having = async (): Promise<{ value: Result } | { note: string }> => {
    try {
      stream = await open()
    } catch {
      return { note: refused }
    }
    stream.once('error', (error) => {
      theirs = error
    })
    if (done.signal.aborted) stream.destroy()
    try {
      return { value: await take(stream) }
    } catch (error) {
      if (error instanceof TooLarge) return { note: tooLarge }
      if (error === theirs || done.signal.aborted) return { note: refused }
      throw error
    }
  }
  const tooLate = clock.sleep(receiveWithinMs, done.signal).then(() => {
    stream?.destroy(new Error(late))
    return { note: late }
  })
  try {
    return await Promise.race([having(), tooLate])
  } finally {
    done.abort()
  }
}
