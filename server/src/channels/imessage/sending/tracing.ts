/** What became of what was given to the Mac: looks for its bubbles among the rows there, and judges by what it finds. */
import type { Clock } from '../../../lib/clock.ts'
import type { SendFailure } from '../../../model/delivery.ts'
import type { ProviderMessageId } from '../../../model/ids.ts'
import type { Accepted, Outcome } from '../../connector.ts'
import type { Backend, Row } from '../backend.ts'
import type { ChatBook } from '../chat-book.ts'
import { notFound, partly, rowFailure } from './failures.ts'
import type { Entry, Journal, KnownBubble } from './journal.ts'
import { compare } from './matching.ts'

export interface TracingOptions {
  clock: Pick<Clock, 'now'>
  backend: Pick<Backend, 'rowsSince'>
  book: ChatBook
  journal: Journal
  /** Which server it is that is asked. */
  server: string
}

export interface Found {
  /** One of its rows says that it was not sent. */
  failure: SendFailure | null
  /** A row may be the missing one, once its files are shown; or it is on another Mac, which the line had before. */
  isUnsure: boolean
}

export interface Tracing {
  /** Links the row that a send was answered with; false: it cannot be that. */
  answered(entry: Entry, bubble: KnownBubble, row: Row): boolean
  /** Links the bubbles that are there by now. Fails with whatever broke. */
  search(entry: Entry, signal: AbortSignal): Promise<Found>
  /** Searches, and says what became of a send that is no longer under way. */
  look(entry: Entry, signal: AbortSignal): Promise<Outcome>
  /** A row that came by: true when it is one that was missing. */
  seen(entry: Entry, row: Row): boolean
}

/** What is the same and at most so much older than its send is taken for it, since clocks differ. */
const skewMs = 15_000
/** The clock of the Mac is taken to be this far behind at most. What is older, the server has mistaken for our message. */
const lagMaxMs = 600_000

export function createTracing({ clock, backend, book, journal, server }: TracingOptions): Tracing {
  /** As the last answer showed it. */
  let lagMs = 0

  const windowOf = (begunAt: number) => begunAt - lagMs - skewMs
  const isInTime = ({ begunAt }: KnownBubble, { at }: Row) => begunAt !== null && at.getTime() >= windowOf(begunAt)

  /** Each row belongs to one bubble; the first that it fits has it. */
  function link(entry: Entry, rows: readonly Row[]): Found {
    const found: Found = { failure: null, isUnsure: false }
    for (const bubble of entry.bubbles) {
      if (bubble.begunAt === null || bubble.guid !== null) continue
      const candidates = rows.filter((row) => journal.withGuid(row.guid) === null && isInTime(bubble, row))
      const row =
        candidates.find(({ tempId }) => tempId === bubble.tempId) ??
        candidates.find((one) => one.error === 0 && compare(bubble.mark, one) === 'yes') ??
        candidates.find((one) => compare(bubble.mark, one) === 'yes')
      if (row !== undefined) {
        journal.link(entry, bubble, row.guid)
        found.failure ??= rowFailure(row.error)
      } else if (candidates.some((one) => compare(bubble.mark, one) === 'maybe')) found.isUnsure = true
    }
    return found
  }

  function conclude(entry: Entry, found: Found): Outcome {
    const outcome = judge(entry, found, clock.now())
    if (outcome.what === 'sent') journal.sent(entry)
    if (outcome.what === 'failed') journal.failed(entry, outcome.failure)
    return outcome
  }

  async function search(entry: Entry, signal: AbortSignal): Promise<Found> {
    const missing = entry.bubbles.flatMap((bubble) => (isMissing(bubble) ? (bubble.begunAt ?? []) : []))
    if (missing.length === 0) return { failure: null, isUnsure: false }
    const chat = await book.onServer(entry.chat, signal)
    const since = new Date(windowOf(Math.min(...missing)))
    const found = link(entry, chat === null ? [] : await backend.rowsSince(since, { chat, ours: true }, signal))
    return entry.server === server ? found : { ...found, isUnsure: entry.bubbles.some(isMissing) }
  }

  return {
    answered(entry, bubble, row) {
      const behindMs = (bubble.begunAt ?? 0) - row.at.getTime()
      // Files are not in the answer (BlueBubbles 1.9.9), so that they need not be there.
      const isIt = compare(bubble.mark, row) !== 'no' && behindMs <= lagMaxMs && journal.withGuid(row.guid) === null
      if (!isIt) return false
      lagMs = Math.max(0, behindMs)
      journal.link(entry, bubble, row.guid)
      return true
    },
    search,
    look: async (entry, signal) => conclude(entry, await search(entry, signal)),
    seen(entry, row) {
      const found = link(entry, [row])
      // That others are missing proves nothing: nobody has looked for them.
      if (found.failure !== null || entry.bubbles.every(({ guid }) => guid !== null)) conclude(entry, found)
      return journal.withGuid(row.guid) === entry
    },
  }
}

function isMissing({ begunAt, guid }: KnownBubble): boolean {
  return begunAt !== null && guid === null
}

/** Pure: what is known by now of a send that is no longer under way. */
export function judge(entry: Pick<Entry, 'bubbles' | 'chat'>, { failure, isUnsure }: Found, now: number): Outcome {
  const { bubbles } = entry
  const out = bubbles.filter(({ guid }) => guid !== null)
  if (failure !== null) return failed(failure, out.length > 1)
  if (out.length === bubbles.length) return { what: 'sent', accepted: acceptedOf(entry) }
  if (isUnsure || bubbles.some((bubble) => mayStillCome(bubble, now))) return { what: 'open' }
  return failed(notFound(), out.length > 0)
}

export function mayStillCome({ begunAt, guid, worstMs }: KnownBubble, now: number): boolean {
  return guid === null && begunAt !== null && now < begunAt + worstMs
}

/** Of an entry whose bubbles are all known. */
export function acceptedOf({ bubbles, chat }: Pick<Entry, 'bubbles' | 'chat'>): Accepted {
  const ids = bubbles.map(({ guid }) => guid as string as ProviderMessageId)
  const [providerId = '' as ProviderMessageId] = ids
  return { providerId, chat, ...(ids.length > 1 && { parts: ids }) }
}

function failed(failure: SendFailure, isPartly: boolean): Outcome {
  return { what: 'failed', failure: isPartly ? partly(failure) : failure }
}
