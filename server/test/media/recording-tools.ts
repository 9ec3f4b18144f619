/** The tools there are on this machine, samples made once with a real encoder, and ffprobe's view of what came out. */
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Clock, systemClock } from '../../src/lib/clock.ts'
import { createMint } from '../../src/lib/mint.ts'
import { createSpool, type Spool } from '../../src/media/spool.ts'
import { createNative, whyNot } from '../../src/media/tools/ffmpeg/native.ts'
import { createPlaces, inPlaces, type Tool } from '../../src/media/tools/ffmpeg/tool.ts'
import { createWasm, findCore } from '../../src/media/tools/ffmpeg/wasm.ts'
import type { FileFacts } from '../../src/model/media/file.ts'

export const sample = (name: string) => join(import.meta.dirname, 'samples', name)

const system = { ffmpeg: '/usr/bin/ffmpeg', ffprobe: '/usr/bin/ffprobe' }

export type ToolName = Tool['name']
export const toolNames: readonly ToolName[] = ['wasm', 'native']

/** Why a tool is not there; null when it is. */
export async function lacking(name: ToolName): Promise<string | null> {
  if (name === 'wasm') return findCore() === null ? '@ffmpeg/core is not installed' : null
  native ??= whyNot({ programs: system, sandboxed: true, clock: systemClock })
  const why = await native
  return why === null ? null : `the system's ffmpeg ${why}`
}

let native: Promise<string | null> | undefined

const places = createPlaces(2)

export function toolCalled(name: ToolName, clock: Clock = systemClock): Tool {
  if (name === 'native') return inPlaces(createNative({ programs: system, sandboxed: true, clock }), places)
  const core = findCore()
  if (core === null) throw new Error('@ffmpeg/core is not installed.')
  return inPlaces(createWasm({ core, clock }), places)
}

export interface Desk {
  spool: Spool
  /** A file of ours, elsewhere. */
  put(content: Uint8Array | string): Promise<string>
  /** What lies in the spool. */
  left(): string[]
}

/** A spool of its own, in which every file that is left behind shows. */
export async function atDesk(work: (desk: Desk) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'switchboard-recordings-'))
  const mint = createMint(systemClock)
  const spooled = join(dir, 'spool')
  try {
    await work({
      spool: createSpool({ dir: spooled, mint, clock: systemClock }),
      async put(content) {
        const path = join(dir, mint())
        await writeFile(path, content)
        return path
      },
      left: () => readdirSync(spooled),
    })
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

/** Of a file that nobody has looked into. */
export function unread(mimeType: string): FileFacts {
  return { mimeType, bytes: 1, codecs: null, durationMs: null, width: null, height: null }
}

export interface Seen {
  format: string
  seconds: number
  streams: { codec: string; rate?: number; channels?: number; width?: number; height?: number }[]
}

interface Answer {
  format: { format_name: string; duration: string }
  streams: { codec_name: string; sample_rate?: string; channels?: number; width?: number; height?: number }[]
}

const asking = ['-show_entries', 'format=format_name,duration:stream=codec_name,sample_rate,channels,width,height']

/** By the ffprobe of WebAssembly always, and by the system's as well where there is one; both must agree. */
export async function seen(path: string, demuxer: string): Promise<Seen> {
  const before = ['-f', demuxer, ...asking]
  const answers = [toSeen((await toolCalled('wasm').describe({ path, before, wallMs: 20_000 })) as Answer)]
  if ((await lacking('native')) === null) {
    const args = ['-v', 'error', ...before, '-of', 'json', path]
    answers.push(toSeen(JSON.parse((await promisify(execFile)(system.ffprobe, args)).stdout) as Answer))
  }
  const [first, second] = answers
  if (first === undefined) throw new Error('Nobody has looked.')
  if (second !== undefined && JSON.stringify(first) !== JSON.stringify(second))
    throw new Error(`They differ: ${JSON.stringify(answers)}`)
  return first
}

function toSeen({ format, streams }: Answer): Seen {
  return {
    format: format.format_name,
    seconds: Number(format.duration),
    streams: streams.map(({ codec_name, sample_rate, channels, width, height }) => ({
      codec: codec_name,
      ...(sample_rate === undefined ? {} : { rate: Number(sample_rate), channels }),
      ...(width === undefined ? {} : { width, height }),
    })),
  }
}

/** Every process of the machine that was started with this among its arguments. */
export function processesWith(mark: string): string[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && commandOf(name).includes(mark))
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}
