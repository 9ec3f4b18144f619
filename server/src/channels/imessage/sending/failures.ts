/** How a send over iMessage fails, in our words: what the server says may quote the message. */
import { EgressError } from '../../../lib/egress/trouble.ts'
import { SendFailure } from '../../../model/delivery.ts'
import { failureOfRow } from '../row-errors.ts'
import { ServerTrouble } from '../troubles.ts'

export function notConnected(): SendFailure {
  return new SendFailure('retryable', 'SERVICE_UNAVAILABLE', 'The iMessage link of this line is not connected.', {
    scope: 'link',
  })
}

export function helperAway(): SendFailure {
  const detail = 'The private API of the server on the Mac is not connected; it is waited for.'
  return new SendFailure('retryable', 'SERVICE_UNAVAILABLE', detail, { scope: 'link' })
}

export function cannotSend(): SendFailure {
  const detail =
    'Without its private API the server on the Mac cannot send on this version of macOS. Turn the private API on.'
  return new SendFailure('refused', 'IMESSAGE_SEND_FAILED', detail)
}

export function notBegun(): SendFailure {
  return new SendFailure('retryable', 'IMESSAGE_SEND_FAILED', 'There was no time left to send it.')
}

export function notNoted(): SendFailure {
  const detail = 'It could not be noted before it is sent, so that it was not sent.'
  return new SendFailure('retryable', 'SERVICE_UNAVAILABLE', detail, { scope: 'link' })
}

export function neverBegun(): SendFailure {
  const detail = 'Nothing of it was given to the server on the Mac.'
  // It was no try: whoever began it came to nothing.
  return new SendFailure('retryable', 'IMESSAGE_SEND_FAILED', detail, { throttled: true, retryAfterMs: 0 })
}

/** The server had all the time that it may take, and the message is in none of its chats. */
export function notFound(): SendFailure {
  return new SendFailure('retryable', 'IMESSAGE_SEND_FAILED', 'The Mac did not send it: there is no trace of it there.')
}

export function unanswered(): SendFailure {
  const detail = 'The server on the Mac did not say whether it did it. It may have done it all the same.'
  return new SendFailure('uncertain', 'PROVIDER_TIMEOUT', detail)
}

/** The chat waits for the end of another message, of which nobody knows yet whether it went out. */
export function chatBusy(retryAfterMs: number): SendFailure {
  const detail = 'It is not known yet what became of the message before it.'
  return new SendFailure('retryable', 'IMESSAGE_SEND_FAILED', detail, { throttled: true, retryAfterMs })
}

export function notOnImessage(): SendFailure {
  return new SendFailure('unreachable', 'NO_CHANNEL_AVAILABLE', 'This person is not on iMessage.')
}

export function noSuchChat(): SendFailure {
  return new SendFailure('refused', 'CONVERSATION_NOT_FOUND', 'There is no such chat on the Mac.')
}

export function tooLarge(): SendFailure {
  return new SendFailure('refused', 'MEDIA_TOO_LARGE', 'A file for iMessage may have 100 MB.')
}

/** Nobody is written words that no caller wrote. */
export function needsText(): SendFailure {
  const detail = 'On this Mac the first message to somebody needs a text: add one, or send a text first.'
  return new SendFailure('refused', 'CONTENT_NOT_SUPPORTED', detail)
}

/** Some of it is out: whatever happened to the rest is final. */
export function partly(failure: SendFailure): SendFailure {
  if (failure.kind === 'uncertain') return failure
  const detail = `Some of its parts were sent before this: ${failure.message}`
  return new SendFailure('refused', failure.code, detail, { partly: true })
}

/** What a row with this error says about its send; null: nothing, or too little, and a receipt will tell. */
export function rowFailure(error: number): SendFailure | null {
  const failure = failureOfRow(error)
  return failure?.kind === 'uncertain' ? null : failure
}

/** What may break when the network is asked for something. Everything else is a mistake of ours. */
function isTrouble(error: unknown): error is EgressError | ServerTrouble {
  return error instanceof EgressError || error instanceof ServerTrouble
}

/** Of a question before the send: whatever broke, nothing was sent. */
export function beforeIt(error: unknown): SendFailure {
  if (error instanceof SendFailure) {
    if (error.kind !== 'uncertain') return error
    return new SendFailure('retryable', 'SERVICE_UNAVAILABLE', error.message, { scope: 'link' })
  }
  if (!isTrouble(error)) throw error
  const detail = `The server on the Mac could not be asked. ${error.message}`
  return new SendFailure('retryable', 'SERVICE_UNAVAILABLE', detail, { scope: 'link' })
}

/** Of the send itself: only a SendFailure knows what happened. */
export function duringIt(error: unknown): SendFailure {
  if (error instanceof SendFailure) return error
  if (!isTrouble(error)) throw error
  return new SendFailure('uncertain', 'PROVIDER_TIMEOUT', `The server on the Mac may have taken it. ${error.message}`)
}

/** Trouble of the network may be passed over where something else still tells; a mistake of ours may not. */
export function passOver(error: unknown): void {
  if (!(error instanceof SendFailure) && !isTrouble(error)) throw error
}
