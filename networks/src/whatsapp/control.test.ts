/** WhatsApp as it is reached from outside: linked, written to and broken through the control API. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Running, startNetworks } from '../start.ts'
import { systemClock } from '../time.ts'
import { Client, trustIn } from './testing/client.ts'

const [us, bob, carol] = ['+16282895642', '+14155551234', '+14155559876']
let networks: Running
let client: Client
beforeEach(async () => {
  networks = await startNetworks(
    { control: 0, smpp: 0, twilio: 0, android: 0, whatsapp: 0, bluebubbles: 0 },
    systemClock,
  )
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

const whatsapp = async (name: string, body: object) => (await ask(`networks/whatsapp/${name}`, body)).body
const shows = async (number: string) => (await ask(`networks/whatsapp/phones/${number}`)).body

test('people do in a chat what they do on their phones, and their phones show what came', async () => {
  await client.link(us)
  const id = await client.send('14155551234@s.whatsapp.net', { text: 'Hello' })
  await expect
    .poll(() => shows(bob))
    .toMatchObject({ devices: 0, repeats: 0, received: [{ id, kind: 'text', text: 'Hello' }] })
  const said = await whatsapp('say', { number: bob, to: us, text: 'Hi @you', answers: id, mentions: [us] })
  const answer = await client.message(String(said.id))
  expect(answer.message?.extendedTextMessage).toMatchObject({
    contextInfo: { stanzaId: id, mentionedJid: [expect.stringMatching(/@lid$/)] },
  })
  await whatsapp('react', { number: bob, to: us, id, emoji: '👍' })
  await expect
    .poll(() => client.all('messages.reaction').flat())
    .toMatchObject([{ key: { id }, reaction: { text: '👍' } }])
  const edited = await whatsapp('edit', { number: bob, to: us, id: said.id, text: 'Hi' })
  const revoked = await whatsapp('revoke', { number: bob, to: us, id: said.id })
  for (const one of [edited, revoked]) await client.message(String(one.id))
  const picture = {
    kind: 'image',
    mimeType: 'image/jpeg',
    bytes: Buffer.from('jpeg').toString('base64'),
    caption: 'Me',
  }
  const sent = await whatsapp('send', { number: bob, to: us, ...picture })
  expect((await client.message(String(sent.id))).message?.imageMessage).toMatchObject({ caption: 'Me' })
  await whatsapp('read', { number: bob, chat: us })
  await expect.poll(() => client.status(id)).toBe(4)
  const setting = await whatsapp('disappear', { number: bob, to: us, seconds: 86_400 })
  expect((await client.message(String(setting.id))).message?.protocolMessage?.ephemeralExpiration).toBe(86_400)
  await client.socket.sendPresenceUpdate('available')
  await client.socket.presenceSubscribe('14155551234@s.whatsapp.net')
  await expect.poll(() => client.all('presence.update').length).toBe(1)
  await whatsapp('appear', { number: bob, isOnline: true })
  const { call } = await whatsapp('call', { number: bob, to: us, seconds: 0 })
  const heard = () => client.all('call').flat()
  await expect.poll(heard).toMatchObject([
    { id: call, status: 'offer' },
    { id: call, status: 'timeout' },
  ])
  await whatsapp('type', { number: bob, to: us, state: 'composing' })
  await expect.poll(() => client.all('presence.update').length).toBe(3)
})

test('people run groups, and hide their numbers', async () => {
  await client.link(us)
  await whatsapp('known-by', { number: bob, knownBy: 'lid' })
  const { group } = await whatsapp('group', { number: bob, subject: 'Launch', members: [us, carol] })
  const id = String(group)
  expect(await shows(us)).toMatchObject({ groups: [{ id, subject: 'Launch', role: null }], devices: 1 })
  await whatsapp('members', { number: bob, group, how: 'promote', members: [us] })
  await whatsapp('describe', { number: bob, group, subject: 'Landing', description: 'Soon', onlyAdminsWrite: true })
  await whatsapp('picture', { number: bob, group, bytes: Buffer.from('jpeg').toString('base64') })
  await whatsapp('disappear', { number: bob, to: group, seconds: 86_400 })
  const { participants, ...metadata } = await client.socket.groupMetadata(id)
  expect(metadata).toMatchObject({ subject: 'Landing', desc: 'Soon', announce: true, ephemeralDuration: 86_400 })
  expect(participants.map(({ admin, phoneNumber }) => [admin, phoneNumber])).toEqual([
    ['superadmin', undefined],
    ['admin', '16282895642@s.whatsapp.net'],
    [null, '14155559876@s.whatsapp.net'],
  ])
  expect(await client.socket.profilePictureUrl(id)).toMatch(/^https:/)
  const refused = await ask('networks/whatsapp/say', { number: carol, to: group, text: 'May I?' })
  expect(refused).toEqual({ status: 409, body: { error: 'Only admins write in this group.' } })
  await whatsapp('learn-number', { number: us, of: bob })
  const { lidMapping } = client.socket.signalRepository
  await expect.poll(() => lidMapping.getPNForLID(participants[0]?.id ?? '')).toMatch(/^14155551234/)
  await whatsapp('leave', { number: carol, group })
  await whatsapp('shy', { number: carol, isShy: true })
  const added = await client.socket.groupParticipantsUpdate(id, ['14155559876@s.whatsapp.net'], 'add')
  expect(added.map(({ status }) => status)).toEqual(['403'])
  await whatsapp('cannot-read', { number: bob, messages: 1 })
  await client.send(id, { text: 'Garbled' })
  await expect.poll(() => shows(bob)).toMatchObject({ received: [{ text: 'Garbled', chat: id, expiration: 0 }] })
})

test('files are lost, downloads spoiled, messages refused and streams ended', async () => {
  await client.link(us)
  const picture = { kind: 'image', mimeType: 'image/jpeg', bytes: Buffer.from('jpeg').toString('base64') }
  const { id } = await whatsapp('send', { number: bob, to: us, ...picture })
  const message = await client.message(String(id))
  const before = message.message?.imageMessage?.directPath
  expect(await whatsapp('spoil-download', { how: 'gone' })).toEqual({ spoiled: { how: 'gone' } })
  expect(await whatsapp('lose-file', { id })).toEqual({ lost: { id } })
  const renewed = await client.socket.updateMediaMessage(message)
  expect(renewed.message?.imageMessage?.directPath).not.toBe(before)
  expect((await ask('networks/whatsapp/lose-file', { id: 'x' })).status).toBe(409)
  await whatsapp('refuse-next', { code: 479 })
  const sent = await client.send('14155551234@s.whatsapp.net', { text: 'No' })
  await expect.poll(() => client.acks.get(sent)).toBe('479')
  await whatsapp('end-stream', { number: us, code: 503 })
  await expect.poll(() => client.closes.at(-1)).toBe(503)
})

test('all that can be asked is listed with its fields', async () => {
  const { calls } = (await ask('')).body as { calls: { call: string; meaning: string }[] }
  const about = (name: string) => calls.find(({ call }) => call.endsWith(`/networks/whatsapp/${name}`))
  expect(about('react')).toEqual({
    call: 'POST /networks/whatsapp/react',
    meaning: expect.stringMatching(/: \{"number", "to", "id", "emoji", "isOurs"\?\}\.$/),
  })
  expect(about('phones/{number}')?.call).toBe('GET /networks/whatsapp/phones/{number}')
})

test.each([
  ['react', { number: bob, to: us, id: 'x' }, 400, 'Name `number`, `to`, `id` and `emoji`.'],
  ['react', { number: bob, to: 'us', id: 'x', emoji: null }, 400, 'or the id of a group'],
  ['react', { number: bob, to: us, id: 'x', emoji: null, is: 1 }, 400, 'There is no `is` here'],
  ['send', { number: bob, to: us, kind: 'film', mimeType: 'x', bytes: 'AAAA' }, 400, '`kind` must be "image" or'],
  ['send', { number: bob, to: us, kind: 'image', mimeType: 'x', bytes: '!' }, 400, '`bytes` must be bytes in base64'],
  ['members', { number: bob, group: '1203630000000000@g.us', how: 'add', members: ['x'] }, 400, 'a list of numbers'],
  ['members', { number: bob, group: '1203630000000000@g.us', how: 'add', members: [] }, 409, 'not in this group'],
  ['say', { number: '+14155550106', to: us, text: 'Hi' }, 409, 'Nobody on WhatsApp has this number.'],
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
