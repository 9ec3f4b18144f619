/** What each of Apple's numbers means for the message and for those behind it. */
import { expect, test } from 'vitest'
import { failureOfRow } from './row-errors.ts'

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, place) => from + place)

test('no error is no failure', () => {
  expect(failureOfRow(0)).toBeNull()
})

test.each([
  ['retryable', 'message', [...range(1, 5), ...range(12, 20), ...range(26, 29), 35]],
  ['retryable', 'link', [...range(6, 11), ...range(30, 33), 38, 39, 40]],
  ['unreachable', 'message', range(21, 24)],
  ['refused', 'message', [25, 34, 36, 37, 41, 42]],
  ['uncertain', 'message', [43, 44, 100, 1_000, -1]],
])('%s, of the %s: %j', (kind, scope, numbers) => {
  for (const number of numbers) {
    expect(failureOfRow(number), `error ${number}`).toMatchObject({
      kind,
      scope,
      code: kind === 'uncertain' ? 'PROVIDER_TIMEOUT' : 'IMESSAGE_SEND_FAILED',
      message: expect.stringContaining(`(${number})`),
    })
  }
})
