/** Looks again at rows that were told: what became of them moves no number, and the call that says so may be lost. */
import type { Clock } from '../../../lib/clock.ts'
import type { Host } from '../../connector.ts'
import type { Backend, Row } from '../backend.ts'
import type { Bell } from './bell.ts'
import type { Poll } from './poll.ts'
import type { Tale } from './tale.ts'
import { factsOf, type Telling } from './telling.ts'

export interface PassParts {
  clock: Clock
  backend: Pick<Backend, 'rowsSince'>
  host: Pick<Host, 'log'>
  telling: Telling
  tale: Pick<Tale, 'refresh' | 'payOwed'>
  poll: Pick<Poll, 'isToBeTold'>
  /** Look at everything now. */
  bell: Bell
  marks: PassMarks
  everyMs: number
  /** What is older was never told. */
  sinceMs: number
}

/** When all of it was looked at last; outlives the link, so that a short gap is made up for and a start begins with a day. */
export interface PassMarks {
  recentMs: number | null
}

/** People may edit for a quarter of an hour. */
const recentForMs = 20 * 60_000
/** Phones that are off get their messages later. */
const oursForMs = 24 * 3_600_000
const oursEveryMs = 5 * 60_000

export function createPasses(parts: PassParts): { keepPassing(): Promise<void> } {
  const { clock, backend, host, telling, tale, poll, bell, marks, everyMs, sinceMs } = parts
  const { signal } = telling

  async function refreshAll(rows: readonly Row[]): Promise<void> {
    const told = rows.filter((row) => !poll.isToBeTold(row))
    const failures = (await Promise.allSettled(told.map((row) => tale.refresh(row)))).filter(
      ({ status }) => status === 'rejected',
    )
    signal.throwIfAborted()
    const [first] = failures
    if (first?.status === 'rejected') throw first.reason
  }

  async function passRecent(): Promise<void> {
    const begunMs = clock.now()
    const fromMs = Math.max((marks.recentMs ?? 0) - recentForMs, begunMs - oursForMs)
    await refreshAll(await backend.rowsSince(new Date(Math.max(fromMs, sinceMs)), {}, signal))
    marks.recentMs = begunMs
  }

  async function passOurs(): Promise<void> {
    const from = new Date(Math.max(clock.now() - oursForMs, sinceMs))
    await refreshAll(await backend.rowsSince(from, { ours: true }, signal))
    await tale.payOwed()
  }

  async function pass(work: () => Promise<void>): Promise<boolean> {
    try {
      await work()
      return true
    } catch (error) {
      if (!signal.aborted) host.log.warn(factsOf(error), 'Looking again at rows has failed; it is done again.')
      return false
    }
  }

  return {
    async keepPassing() {
      let oursDueMs = clock.monotonic()
      while (!signal.aborted) {
        await pass(passRecent)
        if (clock.monotonic() >= oursDueMs && (await pass(passOurs))) oursDueMs = clock.monotonic() + oursEveryMs
        if (await bell.wait(everyMs, signal)) oursDueMs = clock.monotonic()
      }
    },
  }
}
