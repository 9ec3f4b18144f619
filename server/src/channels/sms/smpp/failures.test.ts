/** What each command_status means for a message, and that its words help whoever reads them. */
import { describe, expect, test } from 'vitest'
import { failureOfStatus, statusWords } from './failures.ts'

describe('a submit that is refused', () => {
  test.each([
    [0x04, 'refused', 'SMS_SENDER_NOT_ALLOWED'],
    [0x05, 'refused', 'SMS_SENDER_NOT_ALLOWED'],
    [0x0a, 'refused', 'SMS_SENDER_NOT_ALLOWED'],
    [0x0d, 'refused', 'SMS_SENDER_NOT_ALLOWED'],
    [0x0e, 'refused', 'SMS_SENDER_NOT_ALLOWED'],
    [0x0f, 'refused', 'SMS_SENDER_NOT_ALLOWED'],
    [0x08, 'retryable', 'SMS_SEND_FAILED'],
    [0x64, 'retryable', 'SMS_SEND_FAILED'],
    [0x0b, 'unreachable', 'NO_CHANNEL_AVAILABLE'],
    [0x01, 'refused', 'SMS_REJECTED'],
    [0x33, 'refused', 'SMS_REJECTED'],
    [0x43, 'refused', 'SMS_REJECTED'],
    [0x45, 'refused', 'SMS_REJECTED'],
    [0x65, 'refused', 'SMS_REJECTED'],
    [0x66, 'refused', 'SMS_REJECTED'],
    [0x400, 'refused', 'SMS_REJECTED'],
    [0x7fffffff, 'refused', 'SMS_REJECTED'],
  ])('with status %i is %s as %s', (status, kind, code) => {
    const failure = failureOfStatus(status)
    expect([failure.kind, failure.code, failure.throttled, failure.scope]).toEqual([kind, code, false, 'message'])
    expect(failure.message).toContain(`0x${status.toString(16).padStart(2, '0')}, `)
  })

  test.each([0x58, 0x14])(
    'for lack of room (%i) waits with its line, longer each time and never too long',
    (status) => {
      const failures = [0, 1, 2, 5, 6, 500].map((times) => failureOfStatus(status, times))
      expect(failures.map(({ retryAfterMs }) => retryAfterMs)).toEqual([1_000, 2_000, 4_000, 32_000, 60_000, 60_000])
      for (const { kind, code, throttled, scope } of failures)
        expect([kind, code, throttled, scope]).toEqual(['retryable', 'RATE_LIMIT_EXCEEDED', true, 'link'])
    },
  )

  test('says which status it was, and what to do', () => {
    expect(failureOfStatus(0x0e).message).toBe(
      "The SMSC refused it (0x0e, invalid password). Check the line's number, its system id and password, and what the provider allows this account.",
    )
    expect(statusWords(0x41a)).toBe("0x41a, the provider's own")
    expect(statusWords(0x1234)).toBe('0x1234, unknown to us')
  })
})
