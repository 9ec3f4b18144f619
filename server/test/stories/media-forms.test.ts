/** What networks take: the same file goes out to each in the form it plays, whole where it is right already. */
import { createHash, randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import sharp from 'sharp'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Channel } from '../../src/model/channel.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { type Story, tell } from '../support/story.ts'

const sample = (name: string) => readFile(new URL(`../media/samples/${name}`, import.meta.url))
const hashOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

let gateway: TestGateway
let story: Story
let people = 0
beforeAll(async () => {
  gateway = await startTestGateway()
})
beforeEach(async () => {
  story = await tell(gateway)
})
afterAll(async () => {
  await gateway.stop()
  expect(gateway.errors).toEqual([])
})

/** Tools take real time. */
async function sent(bytes: Uint8Array, channel: Channel, more: object = {}) {
  people += 1
  const id = await story.send({
    to: `+1415556${String(1_000 + people)}`,
    attachments: [{ type: 'base64', data: Buffer.from(bytes).toString('base64'), ...more }],
    routing: { preference: [channel], fallback: false },
  })
  await expect.poll(async () => (await story.get(id)).status, { timeout: 20_000, interval: 20 }).not.toBe('queued')
  await gateway.settled()
  const { status, errorCode, errorMessage, externalId } = await story.get(id)
  const arrived = gateway.network.received().find(({ providerId }) => providerId === externalId)
  return { status, errorCode, errorMessage, file: arrived?.attachments[0] }
}

test('a voice note becomes Opus: in Ogg with its waveform for WhatsApp, in CAF for iMessage, a plain file by SMS', async () => {
  const wav = await sample('voice.wav')
  const note = { isAudioMessage: true, filename: 'Memo 1.wav' }
  const whatsapp = (await sent(wav, 'whatsapp', note)).file
  expect(whatsapp).toMatchObject({ kind: 'audio', mimeType: 'audio/ogg', filename: 'Memo 1.ogg', voiceNote: true })
  expect(whatsapp?.waveform).toHaveLength(64)
  expect(Math.max(...(whatsapp?.waveform ?? []))).toBe(100)
  expect(whatsapp?.durationMs).toBeGreaterThan(900)
  const imessage = (await sent(wav, 'imessage', note)).file
  expect(imessage).toMatchObject({ kind: 'audio', mimeType: 'audio/x-caf', filename: 'Memo 1.caf', voiceNote: true })
  const sms = (await sent(wav, 'sms', note)).file
  expect(sms).toMatchObject({ kind: 'audio', mimeType: 'audio/wav', voiceNote: false, sha256: hashOf(wav) })
})

test('what is right already is passed on byte for byte', async () => {
  const ogg = await sample('voice.ogg')
  const mp3 = await sample('voice.mp3')
  expect((await sent(ogg, 'whatsapp', { isAudioMessage: true })).file).toMatchObject({
    sha256: hashOf(ogg),
    voiceNote: true,
  })
  expect((await sent(mp3, 'imessage', { isAudioMessage: true })).file).toMatchObject({ sha256: hashOf(mp3) })
  expect((await sent(mp3, 'whatsapp')).file).toMatchObject({ sha256: hashOf(mp3), kind: 'audio', voiceNote: false })
  const mov = await sample('film.mov')
  expect((await sent(mov, 'imessage')).file).toMatchObject({ sha256: hashOf(mov), kind: 'video' })
})

test('a video becomes an MP4 with a small picture of it, made once for all who get it', async () => {
  const mov = await sample('film.mov')
  const first = (await sent(mov, 'whatsapp', { filename: 'film.mov' })).file
  expect(first).toMatchObject({ kind: 'video', mimeType: 'video/mp4', filename: 'film.mp4' })
  expect(await sharp(first?.thumbnail ?? Buffer.alloc(0)).metadata()).toMatchObject({ format: 'jpeg' })
  const second = (await sent(mov, 'whatsapp')).file
  expect(second?.sha256).toBe(first?.sha256)
  const rows = await gateway.database.db.query<{ form: string }>({
    name: '',
    text: `select form from file_forms where hash = '${hashOf(mov)}'`,
  })
  expect(rows.map(({ form }) => form)).toContain(`mp4/${64 * 1024 * 1024}`)
})

test('a picture becomes a JPEG where WebP is not shown, and smaller where it is too large', async () => {
  const noise = randomBytes(900 * 900 * 3)
  const webp = await sharp(noise, { raw: { width: 900, height: 900, channels: 3 } })
    .webp()
    .toBuffer()
  const jpeg = (await sent(webp, 'whatsapp', { filename: 'dish.webp' })).file
  expect(jpeg).toMatchObject({ kind: 'image', mimeType: 'image/jpeg', filename: 'dish.jpg', width: 900, height: 900 })
  expect(jpeg?.thumbnail?.length).toBeGreaterThan(0)
  const large = await sharp(noise, { raw: { width: 900, height: 900, channels: 3 } })
    .png()
    .toBuffer()
  expect(large.length).toBeGreaterThan(500 * 1024)
  const small = (await sent(large, 'sms')).file
  expect(small?.mimeType).toBe('image/jpeg')
  expect(small?.bytes).toBeLessThanOrEqual(500 * 1024)
})

test('what cannot be shown goes as a document, and what is broken says so', async () => {
  const webm = await sample('film.webm')
  expect((await sent(webm, 'imessage')).file).toMatchObject({ kind: 'document', sha256: hashOf(webm) })
  const torn = (await sample('film.webm')).subarray(0, 3_000)
  expect(await sent(torn, 'whatsapp')).toMatchObject({ status: 'failed', errorCode: 'MEDIA_INVALID' })
  const claimed = Buffer.from('#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:1/secret\n')
  const playlist = (await sent(claimed, 'whatsapp', { mimeType: 'video/mp4', filename: 'x.mp4' })).file
  expect(playlist).toMatchObject({ kind: 'document', mimeType: 'text/plain', sha256: hashOf(claimed) })
})
