/** What a refusal of the provider leads to, code by code. */
import { describe, expect, test } from 'vitest'
import { detailOf, failureOfCode, refusalOf } from './failures.ts'

const refusal = (status: number, code?: unknown, retryAfterMs: number | null = null) => {
  const failure = refusalOf({ status, json: code === undefined ? undefined : { code, message: 'x' }, retryAfterMs })
  return { kind: failure.kind, code: failure.code, scope: failure.scope, throttled: failure.throttled }
}

const throttled = { kind: 'retryable', code: 'RATE_LIMIT_EXCEEDED', scope: 'link', throttled: true }
const outcome = (kind: string, code: string) => ({ kind, code, scope: 'message', throttled: false })
const setup = outcome('refused', 'SMS_SENDER_NOT_ALLOWED')
const uncertain = outcome('uncertain', 'PROVIDER_TIMEOUT')
const unreachable = outcome('unreachable', 'NO_CHANNEL_AVAILABLE')
const rejected = outcome('refused', 'SMS_REJECTED')

describe('a refusal with', () => {
  test.each([
    [400, 21211, unreachable],
    [400, 21614, unreachable],
    [400, 21612, unreachable],
    [400, 21635, unreachable],
    [400, 21617, outcome('refused', 'SMS_TOO_LONG')],
    [400, 21610, outcome('refused', 'RECIPIENT_OPTED_OUT')],
    [400, 21606, setup],
    [400, 21603, setup],
    [400, 30002, setup],
    [400, 30034, setup],
    [400, 21611, throttled],
    [400, 30001, throttled],
    [400, 30003, unreachable],
    [400, 30005, unreachable],
    [400, 30006, unreachable],
    [400, 30004, rejected],
    [400, 30007, rejected],
    [400, 30008, outcome('retryable', 'SMS_SEND_FAILED')],
    [400, 30410, uncertain],
    [400, 30019, outcome('refused', 'MMS_MEDIA_TOO_LARGE')],
    [400, 21620, rejected],
    [400, 12300, rejected],
    [429, 20429, throttled],
    [429, undefined, throttled],
    [401, 20003, setup],
    [401, undefined, setup],
    [403, undefined, setup],
    [404, 20404, setup],
    [301, undefined, setup],
    [500, undefined, uncertain],
    [503, 20503, uncertain],
    [500, 21211, uncertain],
    [400, 99999, rejected],
    [400, undefined, rejected],
    [400, 'nonsense', rejected],
    [400, { __proto__: null }, rejected],
  ])('status %i and code %s', (status, code, expected) => {
    expect(refusal(status, code)).toEqual(expected)
  })
})

test('waits as long as the provider asks', () => {
  expect(refusalOf({ status: 429, json: {}, retryAfterMs: 7_000 }).retryAfterMs).toBe(7_000)
  expect(refusalOf({ status: 429, json: {}, retryAfterMs: null }).retryAfterMs).toBeNull()
})

test('a message that failed as it was taken fails by its code', () => {
  expect(failureOfCode(30005).kind).toBe('unreachable')
  expect(failureOfCode('30007').code).toBe('SMS_REJECTED')
  expect(failureOfCode(null).kind).toBe('retryable')
})

test('words name the code and say what it is', () => {
  expect(detailOf('30003')).toBe('30003: The phone is off, out of reach, or does not take SMS.')
  expect(detailOf('45678')).toBe('45678: The list of error codes of the provider says what it means.')
  expect(detailOf('')).toBe('The provider says no code and nothing else. Look at its own log.')
})
