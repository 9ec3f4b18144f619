/** Claims lanes, begins each attempt in the database, hands it to the network, settles what came back. */
import type { Accepted, Connection, Outgoing, Quoted } from '../channels/connector.ts'
import { WorkLoop } from '../lib/work-loop.ts'
import { MediaBusy } from '../media/preparing.ts'
import type { Capabilities, Channel } from '../model/channel.ts'
import { targetOfLane } from '../model/conversation.ts'
import { SendFailure } from '../model/delivery.ts'
import type { ErrorCode } from '../model/errors.ts'
import { fit } from '../model/fit.ts'
import { type ClientRef, type CustomerId, clientRef, type Handle, type LineId } from '../model/ids.ts'
import type { OutgoingFile } from '../model/media/file.ts'
import type { Attachment, Message } from '../model/message.ts'
import type { Fence } from '../store/changes.ts'
import type { Begin, ClaimedLane, ClaimOptions, Finish, Head } from '../store/outbox.ts'
import {
  createQuestions,
  insist,
  learnFrom,
  type OutcomeLedger,
  type OutcomeOptions,
  type Questions,
  settleAccepted,
  settleFailed,
} from './outcomes.ts'
import { eventMessage, type Failing, holdOf, isToBeAsked, newEvent } from './settle.ts'

/** What the outbox needs of the store; the simulation has a model of exactly this. */
export interface OutboxLedger extends OutcomeLedger {
  claim(options: ClaimOptions): Promise<ClaimedLane[]>
  begin(attempt: Begin): Promise<boolean>
  finish(lane: Finish): Promise<boolean>
}

export interface OutboxOptions extends OutcomeOptions {
  ledger: OutboxLedger
  node(): number
  /** The lines this process holds, and their connections. */
  held(): readonly { customerId: CustomerId; lineId: LineId }[]
  /** Null: the line's provider has no such channel. */
  capabilities(channel: Channel, lineId: LineId): Capabilities | null
  /** Of these channels, those on which nothing may be sent to this person. */
  closed(customerId: CustomerId, handle: Handle, channels: readonly Channel[]): Promise<readonly Channel[]>
  /** Known not to be on the channel, from the cache. */
  knownAbsent(line: { customerId: CustomerId; lineId: LineId }, channel: Channel, handle: Handle): Promise<boolean>
  replyTarget(message: Message, channel: Channel): Promise<Quoted | null>
  /** Files in a form the channel takes; throws SendFailure for what cannot be had or made. */
  files(message: Message, files: readonly Attachment[], capabilities: Capabilities): Promise<readonly OutgoingFile[]>
  sendTimeoutMs?: number
  concurrency?: number
}

export interface Outbox {
  start(): void
  /** There may be work. */
  wake(): void
  /** When it last looked for work and got an answer, on the monotonic clock. */
  lastClaimAt(): number
  /** Claims nothing more, lets what is being sent end, and after a while ends it as uncertain. */
  stop(): Promise<void>
  /** Fences of the lanes being worked on, for renewal. */
  fences(): Fence[]
  /** Renewal failed for these: stop touching their lanes. */
  lose(fences: readonly Fence[]): void
}

export const laneLeaseMs = 30_000
const headsPerClaim = 20
const pollMs = 500
/** A network that hangs may keep so many lanes of its line busy and no more: the rest is for the other lines. */
const lanesPerLine = 128
/** Small bites: with 128 at once the answers to callers waited (p99 55 ms against 27 ms at 80 % load, see docs/benchmarks.md). */
const lanesPerClaim = 64
const stumbleMs = 5_000
const filesAgainMs = 1_000
/** How long a send may go on after the gateway was told to stop. */
const drainMs = 5_000

/** `lost`: the lane is not ours any more; nothing may be done in its name. */
type HeadEnd = { lane: 'on' } | { lane: 'hold'; ms: number } | { lane: 'lost' }

export function createOutbox(options: OutboxOptions): Outbox {
  const active = new Map<Fence, { lost: boolean; lineId: LineId }>()
  const ending = new AbortController()
  const sending = new Set<ClientRef>()
  const questions = createQuestions(options, (ref) => sending.has(ref))
  const working: Working = { ...options, ending: ending.signal, sending, questions }
  const loop = new WorkLoop<ClaimedLane>({
    clock: options.clock,
    concurrency: options.concurrency ?? 256,
    pollMs,
    claim: async (lanesMax) => {
      const lines = withRoom(options.held(), active.values())
      if (lines.length === 0) return []
      const limits = { lanesMax: Math.min(lanesMax, lanesPerClaim), headsMax: headsPerClaim, leaseMs: laneLeaseMs }
      return options.ledger.claim({ lines, node: options.node(), ...limits })
    },
    run: (lane) => runLane(lane),
    onError: (error) => options.onError(error, { loop: 'outbox' }),
  })

  async function runLane(lane: ClaimedLane): Promise<void> {
    const hold = { lost: false, lineId: lane.lineId }
    active.set(lane.fence, hold)
    let holdMs: number | null = null
    try {
      for (const head of lane.heads) {
        if (hold.lost || loop.stopping) break
        const end = await runHead(working, lane, head)
        if (end.lane === 'hold') holdMs = end.ms
        if (end.lane !== 'on') break
      }
    } catch (error) {
      // A bug, or a database that stayed away: the lane is looked at again before its lease ends, but not at once.
      options.onError(error, { lane: lane.fence })
      holdMs = stumbleMs
    } finally {
      active.delete(lane.fence)
    }
    if (hold.lost) return
    const due = await insist(options, { lane: lane.fence, doing: 'finish' }, () =>
      options.ledger.finish({ key: lane, fence: lane.fence, holdMs }),
    )
    if (due) loop.wake()
  }

  return {
    start: () => loop.start(),
    wake: () => loop.wake(),
    async stop() {
      const done = new AbortController()
      void options.clock.sleep(drainMs, done.signal).then(() => {
        if (!done.signal.aborted) ending.abort()
      })
      await loop.stop()
      done.abort()
      await questions.stop()
    },
    lastClaimAt: () => loop.lastClaimAt,
    fences: () => [...active.keys()],
    lose: (fences) => {
      for (const fence of fences) {
        const hold = active.get(fence)
        if (hold !== undefined) hold.lost = true
      }
    },
  }
}

function withRoom<HeldLine extends { lineId: LineId }>(
  held: readonly HeldLine[],
  active: Iterable<{ lineId: LineId }>,
): readonly HeldLine[] {
  const busy = new Map<LineId, number>()
  for (const { lineId } of active) busy.set(lineId, (busy.get(lineId) ?? 0) + 1)
  return held.filter((line) => (busy.get(line.lineId) ?? 0) < lanesPerLine)
}

/** `ending` aborts when the gateway cannot wait any longer for what is being sent. */
interface Working extends OutboxOptions {
  ending: AbortSignal
  /** From before an attempt begins until its end is known here. */
  sending: Set<ClientRef>
  questions: Questions
}

async function runHead(options: Working, lane: ClaimedLane, head: Head): Promise<HeadEnd> {
  const { message, work } = head
  const failing = (failure: SendFailure): Failing => ({
    failure,
    run: work.run,
    tries: work.tries,
    dedupesByRef: options.capabilities(work.channel, lane.lineId)?.dedupesByRef ?? false,
    asks: options.connection(lane.lineId, work.channel)?.outcomeOf !== undefined,
  })
  if (work.confirming) return settleFailure(options, head, failing(noProof()))
  if (work.run !== null) return settleFailure(options, head, failing(interrupted()))
  const waking = message.status === 'scheduled' ? await wakeScheduled(options, message) : message
  if (waking === null) return { lane: 'on' }
  const ready = await prepare(options, { ...head, message: waking })
  if (ready instanceof SendFailure) return settleFailure(options, head, failing(ready))
  if ('lane' in ready) return ready
  const waitMs = ready.connection.turn?.(ready.outgoing) ?? 0
  if (waitMs > 0) return { lane: 'hold', ms: waitMs }
  const { ref } = ready.outgoing
  options.sending.add(ref)
  try {
    const granted = await options.ledger.begin({ key: lane, fence: lane.fence, seq: work.seq, tries: work.tries })
    if (!granted) return { lane: 'lost' }
    const result = await sendInTime(options, ready)
    options.sending.delete(ref)
    return await settle(options, { lane, head, ...ready }, result)
  } finally {
    options.sending.delete(ref)
  }
}

function noProof(): SendFailure {
  return new SendFailure(
    'uncertain',
    'OUTCOME_UNKNOWN',
    'The network never said whether it took the message. Check with the recipient before you retry: a retry may duplicate it.',
  )
}

function interrupted(): SendFailure {
  return new SendFailure('uncertain', 'OUTCOME_UNKNOWN', 'The gateway stopped while it was sending this message.', {
    scope: 'link',
  })
}

/** Due at last: from here on it is a queued message like any other. */
async function wakeScheduled(options: OutboxOptions, message: Message): Promise<Message | null> {
  const outcome = await options.ledger.change({
    customerId: message.customerId,
    messageId: message.id,
    named: null,
    decide: ({ message: current, now }) => {
      if (current.status !== 'scheduled') return null
      const queued = { ...current, status: 'queued' as const }
      return {
        patch: { status: 'queued' },
        entries: [{ status: 'queued', at: now.toISOString(), channel: null }],
        attempt: null,
        work: 'keep',
        events: [
          newEvent({ type: 'message.queued', data: { message: eventMessage(queued, null) } }, current, options.mint),
        ],
      }
    },
  })
  if (outcome?.changed) options.told(message.customerId)
  return outcome !== null && outcome.after.status === 'queued' ? outcome.after : null
}

interface Ready {
  connection: Connection
  outgoing: Outgoing
}

const notConnected: Record<Channel, ErrorCode> = {
  imessage: 'IMESSAGE_SEND_FAILED',
  sms: 'SMS_SEND_FAILED',
  whatsapp: 'WHATSAPP_NOT_CONNECTED',
}

/** Everything that can be known before the network is touched. */
async function prepare(options: Working, head: Head): Promise<Ready | SendFailure | HeadEnd> {
  const { message, work } = head
  const line = { customerId: message.customerId, lineId: message.lineId }
  const target = targetOfLane(work.lane)
  const guarded = message.content.answersChoice !== true && 'handle' in target
  if (guarded && (await options.closed(message.customerId, target.handle, [work.channel])).length > 0) {
    const detail = `The recipient asked to get no more messages on ${work.channel} before this one was sent.`
    return new SendFailure('refused', 'RECIPIENT_OPTED_OUT', detail)
  }
  const connection = options.connection(message.lineId, work.channel)
  if (connection === null) {
    return new SendFailure('retryable', notConnected[work.channel], `The line has no ${work.channel} link right now.`, {
      scope: 'link',
    })
  }
  if ('handle' in target && (await options.knownAbsent(line, work.channel, target.handle))) {
    return new SendFailure('unreachable', 'NO_CHANNEL_AVAILABLE', `The recipient is not on ${work.channel}.`)
  }
  const fitted = fit(message.content, connection.capabilities, 'chat' in target)
  if (!fitted.ok) return new SendFailure('refused', fitted.code, fitted.detail)
  const { text, mentions, effect, location, reply } = fitted.fitted
  const attachments = await filesInTime(options, message, fitted.fitted.attachments, connection.capabilities)
  if (attachments instanceof SendFailure || 'lane' in attachments) return attachments
  const replyTo = reply ? await options.replyTarget(message, work.channel) : null
  const ref = clientRef(message.id, work.channel, message.retryCount)
  return { connection, outgoing: { ref, to: target, text, attachments, replyTo, mentions, effect, location } }
}

/**
 * Fetching a file may take longer than the gateway has left: then whoever claims the lane next begins anew. And one
 * customer's files may take so much room and no more: then their lane makes way for others and is looked at again.
 */
async function filesInTime(
  { files, ending }: Working,
  ...[message, attachments, capabilities]: Parameters<OutboxOptions['files']>
): Promise<readonly OutgoingFile[] | SendFailure | HeadEnd> {
  if (attachments.length === 0) return []
  const done = new AbortController()
  const ended = new Promise<HeadEnd>((resolve) => {
    const end = () => resolve({ lane: 'lost' })
    if (ending.aborted) end()
    ending.addEventListener('abort', end, { once: true, signal: done.signal })
  })
  try {
    return await Promise.race([files(message, attachments, capabilities).catch(knownFailure), ended])
  } finally {
    done.abort(over)
  }
}

function knownFailure(error: unknown): SendFailure | HeadEnd {
  if (error instanceof SendFailure) return error
  if (error instanceof MediaBusy) return { lane: 'hold', ms: filesAgainMs }
  throw error
}

async function settle(
  options: Working,
  { lane, head, connection }: Ready & { lane: ClaimedLane; head: Head },
  result: Accepted | SendFailure,
): Promise<HeadEnd> {
  const { message, work } = head
  const sent = { message, channel: work.channel, run: lane.fence }
  if (!(result instanceof SendFailure)) {
    await settleAccepted(options, sent, result)
    return { lane: 'on' }
  }
  await learnFrom(options, sent, result)
  const { dedupesByRef } = connection.capabilities
  const asks = connection.outcomeOf !== undefined
  const tries = work.tries + 1
  return settleFailure(options, head, { failure: result, run: lane.fence, tries, dedupesByRef, asks })
}

/** A reason that is made once: without one each abort makes an error with a stack, a fiftieth of the time of a send. */
const over = 'over'
const sendTimeoutMsDefault = 30_000
const sendTimeoutMsMax = 20 * 60_000

/** A send that outlives its time, or fails in a way nobody foresaw, may have gone out: uncertain. */
async function sendInTime(options: Working, { connection, outgoing }: Ready): Promise<Accepted | SendFailure> {
  const done = new AbortController()
  const timeout = new AbortController()
  const wake = () => done.abort(over)
  // Not AbortSignal.any: `ending` lives as long as the gateway, and each combined signal would hang on to it for a while.
  options.ending.addEventListener('abort', wake)
  if (options.ending.aborted) wake()
  const patienceMs = connection.patienceMs?.(outgoing) ?? options.sendTimeoutMs ?? sendTimeoutMsDefault
  const late = options.clock.sleep(Math.min(patienceMs, sendTimeoutMsMax), done.signal).then(() => {
    timeout.abort(over)
    return new SendFailure('uncertain', 'PROVIDER_TIMEOUT', 'The network did not answer in time.', { scope: 'link' })
  })
  try {
    return await Promise.race([connection.send(outgoing, timeout.signal).catch(asFailure), late])
  } finally {
    options.ending.removeEventListener('abort', wake)
    wake()
  }
}

function asFailure(error: unknown): SendFailure {
  if (error instanceof SendFailure) return error
  const detail = error instanceof Error ? error.message : String(error)
  return new SendFailure('uncertain', 'OUTCOME_UNKNOWN', `The send failed unexpectedly: ${detail}`)
}

async function settleFailure(options: Working, { message, work }: Head, failing: Failing): Promise<HeadEnd> {
  const outcome = await settleFailed(options, message, failing)
  if (outcome === null) return { lane: 'on' }
  // It was settled already: by whoever took over the lane, or by a change of ours whose answer was lost. Whether it
  // holds back those behind it, only the next claim sees.
  if (!outcome.changed) return { lane: 'lost' }
  if (isToBeAsked(outcome.before, failing))
    options.questions.ask({ message, channel: work.channel, tries: failing.tries })
  const ms = holdOf(outcome.before, failing)
  return ms === null ? { lane: 'on' } : { lane: 'hold', ms }
}
