/** The database cluster on disk: made whole or not at all, and the settings its server runs with. */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { isCode, lookUpLiving } from '../../lib/processes.ts'
import { StartRefused } from '../../lib/start-refused.ts'
import type { Binaries } from './binaries.ts'
import { type Guise, handOver } from './guise.ts'

export const superuser = 'postgres'
export const port = 5432
const socketName = `.s.PGSQL.${port}`

/** Null when nothing was made here yet. */
export function clusterMajor(dir: string): number | null {
  const versionFile = join(dir, 'PG_VERSION')
  if (existsSync(versionFile)) return Number.parseInt(readFileSync(versionFile, 'utf8'), 10)
  if (existsSync(dir) && readdirSync(dir).length > 0) {
    throw new StartRefused(`${dir} holds files but no PostgreSQL database: move them away, or choose another DATA_DIR.`)
  }
  return null
}

/** initdb works in a directory beside, so that a crash in the middle leaves no half-made database behind. */
export async function createCluster(dir: string, binaries: Binaries, guise: Guise): Promise<void> {
  mkdirSync(dirname(dir), { recursive: true, mode: 0o700 })
  removeAbandoned(dir)
  const draft = mkdtempSync(`${dir}.new-${process.pid}-`)
  try {
    handOver(draft, guise)
    await runInitdb(draft, binaries, guise)
    renameSync(draft, dir)
  } catch (error) {
    // Another gateway was faster, and its database is as good as ours.
    if (!isCode(error, 'ENOTEMPTY') && !isCode(error, 'EEXIST')) throw error
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
  const folder = openSync(dirname(dir), 'r')
  fsyncSync(folder)
  closeSync(folder)
}

async function runInitdb(draft: string, binaries: Binaries, guise: Guise): Promise<void> {
  const access = ['-U', superuser, '--auth-local=trust', '--auth-host=reject']
  const options = [...access, '--no-locale', '-E', 'UTF8', '--data-checksums', '--no-instructions']
  const [file = '', ...args] = [...guise.wrap, join(binaries.binDir, 'initdb'), '-D', seenAs(draft, guise), ...options]
  const { uid, gid } = guise
  const child = spawn(file, args, { cwd: draft, env: binaries.env, uid, gid, stdio: ['ignore', 'ignore', 'pipe'] })
  const ended = new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve))
  const [complaint, code] = await Promise.all([text(child.stderr), ended])
  if (code !== 0) throw new StartRefused(`initdb of PostgreSQL ${binaries.version} failed: ${lastLines(complaint)}`)
}

export function lastLines(output: string): string {
  return output.trim().split('\n').slice(-3).join(' / ') || 'it said nothing'
}

function removeAbandoned(dir: string): void {
  const prefix = `${basename(dir)}.new-`
  for (const name of readdirSync(dirname(dir)).filter((one) => one.startsWith(prefix))) {
    const maker = Number.parseInt(name.slice(prefix.length), 10)
    if (!lookUpLiving(maker)) rmSync(join(dirname(dir), name), { recursive: true, force: true })
  }
}

/**
 * How the server names its own directory. Another user may not pass through the folders above it, such as a home of mode
 * 0700, but a process always reaches the directory it was started in: nothing has to be moved and no mode changed.
 */
function seenAs(dir: string, guise: Guise): string {
  return guise.kind === 'other-user' && process.platform === 'linux' ? '/proc/self/cwd' : dir
}

// sun_path holds 104 bytes on macOS and 108 on Linux, the closing zero included.
const socketPathBytesMax = 103

/** The cluster's own directory, or a short one derived from its name where that would be too long for a socket. */
export function socketDirOf(dir: string): string {
  if (Buffer.byteLength(join(dir, socketName)) <= socketPathBytesMax) return dir
  const key = createHash('sha256').update(dir).digest('hex').slice(0, 16)
  return join(tmpdir(), `switchboard-${key}`)
}

export function prepareSocketDir(socketDir: string, guise: Guise): void {
  try {
    mkdirSync(socketDir, { mode: 0o700 })
    if (guise.uid !== undefined && guise.gid !== undefined) chownSync(socketDir, guise.uid, guise.gid)
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error
  }
  // The name can be guessed and the folder above is open to all, so it might be somebody else's trap.
  const stats = lstatSync(socketDir)
  if (!stats.isDirectory() || stats.uid !== (guise.uid ?? process.getuid?.()) || (stats.mode & 0o077) !== 0) {
    throw new StartRefused(
      `${socketDir} is not a private directory of the database's user: remove it, or choose a shorter DATA_DIR.`,
    )
  }
}

/** A copied or restored directory often has lost its owner or mode, and Postgres refuses both. */
export function repairAccess(dir: string, guise: Guise): void {
  handOver(dir, guise)
  if ((lstatSync(dir).mode & 0o027) !== 0) chmodSync(dir, 0o700)
}

export function serverArguments(dir: string, socketDir: string, guise: Guise, major: number): string[] {
  const settings = {
    ...serverSettings,
    ...(major >= 18 ? settingsSince18 : {}),
    unix_socket_directories: socketDir === dir ? seenAs(dir, guise) : socketDir,
    port: String(port),
  }
  return ['-D', seenAs(dir, guise), ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])]
}

const serverSettings = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  fsync: 'on',
  full_page_writes: 'on',
  synchronous_commit: 'on',
  max_wal_size: '2GB',
  shared_buffers: '128MB',
  // Planning costs of a solid-state disk; compiling queries and spreading them over processes only pays for long ones.
  random_page_cost: '1.1',
  jit: 'off',
  max_parallel_workers_per_gather: '0',
  max_logical_replication_workers: '0',
  // systemd removes a user's POSIX shared memory when he logs out (RemoveIPC), and containers give it 64 MB; files are safe from both.
  dynamic_shared_memory_type: 'mmap',
  timezone: 'UTC',
  log_timezone: 'UTC',
  // `log` is above `error`: statements that fail, which the gateway hears of anyway, would put customers' data into the file.
  log_min_messages: 'log',
  log_checkpoints: 'off',
  logging_collector: 'off',
  log_destination: 'stderr',
}

// Its three workers read ahead for large scans, which the gateway never makes.
const settingsSince18 = { io_method: 'sync' }
