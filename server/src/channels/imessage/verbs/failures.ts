/** How verbs fail. Each has a deadline of its own: callers hear after 15 s that nobody knows what became of it. */
import type { Clock } from '../../../lib/clock.ts'
import { EgressError } from '../../../lib/egress/trouble.ts'
import { SendFailure } from '../../../model/delivery.ts'
import type { ErrorCode } from '../../../model/errors.ts'
import type { ProviderChatId } from '../../../model/ids.ts'
import type { Backend, ServerChat } from '../backend.ts'
import type { ChatBook } from '../chat-book.ts'
import { within } from '../deadline.ts'
import { ServerTrouble } from '../troubles.ts'

export interface VerbTools {
  clock: Clock
  backend: Backend
  book: ChatBook
  isUp(): boolean
}

/** The server waits up to 43 s for what does not happen (BlueBubbles 1.9.9); what happens does so in a few seconds. */
const verbMs = 12_000
/** For a look at how things are, after a verb whose end nobody heard. */
const lookMs = 2_500

/** Runs a verb that fails with this code. */
export async function attempt<Result>(
  { clock, isUp }: Pick<VerbTools, 'clock' | 'isUp'>,
  code: ErrorCode,
  run: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  if (!isUp()) throw notConnected()
  try {
    return await within(clock, { ms: verbMs, late: unanswered }, run)
  } catch (error) {
    throw worded(error, code)
  }
}

/** Done, if it turns out to be so although nobody said it. */
export async function verified(
  { clock }: Pick<VerbTools, 'clock'>,
  verb: Promise<void>,
  isDone: (signal: AbortSignal) => Promise<boolean>,
): Promise<void> {
  try {
    await verb
  } catch (error) {
    const isDoubtful = error instanceof SendFailure && error.kind === 'uncertain'
    if (!isDoubtful) throw error
    // Whoever cannot be asked leaves it as it was: nobody knows.
    const isSo = await within(clock, { ms: lookMs, late: unanswered }, isDone).catch(() => false)
    if (!isSo) throw error
  }
}

export async function chatOnServer(
  { book }: Pick<VerbTools, 'book'>,
  chat: ProviderChatId,
  signal: AbortSignal,
): Promise<ServerChat> {
  const server = await book.onServer(chat, signal)
  if (server === null) throw noSuchChat()
  return server
}

export function noSuchChat(): SendFailure {
  return new SendFailure('refused', 'CONVERSATION_NOT_FOUND', 'There is no such chat on the Mac.')
}

export function refused(code: ErrorCode, detail: string): SendFailure {
  return new SendFailure('refused', code, detail)
}

export function unanswered(): SendFailure {
  const detail = 'The server on the Mac did not answer in time. It may have done it all the same.'
  return new SendFailure('uncertain', 'PROVIDER_TIMEOUT', detail)
}

function notConnected(): SendFailure {
  return new SendFailure('retryable', 'SERVICE_UNAVAILABLE', 'The iMessage link of this line is not connected.', {
    scope: 'link',
  })
}

/** A failed send and a failed verb break in the same way and are told under different codes. */
function worded(error: unknown, code: ErrorCode): unknown {
  if (error instanceof EgressError || error instanceof ServerTrouble) {
    const detail = `The server on the Mac could not be asked. ${error.message}`
    return new SendFailure('retryable', 'SERVICE_UNAVAILABLE', detail, { scope: 'link' })
  }
  if (!(error instanceof SendFailure) || error.code !== 'IMESSAGE_SEND_FAILED') return error
  const { kind, scope, retryAfterMs, throttled, partly } = error
  if (kind === 'unreachable') return new SendFailure(kind, 'NO_CHANNEL_AVAILABLE', error.message)
  const extra = { scope, throttled, partly, ...(retryAfterMs !== null && { retryAfterMs }) }
  return new SendFailure(kind, code, error.message, extra)
}
