/** Recordings go in as telephones and browsers make them, and come out in the form a network takes: judged by ffprobe. */
import { readFile } from 'node:fs/promises'
import { beforeEach, describe, expect, test } from 'vitest'
import type { Tool } from '../../src/media/tools/ffmpeg/tool.ts'
import { createRecordings } from '../../src/media/tools/recordings.ts'
import {
  atDesk,
  type Desk,
  lacking,
  sample,
  seen,
  type ToolName,
  toolCalled,
  toolNames,
  unread,
} from './recording-tools.ts'

interface Case {
  name: string
  mimeType: string
  codecs: string[]
  /** Of the sound that is really in it. */
  ms: number
}

const wav: Case = { name: 'voice.wav', mimeType: 'audio/wav', codecs: ['pcm'], ms: 1_500 }
const ogg: Case = { name: 'voice.ogg', mimeType: 'audio/ogg; codecs=opus', codecs: ['opus'], ms: 2_000 }
const mov: Case = { name: 'film.mov', mimeType: 'video/quicktime', codecs: ['h264', 'aac'], ms: 10_000 }
const webm: Case = { name: 'film.webm', mimeType: 'video/webm', codecs: ['vp8', 'opus'], ms: 2_000 }
const voices: readonly Case[] = [
  wav,
  { name: 'voice.mp3', mimeType: 'audio/mpeg', codecs: ['mp3'], ms: 2_000 },
  { name: 'voice.m4a', mimeType: 'audio/mp4', codecs: ['aac'], ms: 2_000 },
  { name: 'voice-pcm.caf', mimeType: 'audio/x-caf', codecs: ['pcm'], ms: 1_500 },
  { name: 'voice-aac.caf', mimeType: 'audio/x-caf', codecs: ['aac'], ms: 2_000 },
  { name: 'voice.amr', mimeType: 'audio/amr', codecs: ['amr_nb'], ms: 1_500 },
]
const films: readonly (Case & { width: number; height: number })[] = [
  { name: 'film-hevc.mp4', mimeType: 'video/mp4', codecs: ['hevc', 'aac'], ms: 2_000, width: 160, height: 120 },
  // Its sides are odd, which H.264 in this form cannot be.
  { ...webm, width: 160, height: 120 },
]

const recordingsOf = (name: ToolName, { spool }: Desk) => createRecordings({ tool: toolCalled(name), spool })

/** Makes the form and says where it is; nothing else is left behind. */
async function made(name: ToolName, desk: Desk, of: Case & { form: 'mp4' | 'ogg-opus' | 'caf-opus' }): Promise<string> {
  const file = { ...unread(of.mimeType), codecs: of.codecs, durationMs: of.ms }
  const out = await desk.spool.path()
  await recordingsOf(name, desk).make({ form: of.form, path: sample(of.name), file, out, bytesMax: 200_000 })
  expect(desk.left()).toHaveLength(1)
  return out
}

function expectNear(seconds: number, ms: number): void {
  expect(Math.abs(seconds * 1000 - ms)).toBeLessThanOrEqual(60)
}

/** Of the packets inside, whatever they are wrapped in. */
async function packetsIn(tool: Tool, desk: Desk, of: { path: string; demuxer: string }): Promise<string> {
  const out = await desk.spool.path()
  const after = ['-map', '0', '-c', 'copy', '-f', 'streamhash', '-hash', 'sha256']
  const limits = { wallMs: 20_000, bytesMax: 10_000 }
  const outcome = await tool.convert({ path: of.path, before: ['-f', of.demuxer], after, out, limits })
  expect(outcome.did).toBe('convert')
  return readFile(out, 'utf8')
}

describe.concurrent.each(toolNames)('with the %s tool', (name) => {
  beforeEach(async (context) => {
    const why = await lacking(name)
    if (why !== null) context.skip(why)
  })

  test.each(voices)('$name becomes a voice note in Ogg', (voice) =>
    atDesk(async (desk) => {
      const found = await seen(await made(name, desk, { ...voice, form: 'ogg-opus' }), 'ogg')
      expect(found).toMatchObject({ format: 'ogg', streams: [{ codec: 'opus', rate: 48_000, channels: 1 }] })
      expect(found.streams).toHaveLength(1)
      expectNear(found.seconds, voice.ms)
    }),
  )

  test.each([
    { name: 'voice.amr', mimeType: 'audio/amr', codecs: ['amr_nb'], width: null, height: null },
    { name: 'voice-pcm.caf', mimeType: 'audio/x-caf', codecs: ['pcm'], width: null, height: null },
    { name: 'film-hevc.mp4', mimeType: 'video/mp4', codecs: ['hevc', 'aac'], width: 160, height: 120 },
    { name: 'film.webm', mimeType: 'video/webm', codecs: ['vp8', 'opus'], width: 161, height: 121 },
  ])('$name is known by what is inside', ({ name: file, mimeType, ...facts }) =>
    atDesk(async (desk) => {
      expect(await recordingsOf(name, desk).probe(sample(file), mimeType)).toMatchObject(facts)
    }),
  )

  test('a recording becomes a voice note in CAF, as long as what went in', () =>
    atDesk(async (desk) => {
      const found = await seen(await made(name, desk, { ...wav, form: 'caf-opus' }), 'caf')
      expect(found).toMatchObject({ format: 'caf', streams: [{ codec: 'opus', rate: 48_000, channels: 1 }] })
      expectNear(found.seconds, wav.ms)
    }))

  test('Opus is put into CAF without touching a packet', () =>
    atDesk(async (desk) => {
      const out = await made(name, desk, { ...ogg, form: 'caf-opus' })
      const tool = toolCalled(name)
      const before = await packetsIn(tool, desk, { path: sample(ogg.name), demuxer: 'ogg' })
      expect(before).toMatch(/^0,a,SHA256=[0-9a-f]{64}\n$/i)
      expect(await packetsIn(tool, desk, { path: out, demuxer: 'caf' })).toBe(before)
      expectNear((await seen(out, 'caf')).seconds, ogg.ms)
    }))

  test('H.264 and AAC are put into MP4 without touching a packet, ready to be played from the start', () =>
    atDesk(async (desk) => {
      const out = await made(name, desk, { ...mov, form: 'mp4' })
      const tool = toolCalled(name)
      const before = await packetsIn(tool, desk, { path: sample(mov.name), demuxer: 'mov' })
      expect(before.split('\n')).toHaveLength(3)
      expect(await packetsIn(tool, desk, { path: out, demuxer: 'mov' })).toBe(before)
      const facts = { codecs: mov.codecs, durationMs: mov.ms, width: 160, height: 120 }
      expect(await recordingsOf(name, desk).probe(out, 'video/mp4')).toEqual(facts)
      const bytes = await readFile(out)
      expect(bytes.toString('latin1', 4, 8)).toBe('ftyp')
      expect(bytes.indexOf('moov')).toBeLessThan(bytes.indexOf('mdat'))
    }))

  test.each(films)('$name becomes an MP4 that every telephone plays', ({ width, height, ...film }) =>
    atDesk(async (desk) => {
      const found = await seen(await made(name, desk, { ...film, form: 'mp4' }), 'mov')
      const streams = [
        { codec: 'h264', width, height },
        { codec: 'aac', rate: 48_000, channels: 2 },
      ]
      expect(found).toMatchObject({ format: expect.stringContaining('mp4'), streams })
      expectNear(found.seconds, film.ms)
    }),
  )

  test('a voice note is sketched: quiet for a second, then loud', () =>
    atDesk(async (desk) => {
      const levels = (await recordingsOf(name, desk).loudness(sample(wav.name), wav.mimeType)) ?? []
      expect(levels).toHaveLength(64)
      expect(Math.max(...levels)).toBe(100)
      const [quiet, loud] = [levels.slice(0, 42), levels.slice(43)]
      expect(quiet.every((level) => Math.abs(level - 20) <= 3)).toBe(true)
      expect(loud.every((level) => level >= 95)).toBe(true)
      expect(desk.left()).toEqual([])
    }))

  test('one picture of a film is a JPEG; of a voice note there is none', () =>
    atDesk(async (desk) => {
      const recordings = recordingsOf(name, desk)
      const out = await desk.spool.path()
      expect(await recordings.frame(sample(mov.name), mov.mimeType, out)).toBe(true)
      const bytes = await readFile(out)
      expect([bytes.subarray(0, 2).toString('hex'), bytes.subarray(-2).toString('hex')]).toEqual(['ffd8', 'ffd9'])
      const none = await desk.spool.path()
      expect(await recordings.frame(sample(wav.name), wav.mimeType, none)).toBe(false)
      expect(desk.left()).toHaveLength(1)
    }))

  // In WebAssembly this ran over the end of a stack of 64 kB, and then crashed or never ended.
  test('a picture full of detail is written whole', () =>
    atDesk(async (desk) => {
      const picture = ['-frames:v', '1', '-vf', 'scale=640:-2', '-q:v', '2', '-c:v', 'mjpeg', '-f', 'mjpeg']
      const of = { path: sample(mov.name), before: ['-f', 'mov'], after: ['-map', '0:v:0', ...picture] }
      const out = await desk.spool.path()
      const limits = { wallMs: 20_000, bytesMax: 4_000_000 }
      expect((await toolCalled(name).convert({ ...of, out, limits })).did).toBe('convert')
    }))

  test('what goes out says nothing about where and with what it was made', () =>
    atDesk(async (desk) => {
      const tool = toolCalled(name)
      const out = await desk.spool.path()
      const after = [
        '-map',
        '0',
        '-c',
        'copy',
        '-metadata',
        'title=Our kitchen',
        '-metadata',
        'location=+52.5+013.4/',
        '-f',
        'mov',
      ]
      const limits = { wallMs: 20_000, bytesMax: 200_000 }
      await tool.convert({ path: sample(mov.name), before: ['-f', 'mov'], after, out, limits })
      expect((await readFile(out)).includes('Our kitchen')).toBe(true)
      const file = { ...unread(mov.mimeType), codecs: mov.codecs }
      const bare = await desk.spool.path()
      await recordingsOf(name, desk).make({ form: 'mp4', path: out, file, out: bare, bytesMax: 200_000 })
      const bytes = await readFile(bare)
      expect([bytes.includes('Our kitchen'), bytes.includes('+52.5')]).toEqual([false, false])
    }))
})
