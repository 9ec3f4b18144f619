/** What became of what was sent: answered from the journal, and where that does not know, by looking on the Mac. */
import type { Clock } from '../../../lib/clock.ts'
import type { ClientRef } from '../../../model/ids.ts'
import type { Host, Outcome } from '../../connector.ts'
import type { Row } from '../backend.ts'
import { within } from '../deadline.ts'
import { nameOf } from '../names.ts'
import { neverBegun, passOver, unanswered } from './failures.ts'
import { type Entry, failureOf, type Journal } from './journal.ts'
import { acceptedOf, type Tracing } from './tracing.ts'

export interface OutcomesOptions {
  clock: Clock
  host: Pick<Host, 'log'>
  journal: Journal
  tracing: Tracing
  isUp(): boolean
  /** Its send has not ended in this process. */
  isRunning(ref: ClientRef): boolean
  follow(guid: string): void
}

export interface Outcomes {
  outcomeOf(ref: ClientRef): Promise<Outcome>
  /** For the send itself, which is told of an earlier try under its ref. */
  settle(ref: ClientRef, signal: AbortSignal): Promise<Outcome>
  refOf(row: Row): ClientRef | null
}

const open: Outcome = { what: 'open' }
/** Whoever asks waits ten seconds. */
const lookMs = 8_000

export function createOutcomes(options: OutcomesOptions): Outcomes {
  const { clock, host, journal, tracing, isUp, isRunning, follow } = options

  async function settle(ref: ClientRef, signal: AbortSignal): Promise<Outcome> {
    const entry = journal.get(ref)
    if (entry === null) return { what: 'failed', failure: neverBegun() }
    if (entry.end === 'sent') return { what: 'sent', accepted: acceptedOf(entry) }
    if (entry.end === 'failed') return { what: 'failed', failure: failureOf(entry) }
    if (!isUp()) return open
    const outcome = await looked(entry, signal)
    if (outcome.what === 'sent') for (const { guid } of entry.bubbles) if (guid !== null) follow(guid)
    return outcome
  }

  async function looked(entry: Entry, signal: AbortSignal): Promise<Outcome> {
    try {
      return await tracing.look(entry, signal)
    } catch (error) {
      // Whoever cannot be asked says nothing about it: it stays open.
      passOver(error)
      return open
    }
  }

  /** Of sends whose end nobody heard; those under way are told by their answer. */
  function missedIn(row: Row): Entry | null {
    if (row.chat === null) return null
    const inChat = journal.inChat(nameOf(row.chat.chat))
    return inChat.find((one) => one.end === 'open' && !isRunning(one.ref) && tracing.seen(one, row)) ?? null
  }

  return {
    settle,
    async outcomeOf(ref) {
      await journal.load().catch((error: unknown) => {
        host.log.error({ err: error }, 'What was sent before cannot be read; what became of it is asked again.')
        throw error
      })
      if (isRunning(ref)) return open
      return within(clock, { ms: lookMs, late: unanswered }, (signal) => settle(ref, signal)).catch(
        (error: unknown) => {
          passOver(error)
          return open
        },
      )
    },
    refOf(row) {
      if (!journal.isLoaded) return null
      const entry = journal.withGuid(row.guid) ?? missedIn(row)
      const isProof = entry?.end === 'sent' && entry.bubbles[0]?.guid === row.guid && !isRunning(entry.ref)
      return isProof ? entry.ref : null
    },
  }
}
