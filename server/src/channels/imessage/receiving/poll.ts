/**
 * Tells every new row, by their numbers. Each chat goes at its own pace, so that a file that is late or a row that is
 * refused holds up nobody else; what is kept as told ends before the first page of which something is missing.
 */
import type { Clock } from '../../../lib/clock.ts'
import type { Host } from '../../connector.ts'
import type { Backend, Row } from '../backend.ts'
import { type Bell, createBell } from './bell.ts'
import type { Counts } from './counts.ts'
import type { Ledger } from './ledger.ts'
import type { Tale } from './tale.ts'
import { factsOf, type Telling } from './telling.ts'
import { chatOf } from './translate.ts'

export interface PollParts {
  clock: Clock
  backend: Pick<Backend, 'rowsAfter'>
  host: Pick<Host, 'log'>
  ledger: Ledger
  telling: Telling
  tale: Pick<Tale, 'tell'>
  counts: Counts
  /** There may be something new. */
  bell: Bell
  everyMs: number
}

export interface Poll {
  /** Until the link ends. */
  keepLooking(): Promise<void>
  /** It has not been told yet, and will be. */
  isToBeTold(row: Row): boolean
}

interface Page {
  upTo: number
  left: number
}

/** More rows than this are not held at a time. */
const undoneMax = 2_000
const retryMs = 5_000
/** However many rings there are. */
const gapMs = 200

export function createPoll(parts: PollParts): Poll {
  const { clock, backend, host, ledger, telling, tale, counts, bell, everyMs } = parts
  const { signal } = telling
  const pages: Page[] = []
  const undone = new Set<number>()
  const room = createBell(clock)
  let readTo = ledger.row

  function advance(): void {
    let upTo: number | null = null
    while (pages[0]?.left === 0) upTo = pages.shift()?.upTo ?? upTo
    if (upTo !== null) ledger.moveTo(upTo)
  }

  async function tell(row: Row, page: Page): Promise<void> {
    const seenMs = clock.monotonic()
    await telling.inTurn(`chat ${chatOf(row) ?? ''}`, () => tale.tell(row, seenMs))
    undone.delete(row.number)
    page.left -= 1
    advance()
    room.ring()
  }

  function take(rows: readonly Row[], upTo: number): void {
    const fresh = rows.filter(({ number }) => number > readTo)
    readTo = Math.max(readTo, upTo)
    const page = { upTo: readTo, left: fresh.length }
    pages.push(page)
    for (const row of fresh) undone.add(row.number)
    for (const row of fresh) {
      tell(row, page).catch((error: unknown) => {
        if (!signal.aborted) host.log.error({ err: error, rowId: row.number }, 'Telling a row has failed.')
      })
    }
    advance()
  }

  async function look(): Promise<void> {
    for (let more = true; more; ) {
      while (undone.size >= undoneMax && !signal.aborted) await room.wait(everyMs, signal)
      const before = readTo
      const page = await backend.rowsAfter(readTo, signal)
      signal.throwIfAborted()
      take(page.rows, page.upTo)
      more = page.more && readTo > before
    }
    counts.report()
  }

  async function keepLooking(): Promise<void> {
    while (!signal.aborted) {
      const begunMs = clock.monotonic()
      let waitMs = everyMs
      try {
        await look()
      } catch (error) {
        if (signal.aborted) return
        host.log.warn(factsOf(error), 'Asking for new rows has failed; it is tried again.')
        waitMs = Math.min(everyMs, retryMs)
      }
      await clock.sleep(Math.max(0, begunMs + gapMs - clock.monotonic()), signal)
      await bell.wait(waitMs, signal)
    }
  }

  return { keepLooking, isToBeTold: ({ number }) => number > readTo || undone.has(number) }
}
