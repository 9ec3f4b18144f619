/** Two readers of the log side by side while writers commit out of order: by sequence some events are missed, by transaction none. */
import { expect, test } from 'vitest'
import { systemClock } from '../../src/lib/clock.ts'
import { createMint } from '../../src/lib/mint.ts'
import type { CustomerId, EventId } from '../../src/model/ids.ts'
import { createDb, type Db } from '../../src/store/db.ts'
import { createEventStore } from '../../src/store/events.ts'
import { pause } from '../crash/insist.ts'
import { createTestDatabase } from '../support/database.ts'

const mint = createMint(systemClock)
const customer = mint() as CustomerId
const writers = 12
const slowEvery = 3
const forMs = 2_000

const append = {
  name: 'log-order-append',
  text: `insert into events (customer_id, id, type, at, correlation_id, data) values ($1, $2, 'typing.indicator', gateway_now(), null, '{}')`,
}
const bySequence = {
  name: 'log-order-naive',
  text: 'select id, seq from events where customer_id = $1 and seq > $2 order by seq limit 200',
}

/** A third of the transactions stay open for a while after they have written. */
async function write(db: Db, writer: number, until: number): Promise<string[]> {
  const written: string[] = []
  while (performance.now() < until) {
    const id = mint() as EventId
    await db.transaction(async (tx) => {
      await tx.query(append, [customer, id])
      if (writer % slowEvery === 0) await pause(5 + Math.random() * 25)
    })
    written.push(id)
  }
  return written
}

interface Reader {
  seen: Set<string>
  /** Reads on until nothing new comes after `over`. */
  done: Promise<void>
}

function readBySequence(db: Db, over: { now: boolean }): Reader {
  const seen = new Set<string>()
  const loop = async () => {
    let last = 0
    for (let quiet = 0; !over.now || quiet < 20; ) {
      const rows = await db.query<{ id: string; seq: number }>(bySequence, [customer, last])
      for (const row of rows) seen.add(row.id)
      last = rows.at(-1)?.seq ?? last
      quiet = rows.length === 0 ? quiet + 1 : 0
      await pause(2)
    }
  }
  return { seen, done: loop() }
}

function readByTransaction(db: Db, over: { now: boolean; written: number }): Reader & { order: string[] } {
  const seen = new Set<string>()
  const order: string[] = []
  const loop = async () => {
    const events = createEventStore(db)
    let cursor = '0.0'
    // Other tests' transactions on the same server delay this reader, and delay is not what is tested here.
    for (const patience = performance.now() + patienceMs; ; ) {
      const rows = await events.after(customer, cursor, 200)
      for (const row of rows) {
        seen.add(row.id)
        order.push(row.id)
      }
      cursor = rows.at(-1)?.cursor ?? cursor
      if (over.now && rows.length === 0 && (order.length >= over.written || performance.now() > patience)) return
      await pause(2)
    }
  }
  return { seen, order, done: loop() }
}

const patienceMs = 30_000

test('ordered by transaction nothing is missed', { timeout: 60_000 }, async () => {
  const { address, db: own } = await createTestDatabase()
  const db = createDb({ address, connectionsMax: writers + 4, applicationName: 'log-order', onError: () => {} })
  const over = { now: false, written: 0 }
  const naive = readBySequence(db, over)
  const ours = readByTransaction(db, over)
  const until = performance.now() + forMs
  const written = (await Promise.all([...Array(writers).keys()].map((writer) => write(db, writer, until)))).flat()
  over.written = written.length
  over.now = true
  await Promise.all([naive.done, ours.done])
  await db.close()
  await own.close()
  const missed = (reader: Reader) => written.filter((id) => !reader.seen.has(id)).length
  process.stdout.write(
    `of ${written.length} events a reader by sequence missed ${missed(naive)}, by transaction ${missed(ours)}\n`,
  )
  expect(missed(naive)).toBeGreaterThan(0)
  expect(missed(ours)).toBe(0)
  expect(ours.order).toHaveLength(written.length)
})
