/** Keys, texts and numbers of a WhatsApp line: in no output of the process, whatever is logged, and no key in the database. */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { People } from '../../../networks/src/people.ts'
import { openWhatsapp, type Whatsapp } from '../../../networks/src/whatsapp/whatsapp.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { createSealedBox } from '../../src/lib/sealed-box.ts'
import type { LineId } from '../../src/model/ids.ts'
import { createVaultStore } from '../../src/store/vault.ts'
import { type Client, createClient } from '../crash/insist.ts'
import { type Customer, furnish } from '../crash/site.ts'
import { masterKey, program, settingsOf, told, urlOf } from '../crash/victim.ts'
import { linkAll } from '../crash/whatsapp-outside.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { until } from '../support/gateway.ts'
import { dumpOf, type Secrets, searchable, secretsIn } from './key-material.ts'

const line = '+12025550160'
const [ada, bob] = ['+13035550161', '+13035550162'] as const
const secret = 'the ferry leaves at dawn'
const words = ['a heron on the weir', 'seven lanterns', secret, 'walnut shells', 'a caption of reeds']
/** Printed by the process itself in every form, as a careless line of code would. */
const canary = randomBytes(32)
const careless = `const key = Buffer.from(process.env.CANARY, 'base64')
console.log(key.toString('base64'), key.toString('base64url'), [...key], key)
process.stdout.write(key)`
const picture = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)

const dir = mkdtempSync(join(tmpdir(), 'switchboard-secrets-'))
const people = new People()
const secrets: Secrets = new Map()
let database: TestDatabase
let network: Whatsapp
let child: ChildProcess
let client: Client
let customer: Customer
let url: string
let group: string
let output = ''

const ask = (method: 'GET' | 'POST', path: string, body?: object) =>
  client.insist(() => url, { method, path, token: customer.token, ...(body && { body }) })

async function send(to: string, more: object): Promise<void> {
  const before = count(to)
  const routing = { preference: ['whatsapp'], fallback: false }
  const { status, body } = await ask('POST', '/v1/messages', { to, from: line, routing, ...more })
  expect(status, JSON.stringify(body)).toBe(202)
  await until(async () => count(to) === before + 1, 'a message to arrive')
}

/** What came to somebody, or to a group, from the line. */
const count = (to: string) =>
  network
    .person(to === group ? bob : to)
    .received.filter(({ from, chat }) => from === line && (to !== group || chat === to)).length

async function stored(): Promise<number> {
  const rows = await database.db.query({ name: '', text: `select from messages where direction = 'inbound'` })
  return rows.length
}

/** Sessions turn with each message, so they are looked at more than once. */
async function collect(): Promise<void> {
  const vault = createVaultStore(database.db, createSealedBox(Buffer.from(masterKey, 'base64')))
  const [row] = await database.db.query<{ id: LineId }>({ name: '', text: 'select id from lines' })
  if (row === undefined) throw new Error('There is no line.')
  const link = { lineId: row.id, channel: 'whatsapp', epoch: 0 } as const
  const entries = await vault.getAll(link, await vault.keys(link, ''))
  const known = new Set([...secrets.values()].map((key) => key.toString('hex')))
  for (const [name, key] of secretsIn(entries))
    if (!known.has(key.toString('hex'))) secrets.set(`${name} (${secrets.size})`, key)
}

function collectMedia(): void {
  for (const number of [ada, bob, line])
    for (const { message } of network.person(number).received) {
      const key = message.imageMessage?.mediaKey
      if (key instanceof Uint8Array) secrets.set(`media ${secrets.size}`, Buffer.from(key))
    }
}

beforeAll(async () => {
  database = await createTestDatabase()
  network = await openWhatsapp({ people, clock: systemClock })
  for (const number of [line, ada, bob]) people.set(number, { receiptAfterMs: 5 })
  const preload = `data:text/javascript,${encodeURIComponent(careless)}`
  child = spawn(process.execPath, ['--import', preload, program], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { ...process.env, CANARY: canary.toString('base64') },
  })
  // Byte by byte, so that what is no text is found as well.
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (bytes: Buffer) => {
      output += bytes.toString('latin1')
    })
  const databaseUrl = urlOf(database.address, database.address.database)
  const settings = settingsOf({ dir: join(dir, 'gateway'), databaseUrl }, { 'log-level': 'trace' })
  const orders = { port: 0, dedupes: [], plan: null, real: true }
  const report = await told(child, { do: 'start', settings, orders })
  if (report === null || !('ready' in report)) throw new Error(`The gateway did not start: ${output}`)
  url = report.ready
  client = createClient()
  const place = { provider: 'whatsapp', channels: ['whatsapp'] as const, url: network.lineUrl }
  customer = await furnish(
    client,
    () => url,
    [line],
    () => place,
  )
  await linkAll(network, database, [line])
  await talk()
})

afterAll(async () => {
  client.close()
  child.kill('SIGKILL')
  await network.stop()
  await database.drop()
  rmSync(dir, { recursive: true, force: true })
})

/** Both ways, in a chat and in a group, with a picture, and then the phone logs the line out. */
async function talk(): Promise<void> {
  const [text, heard, inGroup, answer, caption] = words
  await send(ada, { content: { text } })
  await network.person(ada).says(line, heard ?? '')
  await until(async () => (await stored()) === 1, 'a message to be stored')
  await collect()
  group = network.person(bob).creates('Picnic', line, ada)
  await network.person(bob).says(group, inGroup ?? '')
  await until(async () => (await stored()) === 2, 'a message to be stored')
  await send(group, { content: { text: answer } })
  await send(ada, { attachments: [{ type: 'base64', data: picture.toString('base64') }], content: { text: caption } })
  await network.person(ada).sends(line, { kind: 'image', bytes: picture, mimeType: 'image/png' })
  await until(async () => (await stored()) === 3, 'a message to be stored')
  await collect()
  collectMedia()
}

/** Those that show, with the forms in which they do. */
const shown = (text: string) => {
  const there = searchable(text)
  return [...secrets].flatMap(([name, key]) => there.formsOf(key).map((form) => `${name}: ${form}`))
}

test('keys of all kinds were there to be found', () => {
  const names = [...secrets.keys()]
  const wanted = [
    ...['noiseKey private', 'signedIdentityKey private', 'signedPreKey keyPair private', 'advSecretKey'],
    ...['rootKey', 'ephemeralKeyPair privKey', 'chainKey key', 'keys/sender-key/', 'keys/pre-key/', 'media'],
  ]
  expect(wanted.filter((one) => !names.some((name) => name.includes(one)))).toEqual([])
})

test('nothing of them is in the output, which is there and is searched', () => {
  const there = searchable(output)
  expect(there.has('line held')).toBe(true)
  expect(there.formsOf(canary)).toEqual(['hex', 'base64', 'base64url', 'numbers', 'bytes'])
  expect(shown(output)).toEqual([])
})

test('neither is what people wrote, nor their numbers', () => {
  const there = searchable(output)
  expect(words.filter((one) => there.has(one))).toEqual([])
  expect([line, ada, bob].filter((one) => there.has(one.slice(1)))).toEqual([])
  expect(searchable(`${output}${secret}`).has(secret)).toBe(true)
})

test('no key is in a dump of the database, while the line is linked and after its phone has logged it out', async () => {
  const linked = await dumpOf(database.db)
  expect(linked.includes(secret)).toBe(true)
  expect(shown(linked)).toEqual([])
  network.phoneOf(line).unlink()
  const left = { name: '', text: 'select from vault' }
  await until(async () => (await database.db.query(left)).length === 0, 'the keys to be forgotten')
  expect(shown(await dumpOf(database.db))).toEqual([])
  expect(shown(output)).toEqual([])
})

test.each(['hex', 'base64', 'numbers', 'bytes'])('a key that lay there as %s would be found', async (form) => {
  const [[name, key] = ['', canary]] = secrets
  const json = { hex: key.toString('hex'), base64: key.toString('base64'), numbers: [...key] }
  const value = form === 'bytes' ? key : Buffer.from(JSON.stringify({ key: json[form as keyof typeof json] }))
  const planted = `insert into vault (line_id, channel, key, value) select id, 'whatsapp', 'canary', $1 from lines`
  await database.db.query({ name: '', text: planted }, [value])
  const found = searchable(await dumpOf(database.db)).formsOf(key)
  await database.db.query({ name: '', text: `delete from vault where key = 'canary'` })
  expect(found, name).toContain(form)
})
