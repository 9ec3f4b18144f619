/** What follows when a connection to WhatsApp has ended. Pure: a code in, the next step out. */
import type { DisconnectReason } from '../../../model/line.ts'

export interface Ending {
  /** As the library numbers them; 0 when it gave none. */
  code: number
  /** Whether a phone had linked this device. */
  isPaired: boolean
  /** How many connections in a row have failed, this one included. */
  failures: number
}

export type NextStep =
  /** At once, and nobody needs to know. */
  | { do: 'restart' }
  | { do: 'again'; reason: DisconnectReason; afterMs: number }
  /** `forget`: these credentials open no door any more. */
  | { do: 'end'; reason: DisconnectReason; forget: boolean }

const pauseMs = { first: 1_000, longest: 60_000 } as const

const code = {
  loggedOut: 401,
  banned: 403,
  tooOld: 405,
  timedOut: 408,
  notMultidevice: 411,
  replaced: 440,
  restart: 515,
} as const

export function afterEnding({ code: found, isPaired, failures }: Ending, chance: number): NextStep {
  switch (found) {
    case code.restart:
      // Usual right after linking; a server that asks for it for ever is treated like one that fails.
      if (failures <= 3) return { do: 'restart' }
      break
    case code.loggedOut:
      return isPaired
        ? { do: 'end', reason: 'auth_revoked', forget: true }
        : { do: 'end', reason: `terminal_${found}`, forget: true }
    case code.banned:
    case code.tooOld:
    case code.notMultidevice:
      return { do: 'end', reason: `terminal_${found}`, forget: false }
    case code.timedOut:
      // All codes were shown and nobody scanned one.
      if (!isPaired) return { do: 'end', reason: `terminal_${found}`, forget: false }
      break
    case code.replaced:
      // Two that answer this by coming back push each other out for ever: whoever holds the line decides.
      return { do: 'end', reason: `close_${found}`, forget: false }
    default:
  }
  const usualMs = Math.min(pauseMs.first * 2 ** (failures - 1), pauseMs.longest)
  return { do: 'again', reason: `close_${found}`, afterMs: Math.round(usualMs * (0.5 + chance)) }
}
