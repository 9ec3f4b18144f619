/** What an operator is told about the settings of a WhatsApp line, and what they come to. */
import { describe, expect, test } from 'vitest'
import { freshNetwork } from '../../../../networks/src/whatsapp/testing/client.ts'
import type { Handle } from '../../model/ids.ts'
import { problemWith, whatsappSettings } from './line.ts'

const pem = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n'
const ca = Buffer.from(pem).toString('base64url')
const root = Buffer.alloc(32, 7)
const trust = `noiseRoot=${root.toString('base64url')}&mediaHost=127.0.0.1:4433&ca=${ca}`
const at = (url: string | null) => whatsappSettings({ url, secret: null, address: null })
const problem = (url: string | null) => problemWith({ url, secret: null, address: null })?.message ?? null

const real = {
  ...{ socketUrl: 'wss://web.whatsapp.com/ws/chat', mediaHost: 'mmg.whatsapp.net', trust: null, number: null },
  pace: { messagesPerMinute: 30, jitter: 0.5, newContactsPerDay: 40, warmUpDays: 14 },
  ...{ markOnline: false, browser: 'macOS', version: null },
}

test.each([null, 'whatsapp:', 'whatsapp:?', 'whatsapp://'])(
  'the URL %s is the real WhatsApp, handled with care',
  (url) => {
    expect(at(url)).toEqual(real)
  },
)

test('every setting is taken as it is given', () => {
  const asked = 'messagesPerMinute=12.5&jitter=1&newContactsPerDay=off&warmUpDays=0&markOnline=on&browser=ubuntu'
  expect(at(`whatsapp:?${asked}&version=2.3000.1043857760`)).toEqual({
    ...real,
    pace: { messagesPerMinute: 12.5, jitter: 1, newContactsPerDay: null, warmUpDays: 0 },
    ...{ markOnline: true, browser: 'ubuntu', version: [2, 3000, 1_043_857_760] },
  })
})

test.each(['127.0.0.1:8080', '127.8.9.10', '[::1]:8080', 'localhost:80'])(
  'a network at %s may be written to as fast as it goes',
  (host) => {
    expect(at(`ws://${host}/ws/chat?${trust}`)).toEqual({
      ...real,
      socketUrl: `ws://${host.replace(/:80$/, '')}/ws/chat`,
      mediaHost: '127.0.0.1:4433',
      trust: { noiseRoot: root, ca: pem },
      pace: { ...real.pace, messagesPerMinute: null, newContactsPerDay: null },
    })
  },
)

test('a network on this machine can have a pace all the same', () => {
  const { pace } = at(`ws://127.0.0.1:1/ws/chat?${trust}&messagesPerMinute=60&newContactsPerDay=3&warmUpDays=2`)
  expect(pace).toEqual({ messagesPerMinute: 60, jitter: 0.5, newContactsPerDay: 3, warmUpDays: 2 })
})

test.each([
  ['web.whatsapp.com', 'Leave the URL out for the real WhatsApp'],
  ['wss://web.whatsapp.com/ws/chat', 'WhatsApp is where it always is: leave the URL out'],
  ['wss://10.0.0.7/ws/chat', 'WhatsApp is where it always is: leave the URL out'],
  ['https://gate.example', 'WhatsApp is where it always is: leave the URL out'],
  ['wss://127.0.0.1/ws/chat', 'A loopback network has no TLS: write it as ws://127.0.0.1:PORT/ws/chat?noiseRoot='],
  [`ws://10.0.0.7/ws/chat?${trust}`, 'Without TLS (ws://) only this machine is spoken to'],
  [`ws://web.whatsapp.com/ws/chat?${trust}`, 'Without TLS (ws://) only this machine is spoken to'],
  [`ws://127.0.0.1.example.com/ws/chat?${trust}`, 'Without TLS (ws://) only this machine is spoken to'],
  [`ws://[::ffff:127.0.0.1]/ws/chat?${trust}`, 'Without TLS (ws://) only this machine is spoken to'],
  [`ws://127.0.0.1/?${trust}`, 'Write a loopback network as ws://127.0.0.1:PORT/ws/chat'],
  [`ws://me:secret@127.0.0.1/ws/chat?${trust}`, 'Write a loopback network as ws://127.0.0.1:PORT/ws/chat'],
  ['ws://127.0.0.1/ws/chat', 'A loopback network is given with its noiseRoot, mediaHost and ca'],
  [`ws://127.0.0.1/ws/chat?${trust.replace(/&ca.*/, '')}`, 'A loopback network is given with its noiseRoot'],
  [`ws://127.0.0.1/ws/chat?${trust.replace(/=B/, '=')}`, 'The setting noiseRoot must be 32 bytes in base64url'],
  [
    `ws://127.0.0.1/ws/chat?${trust.replace('127.0.0.1:4433', 'mmg.whatsapp.net:443')}`,
    'mediaHost must be a host of this machine with its port',
  ],
  [`ws://127.0.0.1/ws/chat?${trust}&ca=${ca}`, 'The setting ca is given twice'],
  [`ws://127.0.0.1/ws/chat?${trust.replace(ca, root.toString('base64url'))}`, 'The setting ca must be a certificate'],
  ['whatsapp://web.whatsapp.com', 'Behind whatsapp: stand settings only'],
  ['whatsapp:+12025550100', 'Behind whatsapp: stand settings only'],
  ['whatsapp:?jitter=1#x', 'Behind whatsapp: stand settings only'],
  [`whatsapp:?noiseRoot=${root.toString('base64url')}`, 'The setting noiseRoot is for a network on this machine'],
  ['whatsapp:?mediaHost=127.0.0.1:1', 'The setting mediaHost is for a network on this machine'],
  ['whatsapp:?messagesPerMinute=0', 'The setting messagesPerMinute must be a number from 0.1 to 600, or be off.'],
  ['whatsapp:?newContactsPerDay=-1', 'newContactsPerDay must be a whole number from 1 to 10000, or be off.'],
  ['whatsapp:?jitter=9', 'The setting jitter must be a number from 0 to 5.'],
  ['whatsapp:?warmUpDays=1.5', 'The setting warmUpDays must be a whole number from 0 to 90.'],
  ['whatsapp:?markOnline=maybe', 'The setting markOnline must be on or off.'],
  ['whatsapp:?browser=Safari', 'The setting browser must be one of macOS, windows, ubuntu.'],
  ['whatsapp:?version=2.3000', 'The setting version must be a version such as 2.3000.1043857760.'],
  ['whatsapp:?jitter=1&jitter=2', 'The setting jitter is given twice; keep one.'],
  [
    'whatsapp:?syncHistory=on',
    'The setting "syncHistory" is not known. Known are messagesPerMinute, jitter, newContactsPerDay, warmUpDays, markOnline, browser, version.',
  ],
])('%s: %s', (url, message) => {
  expect(problem(url)).toContain(message)
  expect(() => at(url)).toThrow(message)
})

test.each([
  ['password', { secret: 'x', address: null }],
  ['phoneNumber', { secret: null, address: 'me@example.com' as Handle }],
  ['phoneNumber', { secret: null, address: '12345' as Handle }],
])('what is wrong with the %s is said there', (path, line) => {
  expect(problemWith({ url: null, ...line })?.path).toBe(path)
})

test('a line without a number takes whichever is paired, and one with a number only that', () => {
  expect(problemWith({ url: null, secret: '', address: null })).toBeNull()
  expect(whatsappSettings({ url: null, secret: null, address: '+12025550100' as Handle }).number).toBe('+12025550100')
})

describe('with a network on this machine', () => {
  const here = freshNetwork()

  test('all that is to be known of it fits into the URL of a line', async () => {
    const { socketUrl, mediaHost, noiseRoot, caCertificate } = here.network
    const [root64, ca64] = [noiseRoot, Buffer.from(caCertificate)].map((bytes) => bytes.toString('base64url'))
    const url = `${socketUrl}?noiseRoot=${root64}&mediaHost=${mediaHost}&ca=${ca64}`
    expect(at(url)).toMatchObject({ socketUrl, mediaHost, trust: { noiseRoot, ca: caCertificate } })
    expect(url.length).toBeLessThan(2_048)
  })
})
