/** Files over iMessage, through the whole gateway: one, galleries, carousels and voice notes, and what people send. */
import { createHash, randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import sharp from 'sharp'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Person } from '../../../networks/src/imessage/people/person.ts'
import { until } from '../support/gateway.ts'
import { type ImessageStory, openScene, out, type Scene } from '../support/imessage-story.ts'

const sample = (name: string) => readFile(new URL(`../media/samples/${name}`, import.meta.url))
const hashOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const picture = (red: number) =>
  sharp({ create: { width: 40, height: 30, channels: 3, background: { r: red, g: 90, b: 90 } } })
    .jpeg()
    .toBuffer()
/** What an event says that has no text: queued messages are on no channel yet. */
const wordless = ['message.queued null', 'message.sent imessage', 'message.delivered imessage']

let scene: Scene
let story: ImessageStory
let ada: Person
let pictures: Server
beforeAll(async () => {
  scene = await openScene()
  ada = scene.somebody('Ada')
  pictures = createServer((request, response) => {
    void picture(Number(request.url?.slice(1, 4))).then((jpeg) =>
      response.writeHead(200, { 'content-type': 'image/jpeg' }).end(jpeg),
    )
  })
  await new Promise<void>((resolve) => pictures.listen(0, '127.0.0.1', resolve))
})
afterAll(async () => {
  await scene.stop()
  await new Promise((resolve) => pictures.close(resolve))
  expect(scene.gateway.errors).toEqual([])
  expect(scene.network.breaches).toEqual([])
})
beforeEach(async () => {
  story = await scene.begin()
})

const urlOf = (name: string) => `http://127.0.0.1:${(pictures.address() as AddressInfo).port}/${name}`
const enclosed = (bytes: Uint8Array, mimeType: string, filename: string, more: object = {}) => ({
  ...{ type: 'base64', data: Buffer.from(bytes).toString('base64'), mimeType, filename },
  ...more,
})

describe('out', () => {
  test('a file arrives with its name and its bytes, alone or after its text', async () => {
    const bytes = randomBytes(300_000)
    const attachments = [enclosed(bytes, 'application/pdf', 'menu.pdf')]
    await story.writes(ada, null, { attachments })
    await story.hears(...wordless)
    const before = ada.received.length
    expect(ada.received.at(-1)?.files).toMatchObject([{ name: 'menu.pdf', size: 300_000, sha256: hashOf(bytes) }])
    await story.writes(ada, 'Here it is', { attachments })
    await story.hears(...wordless, ...out('Here it is'))
    const bubbles = ada.received.slice(before).map(({ text, files }) => [text, files.map(({ name }) => name)])
    expect(bubbles).toEqual([
      ['Here it is', []],
      ['', ['menu.pdf']],
    ])
  })

  test('several files are one gallery behind the text', async () => {
    const jpegs = await Promise.all([1, 2, 3].map(picture))
    const before = ada.received.length
    const attachments = jpegs.map((jpeg, nth) => enclosed(jpeg, 'image/jpeg', `photo ${nth}.jpg`))
    const id = await story.writes(ada, 'Three of them', { attachments })
    await story.hears(...out('Three of them'))
    const [words, gallery, ...others] = ada.received.slice(before)
    expect([words?.text, words?.files.length, others.length]).toEqual(['Three of them', 0, 0])
    expect(gallery?.files.map(({ name, sha256 }) => [name, sha256])).toEqual(
      jpegs.map((jpeg, nth) => [`photo ${nth}.jpg`, hashOf(jpeg)]),
    )
    // Taken back it is as a whole.
    expect((await story.call('POST', `/v1/messages/${id}/unsend`)).status).toBe(200)
    expect(ada.received.slice(before).map(({ isUnsent }) => isUnsent)).toEqual([true, true])
    await story.hears(...out('Three of them'), 'message.unsent Three of them')
  })

  test('pictures behind links are one carousel with the text as its caption, and may have an effect', async () => {
    const before = ada.received.length
    const mediaUrls = ['101.jpg', '102.jpg'].map(urlOf)
    await story.send({
      ...{ to: ada.address, from: scene.line.address, effect: 'confetti' },
      content: { text: 'Swipe', mediaUrls },
    })
    await story.hears(...out('Swipe'))
    const shown = ada.received.slice(before)
    expect(shown).toMatchObject([{ text: 'Swipe', effect: 'com.apple.messages.effect.CKConfettiEffect' }])
    expect(shown[0]?.files.map(({ sha256 }) => sha256)).toEqual([
      hashOf(await picture(101)),
      hashOf(await picture(102)),
    ])
  })

  test.each(['voice.mp3', 'voice.ogg', 'voice-aac.caf'])('%s as a voice note is Opus in CAF', async (name) => {
    const mimeType = name.endsWith('mp3') ? 'audio/mpeg' : name.endsWith('ogg') ? 'audio/ogg' : 'audio/x-caf'
    const attachments = [enclosed(await sample(name), mimeType, name, { isAudioMessage: true })]
    await story.writes(ada, null, { attachments })
    await story.hears(...wordless)
    const shown = ada.received.at(-1)
    expect(shown).toMatchObject({ isAudioMessage: true, text: '' })
    const [file] = shown?.files ?? []
    expect(file?.name).toMatch(/^[\w -]+\.caf$/)
    expect(file?.bytes.subarray(0, 4).toString('latin1')).toBe('caff')
    expect(file?.bytes.subarray(0, 64).toString('latin1')).toContain('opus')
  })
})

describe('in', () => {
  test('files come with their words and can be fetched with the same bytes', async () => {
    const [bytes, jpeg] = [randomBytes(150_000), await picture(7)]
    const pdf = { name: 'plan.pdf', mimeType: 'application/pdf', bytes }
    ada.sends([pdf, { name: 'IMG_1.jpeg', mimeType: 'image/jpeg', bytes: jpeg }], { caption: 'Both' })
    await story.hears('message.inbound Ada: Both')
    const { attachments } = await story.last('message.inbound')
    expect(attachments).toMatchObject([
      { mimeType: 'application/pdf', filename: 'plan.pdf', totalBytes: 150_000 },
      { mimeType: 'image/jpeg', filename: 'IMG_1.jpeg', totalBytes: jpeg.length },
    ])
    const fetched = await Promise.all(
      attachments.map(async ({ downloadUrl }: { downloadUrl: string }) => {
        expect(new URL(downloadUrl).pathname).toMatch(/^\/v1\/attachments\//)
        return hashOf(Buffer.from(await (await fetch(downloadUrl)).arrayBuffer()))
      }),
    )
    expect(fetched).toEqual([hashOf(bytes), hashOf(jpeg)])
  })

  test('a voice note comes as it was recorded, and that somebody keeps one of ours is no message', async () => {
    const voice = await sample('voice-aac.caf')
    ada.sends({ name: 'Audio Message.caf', mimeType: 'audio/x-caf', bytes: voice }, { isAudioMessage: true })
    await story.hears('message.inbound Ada: audio/x-caf')
    const [file] = (await story.last('message.inbound')).attachments
    expect(hashOf(Buffer.from(await (await fetch(file.downloadUrl)).arrayBuffer()))).toBe(hashOf(voice))
    const attachments = [enclosed(await sample('voice.mp3'), 'audio/mpeg', 'voice.mp3', { isAudioMessage: true })]
    await story.writes(ada, null, { attachments })
    await story.hears('message.inbound Ada: audio/x-caf', ...wordless)
    // What the Mac says of that does not tell which one it is.
    ada.keepsAudio(ada.received.at(-1)?.guid ?? '')
    await story.hears('message.inbound Ada: audio/x-caf', ...wordless)
  })

  test('a file that is late is waited for', async () => {
    const jpeg = await picture(9)
    scene.network.faults.lateFiles({ afterMs: 2_000 })
    ada.sends({ name: 'late.jpeg', mimeType: 'image/jpeg', bytes: jpeg }, { caption: 'Soon' })
    scene.network.faults.lateFiles(null)
    await expect.poll(() => scene.network.busy).toBeGreaterThan(0)
    await story.hears('message.inbound Ada: Soon')
    expect((await story.last('message.inbound')).attachments).toMatchObject([{ filename: 'late.jpeg' }])
  })

  test('a file that is no longer on the Mac is told with a note instead of its bytes', async () => {
    const guid = ada.sends({ name: 'gone.jpeg', bytes: await picture(3) }, { caption: 'Gone' })
    const row = scene.network.messages().find((one) => one.guid === guid)
    scene.network.faults.purgeFile(row?.attachments[0]?.guid ?? '')
    await until(async () => {
      await scene.gateway.pass(1_000)
      return (await story.heard()).length > 0
    }, 'it to be told')
    await story.hears('message.inbound Ada: Gone')
    expect((await story.last('message.inbound')).attachments).toMatchObject([
      { filename: 'gone.jpeg', note: 'The network did not hand over the file.' },
    ])
  })
})
