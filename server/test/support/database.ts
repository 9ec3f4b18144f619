/** A database of a test's own, copied from the template, whose clock the test can move. */
import { randomBytes } from 'node:crypto'
import { createDb, type Db } from '../../src/store/db.ts'
import { type ServerAddress, templateName, withSession } from './server.ts'

export interface TestDatabase {
  address: ServerAddress
  db: Db
  /** Moves gateway_now() on, and in the same instant what must not fall behind. */
  advance(ms: number, along?: readonly Moved[]): Promise<void>
  drop(): Promise<void>
}

export interface Moved {
  table: string
  column: string
  where?: string
}

/** Inside the test runner the server is the run's own; elsewhere the caller has started one. */
export async function createTestDatabase(server?: ServerAddress): Promise<TestDatabase> {
  const at = server ?? (await import('vitest')).inject('postgres')
  const database = `test_${randomBytes(6).toString('hex')}`
  await withSession(at, (query) => query(`create database ${database} template ${templateName}`))
  const address = { ...at, database }
  const errors: Error[] = []
  let closing = false
  // A connection that is being closed may still hear that its database is dropped.
  const onError = (error: Error) => closing || errors.push(error)
  const db = createDb({ address, connectionsMax: 8, applicationName: 'test', onError })
  let aheadMs = 0
  return {
    address,
    db,
    async advance(ms, along = []) {
      aheadMs += ms
      const moves = along.map(
        ({ table, column, where = 'true' }) =>
          `update ${table} set ${column} = ${column} + interval '${ms} ms' where ${where}`,
      )
      const move = `create or replace function gateway_now() returns timestamptz language sql stable parallel safe
          as 'select now() + interval ''${aheadMs} ms'''`
      await alone(
        db,
        along.map(({ table }) => table),
        [...moves, move],
      )
    },
    async drop() {
      closing = true
      await db.close()
      await withSession(at, (query) => query(`drop database ${database} with (force)`))
      if (errors.length > 0) throw new AggregateError(errors, 'The test broke database connections.')
    },
  }
}

const lockNotAvailable = '55P03'
const triesMax = 100

/**
 * No statement is half way: one that had read the old time would store a lease of the past once it got the row.
 * Who waits for these tables waits less than the server takes for a deadlock, so that it is never the product that loses.
 */
async function alone(db: Db, tables: readonly string[], texts: readonly string[]): Promise<void> {
  const first = [`set local lock_timeout = '200ms'`]
  if (tables.length > 0) first.push(`lock table ${tables.join(', ')} in access exclusive mode`)
  for (let tries = 1; ; tries++) {
    try {
      await db.transaction(async (tx) => {
        for (const text of [...first, ...texts]) await tx.query({ name: '', text })
      })
      return
    } catch (error) {
      const { code } = error as { code?: string }
      if (code !== lockNotAvailable || tries === triesMax) throw error
    }
  }
}
