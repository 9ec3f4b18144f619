/** Files on WhatsApp, both ways: pictures, videos, recordings and documents, and messages that are made of several. */
import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import sharp from 'sharp'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Picture } from '../../../networks/src/whatsapp/person.ts'
import { until } from '../support/gateway.ts'
import { openScene, type Scene, type Somebody, type WhatsappStory } from '../support/whatsapp-story.ts'

const sample = (name: string) => readFile(new URL(`../media/samples/${name}`, import.meta.url))
const picture = (red: number) =>
  sharp({ create: { width: 40, height: 30, channels: 3, background: { r: red, g: 90, b: 90 } } })

let scene: Scene
let story: WhatsappStory
let ada: Somebody
let us: string
let pictures: Server
let asked: number
beforeAll(async () => {
  scene = await openScene()
  ada = scene.somebody('Ada')
  us = scene.line.address
  const jpeg = await picture(10).jpeg().toBuffer()
  pictures = createServer((request, response) => {
    asked += 1
    // What follows the end of a picture is shown by nobody, and counts all the same.
    const rest = request.url === '/large.jpg' ? 16 * 1024 * 1024 : 0
    response.writeHead(200, { 'content-type': 'image/jpeg' }).end(Buffer.concat([jpeg, Buffer.alloc(rest)]))
  })
  await new Promise<void>((resolve) => pictures.listen(0, '127.0.0.1', resolve))
})
afterAll(async () => {
  await scene.stop()
  await new Promise((resolve) => pictures.close(resolve))
  expect(scene.gateway.errors).toEqual([])
})
beforeEach(async () => {
  asked = 0
  story = await scene.begin()
})

const urlOf = (name: string) => `http://127.0.0.1:${(pictures.address() as AddressInfo).port}/${name}`
const file = (bytes: Uint8Array, more: object = {}) => ({
  ...{ type: 'base64', data: Buffer.from(bytes).toString('base64') },
  ...more,
})
const out = (what: string) => [`message.queued ${what}`, `message.sent ${what}`, `message.delivered ${what}`]
/** What an event says that has no text: queued messages are on no channel yet. */
const wordless = ['message.queued null', 'message.sent whatsapp', 'message.delivered whatsapp']

describe('out', () => {
  const arrived = async (attachment: object, text: string | null = null) => {
    const count = ada.received.length
    await story.writes(ada, text, { attachments: [attachment] })
    await story.hears(...(text === null ? wordless : out(text)))
    expect(ada.received).toHaveLength(count + 1)
    const shown = ada.received.at(-1)
    return { shown, bytes: (await shown?.file?.open()) ?? null }
  }

  test('a picture with its caption arrives as it was, with a sketch of it', async () => {
    const jpeg = await picture(200).jpeg().toBuffer()
    const { shown, bytes } = await arrived(file(jpeg, { filename: 'dish.jpg' }), 'The dish of the day')
    expect(shown).toMatchObject({ kind: 'image', text: 'The dish of the day', file: { mimeType: 'image/jpeg' } })
    expect(bytes).toEqual(jpeg)
    const { width, height, jpegThumbnail } = shown?.message.imageMessage ?? {}
    expect([width, height]).toEqual([40, 30])
    expect(await sharp(jpegThumbnail ?? Buffer.alloc(0)).metadata()).toMatchObject({ format: 'jpeg' })
  })

  test('a picture of a kind that phones do not show is made into one that they do', async () => {
    const { shown, bytes } = await arrived(file(await picture(100).webp().toBuffer(), { filename: 'dish.webp' }))
    expect(shown).toMatchObject({ kind: 'image', text: null, file: { mimeType: 'image/jpeg' } })
    expect(await sharp(bytes ?? Buffer.alloc(0)).metadata()).toMatchObject({ format: 'jpeg', width: 40, height: 30 })
  })

  test('a video is an MP4 on the phone, with its length', async () => {
    const { shown, bytes } = await arrived(file(await sample('film.mov'), { filename: 'film.mov' }), 'Our kitchen')
    expect(shown).toMatchObject({ kind: 'video', text: 'Our kitchen', file: { mimeType: 'video/mp4' } })
    expect(shown?.file?.seconds).toBeGreaterThan(8)
    expect(bytes?.subarray(4, 8).toString()).toBe('ftyp')
  })

  test('a voice note is Opus in Ogg, with its length and how loud it is', async () => {
    const note = file(await sample('voice.wav'), { isAudioMessage: true, filename: 'memo.wav' })
    const { shown, bytes } = await arrived(note)
    expect(shown).toMatchObject({ kind: 'audio', file: { isVoice: true, mimeType: 'audio/ogg; codecs=opus' } })
    expect(shown?.file?.seconds).toBeGreaterThanOrEqual(1)
    expect(bytes?.subarray(0, 4).toString()).toBe('OggS')
    expect(bytes?.includes('OpusHead')).toBe(true)
    const { waveform } = shown?.message.audioMessage ?? {}
    expect([waveform?.length, Math.max(...(waveform ?? []))]).toEqual([64, 100])
  })

  test('a recording that is no voice note is sent as it is', async () => {
    const mp3 = await sample('voice.mp3')
    const { shown, bytes } = await arrived(file(mp3, { filename: 'song.mp3' }))
    expect(shown).toMatchObject({ kind: 'audio', file: { isVoice: false, mimeType: 'audio/mpeg' } })
    expect(bytes).toEqual(mp3)
  })

  test('a document keeps its name and every byte', async () => {
    const pdf = Buffer.concat([Buffer.from('%PDF-1.4\n'), Buffer.alloc(300_000, 7)])
    const menu = file(pdf, { filename: 'Menü für Freitag.pdf', mimeType: 'application/pdf' })
    const { shown, bytes } = await arrived(menu, 'The menu')
    expect(shown).toMatchObject({ kind: 'document', text: 'The menu', file: { name: 'Menü für Freitag.pdf' } })
    expect(shown?.file?.mimeType).toBe('application/pdf')
    expect(bytes).toEqual(pdf)
  })

  test('several are messages of their own, the text under the first, and delivered once all of them are', async () => {
    const attachments = [file(await picture(1).jpeg().toBuffer()), file(await picture(2).png().toBuffer())]
    scene.people.set(ada.handle, { receiptAfterMs: null })
    const before = ada.received.length
    const id = await story.writes(ada, 'Both of them', { attachments })
    await until(async () => ada.received.length === before + 2, 'both to arrive')
    const [first, second] = ada.received.slice(before)
    expect([first, second]).toMatchObject([
      { kind: 'image', text: 'Both of them' },
      { kind: 'image', text: null },
    ])
    const told = ['message.queued Both of them', 'message.sent Both of them']
    ada.reads(us, [second?.id ?? ''])
    await story.hears(...told)
    ada.reads(us, [first?.id ?? ''])
    await story.hears(...told, 'message.read Both of them')
    expect(await story.get(id)).toMatchObject({ status: 'read', externalId: first?.id })
    scene.people.set(ada.handle, { receiptAfterMs: 5 })
  })

  test('what would be a carousel elsewhere is its pictures one by one', async () => {
    const before = ada.received.length
    await story.writes(ada, null, {
      ...{ content: { text: 'Two for you', mediaUrls: [urlOf('a.jpg'), urlOf('b.jpg')] } },
      ...{ messageType: 'carousel', effect: 'balloons' },
    })
    await story.hears(...out('Two for you'))
    expect(ada.received.slice(before)).toMatchObject([
      { kind: 'image', text: 'Two for you' },
      { kind: 'image', text: null },
    ])
  })

  test('a text goes ahead of a recording, and ahead of files when it is too long for a caption', async () => {
    const note = file(await sample('voice.ogg'), { isAudioMessage: true })
    const before = ada.received.length
    await story.writes(ada, 'Listen', { attachments: [note] })
    await story.hears(...out('Listen'))
    const long = 'Word by word. '.repeat(100)
    await story.writes(ada, long, { attachments: [file(await picture(3).jpeg().toBuffer())] })
    await story.hears(...out('Listen'), ...out(long))
    expect(ada.received.slice(before).map(({ kind, text }) => [kind, text])).toEqual([
      ['text', 'Listen'],
      ['audio', null],
      ['text', long],
      ['image', null],
    ])
  })

  test('what is too large is refused before any of it is uploaded, and not tried again', async () => {
    scene.network.faults.refuseUploads(true)
    const attachments = [{ type: 'url', url: urlOf('large.jpg') }]
    const id = await story.writes(ada, 'Too much', { attachments })
    await story.hears('message.queued Too much', 'message.failed Too much: WHATSAPP_MEDIA_TOO_LARGE')
    expect(await story.get(id)).toMatchObject({ status: 'failed', errorCode: 'WHATSAPP_MEDIA_TOO_LARGE' })
    await scene.gateway.advance(3_600_000)
    await story.hears('message.queued Too much', 'message.failed Too much: WHATSAPP_MEDIA_TOO_LARGE')
    expect(asked).toBe(1)
    scene.network.faults.refuseUploads(false)
  })

  test('what cannot be uploaded now is uploaded later, and arrives once', async () => {
    scene.network.faults.refuseUploads(true)
    const before = ada.received.length
    await story.writes(ada, 'At last', { attachments: [file(await picture(4).jpeg().toBuffer())] })
    await until(async () => {
      const text = 'select count(*)::int as count from attempts where code = $1'
      const code = 'WHATSAPP_SEND_FAILED'
      return (await scene.gateway.database.db.query<{ count: number }>({ name: '', text }, [code]))[0]?.count === 1
    }, 'a try that fails')
    scene.network.faults.refuseUploads(false)
    await scene.gateway.pass(60_000)
    await story.hears(...out('At last'))
    expect(ada.received.slice(before)).toMatchObject([{ kind: 'image', text: 'At last' }])
  })
})

describe('in', () => {
  const cases: [name: string, picture: () => Promise<Picture>, mimeType: string][] = [
    ['a picture', async () => of('image', 'image/png', await picture(5).png().toBuffer()), 'image/png'],
    ['a video', async () => of('video', 'video/mp4', await sample('film-hevc.mp4')), 'video/mp4'],
    ['a recording', async () => of('audio', 'audio/mpeg', await sample('voice.mp3')), 'audio/mpeg'],
    ['a sticker', async () => of('sticker', 'image/webp', await picture(6).webp().toBuffer()), 'image/webp'],
  ]
  const of = (kind: Picture['kind'], mimeType: string, bytes: Buffer) => ({ kind, mimeType, bytes })
  const told = async () => (await story.last('message.inbound')).attachments
  const download = async (url: string) => Buffer.from(await (await fetch(url)).arrayBuffer())

  test.each(cases)('%s can be downloaded with every byte that was sent', async (_name, make, mimeType) => {
    const sent = await make()
    await ada.sends(us, sent)
    await story.hears(`message.inbound Ada: ${mimeType}`)
    const attachments = await told()
    expect(attachments).toEqual([{ mimeType, totalBytes: sent.bytes.length, downloadUrl: expect.any(String) }])
    expect(await download(attachments[0].downloadUrl)).toEqual(sent.bytes)
  })

  test('a picture brings its caption as the text', async () => {
    const bytes = await picture(7).jpeg().toBuffer()
    await ada.sends(us, { ...of('image', 'image/jpeg', bytes), caption: 'Is this yours?' })
    await story.hears('message.inbound Ada: Is this yours?')
    expect(await told()).toMatchObject([{ mimeType: 'image/jpeg', totalBytes: bytes.length }])
  })

  test('a voice note is known as one', async () => {
    const bytes = await sample('voice.ogg')
    const { url, directPath, mediaKey, fileSha256, fileEncSha256 } = await sealed(bytes)
    const message = { url, directPath, mediaKey, fileSha256, fileEncSha256, fileLength: bytes.length }
    await ada.posts(us, { audioMessage: { ...message, mimetype: 'audio/ogg; codecs=opus', seconds: 2, ptt: true } })
    await story.hears('message.inbound Ada: audio/ogg')
    const { messageId, attachments } = await story.last('message.inbound')
    expect(attachments).toEqual([{ mimeType: 'audio/ogg', totalBytes: bytes.length, downloadUrl: expect.any(String) }])
    expect(await download(attachments[0].downloadUrl)).toEqual(bytes)
    expect((await story.get(messageId)).attachments).toMatchObject([{ isAudioMessage: true, mimeType: 'audio/ogg' }])
  })

  /** A file as phones put it there, to be sent within any message. */
  async function sealed(bytes: Buffer) {
    const bob = scene.somebody('Bob')
    await bob.sends(ada.handle, of('audio', 'audio/ogg', bytes))
    const { audioMessage } = ada.received.at(-1)?.message ?? {}
    if (!audioMessage) throw new Error('It did not come.')
    return audioMessage
  }

  test('a document brings its name', async () => {
    const bytes = Buffer.concat([Buffer.from('%PDF-1.4\n'), Buffer.alloc(10_000, 9)])
    const bob = scene.somebody('Bob')
    await bob.sends(ada.handle, of('document', 'application/pdf', bytes))
    const { documentMessage } = ada.received.at(-1)?.message ?? {}
    await ada.posts(us, { documentMessage: { ...documentMessage, fileName: 'Offer.pdf', caption: 'As agreed' } })
    await story.hears('message.inbound Ada: As agreed')
    expect(await told()).toMatchObject([
      { mimeType: 'application/pdf', filename: 'Offer.pdf', totalBytes: bytes.length, downloadUrl: expect.any(String) },
    ])
  })

  test('a file that is gone, and that nobody puts there again, is told with a note, and what follows comes after it', async () => {
    const bytes = await sample('voice.ogg')
    const gone = { ...(await sealed(bytes)), directPath: '/v/gone.enc', url: '' }
    await ada.posts(us, { imageMessage: { ...gone, mimetype: 'image/jpeg', caption: 'Look' } })
    await ada.says(us, 'Did you see it?')
    await until(async () => {
      await scene.gateway.pass(20_000)
      return (await story.heard()).length > 0
    }, 'the file to be given up')
    await story.hears('message.inbound Ada: Look', 'message.inbound Ada: Did you see it?')
    const [first] = await story.told()
    expect(first?.data.attachments).toEqual([
      { mimeType: 'image/jpeg', totalBytes: bytes.length, note: expect.any(String) },
    ])
  })
})
