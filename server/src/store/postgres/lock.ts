/** Reads Postgres' lock files and judges whether the server that wrote them still works on this directory. */
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { isCode, lookUpLiving, lookUpProcess } from '../../lib/processes.ts'
import { port } from './cluster.ts'

export interface Lock {
  text: string
  pid: number | null
  socketDir: string | null
  ready: boolean
}

/** `gone`: Postgres clears that away itself. `stale`: the pid is a zombie's or a stranger's, which Postgres cannot tell. */
export type Verdict = 'ours' | 'gone' | 'stale' | 'unsure'

/** `postmaster.pid`: pid, directory, start time, port, socket directory, address, shared memory key, status. */
export function readLock(dir: string): Lock | null {
  return parse(readIfPresent(join(dir, 'postmaster.pid')))
}

function parse(text: string | null): Lock | null {
  if (text === null) return null
  const lines = text.split('\n')
  const pid = Number.parseInt(lines[0] ?? '', 10)
  return { text, pid: pid > 0 ? pid : null, socketDir: lines[4] || null, ready: lines[7]?.trim() === 'ready' }
}

export function judge(lock: Lock, dir: string): Verdict {
  if (lock.pid === null) return 'unsure'
  const facts = lookUpProcess(lock.pid)
  if (facts === null) return 'gone'
  if (facts.zombie || !serverNames.includes(facts.command)) return 'stale'
  const here = worksIn(lock.pid, dir)
  if (here === null) return 'unsure'
  return here ? 'ours' : 'stale'
}

const serverNames = ['postgres', 'postmaster']

/** Server processes never leave their cluster's directory, which also tells a copy from its original. Null: not to be seen. */
function worksIn(pid: number, dir: string): boolean | null {
  if (process.platform !== 'linux') return null
  try {
    const there = statSync(`/proc/${pid}/cwd`)
    const here = statSync(dir)
    return there.dev === here.dev && there.ino === here.ino
  } catch (error) {
    if (isCode(error, 'ENOENT') || isCode(error, 'ESRCH')) return false
    // Root without CAP_SYS_PTRACE, as in a container, may not look at another user's process.
    if (isCode(error, 'EACCES') || isCode(error, 'EPERM')) return null
    throw error
  }
}

/** Backends outlive a killed server until they notice; a second server beside them would destroy the database. */
export function processesIn(dir: string): number[] {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && worksIn(pid, dir) === true)
    .filter((pid) => serverNames.includes(lookUpLiving(pid)?.command ?? ''))
}

/** Removes what Postgres would stumble over, unless it has changed since it was judged. */
export function clearLock(dir: string, judged: Lock): void {
  const file = join(dir, 'postmaster.pid')
  if (readIfPresent(file) === judged.text) rmSync(file, { force: true })
}

/** A copy or a restore brings the original's socket along, whose lock may name a living process that is not ours. */
export function clearSocket(socketDir: string, dir: string): void {
  const socket = join(socketDir, `.s.PGSQL.${port}`)
  const lock = parse(readIfPresent(`${socket}.lock`))
  if (lock === null || judge(lock, dir) !== 'stale') return
  rmSync(`${socket}.lock`, { force: true })
  rmSync(socket, { force: true })
}

function readIfPresent(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (isCode(error, 'ENOENT')) return null
    throw error
  }
}
