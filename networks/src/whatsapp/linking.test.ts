/** Clients link themselves, come back, and are let in or not: `baileys` as it is, over real sockets. */
import { X509Certificate } from 'node:crypto'
import { Curve, WA_CERT_DETAILS } from 'baileys'
import { expect, test } from 'vitest'
import { Client, freshNetwork, trustIn } from './testing/client.ts'

const [us, them] = ['+16282895642', '+16282890000']
const here = freshNetwork()

const nextQr = async (device: Client) => {
  await expect.poll(() => device.qrs.length).toBeGreaterThan(0)
  return device.qrs.at(-1) ?? ''
}

test('a scanned QR code links a device: it restarts, logs in with its key and hands in its prekeys', async () => {
  const device = await here.client().link(us)
  expect(device.closes).toEqual([515])
  expect(device.qrs[0]).toMatch(/^https:\/\/wa\.me\/settings\/linked_devices#2@/)
  expect(device.auth.creds).toMatchObject({
    me: { id: '16282895642:1@s.whatsapp.net', lid: expect.stringMatching(/^1\d{14}:1@lid$/), name: 'Person 5642' },
    platform: 'android',
    nextPreKeyId: 813,
  })
  expect(here.network.phoneOf(us).devices).toBe(1)
})

test('a code that is typed links a device, and another code does not', async () => {
  const device = here.client()
  await nextQr(device)
  expect(await device.socket.requestPairingCode('16282895642', 'ABCD2345')).toBe('ABCD2345')
  const phone = here.network.phoneOf(us)
  await expect(here.network.phoneOf(them).enterCode('ABCD2345')).rejects.toThrow('No device waits for a code')
  await expect.poll(() => here.network.leftBehind()).toBeGreaterThan(7)
  await expect(phone.enterCode('ABCD2346')).rejects.toThrow('not the code which the device shows')
  const second = here.client()
  await nextQr(second)
  await second.socket.requestPairingCode('16282895642', 'WXYZ6789')
  await expect.poll(() => here.network.leftBehind()).toBeGreaterThan(14)
  await phone.enterCode('WXYZ6789')
  await second.ready()
  expect([second.closes, second.auth.creds.me?.id]).toEqual([[515], '16282895642:1@s.whatsapp.net'])
})

test('a QR code serves once, and only while it is shown', async () => {
  const device = here.client()
  const qr = await nextQr(device)
  await here.network.phoneOf(us).scan(qr)
  await expect(here.network.phoneOf(them).scan(qr)).rejects.toThrow('not shown any more')
  await device.ready()
  const forged = here.client()
  const [ref = '', , identity, secret] = (await nextQr(forged)).split(',')
  const key = Buffer.from(Curve.generateKeyPair().public).toString('base64')
  await expect(here.network.phoneOf(them).scan([ref, key, identity, secret].join(','))).rejects.toThrow('not the key')
})

test('a linked device comes back without a code, and is known by its key alone', async () => {
  const device = await here.client().link(us)
  await device.close()
  device.connect()
  await expect.poll(() => device.isOpen).toBe(true)
  await device.close()
  Object.assign(device.auth.creds, { noiseKey: Curve.generateKeyPair() })
  device.connect()
  await expect.poll(() => device.closes.at(-1)).toBe(401)
})

test('a client that does not trust this root hangs up', async () => {
  const device = here.client()
  await nextQr(device)
  await device.close()
  device.connect()
  WA_CERT_DETAILS.PUBLIC_KEY = Buffer.from(Curve.generateKeyPair().public)
  await expect.poll(() => device.closes.length).toBe(2)
  expect([device.qrs.length, device.isOpen]).toEqual([1, false])
})

test('of two connections of one device the older is replaced', async () => {
  const device = await here.client().link(us)
  const older = device.socket
  device.connect()
  await expect.poll(() => device.closes).toEqual([515, 440])
  await older.end(undefined)
  await expect
    .poll(() => device.all('connection.update').filter(({ connection }) => connection === 'open').length)
    .toBe(2)
})

test('a phone can log its devices out, and a device itself; both must be linked anew', async () => {
  const device = await here.client().link(us)
  here.network.phoneOf(us).unlink()
  await expect.poll(() => device.closes).toEqual([515, 401])
  device.connect()
  await expect.poll(() => device.closes).toEqual([515, 401, 401])
  const second = await here.client().link(us)
  await second.socket.logout()
  await expect.poll(() => here.network.phoneOf(us).devices).toBe(0)
})

test('an account that is banned is out at once and stays out, until it is not', async () => {
  const device = await here.client().link(us)
  here.network.faults.ban(us)
  await expect.poll(() => device.closes).toEqual([515, 403])
  device.connect()
  await expect.poll(() => device.closes).toEqual([515, 403, 403])
  here.network.faults.ban(us, false)
  device.connect()
  await expect.poll(() => device.isOpen).toBe(true)
})

test('the URL of a line says all that a device must know, and is connected to as it is', async () => {
  const { lineUrl, noiseRoot, caCertificate, mediaHost, socketUrl, phoneOf } = here.network
  expect(trustIn(lineUrl)).toEqual({ socketUrl: lineUrl, noiseRoot, caCertificate })
  expect(lineUrl.startsWith(`${socketUrl}?`)).toBe(true)
  expect(new URL(lineUrl).searchParams.get('mediaHost')).toBe(mediaHost)
  const device = new Client({ ...trustIn(lineUrl), scan: (number, qr) => phoneOf(number).scan(qr) })
  await device.link(us)
  expect(phoneOf(us).devices).toBe(1)
  await device.close()
})

test('the certificate is for this machine and vouches for itself', () => {
  const certificate = new X509Certificate(here.network.caCertificate)
  expect(certificate.subjectAltName).toBe('DNS:localhost, IP Address:127.0.0.1')
  expect([certificate.ca, certificate.verify(certificate.publicKey)]).toEqual([true, true])
})
