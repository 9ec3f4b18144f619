/** Files that cannot be had: lost and uploaded anew by a phone, lost for good, and downloads that go wrong in every way. */
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { downloadMediaMessage, type WAMessage } from 'baileys'
import { beforeEach, expect, test } from 'vitest'
import { freshNetwork } from '../testing/client.ts'

const [us, bob] = ['+16282895642', '+14155551234']
const here = freshNetwork()
const usual = getCACertificates()
/** Node's own fetch can be told in no other way whom to trust. */
beforeEach(() => setDefaultCACertificates([...usual, here.network.caCertificate]))

const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, index) => (index * 7_919) % 251))
/** The host is named as the settings of a line name it: after a renewal baileys believes in one of WhatsApp's own. */
const urlOf = ({ message }: WAMessage) => `https://${here.network.mediaHost}${message?.documentMessage?.directPath}`
const download = (message: WAMessage) => downloadMediaMessage(message, 'buffer', { host: here.network.mediaHost })

async function received() {
  const device = await here.client().link(us)
  const paper = { kind: 'document', bytes, mimeType: 'application/pdf' } as const
  const message = await device.message(await here.network.person(bob).sends(us, paper))
  return { device, message, id: message.key.id ?? '' }
}

test('a file that is gone is uploaded anew by the phone when a device asks for it', async () => {
  const { device, message, id } = await received()
  const before = urlOf(message)
  here.network.faults.loseFile(id)
  expect((await fetch(before)).status).toBe(410)
  const renewed = await device.socket.updateMediaMessage(message)
  expect(urlOf(renewed)).not.toBe(before)
  expect(await download(renewed)).toEqual(bytes)
  expect((await fetch(before)).status).toBe(410)
  here.network.faults.loseFile(urlOf(renewed))
  expect((await fetch(urlOf(renewed))).status).toBe(410)
})

test('a file that is gone for good is not, and the phone says so', async () => {
  const { device, message, id } = await received()
  here.network.faults.loseFile(id, true)
  await expect(device.socket.updateMediaMessage(message)).rejects.toMatchObject({ output: { statusCode: 404 } })
  expect(() => here.network.faults.loseFile(id)).toThrow('There is no such file here.')
  expect(() => here.network.faults.loseFile('3EB0')).toThrow('There is no such file here.')
  const unknown = { ...message, key: { ...message.key, id: '3EB0' } }
  await expect(device.socket.updateMediaMessage(unknown)).rejects.toThrow('Failed to re-upload media')
})

test('what was sent to a group, or by the account itself, is uploaded anew as well', async () => {
  const { device } = await received()
  const person = here.network.person(bob)
  const group = person.creates('Launch', us)
  const picture = { kind: 'image', bytes, mimeType: 'image/jpeg' } as const
  const theirs = await device.message(await person.sends(group, picture))
  const ours = await device.message(await here.network.person(us).sends(bob, picture))
  for (const one of [theirs, ours]) {
    here.network.faults.loseFile(one.key.id ?? '')
    expect(await download(await device.socket.updateMediaMessage(one))).toEqual(bytes)
  }
})

test('downloads go wrong in the way they are told to, once each, and are counted', async () => {
  const { message } = await received()
  const { faults } = here.network
  const fetched = async () => {
    const answer = await fetch(urlOf(message))
    return { status: answer.status, body: Buffer.from(await answer.arrayBuffer()) }
  }
  const whole = await fetched()
  faults.spoilNextDownload('missing', 'gone', 'wrong', 'long', 'cut')
  expect([(await fetched()).status, (await fetched()).status]).toEqual([404, 410])
  const wrong = await fetched()
  expect([wrong.status, wrong.body.length, wrong.body.equals(whole.body)]).toEqual([200, whole.body.length, false])
  const long = await fetched()
  expect(long.body.subarray(0, whole.body.length)).toEqual(whole.body)
  expect(long.body.length).toBeGreaterThan(whole.body.length)
  await expect(fetched()).rejects.toThrow('terminated')
  expect(faults.spoiledDownloads).toBe(5)
  expect(await fetched()).toEqual(whole)
  expect(faults.spoiledDownloads).toBe(5)
})

test('an endless download goes on until it is given up, and does not keep the network from ending', async () => {
  const { message } = await received()
  here.network.faults.spoilNextDownload('endless', 'endless')
  let read = 0
  for await (const chunk of (await fetch(urlOf(message))).body ?? []) {
    read += chunk.length
    if (read > bytes.length * 20) break
  }
  expect(read).toBeGreaterThan(bytes.length * 20)
  const left = await fetch(urlOf(message))
  await here.network.stop()
  await expect(left.arrayBuffer()).rejects.toThrow('terminated')
  await here.open()
})
