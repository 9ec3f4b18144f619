/** One outcome → status, next step, events: what a send's answer, a receipt or a proof makes of a message. Pure. */
import type { Mint } from '../lib/mint.ts'
import type { Channel } from '../model/channel.ts'
import type { Conversation } from '../model/conversation.ts'
import { askAtLeastMs, askWithinMs, type Failed, type NextStep, nextStep, type SendFailure } from '../model/delivery.ts'
import type { ErrorCode } from '../model/errors.ts'
import type { EventMessage, NewEvent } from '../model/event.ts'
import { type ClientRef, clientRef, type EventId, type ProviderMessageId } from '../model/ids.ts'
import { advances, type Message, type Status, type TimelineEntry } from '../model/message.ts'
import type { Change, ClosedAttempt, EarlyReceipt, Fence, MessagePatch, State, Work } from '../store/changes.ts'

/** What the network said when it took the message. */
export interface Acceptance {
  channel: Channel
  providerId: ProviderMessageId
  conversation: Conversation
  /** The claim the attempt ran under; null when the proof came another way (an echo). */
  run: Fence | null
}

export interface Failing {
  failure: Failed & Pick<SendFailure, 'message'>
  /** The attempt as the worker knows it; when the row says otherwise, somebody else has settled it. */
  run: Fence | null
  tries: number
  dedupesByRef: boolean
  /** Its network can be asked what became of it. */
  asks?: boolean
  /** The network was asked what became of this ref: nothing went out under it, and nothing will. */
  answers?: ClientRef
}

export function eventMessage(message: Message, conversation: Conversation | null): EventMessage {
  return {
    id: message.id,
    lineId: message.lineId,
    externalId: message.providerId,
    from: message.from,
    to: message.to,
    text: message.content.text,
    channel: message.channel,
    status: message.status,
    metadata: message.metadata,
    conversation,
    retryCount: message.retryCount,
  }
}

/**
 * Acceptance is a fact, whoever learns it: it also ends a row that was recovered as uncertain meanwhile, so that
 * nothing sends it again. Only a row that another attempt is running on right now is left to that attempt.
 */
export function acceptedChange(state: State, accepted: Acceptance, mint: Mint): Change | null {
  const { message, work } = state
  const ours = work !== null && (work.run === accepted.run || work.run === null)
  if (!ours && !advances(message.status, 'sent')) return null
  const attempt =
    work !== null && ours ? closed(state, work, { outcome: 'accepted', providerId: accepted.providerId }) : null
  const draft = startOf(state, attempt, ours ? 'done' : 'keep')
  climb(draft, { to: 'sent', at: state.now, channel: accepted.channel, accepted }, mint)
  for (const receipt of state.early) applyReceipt(draft, receipt, accepted.conversation, mint)
  return draft.change
}

/** A receipt for a message whose id the network has told us before. */
export function receiptChange(
  state: State,
  receipt: EarlyReceipt,
  conversation: Conversation | null,
  mint: Mint,
): Change | null {
  const { work } = state
  // A receipt proves that the message is out: nothing may send it again.
  const draft = startOf(
    state,
    null,
    work !== null && work.run === null && receipt.status !== 'failed' ? 'done' : 'keep',
  )
  applyReceipt(draft, receipt, conversation, mint)
  const quiet = draft.change.entries.length === 0 && draft.change.work === 'keep'
  return quiet ? null : draft.change
}

export function failedChange(
  state: State,
  failing: Failing,
  conversation: Conversation | null,
  mint: Mint,
): Change | null {
  const { message, work, now } = state
  if (work === null || work.run !== failing.run || work.tries !== failing.tries) return null
  if (failing.answers !== undefined && !isAsked(state, failing.answers)) return null
  const tries = triesAfter(work)
  const { failure } = failing
  const attempt =
    work.confirming && failing.answers === undefined ? null : closed(state, { ...work, tries }, endBy(failure))
  // An echo or a receipt has told meanwhile what became of the message; the attempt has nothing to add.
  if (!advances(message.status, 'sent')) return startOf(state, attempt, 'done').change
  const step = stepAfter(state, work, failing)
  const later = (ms: number) => new Date(now.getTime() + ms)
  const draft = startOf(state, attempt, 'keep')
  const waits = waitsAfter(work, failing)
  const again = { channel: work.channel, rest: work.rest, tries, waits, doubtful: isDoubtful(work, failing) }
  if (step.do === 'retry')
    draft.change.work = { ...again, dueAt: later(step.afterMs), confirming: false, holds: step.hold }
  if (step.do === 'confirm')
    draft.change.work = { ...again, dueAt: later(step.withinMs), confirming: true, holds: false }
  if (step.do === 'ask') {
    const askedSince = askedSinceOf(state, work)
    draft.change.work = { ...again, dueAt: later(step.againMs), confirming: true, holds: false, askedSince }
  }
  if (step.do === 'fallBack') {
    draft.change.work = {
      ...{ dueAt: now, channel: step.to, rest: work.rest.slice(1), tries: 0 },
      ...{ confirming: false, holds: false, doubtful: false },
    }
    draft.change.patch.fallbackTriggered = true
    draft.change.entries.push(entry('fallback', now, step.to))
    const about = eventMessage({ ...message, channel: step.to }, conversation)
    tell(
      draft,
      { type: 'message.fallback', data: { message: about, fallbackFrom: work.channel, reason: failure.code } },
      mint,
    )
  }
  if (step.do === 'giveUp') {
    draft.change.work = 'done'
    if (advances(message.status, step.status))
      fail(
        draft,
        { to: step.status, code: step.code, detail: failure.message, channel: work.channel, conversation },
        mint,
      )
  }
  return draft.change
}

/** The line it was to be sent from is gone: what was never begun fails, what was begun is an outcome nobody will learn. */
export function orphanedChange(state: State, mint: Mint): Change | null {
  const { message, work } = state
  if (work === null) return null
  const begun = work.run !== null || work.confirming
  const draft = startOf(state, null, 'done')
  const to = begun ? ('unknown' as const) : ('failed' as const)
  const code = begun ? 'OUTCOME_UNKNOWN' : 'ADDRESS_NOT_AUTHORIZED'
  const detail = 'The number this message was to be sent from was removed.'
  if (advances(message.status, to))
    fail(draft, { to, code, detail, channel: message.channel, conversation: null }, mint)
  return draft.change
}

/** What the lane must wait for after this failure: null when only the message waits. */
export function holdOf(state: State, failing: Failing): number | null {
  const step = stepOf(state, failing)
  return step?.do === 'retry' && step.hold ? step.afterMs : null
}

/** Whether the network is now to be asked what became of it. */
export function isToBeAsked(state: State, failing: Failing): boolean {
  return stepOf(state, failing)?.do === 'ask'
}

function stepOf(state: State, failing: Failing): NextStep | null {
  const { message, work } = state
  return work === null || !advances(message.status, 'sent') ? null : stepAfter(state, work, failing)
}

/** An answer may come late: then it says nothing about what has begun since. */
function isAsked({ message, work }: State, ref: ClientRef): boolean {
  return work?.confirming === true && refOf(message, work) === ref
}

function refOf(message: Message, { channel }: Work): ClientRef {
  return clientRef(message.id, channel, message.retryCount)
}

function askedSinceOf({ now }: State, { askedSince, runStartedAt }: Work): Date {
  const earliestMs = now.getTime() - askWithinMs + askAtLeastMs
  return askedSince ?? new Date(Math.max(earliestMs, (runStartedAt ?? now).getTime()))
}

/** Tries with the one that failed; one that failed before it began counts too, waiting for proof does not. */
function triesAfter(work: Work): number {
  return work.run !== null || work.confirming ? work.tries : work.tries + 1
}

function waitsAfter(work: Work, { failure }: Failing): number {
  return (work.waits ?? 0) + (failure.throttled === true ? 1 : 0)
}

/** An answer is about the ref, and so about every try on this channel. */
function isDoubtful(work: Work, { failure, answers }: Failing): boolean {
  return answers === undefined && (work.doubtful === true || failure.kind === 'uncertain')
}

/**
 * An earlier try on this channel may have gone out. Then a later one may be repeated, but however plainly it fails
 * it says nothing about the earlier one: no other channel, no plain failure, only waiting for proof.
 */
function stepAfter(state: State, work: Work, failing: Failing): NextStep {
  const { failure, dedupesByRef, answers, asks } = failing
  const isAnswered = answers !== undefined
  // What is in doubt never moves on to another channel, so it has the patience of what has no other.
  const rest = isDoubtful(work, failing) ? [] : work.rest
  const waits = waitsAfter(work, failing)
  const askedForMs = state.now.getTime() - askedSinceOf(state, work).getTime()
  const facts = {
    ...{ tries: triesAfter(work), waits, rest, waitedForProof: work.confirming && !isAnswered },
    // Once it is asked, it stays so, also while there is no connection that could be.
    ...((asks === true || (work.askedSince ?? null) !== null) && !isAnswered && { askedForMs }),
  }
  const step = nextStep({ ...facts, failure, dedupesByRef })
  if (work.doubtful !== true || isAnswered || step.do === 'retry') return step
  return nextStep({ ...facts, failure: { ...failure, kind: 'uncertain' }, dedupesByRef: false })
}

interface Draft {
  state: State
  /** The message as far as it has been changed. */
  message: Message
  change: Change & { patch: MessagePatch; entries: TimelineEntry[]; events: NewEvent[] }
}

function startOf(state: State, attempt: ClosedAttempt | null, work: Change['work']): Draft {
  return { state, message: state.message, change: { patch: {}, entries: [], attempt, work, events: [] } }
}

function patch(draft: Draft, fields: MessagePatch): void {
  Object.assign(draft.change.patch, fields)
  draft.message = { ...draft.message, ...fields }
}

export type Untold = {
  [T in NewEvent['type']]: { type: T; data: Extract<NewEvent, { type: T }>['data'] }
}[NewEvent['type']]

/** An event about this message, or about nothing that was accepted over the API. */
export function newEvent(event: Untold, about: Pick<Message, 'correlationId'> | null, mint: Mint): NewEvent {
  return { ...event, id: mint() as EventId, correlationId: about?.correlationId ?? null } as NewEvent
}

function tell(draft: Draft, event: Untold, mint: Mint): void {
  draft.change.events.push(newEvent(event, draft.state.message, mint))
}

function entry(status: string, at: Date, channel: Channel | null): TimelineEntry {
  return { status, at: at.toISOString(), channel }
}

interface Climb {
  to: 'sent' | 'delivered' | 'read'
  at: Date
  channel: Channel | null
  accepted?: Acceptance
  conversation?: Conversation | null
}

const stamps = { sent: 'sentAt', delivered: 'deliveredAt', read: 'readAt' } as const

/** Up one rung: status, timestamp, timeline and the rung's one event. Nothing when the message is past it. */
function climb(draft: Draft, step: Climb, mint: Mint): void {
  const conversation = step.accepted?.conversation ?? step.conversation ?? null
  if (step.accepted !== undefined && draft.message.providerId === null) {
    patch(draft, {
      channel: step.channel,
      providerId: step.accepted.providerId,
      conversationId: step.accepted.conversation.id,
    })
  }
  if (!advances(draft.message.status, step.to)) {
    // Late news of a rung below: kept in the timeline, told to nobody.
    if (draft.message[stamps[step.to]] === null && isPast(draft.message.status, step.to)) {
      patch(draft, { [stamps[step.to]]: step.at })
      draft.change.entries.push(entry(step.to, step.at, step.channel))
    }
    return
  }
  const proved = step.to !== 'sent' && draft.message.sentAt === null
  if (proved) climb(draft, { ...step, to: 'sent' }, mint)
  patch(draft, { status: step.to, [stamps[step.to]]: step.at, errorCode: null, errorMessage: null })
  draft.change.entries.push(entry(step.to, step.at, step.channel))
  const message = eventMessage(draft.message, conversation)
  const at = step.at.toISOString()
  if (step.to === 'sent') tell(draft, { type: 'message.sent', data: { message, sentAt: at } }, mint)
  if (step.to === 'delivered') tell(draft, { type: 'message.delivered', data: { message, deliveredAt: at } }, mint)
  if (step.to === 'read') tell(draft, { type: 'message.read', data: { message, readAt: at } }, mint)
}

const ladder: readonly Status[] = ['sent', 'delivered', 'read']

function isPast(status: Status, rung: Status): boolean {
  return ladder.includes(status) && ladder.indexOf(status) > ladder.indexOf(rung)
}

const failureCodes: Record<Channel, ErrorCode> = {
  imessage: 'IMESSAGE_SEND_FAILED',
  sms: 'SMS_SEND_FAILED',
  whatsapp: 'WHATSAPP_SEND_FAILED',
}

function applyReceipt(draft: Draft, receipt: EarlyReceipt, conversation: Conversation | null, mint: Mint): void {
  const { channel } = draft.message
  if (receipt.status !== 'failed') {
    climb(draft, { to: receipt.status, at: new Date(receipt.at), channel, conversation }, mint)
    return
  }
  if (!advances(draft.message.status, 'failed')) return
  const code = receipt.code ?? (channel === null ? 'NO_CHANNEL_AVAILABLE' : failureCodes[channel])
  const detail = receipt.detail ?? 'The network reported that the message could not be delivered.'
  if (draft.state.work !== null && draft.state.work.run === null) draft.change.work = 'done'
  fail(draft, { to: 'failed', code, detail, channel, conversation }, mint)
}

interface Fall {
  to: 'failed' | 'unknown'
  code: ErrorCode
  detail: string
  channel: Channel | null
  conversation: Conversation | null
}

function fail(draft: Draft, fall: Fall, mint: Mint): void {
  patch(draft, { status: fall.to, channel: fall.channel, errorCode: fall.code, errorMessage: fall.detail })
  draft.change.entries.push(entry('failed', draft.state.now, fall.channel))
  const message = eventMessage(draft.message, fall.conversation)
  tell(draft, { type: 'message.failed', data: { message, errorCode: fall.code, errorMessage: fall.detail } }, mint)
}

type End = Pick<ClosedAttempt, 'outcome'> & { code?: string; detail?: string; providerId?: ProviderMessageId }

function endBy({ kind, code, message }: Failing['failure']): End {
  return { outcome: kind, code, detail: message }
}

function closed(state: State, work: Work, end: End): ClosedAttempt {
  return {
    number: work.tries,
    channel: work.channel,
    ref: refOf(state.message, work),
    outcome: end.outcome,
    code: end.code ?? null,
    detail: end.detail ?? null,
    providerId: end.providerId ?? null,
    startedAt: work.runStartedAt ?? work.askedSince ?? null,
  }
}
