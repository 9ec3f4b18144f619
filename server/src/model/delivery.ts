/** Delivery attempts, how they fail, and what to do next. Pure: no clock, no I/O; delays, never dates. */
import type { Channel } from './channel.ts'
import type { ErrorCode } from './errors.ts'
import { storable } from './text.ts'

/**
 * retryable: nothing left the gateway; the same channel may work later.
 * unreachable: this person is not on this channel.
 * refused: this channel will never take this message.
 * uncertain: it may have been delivered; a blind resend could duplicate it.
 */
export type FailureKind = 'retryable' | 'unreachable' | 'refused' | 'uncertain'

/**
 * What failed. A failing link would fail the messages behind this one too, so they wait with it; a message that
 * fails for its own sake (its media, its recipient) lets the others pass while it backs off.
 */
export type FailureScope = 'link' | 'message'

export class SendFailure extends Error {
  override readonly name = 'SendFailure'
  readonly kind: FailureKind
  readonly code: ErrorCode
  readonly scope: FailureScope
  readonly retryAfterMs: number | null
  /** Retryable: the network has no room just now. That counts for no try, and everything of the line waits with it. */
  readonly throttled: boolean
  /** Refused: some of its parts went out before one was. So nothing of it is sent again, on no channel. */
  readonly partly: boolean
  constructor(
    kind: FailureKind,
    code: ErrorCode,
    detail: string,
    extra: { scope?: FailureScope; retryAfterMs?: number; throttled?: boolean; partly?: boolean } = {},
  ) {
    super(storable(detail))
    this.throttled = extra.throttled ?? false
    this.partly = extra.partly ?? false
    this.kind = kind
    this.code = code
    this.scope = extra.scope ?? 'message'
    this.retryAfterMs = extra.retryAfterMs ?? null
  }
}

export type NextStep =
  /** Same channel, same ref. `hold`: the messages behind wait too. */
  | { do: 'retry'; afterMs: number; hold: boolean }
  | { do: 'fallBack'; to: Channel }
  /** Send nothing; wait for a receipt or an echo that proves what happened. */
  | { do: 'confirm'; withinMs: number }
  /** Send nothing; ask the network what became of it, now and again after so long. */
  | { do: 'ask'; againMs: number }
  | { do: 'giveUp'; status: 'failed' | 'unknown'; code: ErrorCode }

/** Brief while another channel is waiting, patient when this one is all there is. */
export const briefDelaysMs = [2_000, 10_000] as const
export const patientDelaysMs = [5_000, 30_000, 120_000, 600_000, 3_600_000] as const
export const confirmWithinMs = 120_000
/** A network that can be asked what became of a send is asked so often, and for so long after the attempt began. */
export const askAgainMs = 5_000
export const askWithinMs = 15 * 60_000
/** What is in doubt for longer when that is first seen, because nobody was there to see it, is asked about for so long. */
export const askAtLeastMs = 60_000
/** For a network that has no room and does not say until when. */
const throttleDelaysMs = [1_000, 2_000, 5_000, 10_000, 30_000, 60_000] as const
/** So often it may say so: half a minute or so while another channel is waiting, some ten hours when none is. */
const throttledMax = { brief: 5, patient: 600 } as const
/** A network may ask for patience, but not for ever, and only shortly while another channel is waiting. */
export const retryAfterMaxMs = { brief: 60_000, patient: 6 * 3_600_000 } as const

export type Failed = Pick<SendFailure, 'kind' | 'code' | 'scope' | 'retryAfterMs'> &
  Partial<Pick<SendFailure, 'throttled' | 'partly'>>

/** The one place that chooses between another try, another channel, waiting for proof, and failure. */
export function nextStep(input: {
  failure: Failed
  /** Tries so far on the current channel, the failed one included. */
  tries: number
  /** Of these, those that were only told to wait. */
  waits?: number
  /** Channels after the current one; empty when fallback is off. */
  rest: readonly Channel[]
  dedupesByRef: boolean
  waitedForProof: boolean
  /** How long the network has been asked what became of it; absent where it cannot be asked. */
  askedForMs?: number
}): NextStep {
  const { failure, tries, waits = 0, rest, dedupesByRef, waitedForProof, askedForMs } = input
  const to = rest[0]
  const delays: readonly number[] = to === undefined ? patientDelaysMs : briefDelaysMs
  const delayMs = delays[tries - waits - 1]

  if (failure.kind === 'uncertain') {
    if (askedForMs !== undefined && askedForMs < askWithinMs) return { do: 'ask', againMs: askAgainMs }
    if (askedForMs !== undefined) return { do: 'giveUp', status: 'unknown', code: 'OUTCOME_UNKNOWN' }
    // The order holds: what may still be resent must not be overtaken.
    if (dedupesByRef && !waitedForProof && delayMs !== undefined) return { do: 'retry', afterMs: delayMs, hold: true }
    if (!waitedForProof) return { do: 'confirm', withinMs: confirmWithinMs }
    return { do: 'giveUp', status: 'unknown', code: 'OUTCOME_UNKNOWN' }
  }
  if (failure.partly === true) return { do: 'giveUp', status: 'failed', code: failure.code }
  if (failure.throttled === true && failure.kind === 'retryable') return stepWhenThrottled(failure, waits, to)
  const askedMs = Math.max(0, failure.retryAfterMs ?? delayMs ?? 0)
  const isTooLong = to !== undefined && askedMs > retryAfterMaxMs.brief
  if (failure.kind === 'retryable' && delayMs !== undefined && !isTooLong) {
    return { do: 'retry', afterMs: Math.min(askedMs, retryAfterMaxMs.patient), hold: failure.scope === 'link' }
  }
  if (to !== undefined) return { do: 'fallBack', to }
  const code = failure.kind === 'unreachable' ? 'NO_CHANNEL_AVAILABLE' : failure.code
  return { do: 'giveUp', status: 'failed', code }
}

/** Patience is no try: the message keeps its place and its tries, until the network has put it off for too long. */
function stepWhenThrottled(failure: Failed, waits: number, to: Channel | undefined): NextStep {
  const usualMs = throttleDelaysMs[Math.min(waits, throttleDelaysMs.length) - 1] ?? throttleDelaysMs[0]
  const askedMs = Math.max(0, failure.retryAfterMs ?? usualMs)
  const most = to === undefined ? throttledMax.patient : throttledMax.brief
  if (waits <= most && (to === undefined || askedMs <= retryAfterMaxMs.brief))
    return { do: 'retry', afterMs: Math.min(askedMs, retryAfterMaxMs.patient), hold: failure.scope === 'link' }
  return to === undefined ? { do: 'giveUp', status: 'failed', code: failure.code } : { do: 'fallBack', to }
}
