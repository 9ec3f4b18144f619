/** Migrations: safe when two processes start together, refused when history does not match. */
import { afterEach, beforeEach, expect, inject, test } from 'vitest'
import { createDb, type Session } from '../../src/store/db.ts'
import { type Migration, migrate, readMigrations } from '../../src/store/postgres/migrate.ts'
import { withSession } from '../support/server.ts'

const name = 'migrate_test'
const sessions: Session[] = []
const closers: (() => Promise<void>)[] = []

async function open(): Promise<Session> {
  const fail = (error: Error) => {
    throw error
  }
  const db = createDb({
    address: { ...inject('postgres'), database: name },
    connectionsMax: 1,
    applicationName: 'test',
    onError: fail,
  })
  const session = await db.session(fail)
  closers.push(async () => {
    await session.close()
    await db.close()
  })
  sessions.push(session)
  return session
}

beforeEach(() => withSession(inject('postgres'), (query) => query(`create database ${name}`)))
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
  await withSession(inject('postgres'), (query) => query(`drop database ${name}`))
})

const small = (number: number, sql: string): Migration => ({
  number,
  name: `000${number}-x.sql`,
  sql,
  checksum: `sum of ${sql}`,
})

test('two processes that start together apply each migration once', async () => {
  const migrations = await readMigrations()
  const applied = await Promise.all([migrate(await open(), migrations), migrate(await open(), migrations)])
  expect(applied.map((names) => names.length).sort()).toEqual([0, migrations.length])
})

test('only what is missing is applied', async () => {
  const session = await open()
  await migrate(session, [small(1, 'create table a ()')])
  expect(await migrate(session, [small(1, 'create table a ()'), small(2, 'create table b ()')])).toEqual(['0002-x.sql'])
})

test('a migration that fails leaves nothing behind', async () => {
  const session = await open()
  await expect(migrate(session, [small(1, 'create table a (); select 1/0')])).rejects.toThrow('division by zero')
  expect(await migrate(session, [small(1, 'create table a ()')])).toEqual(['0001-x.sql'])
})

test('a changed or unknown migration is refused with what to do', async () => {
  const session = await open()
  await migrate(session, [small(1, 'create table a ()'), small(2, 'create table b ()')])
  await expect(migrate(session, [small(1, 'create table c ()')])).rejects.toThrow('was changed after it ran')
  await expect(migrate(session, [small(1, 'create table a ()')])).rejects.toThrow('Start the newer version')
})
