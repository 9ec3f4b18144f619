/** Clocks on virtual time: one for the world, one for each process, which dies and stops with it. */
import type { Clock } from '../../src/lib/clock.ts'
import type { Mint } from '../../src/lib/mint.ts'
import type { Scheduler } from './scheduler.ts'

export const epochMs = Date.UTC(2026, 0, 1)

/** Where something enters a process: it waits while the process stands still, and never enters a dead one. */
export interface Gate {
  enter(run: () => void): void
}

const open: Gate = { enter: (run) => run() }

/** The polls of the gateway: naps that can be cut short, of at most so long. */
const pollMaxMs = 2_000

export interface ClockOptions {
  scheduler: Scheduler
  gate?: Gate
  /** How wrong the wall clock is. */
  wallErrorMs?(): number
}

export function createClock({ scheduler, gate = open, wallErrorMs = () => 0 }: ClockOptions): Clock {
  return {
    now: () => epochMs + scheduler.nowMs() + wallErrorMs(),
    // What was skipped did not happen to the processes: they would only have polled in it.
    monotonic: () => scheduler.nowMs() - (gate === open ? 0 : scheduler.skippedMs()),
    sleep: (ms, signal) => sleep(scheduler, gate, ms, signal),
    defer: (work) => void scheduler.after(0, () => gate.enter(work)),
  }
}

function sleep(scheduler: Scheduler, gate: Gate, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const isPoll = signal !== undefined && gate !== open && ms <= pollMaxMs
    if (signal === undefined) {
      scheduler.after(ms, () => gate.enter(resolve), isPoll)
      return
    }
    const wake = () => {
      signal.removeEventListener('abort', cut)
      resolve()
    }
    const timer = scheduler.after(ms, () => gate.enter(wake), isPoll)
    const cut = () => {
      scheduler.cancel(timer)
      wake()
    }
    signal.addEventListener('abort', cut)
  })
}

/** Version 7 in form, counted instead of drawn; sorts by minting like the real ones. */
export function countingMint(): Mint {
  let count = 0
  return () => {
    count += 1
    return `01900000-0000-7000-8000-${count.toString(16).padStart(12, '0')}`
  }
}
