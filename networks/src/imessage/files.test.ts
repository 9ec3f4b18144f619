/** Files: large ones, names that would lead the real server astray, and what comes back from it. */
import { createHash, randomBytes } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Client, openClient } from './testing/client.ts'

const ada = '+14155550199'
let mac: Client
let chatGuid: string
beforeEach(async () => {
  mac = await openClient()
  chatGuid = await mac.chatWith(ada)
})
afterEach(() => mac.stop())

const send = (name: string, bytes: string | Uint8Array<ArrayBuffer>, fileName = 'file') => {
  const form = new FormData()
  for (const [field, value] of Object.entries({ chatGuid, name, method: 'private-api' })) form.set(field, value)
  form.set('attachment', new Blob([bytes]), fileName)
  return mac.ask('POST message/attachment', form)
}
const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

test('a file of 100 MB goes there and back, and takes no longer than its bytes', async () => {
  const bytes = new Uint8Array(100_000_000)
  // Whoever looks for a boundary byte by byte trips over what almost is one.
  const almost = Buffer.from('\r\n--------')
  for (let at = 0; at + 64 < bytes.length; at += 64) bytes.set(almost, at)
  bytes.set(randomBytes(64), bytes.length - 64)
  const sent = await send('film.mp4', bytes)
  expect(sent.status).toBe(200)
  await mac.quiet()
  const [received] = mac.network.person(ada).received
  expect([received?.files[0]?.bytes.length, received?.files[0]?.sha256]).toEqual([bytes.length, hash(bytes)])
  const { data } = await mac.ask(`GET message/${sent.data.guid}`, undefined, { with: 'attachments' })
  const [{ guid }] = data.attachments as [{ guid: string }]
  const back = await mac.fetch(`GET attachment/${guid}/download`, {}, { original: 'true' })
  expect([back.headers.get('content-type'), back.headers.get('content-length')]).toEqual(['video/mp4', null])
  expect(hash(new Uint8Array(await back.arrayBuffer()))).toBe(hash(bytes))
})

test.each([
  ['../../etc/passwd', 'leaves its folder'],
  ['a\\b.jpg', 'leaves its folder'],
  ['a..jpg', 'leaves its folder'],
  ['a"; rm -rf ~; ".mp3', 'is read by the shell'],
  ['`id`.mp3', 'is read by the shell'],
  ['$(id).mp3', 'is read by the shell'],
  ["it's.jpg", 'is read by the shell'],
  ['.hidden', 'is hidden, or an option'],
  ['-rf.jpg', 'is hidden, or an option'],
])('the name %s is noticed', async (name, why) => {
  await send(name, 'x')
  expect(mac.network.breaches).toEqual([{ path: '/api/v1/message/attachment', name, why }])
})

test('a line break is noticed, in whichever call, and a tame name is not', async () => {
  const form = new FormData()
  form.set('attachment', new Blob(['x']), 'a\n"b".jpg')
  const { data } = await mac.ask('POST attachment/upload', form)
  const parts = [{ partIndex: 0, attachment: data.path, name: '/etc/passwd' }]
  await mac.ask('POST message/multipart', { chatGuid, parts })
  await send('A picture (1).jpg', 'x', '../ignored')
  expect(mac.network.breaches.map(({ path, name }) => [path.split('/').at(-1), name])).toEqual([
    ['upload', 'a\n"b".jpg'],
    ['multipart', '/etc/passwd'],
  ])
  expect(mac.network.fileNames.at(-1)).toBe('A picture (1).jpg')
})

test.each([
  ['Audio Message.caf', 'audio/x-caf', 'Audio Message.mp3.mp3', 'audio/mp3'],
  ['IMG.HEIC', 'image/heic', 'IMG.HEIC.jpeg', 'image/jpeg'],
  ['img.heic', 'image/heic', 'img.heic.jpeg', 'image/jpeg'],
  ['scan.tiff', 'image/tiff', 'scan.tiff.jpeg', 'image/jpeg'],
  ['plain.png', 'image/png', 'plain.png', 'image/png'],
])('%s is converted in name and kind, unless the original is asked for', async (name, mimeType, shown, converted) => {
  const person = mac.network.person(ada)
  const guid = person.sends({ name, bytes: Buffer.from('the bytes') }, { isAudioMessage: name.endsWith('.caf') })
  await mac.quiet()
  expect(mac.heard.at(-1)?.data.attachments).toMatchObject([{ transferName: shown, mimeType: converted }])
  const query = async (convertAttachments: boolean) =>
    (await mac.ask('POST message/query', { with: ['attachments'], limit: 1, convertAttachments })).data
  expect(await query(true)).toMatchObject([{ guid, attachments: [{ transferName: shown, mimeType: converted }] }])
  const bare = await query(false)
  expect(bare).toMatchObject([{ guid, attachments: [{ transferName: name, mimeType }] }])
  const [attachment] = (bare as unknown as { attachments: { guid: string }[] }[])[0]!.attachments
  expect('metadata' in attachment!).toBe(false)
  const path = `attachment/${attachment!.guid}`
  expect((await mac.ask(`GET ${path}`)).data).toMatchObject({ transferName: shown, totalBytes: 9, height: 0 })
  const types = ['true', 'false'].map(async (original) => {
    const reply = await mac.fetch(`GET ${path}/download`, {}, { original })
    return [reply.headers.get('content-type'), await reply.text()]
  })
  expect(await Promise.all(types)).toEqual([
    [mimeType, 'the bytes'],
    [converted, 'the bytes'],
  ])
})

test('a file that is gone from the disk is fetched again by force; one that never was is not', async () => {
  mac.network.person(ada).sends({ name: 'a.png', bytes: Buffer.from('x') })
  const { guid } = mac.network.messages().at(-1)!.attachments[0]!
  mac.network.faults.purgeFile(guid)
  expect(await mac.ask(`GET attachment/${guid}/download`)).toMatchObject({
    ...{ status: 500, error: { type: 'Server Error', message: 'Attachment does not exist in disk!' } },
  })
  expect((await mac.ask(`GET attachment/${guid}`)).data.transferState).toBe(0)
  expect(await (await mac.fetch(`GET attachment/${guid}/download/force`)).text()).toBe('x')
  expect((await mac.fetch(`GET attachment/${guid}/download`)).status).toBe(200)
  expect((await mac.ask('GET attachment/nothing')).error?.message).toBe('Attachment does not exist!')
  expect((await mac.ask('GET attachment/nothing/download')).error?.message).toContain('null')
  expect((await mac.ask('GET attachment/nothing/download', undefined, { force: 'false' })).status).toBe(404)
  expect((await mac.ask('GET attachment/nothing/download/force')).status).toBe(400)
})

test('a form that breaks off is a mistake of the server, and no part of it is taken', async () => {
  const headers = { 'content-type': 'multipart/form-data; boundary=abc' }
  const body = '--abc\r\ncontent-disposition: form-data; name="chatGuid"\r\n\r\nx'
  const reply = await mac.fetch('POST message/attachment', { headers, body })
  expect(reply.status).toBe(500)
  expect(mac.network.fileNames).toEqual([])
})
