/** Who is asked to make what, what becomes of it, and that a sketch that fails keeps nobody from sending. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../lib/clock.ts'
import { createMint } from '../../lib/mint.ts'
import { SendFailure } from '../../model/delivery.ts'
import type { FileFacts } from '../../model/media/file.ts'
import { createSpool } from '../spool.ts'
import { createMaker } from './maker.ts'
import type { Pictures } from './pictures.ts'
import type { Recordings } from './recordings.ts'

let dir = ''
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'switchboard-maker-'))
})
afterEach(() => rm(dir, { recursive: true, force: true }))

const fails = () => Promise.reject(new SendFailure('refused', 'MEDIA_INVALID', 'It cannot be read.'))

function maker(recordings: Partial<Recordings> = {}, pictures: Partial<Pictures> = {}) {
  return createMaker({
    recordings: { probe: fails, make: fails, loudness: fails, frame: fails, ...recordings },
    pictures: { measure: fails, jpeg: fails, thumbnail: fails, stop: async () => {}, ...pictures },
    spool: createSpool({ dir, mint: createMint(systemClock), clock: systemClock }),
  })
}

const file = (mimeType: string): FileFacts => ({
  mimeType,
  bytes: 9,
  codecs: null,
  durationMs: null,
  width: null,
  height: null,
})
const none = { waveform: null, thumbnail: null }
const small = Uint8Array.of(1, 2, 3)

test('what is made is hashed and counted, and goes when it is dropped', async () => {
  const { make } = maker({ make: ({ out, form }) => writeFile(out, form) })
  const made = await make({ path: '/in', file: file('audio/wav'), form: 'ogg-opus', bytesMax: 8 })
  expect(made).toMatchObject({ bytes: 8, hash: '584f7c047943254a72a4d9cfd011931be3baeec6ce409fe4902752107ee62ef7' })
  expect(await readdir(dir)).toHaveLength(1)
  await made.drop()
  expect(await readdir(dir)).toEqual([])
})

test('pictures are made by those who know pictures', async () => {
  const { make } = maker({}, { jpeg: (_, mimeType, out) => writeFile(out, mimeType) })
  await expect(make({ path: '/in', file: file('image/png'), form: 'jpeg', bytesMax: 9 })).resolves.toMatchObject({
    bytes: 9,
  })
})

test('what comes out larger than it may is refused, and nothing is left', async () => {
  const { make } = maker({ make: ({ out }) => writeFile(out, 'much') })
  const making = make({ path: '/in', file: file('audio/wav'), form: 'caf-opus', bytesMax: 3 })
  await expect(making).rejects.toMatchObject({ kind: 'refused', code: 'MEDIA_TOO_LARGE' })
  expect(await readdir(dir)).toEqual([])
})

test('a failure passes through, and what was begun is removed', async () => {
  const { make } = maker({ make: ({ out }) => writeFile(out, 'half').then(fails) })
  const making = make({ path: '/in', file: file('audio/wav'), form: 'mp4', bytesMax: 3 })
  await expect(making).rejects.toMatchObject({ code: 'MEDIA_INVALID' })
  expect(await readdir(dir)).toEqual([])
})

test('a sketch is a waveform for a voice note, a thumbnail for what can be seen, nothing for the rest', async () => {
  const asked: string[] = []
  const frame: Recordings['frame'] = async (_, mimeType, out) => {
    await writeFile(out, mimeType)
    return true
  }
  const thumbnail = async (_: string, mimeType: string) => {
    asked.push(mimeType)
    return small
  }
  const { sketch } = maker({ loudness: async () => [0, 100], frame }, { thumbnail })
  const of = (mimeType: string, voice = false) => sketch({ path: '/in', file: file(mimeType), voice })
  expect(await of('audio/ogg', true)).toEqual({ waveform: [0, 100], thumbnail: null })
  expect(await of('audio/ogg')).toEqual(none)
  expect(await of('image/webp')).toEqual({ waveform: null, thumbnail: small })
  expect(await of('video/mp4')).toEqual({ waveform: null, thumbnail: small })
  expect(await of('application/pdf')).toEqual(none)
  expect(asked).toEqual(['image/webp', 'image/jpeg'])
  expect(await readdir(dir)).toEqual([])
})

test('whatever fails while sketching, there is no sketch', async () => {
  for (const [mimeType, voice] of [
    ['audio/ogg', true],
    ['image/png', false],
    ['video/mp4', false],
  ] as const)
    expect(await maker().sketch({ path: '/in', file: file(mimeType), voice })).toEqual(none)
  const { sketch } = maker({ frame: async () => false })
  expect(await sketch({ path: '/in', file: file('video/mp4'), voice: false })).toEqual(none)
})
