/** What a run is about: a customer with numbers on the network outside, the database from behind, and the end of a run. */
import { type Channel, channels } from '../../src/model/channel.ts'
import { createDb, type Db, type DbAddress } from '../../src/store/db.ts'
import type { ApiMessage, Asked, Attempt, History, Logged } from './history.ts'
import type { Client } from './insist.ts'
import { pause } from './insist.ts'
import type { Network } from './outside.ts'
import { adminKey } from './victim.ts'

export interface Customer {
  id: string
  token: string
  lines: readonly string[]
}

export type Urls = () => string | null

/** Where a line is linked to its network, as an operator says it. */
export interface Place {
  provider: string
  channels: readonly Channel[]
  url: string
  password?: string
  /** Of channels that go another way. */
  providers?: Partial<Record<Channel, { provider: string; url: string; password: string }>>
}

export type PlaceOf = (line: string) => Place

/** Lines are where `placeOf` says; without it they are on the network outside. */
export async function furnish(
  client: Client,
  url: Urls,
  lines: readonly string[],
  placeOf?: PlaceOf,
): Promise<Customer> {
  const admin = (path: string, body: object) =>
    client.insist(url, { method: 'POST', path: `/v1/admin${path}`, token: adminKey, body })
  const made = await admin('/customers', { email: 'crash@example.com', name: 'Crash' })
  const id = String(made.body.id)
  const key = await admin('/keys', { name: 'crash', customerId: id })
  for (const phoneNumber of lines) {
    const instance = { name: phoneNumber, phoneNumber, ...placeOf?.(phoneNumber) }
    const created = placeOf === undefined ? null : await admin('/instances', instance)
    if (created !== null && created.status !== 201) throw new Error(`No line: ${JSON.stringify(created.body)}`)
    const by = created === null ? { provider: 'sandbox' } : { instanceId: created.body.id }
    const added = await admin(`/customers/${id}/numbers`, { phoneNumber, ...by })
    if (added.status !== 201) throw new Error(`No number: ${JSON.stringify(added.body)}`)
  }
  return { id, token: String(key.body.key), lines }
}

/** The database from behind: its clock, what is left to do, and what is never shown to callers. */
export interface Behind {
  db: Db
  /** Moves the database's clock, and if asked for the leases of lines as well. */
  advance(ms: number, keepsLines?: boolean): Promise<void>
  aheadMs(): number
  close(): Promise<void>
}

export function openBehind(address: DbAddress, aheadMs = 0): Behind {
  // The server is killed now and then; the next statement connects anew.
  const db = createDb({ address, connectionsMax: 2, applicationName: 'crash-driver', onError: () => {} })
  let ahead = aheadMs
  return {
    db,
    aheadMs: () => ahead,
    async advance(ms, keepsLines = false) {
      ahead += ms
      const step = `interval '${Math.ceil(ms)} ms'`
      const texts = [
        ...(keepsLines ? [`update lines set lease_until = lease_until + ${step} where holder is not null`] : []),
        ...(keepsLines ? [`update nodes set seen_at = seen_at + ${step}`] : []),
        `create or replace function gateway_now() returns timestamptz language sql stable parallel safe
          as 'select now() + interval ''${Math.ceil(ahead)} ms'''`,
      ]
      await db.transaction(async (tx) => {
        for (const text of texts) await tx.query({ name: '', text })
      })
      await db.query({ name: '', text: `select pg_notify('switchboard', '{"x":1}')` })
    },
    close: () => db.close(),
  }
}

interface Rest {
  left: number
  /** Something is being worked on, or could be. */
  busy: boolean
  next_ms: number | null
}

const rest = {
  name: '',
  text: `select (select count(*) from outbox)::int as left,
    exists (select from lanes where lease_until > gateway_now() or next_at <= gateway_now()) as busy,
    (select extract(epoch from min(next_at) - gateway_now()) * 1000 from lanes)::float8 as next_ms`,
}

/** When the next lane is due; 0 when none waits. */
export async function dueInMs({ db }: Pick<Behind, 'db'>): Promise<number> {
  const [now] = await db.query<Rest>(rest)
  return Math.max(0, now?.next_ms ?? 0)
}

const drainMsDefault = 40_000

export interface Draining {
  keepsLines?: boolean | undefined
  /** What is due sooner comes by itself: a network that is asked after is not asked faster than it can know. */
  sparesMs?: number | undefined
  /** It takes no longer than that. */
  drainMs?: number | undefined
}

/** Gives everything its time by moving the database's clock to whatever is due next; returns what is left all the same. */
export async function drain(
  behind: Behind,
  outside: Pick<Network, 'unheard'>,
  { keepsLines = false, sparesMs = 0, drainMs = drainMsDefault }: Draining = {},
): Promise<number> {
  const giveUpAt = performance.now() + drainMs
  let left = 0
  while (performance.now() < giveUpAt) {
    const [now] = await behind.db.query<Rest>(rest)
    left = now?.left ?? 0
    if (left === 0 && now?.busy !== true && outside.unheard() === 0) return 0
    if (now?.busy === false && outside.unheard() === 0 && now.next_ms !== null && now.next_ms >= sparesMs)
      await behind.advance(Math.max(1, now.next_ms + 1), keepsLines)
    await pause(10)
  }
  return left
}

export interface Collected {
  customer: Customer
  client: Client
  url: Urls
  behind: Behind
  outside: Network
  dedupes: readonly Channel[]
  asked: readonly Asked[]
  followed: History['followed']
  left: number
}

export async function collect(from: Collected): Promise<History> {
  const { behind, outside, dedupes, asked, followed, left } = from
  const { effects, tried, spoken } = outside
  return {
    ...{ dedupes, asked, effects, tried, spoken, followed, left },
    messages: await allMessages(from),
    attempts: await attemptsIn(behind.db),
    log: await logIn(behind.db),
  }
}

interface Wire extends Omit<ApiMessage, 'text'> {
  content: { text?: string }
}

async function allMessages({ client, url, customer }: Collected): Promise<ApiMessage[]> {
  const found: ApiMessage[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const path = `/v1/messages?limit=100${cursor === '' ? '' : `&cursor=${cursor}`}`
    const { status, body } = await client.insist(url, { method: 'GET', path, token: customer.token })
    if (status !== 200) throw new Error(`The list answered ${status}: ${JSON.stringify(body)}`)
    const page = body as unknown as { messages: Wire[]; pagination: { nextCursor: string | null } }
    found.push(...page.messages.map(({ content, ...message }) => ({ ...message, text: content.text ?? '' })))
    cursor = page.pagination.nextCursor
  }
  return found
}

async function attemptsIn(db: Db): Promise<Attempt[]> {
  const text = `select 'msg_' || message_id as "messageId", number, channel, ref, outcome from attempts order by ended_at, number`
  return db.query<Attempt>({ name: '', text })
}

async function logIn(db: Db): Promise<Logged[]> {
  const text = `select 'evt_' || id as id, type, 'msg_' || (data #>> '{message,id}') as about, data ->> 'errorCode' as "errorCode"
    from events order by xid, seq`
  return db.query<Logged>({ name: '', text })
}

/** Every line listens on all its channels. */
export async function connectedLines(
  behind: Behind,
  lines: number,
  channelsOfEach: number = channels.length,
): Promise<void> {
  const text = `select count(*)::int as up from links where state ->> 'status' = 'connected'`
  for (;;) {
    const [row] = await behind.db.query<{ up: number }>({ name: '', text })
    if (row?.up === lines * channelsOfEach) return
    await pause(10)
  }
}
