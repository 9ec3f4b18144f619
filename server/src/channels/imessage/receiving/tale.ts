/** One row, told: when it is all there, again until it is taken, and put aside when it alone is refused. */
import type { Clock } from '../../../lib/clock.ts'
import type { Host, Incoming } from '../../connector.ts'
import type { Backend, Row } from '../backend.ts'
import type { ChatBook } from '../chat-book.ts'
import type { Counts } from './counts.ts'
import type { Ledger } from './ledger.ts'
import type { States } from './states.ts'
import { factsOf, type Telling } from './telling.ts'
import { type Ear, isPartial, sortOf, toldBy } from './translate.ts'

export interface TaleParts {
  clock: Clock
  backend: Pick<Backend, 'row'>
  book: Pick<ChatBook, 'forget'>
  host: Pick<Host, 'log'>
  ear: Ear
  ledger: Ledger
  telling: Telling
  states: States
  counts: Counts
}

export interface Tale {
  /** Resolves when it is told, or need not be, or is owed; rejects when the link ends. */
  tell(row: Row, seenMs: number): Promise<void>
  /** Only what became of it since. Rejects when it was not taken. */
  refresh(row: Row): Promise<void>
  /** Tries again to tell what is owed. */
  payOwed(): Promise<void>
}

/** Counted from when the row was first seen: many files that are late in one chat are waited for together. */
const lateMs = [1_000, 3_000, 8_000] as const
const pausesMs = [50, 200, 500, 2_000, 10_000, 30_000] as const
/** About ten minutes. */
const refusalsMax = 24

export function createTale(parts: TaleParts): Tale {
  const { ledger, telling, states, counts, ear } = parts

  /** What was taken is not told again with the rest. */
  function tellingOf(row: Row): () => Promise<void> {
    let event: Incoming | null | undefined
    return async () => {
      event = event === undefined ? await toldBy(row, ear) : event
      if (event !== null) await telling.tell(event)
      event = null
      await states.tell(row, telling)
    }
  }

  return {
    async tell(row, seenMs) {
      const sort = sortOf(row, ledger.sinceMs)
      if (sort === 'silent') return
      if (sort === 'otherService' || sort === 'old' || sort === 'other') return counts.add(sort)
      const whole = await completed(parts, row, seenMs)
      if (sort === 'change' && whole.chat !== null) parts.book.forget(whole.chat.chat)
      await untilTaken(parts, whole, tellingOf(whole))
    },
    async refresh(row) {
      const sort = sortOf(row, ledger.sinceMs)
      if (sort === 'message' || sort === 'ours') await states.tell(row, telling)
    },
    async payOwed() {
      for (const one of ledger.owed) {
        const row = await parts.backend.row(one.guid, telling.signal)
        if (row !== null && one.untilMs > parts.clock.now()) await pay(parts, row, tellingOf(row))
        else {
          const facts = { rowId: row?.number ?? null }
          parts.host.log.error(facts, 'A row that is owed is given up: it was refused for a day, or is gone.')
          ledger.paid(one.guid)
        }
      }
    },
  }
}

/** Or until it is owed: then others go on without it. */
async function untilTaken(parts: TaleParts, row: Row, tell: () => Promise<void>): Promise<void> {
  const { clock, host, ledger, telling } = parts
  let isOwed = false
  for (let tries = 1; ; tries += 1) {
    try {
      await tell()
      if (isOwed) ledger.paid(row.guid)
      return
    } catch (error) {
      telling.signal.throwIfAborted()
      host.log.warn({ ...factsOf(error), attempts: tries }, 'A row could not be told; it is told again.')
    }
    if (isOwed) return
    isOwed = tries >= refusalsMax && (await owes(parts, row))
    await clock.sleep(pausesMs[Math.min(tries - 1, pausesMs.length - 1)] ?? 30_000, telling.signal)
    telling.signal.throwIfAborted()
  }
}

/** A vault that takes this proves that the store is there: then it is the row that it refuses. */
async function owes({ host, ledger, telling }: TaleParts, row: Row): Promise<boolean> {
  try {
    await ledger.owe(row.guid)
  } catch {
    telling.signal.throwIfAborted()
    // The store is away as a whole, and nobody’s order is given up for that.
    return false
  }
  host.log.error({ rowId: row.number }, 'A row is refused again and again; the others go on without it.')
  return true
}

async function pay({ host, ledger, telling }: TaleParts, row: Row, tell: () => Promise<void>): Promise<void> {
  try {
    await tell()
    ledger.paid(row.guid)
  } catch (error) {
    telling.signal.throwIfAborted()
    host.log.warn({ ...factsOf(error), rowId: row.number }, 'A row that is owed was refused again.')
  }
}

/** The row when it is all there; after a while, as it is. */
async function completed({ clock, backend, telling }: TaleParts, row: Row, seenMs: number): Promise<Row> {
  const { signal } = telling
  let now = row
  for (const afterMs of lateMs) {
    if (!isPartial(now)) return now
    await clock.sleep(Math.max(0, seenMs + afterMs - clock.monotonic()), signal)
    signal.throwIfAborted()
    // Whoever cannot answer is asked again, and in the end what is known is told.
    now = (await backend.row(row.guid, signal).catch(() => null)) ?? now
  }
  return now
}
