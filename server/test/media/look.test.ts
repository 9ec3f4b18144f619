/** What a file is: its bytes decide, and what it is said to be counts only for documents that bytes say nothing of. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createLook, type LookOptions, type Probed } from '../../src/media/look.ts'
import { mediaKindOf } from '../../src/model/channel.ts'
import { SendFailure } from '../../src/model/delivery.ts'

let dir = ''
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'look-'))
})
afterAll(() => rm(dir, { recursive: true }))

interface Saying {
  mimeType?: string | null
  filename?: string | null
}

interface Inside {
  probed?: Probed | Error | null
  measured?: { width: number; height: number } | null
}

async function look(bytes: Buffer | string, said: Saying = {}, inside: Inside = {}) {
  const asked: string[] = []
  const options: LookOptions = {
    recordings: {
      probe: async (_, mimeType) => {
        asked.push(`probe ${mimeType}`)
        if (inside.probed instanceof Error) throw inside.probed
        return inside.probed ?? null
      },
    },
    pictures: {
      measure: async (_, mimeType) => {
        asked.push(`measure ${mimeType}`)
        return inside.measured ?? null
      },
    },
  }
  const path = join(dir, 'file')
  await writeFile(path, bytes)
  return { ...(await createLook(options)({ path, bytes: Buffer.byteLength(bytes) }, said)), asked }
}

const box = (brand: string) => Buffer.from(`\0\0\0\x18ftyp${brand}\0\0\0\0isommp42`, 'latin1')
const ebml = (docType: string) =>
  Buffer.concat([
    Buffer.from([0x1a, 0x45, 0xdf, 0xa3, 0x80 + docType.length + 3, 0x42, 0x82, 0x80 + docType.length]),
    Buffer.from(docType),
    Buffer.alloc(64),
  ])
const ogg = (codec: string) =>
  Buffer.concat([Buffer.from('OggS\0\x02'), Buffer.alloc(22), Buffer.from(codec), Buffer.alloc(40)])
const png = Buffer.concat([
  Buffer.from('\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0\x90\x77\x53\xde', 'latin1'),
  Buffer.from('\0\0\0\0IDAT\0\0\0\0\0\0\0\0IEND\xae\x42\x60\x82', 'latin1'),
])
const jpeg = Buffer.from('\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0', 'latin1')
const zip = Buffer.from('PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x05\0\0\0a.txt', 'latin1')

describe('recordings go by one name each', () => {
  test.each<[string, Buffer | string, string]>([
    ['Opus in Ogg', ogg('OpusHead'), 'audio/ogg'],
    ['Vorbis in Ogg', ogg('\x01vorbis'), 'audio/ogg'],
    ['CAF', 'caff\0\x01\0\0desc\0\0\0\0\0\0\0\x20', 'audio/x-caf'],
    ['MP3', Buffer.from('fffb9064', 'hex'), 'audio/mpeg'],
    [
      'MP3 behind a large cover',
      Buffer.concat([Buffer.from('49443303000000080000', 'hex'), Buffer.alloc(90_000)]),
      'audio/mpeg',
    ],
    ['M4A', box('M4A '), 'audio/mp4'],
    ['AMR', '#!AMR\n\x3c\x08', 'audio/amr'],
    ['WAV', 'RIFF\x24\0\0\0WAVEfmt \x10\0\0\0', 'audio/wav'],
    ['AAC', Buffer.from('fff15080021ffcde0200', 'hex'), 'audio/aac'],
    ['FLAC', 'fLaC\0\0\0\x22', 'audio/flac'],
    ['MP4', box('isom'), 'video/mp4'],
    ['M4V', box('M4V '), 'video/mp4'],
    ['QuickTime', box('qt  '), 'video/quicktime'],
    ['3GP', box('3gp4'), 'video/3gpp'],
    ['WebM', ebml('webm'), 'video/webm'],
    ['Matroska', ebml('matroska'), 'video/x-matroska'],
  ])('%s', async (_, bytes, mimeType) => {
    expect(await look(bytes, { mimeType: 'image/png', filename: 'x.pdf' })).toMatchObject({
      mimeType,
      codecs: null,
      asked: [`probe ${mimeType}`],
    })
  })

  const sound: Probed = { codecs: ['aac'], durationMs: 3_000, width: null, height: null }

  test.each([
    [box('isom'), 'audio/mp4'],
    [box('3gp4'), 'audio/3gpp'],
    [ebml('webm'), 'audio/webm'],
    [ogg('OpusHead'), 'audio/ogg'],
  ])('with sound alone it is one to listen to', async (bytes, mimeType) => {
    expect(await look(bytes, {}, { probed: sound })).toMatchObject({ mimeType, ...sound })
  })

  test('with a picture, or with nothing that is known, it stays one to watch', async () => {
    const film: Probed = { codecs: ['h264', 'aac'], durationMs: 9, width: 640, height: 360 }
    expect(await look(box('isom'), {}, { probed: film })).toMatchObject({ mimeType: 'video/mp4', ...film })
    const nothing: Probed = { codecs: [], durationMs: null, width: null, height: null }
    expect(await look(box('isom'), {}, { probed: nothing })).toMatchObject({ mimeType: 'video/mp4', ...nothing })
  })
})

test('where no tool is that could look inside, a recording is kept by what its first bytes say', async () => {
  const probed = new SendFailure('refused', 'MEDIA_TOOL_MISSING', 'There is no tool.')
  expect(await look(box('isom'), {}, { probed })).toMatchObject({ mimeType: 'video/mp4', codecs: null, width: null })
  await expect(look(box('isom'), {}, { probed: new Error('the disk is full') })).rejects.toThrow('the disk is full')
})

describe('pictures', () => {
  test('are measured', async () => {
    const said = { mimeType: 'application/pdf' }
    expect(await look(png, said, { measured: { width: 4, height: 3 } })).toEqual({
      ...{ mimeType: 'image/png', bytes: png.length, codecs: null, durationMs: null, width: 4, height: 3 },
      asked: ['measure image/png'],
    })
  })

  test('that cannot be read are pictures all the same', async () => {
    expect(await look(jpeg)).toMatchObject({ mimeType: 'image/jpeg', width: null, height: null })
  })

  test('are what their first bytes say, whatever hangs on behind', async () => {
    expect((await look(Buffer.concat([jpeg, zip]))).mimeType).toBe('image/jpeg')
    expect(
      (await look(Buffer.concat([Buffer.from('GIF89a'), Buffer.from('<script>alert(1)</script>')]))).mimeType,
    ).toBe('image/gif')
    expect((await look(`%PDF-1.4\n${png.toString('latin1')}`, { mimeType: 'image/png' })).mimeType).toBe(
      'application/pdf',
    )
  })
})

describe('documents', () => {
  test.each<[string, Buffer | string, Saying, string]>([
    ['text, of which nothing is said', 'Good morning', {}, 'text/plain'],
    ['a table by its type', 'a,b\n1,2', { mimeType: 'text/csv; charset=utf-8' }, 'text/csv'],
    ['a table by its name', 'a,b\n1,2', { filename: 'a.CSV' }, 'text/csv'],
    ['a calendar by its bytes', 'BEGIN:VCALENDAR\nVERSION:2.0', { mimeType: 'text/plain' }, 'text/calendar'],
    ['a card by its type', 'BEGIN:VCARD\nN:A', { mimeType: 'text/vcard' }, 'text/vcard'],
    ['JSON', '{"a":1}', { mimeType: 'application/json' }, 'application/json'],
    ['a page', '<!doctype html><p>', { mimeType: 'text/html' }, 'text/html'],
    ['something of an application', Buffer.from([0, 1, 2, 3]), { mimeType: 'application/x-own' }, 'application/x-own'],
    ['a zip that is a book', zip, { mimeType: 'application/epub+zip' }, 'application/epub+zip'],
    ['a zip that is said to be text', zip, { mimeType: 'text/plain' }, 'application/zip'],
    ['zeros that are said to be text', Buffer.alloc(9), { mimeType: 'text/plain' }, 'application/octet-stream'],
    ['nothing at all', '', {}, 'application/octet-stream'],
    ['bytes nobody knows', Buffer.from([0, 1, 2, 3]), {}, 'application/octet-stream'],
    ['what is no type', 'x', { mimeType: 'text/<b>' }, 'text/plain'],
    ['text that is said to be a font', 'x', { mimeType: 'font/woff' }, 'application/octet-stream'],
  ])('%s', async (_, bytes, said, mimeType) => {
    expect(await look(bytes, said)).toMatchObject({ mimeType, asked: [], codecs: null, width: null })
  })

  test.each(['image/png', 'image/heic', 'video/mp4', 'audio/ogg', 'AUDIO/MPEG', 'audio/x-mpegurl'])(
    'what is said to be %s and is not is unknown',
    async (mimeType) => {
      for (const bytes of ['some text', Buffer.from([0, 1, 2, 3])]) {
        expect(await look(bytes, { mimeType })).toMatchObject({ mimeType: 'application/octet-stream', asked: [] })
      }
    },
  )

  test.each(['#EXTM3U\nfile:///etc/passwd', '\ufeff\r\n #EXTM3U\n', 'ffconcat version 1.0\nfile /etc/passwd'])(
    'a playlist is text, whatever it is said to be',
    async (playlist) => {
      for (const mimeType of ['video/mp4', 'audio/mpegurl', 'application/vnd.apple.mpegurl', 'text/html', null]) {
        expect(await look(playlist, { mimeType, filename: 'a.mp4' })).toMatchObject({
          mimeType: 'text/plain',
          asked: [],
        })
      }
    },
  )

  test.each([
    '<svg xmlns="http://www.w3.org/2000/svg"/>',
    '<?xml version="1.0"?><svg/>',
    '<!-- --><svg onload="x()"/>',
  ])('a drawing that can hold programs is no picture: %s', async (svg) => {
    for (const said of [{ mimeType: 'image/svg+xml' }, { mimeType: 'IMAGE/SVG+XML; a=b' }, { filename: 'a.svg' }]) {
      const { mimeType, asked } = await look(svg, said)
      expect([mimeType, mediaKindOf(mimeType), asked]).toEqual(['application/xml', 'document', []])
    }
    expect(mediaKindOf((await look(svg)).mimeType)).toBe('document')
  })
})

test('a file that unpacks without end is told from its beginning alone', async () => {
  const bomb = gzipSync(gzipSync(Buffer.alloc(200_000_000), { level: 9 }))
  expect(await look(bomb)).toMatchObject({ mimeType: 'application/gzip', bytes: bomb.length })
})
