/** Backfill → cut over → live, as one async iterator over the log: every event once, in order, from a cursor on. */
import type { Clock } from '../lib/clock.ts'
import type { Cursor, EventType, GatewayEvent } from '../model/event.ts'
import type { CustomerId } from '../model/ids.ts'

/*
 * Why a reader asks only for what is settled.
 *
 * A serial number is taken when a row is written, not when it commits: a reader that goes on "after seq N" steps
 * over a slower transaction for ever. A lock taken last in each transaction would prevent it, and would serialise
 * all commits. Instead every row carries the id of its transaction (xid), and a reader asks only for rows older than
 * every transaction that is still running (`xid < pg_snapshot_xmin(pg_current_snapshot())`), ordered by (xid, seq).
 * Nothing can then appear before what has been read. The price: a write transaction that stays open delays every
 * reader, so no network call ever happens inside a transaction.
 *
 * test/races/log-order.test.ts runs both readers side by side; docs/proofs.md has the figures.
 */

export interface LogReader {
  after(customerId: CustomerId, cursor: Cursor, limit: number): Promise<GatewayEvent[]>
}

/** Who waits for which customer's events. */
export interface Follow {
  /** Events of this customer may have been written. */
  wake(customerId: CustomerId): void
  follow(
    customerId: CustomerId,
    from: { after: Cursor; types: readonly EventType[] | null },
    signal: AbortSignal,
  ): AsyncGenerator<GatewayEvent>
}

const pageSize = 200
const pollMs = 1_000
/** After a bell the event may still wait for an older transaction to end: look again soon, then ever less often. */
const settleMs = [5, 10, 20, 40, 80, 160, 320]

export function createFollow(options: { log: LogReader; clock: Clock }): Follow {
  const listening = new Map<CustomerId, Set<() => void>>()

  function listen(customerId: CustomerId, hear: () => void): () => void {
    const ears = listening.get(customerId) ?? new Set()
    listening.set(customerId, ears.add(hear))
    return () => {
      ears.delete(hear)
      if (ears.size === 0 && listening.get(customerId) === ears) listening.delete(customerId)
    }
  }

  return {
    wake(customerId) {
      for (const hear of listening.get(customerId) ?? []) hear()
    },
    async *follow(customerId, from, signal) {
      let cursor = from.after
      let looksSinceNews = settleMs.length
      let rouse: (() => void) | null = null
      const deaf = listen(customerId, () => {
        looksSinceNews = 0
        rouse?.()
      })
      try {
        while (!signal.aborted) {
          const look = looksSinceNews
          looksSinceNews += 1
          const events = await options.log.after(customerId, cursor, pageSize)
          for (const event of events) {
            cursor = event.cursor
            if (from.types === null || from.types.includes(event.type)) yield event
          }
          // A bell that rang while we were reading has set the count back: look again without a pause.
          if (events.length === pageSize || looksSinceNews <= look) continue
          const bell = new AbortController()
          rouse = () => bell.abort()
          await options.clock.sleep(settleMs[look] ?? pollMs, AbortSignal.any([bell.signal, signal]))
          rouse = null
        }
      } finally {
        deaf()
      }
    },
  }
}
