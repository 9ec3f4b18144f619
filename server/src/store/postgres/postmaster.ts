/** The server's process: spawned so that it outlives the gateway, watched until it is ready, stopped without haste but surely. */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, fstatSync, openSync, readSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import { isCode, lookUpLiving } from '../../lib/processes.ts'
import { StartRefused } from '../../lib/start-refused.ts'
import type { Binaries } from './binaries.ts'
import { lastLines, serverArguments } from './cluster.ts'
import type { Guise } from './guise.ts'
import { readLock } from './lock.ts'
import { ask, type Connection } from './reach.ts'

const logBytesMax = 1_000_000
const pollMs = 5
/** Recovery replays at most `max_wal_size`; a disk that takes longer than this for it needs its owner. */
export const recoveryMsMax = 600_000

export interface Launch {
  dir: string
  connection: Connection
  binaries: Binaries
  guise: Guise
  clock: Clock
  log: Log
  onProgress: (what: string) => void
}

export interface Launched {
  server: Postmaster
  child: ChildProcess
}

/** Null when another server holds the directory, which then is to be adopted or waited for. */
export async function launch(options: Launch): Promise<Launched | null> {
  const output = openOutput(options.dir)
  const child = spawnServer(options, output)
  try {
    const server = await untilReady(options, child)
    return server ? { server, child } : explainEnd(child, output)
  } catch (error) {
    if (child.pid !== undefined && !hasEnded(child)) await stopPostmaster(identify(child.pid), options)
    throw error
  }
}

/** Null when the process ended before it was ready. */
async function untilReady(
  { dir, connection, clock, onProgress }: Launch,
  child: ChildProcess,
): Promise<Postmaster | null> {
  const began = clock.monotonic()
  let told = false
  while (!hasEnded(child)) {
    const lock = readLock(dir)
    if (lock?.ready && lock.pid === child.pid && (await ask(connection, dir)) === 'serves') return identify(lock.pid)
    const waitedMs = clock.monotonic() - began
    if (waitedMs > recoveryMsMax)
      throw new StartRefused(`PostgreSQL on ${dir} is not ready after ${recoveryMsMax / 60_000} minutes.`)
    if (waitedMs > 1_000 && !told) {
      told = true
      onProgress('recovering the database')
    }
    await clock.sleep(pollMs)
  }
  return null
}

function spawnServer({ dir, connection, binaries, guise }: Launch, output: Output): ChildProcess {
  const server = [join(binaries.binDir, 'postgres'), ...serverArguments(dir, connection.host, guise, binaries.major)]
  const [file = '', ...args] = [...guise.wrap, ...server]
  const { uid, gid } = guise
  // Detached: Ctrl-C goes to the whole foreground group and would stop the database before the gateway has drained.
  const child = spawn(file, args, {
    cwd: dir,
    env: binaries.env,
    uid,
    gid,
    detached: true,
    stdio: ['ignore', output.fd, output.fd],
  })
  child.on('error', (error) => output.note(`${error.message}\n`))
  child.unref()
  closeSync(output.fd)
  return child
}

function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null
}

function explainEnd(child: ChildProcess, output: Output): null {
  const said = output.said()
  if (/lock file|shared memory block|another (postmaster|server)/i.test(said)) return null
  throw new StartRefused(`PostgreSQL ended at its start with ${child.exitCode ?? child.signalCode}: ${lastLines(said)}`)
}

interface Output {
  fd: number
  note(text: string): void
  said(): string
}

/** A file, because a pipe would break when the gateway is killed and the database lives on. */
function openOutput(dir: string): Output {
  const file = join(dir, 'postgres.log')
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) > logBytesMax) renameSync(file, `${file}.1`)
  const fd = openSync(file, 'a', 0o600)
  const from = fstatSync(fd).size
  let noted = ''
  return {
    fd,
    note: (text) => {
      noted += text
    },
    said: () => noted + readFrom(file, from),
  }
}

function readFrom(file: string, from: number): string {
  const fd = openSync(file, 'r')
  try {
    const buffer = Buffer.alloc(16_384)
    return buffer.toString('utf8', 0, readSync(fd, buffer, 0, buffer.length, from))
  } finally {
    closeSync(fd)
  }
}

/** A pid with the moment its process began, so that no signal ever reaches a stranger that got the same pid. */
export interface Postmaster {
  pid: number
  startedAt: string | null
}

export function identify(pid: number): Postmaster {
  return { pid, startedAt: lookUpLiving(pid)?.startedAt ?? null }
}

/** Fast: transactions are cut off, a checkpoint is written. Immediate: the next start recovers; nothing committed is lost. */
const steps = [
  { signal: 'SIGINT', manner: 'fast', limitMs: 7_000 },
  { signal: 'SIGQUIT', manner: 'immediate', limitMs: 10_000 },
] as const

export async function stopPostmaster(
  { pid, startedAt }: Postmaster,
  { clock, log }: { clock: Clock; log: Log },
): Promise<void> {
  const lives = () => startedAt !== null && lookUpLiving(pid)?.startedAt === startedAt
  for (const { signal, manner, limitMs } of steps) {
    if (!lives()) return
    if (manner === 'immediate')
      log.warn({ pid }, 'The database did not shut down in time; it is stopped at once and will recover')
    send(pid, signal)
    const deadline = clock.monotonic() + limitMs
    while (lives() && clock.monotonic() < deadline) await clock.sleep(pollMs)
  }
  if (lives()) throw new Error(`PostgreSQL (pid ${pid}) does not end`)
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (!isCode(error, 'ESRCH')) throw error
  }
}
