/** How much memory the gateway's processes take, one after the other, as the system sees it. */
import { readFileSync } from 'node:fs'
import type { Memory } from './evidence.ts'

const everyMs = 200

export interface MemoryWatch {
  /** The most so far, in bytes. */
  peak(): number
  stop(): Memory | null
}

export function watchMemory(pid: () => number | null): MemoryWatch {
  const samples: { at: number; bytes: number }[] = []
  let peak = 0
  const timer = setInterval(() => {
    const [now, most] = [read(pid(), 'VmRSS'), read(pid(), 'VmHWM')]
    if (now > 0) samples.push({ at: performance.now(), bytes: now })
    peak = Math.max(peak, most)
  }, everyMs)
  return {
    peak: () => peak,
    stop() {
      clearInterval(timer)
      const [first, last] = [samples.at(0), samples.at(-1)]
      if (first === undefined || last === undefined) return null
      const third = (last.at - first.at) / 3
      const most = (some: typeof samples) => Math.max(0, ...some.map(({ bytes }) => bytes))
      return {
        peak,
        early: most(samples.filter(({ at }) => at <= first.at + third)),
        late: most(samples.filter(({ at }) => at >= last.at - third)),
      }
    },
  }
}

/** 0 when there is no such process, or no such file on this system. */
function read(pid: number | null, name: 'VmRSS' | 'VmHWM'): number {
  if (pid === null) return 0
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    return Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0) * 1_024
  } catch {
    return 0
  }
}
