/** A statement that PostgreSQL ends because two waited for each other has changed nothing, and is simply made again. */
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { until } from '../support/gateway.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())

test('a single statement that loses a deadlock is repeated, and its caller never hears of it', async () => {
  const { db } = database
  const lock = (key: number) => ({ name: '', text: `select pg_advisory_xact_lock(${key})` })
  const waiting = async (count: number) => {
    const found = await db.query({
      name: '',
      text: `select from pg_locks where locktype = 'advisory' and not granted
        and database = (select oid from pg_database where datname = current_database())`,
    })
    return found.length === count
  }
  let both: Promise<unknown> = Promise.resolve()
  await db.transaction(async (tx) => {
    await tx.query(lock(1))
    // Has the second, and waits for the first.
    both = db.query({ name: '', text: 'select pg_advisory_xact_lock(2), pg_advisory_xact_lock(1)' })
    await until(() => waiting(1), 'the statement to wait')
    // Its patience ends before ours, which begins later.
    await pause(300)
    await tx.query(lock(2))
  })
  expect(await both).toHaveLength(1)
})
