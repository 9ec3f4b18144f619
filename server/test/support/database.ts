/** A database of a test's own, copied from the template, whose clock the test can move. */
import { randomBytes } from 'node:crypto'
import { createDb, type Db } from '../../src/store/db.ts'
import { type ServerAddress, templateName, withSession } from './server.ts'

export interface TestDatabase {
  address: ServerAddress
  db: Db
  /** Moves gateway_now() on, and by the same statements' interval `$` whatever must not fall behind. */
  advance(ms: number, along?: readonly string[]): Promise<void>
  drop(): Promise<void>
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
      const texts = along.map((text) => text.replace('$', `interval '${ms} ms'`))
      texts.push(`create or replace function gateway_now() returns timestamptz language sql stable parallel safe
          as 'select now() + interval ''${aheadMs} ms'''`)
      await db.transaction(async (tx) => {
        for (const text of texts) await tx.query({ name: '', text })
      })
    },
    async drop() {
      closing = true
      await db.close()
      await withSession(at, (query) => query(`drop database ${database} with (force)`))
      if (errors.length > 0) throw new AggregateError(errors, 'The test broke database connections.')
    },
  }
}
