/** What an answer of a receiver, or the lack of one, makes of a delivery. Pure. */

/** No answer at all is null. */
export interface ReceiverAnswer {
  status: number
  retryAfter: string | null
}

export type Verdict =
  | { do: 'delivered' }
  /** `pauseMs`: the receiver asked to be left alone for so long, with everything. */
  | { do: 'again'; afterMs: number; pauseMs: number }
  /** `refused` is an answer and says nothing against the receiver; `exhausted` does; `gone` ends the webhook. */
  | { do: 'giveUp'; why: 'refused' | 'exhausted' | 'gone' }

export interface Trial {
  /** Attempts of this chain before this one. */
  tries: number
  scheduleMs: readonly number[]
  /** From 0 up to 1: spreads what failed together. */
  chance: number
  /** Wall time, for a Retry-After that names a date. */
  now: number
}

const jitter = 0.15
const retryAfterMaxMs = 24 * 3_600_000
/** Refusals that pass by themselves. */
const passing: ReadonlySet<number> = new Set([408, 429])

export function verdictOf(answer: ReceiverAnswer | null, trial: Trial): Verdict {
  const status = answer?.status ?? null
  if (status !== null && status >= 200 && status < 300) return { do: 'delivered' }
  if (status === 410) return { do: 'giveUp', why: 'gone' }
  if (status !== null && status >= 400 && status < 500 && !passing.has(status)) return { do: 'giveUp', why: 'refused' }
  const delay = trial.scheduleMs[trial.tries]
  if (delay === undefined) return { do: 'giveUp', why: 'exhausted' }
  const pauseMs = retryAfterMs(answer?.retryAfter ?? null, trial.now)
  const spread = delay * (1 - jitter + 2 * jitter * trial.chance)
  return { do: 'again', afterMs: Math.max(spread, pauseMs), pauseMs }
}

/** 0 when nothing usable was said. */
export function retryAfterMs(header: string | null, now: number): number {
  if (header === null) return 0
  const text = header.trim()
  // A date begins with its weekday; whatever else the parser would make a year of is none.
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1_000 : /^[A-Z][a-z]{2}/.test(text) ? Date.parse(text) - now : 0
  return ms > 0 ? Math.min(ms, retryAfterMaxMs) : 0
}
