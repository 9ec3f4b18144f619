/** Audio and video: what is inside, another form of it, how loud it is over time, one picture of it. */
import { constants } from 'node:fs'
import { copyFile, open, rm } from 'node:fs/promises'
import { SendFailure } from '../../model/delivery.ts'
import type { ErrorCode } from '../../model/errors.ts'
import type { FileFacts } from '../../model/media/file.ts'
import type { Spool } from '../spool.ts'
import { CafTooLarge, wrapInCaf } from './caf.ts'
import { factsFrom, type RecordingFacts } from './facts.ts'
import type { Outcome, Tool } from './ffmpeg/tool.ts'
import { NotOggOpus } from './ogg.ts'
import * as recipes from './recipes.ts'

export interface Recordings {
  /** Null: it cannot be read as what it claims to be. Throws MEDIA_TOOL_MISSING where nobody can look. */
  probe(path: string, mimeType: string): Promise<RecordingFacts | null>
  /** Throws a SendFailure; then nothing is left at `out`. */
  make(what: Conversion): Promise<void>
  /** How loud a voice note is: 64 values from 0 to 100, the loudest 100. Null when it cannot be heard. */
  loudness(path: string, mimeType: string): Promise<number[] | null>
  /** One picture of a video, as a JPEG at most 640 pixels wide; false when there is none. */
  frame(path: string, mimeType: string, out: string): Promise<boolean>
}

export interface Conversion {
  form: 'mp4' | 'ogg-opus' | 'caf-opus'
  path: string
  file: FileFacts
  out: string
  bytesMax: number
}

export interface RecordingsOptions {
  /** Null: nothing here can do it. */
  tool: Tool | null
  spool: Pick<Spool, 'path'>
}

const buckets = 64
/** A little over an hour of samples. */
const samplesBytesMax = 64 * 1024 * 1024
const pictureBytesMax = 4 * 1024 * 1024

export function createRecordings({ tool, spool }: RecordingsOptions): Recordings {
  const probe: Recordings['probe'] = async (path, mimeType) => {
    const demuxer = recipes.demuxerOf(mimeType)
    if (demuxer === null) return null
    const before = [...recipes.reading(demuxer), ...recipes.asking]
    return factsFrom(await present(tool).describe({ path, before, wallMs: recipes.wallMs.probe }))
  }

  const convert = async (what: Conversion, after: readonly string[], wallMs: number): Promise<void> => {
    const { path, file, out, bytesMax } = what
    const before = recipes.reading(readable(file.mimeType))
    const outcome = await present(tool).convert({ path, before, after, out, limits: { wallMs, bytesMax } })
    const problem = outcome.did === 'convert' ? shortfall(what, outcome.said) : failureOf(outcome, what)
    if (problem === null) return
    await rm(out, { force: true })
    throw problem
  }

  /** With what is inside, if nobody has looked so far. */
  const lookedInto = async (what: Conversion): Promise<Conversion> => {
    if (what.file.codecs !== null) return what
    const found = await probe(what.path, what.file.mimeType)
    if (found === null) throw unreadable(what.file)
    return { ...what, file: { ...what.file, ...found } }
  }

  const toMp4 = async (given: Conversion): Promise<void> => {
    const what = await lookedInto(given)
    if (what.file.codecs?.every((codec) => codec === 'h264' || codec === 'aac')) {
      const failure = await convert(what, recipes.copiedToMp4, recipes.wallMs.copy).catch(ifUnreadable)
      if (failure === undefined) return
    }
    await convert(what, recipes.transcodedToMp4(present(tool).preset), recipes.wallMs.transcode)
  }

  const toOgg = (what: Conversion) => convert(what, recipes.voiceInOgg, recipes.wallMs.voice)

  const toCaf = async (what: Conversion): Promise<void> => {
    if (isOggOpus(what.file) && (await wrapped(what, what.path))) return
    const ogg = await spool.path()
    try {
      await toOgg({ ...what, out: ogg })
      if (!(await wrapped(what, ogg))) throw refused('MEDIA_INVALID', 'The recording could not be put into a CAF file.')
    } finally {
      await rm(ogg, { force: true })
    }
  }

  return {
    probe,
    async make(what) {
      if (what.form === 'mp4') return toMp4(what)
      if (what.form === 'caf-opus') return toCaf(what)
      if (isOggOpus(what.file) && what.file.bytes <= what.bytesMax)
        return copyFile(what.path, what.out, constants.COPYFILE_FICLONE)
      return toOgg(what)
    },
    ...sketching({ tool, spool }),
  }
}

/** What is only shown before a file is there: without a tool there is none of it. */
function sketching({ tool, spool }: RecordingsOptions): Pick<Recordings, 'loudness' | 'frame'> {
  return {
    async loudness(path, mimeType) {
      const demuxer = recipes.demuxerOf(mimeType)
      if (demuxer === null || tool === null) return null
      const out = await spool.path()
      const limits = { wallMs: recipes.wallMs.samples, bytesMax: samplesBytesMax }
      try {
        const before = recipes.reading(demuxer)
        const { did } = await tool.convert({ path, before, after: recipes.plainSamples, out, limits })
        return did === 'convert' ? await loudnessOf(out) : null
      } finally {
        await rm(out, { force: true })
      }
    },
    async frame(path, mimeType, out) {
      const demuxer = recipes.demuxerOf(mimeType)
      if (demuxer === null || tool === null) return false
      const limits = { wallMs: recipes.wallMs.picture, bytesMax: pictureBytesMax }
      const before = recipes.reading(demuxer)
      const { did } = await tool.convert({ path, before, after: recipes.onePicture, out, limits })
      return did === 'convert'
    },
  }
}

function present(tool: Tool | null): Tool {
  if (tool === null) throw refused('MEDIA_TOOL_MISSING', 'There is no ffmpeg here to read or convert recordings with.')
  return tool
}

function refused(code: ErrorCode, detail: string): SendFailure {
  return new SendFailure('refused', code, detail)
}

function readable(mimeType: string): string {
  const demuxer = recipes.demuxerOf(mimeType)
  if (demuxer === null) throw refused('MEDIA_INVALID', `A file of the type ${mimeType} cannot be converted.`)
  return demuxer
}

/** What takes too long once takes too long every time: none of these is tried again. */
function failureOf({ did }: Outcome, { file, bytesMax }: Conversion): SendFailure {
  if (did === 'grow too large')
    return refused('MEDIA_TOO_LARGE', `Converted, the file is larger than ${bytesMax} bytes.`)
  if (did === 'run late') return refused('MEDIA_INVALID', `Converting the ${file.mimeType} file took too long.`)
  return unreadable(file)
}

/** What cannot be copied as it is can perhaps be decoded; every other failure stands. */
class Unreadable extends SendFailure {}

function unreadable({ mimeType }: FileFacts): SendFailure {
  return new Unreadable('refused', 'MEDIA_INVALID', `The ${mimeType} file cannot be read or converted.`)
}

function ifUnreadable(error: unknown): Unreadable {
  if (error instanceof Unreadable) return error
  throw error
}

function isOggOpus({ mimeType, codecs }: FileFacts): boolean {
  return recipes.demuxerOf(mimeType) === 'ogg' && codecs?.length === 1 && codecs[0] === 'opus'
}

/** False when it is not a file of the one kind that can be wrapped. */
async function wrapped({ out, bytesMax }: Conversion, path: string): Promise<boolean> {
  try {
    await wrapInCaf({ path, out, bytesMax })
    return true
  } catch (error) {
    if (error instanceof CafTooLarge)
      throw refused('MEDIA_TOO_LARGE', `Converted, the file is larger than ${bytesMax} bytes.`)
    if (error instanceof NotOggOpus) return false
    throw error
  }
}

/** The tool is content with whatever it could read, down to a film without a picture. Null: it is all there. */
function shortfall({ form, file }: Conversion, said: string): SendFailure | null {
  const frames = [...said.matchAll(/frame= *(\d+)/g)].at(-1)?.[1]
  if (form === 'mp4' && file.width !== null && frames !== undefined && Number(frames) === 0) return unreadable(file)
  if (!isCutOff(file, said)) return null
  return refused('MEDIA_INVALID', `The ${file.mimeType} file ends before its time: it is cut off or damaged.`)
}

/** Claims more than a second, and a twentieth of its length, that was not there. */
function isCutOff(file: FileFacts, said: string): boolean {
  const [, hours, minutes, seconds] = [...said.matchAll(/time=(\d+):(\d\d):(\d\d\.\d+)/g)].at(-1) ?? []
  if (hours === undefined || file.durationMs === null || !recipes.saysItsLength(file.mimeType)) return false
  const madeMs = (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000
  return madeMs < file.durationMs - Math.max(1000, file.durationMs / 20)
}

/** The mean square of each part of the time, so that one click does not count as loud. */
async function loudnessOf(path: string): Promise<number[] | null> {
  const file = await open(path, 'r')
  try {
    const count = Math.floor((await file.stat()).size / 2)
    if (count === 0) return null
    const squares = new Float64Array(buckets)
    const counts = new Float64Array(buckets)
    const piece = Buffer.alloc(65_536)
    for (let place = 0; place < count; ) {
      const { bytesRead } = await file.read(piece, 0, piece.length, place * 2)
      const samples = Math.floor(bytesRead / 2)
      if (samples === 0) break
      for (let one = 0; one < samples; one++) {
        const bucket = Math.min(buckets - 1, Math.floor(((place + one) * buckets) / count))
        squares[bucket] = (squares[bucket] ?? 0) + piece.readInt16LE(one * 2) ** 2
        counts[bucket] = (counts[bucket] ?? 0) + 1
      }
      place += samples
    }
    const levels = [...squares].map((sum, bucket) => Math.sqrt(sum / Math.max(1, counts[bucket] ?? 0)))
    const most = Math.max(...levels)
    return levels.map((level) => (most === 0 ? 0 : Math.round((level / most) * 100)))
  } finally {
    await file.close()
  }
}
