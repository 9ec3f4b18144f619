/** Gives one message to the Mac, bubble after bubble, and knows of each which row it became. */
import type { Clock } from '../../../lib/clock.ts'
import { SendFailure } from '../../../model/delivery.ts'
import type { Handle, ProviderChatId } from '../../../model/ids.ts'
import type { Accepted, Host, Outgoing } from '../../connector.ts'
import type { Backend, Row, ServerChat } from '../backend.ts'
import type { Manner } from '../capabilities.ts'
import type { ChatBook } from '../chat-book.ts'
import { namesOnServer, personIn } from '../names.ts'
import { type Bubble, bubblesFor } from './bubbles.ts'
import * as failures from './failures.ts'
import { type Entry, guidsOf, type Journal, type KnownBubble } from './journal.ts'
import { markOf } from './matching.ts'
import type { Reachability } from './reachability.ts'
import { acceptedOf, type Tracing } from './tracing.ts'

export interface DeliveryTools {
  clock: Clock
  backend: Backend
  host: Pick<Host, 'log'>
  book: ChatBook
  journal: Journal
  tracing: Tracing
  reachability: Reachability
  settings: { lostAfter: number }
  server: string
  follow(guid: string): void
  /** What is written to the vault along with a new entry. */
  along(): Readonly<Record<string, Uint8Array>>
  /** A chat could not be begun with them. */
  notBegunWith(person: Handle): void
}

export interface Job {
  message: Outgoing
  chat: ProviderChatId
  manner: Manner
  /** Whether scripts work there as well: they alone begin a chat with a file. */
  canScript: boolean
  signal: AbortSignal
}

/** Where it goes; `server`: null as long as there is no chat with this person. */
interface Place {
  server: ServerChat | null
  person: Handle | null
}

interface Run extends Job {
  place: Place
  entry: Entry
}

/** So much longer than a text the server may be about to send (BlueBubbles 1.9.9). */
const timesLonger = { file: 4, scriptedFile: 6 } as const
/** Whoever kept us waiting for so long may have given our place to another process. */
const writingMs = 10_000
const searchPausesMs = [0, 1_000, 2_000, 4_000] as const
/** An error shows up within a second or two, if the person has no iMessage. */
const watchPausesMs = [400, 600, 1_000] as const

export function createDelivery(tools: DeliveryTools): (job: Job) => Promise<Accepted> {
  const { book, journal } = tools
  return async (job) => {
    const place = await locate(tools, job)
    try {
      return await attempt(tools, job, place)
    } catch (error) {
      if (!isUnknownChat(error) || place.server === null) throw error
      // It is called otherwise since the Mac was updated, or it is gone.
      book.forget(place.server)
      const again = await locate(tools, job)
      if (again.server === place.server) throw error
      return attempt(tools, job, again)
    } finally {
      if (journal.get(job.message.ref)?.failure?.kind === 'unreachable') markAbsent(tools, place)
    }
  }
}

function isUnknownChat(error: unknown): boolean {
  return error instanceof SendFailure && error.code === 'CONVERSATION_NOT_FOUND' && !error.partly
}

function markAbsent({ reachability, notBegunWith }: DeliveryTools, { server, person }: Place): void {
  if (person === null) return
  reachability.learn(person, false)
  if (server === null) notBegunWith(person)
}

async function locate(tools: DeliveryTools, { chat, manner, signal }: Job): Promise<Place> {
  const person = personIn(chat)
  const server = await tools.book.onServer(chat, signal).catch((error: unknown) => {
    throw failures.beforeIt(error)
  })
  if (server !== null || person === null) {
    if (server === null) throw failures.noSuchChat()
    return { server, person }
  }
  // Where it cannot be asked, the server tells when the chat is begun.
  const isKnownAbsent = manner === 'private' && !(await mayBeThere(tools, person, signal))
  if (isKnownAbsent) {
    tools.notBegunWith(person)
    throw failures.notOnImessage()
  }
  return { server, person }
}

async function mayBeThere({ reachability }: DeliveryTools, person: Handle, signal: AbortSignal): Promise<boolean> {
  try {
    return await reachability.ask(person, signal)
  } catch (error) {
    failures.passOver(error)
    return true
  }
}

async function attempt(tools: DeliveryTools, job: Job, place: Place): Promise<Accepted> {
  const { message, manner, canScript, signal } = job
  const opensChat = place.server === null
  const bubbles = bubblesFor(message, { manner, opensChat })
  const [first] = bubbles
  if (first === undefined) throw new SendFailure('refused', 'CONTENT_NOT_SUPPORTED', 'There is nothing to send.')
  if (opensChat && first.kind !== 'text' && !canScript) throw failures.needsText()
  const ready: Ready[] = []
  for (const bubble of bubbles) ready.push(await readied(tools, bubble, signal))
  const entry = entryFor(tools, { ...job, opensChat }, bubbles)
  await begin(tools, entry, signal)
  const run = { ...job, place: { ...place }, entry }
  for (const [nth, one] of ready.entries()) {
    const known = entry.bubbles[nth]
    if (known === undefined) break
    try {
      if (nth > 0) await goOn(tools, run, known)
      await hand(tools, run, { ...one, known })
      if (nth === 0) await watch(tools, run, known)
    } catch (error) {
      throw ended(tools, entry, { failure: failures.duringIt(error), isFirst: nth === 0 })
    }
  }
  tools.journal.sent(entry)
  return acceptedOf(entry)
}

interface Ready {
  bubble: Bubble
  files: { path: string; name: string }[]
}

/** Files of a gallery are laid on the Mac before anything is sent: when that fails, nothing is out. */
async function readied({ backend }: DeliveryTools, bubble: Bubble, signal: AbortSignal): Promise<Ready> {
  const files: Ready['files'] = []
  for (const { file, name } of bubble.kind === 'parts' ? bubble.files : []) {
    try {
      files.push({ path: await backend.upload(file, name, signal), name })
    } catch (error) {
      throw failures.beforeIt(error)
    }
  }
  return { bubble, files }
}

function entryFor(
  { clock, journal, settings, server }: DeliveryTools,
  { message, chat, manner, opensChat }: Job & { opensChat: boolean },
  bubbles: readonly Bubble[],
): Entry {
  const now = clock.now()
  const last = journal.get(message.ref)
  const before = last === null ? { tries: 0, guids: [] } : { tries: last.before.tries + 1, guids: guidsOf(last) }
  const known = bubbles.map((bubble, nth): KnownBubble => {
    const mark = markOf(bubble)
    const textMs = settings.lostAfter * 1_000
    const fileTimes = timesLonger[manner === 'script' || (opensChat && nth === 0) ? 'scriptedFile' : 'file']
    return {
      ...{ tempId: `${message.ref}-${before.tries}-${nth}`, mark },
      ...{ worstMs: mark.files.length > 0 ? textMs * fileTimes : textMs, begunAt: nth === 0 ? now : null, guid: null },
    }
  })
  return { ref: message.ref, chat, at: now, bubbles: known, before, server, end: 'open', failure: null }
}

async function begin({ clock, host, journal, along }: DeliveryTools, entry: Entry, signal: AbortSignal): Promise<void> {
  if (signal.aborted) throw failures.notBegun()
  const askedMs = clock.monotonic()
  try {
    await journal.write(entry, along())
  } catch (error) {
    journal.drop(entry)
    host.log.error({ err: error }, 'A message could not be noted before it is sent, so that it is not sent.')
    throw failures.notNoted()
  }
  if (!signal.aborted && clock.monotonic() - askedMs < writingMs) return
  journal.failed(entry, failures.notBegun())
  throw failures.notBegun()
}

async function goOn({ clock, journal }: DeliveryTools, { entry, signal }: Run, known: KnownBubble): Promise<void> {
  if (signal.aborted) throw failures.notBegun()
  known.begunAt = clock.now()
  try {
    await journal.write(entry)
  } catch (error) {
    known.begunAt = null
    throw error
  }
  if (!signal.aborted) return
  known.begunAt = null
  throw failures.notBegun()
}

/** Asks for it, and finds the row that it became. */
async function hand(tools: DeliveryTools, run: Run, step: Ready & { known: KnownBubble }): Promise<void> {
  const { tracing, follow } = tools
  const { known } = step
  try {
    const row = await request(tools, run, step)
    const failure = row === null ? null : failures.rowFailure(row.error)
    const isKnown = row !== null && tracing.answered(run.entry, known, row)
    if (failure !== null) throw failure
    if (!isKnown) throw failures.unanswered()
  } catch (error) {
    const failure = failures.duringIt(error)
    if (failure.kind === 'retryable') await noteRemains(tools, run, known)
    if (failure.kind !== 'uncertain' || !(await isFound(tools, run, known))) throw failure
  }
  if (known.guid !== null) follow(known.guid)
}

/** What failed may have left a row, with an error: the try that comes next must not take it for its own. */
async function noteRemains({ tracing }: DeliveryTools, { entry, signal }: Run, known: KnownBubble): Promise<void> {
  if (known.guid !== null) return
  // Where it cannot be asked, nothing has arrived either.
  await tracing.search(entry, signal).catch(failures.passOver)
}

async function request(tools: DeliveryTools, run: Run, step: Ready & { known: KnownBubble }): Promise<Row | null> {
  const { backend } = tools
  const { bubble, files, known } = step
  const { place, manner, signal } = run
  if (place.server === null) return open(tools, run, { ...step, person: place.person })
  const shared = { tempId: known.tempId, privately: manner === 'private', effect: bubble.effect }
  const draft = { ...shared, chat: place.server, replyTo: bubble.replyTo }
  if (bubble.kind === 'text') return backend.sendText({ ...draft, text: bubble.text }, signal)
  if (bubble.kind === 'file') return backend.sendFile({ ...draft, file: bubble.file, name: bubble.name }, signal)
  return backend.sendParts({ ...draft, text: bubble.text, mentions: bubble.mentions, files }, signal)
}

/** With its first bubble the chat comes into being. */
async function open(
  { backend, book }: DeliveryTools,
  { chat, place, manner, signal }: Run,
  { bubble, known, person }: Ready & { known: KnownBubble; person: Handle | null },
): Promise<Row | null> {
  const { tempId } = known
  if (bubble.kind === 'text' && person !== null) {
    const draft = { tempId, privately: manner === 'private', effect: bubble.effect, people: [person] }
    const begun = await backend.startChat({ ...draft, text: bubble.text }, signal)
    book.noted(begun.chat)
    place.server = begun.chat.chat
    return begun.row
  }
  // The server makes a script of it that does without the chat (BlueBubbles 1.9.9), under the name that there will be.
  const [name] = namesOnServer(chat)
  if (bubble.kind !== 'file' || name === undefined) throw failures.needsText()
  const plain = { tempId, privately: false, effect: null, replyTo: null }
  const row = await backend.sendFile({ ...plain, chat: name, file: bubble.file, name: bubble.name }, signal)
  place.server = await book.onServer(chat, signal)
  return row
}

/** The answer was lost or cannot be right: what matters is whether it is there. */
async function isFound({ clock, tracing, book }: DeliveryTools, run: Run, known: KnownBubble): Promise<boolean> {
  const { entry, place, signal } = run
  for (const pauseMs of searchPausesMs) {
    await clock.sleep(pauseMs, signal)
    if (signal.aborted) return false
    const found = await tracing.search(entry, signal).catch((error: unknown) => {
      // It stays uncertain, and is asked after later.
      failures.passOver(error)
      return null
    })
    if (found?.failure) throw found.failure
    if (known.guid === null) continue
    if (place.server === null) place.server = await book.onServer(entry.chat, signal)
    return true
  }
  return false
}

/** To somebody of whom nobody knows whether they have iMessage: that they have none shows a moment later. */
async function watch({ clock, backend, reachability }: DeliveryTools, run: Run, known: KnownBubble): Promise<void> {
  const { place, signal } = run
  const { person } = place
  if (person === null || known.guid === null) return
  for (const pauseMs of watchPausesMs) {
    if (reachability.known(person) === true) return
    await clock.sleep(pauseMs, signal)
    const row: Row | null = await backend.row(known.guid, signal).catch((error: unknown) => {
      // It is sent all the same; from now on its receipts tell.
      failures.passOver(error)
      return null
    })
    const failure = row === null ? null : failures.rowFailure(row.error)
    if (failure !== null) throw failure
    if (row?.isDelivered) reachability.learn(person, true)
  }
}

/** What is out stays out; what is uncertain stays open. */
function ended(
  { journal }: DeliveryTools,
  entry: Entry,
  { failure, isFirst }: { failure: SendFailure; isFirst: boolean },
): SendFailure {
  if (failure.kind === 'uncertain') return failure
  const told = isFirst ? failure : failures.partly(failure)
  journal.failed(entry, told)
  return told
}
