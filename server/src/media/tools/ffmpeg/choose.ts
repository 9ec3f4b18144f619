/** Which ffmpeg does the work here: the operator's, the system's if it can be locked up, or the one that came with npm. */
import { accessSync, constants, realpathSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import type { Clock } from '../../../lib/clock.ts'
import type { Log } from '../../../lib/log.ts'
import { createNative, type Programs, whyNot } from './native.ts'
import { inPlaces, type Places, type Tool } from './tool.ts'
import { type Core, createWasm, findCore } from './wasm.ts'

export interface ChoiceOptions {
  /** As the operator has set it: a program that is trusted even where there is no sandbox. */
  ffmpegPath: string | null
  /** Where programs are looked for, as in PATH. */
  searchPath: string
  clock: Clock
  log: Log
  /** Shared with whatever else takes much of the machine. */
  places: Places
  core?: Core | null
}

/** Looks once; the answer holds as long as the process. Null: nothing here can do it. */
export async function chooseTool(options: ChoiceOptions): Promise<Tool | null> {
  const { clock, log, places } = options
  const passedOver: string[] = []
  const own = await nativeOf(options, passedOver)
  if (own !== null) {
    const { programs, sandboxed } = own
    const outcome = [...passedOver, sandboxed ? 'in a sandbox' : 'without a sandbox, as FFMPEG_PATH asks'].join('; ')
    log.info(
      { kind: 'native', path: programs.ffmpeg, outcome },
      'Recordings are converted by the ffmpeg of this machine.',
    )
    return inPlaces(createNative({ programs, sandboxed, clock }), places)
  }
  const core = options.core === undefined ? findCore() : options.core
  if (core !== null) {
    log.info(
      { kind: 'wasm', outcome: passedOver.join('; ') },
      'Recordings are converted by the ffmpeg that came with npm.',
    )
    return inPlaces(createWasm({ core, clock }), places)
  }
  const outcome = [...passedOver, '@ffmpeg/core is not installed'].join('; ')
  log.warn({ kind: 'none', outcome }, 'There is no ffmpeg: recordings are sent only as they come.')
  return null
}

async function nativeOf(
  { ffmpegPath, searchPath, clock }: ChoiceOptions,
  passedOver: string[],
): Promise<{ programs: Programs; sandboxed: boolean } | null> {
  const onPath = searchPath.split(delimiter).filter((folder) => folder.startsWith('/'))
  const candidates = [
    ...(ffmpegPath === null ? [] : [true, false].map((sandboxed) => ({ ffmpeg: ffmpegPath, sandboxed, asked: true }))),
    ...onPath.map((folder) => ({ ffmpeg: join(folder, 'ffmpeg'), sandboxed: true, asked: false })),
  ]
  for (const { ffmpeg, sandboxed, asked } of candidates) {
    const programs = programsOf(ffmpeg)
    if (programs === null && !asked) continue
    const why = programs === null ? 'is no program' : await whyNot({ programs, sandboxed, clock })
    if (programs !== null && why === null) return { programs, sandboxed }
    passedOver.push(`${ffmpeg} ${why}`)
  }
  if (passedOver.length === 0) passedOver.push('no ffmpeg on PATH')
  return null
}

/** Where they really lie: in the sandbox links may lead nowhere. */
function programsOf(path: string): Programs | null {
  try {
    const ffmpeg = realpathSync(path)
    const beside = [join(dirname(path), 'ffprobe'), join(dirname(ffmpeg), 'ffprobe')].find(runs)
    if (!runs(ffmpeg)) return null
    return { ffmpeg, ffprobe: beside === undefined ? join(dirname(path), 'ffprobe') : realpathSync(beside) }
  } catch {
    return null
  }
}

function runs(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
