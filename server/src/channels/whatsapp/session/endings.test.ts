/** What follows an ended connection, case by case. */
import { expect, test } from 'vitest'
import { afterEnding } from './endings.ts'

const paired = { isPaired: true, failures: 1 }
const unpaired = { isPaired: false, failures: 1 }

test.each([
  ['right after linking it starts anew at once', { ...paired, code: 515 }, { do: 'restart' }],
  [
    'a server that asks for that for ever is waited for',
    { ...paired, code: 515, failures: 4 },
    { do: 'again', reason: 'close_515', afterMs: 8_000 },
  ],
  ['unlinked on the phone', { ...paired, code: 401 }, { do: 'end', reason: 'auth_revoked', forget: true }],
  ['turned away before it was linked', { ...unpaired, code: 401 }, { do: 'end', reason: 'terminal_401', forget: true }],
  ['the account is closed', { ...paired, code: 403 }, { do: 'end', reason: 'terminal_403', forget: false }],
  ['our version is too old', { ...paired, code: 405 }, { do: 'end', reason: 'terminal_405', forget: false }],
  ['the phone is too old', { ...paired, code: 411 }, { do: 'end', reason: 'terminal_411', forget: false }],
  ['nobody scanned a code', { ...unpaired, code: 408 }, { do: 'end', reason: 'terminal_408', forget: false }],
  ['the network was silent', { ...paired, code: 408 }, { do: 'again', reason: 'close_408', afterMs: 1_000 }],
  [
    'another connection of the same device',
    { ...paired, code: 440 },
    { do: 'end', reason: 'close_440', forget: false },
  ],
  ['the line was cut', { ...paired, code: 428 }, { do: 'again', reason: 'close_428', afterMs: 1_000 }],
  ['again and again', { ...paired, code: 428, failures: 3 }, { do: 'again', reason: 'close_428', afterMs: 4_000 }],
  ['for hours', { ...paired, code: 503, failures: 40 }, { do: 'again', reason: 'close_503', afterMs: 60_000 }],
  ['without saying why', { ...paired, code: 0 }, { do: 'again', reason: 'close_0', afterMs: 1_000 }],
] as const)('%s', (_, ending, step) => {
  expect(afterEnding(ending, 0.5)).toEqual(step)
})

test('pauses differ from line to line, between half and one and a half', () => {
  const pauses = [0, 0.999].map((chance) => afterEnding({ ...paired, code: 428 }, chance))
  expect(pauses).toMatchObject([{ afterMs: 500 }, { afterMs: 1_499 }])
})
