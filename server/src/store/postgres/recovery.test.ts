/** What crashes, restores, copies and moves leave behind, found by the next start: on real processes and real directories. */
import { once } from 'node:events'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { expect, test } from 'vitest'
import {
  ask,
  firstOutput,
  hurried,
  kill,
  madeBefore,
  placeForEachTest,
  run,
  start,
  startElsewhere,
} from '../../../test/support/embedded-postgres.ts'
import { systemClock } from '../../lib/clock.ts'
import { lookUpLiving, lookUpProcess } from '../../lib/processes.ts'
import { processesIn } from './lock.ts'
import { ask as askServer } from './reach.ts'

const onLinux = process.platform === 'linux'
const place = placeForEachTest()

test('what was confirmed survives the death of the server itself', async () => {
  madeBefore(place.dir)
  const first = await start(place.dir)
  await ask(first, 'CREATE TABLE kept AS SELECT 1 AS id')
  await kill(first.pid, 'SIGKILL')
  await expect.poll(() => place.said).toContain('The database ended by itself')
  const second = await start(place.dir)
  expect(second.adopted).toBe(false)
  expect(await ask(second, 'SELECT id FROM kept')).toEqual([{ id: 1 }])
})

test.runIf(onLinux).each(['in time', 'never'])('a backend that outlives its server and goes away %s', async (when) => {
  madeBefore(place.dir)
  const first = await start(place.dir)
  const client = new Client({ ...first.connection, ssl: false })
  client.on('error', () => {})
  await client.connect()
  const { rows } = await client.query('SELECT pg_backend_pid() AS pid')
  const backend = Number(rows[0].pid)
  await kill(backend, 'SIGSTOP')
  await kill(first.pid, 'SIGKILL')
  if (when === 'never') {
    const refusal = start(place.dir, { clock: hurried() })
    await expect(refusal).rejects.toThrow(`its processes ${backend} still work on it: end them and start again.`)
    await kill(backend, 'SIGKILL')
  } else {
    let isUp = false
    const second = start(place.dir).finally(() => {
      isUp = true
    })
    await systemClock.sleep(300)
    expect({ isUp, working: processesIn(place.dir) }).toEqual({ isUp: false, working: [backend] })
    await kill(backend, 'SIGCONT')
    expect((await second).adopted).toBe(false)
  }
  await client.end()
})

test.runIf(onLinux).each(['a stranger', 'a postgres of another place', 'a zombie'])(
  'a lock file whose pid is %s',
  async (whose) => {
    madeBefore(place.dir)
    const pid = await pidOf(whose)
    writeFileSync(
      join(place.dir, 'postmaster.pid'),
      `${pid}\n${place.dir}\n1700000000\n5432\n${place.dir}\n\n  1234567         0\nready   \n`,
    )
    writeFileSync(join(place.dir, '.s.PGSQL.5432.lock'), `${pid}\n${place.dir}\n1700000000\n5432\n${place.dir}\n`)
    const server = await start(place.dir)
    expect(server.adopted).toBe(false)
    expect(server.pid).not.toBe(pid)
  },
)

async function pidOf(whose: string): Promise<number> {
  if (whose === 'a stranger') return (await run('sleep', ['60'])).pid ?? 0
  // Not below `place.home`, where programs might not be allowed to run.
  const elsewhere = mkdtempSync(join(tmpdir(), 'elsewhere-'))
  const program = join(elsewhere, 'postgres')
  copyFileSync('/bin/sleep', program)
  const pid =
    whose === 'a zombie' ? await zombieOf(program) : ((await run(program, ['60'], { cwd: elsewhere })).pid ?? 0)
  rmSync(elsewhere, { recursive: true })
  return pid
}

/** The shell starts a child that ends at once, then becomes a program that never asks after it. */
async function zombieOf(program: string): Promise<number> {
  const parent = await run('sh', ['-c', `${program} 0 & echo $!; exec sleep 60`])
  const pid = Number(await firstOutput(parent))
  await expect.poll(() => lookUpProcess(pid)?.zombie).toBe(true)
  return pid
}

test('a lock file left empty by a power cut', async () => {
  madeBefore(place.dir)
  writeFileSync(join(place.dir, 'postmaster.pid'), '')
  expect((await start(place.dir, { clock: hurried() })).adopted).toBe(false)
})

test('a copy of a running directory gets a server of its own', async () => {
  madeBefore(place.dir)
  const original = await start(place.dir)
  await ask(original, 'CREATE TABLE kept AS SELECT 1 AS id')
  await ask(original, 'CHECKPOINT')
  const copyDir = join(place.home, 'copy')
  await once(await run('cp', ['-a', place.dir, copyDir]), 'exit')
  expect(existsSync(join(copyDir, 'postmaster.pid'))).toBe(true)
  expect(await askServer(original.connection, copyDir)).toBe('elsewhere')
  const copy = await start(copyDir)
  expect(copy).toMatchObject({ adopted: false, connection: { host: copyDir } })
  await ask(original, 'INSERT INTO kept VALUES (2)')
  expect(await ask(copy, 'SELECT id FROM kept')).toEqual([{ id: 1 }])
  await original.stop()
  expect(await ask(copy, 'SELECT id FROM kept')).toEqual([{ id: 1 }])
})

test('a restored directory with loose permissions is tightened', async () => {
  madeBefore(place.dir)
  chmodSync(place.dir, 0o755)
  await start(place.dir)
  expect(statSync(place.dir).mode & 0o777).toBe(0o700)
})

test.runIf(onLinux)('a directory moved under a running server keeps it', async () => {
  madeBefore(place.dir)
  const before = await startElsewhere(place.dir)
  await before.kill()
  renameSync(place.dir, join(place.home, 'moved'))
  place.dir = join(place.home, 'moved')
  expect(await start(place.dir)).toMatchObject({ adopted: true, pid: before.pid, connection: { host: place.dir } })
})

test.runIf(onLinux)('a server that lost its socket is replaced', async () => {
  madeBefore(place.dir)
  const before = await startElsewhere(place.dir)
  await before.kill()
  rmSync(join(place.dir, '.s.PGSQL.5432'))
  const after = await start(place.dir, { clock: hurried() })
  expect(after.adopted).toBe(false)
  expect(lookUpLiving(before.pid)).toBeNull()
  expect(place.said).toContain('The database left running cannot be reached; it is stopped and started again')
})

test('a path too long for a socket has it in a short private directory, where it is found again', async () => {
  place.dir = join(place.home, 'long-'.repeat(20), 'postgres')
  mkdirSync(join(place.dir, '..'))
  madeBefore(place.dir)
  const owner = await startElsewhere(place.dir)
  const { host } = owner.connection
  expect(join(host, '.s.PGSQL.5432').length).toBeLessThan(104)
  expect(statSync(host).mode & 0o777).toBe(0o700)
  await owner.kill()
  const heir = await start(place.dir)
  expect(heir).toMatchObject({ adopted: true, pid: owner.pid, connection: { host } })
  await heir.stop()
  expect(existsSync(host)).toBe(false)
  mkdirSync(host, { mode: 0o755 })
  await expect(start(place.dir)).rejects.toThrow(`${host} is not a private directory of the database's user`)
  rmSync(host, { recursive: true })
})

test('a damaged cluster is told at once, in the words of Postgres', async () => {
  madeBefore(place.dir)
  truncateSync(join(place.dir, 'global', 'pg_control'), 100)
  await expect(start(place.dir)).rejects.toThrow(/^PostgreSQL ended at its start with \w+: .*pg_control/)
})

test('what a crashed first start left behind is removed', async () => {
  const gone = await run('true', [])
  await once(gone, 'exit')
  mkdirSync(`${place.dir}.new-${gone.pid}-abcdef`)
  mkdirSync(`${place.dir}.new-${process.pid}-abcdef`)
  await start(place.dir)
  expect(readdirSync(place.home).sort()).toEqual(['postgres', `postgres.new-${process.pid}-abcdef`])
})
