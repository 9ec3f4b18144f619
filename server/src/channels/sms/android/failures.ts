/** What a phone's refusals mean, and what to do about what it says when a message failed. */
import { SendFailure } from '../../../model/delivery.ts'
import type { Answer } from '../rest/api.ts'

/** By what the app calls them; the first that stands in the reason counts. */
const reasons: readonly (readonly [RegExp, string])[] = [
  [/LIMIT_EXCEEDED|RATE_LIMITED/, 'The phone sends too much. Lower perSecond, or raise the limit of the phone.'],
  [/NO_SERVICE|RADIO_OFF|RADIO_NOT_AVAILABLE|NETWORK_NOT_READY/, 'The phone has no network. Look at it and its SIM.'],
  [/NO_DEFAULT_SMS_APP|No SIMs|[Pp]ermission/, 'The phone is not set up to send. Check its SIM and the permissions.'],
  [/MODEM_ERR|GENERIC_FAILURE/, 'The phone failed to send, often because its SIM has no credit.'],
  [/NETWORK_REJECT|FDN_CHECK|SHORT_CODE/, 'The phone or its carrier does not send to this number.'],
]

/** A phone sends a message in a few seconds. */
const throttledMs = 10_000

export function refusalOf({ status, retryAfterMs }: Answer): SendFailure {
  if (status === 503 || status === 429) {
    return new SendFailure('retryable', 'RATE_LIMIT_EXCEEDED', 'The phone has as many messages waiting as it may.', {
      scope: 'link',
      throttled: true,
      retryAfterMs: retryAfterMs ?? throttledMs,
    })
  }
  if (status >= 500) {
    return new SendFailure('uncertain', 'PROVIDER_TIMEOUT', `The phone answered ${status}; it may have taken it.`)
  }
  if (status === 400 || status === 422 || status === 413) {
    const detail =
      'The phone does not take this message. Check the number, and the settings sim and device of the line.'
    return new SendFailure('refused', 'SMS_REJECTED', detail)
  }
  const detail =
    status === 401 || status === 403
      ? 'The phone does not accept the credentials. Check the user in the URL and the password.'
      : `The phone answered ${status}. Check the URL of the line.`
  return new SendFailure('refused', 'SMS_SENDER_NOT_ALLOWED', detail)
}

/** For receipts: the app's own name of it, and what to do. */
export function detailOf(reason: string): string {
  const name = /\b(RESULT_[A-Z_]+)\b/.exec(reason)?.[1]
  const words = reasons.find(([pattern]) => pattern.test(reason))?.[1] ?? 'The message was not delivered.'
  return name === undefined ? words : `${name}: ${words}`
}
