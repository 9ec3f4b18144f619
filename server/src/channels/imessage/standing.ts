/** How things stand with the server, as operators hear of it, and whether it can be used at all. Pure. */
import type { Handle } from '../../model/ids.ts'
import type { Proof } from '../watch.ts'
import type { Standing } from './backend.ts'

/** Webhooks cannot be managed by older ones. */
const oldestVersion = [1, 9, 9] as const

/** Callers know these words: what they stand for is all that `degraded` means. */
export function warningsOf({ privateApi, imessage, icloud }: Standing): readonly string[] {
  return [
    ...(privateApi === 'off' ? ['Private API is disabled'] : []),
    ...(privateApi === 'unconnected' ? ['Private API helper is not connected'] : []),
    ...(imessage === null ? ['No iMessage account detected'] : []),
    ...(icloud === null ? ['No iCloud account detected'] : []),
  ]
}

/** What is not known is not complained of. */
export function lacksAddress({ aliases }: Standing, address: Handle | null): boolean {
  return aliases !== null && address !== null && !aliases.includes(address)
}

export function proofOf(standing: Standing): Proof {
  if (isTooOld(standing.serverVersion)) {
    const detail = `The server is ${standing.serverVersion}, and ${oldestVersion.join('.')} is the oldest that can be used. Update it on the Mac.`
    return { ok: false, reason: 'close_version', detail, retryAfterMs: null }
  }
  return { ok: true, warnings: warningsOf(standing) }
}

/** What says nothing of itself is taken for new enough. */
function isTooOld(version: string): boolean {
  const [, ...found] = /^v?(\d+)\.(\d+)\.(\d+)/.exec(version) ?? []
  if (found.length === 0) return false
  for (const [place, oldest] of oldestVersion.entries()) {
    const number = Number(found[place])
    if (number !== oldest) return number < oldest
  }
  return false
}
