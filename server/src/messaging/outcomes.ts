/** What became of a send: written down once it is known, and asked after for as long as it is not. */
import type { Accepted, Connection, Outcome } from '../channels/connector.ts'
import type { Clock } from '../lib/clock.ts'
import type { Mint } from '../lib/mint.ts'
import type { Channel } from '../model/channel.ts'
import { type Conversation, targetOfLane } from '../model/conversation.ts'
import type { SendFailure } from '../model/delivery.ts'
import { GatewayError } from '../model/errors.ts'
import {
  type ClientRef,
  type ConversationId,
  type CustomerId,
  clientRef,
  type Handle,
  type LineId,
} from '../model/ids.ts'
import type { Message } from '../model/message.ts'
import type { ChangeOutcome, ChangeRequest, Fence } from '../store/changes.ts'
import { acceptedChange, type Failing, failedChange } from './settle.ts'

export interface OutcomeLedger {
  change(request: ChangeRequest): Promise<ChangeOutcome>
}

export interface OutcomeOptions {
  ledger: OutcomeLedger
  clock: Clock
  mint: Mint
  connection(lineId: LineId, channel: Channel): Connection | null
  learnAbsent(line: { customerId: CustomerId; lineId: LineId }, channel: Channel, handle: Handle): Promise<void>
  conversations: {
    get(customerId: CustomerId, id: ConversationId): Promise<Conversation | null>
    ofSend(message: Message, channel: Channel, chat: Conversation['providerChatId']): Promise<Conversation>
  }
  /** Events were written for this customer. */
  told(customerId: CustomerId): void
  onError(error: unknown, facts: object): void
}

/** One send of which something is known; `run` is the claim it ran under, null when it was learnt by asking. */
export interface Sent {
  message: Message
  channel: Channel
  run: Fence | null
}

export async function settleAccepted(options: OutcomeOptions, sent: Sent, accepted: Accepted): Promise<void> {
  const { message, channel, run } = sent
  const { providerId, parts, chat } = accepted
  await insist(options, { message: message.id, doing: 'settle' }, async () => {
    const conversation = await options.conversations.ofSend(message, channel, chat)
    const isInParts = parts !== undefined && parts.length > 1
    return options.ledger.change({
      customerId: message.customerId,
      messageId: message.id,
      named: { lineId: message.lineId, channel, providerId, ...(isInParts && { parts }) },
      decide: (state) => acceptedChange(state, { channel, providerId, conversation, run }, options.mint),
    })
  })
  options.told(message.customerId)
}

export async function settleFailed(
  options: OutcomeOptions,
  message: Message,
  failing: Failing,
): Promise<ChangeOutcome> {
  const { customerId, id, conversationId } = message
  const outcome = await insist(options, { message: id, doing: 'settle' }, async () => {
    const conversation = conversationId === null ? null : await options.conversations.get(customerId, conversationId)
    return options.ledger.change({
      customerId,
      messageId: id,
      named: null,
      decide: (state) => failedChange(state, failing, conversation, options.mint),
    })
  })
  if (outcome?.changed) options.told(customerId)
  return outcome
}

/** Only a cache: what the network has said stands without it. */
export async function learnFrom(options: OutcomeOptions, { message, channel }: Sent, failure: SendFailure) {
  const target = targetOfLane(message.lane ?? '')
  if (failure.kind !== 'unreachable' || !('handle' in target)) return
  const learnt = options.learnAbsent(message, channel, target.handle)
  await learnt.catch((error: unknown) => options.onError(error, { message: message.id, doing: 'learn' }))
}

const insistPausesMs = [50, 100, 200, 500, 1_000, 2_000, 4_000, 8_000]

/**
 * What the network answered is known only here: a database that is away for a moment must not turn it into an
 * unknown outcome, nor keep a lane waiting for the end of its lease. After the last pause that lease decides.
 */
export async function insist<Result>(
  options: Pick<OutcomeOptions, 'clock' | 'onError'>,
  facts: object,
  write: () => Promise<Result>,
): Promise<Result> {
  for (const pauseMs of insistPausesMs) {
    try {
      return await write()
    } catch (error) {
      if (!(error instanceof GatewayError) || error.code !== 'SERVICE_UNAVAILABLE') throw error
      options.onError(error, facts)
      await options.clock.sleep(pauseMs)
    }
  }
  return write()
}

/** An attempt that nobody heard the end of. */
export interface Doubt {
  message: Message
  channel: Channel
  tries: number
}

export interface Questions {
  /** Asks in the background, once: whoever gets no answer comes again. No lane waits for it. */
  ask(doubt: Doubt): void
  /** Gives up what has no answer yet, and resolves once what was answered is written. */
  stop(): Promise<void>
}

/** Longer than this a network takes for no answer. */
const answerWithinMs = 10_000
/** A network that hangs is asked so many questions of one line at once, and no more. */
const questionsPerLine = 16

/** `isSending`: this very process has a send under this ref under way, so that no answer could be the last word. */
export function createQuestions(options: OutcomeOptions, isSending: (ref: ClientRef) => boolean): Questions {
  const asking = new Map<ClientRef, { lineId: LineId; end: Promise<void> }>()
  const stopping = new AbortController()

  async function ask(doubt: Doubt, ref: ClientRef): Promise<void> {
    try {
      const outcome = await answerTo(options, { ...doubt, ref }, stopping.signal)
      if (outcome !== 'open') await settleOutcome(options, { ...doubt, ref }, outcome)
    } catch (error) {
      // The message is still asked after: nothing is lost but this answer.
      options.onError(error, { message: doubt.message.id, doing: 'ask' })
    } finally {
      asking.delete(ref)
    }
  }

  return {
    ask(doubt) {
      const { id, lineId, retryCount } = doubt.message
      const ref = clientRef(id, doubt.channel, retryCount)
      if (stopping.signal.aborted || asking.has(ref) || isSending(ref)) return
      if ([...asking.values()].filter((other) => other.lineId === lineId).length >= questionsPerLine) return
      asking.set(ref, { lineId, end: ask(doubt, ref) })
    },
    async stop() {
      stopping.abort()
      await Promise.all([...asking.values()].map(({ end }) => end))
    },
  }
}

type Answer = Exclude<Outcome, { what: 'open' }>

async function answerTo(
  { connection: connectionOf, clock }: OutcomeOptions,
  { message, channel, ref }: Doubt & { ref: ClientRef },
  stopping: AbortSignal,
): Promise<Answer | 'open'> {
  const connection = connectionOf(message.lineId, channel)
  if (connection?.outcomeOf === undefined || stopping.aborted) return 'open'
  const done = new AbortController()
  const giveUp = () => done.abort()
  stopping.addEventListener('abort', giveUp)
  const late = clock.sleep(answerWithinMs, done.signal).then((): Outcome => ({ what: 'open' }))
  try {
    const outcome = await Promise.race([connection.outcomeOf(ref), late])
    // Whoever says that it failed, and does not know whether, does not know.
    const isOpen = outcome.what === 'open' || (outcome.what === 'failed' && outcome.failure.kind === 'uncertain')
    return isOpen ? 'open' : outcome
  } catch {
    // It cannot be asked now, and is asked again: what is wrong with the link, the link tells itself.
    return 'open'
  } finally {
    stopping.removeEventListener('abort', giveUp)
    giveUp()
  }
}

async function settleOutcome(
  options: OutcomeOptions,
  { message, channel, tries, ref }: Doubt & { ref: ClientRef },
  outcome: Answer,
): Promise<void> {
  const sent = { message, channel, run: null }
  if (outcome.what === 'sent') return settleAccepted(options, sent, outcome.accepted)
  const { failure } = outcome
  await learnFrom(options, sent, failure)
  await settleFailed(options, message, { failure, run: null, tries, dedupesByRef: false, answers: ref })
}
