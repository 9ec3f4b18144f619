/** What has become of a process: whether a pid still runs, what runs under it and since when, so that a recycled pid is not trusted. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'

export interface ProcessFacts {
  /** A zombie has ended but still occupies its pid until its parent takes note. */
  zombie: boolean
  command: string
  /** Differs between two processes that had the same pid, also across reboots; only good for comparing. */
  startedAt: string
}

/** Null when no process has this pid. */
export function lookUpProcess(pid: number, platform: string = process.platform): ProcessFacts | null {
  return platform === 'linux' ? fromProc(pid) : fromPs(pid)
}

/** Null when the process has ended, zombies included. */
export function lookUpLiving(pid: number): ProcessFacts | null {
  const facts = lookUpProcess(pid)
  return facts && !facts.zombie ? facts : null
}

function fromProc(pid: number): ProcessFacts | null {
  const stat = readIfPresent(`/proc/${pid}/stat`)
  if (stat === null) return null
  // proc(5): "pid (comm) state ppid …"; comm may itself hold spaces and parentheses, so count from its last one.
  const open = stat.indexOf('(')
  const close = stat.lastIndexOf(')')
  const fields = stat.slice(close + 2).split(' ')
  return {
    zombie: fields[0] === 'Z' || fields[0] === 'X',
    command: stat.slice(open + 1, close),
    startedAt: `${bootId()}:${fields[19]}`,
  }
}

function fromPs(pid: number): ProcessFacts | null {
  const options = { encoding: 'utf8', env: { LC_ALL: 'C', TZ: 'UTC', PATH: '/bin:/usr/bin' } } as const
  const answer = spawnSync('ps', ['-o', 'stat=', '-o', 'lstart=', '-o', 'comm=', '-p', String(pid)], options)
  if (answer.error) throw answer.error
  const words = answer.stdout.trim().split(/\s+/)
  if (answer.status !== 0 || words.length < 7) return null
  return {
    zombie: words[0]?.startsWith('Z') ?? false,
    command: basename(words.slice(6).join(' ')),
    startedAt: words.slice(1, 6).join(' '),
  }
}

/** Ticks since boot alone would let a process of an earlier boot pass for one of this boot. */
function bootId(): string {
  return (readIfPresent('/proc/sys/kernel/random/boot_id') ?? '').trim()
}

function readIfPresent(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    // ESRCH: the process ended between opening and reading.
    if (isCode(error, 'ENOENT') || isCode(error, 'ESRCH')) return null
    throw error
  }
}

export function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
