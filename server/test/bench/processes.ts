/** What the kernel knows of processes: who belongs to whom, the time they used and the memory they hold. Linux only. */
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const ticksPerSecond = 100

interface Stat {
  parent: number
  /** Of itself; children that have ended are not in it. */
  ticks: number
}

function statOf(pid: number): Stat | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name stands in brackets and may hold anything.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) }
  } catch {
    return null
  }
}

/** The process and all below it. */
export function familyOf(pid: number): number[] {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) ? statOf(Number(name)) : null
    if (stat !== null) parents.set(Number(name), stat.parent)
  }
  const family = new Set([pid])
  for (let grown = -1; grown !== family.size; ) {
    grown = family.size
    for (const [child, parent] of parents) if (family.has(parent)) family.add(child)
  }
  return [...family]
}

export function cpuSecondsOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + (statOf(pid)?.ticks ?? 0), 0) / ticksPerSecond
}

export function residentBytes(pid: number): number {
  return kilobytes(`/proc/${pid}/status`, 'VmRSS') * 1_024
}

/** Memory shared between processes counts by its part, so that the sum over a family is what it really takes. */
export function proportionalBytes(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + kilobytes(`/proc/${pid}/smaps_rollup`, 'Pss') * 1_024, 0)
}

function kilobytes(path: string, name: string): number {
  const text = readFileSync(path, 'utf8')
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? Number.NaN)
}

/** Of a program and of its database's server with all its processes, as far as they live at both ends. */
export function readCpuOf(program: number, postmaster: number | null): { program: number; database: number } {
  return { program: cpuSecondsOf([program]), database: postmaster === null ? 0 : cpuSecondsOf(familyOf(postmaster)) }
}

export interface Memory {
  rss: number
  heap: number
}

/** Of this process, collected again and again until it no longer falls: what is freed is given back to the system late. */
export async function settledMemory(): Promise<Memory> {
  const collect = globalThis.gc
  if (collect === undefined) throw new Error('It has to be started with --expose-gc.')
  let least = Number.POSITIVE_INFINITY
  for (let still = 0, looks = 0; still < 3 && looks < 30; looks++) {
    collect()
    await sleep(500)
    const { rss } = process.memoryUsage()
    still = rss < least - 1_000_000 ? 0 : still + 1
    least = Math.min(least, rss)
  }
  const { rss, heapUsed } = process.memoryUsage()
  return { rss, heap: heapUsed }
}
