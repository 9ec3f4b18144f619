/** A whole gateway for a test: its own database, the in-memory network, a clock to move, HTTP on a free port, two customers. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Connector } from '../../src/channels/connector.ts'
import { createInMemoryConnector } from '../../src/channels/inmemory/connector.ts'
import { createNetwork, type Network, type NetworkOptions } from '../../src/channels/inmemory/network.ts'
import { realProviders } from '../../src/channels/registry.ts'
import type { Gateway, Scope } from '../../src/gateway.ts'
import { createHttp } from '../../src/http.ts'
import { seededChance } from '../../src/lib/chance.ts'
import { createSafeFetch, type SafeFetchOptions } from '../../src/lib/egress/safe-fetch.ts'
import { createMint } from '../../src/lib/mint.ts'
import { createSealedBox } from '../../src/lib/sealed-box.ts'
import { type Channel, channels } from '../../src/model/channel.ts'
import type { CustomerId, Handle, LineId } from '../../src/model/ids.ts'
import type { GatewayOptions } from '../../src/parts.ts'
import { createDb, type Db } from '../../src/store/db.ts'
import { textbubblesWording } from '../../src/surfaces/textbubbles/webhooks/wording.ts'
import { whatsbridgeWording } from '../../src/surfaces/whatsbridge/wording.ts'
import { createGateway } from '../../src/wiring.ts'
import { createTestDatabase, type Moved, type TestDatabase } from './database.ts'
import { testMedia } from './media.ts'
import type { ServerAddress } from './server.ts'
import { createTestClock, type TestClock } from './test-clock.ts'

export interface TestCustomer {
  id: CustomerId
  apiKey: string
  line: { id: LineId; address: Handle }
}

export interface TestGateway {
  url: string
  adminKey: string
  apiKey: string
  otherApiKey: string
  customer: TestCustomer
  other: TestCustomer
  gateway: Gateway
  network: Network
  clock: TestClock
  database: TestDatabase
  /** Where files are kept, and by what they are made. */
  media: GatewayOptions['media']
  /** What was logged as an error. A test that does not expect any asserts that it is empty. */
  errors: object[]
  /** Lets what is under way end, moves the database's time and the process's, and waits until what became due has happened. */
  advance(ms: number): Promise<void>
  /** Moves time and waits for nothing. Leases move along, as if the heartbeats had gone on. */
  pass(ms: number): Promise<void>
  /** Resolves when nothing is due: no lane to work on, nothing under way in the network. */
  settled(): Promise<void>
  createKey(scopes: readonly Scope[]): Promise<string>
  stop(): Promise<void>
}

export interface TestGatewayOptions {
  server?: ServerAddress
  network?: Partial<NetworkOptions>
  requestsPerMinute?: number
  privateNetworks?: SafeFetchOptions['policy']
  /** Name servers and authorities of the test. */
  egress?: Pick<SafeFetchOptions, 'resolve' | 'ca'>
  options?: Partial<GatewayOptions>
}

const second = 1_000
const minute = 60 * second
const hour = 60 * minute

/** The schedule of the product, without its jitter. */
export const testWebhooks: GatewayOptions['webhooks'] = {
  scheduleMs: [30 * second, 5 * minute, 30 * minute, 2 * hour, 8 * hour, 24 * hour, 24 * hour],
  timeoutMs: 10 * second,
  userAgent: 'Switchboard/0.0.0-test',
  chance: () => 0.5,
}

export const testAdminKey = 'adm_test_0123456789abcdefghijklmnop'

export async function startTestGateway(settings: TestGatewayOptions = {}): Promise<TestGateway> {
  const database = await createTestDatabase(settings.server)
  const home = await mkdtemp(join(tmpdir(), 'switchboard-media-'))
  const clock = createTestClock()
  const network = createNetwork({ clock, seed: 1, answerMs: [0, 0], ...settings.network })
  const mint = createMint(clock)
  const errors: object[] = []
  const log = {
    info() {},
    warn() {},
    error: (facts: object, message: string) => void errors.push({ ...facts, message }),
  }
  const egress = createSafeFetch({
    clock,
    policy: settings.privateNetworks ?? 'loopback',
    own: () => [],
    ...settings.egress,
  })
  let url = ''
  const media = testMedia({ home, mint, log, base: () => url })
  const gateway = createGateway({
    db: keepOpen(database.db),
    clock,
    mint,
    log,
    box: createSealedBox(Buffer.alloc(32, 7)),
    media,
    providers: new Map([
      sandboxOf(network),
      ...realProviders({
        ...{ clock, chance: seededChance('providers').next, http: egress, media: egress },
        asJpeg: ({ base64, mimeType }) => media.jpegOf(Buffer.from(base64, 'base64'), mimeType),
      }),
    ]),
    publicUrl: () => url,
    egress,
    wording: (linkTo) => whatsbridgeWording(linkTo, textbubblesWording(linkTo)),
    roles: { links: true, webhooks: true },
    webhooks: testWebhooks,
    keyPrefix: 'tb_',
    requestsPerMinute: settings.requestsPerMinute ?? 0,
    pairsWith: () => ({ provider: 'sandbox', url: null }),
    eventRetentionMs: 30 * 86_400_000,
    allowUnsafeDatabase: false,
    ...settings.options,
  })
  await gateway.start()
  const http = createHttp({
    gateway,
    clock,
    log,
    adminKey: testAdminKey,
    version: '0.0.0-test',
    host: '127.0.0.1',
    port: 0,
    publicUrl: null,
    trustProxy: false,
  })
  url = await http.listen()
  const customer = await furnish(gateway, 'ada@example.com', '+15550100100' as Handle)
  const other = await furnish(gateway, 'bob@example.com', '+15550100200' as Handle)
  const settled = () => settle(database.db, network)
  const pass = async (ms: number) => {
    // What falls due may begin once the database is there, before our clock is: no time limit of it jumps.
    const began = clock.real()
    await database.advance(ms, leases)
    clock.advance(ms, began)
  }
  await linked(gateway, database.db)
  return {
    url,
    adminKey: testAdminKey,
    apiKey: customer.apiKey,
    otherApiKey: other.apiKey,
    customer,
    other,
    gateway,
    network,
    clock,
    database,
    errors,
    media,
    settled,
    pass,
    async advance(ms) {
      await settled()
      await pass(ms)
      await settled()
    },
    createKey: async (scopes) =>
      (await gateway.admin.createKey({ name: 'test', customer: { id: customer.id }, scopes, expiresAt: null })).key,
    async stop() {
      await http.close()
      const stopped = gateway.stop()
      // Sends that hang on purpose are given up at once instead of after the drain time.
      clock.advance(60_000)
      await stopped
      await media.stop()
      await egress.close()
      await network.stop()
      await rm(home, { recursive: true, force: true })
      await database.drop()
    },
  }
}

type Second = { gateway: Gateway; stop(): Promise<void> }

/** Another process on the same database: it serves callers but holds no line. */
export function joinWithoutLines(first: TestGateway): Promise<Second> {
  return joinAs(first, { providers: new Map(), links: false })
}

/** Another one, which takes the lines that nobody holds. */
export function joinWithLines(first: TestGateway): Promise<Second> {
  return joinAs(first, { providers: new Map([sandboxOf(first.network)]), links: true })
}

async function joinAs(
  first: TestGateway,
  { providers, links }: { providers: GatewayOptions['providers']; links: boolean },
): Promise<Second> {
  const { database, clock } = first
  const db = createDb({
    address: database.address,
    connectionsMax: 3,
    applicationName: 'second',
    onError: (error) => first.errors.push(error),
  })
  const mint = createMint(clock)
  const log = {
    info() {},
    warn() {},
    error: (facts: object, message: string) => void first.errors.push({ ...facts, message }),
  }
  const gateway = createGateway({
    db,
    clock,
    mint,
    log,
    box: createSealedBox(Buffer.alloc(32, 7)),
    media: first.media,
    providers,
    publicUrl: () => 'http://127.0.0.1:9',
    egress: createSafeFetch({ clock, policy: 'loopback', own: () => [] }),
    wording: (linkTo) => whatsbridgeWording(linkTo, textbubblesWording(linkTo)),
    roles: { links, webhooks: false },
    webhooks: testWebhooks,
    keyPrefix: 'tb_',
    requestsPerMinute: 0,
    eventRetentionMs: 30 * 86_400_000,
    allowUnsafeDatabase: false,
  })
  await gateway.start()
  return { gateway, stop: () => gateway.stop() }
}

function sandboxOf(network: Network): [string, ReadonlyMap<Channel, Connector>] {
  return ['sandbox', new Map(channels.map((channel) => [channel, createInMemoryConnector(network, channel)]))]
}

/** The gateway closes its database when it stops; the test still wants to look and then drop it. */
function keepOpen(db: Db): Db {
  return { ...db, close: async () => {} }
}

async function furnish(gateway: Gateway, email: string, address: Handle): Promise<TestCustomer> {
  const { id } = await gateway.admin.createCustomer({ email, name: email, company: null, requestsPerMinute: null })
  const { key } = await gateway.admin.createKey({
    name: 'test',
    customer: { id },
    scopes: ['send', 'read', 'manage'],
    expiresAt: null,
  })
  const line = await gateway.admin.addNumber(id, { address, provider: 'sandbox', line: null })
  return { id, apiKey: key, line: { id: line.id, address } }
}

/** Lines are taken by the heartbeat; a test starts when they are connected. */
async function linked(gateway: Gateway, db: Db): Promise<void> {
  const text = `select from events where type = 'line.status' and data #>> '{state,status}' = 'connected'`
  await until(async () => {
    const { links } = await gateway.health()
    // That a link is up is told a moment after it is: in no test's story.
    if ((await db.query({ name: '', text })).length < 6) return false
    return (
      links.imessage.lines === 2 &&
      links.imessage.health === 'healthy' &&
      links.sms.health === 'healthy' &&
      links.whatsapp.health === 'healthy'
    )
  }, 'the lines to be connected')
}

/** Nobody loses what they hold because time jumps. */
const leases: readonly Moved[] = [
  { table: 'lines', column: 'lease_until', where: 'holder is not null' },
  { table: 'lanes', column: 'lease_until', where: 'holder is not null' },
  { table: 'webhooks', column: 'lease_until', where: 'holder is not null' },
  { table: 'agent_chats', column: 'lease_until', where: 'holder is not null' },
  { table: 'nodes', column: 'seen_at' },
]

/** Twice in a row: what a timer has just woken may still be on its way to what is looked at here. */
async function settle(db: Db, network: Network): Promise<void> {
  let quiet = 0
  await until(async () => {
    const { unanswered, undelivered, due } = network.counts()
    const [row] = await db.query<{ busy: boolean }>({
      name: 'test-busy',
      text: 'select exists (select from lanes where next_at <= gateway_now() or lease_until > gateway_now()) as busy',
    })
    quiet = row?.busy === false && unanswered === 0 && undelivered === 0 && due === 0 ? quiet + 1 : 0
    return quiet >= 2
  }, 'the outbox to be empty')
}

/** Asks again and again, for at most ten seconds: the only waiting in the tests. */
export async function until(condition: () => Promise<boolean>, what: string): Promise<void> {
  const giveUpAt = performance.now() + 10_000
  while (!(await condition())) {
    if (performance.now() > giveUpAt) throw new Error(`Waited ten seconds for ${what}.`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
