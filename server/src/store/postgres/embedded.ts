/** Starts the PostgreSQL that comes with the gateway, or takes over the one that a killed gateway has left running. */
import { existsSync, realpathSync, rmdirSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import { isCode } from '../../lib/processes.ts'
import { StartRefused } from '../../lib/start-refused.ts'
import { type Binaries, findBinaries } from './binaries.ts'
import { clusterMajor, createCluster, prepareSocketDir, repairAccess, socketDirOf } from './cluster.ts'
import { chooseGuise, type Guise, refuseForeign } from './guise.ts'
import { clearLock, clearSocket, judge, type Lock, processesIn, readLock, type Verdict } from './lock.ts'
import { identify, launch, type Postmaster, recoveryMsMax, stopPostmaster } from './postmaster.ts'
import { type Answer, ask, type Connection, connectionTo } from './reach.ts'

export interface EmbeddedPostgres {
  connection: Connection
  /** True when the server was already running. */
  adopted: boolean
  pid: number
  stop(): Promise<void>
}

export interface EmbeddedOptions {
  dir: string
  log: Log
  clock: Clock
  onProgress?: (what: string) => void
  /** The programs to use instead of those that came with npm or the system. */
  binDir?: string
  /** The program that makes user namespaces, by which root runs Postgres. */
  unshare?: string
}

/** How long a server that holds the directory may be silent, and backends may outlive their server. */
const silenceMsMax = 5_000
const pollMs = 20

interface Start {
  dir: string
  socketDir: string
  clock: Clock
  log: Log
  onProgress: (what: string) => void
}

interface Running {
  connection: Connection
  server: Postmaster
}

export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const { log, clock, onProgress = () => {}, binDir, unshare = 'unshare' } = options
  const dir = await settle(options.dir)
  const start: Start = { dir, socketDir: socketDirOf(dir), clock, log, onProgress }
  refuseForeign(dir)
  const left = await adopt(start)
  if (left) return takeOver(start, left)
  const guise = chooseGuise(dir, unshare)
  const major = clusterMajor(dir)
  const spareLibDir = join(dirname(dir), 'postgres-lib')
  const binaries = findBinaries({ guise, major, cluster: dir, spareLibDir, binDir })
  if (major === null) {
    onProgress('creating the database')
    await createCluster(dir, binaries, guise)
  }
  repairAccess(dir, guise)
  if (start.socketDir !== dir) prepareSocketDir(start.socketDir, guise)
  return bringUp(start, binaries, guise)
}

/** The one true path, so that two ways to the same directory share a socket. */
async function settle(given: string): Promise<string> {
  const path = resolve(given)
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  return existsSync(path) ? realpathSync(path) : join(realpathSync(dirname(path)), basename(path))
}

/** Two that start together both come out here with the same server: one launches it, the other adopts it. */
async function bringUp(start: Start, binaries: Binaries, guise: Guise): Promise<EmbeddedPostgres> {
  const { dir, socketDir, clock, log, onProgress } = start
  const connection = connectionTo(socketDir)
  const deadline = clock.monotonic() + silenceMsMax
  while (clock.monotonic() < deadline) {
    await clearTheWay(start)
    const launched = await launch({ dir, connection, binaries, guise, clock, log, onProgress })
    if (launched) {
      const { server, child } = launched
      const stop = stopOnce(start, server)
      log.info({ pid: server.pid, version: binaries.version, runsAs: guise.kind }, 'The database is ready')
      child.once('exit', (code, signal) => {
        if (!stop.called()) log.error({ pid: server.pid, code, signal }, 'The database ended by itself')
      })
      return { connection, pid: server.pid, adopted: false, stop }
    }
    const other = await adopt(start)
    if (other) return takeOver(start, other)
    await clock.sleep(pollMs)
  }
  throw new StartRefused(`Another PostgreSQL holds ${dir} and does not let go: see ${join(dir, 'postgres.log')}.`)
}

function takeOver(start: Start, { connection, server }: Running): EmbeddedPostgres {
  start.log.info({ pid: server.pid }, 'The database was already running and is taken over')
  return { connection, pid: server.pid, adopted: true, stop: stopOnce(start, server) }
}

/** The server that already works on the directory, once it is ready; null when none does. */
async function adopt(start: Start): Promise<Running | null> {
  const { dir, clock, onProgress } = start
  const began = clock.monotonic()
  let heardAt = began
  for (;;) {
    const lock = readLock(dir)
    if (lock === null) return null
    const verdict = judge(lock, dir)
    if (verdict === 'gone' || verdict === 'stale') return null
    const { answer, connection } = await askAll(lock, start)
    if (answer === 'serves' && lock.pid !== null) return { connection, server: identify(lock.pid) }
    if (answer === 'elsewhere' && verdict === 'unsure') {
      // The server that the lock names works on the directory that this one was copied from.
      clearLock(dir, lock)
      return null
    }
    if (answer === 'busy') {
      if (heardAt === began) onProgress('waiting for the database')
      heardAt = clock.monotonic()
    }
    const silentMs = clock.monotonic() - heardAt
    if (silentMs > silenceMsMax) return endSilent(lock, verdict, start)
    if (clock.monotonic() - began > recoveryMsMax)
      throw new StartRefused(`PostgreSQL (pid ${lock.pid}) on ${dir} does not get ready.`)
    await clock.sleep(pollMs)
  }
}

/** The socket is where the lock file says, unless the directory was moved since. */
async function askAll(lock: Lock, { dir, socketDir }: Start): Promise<{ answer: Answer; connection: Connection }> {
  const recorded = lock.socketDir?.startsWith('/proc/self/') ? dir : lock.socketDir
  let answer: Answer = 'silent'
  for (const host of new Set([recorded ?? socketDir, socketDir])) {
    const connection = connectionTo(host)
    const heard = await ask(connection, dir)
    if (heard === 'serves' || heard === 'busy') return { answer: heard, connection }
    answer = heard
  }
  return { answer, connection: connectionTo(socketDir) }
}

/** A server that is surely ours but cannot be reached, for instance because its socket was swept from /tmp, makes room for a new one. */
async function endSilent(lock: Lock, verdict: Verdict, { dir, clock, log }: Start): Promise<null> {
  if (lock.pid === null) {
    // A power cut can leave an empty lock file, and no one has filled it in all this time.
    clearLock(dir, lock)
    return null
  }
  if (verdict !== 'ours') {
    throw new StartRefused(
      `Process ${lock.pid} seems to hold ${dir} but does not answer: if it is not its PostgreSQL, delete ${join(dir, 'postmaster.pid')}.`,
    )
  }
  log.warn({ pid: lock.pid }, 'The database left running cannot be reached; it is stopped and started again')
  await stopPostmaster(identify(lock.pid), { clock, log })
  return null
}

async function clearTheWay({ dir, socketDir, clock }: Start): Promise<void> {
  clearSocket(socketDir, dir)
  const lock = readLock(dir)
  if (lock === null) return
  const verdict = judge(lock, dir)
  if (verdict !== 'gone' && verdict !== 'stale') return
  const deadline = clock.monotonic() + silenceMsMax
  for (let left = processesIn(dir); left.length > 0; left = processesIn(dir)) {
    if (clock.monotonic() > deadline) {
      throw new StartRefused(
        `The server of ${dir} died but its processes ${left.join(', ')} still work on it: end them and start again.`,
      )
    }
    await clock.sleep(pollMs)
  }
  if (verdict === 'stale') clearLock(dir, lock)
}

interface Stop {
  (): Promise<void>
  called(): boolean
}

function stopOnce(start: Start, server: Postmaster): Stop {
  let stopped: Promise<void> | null = null
  const stop = () => {
    stopped ??= stopPostmaster(server, start).then(() => removeSocketDir(start))
    return stopped
  }
  return Object.assign(stop, { called: () => stopped !== null })
}

function removeSocketDir({ dir, socketDir }: Start): void {
  if (socketDir === dir) return
  try {
    rmdirSync(socketDir)
  } catch (error) {
    // Not empty after an immediate stop, and then the next start tidies it up.
    if (!isCode(error, 'ENOTEMPTY') && !isCode(error, 'ENOENT')) throw error
  }
}
