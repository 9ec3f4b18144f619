/** Sends over iMessage: each message once, one at a time in a chat, and afterwards it can be said what became of it. */
import type { Clock } from '../../../lib/clock.ts'
import type { ClientRef, Handle, ProviderChatId } from '../../../model/ids.ts'
import type { Accepted, Host, Outcome, Outgoing } from '../../connector.ts'
import type { Backend, Row, Standing } from '../backend.ts'
import { canScript, imessageCapabilities, type Manner, mannerAt } from '../capabilities.ts'
import type { ChatBook } from '../chat-book.ts'
import { within } from '../deadline.ts'
import { chatOf, personIn } from '../names.ts'
import { createNewcomers, type Newcomers } from '../pacing/newcomers.ts'
import { createSlots } from '../pacing/slots.ts'
import { createTurns, waitsMs } from '../pacing/turns.ts'
import { filesTooLarge, patienceFor } from './bubbles.ts'
import { createDelivery, type Job } from './delivery.ts'
import * as failures from './failures.ts'
import { createJournal, type Entry, type Journal } from './journal.ts'
import { createOutcomes } from './outcomes.ts'
import { createReachability } from './reachability.ts'
import { createTracing, mayStillCome } from './tracing.ts'

export interface SendingSettings {
  perSecond: number
  /** People to whom nobody has written before, in 24 hours; 0: as many as there are. */
  newPerDay: number
  /** In seconds: so long a text may be on its way through the Mac. */
  lostAfter: number
  /** What new groups are opened with; null: their name. */
  groupOpener: string | null
}

export interface SendingOptions {
  clock: Clock
  /** From 0 up to, not including, 1. */
  chance(): number
  backend: Backend
  host: Pick<Host, 'vault' | 'log'>
  book: ChatBook
  settings: SendingSettings
  /** Where the server is: after the line was edited it may be another one. */
  server: string
  /** Null: nobody has looked yet. */
  standing(): Standing | null
  isUp(): boolean
  /** A row of ours that was just sent: whether it arrives is to be found out. */
  follow(guid: string): void
}

export interface Sending {
  /** Reads what was sent before. To be awaited before rows are received, which are asked about with `refOf`. */
  load(): Promise<void>
  /** The signal is the caller's, and aborts as well when the link ends. */
  send(message: Outgoing, signal: AbortSignal): Promise<Accepted>
  turn(message: Outgoing): number
  patienceMs(message: Outgoing): number
  outcomeOf(ref: ClientRef): Promise<Outcome>
  /**
   * Which of our sends this row proves: of several bubbles only the first, once all are there. Null while the send
   * is under way, because its answer will tell; and for what its owner wrote on the Mac.
   */
  refOf(row: Row): ClientRef | null
  /** All bubbles of the message that this one is of, as long as it is remembered; at least itself. */
  bubblesOf(guid: string): readonly string[]
  reach(person: Handle): Promise<'yes' | 'no' | 'unknown'>
}

/** The private API does some five things a second on a Mac, one after the other (BlueBubbles 1.9.9). */
const atOnceMax = 4
const newcomersKey = 'newcomers'
const reachMs = 20_000
/** The same for every kind of file. */
const bytesMax = imessageCapabilities.media.document.bytesMax

export function createSending(options: SendingOptions): Sending {
  const { clock, host, standing, isUp } = options
  const { journal, reachability, running, slots, outcomes, turn, once } = partsOf(options)
  return {
    load: journal.load,
    async send(message, signal) {
      if (!isUp()) throw failures.notConnected()
      if (signal.aborted) throw failures.notBegun()
      const manner = usable(mannerAt(standing()))
      if (filesTooLarge(message, bytesMax)) throw failures.tooLarge()
      await loaded(journal, host)
      const chat = chatOf(message.to)
      return slots.run(chat, signal, async () => {
        running.add(message.ref)
        try {
          return await once({ message, chat, manner, canScript: canScript(standing()), signal })
        } finally {
          running.delete(message.ref)
        }
      })
    },
    turn,
    patienceMs: patienceFor,
    outcomeOf: outcomes.outcomeOf,
    refOf(row) {
      if (!row.isOurs || row.tapback !== null || row.change !== null) return null
      const person = row.chat === null ? null : personIn(row.chat.chat)
      if (person !== null && row.isDelivered) reachability.learn(person, true)
      return outcomes.refOf(row)
    },
    bubblesOf: (guid) => {
      const guids = (journal.withGuid(guid)?.bubbles ?? []).flatMap((bubble) => bubble.guid ?? [])
      return guids.includes(guid) ? guids : [guid]
    },
    async reach(person) {
      if (!isUp() || mannerAt(standing()) !== 'private') return 'unknown'
      const limit = { ms: reachMs, late: failures.unanswered }
      try {
        return (await within(clock, limit, (signal) => reachability.ask(person, signal))) ? 'yes' : 'no'
      } catch (error) {
        failures.passOver(error)
        return 'unknown'
      }
    },
  }
}

/** What sends and what remembers, each knowing the others that it needs. */
function partsOf(options: SendingOptions) {
  const { clock, backend, host, book, settings, server, follow } = options
  const reachability = createReachability(options)
  const newcomers = newcomersFor(options)
  const journal = createJournal({
    ...{ vault: host.vault, clock, alsoRead: [newcomersKey] },
    restore: (entries) => {
      const bytes = entries.get(newcomersKey)
      if (bytes !== undefined) newcomers.restore(bytes)
    },
  })
  const tracing = createTracing({ clock, backend, book, journal, server })
  const slots = createSlots({ most: atOnceMax, late: failures.notBegun })
  const running = new Set<ClientRef>()
  const outcomes = createOutcomes({ ...options, journal, tracing, isRunning: (ref) => running.has(ref) })
  const isDoubtful = (chat: ProviderChatId, but: ClientRef) => {
    const isMissing = ({ ref, end, bubbles }: Entry) =>
      ref !== but && end === 'open' && bubbles.some((bubble) => mayStillCome(bubble, clock.now()))
    return journal.inChat(chat).some(isMissing)
  }
  const deliver = createDelivery({
    ...{ clock, backend, host, book, journal, tracing, reachability, settings, server, follow },
    along: (): Readonly<Record<string, Uint8Array>> =>
      settings.newPerDay > 0 ? { [newcomersKey]: newcomers.snapshot() } : {},
    notBegunWith: newcomers.giveBack,
  })
  /** What was sent under this ref before, by whichever process, is not sent again. */
  const once = async (job: Job): Promise<Accepted> => {
    const { ref } = job.message
    const last = journal.get(ref)
    if (last !== null && (last.end !== 'failed' || last.failure?.partly === true)) {
      const before = await outcomes.settle(ref, job.signal)
      if (before.what === 'sent') return before.accepted
      if (before.what === 'open') throw failures.unanswered()
      if (before.failure.partly) throw before.failure
    }
    if (isDoubtful(job.chat, ref)) throw failures.chatBusy(waitsMs.chat)
    return deliver(job)
  }
  const turn = createTurns({ ...options, journal, newcomers, slots, isDoubtful })
  return { journal, reachability, running, slots, outcomes, turn, once }
}

function usable(manner: ReturnType<typeof mannerAt>): Manner {
  if (manner === 'unconnected') throw failures.helperAway()
  if (manner === 'impossible') throw failures.cannotSend()
  return manner
}

async function loaded(journal: Journal, host: SendingOptions['host']): Promise<void> {
  try {
    await journal.load()
  } catch (error) {
    host.log.error({ err: error }, 'What was sent before cannot be read; nothing is sent until it can.')
    throw failures.notNoted()
  }
}

function newcomersFor({ clock, settings, book }: SendingOptions): Newcomers {
  const never = new AbortController().signal
  const hasChat = async (person: Handle) => (await book.withPerson(person, never)) !== null
  return createNewcomers({ clock, perDay: settings.newPerDay, hasChat })
}
