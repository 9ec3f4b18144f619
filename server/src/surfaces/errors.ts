/** What goes wrong, numbered and explained: one HTTP status per code, checked for completeness by the compiler. */
import type { FastifyError } from 'fastify'
import { type CallCode, GatewayError } from '../model/errors.ts'

export type Errors = Readonly<Record<CallCode, { status: number; meaning: string }>>

export const errors: Errors = {
  ADDRESS_NOT_AUTHORIZED: {
    status: 403,
    meaning: '`from` is not an address of yours. Choose one from the list of your numbers.',
  },
  ALREADY_DELETED: { status: 409, meaning: 'The message is deleted already.' },
  ALREADY_UNSENT: { status: 409, meaning: 'The message was taken back already.' },
  CHANNEL_NOT_SUPPORTED: { status: 400, meaning: 'The channel of this message or chat cannot do that.' },
  CHAT_CHANGE_FAILED: { status: 502, meaning: 'The network refused to change the group or what it shows of you.' },
  CONFLICT: {
    status: 409,
    meaning: 'It clashes with what is there: something of that name exists, or is still in use.',
  },
  CONTACT_EXISTS: { status: 409, meaning: 'A contact with this number exists already. Change that one.' },
  CONTENT_NOT_SUPPORTED: {
    status: 400,
    meaning: 'No channel of this route can carry the content. Change the content or the route.',
  },
  CONVERSATION_NOT_FOUND: { status: 404, meaning: 'There is no such conversation of yours.' },
  CONVERSATION_NOT_READY: {
    status: 409,
    meaning: 'The network has not confirmed the conversation yet. Try again in a moment.',
  },
  EDIT_FAILED: { status: 502, meaning: 'The network refused the edit.' },
  FORBIDDEN: { status: 403, meaning: 'This key may not do that.' },
  FROM_INSTANCE_CANNOT_REACH: {
    status: 400,
    meaning: '`from` has none of the channels asked for, or is not where the conversation lives.',
  },
  GROUP_SMS_UNSUPPORTED: { status: 400, meaning: 'SMS has no groups. Send to each person instead.' },
  IDEMPOTENCY_KEY_REUSED: { status: 409, meaning: 'The key was used for a different message. Use a new one.' },
  IMESSAGE_SEND_FAILED: { status: 500, meaning: 'iMessage did not take the message.' },
  INTERNAL_ERROR: { status: 500, meaning: 'A fault of ours. Quote the request id when you report it.' },
  INVALID_PHONE_NUMBER: {
    status: 400,
    meaning: 'The recipient is no address. Phone numbers are written as a plus sign and 2 to 15 digits.',
  },
  INVALID_REQUEST: {
    status: 400,
    meaning: 'Fields contradict each other, or the call is not for chats of this kind; the message says which.',
  },
  INVALID_SCHEDULED_AT: { status: 400, meaning: '`scheduledAt` is no time. Use ISO 8601 with a zone.' },
  INVALID_SIGNATURE: { status: 403, meaning: 'The link was not made here, or not copied whole.' },
  INVALID_STATUS: {
    status: 400,
    meaning: 'It is in no state in which this can be done; the message says in which it is.',
  },
  MEDIA_FETCH_FAILED: {
    status: 400,
    meaning: 'The URL of a file did not give it. It must be readable without a key, from outside.',
  },
  MEDIA_GONE: { status: 410, meaning: 'The file is not kept any more. Send it again.' },
  MEDIA_INVALID: { status: 400, meaning: 'A file is broken, or not what its first bytes say.' },
  MEDIA_TOOL_MISSING: {
    status: 500,
    meaning: 'A file would have to be converted, and nothing on this machine can do that. Send it in another format.',
  },
  MEDIA_TOO_LARGE: { status: 413, meaning: 'A file is too large. Send a smaller one.' },
  METHOD_NOT_ALLOWED: { status: 405, meaning: 'The path exists, but not with this method. See the header Allow.' },
  MISSING_EXTERNAL_ID: {
    status: 400,
    meaning: 'The network has not named the message yet, so it cannot be changed. Wait until it is sent.',
  },
  MISSING_WHATSAPP_JID: { status: 400, meaning: 'The WhatsApp chat of this message is not known.' },
  MMS_MEDIA_TOO_LARGE: { status: 413, meaning: 'A file is too large for MMS.' },
  NAME_REQUIRED: { status: 400, meaning: 'A WhatsApp group needs a name.' },
  NO_CHANNEL_AVAILABLE: {
    status: 400,
    meaning: 'None of the channels asked for is connected or reaches the recipient.',
  },
  NO_DEFAULT_ADDRESS: { status: 400, meaning: 'You have no default address. Name one in `from`.' },
  NOT_FOUND: { status: 404, meaning: 'There is no such thing of yours.' },
  NOT_SCHEDULED: { status: 400, meaning: 'The message is not waiting for its time, so nothing can be cancelled.' },
  NUMBER_NOT_OWNED: { status: 403, meaning: 'The number is not yours.' },
  OUTCOME_UNKNOWN: {
    status: 502,
    meaning: 'The network never said whether the message arrived. Another try may deliver it twice.',
  },
  PAYLOAD_TOO_LARGE: { status: 413, meaning: 'The body is too large. Send less, or media by URL.' },
  PROVIDER_TIMEOUT: { status: 504, meaning: 'The network did not answer in time. It may have happened nevertheless.' },
  RATE_LIMIT_EXCEEDED: { status: 429, meaning: 'Too many calls. Wait as long as Retry-After says.' },
  REACTION_FAILED: { status: 502, meaning: 'The network refused the reaction.' },
  READ_FAILED: { status: 502, meaning: 'The network refused the receipt.' },
  RECIPIENT_OPTED_OUT: {
    status: 403,
    meaning: 'The recipient asked to get no more messages, and no other channel is left.',
  },
  REPLY_NOT_FOUND: { status: 404, meaning: '`replyTo` names no message of yours.' },
  SCHEDULED_IN_PAST: { status: 400, meaning: '`scheduledAt` is over. Choose a later time, or leave it out.' },
  SCHEDULED_TOO_FAR: { status: 400, meaning: '`scheduledAt` is more than 30 days ahead.' },
  SERVICE_UNAVAILABLE: {
    status: 503,
    meaning: 'The gateway cannot work just now. Try again as Retry-After says; nothing was done.',
  },
  SMS_REJECTED: { status: 502, meaning: 'The SMS network will not take the message; the message says why.' },
  SMS_SENDER_NOT_ALLOWED: {
    status: 502,
    meaning: 'The SMS provider refuses this sender or its credentials; an operator has to look at the line.',
  },
  SMS_TOO_LONG: { status: 400, meaning: 'The text needs more parts than the line sends by SMS; nothing was sent.' },
  SMS_SEND_FAILED: { status: 502, meaning: 'The SMS network did not take the message.' },
  UNAUTHORIZED: { status: 401, meaning: 'The key is missing or wrong, was revoked or has expired.' },
  UNSEND_FAILED: { status: 502, meaning: 'The network refused to take it back.' },
  URL_EXPIRED: { status: 403, meaning: 'The link is over. Read the message again for a fresh one.' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, meaning: 'Bodies are JSON (`application/json`), not compressed.' },
  VALIDATION_ERROR: { status: 400, meaning: 'Some input is not as described. `details` names each field.' },
  WEBHOOK_DUPLICATE: {
    status: 409,
    meaning: 'A webhook with this URL and these events exists already. Change that one, or choose others.',
  },
  WEBHOOK_NOT_CONFIGURED: { status: 404, meaning: 'No webhook is active. Create one first.' },
  WEBHOOK_NOT_FOUND: { status: 404, meaning: 'There is no such webhook of yours.' },
  WHATSAPP_ALREADY_CONNECTED: {
    status: 409,
    meaning: 'The number is linked with WhatsApp already. Reset it first to link it anew.',
  },
  WHATSAPP_MEDIA_TOO_LARGE: { status: 413, meaning: 'A file is too large for WhatsApp.' },
  WHATSAPP_NOT_CONNECTED: { status: 400, meaning: 'The number is not paired with WhatsApp. Pair it first.' },
  WHATSAPP_RATE_LIMITED: { status: 429, meaning: 'WhatsApp limits messages to strangers. Try again in some hours.' },
  WHATSAPP_REACTION_FAILED: { status: 502, meaning: 'WhatsApp refused the reaction.' },
  WHATSAPP_REJECTED: { status: 502, meaning: 'WhatsApp rejected the message.' },
  WHATSAPP_SEND_FAILED: { status: 502, meaning: 'WhatsApp did not take the message.' },
}

/** What a caller may know of an error; null: a bug of ours, of which nobody outside learns more than that. */
export function forCaller(error: unknown): GatewayError | null {
  if (error instanceof GatewayError) return error
  const { code, statusCode } = error as Partial<FastifyError>
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return new GatewayError('PAYLOAD_TOO_LARGE', 'The body is larger than this call takes. Send less, or media by URL.')
  }
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return unsupportedMediaType()
  if (code === 'FST_ERR_CTP_INVALID_CONTENT_LENGTH' || (code === 'ECONNRESET' && statusCode === 400)) {
    return new GatewayError('VALIDATION_ERROR', 'The body did not arrive in the length its headers announced.')
  }
  return null
}

export function unsupportedMediaType(): GatewayError {
  return new GatewayError(
    'UNSUPPORTED_MEDIA_TYPE',
    'Send the body as `Content-Type: application/json`, without Content-Encoding.',
  )
}
