/** Counts calls per key in fixed windows that begin with the key's first call; forgets a key when its window is over. */
import type { Clock } from './clock.ts'

export interface Verdict {
  allowed: boolean
  limit: number
  remaining: number
  /** Unix seconds at which the window ends. */
  resetsAt: number
  retryAfterMs: number
}

export interface RateLimit {
  /** Counts one call. */
  take(key: string, limit: number): Verdict
}

interface Window {
  endsAtMs: number
  count: number
}

/**
 * Two generations of windows, the older dropped whole once no window in it can still run: no sweep, no timer. At most
 * `keysMax` keys each; beyond that the key counted longest ago is forgotten.
 */
export function createRateLimit(settings: { clock: Clock; windowMs: number; keysMax: number }): RateLimit {
  const { clock, windowMs, keysMax } = settings
  let young = new Map<string, Window>()
  let old = new Map<string, Window>()
  let turnsAtMs = clock.monotonic() + windowMs

  const find = (key: string, now: number): Window | undefined => {
    if (now >= turnsAtMs) {
      old = now >= turnsAtMs + windowMs ? new Map() : young
      young = new Map()
      turnsAtMs = now + windowMs
    }
    const window = young.get(key) ?? old.get(key)
    return window !== undefined && window.endsAtMs > now ? window : undefined
  }
  const open = (key: string, now: number): Window => {
    if (young.size >= keysMax) young.delete(young.keys().next().value ?? '')
    const window = { endsAtMs: now + windowMs, count: 0 }
    young.set(key, window)
    return window
  }
  return {
    take(key, limit) {
      const now = clock.monotonic()
      const window = find(key, now) ?? open(key, now)
      window.count += 1
      return {
        allowed: window.count <= limit,
        limit,
        remaining: Math.max(0, limit - window.count),
        resetsAt: Math.ceil((clock.now() + window.endsAtMs - now) / 1000),
        retryAfterMs: window.endsAtMs - now,
      }
    },
  }
}
