/** The data directory on a real disk: one holder at a time, keys that stay, files that are whole or not there. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openDataDir, type SandboxInfo } from './data-dir.ts'

let dir: string
beforeEach(() => {
  dir = join(mkdtempSync(join(tmpdir(), 'data-dir-')), 'data')
})
afterEach(() => rmSync(join(dir, '..'), { recursive: true }))

const inDir = (name: string) => join(dir, name)
const mode = (path: string) => statSync(path).mode & 0o777

const sandbox: SandboxInfo = {
  url: 'http://127.0.0.1:7090',
  apiKey: 'tb_one',
  adminKey: 'adm_one',
  line: '+15550100100',
  webhookSecret: null,
  networks: null,
  whatsbridgeToken: null,
}

/** Opens the directory in a process of its own and keeps it until killed. */
async function holdElsewhere() {
  const module = new URL('./data-dir.ts', import.meta.url).href
  const script = `const { openDataDir } = await import(${JSON.stringify(module)})
    await openDataDir(${JSON.stringify(dir)}).then(() => process.stdout.write('held'), (error) => process.stdout.write(error.message))
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [said] = (await once(child.stdout, 'data')) as [Buffer]
  const kill = async () => {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  return { pid: child.pid ?? 0, said: said.toString(), kill }
}

test('makes a directory that only its owner can read, keys included', async () => {
  const data = await openDataDir(dir)
  expect([mode(dir), mode(inDir('keys.json')), mode(inDir('gateway.pid'))]).toEqual([0o700, 0o600, 0o600])
  expect(data.keys.adminKey).toMatch(/^adm_[0-9A-Za-z]{43}$/)
  expect(Buffer.from(data.keys.masterKey, 'base64')).toHaveLength(32)
  expect(JSON.parse(readFileSync(inDir('keys.json'), 'utf8'))).toEqual(data.keys)
  await data.release()
})

test('keeps the keys from one start to the next', async () => {
  const first = await openDataDir(dir)
  await first.release()
  const second = await openDataDir(dir)
  expect(second.keys).toEqual(first.keys)
  await second.release()
})

test('keys from the settings win, are not written down and do not change what was generated', async () => {
  const given = { adminKey: 'given-admin-key', masterKey: 'given-master-key' }
  const first = await openDataDir(dir, given)
  expect(first.keys).toEqual(given)
  expect(existsSync(inDir('keys.json'))).toBe(false)
  await first.release()
  const half = await openDataDir(dir, { adminKey: given.adminKey })
  expect(Object.keys(JSON.parse(readFileSync(inDir('keys.json'), 'utf8')))).toEqual(['masterKey'])
  await half.release()
  const without = await openDataDir(dir)
  expect(without.keys.masterKey).toBe(half.keys.masterKey)
  expect(without.keys.adminKey).toMatch(/^adm_/)
  await without.release()
})

test.each(['', '{"adminKey": "adm_', '[]', '{"adminKey": 1, "masterKey": "x"}'])(
  'leaves keys it cannot read alone: %s',
  async (text) => {
    const data = await openDataDir(dir)
    await data.release()
    writeFileSync(inDir('keys.json'), text)
    await expect(openDataDir(dir)).rejects.toThrow(/keys\.json does not hold what the gateway wrote into it/)
    expect(readFileSync(inDir('keys.json'), 'utf8')).toBe(text)
    expect(existsSync(inDir('gateway.pid'))).toBe(false)
  },
)

test('a second gateway is told which process holds the directory', async () => {
  const holder = await holdElsewhere()
  await expect(openDataDir(dir)).rejects.toThrow(`Another gateway (pid ${holder.pid}) already uses ${dir}`)
  await holder.kill()
  const data = await openDataDir(dir)
  await data.release()
  expect(existsSync(inDir('gateway.pid'))).toBe(false)
})

test('of many that open it at once after a crash, one gets it', async () => {
  const crashed = await holdElsewhere()
  await crashed.kill()
  const rivals = await Promise.all(Array.from({ length: 6 }, () => holdElsewhere()))
  const winners = rivals.filter(({ said }) => said === 'held')
  expect(winners).toHaveLength(1)
  expect(rivals.filter(({ said }) => said.includes(`pid ${winners[0]?.pid}`))).toHaveLength(5)
  await Promise.all(rivals.map(({ kill }) => kill()))
})

test('a lock whose pid now belongs to another process is taken over', async () => {
  const data = await openDataDir(dir)
  await data.release()
  writeFileSync(inDir('gateway.pid'), `${process.ppid}\nanother-boot:12345\n`)
  const next = await openDataDir(dir)
  expect(readFileSync(inDir('gateway.pid'), 'utf8')).toMatch(new RegExp(`^${process.pid}\\n`))
  await next.release()
})

test('a lock torn by a power cut is taken over', async () => {
  const data = await openDataDir(dir)
  await data.release()
  writeFileSync(inDir('gateway.pid'), '')
  const next = await openDataDir(dir)
  await next.release()
})

test('release leaves alone a lock that has become another gateway’s', async () => {
  const data = await openDataDir(dir)
  writeFileSync(inDir('gateway.pid'), '1\nsomebody else\n')
  await data.release()
  expect(readFileSync(inDir('gateway.pid'), 'utf8')).toContain('somebody else')
})

test('sandbox.json is replaced as a whole, private, and read back', async () => {
  const data = await openDataDir(dir)
  expect(await data.readSandbox()).toBeNull()
  await data.writeSandbox(sandbox)
  await data.writeSandbox({ ...sandbox, apiKey: 'tb_two' })
  expect(mode(inDir('sandbox.json'))).toBe(0o600)
  expect(await data.readSandbox()).toEqual({ ...sandbox, apiKey: 'tb_two' })
  await data.release()
  expect(readdirSync(dir).sort()).toEqual(['keys.json', 'sandbox.json'])
})

test('a place where no directory can be made is told in one sentence', async () => {
  writeFileSync(join(dir, '..', 'file'), '')
  const impossible = join(dir, '..', 'file', 'data')
  await expect(openDataDir(impossible)).rejects.toThrow(
    new RegExp(`^${impossible} cannot be used as the data directory .*\\.$`),
  )
})
