/** What a refusal of the phone leads to, and what is said when a message failed on it. */
import { expect, test } from 'vitest'
import { detailOf, refusalOf } from './failures.ts'

test.each([
  [503, 'retryable', 'RATE_LIMIT_EXCEEDED', true],
  [429, 'retryable', 'RATE_LIMIT_EXCEEDED', true],
  [400, 'refused', 'SMS_REJECTED', false],
  [401, 'refused', 'SMS_SENDER_NOT_ALLOWED', false],
  [403, 'refused', 'SMS_SENDER_NOT_ALLOWED', false],
  [404, 'refused', 'SMS_SENDER_NOT_ALLOWED', false],
  [307, 'refused', 'SMS_SENDER_NOT_ALLOWED', false],
  [500, 'uncertain', 'PROVIDER_TIMEOUT', false],
  [502, 'uncertain', 'PROVIDER_TIMEOUT', false],
])('status %i is %s %s', (status, kind, code, throttled) => {
  const failure = refusalOf({ status, json: undefined, retryAfterMs: null })
  expect([failure.kind, failure.code, failure.throttled]).toEqual([kind, code, throttled])
  if (throttled) expect([failure.scope, failure.retryAfterMs]).toEqual(['link', 10_000])
})

test.each([
  [
    'Send result: RESULT_ERROR_LIMIT_EXCEEDED (Failed because we reached the sending queue limit)',
    'RESULT_ERROR_LIMIT_EXCEEDED: The phone sends too much.',
  ],
  ['Send result: RESULT_ERROR_NO_SERVICE (x)', 'RESULT_ERROR_NO_SERVICE: The phone has no network.'],
  ['Send result: RESULT_RIL_MODEM_ERR (x)', 'RESULT_RIL_MODEM_ERR: The phone failed to send'],
  ['RESULT_NO_DEFAULT_SMS_APP', 'RESULT_NO_DEFAULT_SMS_APP: The phone is not set up to send.'],
  ['No SIMs found', 'The phone is not set up to send.'],
  ['Delivery result: 97', 'The message was not delivered.'],
  ['', 'The message was not delivered.'],
])('%s is told in words', (reason, words) => {
  expect(detailOf(reason)).toContain(words)
})
