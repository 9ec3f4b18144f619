/** Asks for single rows: those that were just sent, until their end is known, and those of which the server says that they changed. */
import type { Clock } from '../../../lib/clock.ts'
import type { Host } from '../../connector.ts'
import type { Backend, Row } from '../backend.ts'
import { type Bell, createBell } from './bell.ts'
import type { Poll } from './poll.ts'
import type { Tale } from './tale.ts'
import { factsOf, type Telling } from './telling.ts'

export interface AskParts {
  backend: Pick<Backend, 'row'>
  host: Pick<Host, 'log'>
  telling: Telling
  tale: Pick<Tale, 'refresh'>
  poll: Pick<Poll, 'isToBeTold'>
  /** There may be new rows. */
  rows: Bell
  /** More has changed than is asked for one by one. */
  all: Bell
}

export interface Asking {
  follow(guid: string): void
  changed(guid: string): void
  /** Until the link ends. What is to be asked stays for the next one. */
  keepAsking(parts: AskParts): Promise<void>
}

/** After the send. A refusal that comes after the answer is called out by nobody. */
const asksAfterMs = [1_000, 2_000, 4_000, 8_000, 15_000, 30_000, 60_000] as const
const followedMax = 1_000
const changedMax = 20
const idleMs = 60_000

interface Followed {
  sentMs: number
  asked: number
}

export function createAsking(clock: Clock): Asking {
  const followed = new Map<string, Followed>()
  const changed = new Set<string>()
  const bell = createBell(clock)

  function dueMs({ sentMs, asked }: Followed): number {
    return sentMs + (asksAfterMs[asked] ?? 0)
  }

  /** Those that are due, each counted as asked. */
  function dueNow(): string[] {
    const due = [...followed].filter(([, one]) => dueMs(one) <= clock.monotonic())
    for (const [guid, one] of due) {
      one.asked += 1
      if (one.asked >= asksAfterMs.length) followed.delete(guid)
    }
    return due.map(([guid]) => guid)
  }

  function untilNextMs(): number {
    const next = [...followed.values()].reduce((least, one) => Math.min(least, dueMs(one)), Number.POSITIVE_INFINITY)
    return Math.max(0, Math.min(next - clock.monotonic(), idleMs))
  }

  async function ask(guid: string, parts: AskParts): Promise<void> {
    const { backend, poll, tale, telling } = parts
    const row = await backend.row(guid, telling.signal)
    telling.signal.throwIfAborted()
    if (row === null) return
    if (poll.isToBeTold(row)) {
      // It may be told as it was before this.
      if (!followed.has(guid)) follow(guid)
      return parts.rows.ring()
    }
    if (isOver(row)) followed.delete(guid)
    await tale.refresh(row)
  }

  function follow(guid: string): void {
    followed.set(guid, { sentMs: clock.monotonic(), asked: 0 })
    const [oldest] = followed.keys()
    if (followed.size > followedMax && oldest !== undefined) followed.delete(oldest)
    bell.ring()
  }

  return {
    follow,
    changed(guid) {
      if (changed.size <= changedMax) changed.add(guid)
      bell.ring()
    },
    async keepAsking(parts) {
      const { host, all, telling } = parts
      while (!telling.signal.aborted) {
        const isMuch = changed.size > changedMax
        if (isMuch) all.ring()
        const asked = new Set([...(isMuch ? [] : changed), ...dueNow()])
        changed.clear()
        for (const guid of asked) {
          await ask(guid, parts).catch((error: unknown) => {
            // The passes find what was not learnt here.
            if (!telling.signal.aborted) host.log.warn(factsOf(error), 'Asking for a row has failed.')
          })
        }
        await bell.wait(untilNextMs(), telling.signal)
      }
    },
  }
}

function isOver(row: Row): boolean {
  return row.isDelivered || row.deliveredAt !== null || row.readAt !== null || row.error !== 0
}
