/** Whether operations cost the same with ten thousand, a million and ten million messages stored. */
import { join } from 'node:path'
import { systemClock } from '../../src/lib/clock.ts'
import { createMint } from '../../src/lib/mint.ts'
import { createSealedBox } from '../../src/lib/sealed-box.ts'
import { createDb, type Db } from '../../src/store/db.ts'
import { createStore } from '../../src/store/store.ts'
import { startServer, templateName, withSession } from '../support/server.ts'
import { startChild } from './child.ts'
import { assertSafe } from './database.ts'
import { median, medianSpread, ms, type Spread, spreadOf } from './figures.ts'
import { fill } from './growth-fill.ts'
import { type Operation, operationsOn } from './growth-operations.ts'
import type { Table } from './report.ts'
import { openFolder, type Settings } from './stand.ts'
import type { Sender } from './traffic.ts'

const slices = 5
const samplesPerSlice = 400
const warmSamples = 100
const allowedRatio = 1.5
const masterKey = Buffer.alloc(32, 7)

interface Filled {
  rows: number
  db: Db
  operations: readonly Operation[]
  spreads: Map<string, Spread[]>
  stop(): Promise<void>
}

export async function benchGrowth(settings: Settings): Promise<Table[]> {
  const folder = openFolder()
  const server = await startServer(join(folder.path, 'data', 'postgres'))
  const sizes = [10_000, 1_000_000, 10_000_000].filter((rows) => rows <= settings.to)
  if (!sizes.includes(settings.to)) sizes.push(settings.to)
  const filled: Filled[] = []
  try {
    for (const rows of sizes)
      filled.push(await prepare(settings, { server: server.address, folder: folder.path, rows }))
    for (let slice = 0; slice <= slices; slice++) {
      // The first is for warming up.
      for (const { name } of filled[0]?.operations ?? []) await measure(filled, name, slice === 0)
      settings.say(`growth: slice ${slice} of ${slices}`)
    }
    return [tableOf(filled)]
  } finally {
    for (const one of filled) await one.stop()
    await server.stop()
    folder.remove()
  }
}

interface Place {
  server: { host: string; port: number; user: string; database: string }
  folder: string
  rows: number
}

async function prepare(settings: Settings, { server, folder, rows }: Place): Promise<Filled> {
  const database = `growth_${rows}`
  await withSession(server, (query) => query(`create database ${database} template ${templateName}`))
  const url = `postgres://${server.user}@localhost:${server.port}/${database}?host=${encodeURIComponent(server.host)}`
  const flags = [
    ...[
      '--data-dir',
      join(folder, database),
      '--database-url',
      url,
      '--port',
      '0',
      '--sandbox',
      'on',
      '--roles',
      'api',
    ],
    ...[
      '--rate-limit-per-minute',
      '0',
      '--log-level',
      'error',
      '--log-format',
      'json',
      '--master-key',
      masterKey.toString('base64'),
    ],
  ]
  const child = await startChild('gateway-process', { flags, stamps: false })
  const { port } = await child.ask<{ port: number }>('place')
  const senders = await child.ask<Sender[]>('furnish')
  const onError = (error: Error) => settings.say(error.message)
  const address = { ...server, database }
  const filling = createDb({ address, connectionsMax: 1, applicationName: 'bench', onError })
  const startedAt = performance.now()
  await fill(filling, {
    senders,
    rows,
    say: (done) => {
      if (done % 250_000 === 0 || done === rows)
        settings.say(
          `growth: ${done} of ${rows} messages after ${Math.round((performance.now() - startedAt) / 1_000)} s`,
        )
    },
  })
  await filling.close()
  const db = createDb({ address, connectionsMax: 10, applicationName: 'bench', onError })
  await assertSafe(db)
  const store = createStore(db, createSealedBox(masterKey))
  const made = await operationsOn({ db, store, senders, port, mint: createMint(systemClock) })
  return {
    rows,
    db,
    operations: made.operations,
    spreads: new Map(made.operations.map(({ name }) => [name, []])),
    async stop() {
      made.close()
      await db.close()
      await child.stop()
    },
  }
}

/** The sizes take turns call by call, so that a disturbance of the machine meets all of them. */
async function measure(filled: readonly Filled[], name: string, warmsUp: boolean): Promise<void> {
  const taken = filled.map((one) => ({ one, operation: operationOf(one, name), samples: [] as number[] }))
  for (let index = 0; index < (warmsUp ? warmSamples : samplesPerSlice); index++) {
    for (const { operation, samples } of taken) {
      const input = await operation.prepare?.()
      const from = performance.now()
      await operation.run(input)
      samples.push(performance.now() - from)
    }
    // Nobody is always the first.
    taken.push(...taken.splice(0, 1))
  }
  if (warmsUp) return
  for (const { one, samples } of taken) one.spreads.get(name)?.push(spreadOf(samples))
}

function operationOf({ operations }: Filled, name: string): Operation {
  const operation = operations.find((one) => one.name === name)
  if (operation === undefined) throw new Error(`There is no operation ${name}.`)
  return operation
}

function tableOf(filled: readonly Filled[]): Table {
  const [smallest, ...larger] = filled
  const of = (one: Filled | undefined, name: string) => medianSpread(one?.spreads.get(name) ?? [])
  const rows = (smallest?.operations ?? []).map(({ name }) => {
    const base = of(smallest, name)
    const grown = larger.flatMap((one) => {
      const { p50, p99 } = of(one, name)
      const ratio = p99 / base.p99
      return [ms(p50), ms(p99), `${ratio.toFixed(2)}${ratio > allowedRatio ? ' (!)' : ''}`]
    })
    return [name, ms(base.p50), ms(base.p99), ...grown]
  })
  const ratios =
    rows.length === 0
      ? []
      : larger.map((one) =>
          median((smallest?.operations ?? []).map(({ name }) => of(one, name).p99 / of(smallest, name).p99)),
        )
  return {
    title: 'Growth',
    columns: [
      'operation',
      `${words(smallest?.rows)} p50`,
      'p99',
      ...larger.flatMap(({ rows: count }) => [`${words(count)} p50`, 'p99', 'p99 ratio']),
    ],
    rows,
    notes: [
      `One call after the other, ${slices * samplesPerSlice} of each in ${slices} slices, the sizes in turn; the p99 is the median over the slices.`,
      `"(!)" marks more than ${allowedRatio}. Median ratio: ${ratios.map((ratio) => ratio.toFixed(2)).join(', ')}. Pages have 50 rows and are full at every size.`,
    ],
  }
}

function words(rows = 0): string {
  return rows >= 1_000_000 ? `${rows / 1_000_000} million` : `${rows / 1_000} thousand`
}
