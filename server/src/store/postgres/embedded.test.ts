/** The embedded PostgreSQL on real processes and real directories: started, shared, adopted, stopped and refused. */
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  ask,
  hurried,
  kill,
  log,
  madeBefore,
  placeForEachTest,
  start,
  startElsewhere,
} from '../../../test/support/embedded-postgres.ts'
import { lookUpLiving } from '../../lib/processes.ts'
import { processesIn } from './lock.ts'
import { assertDurable } from './postgres-settings.ts'

const onLinux = process.platform === 'linux'
const place = placeForEachTest()

test('the first start makes the database, the next one finds what was written', async () => {
  const progress: string[] = []
  const first = await start(place.dir, { onProgress: (what) => progress.push(what) })
  expect(first).toMatchObject({
    adopted: false,
    connection: { host: place.dir, port: 5432, user: 'postgres', database: 'postgres' },
  })
  expect(progress).toEqual(['creating the database'])
  await ask(first, `CREATE TABLE kept AS SELECT 'ü' AS word`)
  await first.stop()
  expect(lookUpLiving(first.pid)).toBeNull()
  expect(readdirSync(place.home)).toEqual(['postgres'])
  const second = await start(place.dir, { onProgress: (what) => progress.push(what) })
  expect(second.adopted).toBe(false)
  expect(second.pid).not.toBe(first.pid)
  expect(await ask(second, 'SELECT word, length(word) AS length FROM kept')).toEqual([{ word: 'ü', length: 1 }])
  expect(progress).toHaveLength(1)
})

test('it is durable, frugal and untouched by the environment', async () => {
  madeBefore(place.dir)
  const foreign = {
    PGPORT: '1',
    PGDATA: '/nowhere',
    PGOPTIONS: '-c fsync=off',
    LC_ALL: 'tr_TR.UTF-8',
    TZ: 'Asia/Tokyo',
    PGTZ: 'Asia/Tokyo',
  }
  const { connection } = await startElsewhere(place.dir, { env: foreign })
  const server = await start(place.dir)
  const settings = (sql: string) => ask({ connection }, sql) as Promise<{ name: string; setting: string }[]>
  expect((await assertDurable(settings, { allowUnsafe: false })).unsafe).toEqual([])
  const rows = await settings('SELECT name, setting FROM pg_settings')
  expect(Object.fromEntries(rows.map(({ name, setting }) => [name, setting]))).toMatchObject({
    listen_addresses: '',
    unix_socket_permissions: '0700',
    server_encoding: 'UTF8',
    lc_messages: 'C',
    TimeZone: 'UTC',
    log_timezone: 'UTC',
    jit: 'off',
    port: '5432',
    max_wal_size: '2048',
    data_checksums: 'on',
  })
  expect(server.adopted).toBe(true)
})

test.runIf(onLinux)('nobody else on this machine or another can connect', async () => {
  madeBefore(place.dir)
  await start(place.dir)
  expect(statSync(place.dir).mode & 0o777).toBe(0o700)
  expect(statSync(join(place.dir, '.s.PGSQL.5432')).mode & 0o777).toBe(0o700)
  const open = processesIn(place.dir).flatMap((pid) =>
    readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkIfOpen(`/proc/${pid}/fd/${fd}`)),
  )
  const sockets = new Set(open.flatMap((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? []))
  expect(sockets.size).toBeGreaterThan(0)
  const inodes = ['tcp', 'tcp6', 'udp', 'udp6'].flatMap((kind) =>
    readFileSync(`/proc/net/${kind}`, 'utf8')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/)[9] ?? ''),
  )
  expect(inodes.filter((inode) => sockets.has(inode))).toEqual([])
})

function readlinkIfOpen(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

test.runIf(onLinux)('Ctrl-C in the terminal does not reach it', async () => {
  madeBefore(place.dir)
  const { pid } = await start(place.dir)
  const group = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[2]
  expect(Number(group)).toBe(pid)
})

test('a server whose gateway was killed is adopted with all it has confirmed', async () => {
  madeBefore(place.dir)
  const owner = await startElsewhere(place.dir)
  expect(owner.adopted).toBe(false)
  await ask(owner, 'CREATE TABLE kept AS SELECT 1 AS id')
  await owner.kill()
  const heir = await start(place.dir)
  expect(heir).toMatchObject({ adopted: true, pid: owner.pid, connection: owner.connection })
  expect(await ask(heir, 'SELECT id FROM kept')).toEqual([{ id: 1 }])
  await heir.stop()
  expect(lookUpLiving(owner.pid)).toBeNull()
  expect(existsSync(join(place.dir, 'postmaster.pid'))).toBe(false)
})

test('a second start shares the running server', async () => {
  madeBefore(place.dir)
  const first = await start(place.dir)
  expect(await start(place.dir)).toMatchObject({ adopted: true, pid: first.pid })
})

test('several that start together on an empty directory end up with one server', async () => {
  const all = await Promise.all([startElsewhere(place.dir), startElsewhere(place.dir), start(place.dir)])
  expect(new Set(all.map(({ pid }) => pid)).size).toBe(1)
  expect(all.filter(({ adopted }) => !adopted)).toHaveLength(1)
  expect(readdirSync(place.home)).toEqual(['postgres'])
})

test('a cluster of a version that is not here is refused with what to do', async () => {
  mkdirSync(place.dir)
  writeFileSync(join(place.dir, 'PG_VERSION'), '14\n')
  await expect(start(place.dir)).rejects.toThrow(
    /postgres was made by PostgreSQL 14 but only [\d and]+ is here: install PostgreSQL 14 beside it/,
  )
  expect(readdirSync(place.dir)).toEqual(['PG_VERSION'])
})

const systemBin = '/usr/lib/postgresql/15/bin'
test.runIf(existsSync(systemBin))('a cluster of the system’s older version runs on the system’s programs', async () => {
  const first = await start(place.dir, { binDir: systemBin })
  expect(await ask(first, 'SHOW server_version_num')).toEqual([{ server_version_num: expect.stringMatching(/^15/) }])
  await first.stop()
  const second = await start(place.dir)
  expect(await ask(second, 'SHOW server_version_num')).toEqual([{ server_version_num: expect.stringMatching(/^15/) }])
})

test('a directory that holds something else is left alone', async () => {
  mkdirSync(place.dir)
  writeFileSync(join(place.dir, 'thesis.txt'), 'x')
  await expect(start(place.dir)).rejects.toThrow(`${place.dir} holds files but no PostgreSQL database`)
  expect(readdirSync(place.dir)).toEqual(['thesis.txt'])
})

test('without programs it says to set DATABASE_URL', async () => {
  await expect(start(place.dir, { binDir: place.home })).rejects.toThrow(
    /^No PostgreSQL 15 or newer runs on this machine .*set DATABASE_URL\.$/,
  )
})

test('stop cuts transactions off, waits for the end and may be called twice', async () => {
  madeBefore(place.dir)
  const server = await start(place.dir)
  const sleeping = ask(server, 'SELECT pg_sleep(60)').catch((error: Error) => error)
  const asleep = `SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'`
  await expect.poll(() => ask(server, asleep)).toHaveLength(1)
  await Promise.all([server.stop(), server.stop()])
  expect(lookUpLiving(server.pid)).toBeNull()
  expect(await sleeping).toBeInstanceOf(Error)
  expect(place.said).not.toContain('The database ended by itself')
})

test.runIf(onLinux)('a server that does not shut down is stopped at once, and loses nothing', async () => {
  madeBefore(place.dir)
  const server = await start(place.dir)
  await ask(server, 'CREATE TABLE kept AS SELECT 1 AS id')
  const [row] = await ask(server, `SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'`)
  const checkpointer = Number(row?.pid)
  await kill(checkpointer, 'SIGSTOP')
  const clock = hurried()
  const impatient = await start(place.dir, {
    clock,
    log: {
      ...log,
      warn: (_, message) => {
        place.said.push(message)
        clock.calm()
        process.kill(checkpointer, 'SIGCONT')
      },
    },
  })
  await impatient.stop()
  expect(place.said).toContain('The database did not shut down in time; it is stopped at once and will recover')
  expect(await ask(await start(place.dir), 'SELECT id FROM kept')).toEqual([{ id: 1 }])
})
