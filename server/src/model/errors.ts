/** What can go wrong for a caller, by code. Surfaces word and number these; networks fail with SendFailure instead. */

export const errorCodes = [
  'ADDRESS_NOT_AUTHORIZED',
  'ALREADY_DELETED',
  'ALREADY_UNSENT',
  'CHANNEL_NOT_SUPPORTED',
  'CHAT_CHANGE_FAILED',
  'CONFLICT',
  'CONTACT_EXISTS',
  'CONTENT_NOT_SUPPORTED',
  'CONVERSATION_NOT_FOUND',
  'CONVERSATION_NOT_READY',
  'EDIT_FAILED',
  'FORBIDDEN',
  'FROM_INSTANCE_CANNOT_REACH',
  'GROUP_SMS_UNSUPPORTED',
  'IDEMPOTENCY_KEY_REUSED',
  'IMESSAGE_SEND_FAILED',
  'INTERNAL_ERROR',
  'INVALID_PHONE_NUMBER',
  'INVALID_REQUEST',
  'INVALID_SCHEDULED_AT',
  'INVALID_SIGNATURE',
  'INVALID_STATUS',
  'MEDIA_FETCH_FAILED',
  'MEDIA_GONE',
  'MEDIA_INVALID',
  'MEDIA_TOOL_MISSING',
  'MEDIA_TOO_LARGE',
  'METHOD_NOT_ALLOWED',
  'MISSING_EXTERNAL_ID',
  'MISSING_WHATSAPP_JID',
  'MMS_MEDIA_TOO_LARGE',
  'NAME_REQUIRED',
  'NOT_FOUND',
  'NOT_SCHEDULED',
  'NO_CHANNEL_AVAILABLE',
  'NO_DEFAULT_ADDRESS',
  'NUMBER_NOT_OWNED',
  'OUTCOME_UNKNOWN',
  'PAYLOAD_TOO_LARGE',
  'PROVIDER_TIMEOUT',
  'RATE_LIMIT_EXCEEDED',
  'REACTION_FAILED',
  'READ_FAILED',
  'RECIPIENT_OPTED_OUT',
  'REPLY_NOT_FOUND',
  'SCHEDULED_IN_PAST',
  'SCHEDULED_TOO_FAR',
  'SERVICE_UNAVAILABLE',
  'SMS_REJECTED',
  'SMS_SENDER_NOT_ALLOWED',
  'SMS_SEND_FAILED',
  'SMS_TOO_LONG',
  'UNAUTHORIZED',
  'UNSEND_FAILED',
  'UNSUPPORTED_MEDIA_TYPE',
  'URL_EXPIRED',
  'VALIDATION_ERROR',
  'WEBHOOK_DUPLICATE',
  'WEBHOOK_NOT_CONFIGURED',
  'WEBHOOK_NOT_FOUND',
  'WHATSAPP_ALREADY_CONNECTED',
  'WHATSAPP_MEDIA_TOO_LARGE',
  'WHATSAPP_NOT_CONNECTED',
  'WHATSAPP_RATE_LIMITED',
  'WHATSAPP_REACTION_FAILED',
  'WHATSAPP_REJECTED',
  'WHATSAPP_SEND_FAILED',
] as const
/** What a call may be answered with. */
export type CallCode = (typeof errorCodes)[number]
/** Why a message failed: one of these, or the number that iMessage itself gives the reason. */
export type ErrorCode = CallCode | `imessage_error_${number}`

export function isCallCode(code: ErrorCode): code is CallCode {
  return (errorCodes as readonly string[]).includes(code)
}

export interface FieldError {
  path: string
  message: string
}

/** Something a caller did or may know. Its message says what to do. */
export class GatewayError extends Error {
  override readonly name = 'GatewayError'
  readonly code: CallCode
  readonly details: readonly FieldError[] | null
  /** For codes that pass: when to try again. */
  readonly retryAfterMs: number | null
  constructor(code: CallCode, message: string, extra: { details?: readonly FieldError[]; retryAfterMs?: number } = {}) {
    super(message)
    this.code = code
    this.details = extra.details ?? null
    this.retryAfterMs = extra.retryAfterMs ?? null
  }
}
