/** Files go up and down over HTTPS, sealed: each side decrypts what the other has put there. */
import { createHash } from 'node:crypto'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { downloadMediaMessage } from 'baileys'
import { beforeEach, expect, test } from 'vitest'
import { freshNetwork } from '../testing/client.ts'

const [us, bob] = ['+16282895642', '+14155551234']
const bobsJid = '14155551234@s.whatsapp.net'
const here = freshNetwork()
const usual = getCACertificates()
/** Node's own fetch can be told in no other way whom to trust. */
beforeEach(() => setDefaultCACertificates([...usual, here.network.caCertificate]))

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, index) => (index * 7_919) % 251))

test('a client’s file is decrypted by the person it is for', async () => {
  const device = await here.client().link(us)
  const id = await device.send(bobsJid, {
    document: bytes,
    mimetype: 'application/pdf',
    fileName: 'a.pdf',
    caption: 'Read it',
  })
  await expect
    .poll(() => here.people.arrived(bob))
    .toEqual([
      expect.objectContaining({
        ...{ id, from: us, to: bob, text: 'Read it' },
        media: [{ mimeType: 'application/pdf', bytes: bytes.length, sha256: sha256(bytes) }],
      }),
    ])
  const voice = await device.send(bobsJid, { audio: bytes, ptt: true, seconds: 3, mimetype: 'audio/ogg; codecs=opus' })
  await expect
    .poll(() => here.people.arrived(bob)[1])
    .toMatchObject({ id: voice, text: null, media: [{ bytes: bytes.length }] })
})

test('a person’s file is decrypted by the client', async () => {
  const device = await here.client().link(us)
  const picture = { kind: 'image', bytes, mimeType: 'image/jpeg', caption: 'Look' } as const
  const message = await device.message(await here.network.person(bob).sends(us, picture))
  expect(message.message?.imageMessage).toMatchObject({ caption: 'Look', mimetype: 'image/jpeg' })
  const host = here.network.mediaHost
  expect(new URL(message.message?.imageMessage?.url ?? '').host).toBe(host)
  const downloaded = await downloadMediaMessage(message, 'buffer', {})
  expect(sha256(downloaded)).toBe(sha256(bytes))
})

test('an upload can be refused, and a file under a wrong name is', async () => {
  const device = await here.client().link(us)
  here.network.faults.refuseUploads(true)
  await expect(device.send(bobsJid, { image: bytes, jpegThumbnail: '', width: 1, height: 1 })).rejects.toThrow(
    'upload failed',
  )
  here.network.faults.refuseUploads(false)
  const root = `https://${here.network.mediaHost}`
  expect((await fetch(`${root}/mms/image/AAAA`, { method: 'POST', body: new Uint8Array(bytes) })).status).toBe(400)
  expect((await fetch(`${root}/v/t62.7118-24/none.enc`)).status).toBe(404)
  expect(here.network.received(bob)).toEqual([])
})

test('who takes no files refuses them, and reads texts', async () => {
  const device = await here.client().link(us)
  const to = '14155550113@s.whatsapp.net'
  const file = await device.send(to, { document: bytes, mimetype: 'application/pdf', fileName: 'a.pdf' })
  const text = await device.send(to, { text: 'Then this' })
  await expect.poll(() => [device.acks.get(file), device.acks.get(text)]).toEqual(['415', ''])
  expect(here.network.received('+14155550113').length).toBe(1)
})
