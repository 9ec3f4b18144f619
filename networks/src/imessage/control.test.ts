/** iMessage as it is reached from outside: people act and the Mac is broken through the control API. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Running, startNetworks } from '../start.ts'
import { systemClock } from '../time.ts'

const [ada, eve] = ['+14155550199', 'eve@example.com']
let networks: Running
let line: { url: string; password: string }
beforeEach(async () => {
  const ports = { control: 0, smpp: 0, twilio: 0, android: 0, whatsapp: 0, bluebubbles: 0 }
  networks = await startNetworks(ports, systemClock)
  line = networks.networks.bluebubbles?.line ?? { url: '', password: '' }
})
afterEach(() => networks.stop())

async function ask(path: string, body?: object, base = networks.url) {
  const sent = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  const answer = await fetch(`${base}/${path}`, body === undefined ? {} : sent)
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
}
const mac = async (path: string, body?: object) => (await ask(`networks/bluebubbles/${path}`, body)).body
const server = (path: string, body?: object) => ask(`api/v1/${path}?password=${line.password}`, body, line.url)
const rows = async () => (await server('message/query', { sort: 'ASC', with: ['chats'] })).body.data as object[]

test('somebody with an e-mail address writes, is written to, and shows what came', async () => {
  const said = { network: 'bluebubbles', to: '+15550100300', text: 'Hello' }
  expect((await ask(`people/${eve}/say`, said)).status).toBe(200)
  const chatGuid = `iMessage;-;${eve}`
  expect(await rows()).toMatchObject([{ text: 'Hello', handle: { address: eve }, chats: [{ guid: chatGuid }] }])
  const sent = await server('message/text', { chatGuid, message: 'Hi Eve', method: 'private-api' })
  expect(sent.status).toBe(200)
  expect((await ask(`people/${eve}/received`)).body).toMatchObject({
    received: [{ network: 'imessage', text: 'Hi Eve' }],
  })
  expect(await mac(`people/${eve}`)).toMatchObject({
    address: eve,
    received: [{ text: 'Hi Eve', edits: [], files: [] }],
  })
})

test('people do on their phones what they are told to', async () => {
  const { guid } = await mac('say', { person: ada, text: 'Hi', effect: 'com.apple.messages.effect.CKEchoEffect' })
  const bytes = Buffer.from('picture').toString('base64')
  await mac('send', { person: ada, name: 'a.png', bytes, caption: 'Look' })
  await mac('react', { person: ada, guid, reaction: '🎉' })
  await mac('edit', { person: ada, guid, text: 'Hi!' })
  const { group } = await mac('group', { person: ada, others: [eve], name: 'Picnic', text: 'When?' })
  await mac('members', { person: ada, group, how: 'add', members: ['+14155550197'] })
  await mac('leave', { person: eve, group })
  await mac('icon', { person: ada, group, bytes })
  await mac('owner-say', { to: ada, text: 'From the Mac' })
  const told = await rows()
  expect(told.map((row) => ['text', 'itemType'].map((name) => (row as Record<string, unknown>)[name]))).toEqual([
    ...[
      ['Hi!', 0],
      ['Look', 0],
      ['Reacted 🎉 to “Hi”', 0],
      ['When?', 0],
      [null, 2],
      [null, 1],
      [null, 3],
      [null, 3],
    ],
    ['From the Mac', 0],
  ])
  await mac('unsend', { person: ada, guid })
  expect((await rows())[0]).toMatchObject({ text: null, partCount: 0 })
  for (const [call, more] of [
    ['type', { isTyping: true }],
    ['read', {}],
    ['call', {}],
    ['focus', { isFocused: true }],
  ] as const)
    expect((await ask(`networks/bluebubbles/${call}`, { person: ada, ...more })).status).toBe(200)
})

test('what cannot be done is said in words', async () => {
  expect(await ask('networks/bluebubbles/say', { person: '+14155550104', text: 'Hi' })).toEqual({
    status: 409,
    body: { error: 'This person is not on iMessage.' },
  })
  expect(await mac('edit', { person: ada, guid: 'nothing', text: 'x' })).toEqual({ error: 'There is no such message.' })
  expect((await ask('networks/bluebubbles/say', { person: 'somebody', text: 'Hi' })).status).toBe(400)
  expect((await ask('networks/bluebubbles/mac', { macos: 'Ventura' })).status).toBe(400)
})

test('the Mac is set up otherwise, and goes wrong on purpose', async () => {
  await mac('say', { person: ada, text: 'Hi' })
  expect(await mac('mac', { macos: '26.0', account: null })).toMatchObject({ mac: { macos: '26.0', account: null } })
  expect((await server('server/info')).body.data).toMatchObject({ os_version: '26.0', detected_imessage: null })
  await mac('fail-next', { code: 22 })
  const send = () => server('message/text', { chatGuid: `iMessage;-;${ada}`, message: 'Hi', method: 'private-api' })
  expect((await send()).status).toBe(500)
  expect((await send()).status).toBe(200)
  const turn = (faults: object) => ask('networks/bluebubbles/faults', faults)
  await turn({ loseHelper: true })
  expect((await send()).body.error).toMatchObject({ message: 'iMessage Private API Helper is not connected!' })
  await turn({ loseHelper: false, refuse: true })
  expect((await send()).status).toBe(401)
  await turn({ refuse: false, cut: true })
  await expect(send()).rejects.toThrow()
  await turn({ cut: false })
  await mac('backfill', { person: eve, text: 'Then', agoMs: 60_000 })
  await mac('quirks', { anyGuids: false })
  expect(await mac('mac')).toMatchObject({ quirks: { anyGuids: false, duplicates: true }, breaches: [], fileNames: [] })
  expect((await rows())[0]).toMatchObject({ text: 'Then' })
})
