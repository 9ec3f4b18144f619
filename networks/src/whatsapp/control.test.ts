/** WhatsApp as it is reached from outside: linked, written to and broken through the control API. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Running, startNetworks } from '../start.ts'
import { systemClock } from '../time.ts'
import { Client, trustIn } from './testing/client.ts'

const [us, bob] = ['+16282895642', '+14155551234']
let networks: Running
let client: Client
beforeEach(async () => {
  networks = await startNetworks({ control: 0, smpp: 0, twilio: 0, android: 0, whatsapp: 0 }, systemClock)
  client = new Client({
    ...trustIn(networks.networks.whatsapp?.line.url ?? ''),
    scan: (number, qr) => ask('networks/whatsapp/scan', { number, qr }),
  })
})
afterEach(async () => {
  await client.close()
  await networks.stop()
})

async function ask(path: string, body?: object) {
  const sent = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  const answer = await fetch(`${networks.url}/${path}`, body === undefined ? {} : sent)
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
}

test('a device is linked and told things, what it sends is seen, and the phone logs it out', async () => {
  await client.link(us)
  const id = await client.send('14155551234@s.whatsapp.net', { text: 'Hello' })
  await expect
    .poll(async () => (await ask(`people/${bob}/received`)).body)
    .toMatchObject({ received: [{ network: 'whatsapp', id, from: us, text: 'Hello' }] })
  expect((await ask(`people/${bob}/say`, { network: 'whatsapp', to: us, text: 'Hello yourself' })).status).toBe(200)
  await expect.poll(() => client.messages.map(({ message }) => message?.conversation)).toContain('Hello yourself')
  expect((await ask('networks/whatsapp/unlink', { number: us })).body).toEqual({ unlinked: { number: us } })
  await expect.poll(() => client.closes).toEqual([515, 401])
})

test('a code is typed in', async () => {
  await expect.poll(() => client.qrs.length).toBe(1)
  await client.socket.requestPairingCode('16282895642', 'ABCD2345')
  const typed = { number: us, code: 'ABCD2345' }
  await expect.poll(async () => (await ask('networks/whatsapp/code', typed)).body).toEqual({ linked: { number: us } })
  await client.ready()
  expect((await ask('networks/whatsapp/ban', { number: us })).body).toEqual({ banned: { number: us } })
  await expect.poll(() => client.closes).toEqual([515, 403])
})

test.each([
  ['scan', { number: us, qr: 'https://wa.me/settings/linked_devices#2@x,a,b,c' }, 409, 'not shown any more'],
  ['scan', { number: us }, 400, 'Name `number` and `qr`.'],
  ['scan', { number: 'Bob', qr: 'x' }, 400, '`number` must be a number'],
  ['code', { number: us, code: 'ABCD2345' }, 409, 'No device waits'],
  ['code', { number: us }, 400, 'Name `number` and `code`.'],
  ['unlink', { number: '+14155550106' }, 409, 'Nobody on WhatsApp has this number.'],
  ['ban', {}, 400, 'Name at least one'],
])('%s with %j is refused', async (call, body, status, words) => {
  const answer = await ask(`networks/whatsapp/${call}`, body)
  expect([answer.status, answer.body.error]).toEqual([status, expect.stringContaining(words)])
})

test('whoever is not on WhatsApp cannot write there', async () => {
  const said = { network: 'whatsapp', to: us, text: 'Hello' }
  const answer = await ask('people/+14155550106/say', said)
  expect([answer.status, answer.body.error]).toEqual([409, 'Nobody on WhatsApp has this number.'])
})
