/** Waiting that ends: every wait has a limit, and says what it waited for. */
import { pause } from '../crash/insist.ts'

export interface Wait {
  what: string
  limitMs: number
  everyMs?: number
}

export async function waitUntil(
  isTrue: () => Promise<boolean> | boolean,
  { what, limitMs, everyMs = 10 }: Wait,
): Promise<void> {
  const giveUpAt = performance.now() + limitMs
  while (!(await isTrue())) {
    if (performance.now() > giveUpAt) throw new Error(`Waited ${Math.round(limitMs / 1_000)} s for ${what}.`)
    await pause(everyMs)
  }
}
