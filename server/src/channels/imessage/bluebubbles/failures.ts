/** What it means for a send or a verb that the server refuses it, or that nothing was heard of it. */
import { EgressError } from '../../../lib/egress/trouble.ts'
import { SendFailure } from '../../../model/delivery.ts'
import type { ErrorCode } from '../../../model/errors.ts'
import { failureOfRow } from '../row-errors.ts'
import { ChatGone } from '../troubles.ts'
import type { Answer } from './api.ts'
import { countOf, fieldsOf } from './json.ts'

/** What was asked for, for what callers are told. */
export interface Purpose {
  /** When it is refused. */
  code: ErrorCode
  /** Completes "The Mac did not …". */
  what: string
}

/** What broke before anything was written may be asked again; of the rest nobody knows. */
export function failureOnTheWay(error: unknown, { what }: Purpose): SendFailure {
  if (error instanceof SendFailure) return error
  if (!(error instanceof EgressError)) throw error
  if (error.trouble === 'source') {
    // A request that is cut off is never acted on.
    return new SendFailure('retryable', 'IMESSAGE_SEND_FAILED', `The file cannot be read. ${error.message}`)
  }
  if (!error.sent) return unreached(`The BlueBubbles server was not reached. ${error.message}`)
  return doubtful(`Nobody knows whether the Mac did ${what}. ${error.message}`)
}

type Rule = readonly [pattern: RegExp, failure: (purpose: Purpose) => SendFailure]

const noHelper =
  'The private API of the BlueBubbles server is off or its helper is not connected. Look at the server on the Mac.'

/**
 * By the beginning of what the server says (1.9.9): further on it may quote what was sent, so that people could choose
 * the meaning themselves.
 */
const rules: readonly Rule[] = [
  [/^iMessage Private API (is not enabled|Helper is not connected)/, () => unreached(noHelper)],
  [/^Chat does not exist/, () => new ChatGone()],
  [/^Associated chat not found/, () => new ChatGone()],
  [
    /^Failed to find all handles/,
    () => new SendFailure('unreachable', 'IMESSAGE_SEND_FAILED', 'This person is not on iMessage.'),
  ],
  [/already queued/, () => doubtful('The Mac is still busy with the same message.')],
  [
    /^(Selected message|Message) does not exist/,
    ({ code, what }) => refused(code, `The Mac did not ${what}: it does not have the message any more.`),
  ],
  [/^Cannot create group chats/, groupsNeedHelper],
  [/^(Chat is not a group|Cannot rename a non-group)/, ({ code }) => refused(code, 'This chat is no group.')],
  [
    /^[A-Za-z ]{1,80} only supported on macOS/,
    ({ code, what }) => refused(code, `The Mac did not ${what}: its macOS is too old for that.`),
  ],
]

export function refusalOf(answer: Answer, purpose: Purpose): SendFailure {
  const { status, isItsOwn, trouble, data } = answer
  if (status === 401) return unreached('The BlueBubbles server does not accept the password of the line.')
  const row = failureOfRow(countOf(fieldsOf(data).error) ?? 0)
  if (row !== null) return row
  const rule = isItsOwn ? rules.find(([pattern]) => pattern.test(trouble)) : undefined
  if (rule !== undefined) return rule[1](purpose)
  const { code, what } = purpose
  if (status === 413) return refused('MEDIA_TOO_LARGE', 'The file is larger than the BlueBubbles server takes.')
  if (status === 400 && isItsOwn) return refused(code, `The Mac did not ${what}: the server takes no such request.`)
  if (status >= 300 && status < 500) {
    return unreached(`What answers is no BlueBubbles server 1.9.9 (${status}). Check the URL of the line.`)
  }
  return doubtful(`Nobody knows whether the Mac did ${what}: the server answered ${status}.`)
}

export function refused(code: ErrorCode, detail: string): SendFailure {
  return new SendFailure('refused', code, detail)
}

export function doubtful(detail: string): SendFailure {
  return new SendFailure('uncertain', 'PROVIDER_TIMEOUT', detail)
}

function unreached(detail: string): SendFailure {
  return new SendFailure('retryable', 'SERVICE_UNAVAILABLE', detail, { scope: 'link' })
}

function groupsNeedHelper({ code }: Purpose): SendFailure {
  return refused(code, 'The Mac makes groups only with the private API of the BlueBubbles server.')
}
