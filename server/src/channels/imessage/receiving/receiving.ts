/** What comes in over iMessage. The rows of the Mac are the truth, asked for by their numbers; what it calls us for only says when to look. */
import type { Clock } from '../../../lib/clock.ts'
import { orAborted } from '../../../lib/egress/deadline.ts'
import type { ClientRef, Handle } from '../../../model/ids.ts'
import type { Host } from '../../connector.ts'
import type { Backend, Note, Row } from '../backend.ts'
import type { ChatBook } from '../chat-book.ts'
import { createAsking } from './asking.ts'
import { createBell } from './bell.ts'
import { createCalls } from './calls.ts'
import { createCounts } from './counts.ts'
import { beginLedger, openLedger } from './ledger.ts'
import { createPasses, type PassMarks } from './passes.ts'
import { createPoll } from './poll.ts'
import { createStates } from './states.ts'
import { createTale } from './tale.ts'
import { createTelling, factsOf } from './telling.ts'
import type { Ear } from './translate.ts'

export interface ReceivingOptions {
  clock: Clock
  backend: Backend
  host: Pick<Host, 'receive' | 'vault' | 'log'>
  book: Pick<ChatBook, 'facts' | 'forget'>
  /** How the line is addressed. */
  line: Handle | null
  /** Which of our sends this row is. Null while whoever sends it still waits for the answer, and for what the owner wrote on the Mac. */
  refOf(row: Row): ClientRef | null
  /** All bubbles of the message that this one is of. */
  bubblesOf(guid: string): readonly string[]
  pollEveryMs: number
  /** What it can be written to by is no longer the same. */
  aliasesChanged(): void
}

export interface Receiving {
  /**
   * Where a line begins that was never up: what comes after this is told. Done by itself when receiving begins; done
   * before the link is said to be up, nothing falls between the two.
   */
  begin(signal: AbortSignal): Promise<void>
  /** What goes on while the link is up, until the signal aborts; waits then for nobody. */
  keepReceiving(signal: AbortSignal): Promise<void>
  /** The server has called. */
  hear(note: Note): void
  /** This row was just sent: what becomes of it is asked for, soon and then more seldom. */
  follow(guid: string): void
}

const retryMs = 5_000

export function createReceiving(options: ReceivingOptions): Receiving {
  const { clock, backend, host } = options
  const states = createStates(clock)
  const asking = createAsking(clock)
  const counts = createCounts(clock, host.log)
  const calls = createCalls(options)
  const marks: PassMarks = { recentMs: null }
  const rows = createBell(clock)
  const all = createBell(clock)

  async function receive(signal: AbortSignal): Promise<void> {
    const ledger = await persistently(options, signal, () => openLedger(options, signal))
    const telling = createTelling(host, signal)
    const tale = createTale({ ...options, ear: earOf(options, signal), ledger, telling, states, counts })
    const poll = createPoll({ ...options, ledger, telling, tale, counts, bell: rows, everyMs: options.pollEveryMs })
    const parts = { clock, backend, host, telling, tale, poll }
    const passes = createPasses({ ...parts, bell: all, marks, everyMs: options.pollEveryMs, sinceMs: ledger.sinceMs })
    await Promise.all([
      poll.keepLooking(),
      passes.keepPassing(),
      asking.keepAsking({ ...parts, rows, all }),
      calls.keepTelling(telling),
    ])
  }

  return {
    begin: (signal) => beginLedger(options, signal),
    async keepReceiving(signal) {
      try {
        await orAborted(signal, receive(signal))
      } catch (error) {
        if (!signal.aborted) throw error
      }
    },
    hear(note) {
      if (note.what === 'call') return calls.add(note)
      if (note.what === 'aliases') return options.aliasesChanged()
      if (note.what === 'changed') return asking.changed(note.guid)
      rows.ring()
      if (note.what === 'began') all.ring()
    },
    follow: asking.follow,
  }
}

function earOf({ backend, book, host, line, refOf, bubblesOf }: ReceivingOptions, signal: AbortSignal): Ear {
  return {
    line,
    refOf,
    bubblesOf,
    facts: (chat) =>
      book.facts(chat, signal).catch((error: unknown) => {
        // A group of which nothing can be had is a group all the same.
        if (!signal.aborted) host.log.warn(factsOf(error), 'Asking who is in a group has failed.')
        return null
      }),
    person: (number) => backend.person(number, signal),
    file: (guid) => backend.file(guid),
    icon: (chat) => backend.icon(chat),
  }
}

/** Again until it works; rejects only when the link ends. */
async function persistently<T>(options: ReceivingOptions, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const { clock, host } = options
  for (;;) {
    try {
      return await work()
    } catch (error) {
      signal.throwIfAborted()
      host.log.warn(factsOf(error), 'How far the rows were told cannot be read; it is tried again.')
    }
    await clock.sleep(retryMs, signal)
    signal.throwIfAborted()
  }
}
