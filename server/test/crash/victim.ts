/** A gateway process in the hands of its killer: started, killed and started again, its address always at hand. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Command, Orders, Report } from './orders.ts'

/** Shared by all runs: half of a start would otherwise go into compiling what the last one compiled. */
const compileCache = join(tmpdir(), 'switchboard-crash-compiled')
export const program = fileURLToPath(new URL('./gateway-process.ts', import.meta.url))

export const adminKey = 'adm_crash_0123456789abcdefghijklmnop'
export const masterKey = Buffer.alloc(32, 7).toString('base64')

export interface VictimOptions {
  /** Its data directory. */
  dir: string
  /** Null: the embedded PostgreSQL in its data directory. */
  databaseUrl: string | null
  orders: Orders
  /** Besides those that all have. */
  settings?: Readonly<Record<string, string>>
  /** Where a process comes from; a new one each time if not given. */
  take?: () => ChildProcess
}

export interface Victim {
  /** Null while it is not there. */
  url(): string | null
  pid(): number | null
  /** Resolves once it serves, with how long that took; false when it died on the way. */
  start(orders?: Partial<Orders>): Promise<number | false>
  kill(signal: NodeJS.Signals): Promise<void>
  /** Only a signal; does not wait. */
  signal(signal: NodeJS.Signals): void
  /** Resolves when the process that runs now has ended. */
  ended(): Promise<void>
  counts(): Promise<Record<string, number>>
  /** Stops the gateway in an orderly way and leaves its process waiting. */
  rest(): Promise<void>
  /** The same, and the process ends. */
  stop(): Promise<void>
}

export function createVictim(options: VictimOptions): Victim {
  const take = options.take ?? (() => spawnGateway(logOf(options.dir)))
  let child: ChildProcess | null = null
  let url: string | null = null

  const forget = () => {
    url = null
  }

  async function kill(signal: NodeJS.Signals): Promise<void> {
    const living = child
    if (living === null || hasEnded(living)) return
    url = null
    const gone = once(living, 'exit')
    living.kill(signal)
    await gone
  }

  async function rest(): Promise<void> {
    if (child === null || hasEnded(child)) return
    url = null
    child.off('exit', forget)
    await told(child, { do: 'stop' })
  }

  return {
    url: () => url,
    pid: () => child?.pid ?? null,
    async start(orders = {}) {
      const startedAt = performance.now()
      const fresh = take()
      child = fresh
      fresh.once('exit', forget)
      const command = {
        do: 'start' as const,
        settings: settingsOf(options, options.settings),
        orders: { ...options.orders, ...orders },
      }
      const report = await told(fresh, command)
      if (report === null || !('ready' in report)) return false
      if (!hasEnded(fresh)) url = report.ready
      return performance.now() - startedAt
    },
    kill,
    signal: (signal) => void child?.kill(signal),
    async ended() {
      if (child !== null && !hasEnded(child)) await once(child, 'exit')
    },
    async counts() {
      const report = child === null ? null : await told(child, { do: 'count' })
      if (report === null || !('counts' in report)) throw new Error('There is no gateway to ask.')
      return report.counts
    },
    rest,
    async stop() {
      await rest()
      await kill('SIGKILL')
    },
  }
}

export function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

/** Boots and loads everything, and then waits to be told what to run. */
export function spawnGateway(log: string): ChildProcess {
  const output = openSync(log, 'a')
  const child = spawn(process.execPath, [program], {
    stdio: ['ignore', output, output, 'ipc'],
    env: { ...process.env, NODE_COMPILE_CACHE: compileCache },
  })
  closeSync(output)
  return child
}

export function logOf(dir: string): string {
  return `${dir}.log`
}

/** How often one of them ended of itself: the last thing that a process says which an error ends. */
export function fellIn(dir: string): number {
  return existsSync(logOf(dir)) ? (readFileSync(logOf(dir), 'utf8').match(/^Node\.js v\d/gm)?.length ?? 0) : 0
}

/** The end of what the gateways of this directory logged. */
export function saidIn(dir: string): string {
  return existsSync(logOf(dir)) ? readFileSync(logOf(dir), 'utf8').slice(-4_000) : ''
}

export function settingsOf(
  { dir, databaseUrl }: Pick<VictimOptions, 'dir' | 'databaseUrl'>,
  more: Readonly<Record<string, string>> = {},
): string[] {
  const settings: Record<string, string> = {
    ...{ port: '0', 'data-dir': dir, sandbox: 'off', 'admin-key': adminKey, 'master-key': masterKey },
    ...{ 'rate-limit-per-minute': '0', 'log-level': 'error', 'log-format': 'json' },
    ...(databaseUrl === null ? {} : { 'database-url': databaseUrl }),
    ...more,
  }
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])
}

/** Null when it died before it answered. */
export async function told(child: ChildProcess, command: Command): Promise<Report | null> {
  if (hasEnded(child)) return null
  const done = new AbortController()
  const { signal } = done
  try {
    const answer = once(child, 'message', { signal }).then(([report]) => report as Report)
    const death = once(child, 'exit', { signal }).then(() => null)
    answer.catch(() => {})
    death.catch(() => {})
    child.send(command, () => {})
    return await Promise.race([answer, death])
  } finally {
    done.abort()
  }
}

/** The embedded server's pid, from its lock file. */
export function postmasterOf(dir: string): number {
  return Number(readFileSync(join(dir, 'postgres', 'postmaster.pid'), 'utf8').split('\n', 1)[0])
}

/** A server that listens on a socket in a directory, as a setting names it. */
export function urlOf({ host, port, user }: { host: string; port: number; user: string }, database: string): string {
  return `postgresql:///${database}?host=${encodeURIComponent(host)}&port=${port}&user=${user}`
}
