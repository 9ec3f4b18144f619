/** The codes callers see, and the error that carries one. */
import { describe, expect, expectTypeOf, test } from 'vitest'
import { type CallCode, errorCodes, GatewayError, isCallCode } from './errors.ts'

describe('the codes', () => {
  test('are each there once, spelled alike', () => {
    expect(new Set(errorCodes).size).toBe(errorCodes.length)
    for (const code of errorCodes) expect(code).toMatch(/^[A-Z]+(_[A-Z]+)*$/)
  })
})

test('what iMessage calls a failure by its number is no code of a call', () => {
  expect(isCallCode('imessage_error_22')).toBe(false)
  expect(isCallCode('IMESSAGE_SEND_FAILED')).toBe(true)
})

describe('a GatewayError', () => {
  test('says its code, what to do, and nothing it was not told', () => {
    const error = new GatewayError('NOT_FOUND', 'Check the id.')
    expect(error).toBeInstanceOf(Error)
    expect({ ...error, message: error.message }).toEqual({
      name: 'GatewayError',
      code: 'NOT_FOUND',
      message: 'Check the id.',
      details: null,
      retryAfterMs: null,
    })
  })

  test('carries details and patience', () => {
    const details = [{ path: 'to', message: 'Name somebody.' }]
    const error = new GatewayError('RATE_LIMIT_EXCEEDED', 'Wait.', { details, retryAfterMs: 1_000 })
    expect(error.details).toBe(details)
    expect(error.retryAfterMs).toBe(1_000)
    expectTypeOf(error.code).toEqualTypeOf<CallCode>()
  })
})
