/** What the provider's refusals mean: by their code, or else by the status of the answer. */
import { type FailureKind, type FailureScope, SendFailure } from '../../../model/delivery.ts'
import type { ErrorCode } from '../../../model/errors.ts'
import { type Answer, fieldsOf } from '../rest/api.ts'

type Meaning = keyof typeof meanings

interface Outcome {
  kind: FailureKind
  code: ErrorCode
  scope?: FailureScope
  throttled?: boolean
}

const meanings = {
  throttled: { kind: 'retryable', code: 'RATE_LIMIT_EXCEEDED', scope: 'link', throttled: true },
  passing: { kind: 'retryable', code: 'SMS_SEND_FAILED' },
  ambiguous: { kind: 'uncertain', code: 'PROVIDER_TIMEOUT' },
  unreachable: { kind: 'unreachable', code: 'NO_CHANNEL_AVAILABLE' },
  rejected: { kind: 'refused', code: 'SMS_REJECTED' },
  tooLong: { kind: 'refused', code: 'SMS_TOO_LONG' },
  tooLarge: { kind: 'refused', code: 'MMS_MEDIA_TOO_LARGE' },
  optedOut: { kind: 'refused', code: 'RECIPIENT_OPTED_OUT' },
  setup: { kind: 'refused', code: 'SMS_SENDER_NOT_ALLOWED' },
} as const satisfies Record<string, Outcome>

/** https://www.twilio.com/docs/api/errors */
const codes: Readonly<Record<number, readonly [Meaning, string]>> = {
  12300: ['rejected', 'The media has a type that MMS does not carry. Send a JPEG, PNG or GIF.'],
  20003: ['setup', 'The credentials are not accepted. Check the account and its token.'],
  20429: ['throttled', 'Too many requests at a time.'],
  21211: ['unreachable', 'This is not a phone number. Check it.'],
  21603: ['setup', 'The sender is missing. Check the number of the line.'],
  21606: ['setup', 'The number of the line does not belong to the account, or cannot send SMS.'],
  21610: ['optedOut', 'This person told the number to stop.'],
  21611: ['throttled', 'Too many messages of this number are waiting at the provider.'],
  21612: ['unreachable', 'This number cannot be reached from the number of the line.'],
  21614: ['unreachable', 'This number cannot receive SMS.'],
  21617: ['tooLong', 'The text is too long. Send it as several messages.'],
  21620: ['rejected', 'The link to the media is not valid.'],
  21635: ['unreachable', 'This number is a landline, which cannot receive SMS.'],
  30001: ['throttled', 'The queue of the provider is full.'],
  30002: ['setup', 'The account is suspended. Look at it at the provider.'],
  30003: ['unreachable', 'The phone is off, out of reach, or does not take SMS.'],
  30004: ['rejected', 'The message is blocked by the receiver or the carrier.'],
  30005: ['unreachable', 'The number is not known, or no longer in service.'],
  30006: ['unreachable', 'The number is a landline, or its carrier cannot be reached.'],
  30007: ['rejected', 'The carrier filtered the message. Look at its words and its links.'],
  30008: ['passing', 'The carrier did not say why.'],
  30019: ['tooLarge', 'The media is larger than the carrier takes. Send a smaller file.'],
  30034: ['setup', 'The number is not registered for A2P 10DLC. Register it at the provider.'],
  30410: ['ambiguous', 'The carrier did not answer in time; the message may have arrived.'],
}

/** What an answer that is not a yes means. */
export function refusalOf(answer: Answer): SendFailure {
  const code = codeOf(fieldsOf(answer.json).code)
  return failureOf(meaningOf(answer.status, code), wordsFor(code, `status ${answer.status}`), answer.retryAfterMs)
}

/** What became of a message that was taken and failed at once. */
export function failureOfCode(code: unknown): SendFailure {
  const known = codeOf(code)
  return failureOf((known === null ? undefined : codes[known]?.[0]) ?? 'passing', wordsFor(known, 'no code'), null)
}

/** For receipts: the code and what it says. */
export function detailOf(code: unknown): string {
  return wordsFor(codeOf(code), 'no code')
}

function failureOf(meaning: Meaning, words: string, retryAfterMs: number | null): SendFailure {
  const { kind, code, ...extra }: Outcome = meanings[meaning]
  return new SendFailure(kind, code, words, { ...extra, ...(retryAfterMs !== null && { retryAfterMs }) })
}

function meaningOf(status: number, code: number | null): Meaning {
  // It may have been taken before the server failed, whatever the body says.
  if (status >= 500) return 'ambiguous'
  if (status === 429) return 'throttled'
  const known = code === null ? undefined : codes[code]
  if (known !== undefined) return known[0]
  // Redirects, missing pages and refused credentials are about the URL and the account, not about the message.
  const isAboutUs = status < 400 || [401, 403, 404, 405, 410].includes(status)
  return isAboutUs ? 'setup' : 'rejected'
}

function wordsFor(code: number | null, otherwise: string): string {
  if (code === null) return `The provider says ${otherwise} and nothing else. Look at its own log.`
  return `${code}: ${codes[code]?.[1] ?? 'The list of error codes of the provider says what it means.'}`
}

function codeOf(value: unknown): number | null {
  const code = typeof value === 'string' && /^\d{1,6}$/.test(value) ? Number(value) : value
  return typeof code === 'number' && Number.isInteger(code) && code > 0 ? code : null
}
