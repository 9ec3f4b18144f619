/** What the errors of the library come to. */
import { expect, test } from 'vitest'
import { SendFailure } from '../../../model/delivery.ts'
import { type Asked, failureOf, notConnected } from './failures.ts'

/** As baileys throws them. */
const boom = (statusCode: number, data?: unknown) =>
  Object.assign(new Error('…'), { isBoom: true, output: { statusCode }, data })
/** An answer to a query that is an error: its code is not the status. */
const answered = (code: number) => boom(500, code)

const cases: [string, unknown, Partial<Asked>, object][] = [
  ['a connection that closed', boom(428), {}, { kind: 'uncertain', code: 'PROVIDER_TIMEOUT' }],
  [
    'one that closed before anything',
    boom(428),
    { harmless: true },
    { kind: 'retryable', code: 'WHATSAPP_NOT_CONNECTED', scope: 'link' },
  ],
  ['the bare code of a WebSocket', 1_006, {}, { kind: 'uncertain', code: 'PROVIDER_TIMEOUT' }],
  ['time that was up', boom(408), {}, { kind: 'uncertain', code: 'PROVIDER_TIMEOUT' }],
  ['an error of the server', answered(503), {}, { kind: 'uncertain', code: 'PROVIDER_TIMEOUT' }],
  ['anything else', new TypeError('x is not a function'), {}, { kind: 'uncertain', code: 'PROVIDER_TIMEOUT' }],
  ['nothing at all', undefined, {}, { kind: 'uncertain' }],
  [
    'too many requests',
    answered(429),
    {},
    { kind: 'retryable', code: 'WHATSAPP_RATE_LIMITED', throttled: true, scope: 'message', retryAfterMs: 60_000 },
  ],
  ['a chat that is not', answered(404), {}, { kind: 'refused', code: 'CONVERSATION_NOT_FOUND' }],
  ['a chat that is not acceptable', boom(406), {}, { kind: 'refused', code: 'CONVERSATION_NOT_FOUND' }],
  [
    'what is forbidden',
    answered(403),
    {},
    {
      kind: 'refused',
      code: 'WHATSAPP_REJECTED',
      message: 'WhatsApp did not do it (403): this number is not in the group, or no admin of it.',
    },
  ],
  ['what is not even seen', answered(401), { hidden: true }, { kind: 'refused', code: 'CONVERSATION_NOT_FOUND' }],
  [
    'any other no',
    answered(463),
    {},
    { kind: 'refused', code: 'WHATSAPP_REJECTED', message: 'WhatsApp did not do it (463).' },
  ],
]

test.each(cases)('%s', (_name, error, asked, failure) => {
  const made = failureOf(error, { what: 'do it', ...asked })
  expect(made).toBeInstanceOf(SendFailure)
  expect({ ...made, message: made.message }).toMatchObject(failure)
})

test('what is said in our own words already stays', () => {
  const failure = notConnected()
  expect(failureOf(failure, { what: 'do it' })).toBe(failure)
})
