/** A gateway that can be killed, a network outside it, one customer with lines, and webhooks on receivers of ours. */
import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { channels } from '../../src/model/channel.ts'
import { socketDirOf } from '../../src/store/postgres/cluster.ts'
import { connectionTo } from '../../src/store/postgres/reach.ts'
import { type Client, createClient } from '../crash/insist.ts'
import { type Fate, type Outside, openOutside } from '../crash/outside.ts'
import { type Behind, type Customer, furnish, openBehind } from '../crash/site.ts'
import { createVictim, logOf, saidIn, urlOf, type Victim } from '../crash/victim.ts'
import type { ServerAddress } from '../support/server.ts'
import { waitUntil } from './waiting.ts'

const program = fileURLToPath(new URL('./gateway-process.ts', import.meta.url))
const compileCache = join(tmpdir(), 'switchboard-chaos-compiled')

export interface StandOptions {
  dir: string
  /** Null: an embedded PostgreSQL of the gateway's own, which can be killed as well. */
  database: ServerAddress | null
  lines: readonly string[]
  webhookSchedule: string
  webhookTimeout: string
  /** A file with certificates that the gateway trusts besides those of the public. */
  trusted?: string
  fateOf(): Fate
}

export interface Stand {
  victim: Victim
  outside: Outside
  client: Client
  customer: Customer
  behind: Behind
  /** Makes a webhook for all events. */
  subscribe(input: { url: string; name: string; ordered: boolean }): Promise<{ id: string; secret: string }>
  /** Starts it again, or throws with what it logged. */
  restart(): Promise<void>
  /** Where the gateway keeps what is its own. */
  home: string
  close(): Promise<void>
}

export async function openStand(options: StandOptions): Promise<Stand> {
  const undo: (() => Promise<void> | void)[] = []
  const close = async () => {
    for (const step of undo.splice(0).reverse()) await step()
  }
  try {
    return { ...(await open(options, undo)), close }
  } catch (error) {
    await close()
    throw error
  }
}

async function open(options: StandOptions, undo: (() => Promise<void> | void)[]): Promise<Omit<Stand, 'close'>> {
  const { dir, database, lines } = options
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const home = join(dir, 'gateway')
  const outside = await openOutside({ dedupes: () => true, fateOf: options.fateOf, repeats: () => false })
  undo.push(outside.close)
  const victim = createVictim({
    dir: home,
    databaseUrl: database === null ? null : urlOf(database, database.database),
    orders: { port: outside.port, dedupes: channels, plan: null },
    take: () => spawnGateway(home, options),
  })
  undo.push(victim.stop)
  const restart = async () => {
    if ((await victim.start()) === false) throw new Error(`The gateway did not start: ${saidIn(home)}`)
  }
  await restart()
  const client = createClient()
  undo.push(client.close)
  const customer = await furnish(client, victim.url, lines)
  const behind = openBehind(database ?? connectionTo(socketDirOf(join(home, 'postgres'))))
  undo.push(behind.close)
  await waitUntil(() => allConnected(behind, lines.length), { what: 'the lines to be connected', limitMs: 30_000 })
  return {
    ...{ victim, outside, client, customer, behind, restart, home },
    async subscribe({ url, name, ordered }) {
      const body = { url, name, ordered, events: ['*'], dialect: 'textbubbles' }
      const ask = { method: 'POST' as const, path: '/v1/webhooks', token: customer.token, body }
      const made = await client.insist(victim.url, ask)
      if (made.status !== 201) throw new Error(`No webhook: ${JSON.stringify(made.body)}`)
      return { id: String(made.body.id), secret: String(made.body.secret) }
    },
  }
}

function spawnGateway(home: string, { webhookSchedule, webhookTimeout, trusted }: StandOptions) {
  const settings = ['--webhook-schedule', webhookSchedule, '--webhook-timeout', webhookTimeout]
  const output = openSync(logOf(home), 'a')
  const child = spawn(process.execPath, [program, ...settings, '--allow-private-networks', 'on'], {
    stdio: ['ignore', output, output, 'ipc'],
    env: {
      ...process.env,
      NODE_COMPILE_CACHE: compileCache,
      ...(trusted === undefined ? {} : { NODE_EXTRA_CA_CERTS: trusted }),
    },
  })
  closeSync(output)
  return child
}

async function allConnected({ db }: Behind, lines: number): Promise<boolean> {
  const text = `select count(*)::int as up from links where state ->> 'status' = 'connected'`
  const [row] = await db.query<{ up: number }>({ name: '', text })
  return row?.up === lines * channels.length
}
