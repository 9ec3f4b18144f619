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

test('people whose number had come out before have one conversation and one choice after it', async () => {
  const session = await open()
  const migrations = await readMigrations()
  await migrate(session, migrations.slice(0, 7))
  const id = (nth: number) => `00000000-0000-7000-8000-00000000000${nth}`
  const [us, line, otherLine] = [id(1), id(2), id(3)]
  const plain = <Row>(text: string) => session.query<Row>({ name: '', text })
  const chat = (
    nth: number,
    on: string,
    name: string,
    handle: string,
    now = handle,
  ) => `('${us}', '${id(nth)}', '${on}',
    'whatsapp', '${name}', '${handle}', false, '[{"handle": "${now}", "contactId": null}]')`
  const message = (
    nth: number,
    of: number,
  ) => `('${us}', '${id(nth)}', 'inbound', 'received', '${line}', '${id(of)}', '{}',
    '{whatsapp}', '[]')`
  await plain(`insert into customers (id, email, name) values ('${us}', 'us@test', 'us')`)
  await plain(`insert into handle_aliases (customer_id, line_id, channel, alias, phone)
    values ('${us}', '${line}', 'whatsapp', '7@lid', '+1415'), ('${us}', '${line}', 'whatsapp', '8@lid', '+1416')`)
  await plain(`insert into conversations (customer_id, id, line_id, channel, provider_chat_id, handle, is_group, participants)
    values ${chat(4, line, '7@lid', '7@lid', '+1415')}, ${chat(5, line, '1415@s.whatsapp.net', '+1415')},
      ${chat(6, otherLine, '1415@s.whatsapp.net', '+1415')}, ${chat(7, line, '8@lid', '8@lid', '+1416')}`)
  await plain(`insert into messages (customer_id, id, direction, status, line_id, conversation_id, content, route, timeline)
    values ${message(4, 4)}, ${message(5, 5)}, ${message(6, 6)}`)
  const said = (address: string, out: boolean, at: string) => `('${us}', '${address}', ${out}, 'keyword', '${at}')`
  await plain(`insert into opt_outs (customer_id, address, opted_out, source, changed_at)
    values ${said('7@lid', true, '2026-01-02')}, ${said('+1415', false, '2026-01-01')}, ${said('8@lid', true, '2026-01-01')}`)
  await migrate(session, migrations)
  const chats = await plain(`select right(id::text, 1) as id, right(joined_into::text, 1) as whole, handle
    from conversations order by 1`)
  expect(chats).toEqual([
    { id: '4', whole: null, handle: '+1415' },
    { id: '5', whole: '4', handle: '+1415' },
    { id: '6', whole: null, handle: '+1415' },
    { id: '7', whole: null, handle: '+1416' },
  ])
  const messages = await plain(
    'select right(id::text, 1) || right(conversation_id::text, 1) as at from messages order by 1',
  )
  expect(messages).toEqual([{ at: '44' }, { at: '54' }, { at: '66' }])
  const out = await plain('select address from opt_outs where opted_out order by address')
  expect(out).toEqual([{ address: '+1415' }, { address: '+1416' }, { address: '7@lid' }, { address: '8@lid' }])
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
