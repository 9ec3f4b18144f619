/** One embedded PostgreSQL after another for the tests of its supervisor, each in a directory of its own, none left running. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, cpSync, existsSync, mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest'
import { type Clock, systemClock } from '../../src/lib/clock.ts'
import { lookUpLiving } from '../../src/lib/processes.ts'
import {
  type EmbeddedOptions,
  type EmbeddedPostgres,
  startEmbeddedPostgres,
} from '../../src/store/postgres/embedded.ts'
import { processesIn } from '../../src/store/postgres/lock.ts'

export interface Place {
  /** A directory of mode 0700 that the test may fill. */
  home: string
  dir: string
  /** What was logged. */
  said: string[]
}

const template = { home: '' }
const started: EmbeddedPostgres[] = []
const children: ChildProcess[] = []
const said: string[] = []

export const log = {
  info: (_: object, message: string) => void said.push(message),
  warn: (_: object, message: string) => void said.push(message),
  error: (_: object, message: string) => void said.push(message),
}

/** To be called once per test file; what it returns is new for each test. */
export function placeForEachTest(): Place {
  const place: Place = { home: '', dir: '', said }
  beforeAll(async () => {
    template.home = mkdtempSync(join(quickFolder(), 'embedded-template-'))
    const first = await startEmbeddedPostgres({ dir: join(template.home, 'postgres'), log, clock: systemClock })
    await first.stop()
  })
  afterAll(() => rmSync(template.home, { recursive: true }))
  beforeEach(() => {
    place.home = mkdtempSync(join(quickFolder(), 'embedded-'))
    chmodSync(place.home, 0o700)
    place.dir = join(place.home, 'postgres')
    said.length = 0
  })
  afterEach(async () => {
    for (const child of children.splice(0)) await end(child)
    for (const one of started.splice(0)) await one.stop()
    const left = processesIn(place.dir)
    for (const pid of left) process.kill(pid, 'SIGKILL')
    expect(left).toEqual([])
    rmSync(place.home, { recursive: true })
  })
  return place
}

/** Memory where there is plenty of it: copying clusters and syncing the copies to a disk took half the time of these tests. */
function quickFolder(): string {
  const memory = '/dev/shm'
  if (!existsSync(memory)) return tmpdir()
  const { bavail, bsize } = statfsSync(memory)
  return bavail * bsize > 2e9 ? memory : tmpdir()
}

/** A cluster that has run before and was stopped. */
export function madeBefore(dir: string): void {
  cpSync(join(template.home, 'postgres'), dir, { recursive: true })
}

export async function start(dir: string, options: Partial<EmbeddedOptions> = {}): Promise<EmbeddedPostgres> {
  const one = await startEmbeddedPostgres({ dir, log, clock: systemClock, ...options })
  started.push(one)
  return one
}

/** A gateway of its own, which can be killed. */
export async function startElsewhere(
  dir: string,
  options: { env?: Record<string, string>; uid?: number; gid?: number; args?: object } = {},
) {
  const { env = {}, uid, gid, args = {} } = options
  const at = (path: string) => JSON.stringify(new URL(path, import.meta.url).href)
  const script = `const { startEmbeddedPostgres } = await import(${at('../../src/store/postgres/embedded.ts')})
    const { systemClock: clock } = await import(${at('../../src/lib/clock.ts')})
    const log = { info() {}, warn() {}, error() {} }
    const options = { dir: ${JSON.stringify(dir)}, log, clock, ...${JSON.stringify(args)} }
    const server = await startEmbeddedPostgres(options).catch((error) => {
      process.stdout.write(error.message)
      process.exit(1)
    })
    process.on('SIGTERM', () => server.stop().then(() => process.exit(0)))
    process.stdout.write(JSON.stringify(server))
    setInterval(() => {}, 1000)`
  const owner = await run(process.execPath, ['--input-type=module', '-e', script], {
    env: { ...process.env, ...env },
    uid,
    gid,
    cwd: '/',
  })
  const output = await firstOutput(owner)
  if (!output.startsWith('{')) throw new Error(output)
  const server = JSON.parse(output) as Omit<EmbeddedPostgres, 'stop'>
  const endWith = async (signal: NodeJS.Signals) => {
    owner.kill(signal)
    await once(owner, 'exit')
  }
  return { ...server, kill: () => endWith('SIGKILL'), stop: () => endWith('SIGTERM') }
}

export async function run(program: string, args: string[], options = {}): Promise<ChildProcess> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'], ...options })
  children.push(child)
  await once(child, 'spawn')
  return child
}

export async function firstOutput(child: ChildProcess): Promise<string> {
  const [output] = (await Promise.race([once(child.stdout ?? child, 'data'), once(child, 'exit')])) as unknown[]
  if (!(output instanceof Buffer)) throw new Error(`the process ended with ${output} before it said anything`)
  return output.toString()
}

export async function ask(
  { connection }: Pick<EmbeddedPostgres, 'connection'>,
  sql: string,
): Promise<Record<string, unknown>[]> {
  const client = new Client({ ...connection, ssl: false })
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

export async function kill(pid: number, signal: NodeJS.Signals): Promise<void> {
  process.kill(pid, signal)
  if (signal === 'SIGKILL') await expect.poll(() => lookUpLiving(pid), { interval: 2 }).toBeNull()
}

/** Time limits pass ten times as fast, while waiting is as long as ever, until it is told to calm down. */
export function hurried(): Clock & { calm(): void } {
  let pace = 10
  let offset = 0
  const monotonic = () => systemClock.monotonic() * pace + offset
  const calm = () => {
    offset = monotonic() - systemClock.monotonic()
    pace = 1
  }
  return { ...systemClock, monotonic, calm }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}
