/** A line that changes hands: whoever came late writes no keys any more and goes, and whoever holds it can read everything. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { People } from '../../../networks/src/people.ts'
import { openWhatsapp, type Whatsapp } from '../../../networks/src/whatsapp/whatsapp.ts'
import { messagesIn, newOutgoing, type SpyHost, spyHost, textsIn } from '../../src/channels/conformance-stage.ts'
import type { Connection, Vault } from '../../src/channels/connector.ts'
import { seededChance } from '../../src/lib/chance.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { createSealedBox } from '../../src/lib/sealed-box.ts'
import { SendFailure } from '../../src/model/delivery.ts'
import type { Handle, LineId } from '../../src/model/ids.ts'
import { createVaultStore } from '../../src/store/vault.ts'
import { type Asked, laneOf } from '../crash/history.ts'
import { createClient } from '../crash/insist.ts'
import { keyed } from '../crash/keyed-texts.ts'
import { broken, tally } from '../crash/promises.ts'
import { collect, connectedLines, drain, furnish, openBehind } from '../crash/site.ts'
import { createVictim, saidIn, urlOf } from '../crash/victim.ts'
import { openWhatsappOutside } from '../crash/whatsapp-outside.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { until } from '../support/gateway.ts'
import { createTestClock } from '../support/test-clock.ts'
import { pairedEntries, whatsappOn } from '../support/whatsapp-harness.ts'

const address = '+12025550170' as Handle
const ada = '+13035550171' as Handle
const never = new AbortController().signal
const undo: (() => Promise<void> | void)[] = []

afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

interface Holder {
  connection: Connection
  host: SpyHost
}

interface Stage {
  network: Whatsapp
  database: TestDatabase
  clock: ReturnType<typeof createTestClock>
  /** A link of the line that believes that this is its epoch. */
  holder(epoch: number): Holder
  /** Somebody else holds the line from now on. */
  changeHands(epoch: number): Promise<void>
  keys(): Promise<{ key: string; value: string }[]>
}

async function stage(): Promise<Stage> {
  const people = new People()
  people.set(address, {})
  people.set(ada, { receiptAfterMs: 5 })
  const network = await openWhatsapp({ people, clock: systemClock })
  undo.push(() => network.stop())
  const database = await createTestDatabase()
  undo.push(() => database.drop())
  const [row] = await database.db.query<{ id: LineId }>({
    name: '',
    text: `insert into lines (id, name, provider, channels, epoch, lease_until)
      values (gen_random_uuid(), 'Line', 'whatsapp', '{whatsapp}', 3, gateway_now() + interval '10 minutes') returning id`,
  })
  if (row === undefined) throw new Error('no line was made')
  const clock = createTestClock()
  const connector = whatsappOn(clock)
  const settings = { id: row.id, address, url: network.lineUrl, secret: null }
  const store = createVaultStore(database.db, createSealedBox(Buffer.alloc(32, 7)))
  const linkOf = (epoch: number) => ({ lineId: row.id, channel: 'whatsapp', epoch }) as const
  await store.put(linkOf(3), Object.fromEntries(await pairedEntries({ network, connector, line: settings })))
  const vaultOf = (epoch: number): Vault => ({
    get: (key) => store.get(linkOf(epoch), key),
    getAll: (keys) => store.getAll(linkOf(epoch), keys),
    keys: (prefix) => store.keys(linkOf(epoch), prefix),
    put: (entries) => store.put(linkOf(epoch), entries),
  })
  return {
    ...{ network, database, clock },
    holder(epoch) {
      const host = spyHost()
      const connection = connector.open(settings, { ...host, vault: vaultOf(epoch) })
      undo.push(() => connection.stop())
      return { connection, host }
    },
    async changeHands(epoch) {
      await database.db.query({ name: '', text: 'update lines set epoch = $1' }, [epoch])
    },
    keys: () =>
      database.db.query({ name: '', text: `select key, encode(value, 'hex') as value from vault order by key` }),
  }
}

const say = ({ connection }: Holder, text: string) =>
  connection.send(newOutgoing('whatsapp', { handle: ada }, { text }), never)

const shownTo = ({ network }: Stage) =>
  network
    .person(ada)
    .received.filter(({ from }) => from === address)
    .map(({ text }) => text)

async function talk(on: Stage, holder: Holder, word: string): Promise<void> {
  const heard = textsIn(holder.host).length
  await say(holder, `out ${word}`)
  await on.network.person(ada).says(address, `in ${word}`)
  await until(async () => textsIn(holder.host).length === heard + 1, 'what was said')
  await until(async () => shownTo(on).includes(`out ${word}`), 'what was sent')
}

test('who has lost the line keeps no key of what comes, takes nothing and goes; the next holder reads it', async () => {
  const on = await stage()
  const old = on.holder(3)
  await old.connection.start()
  await talk(on, old, 'before')
  await until(async () => on.network.waiting() === 0, 'what is acknowledged')
  await on.changeHands(4)
  const kept = await on.keys()
  await on.network.person(ada).says(address, 'whose is this?')
  await until(async () => on.network.leftBehind() === 0, 'its connection to go')
  await expect(say(old, 'too late')).rejects.toBeInstanceOf(SendFailure)
  expect(textsIn(old.host)).toEqual(['in before'])
  expect(await on.keys()).toEqual(kept)
  const fresh = on.holder(4)
  await fresh.connection.start()
  await until(async () => textsIn(fresh.host).includes('whose is this?'), 'what was said meanwhile')
  await talk(on, fresh, 'after')
  expect(shownTo(on)).toEqual(['out before', 'out after'])
  expect(on.network.unread).toEqual({ byPhones: 0, byDevices: 0 })
  expect(await on.keys()).not.toEqual(kept)
})

test('two at once: WhatsApp ends the older, which stays away, and the session is whole', async () => {
  const on = await stage()
  const old = on.holder(3)
  await old.connection.start()
  await talk(on, old, 'before')
  await on.changeHands(4)
  const fresh = on.holder(4)
  // In the very moment in which it loses the line it sends: nobody knows whether that is out, and it is not out twice.
  const doubtful = say(old, 'in doubt').then(
    () => 'accepted',
    (error: unknown) => error,
  )
  await fresh.connection.start()
  const outcome = await doubtful
  if (outcome !== 'accepted') expect(outcome).toBeInstanceOf(SendFailure)
  await until(async () => old.host.states.at(-1)?.status === 'disconnected' || on.network.leftBehind() <= 1, 'its end')
  const ended = old.host.states.length
  await talk(on, fresh, 'after')
  // Whoever meant to come back in a while would be woken by this.
  on.clock.advance(600_000)
  await talk(on, fresh, 'much later')
  expect(old.host.states.length).toBe(ended)
  expect(fresh.host.states.map(({ status }) => status)).toEqual(['connecting', 'connected'])
  expect(shownTo(on).filter((text) => text !== 'in doubt')).toEqual(['out before', 'out after', 'out much later'])
  expect(shownTo(on).filter((text) => text === 'in doubt').length).toBeLessThanOrEqual(1)
  expect(new Set(messagesIn(fresh.host).map(({ providerId }) => providerId)).size).toBe(textsIn(fresh.host).length)
  expect(on.network.unread).toEqual({ byPhones: 0, byDevices: 0 })
})

test('an idle one that is replaced says so, with no time at which it comes back', async () => {
  const on = await stage()
  const old = on.holder(3)
  await old.connection.start()
  const fresh = on.holder(3)
  await fresh.connection.start()
  const end = { status: 'disconnected', reason: 'close_440', retryAt: null }
  await until(async () => old.host.states.at(-1)?.status === 'disconnected', 'its end')
  on.clock.advance(600_000)
  await talk(on, fresh, 'after')
  expect(old.host.states.at(-1)).toEqual(end)
  expect(fresh.host.states.at(-1)?.status).toBe('connected')
})

const holdersIn = ({ db }: TestDatabase) =>
  db.query<{ holder: number; epoch: number }>({ name: '', text: 'select holder, epoch from lines' })

test('a gateway that was frozen until another had its line disturbs nothing when it wakes', {
  timeout: 90_000,
}, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'switchboard-holders-'))
  undo.push(() => rmSync(dir, { recursive: true, force: true }))
  const outside = await openWhatsappOutside({ lines: [address], chance: seededChance(1), isHealed: () => true })
  undo.push(outside.close)
  const database = await createTestDatabase()
  undo.push(() => database.db.close())
  const orders = { port: 0, dedupes: ['whatsapp'] as const, plan: null, real: true }
  const databaseUrl = urlOf(database.address, database.address.database)
  const places = ['frozen', 'other'].map((name) => join(dir, name))
  const [frozen, other] = places.map((place) => createVictim({ dir: place, databaseUrl, orders }))
  if (frozen === undefined || other === undefined) throw new Error('two are wanted')
  const client = createClient()
  undo.push(client.close)
  for (const victim of [frozen, other])
    undo.push(async () => {
      victim.signal('SIGCONT')
      await victim.stop()
    })
  expect(await frozen.start()).not.toBe(false)
  const customer = await furnish(client, frozen.url, [address], outside.placeOf)
  const behind = openBehind(database.address)
  undo.push(behind.close)
  await outside.link(behind)
  await connectedLines(behind, 1, 1)
  expect(await other.start()).not.toBe(false)
  const asked: Asked[] = []
  /** To three people of its own each time, so that nobody waits behind what the frozen one had in the air. */
  const traffic = async (url: () => string | null, people: number) => {
    for (let nth = 0; nth < 9; nth++) {
      const [key, to] = [`c0-${asked.length}`, `+1303666${people + (nth % 3)}`]
      const content = { text: keyed(key, to) }
      const body = { to, from: address, content, routing: { preference: ['whatsapp'] }, idempotencyKey: key }
      const reply = await client.insist(url, { method: 'POST', path: '/v1/messages', token: customer.token, body })
      const answers = [{ status: reply.status, id: String(reply.body.id) }]
      asked.push({ key, lane: laneOf({ line: address, to }), text: content.text, answers })
      outside.say({ line: address, channel: 'whatsapp', from: to, text: `word ${asked.length}` })
    }
  }
  const arrived = async (people: number) => {
    const theirs = () => outside.effects.filter(({ to }) => [0, 1, 2].includes(Number(to.slice(-4)) - people))
    await expect.poll(() => theirs().length, { timeout: 30_000 }).toBe(9)
  }
  await traffic(frozen.url, 1_000)
  await arrived(1_000)
  const [before] = await holdersIn(database)
  await traffic(other.url, 1_010)
  frozen.signal('SIGSTOP')
  // As long as a line's lease, by the database's clock: nobody may still count on the frozen one.
  await behind.advance(16_000)
  await expect.poll(async () => (await holdersIn(database))[0]?.holder, { timeout: 20_000 }).not.toBe(before?.holder)
  await traffic(other.url, 1_020)
  await arrived(1_020)
  const [during] = await holdersIn(database)
  frozen.signal('SIGCONT')
  await traffic(frozen.url, 1_030)
  await arrived(1_030)
  const left = await drain(behind, outside, { keepsLines: true })
  const { url } = other
  const history = await collect({
    customer,
    client,
    url,
    behind,
    outside,
    dedupes: ['whatsapp'],
    asked,
    followed: null,
    left,
  })
  const seen = outside.named(history)
  expect(broken(seen), places.map(saidIn).join('\n')).toEqual([])
  expect(tally(seen)).toMatchObject({ accepted: 36, delivered: 36, inbound: 36, lost: 0, twice: 0 })
  expect(await holdersIn(database)).toEqual([during])
  expect(outside.figures()).toMatchObject({ 'asked again by phones': 0, 'asked again by the gateway': 0 })
})
