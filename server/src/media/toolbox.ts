/** Who looks into files and makes something of them on this machine. Nothing is started or searched for before it is needed. */
import { readFile, rm } from 'node:fs/promises'
import type { Clock } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import { createLook, type Look } from './look.ts'
import type { Maker } from './making.ts'
import type { Spool } from './spool.ts'
import { chooseTool } from './tools/ffmpeg/choose.ts'
import { createPlaces } from './tools/ffmpeg/tool.ts'
import { createMaker } from './tools/maker.ts'
import { createPictures, type Pictures } from './tools/pictures.ts'
import { createRecordings, type Recordings } from './tools/recordings.ts'

export interface Toolbox {
  look: Look
  maker: Maker
  /** The picture as a small JPEG. Throws a SendFailure for what is none. */
  jpegOf(picture: Uint8Array, mimeType: string): Promise<Uint8Array>
  /** Ends what was started. */
  stop(): Promise<void>
}

export interface ToolboxOptions {
  /** A program that its operator answers for; null: what is found, if it can be locked up. */
  ffmpegPath: string | null
  /** Where programs are looked for, as in PATH. */
  searchPath: string
  spool: Spool
  clock: Clock
  log: Log
}

const jobsAtOnce = 2

export function createToolbox(options: ToolboxOptions): Toolbox {
  const { spool, clock, log } = options
  const places = createPlaces(jobsAtOnce)
  let chosen: Promise<Recordings> | null = null
  const having = (): Promise<Recordings> => {
    chosen ??= chooseTool({ ...options, places }).then((tool) => createRecordings({ tool, spool }))
    return chosen
  }
  const recordings: Recordings = {
    probe: async (...of) => (await having()).probe(...of),
    make: async (...of) => (await having()).make(...of),
    loudness: async (...of) => (await having()).loudness(...of),
    frame: async (...of) => (await having()).frame(...of),
  }
  const pictures = createPictures({ clock, log })
  return {
    look: createLook({ recordings, pictures }),
    maker: createMaker({ recordings, pictures, spool }),
    jpegOf: (picture, mimeType) => jpegOf({ pictures, spool }, picture, mimeType),
    stop: () => pictures.stop(),
  }
}

const icon = { pictureBytesMax: 20 * 1024 * 1024, jpegBytesMax: 500_000 } as const

async function jpegOf(
  { pictures, spool }: { pictures: Pictures; spool: Spool },
  picture: Uint8Array,
  mimeType: string,
): Promise<Uint8Array> {
  const source = await spool.take(picture, icon.pictureBytesMax)
  const out = await spool.path()
  try {
    await pictures.jpeg(source.path, mimeType, out, icon.jpegBytesMax)
    return await readFile(out)
  } finally {
    await source.drop()
    await rm(out, { force: true })
  }
}
