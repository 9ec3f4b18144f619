/** When to stop knocking at a receiver that does not open, and when to knock again. Pure. */

export interface Breaker {
  /** What the last calls brought, oldest first; only those of the last minutes count. */
  calls: readonly { at: number; ok: boolean }[]
  /** How often in a row it has opened. */
  opened: number
  /** On the monotonic clock; null when it is closed. From then on one call is let through. */
  openUntil: number | null
}

const windowMs = 5 * 60_000
const callsKept = 100
const callsMin = 10
const failureShare = 0.7
const firstOpenMs = 30_000
const longestOpenMs = 15 * 60_000

export const closedBreaker: Breaker = { calls: [], opened: 0, openUntil: null }

/** As another process left it. */
export function breakerLeft(opened: number, openForMs: number, now: number): Breaker {
  return { calls: [], opened, openUntil: openForMs > 0 || opened > 0 ? now + openForMs : null }
}

export type Passage = 'all' | 'one' | 'none'

export function passage(breaker: Breaker, now: number): Passage {
  if (breaker.openUntil === null) return 'all'
  return now >= breaker.openUntil ? 'one' : 'none'
}

export function afterCall(breaker: Breaker, ok: boolean, now: number): Breaker {
  if (breaker.openUntil !== null) return ok ? closedBreaker : open(breaker, now)
  const recent = breaker.calls.filter(({ at }) => at > now - windowMs)
  const calls = [...recent, { at: now, ok }].slice(-callsKept)
  const next = { ...breaker, calls }
  return !ok && (failsInARow(calls) || failsMostly(calls)) ? open(next, now) : next
}

export function openForMs(breaker: Breaker, now: number): number {
  return breaker.openUntil === null ? 0 : Math.max(0, breaker.openUntil - now)
}

function open(breaker: Breaker, now: number): Breaker {
  const ms = Math.min(firstOpenMs * 2 ** breaker.opened, longestOpenMs)
  return { calls: [], opened: breaker.opened + 1, openUntil: now + ms }
}

function failsInARow(calls: Breaker['calls']): boolean {
  return calls.length >= callsMin && calls.slice(-callsMin).every(({ ok }) => !ok)
}

function failsMostly(calls: Breaker['calls']): boolean {
  return calls.length >= callsMin && calls.filter(({ ok }) => !ok).length >= calls.length * failureShare
}
