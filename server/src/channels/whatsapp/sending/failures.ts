/** What an error of the library means: baileys says with codes of HTTP what WhatsApp answered, and what became of the connection. */
import { SendFailure } from '../../../model/delivery.ts'

export function notConnected(): SendFailure {
  return new SendFailure('retryable', 'WHATSAPP_NOT_CONNECTED', 'The WhatsApp link of this number is not connected.', {
    scope: 'link',
  })
}

export function unanswered(): SendFailure {
  return new SendFailure('uncertain', 'PROVIDER_TIMEOUT', 'WhatsApp did not answer. It may have done it all the same.')
}

const connectionClosed = 428

export interface Asked {
  /** Completes "WhatsApp did not …". */
  what: string
  /** Nothing can have happened when the connection closes now. */
  harmless?: true
  /** Who may not do it does not even see the chat. */
  hidden?: true
}

export function failureOf(error: unknown, asked: Asked): SendFailure {
  if (error instanceof SendFailure) return error
  const code = codeOf(error)
  // With this the library says both that nothing was sent and that no answer can come any more.
  if (code === connectionClosed && asked.harmless) return notConnected()
  if (code === null || code === connectionClosed || code === 408 || code >= 500) return unanswered()
  return refusalOf(code, asked)
}

const throttledMs = 60_000

/** WhatsApp has answered, and it was no. */
export function refusalOf(code: number, { what, hidden }: Asked): SendFailure {
  if (code === 429) {
    return new SendFailure('retryable', 'WHATSAPP_RATE_LIMITED', `WhatsApp wants fewer requests. It did not ${what}.`, {
      throttled: true,
      retryAfterMs: throttledMs,
    })
  }
  const isForbidden = code === 401 || code === 403
  if (code === 404 || code === 406 || (isForbidden && hidden)) {
    const detail = 'To WhatsApp there is no such chat, or this number is not in it.'
    return new SendFailure('refused', 'CONVERSATION_NOT_FOUND', detail)
  }
  const why = isForbidden ? ': this number is not in the group, or no admin of it' : ''
  return new SendFailure('refused', 'WHATSAPP_REJECTED', `WhatsApp did not ${what} (${code})${why}.`)
}

/**
 * Answers to queries carry the code as `data`, everything else as the status of a Boom (baileys 7.0.0-rc14,
 * WABinary/generic-utils.js and Utils/generics.js). A connection that closes rejects with the bare code of its WebSocket.
 */
function codeOf(error: unknown): number | null {
  if (typeof error !== 'object' || error === null) return null
  const { data, output } = error as { data?: unknown; output?: { statusCode?: unknown } }
  if (typeof data === 'number' && Number.isInteger(data)) return data
  const status = output?.statusCode
  return typeof status === 'number' ? status : null
}
