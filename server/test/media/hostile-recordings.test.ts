/** Files that are not what they say, that lie about their size, or would keep us for ever: refused in time, and nothing is left. */
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createRecordings } from '../../src/media/tools/recordings.ts'
import { SendFailure } from '../../src/model/delivery.ts'
import { until } from '../support/gateway.ts'
import { createTestClock } from '../support/test-clock.ts'
import {
  atDesk,
  type Desk,
  lacking,
  processesWith,
  sample,
  type ToolName,
  toolCalled,
  toolNames,
  unread,
} from './recording-tools.ts'

let connections = 0
const canary = createServer((_, response) => response.end())
let canaryUrl = ''

beforeAll(async () => {
  canary.on('connection', () => {
    connections += 1
  })
  await new Promise<void>((resolve) => canary.listen(0, '127.0.0.1', resolve))
  canaryUrl = `http://127.0.0.1:${(canary.address() as AddressInfo).port}/part.ts`
})

afterAll(() => new Promise((resolve) => canary.close(resolve)))

const limits = { wallMs: 20_000, bytesMax: 200_000 }

const recordingsOf = (name: ToolName, { spool }: Desk) => createRecordings({ tool: toolCalled(name), spool })

interface Attempt {
  path: string
  mimeType: string
  form?: 'mp4' | 'ogg-opus' | 'caf-opus'
  bytesMax?: number
  codecs?: readonly string[]
}

/** The code it is refused with; nothing may be left of the attempt. */
async function refusal(name: ToolName, desk: Desk, attempt: Attempt): Promise<string> {
  const { path, mimeType, form = 'mp4', bytesMax = 200_000, codecs = null } = attempt
  const [file, out] = [{ ...unread(mimeType), codecs }, await desk.spool.path()]
  const making = recordingsOf(name, desk).make({ form, path, file, out, bytesMax })
  const failure: unknown = await making.catch((error: unknown) => error)
  expect(desk.left()).toEqual([])
  if (!(failure instanceof SendFailure)) throw failure ?? new Error('It was taken.')
  expect(failure.kind).toBe('refused')
  return failure.code
}

function playlist(): string {
  const parts = [canaryUrl, `file://${sample('voice.wav')}`]
  return `#EXTM3U\n#EXT-X-TARGETDURATION:5\n${parts.map((part) => `#EXTINF:5,\n${part}\n`).join('')}#EXT-X-ENDLIST\n`
}

function script(): string {
  return `ffconcat version 1.0\nfile '${canaryUrl}'\nfile '${sample('voice.wav')}'\n`
}

test('the canary sees whoever comes', async () => {
  const before = connections
  await fetch(canaryUrl)
  expect(connections).toBe(before + 1)
  connections = 0
})

describe.concurrent.each(toolNames)('with the %s tool', (name) => {
  beforeEach(async (context) => {
    const why = await lacking(name)
    if (why !== null) context.skip(why)
  })

  test.each([
    { what: 'a playlist', mimeType: 'video/mp4', content: playlist, form: 'mp4' },
    { what: 'a playlist', mimeType: 'audio/mpeg', content: playlist, form: 'ogg-opus' },
    { what: 'a script', mimeType: 'audio/mp4', content: script, form: 'ogg-opus' },
  ] as const)('$what posing as $mimeType is not followed', ({ mimeType, content, form }) =>
    atDesk(async (desk) => {
      const path = await desk.put(content())
      expect([await refusal(name, desk, { path, mimeType, form }), connections]).toEqual(['MEDIA_INVALID', 0])
    }),
  )

  test.each([
    { what: 'a playlist', content: playlist, demuxer: ['-allowed_extensions', 'ALL', '-f', 'hls'] },
    { what: 'a script', content: script, demuxer: ['-safe', '0', '-f', 'concat'] },
  ])('even told to follow $what, the tool reaches no network and no other file', ({ content, demuxer }) =>
    atDesk(async (desk) => {
      const path = await desk.put(content())
      const before = ['-protocol_whitelist', 'file,http,tcp,crypto', ...demuxer]
      const out = await desk.spool.path()
      const outcome = await toolCalled(name).convert({ path, before, after: ['-f', 'wav'], out, limits })
      expect([outcome.did, desk.left(), connections]).toEqual(['fail', [], 0])
    }),
  )

  test.each(['application/vnd.apple.mpegurl', 'text/plain', 'application/dash+xml', 'image/jpeg'])(
    '%s is no recording',
    (mimeType) =>
      atDesk(async (desk) => {
        const path = sample('voice.wav')
        expect(await recordingsOf(name, desk).probe(path, mimeType)).toBeNull()
        expect(await refusal(name, desk, { path, mimeType })).toBe('MEDIA_INVALID')
        expect(await recordingsOf(name, desk).loudness(path, mimeType)).toBeNull()
      }),
  )

  test.each(['audio/mpeg', 'video/mp4'])('noise that is called %s cannot be read', (mimeType) =>
    atDesk(async (desk) => {
      const path = await desk.put(noise(8_000))
      expect(await recordingsOf(name, desk).probe(path, mimeType)).toBeNull()
      expect(await refusal(name, desk, { path, mimeType, form: 'caf-opus' })).toBe('MEDIA_INVALID')
    }),
  )

  test('a film that was cut off is refused, wherever its index lies', () =>
    atDesk(async (desk) => {
      const whole = await readFile(sample('film.mov'))
      const headless = await desk.put(whole.subarray(0, whole.length / 2))
      expect(await refusal(name, desk, { path: headless, mimeType: 'video/quicktime' })).toBe('MEDIA_INVALID')
      const out = await desk.spool.path()
      const before = ['-f', 'mov']
      const after = ['-c', 'copy', '-movflags', '+faststart', '-f', 'mp4']
      await toolCalled(name).convert({ path: sample('film.mov'), before, after, out, limits })
      const started = await readFile(out)
      const path = await desk.put(started.subarray(0, started.length / 2))
      await desk.spool.adopt(out, 200_000).then((spooled) => spooled.drop())
      expect(await refusal(name, desk, { path, mimeType: 'video/mp4' })).toBe('MEDIA_INVALID')
    }))

  test('a length that cannot be true is not believed, and one that is not there is found out', () =>
    atDesk(async (desk) => {
      const years = await desk.put(await claiming(10 * 365 * 86_400_000))
      expect(await recordingsOf(name, desk).probe(years, 'video/webm')).toMatchObject({ durationMs: null })
      const path = await desk.put(await claiming(86_400_000))
      expect(await recordingsOf(name, desk).probe(path, 'video/webm')).toMatchObject({ durationMs: 86_400_000 })
      expect(await refusal(name, desk, { path, mimeType: 'video/webm' })).toBe('MEDIA_INVALID')
    }))

  test('a picture that claims to be huge is not decoded', () =>
    atDesk(async (desk) => {
      const bytes = await readFile(sample('film.webm'))
      const mark = Buffer.from([0x9d, 0x01, 0x2a])
      let claims = 0
      for (let at = bytes.indexOf(mark); at !== -1; at = bytes.indexOf(mark, at + 1)) {
        bytes.writeUInt32LE(0x3fff3fff, at + 3)
        claims += 1
      }
      expect(claims).toBeGreaterThan(0)
      const path = await desk.put(bytes)
      expect(await refusal(name, desk, { path, mimeType: 'video/webm' })).toBe('MEDIA_INVALID')
    }))

  test('what would take more memory than there is for a job fails', () =>
    atDesk(async (desk) => {
      const side = name === 'wasm' ? 16_000 : 40_000
      const after = ['-an', '-frames:v', '1', '-vf', `scale=${side}:${side}`, '-c:v', 'rawvideo', '-f', 'streamhash']
      const of = { path: sample('film.mov'), before: ['-f', 'mov'], after, out: await desk.spool.path() }
      const outcome = await toolCalled(name).convert({ ...of, limits })
      expect([outcome.did, desk.left()]).toEqual(['fail', []])
      expect(outcome.said).toMatch(/Failed to allocate|Cannot allocate memory/)
    }))

  test.each([
    { file: 'film.webm', mimeType: 'video/webm', codecs: ['vp8', 'opus'], form: 'mp4', bytesMax: 5_000 },
    { file: 'film.mov', mimeType: 'video/quicktime', codecs: ['h264', 'aac'], form: 'mp4', bytesMax: 5_000 },
    { file: 'voice.wav', mimeType: 'audio/wav', codecs: ['pcm'], form: 'ogg-opus', bytesMax: 1_000 },
    { file: 'voice.ogg', mimeType: 'audio/ogg', codecs: ['opus'], form: 'caf-opus', bytesMax: 1_000 },
  ] as const)('$file is not made larger than $bytesMax bytes', ({ file, ...of }) =>
    atDesk(async (desk) => {
      expect(await refusal(name, desk, { path: sample(file), ...of })).toBe('MEDIA_TOO_LARGE')
    }),
  )

  test('a job that would run for ever is killed when its time is over', () =>
    atDesk(async (desk) => {
      const clock = createTestClock()
      const mark = `mark-${name}-${process.pid}`
      const out = await desk.spool.path()
      const before = ['-stream_loop', '-1', '-f', 'wav']
      const after = ['-metadata', `comment=${mark}`, '-c:a', 'libopus', '-f', 'null']
      const running = toolCalled(name, clock).convert({
        path: sample('voice.wav'),
        before,
        after,
        out,
        limits: { wallMs: 60_000, bytesMax: 10_000 },
      })
      await until(async () => processesWith(mark).length > 0, 'the job to run')
      clock.advance(60_000)
      expect((await running).did).toBe('run late')
      expect([processesWith(mark), desk.left()]).toEqual([[], []])
    }))
})

/** Two seconds of film that say they last so long: its Duration is a float of eight bytes. */
async function claiming(ms: number): Promise<Uint8Array> {
  const bytes = await readFile(sample('film.webm'))
  const at = bytes.indexOf(Buffer.from([0x44, 0x89, 0x88]))
  expect(bytes.readDoubleBE(at + 3)).toBeGreaterThan(1_900)
  bytes.writeDoubleBE(ms, at + 3)
  return bytes
}

/** The same every time. */
function noise(count: number): Uint8Array {
  let state = 1
  return Buffer.alloc(count).map(() => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return (state >>> 16) & 255
  })
}
