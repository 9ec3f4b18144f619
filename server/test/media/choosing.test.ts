/** Which ffmpeg is used: the operator's, the system's only where it can be locked up, the one from npm, or none; one line says so. */
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../src/lib/clock.ts'
import { type ChoiceOptions, chooseTool } from '../../src/media/tools/ffmpeg/choose.ts'
import { createPlaces } from '../../src/media/tools/ffmpeg/tool.ts'
import { createRecordings } from '../../src/media/tools/recordings.ts'
import { atDesk, lacking, sample, unread } from './recording-tools.ts'

let dir = ''
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'switchboard-choosing-'))
})
afterEach(() => rm(dir, { recursive: true, force: true }))

async function choose(wanted: Partial<ChoiceOptions>) {
  const lines: [string, string][] = []
  const note = (level: string) => (fields: object) =>
    void lines.push([level, `${'kind' in fields && fields.kind}: ${'outcome' in fields && fields.outcome}`])
  const log = { info: note('info'), warn: note('warn'), error: note('error') }
  const nothing = { ffmpegPath: null, searchPath: '', core: null }
  const tool = await chooseTool({ ...nothing, clock: systemClock, log, places: createPlaces(2), ...wanted })
  return { tool, lines }
}

/** A program in a folder of its own. */
async function program(folder: string, name: string, text: string): Promise<string> {
  await mkdir(join(dir, folder), { recursive: true })
  const path = join(dir, folder, name)
  await writeFile(path, `#!/bin/sh\n${text}\n`)
  await chmod(path, 0o755)
  return path
}

const core = { code: '/nowhere/core.js', binary: '/nowhere/core.wasm' }

test('none at all: what has to be converted is refused, and nothing else fails', () =>
  atDesk(async ({ spool, left }) => {
    const { tool, lines } = await choose({})
    expect(tool).toBeNull()
    expect(lines).toEqual([['warn', 'none: no ffmpeg on PATH; @ffmpeg/core is not installed']])
    const recordings = createRecordings({ tool, spool })
    const [path, out] = [sample('voice.wav'), await spool.path()]
    const making = recordings.make({ form: 'ogg-opus', path, file: unread('audio/wav'), out, bytesMax: 10_000 })
    await expect(making).rejects.toMatchObject({ kind: 'refused', code: 'MEDIA_TOOL_MISSING' })
    await expect(recordings.probe(path, 'audio/wav')).rejects.toMatchObject({ code: 'MEDIA_TOOL_MISSING' })
    expect(await recordings.loudness(path, 'audio/wav')).toBeNull()
    expect(await recordings.frame(sample('film.mov'), 'video/quicktime', out)).toBe(false)
    expect(left()).toEqual([])
  }))

test('without a system ffmpeg the one from npm is used', async () => {
  const { tool, lines } = await choose({ core, searchPath: `${dir}:relative` })
  expect(tool?.name).toBe('wasm')
  expect(lines).toEqual([['info', 'wasm: no ffmpeg on PATH']])
})

test('a system ffmpeg that does not run in the sandbox is passed over', async () => {
  const path = await program('bin', 'ffmpeg', 'exit 1')
  const { tool, lines } = await choose({ core, searchPath: join(dir, 'bin') })
  expect(tool?.name).toBe('wasm')
  expect(lines).toEqual([['info', `wasm: ${path} does not run in the sandbox`]])
})

test('a program the operator named that does not work is said to be passed over', async () => {
  const { tool, lines } = await choose({ core, ffmpegPath: join(dir, 'gone') })
  expect(tool?.name).toBe('wasm')
  expect(lines[0]?.[1]).toContain(`${join(dir, 'gone')} is no program`)
  const lame = await program('bin', 'ffmpeg', 'echo " A....D aac  AAC"; exit 0')
  const second = await choose({ core, ffmpegPath: lame })
  expect(second.tool?.name).toBe('wasm')
  expect(second.lines[0]?.[1]).toContain('lacks libx264, libopus, mjpeg')
})

test('the system ffmpeg in its sandbox comes before the one from npm', async (context) => {
  const why = await lacking('native')
  if (why !== null) context.skip(why)
  const { tool, lines } = await choose({ core, searchPath: `${dir}:/usr/bin` })
  expect(tool?.name).toBe('native')
  expect(lines).toEqual([['info', 'native: in a sandbox']])
})

test('a program that cannot run in the sandbox is used only if the operator named it, and within limits', async (context) => {
  const why = await lacking('native')
  if (why !== null) context.skip(why)
  for (const name of ['ffmpeg', 'ffprobe']) {
    const real = await program('elsewhere', name, `exec /usr/bin/${name} "$@"`)
    await program('bin', name, `exec ${real} "$@"`)
  }
  const found = await choose({ core, searchPath: join(dir, 'bin') })
  expect(found.tool?.name).toBe('wasm')
  const { tool, lines } = await choose({ core, ffmpegPath: join(dir, 'bin', 'ffmpeg') })
  expect(tool?.name).toBe('native')
  expect(lines[0]?.[1]).toMatch(/does not run in the sandbox; without a sandbox, as FFMPEG_PATH asks$/)
  await atDesk(async ({ spool, left }) => {
    const recordings = createRecordings({ tool, spool })
    const [path, out] = [sample('voice.wav'), await spool.path()]
    const what = { form: 'ogg-opus', path, file: unread('audio/wav'), out } as const
    await recordings.make({ ...what, bytesMax: 20_000 })
    expect(await recordings.probe(out, 'audio/ogg')).toMatchObject({ codecs: ['opus'] })
    await expect(recordings.make({ ...what, bytesMax: 1_000 })).rejects.toMatchObject({ code: 'MEDIA_TOO_LARGE' })
    expect(left()).toEqual([])
  })
})
