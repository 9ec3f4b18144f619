/** Our messages in the words of the library, and what arrives of them with somebody on the loopback network. */
import { createHash } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { proto } from 'baileys'
import { describe, expect, test, vi } from 'vitest'
import { freshNetwork } from '../../../../../networks/src/whatsapp/testing/client.ts'
import { SendFailure } from '../../../model/delivery.ts'
import type { ClientRef, Handle, ProviderChatId, ProviderMessageId } from '../../../model/ids.ts'
import type { OutgoingFile } from '../../../model/media/file.ts'
import type { Outgoing } from '../../connector.ts'
import { contentOf, messageIdOf, messagesIn, type Surroundings } from './contents.ts'

const [us, bob, carol] = ['+16282895642', '+14155551234', '+14155559876']
const bobsJid = '14155551234@s.whatsapp.net'
const ref = '0199a2c47b217b21a1b2c3d4e5f60718w0' as ClientRef
const group = '120363000000000000@g.us'

const plain: Outgoing = {
  ...{ ref, to: { handle: bob as Handle }, text: null, attachments: [], replyTo: null },
  ...{ mentions: [], effect: null, location: null },
}
const around: Surroundings = { jid: bobsJid, quoted: null, expiration: null }

function file(kind: OutgoingFile['kind'], mimeType: string, more: Partial<OutgoingFile> = {}) {
  const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, index) => (index * 7_919) % 251))
  const opened = { times: 0 }
  const made: OutgoingFile = {
    ...{ id: 'f', kind, mimeType, filename: null, bytes: bytes.length, voiceNote: false, durationMs: null },
    ...{ width: null, height: null, waveform: null, thumbnail: null },
    open: async () => {
      opened.times += 1
      return Readable.from([bytes.subarray(0, 30_000), bytes.subarray(30_000)])
    },
    linkFor: () => 'https://gateway.example/f',
    ...more,
  }
  return { file: made, bytes, opened }
}

async function madeOf(message: Partial<Outgoing>, where: Partial<Surroundings> = {}) {
  const parts = contentOf({ ...plain, ...message }, { ...around, ...where })
  return Promise.all(parts.map(async (part) => ({ ...part, content: await part.content() })))
}
const contents = async (...of: Parameters<typeof madeOf>) => (await madeOf(...of)).map(({ content }) => content)

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
const image = file('image', 'image/jpeg').file
const voice = file('audio', 'audio/ogg', { voiceNote: true }).file
const stream = expect.anything()

describe('what a message is made of', () => {
  test.each<[string, Partial<Outgoing>, object[]]>([
    ['a text', { text: 'Hi https://x.example' }, [{ text: 'Hi https://x.example', linkPreview: null }]],
    ['a picture', { attachments: [image] }, [{ image: stream, mimetype: 'image/jpeg', jpegThumbnail: '' }]],
    [
      'a picture with a text, which is its caption',
      { attachments: [image], text: 'Look' },
      [{ image: stream, mimetype: 'image/jpeg', jpegThumbnail: '', caption: 'Look' }],
    ],
    [
      'several files, of which the first has the text',
      { attachments: [file('video', 'video/mp4').file, image], text: 'Look' },
      [
        { caption: 'Look', seconds: 0 },
        { image: stream, mimetype: 'image/jpeg', jpegThumbnail: '' },
      ],
    ],
    [
      'a voice note with a text, which goes ahead',
      { attachments: [voice], text: 'Listen' },
      [
        { text: 'Listen', linkPreview: null },
        { audio: stream, mimetype: 'audio/ogg; codecs=opus', ptt: true, seconds: 0, waveform: null },
      ],
    ],
    [
      'a voice note before a picture: the text is still the first',
      { attachments: [voice, image], text: 'Listen' },
      [{ text: 'Listen' }, { ptt: true }, { image: stream }],
    ],
    [
      'a text that is too long for a caption',
      { attachments: [image], text: 'x'.repeat(1_025) },
      [{ text: 'x'.repeat(1_025) }, { image: stream }],
    ],
    [
      'a place, after its text',
      { text: 'Come', location: { title: 'Here', latitude: 1.5, longitude: -2.5 } },
      [{ text: 'Come' }, { location: { degreesLatitude: 1.5, degreesLongitude: -2.5, name: 'Here' } }],
    ],
    [
      'a place without a name',
      { location: { title: null, latitude: 0, longitude: 0 } },
      [{ location: { degreesLatitude: 0, degreesLongitude: 0 } }],
    ],
  ])('%s', async (_name, message, expected) => {
    const made = await contents(message)
    expect(made).toMatchObject(expected)
    expect(made.length).toBe(expected.length)
  })

  test('everything known of a file is told, so that nobody opens it to find out', async () => {
    const thumbnail = Buffer.from('jpeg')
    const waveform = Array.from({ length: 64 }, (_, index) => index)
    const files = [
      file('image', 'image/png', { width: 640, height: 480, thumbnail }).file,
      file('video', 'video/mp4', { width: 64, height: 48, durationMs: 1_600, thumbnail }).file,
      file('audio', 'audio/ogg', { voiceNote: true, durationMs: 300, waveform }).file,
      file('audio', 'audio/mpeg', { durationMs: 65_400 }).file,
      file('document', 'application/pdf', { filename: 'Plan.pdf' }).file,
      file('document', 'video/x-matroska').file,
    ]
    const sketch = { jpegThumbnail: thumbnail.toString('base64') }
    expect(await contents({ attachments: files })).toEqual([
      { image: stream, mimetype: 'image/png', width: 640, height: 480, ...sketch },
      { video: stream, mimetype: 'video/mp4', width: 64, height: 48, seconds: 2, ...sketch },
      { audio: stream, mimetype: 'audio/ogg; codecs=opus', ptt: true, seconds: 1, waveform: Uint8Array.from(waveform) },
      { audio: stream, mimetype: 'audio/mpeg', ptt: false, seconds: 65, waveform: null },
      { document: stream, mimetype: 'application/pdf', fileName: 'Plan.pdf' },
      { document: stream, mimetype: 'video/x-matroska', fileName: 'file' },
    ])
  })

  test('a file is opened when its turn has come, and anew for each try', async () => {
    const { file: one, opened } = file('document', 'application/pdf')
    const [part] = contentOf({ ...plain, attachments: [one] }, around)
    expect(opened.times).toBe(0)
    await part?.content()
    await part?.content()
    expect(opened.times).toBe(2)
  })

  test('each part has an id that is the same in every try, and nobody else’s', async () => {
    const ids = async (own: string) =>
      (await madeOf({ ref: own as ClientRef, attachments: [image, image] })).map(({ id }) => id)
    const [first, again, other] = [await ids('a'), await ids('a'), await ids('b')]
    expect(first).toEqual(again)
    expect(new Set([...first, ...other]).size).toBe(4)
    for (const id of first) expect(id).toMatch(/^3EB0[0-9A-F]{18}$/)
    expect(messageIdOf(ref, 0)).toBe('3EB04F15769CC1D88FA9F0')
  })

  test('only the first part answers, and each vanishes when the chat’s messages do', async () => {
    const replyTo = {
      chat: bobsJid as ProviderChatId,
      providerId: 'ABC' as ProviderMessageId,
      fromMe: false,
      text: null,
    }
    const made = await madeOf({ attachments: [image, image], replyTo }, { jid: '77@lid', expiration: 86_400 })
    const ids = made.map(({ id }) => id)
    expect(made.map(({ options }) => options)).toEqual([
      {
        messageId: ids[0],
        quoted: { key: { remoteJid: '77@lid', id: 'ABC', fromMe: false }, message: { conversation: '' } },
        ephemeralExpiration: 86_400,
      },
      { messageId: ids[1], ephemeralExpiration: 86_400 },
    ])
  })

  test('nothing is no message', () => {
    expect(() => contentOf(plain, around)).toThrow(SendFailure)
  })
})

describe('mentions', () => {
  const mention = (handle: string, start: number, length: number) => ({ handle: handle as Handle, start, length })
  const worded = async (text: string, mentions: Outgoing['mentions'], where: Partial<Surroundings> = {}) =>
    (await contents({ text, mentions }, { jid: group, ...where }))[0]

  test.each<[string, string, Outgoing['mentions'], string, string[]]>([
    ['a name', 'Hi Bob!', [mention(bob, 3, 3)], 'Hi @14155551234!', [bobsJid]],
    ['a name with its @', 'Hi @Bob!', [mention(bob, 3, 4)], 'Hi @14155551234!', [bobsJid]],
    ['a name behind an @', 'Hi @Bob!', [mention(bob, 4, 3)], 'Hi @14155551234!', [bobsJid]],
    ['somebody without a number', 'Bob?', [mention('77@lid', 0, 3)], '@77?', ['77@lid']],
    [
      'two, in any order',
      '🎈 Bob and Eve',
      [mention('77@lid', 11, 3), mention(bob, 3, 3)],
      '🎈 @14155551234 and @77',
      [bobsJid, '77@lid'],
    ],
    ['two in one place', 'Bob', [mention(bob, 0, 3), mention('77@lid', 1, 2)], '@14155551234', [bobsJid, '77@lid']],
    ['one beyond the end', 'Bob', [mention(bob, 9, 3)], 'Bob', [bobsJid]],
    ['one that goes too far', 'Hi Bob', [mention(bob, 3, 99)], 'Hi @14155551234', [bobsJid]],
  ])('of %s', async (_name, text, mentions, shown, mentionedJid) => {
    expect(await worded(text, mentions)).toEqual({ text: shown, linkPreview: null, contextInfo: { mentionedJid } })
  })

  test('go by what the group calls its members', async () => {
    const memberJid = (handle: Handle) => (handle === bob ? '77@lid' : null)
    const shown = await worded('Bob Carol', [mention(bob, 0, 3), mention(carol, 4, 5)], { memberJid })
    expect(shown).toMatchObject({
      text: '@77 @14155559876',
      contextInfo: { mentionedJid: ['77@lid', '14155559876@s.whatsapp.net'] },
    })
  })

  test('are in captions too, and only in groups', async () => {
    const message = { text: 'Bob', attachments: [image], mentions: [mention(bob, 0, 3)] }
    expect(await contents(message, { jid: group })).toMatchObject([
      { caption: '@14155551234', contextInfo: { mentionedJid: [bobsJid] } },
    ])
    const [alone] = await contents(message)
    expect(alone).toMatchObject({ caption: 'Bob' })
    expect(alone).not.toHaveProperty('contextInfo')
  })
})

describe('with somebody on the loopback network', () => {
  const here = freshNetwork()

  async function sending(message: Partial<Outgoing>, where: Partial<Surroundings> = {}) {
    const device = await here.client().link(us)
    const send = async (to: Partial<Surroundings>) => {
      const parts = contentOf({ ...plain, ...message }, { ...around, ...where, ...to })
      for (const { content, options } of parts) await device.send(to.jid ?? bobsJid, await content(), options)
    }
    return { device, send, person: here.network.person(bob) }
  }
  const inner = (one: { message: proto.IMessage } | undefined) => one?.message

  test('every kind of file arrives byte for byte, in order, with what is known of it', async () => {
    const waveform = Array.from({ length: 64 }, (_, index) => index)
    const parts = [
      file('image', 'image/jpeg', { width: 640, height: 480, thumbnail: Buffer.from('sketch') }),
      file('video', 'video/mp4', { durationMs: 2_000, width: 64, height: 48 }),
      file('audio', 'audio/ogg', { voiceNote: true, durationMs: 3_000, waveform }),
      file('audio', 'audio/mpeg', { durationMs: 4_000 }),
      file('document', 'application/pdf', { filename: 'Plan.pdf' }),
    ]
    const { send, person } = await sending({ attachments: parts.map((one) => one.file), text: 'All of it' })
    await send({})
    await expect.poll(() => person.received.length).toBe(5)
    expect(here.people.arrived(bob).map(({ id, text, media }) => [id, text, media[0]?.sha256])).toEqual(
      parts.map(({ bytes }, nth) => [messageIdOf(ref, nth), nth === 0 ? 'All of it' : null, sha256(bytes)]),
    )
    const [picture, video, note, song, document] = person.received.map(inner)
    expect(picture?.imageMessage).toMatchObject({
      ...{ caption: 'All of it', mimetype: 'image/jpeg', width: 640, height: 480 },
      jpegThumbnail: new Uint8Array(Buffer.from('sketch')),
    })
    expect(video?.videoMessage).toMatchObject({ mimetype: 'video/mp4', seconds: 2, width: 64 })
    expect(note?.audioMessage).toMatchObject({ ptt: true, seconds: 3, mimetype: 'audio/ogg; codecs=opus' })
    expect([...(note?.audioMessage?.waveform ?? [])]).toEqual(waveform)
    expect(song?.audioMessage).toMatchObject({ ptt: false, seconds: 4, mimetype: 'audio/mpeg' })
    expect(document?.documentMessage).toMatchObject({ fileName: 'Plan.pdf', mimetype: 'application/pdf' })
  })

  test('an answer names what it answers, and vanishes when it should', async () => {
    const replyTo = {
      chat: bobsJid as ProviderChatId,
      providerId: 'THEIRS' as ProviderMessageId,
      fromMe: false,
      text: null,
    }
    const { send, person } = await sending(
      { text: 'Indeed', replyTo },
      { quoted: { conversation: 'So?' }, expiration: 604_800 },
    )
    await send({})
    await expect
      .poll(() => inner(person.received[0])?.extendedTextMessage)
      .toMatchObject({
        text: 'Indeed',
        contextInfo: {
          ...{ stanzaId: 'THEIRS', participant: bobsJid, expiration: 604_800 },
          quotedMessage: { conversation: 'So?' },
        },
      })
    expect(inner(person.received[0])?.extendedTextMessage?.contextInfo?.remoteJid ?? null).toBeNull()
  })

  test('in a group a mention and an answer to somebody’s words say whose they are', async () => {
    const { device, person, send } = await sending({
      text: 'Well said Bob',
      mentions: [{ handle: bob as Handle, start: 10, length: 3 }],
      replyTo: {
        chat: group as ProviderChatId,
        providerId: `THEIRS_${here.network.person(carol).lid}` as ProviderMessageId,
        fromMe: false,
        text: null,
      },
    })
    const { id: jid } = await device.socket.groupCreate('Launch', [bobsJid])
    await send({ jid, memberJid: () => person.lid })
    await expect
      .poll(() => inner(person.received[0])?.extendedTextMessage)
      .toMatchObject({
        text: `Well said @${person.lid.split('@')[0]}`,
        contextInfo: {
          ...{ stanzaId: 'THEIRS', participant: here.network.person(carol).lid, mentionedJid: [person.lid] },
          quotedMessage: { conversation: '' },
        },
      })
  })

  test('a place arrives', async () => {
    const { send, person } = await sending({ location: { title: 'Here', latitude: 1.5, longitude: -2.5 } })
    await send({})
    const place = { degreesLatitude: 1.5, degreesLongitude: -2.5, name: 'Here' }
    await expect.poll(() => inner(person.received[0])?.locationMessage).toMatchObject(place)
  })

  test('while a file is on its way only what is sealed lies on the disk, and afterwards nothing', async () => {
    const home = await mkdtemp(join(tmpdir(), 'switchboard-sending-'))
    vi.stubEnv('TMPDIR', home)
    try {
      const seen: string[] = []
      const { file: one } = file('image', 'image/jpeg')
      const open = async () =>
        Readable.from(
          (async function* () {
            for (let nth = 0; nth < 30; nth += 1) {
              yield Buffer.alloc(40_000)
              seen.push(...(await readdir(home)))
            }
          })(),
        )
      const { send } = await sending({ attachments: [{ ...one, open }] })
      await send({})
      expect([...new Set(seen)]).toEqual([expect.stringMatching(/^image\w+-enc$/)])
      expect(await readdir(home)).toEqual([])
    } finally {
      vi.unstubAllEnvs()
      await rm(home, { recursive: true })
    }
  })

  test.each([
    ['small', 3],
    ['large', 12],
  ])('a disk that takes nothing fails the %s file, and not the gateway', async (_size, pieces) => {
    const slowly = async () =>
      Readable.from(
        (async function* () {
          for (let nth = 0; nth < pieces; nth += 1) {
            yield Buffer.alloc(40_000)
            await readdir(tmpdir()).catch(() => [])
          }
        })(),
      )
    const { send, person } = await sending({
      attachments: [file('document', 'application/pdf', { open: slowly }).file],
    })
    vi.stubEnv('TMPDIR', join(tmpdir(), 'switchboard-no-such-folder'))
    try {
      await expect(send({})).rejects.toThrow('ENOENT')
    } finally {
      vi.unstubAllEnvs()
    }
    expect(person.received).toEqual([])
  })

  test('a file that breaks off is not sent', async () => {
    const broken = file('document', 'application/pdf', {
      open: async () =>
        Readable.from(
          (async function* () {
            yield Buffer.alloc(1_000)
            throw new Error('The file is gone.')
          })(),
        ),
    }).file
    const { send, person } = await sending({ attachments: [broken] })
    await expect(send({})).rejects.toThrow('The file is gone.')
    expect(person.received).toEqual([])
  })
})

test('as many turns are taken as there are messages to send', () => {
  const location = { title: null, latitude: 1, longitude: 2 }
  const texts = [null, 'short', 'x'.repeat(1_025)]
  const counts: number[] = []
  for (const text of texts)
    for (const attachments of [[], [image], [voice], [image, voice]])
      for (const place of [null, location]) {
        const message = { ...plain, text, attachments, location: place }
        if (text === null && attachments.length === 0 && place === null) continue
        expect(messagesIn(message)).toBe(contentOf(message, around).length)
        counts.push(messagesIn(message))
      }
  expect([counts.length, Math.min(...counts), Math.max(...counts)]).toEqual([23, 1, 4])
})
