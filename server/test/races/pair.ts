/** Gateways that share one database and one network outside, each a real process that can be killed or frozen. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { inject } from 'vitest'
import type { Channel } from '../../src/model/channel.ts'
import type { Plan } from '../crash/boundary.ts'
import type { Asked, History } from '../crash/history.ts'
import { type Client, createClient } from '../crash/insist.ts'
import { type Fate, type Outside, openOutside } from '../crash/outside.ts'
import {
  type Behind,
  type Customer,
  collect,
  connectedLines,
  drain,
  furnish,
  openBehind,
  type Urls,
} from '../crash/site.ts'
import { createVictim, saidIn, urlOf, type Victim } from '../crash/victim.ts'
import { createTestDatabase } from '../support/database.ts'

export interface PairOptions {
  dir: string
  processes: number
  lines: readonly string[]
  dedupes: readonly Channel[]
  fateOf?(): Fate
  /** Where each is to die or to freeze, in their order. */
  plans?: readonly Plan[]
  /** Besides those that all have. */
  settings?: Readonly<Record<string, string>>
}

export interface Pair {
  victims: readonly Victim[]
  urls: readonly Urls[]
  client: Client
  customer: Customer
  outside: Outside
  behind: Behind
  /** Gives everything its time; returns what is left all the same. */
  drain(): Promise<number>
  history(asked: readonly Asked[]): Promise<History>
  /** What the gateways have logged. */
  said(): string
  close(): Promise<void>
}

const plain: Fate = { fault: 'none', delayMs: 0, receipts: ['delivered'], echo: false, early: false }

export async function openPair(options: PairOptions): Promise<Pair> {
  const { dir, dedupes, lines, settings = {} } = options
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const database = await createTestDatabase(inject('postgres'))
  const outside = await openOutside({
    dedupes: (channel) => dedupes.includes(channel),
    fateOf: () => options.fateOf?.() ?? plain,
    repeats: () => false,
  })
  const places = [...Array(options.processes).keys()].map((number) => join(dir, `gateway-${number}`))
  const databaseUrl = urlOf(database.address, database.address.database)
  const orders = { port: outside.port, dedupes, plan: null }
  const victims = places.map((place) => createVictim({ dir: place, databaseUrl, orders, settings }))
  for (const [number, victim] of victims.entries()) {
    const started = await victim.start({ plan: options.plans?.[number] ?? null })
    if (started === false) throw new Error(`The gateway did not start: ${places.map(saidIn).join('\n')}`)
  }
  const client = createClient()
  const urls = victims.map((victim) => victim.url)
  const living = () => urls.map((url) => url()).find((url) => url !== null) ?? null
  const customer = await furnish(client, living, lines)
  const behind = openBehind(database.address)
  await connectedLines(behind, lines.length)
  let left = 0
  return {
    ...{ victims, urls, client, customer, outside, behind },
    async drain() {
      left = await drain(behind, outside)
      return left
    },
    history: (asked) =>
      collect({ customer, client, url: living, behind, outside, dedupes, asked, followed: null, left }),
    said: () => places.map(saidIn).join('\n'),
    async close() {
      for (const victim of victims) {
        // One that a test has frozen and then failed over could not stop.
        victim.signal('SIGCONT')
        await victim.stop()
      }
      client.close()
      await behind.close()
      await outside.close()
      // The database itself goes with its server: dropping it would wait for a checkpoint of everything else.
      await database.db.close()
    },
  }
}
