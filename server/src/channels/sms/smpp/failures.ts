/** What an SMSC says about a submit, as how the send failed: data over command_status (SMPP 3.4, section 5.1.3). */
import { SendFailure } from '../../../model/delivery.ts'

type Meaning = 'throttled' | 'passing' | 'setup' | 'unreachable' | 'rejected'

interface Known {
  name: string
  words: string
  meaning: Meaning
}

const known: ReadonlyMap<number, Known> = new Map(
  (
    [
      [0x01, 'invalid message length', 'rejected'],
      [0x02, 'invalid command length', 'rejected'],
      [0x03, 'invalid command', 'rejected'],
      [0x04, 'not allowed in this bind', 'setup'],
      [0x05, 'already bound', 'setup'],
      [0x06, 'invalid priority', 'rejected'],
      [0x07, 'invalid registered delivery', 'rejected'],
      [0x08, 'system error', 'passing'],
      [0x0a, 'invalid source address', 'setup'],
      [0x0b, 'invalid destination address', 'unreachable'],
      [0x0d, 'bind failed', 'setup'],
      [0x0e, 'invalid password', 'setup'],
      [0x0f, 'invalid system id', 'setup'],
      [0x14, 'message queue full', 'throttled'],
      [0x15, 'invalid service type', 'rejected'],
      [0x33, 'invalid number of destinations', 'rejected'],
      [0x43, 'invalid esm class', 'rejected'],
      [0x45, 'submit failed', 'rejected'],
      [0x48, 'invalid source type of number', 'rejected'],
      [0x49, 'invalid source numbering plan', 'rejected'],
      [0x50, 'invalid destination type of number', 'rejected'],
      [0x51, 'invalid destination numbering plan', 'rejected'],
      [0x53, 'invalid system type', 'rejected'],
      [0x58, 'throttled', 'throttled'],
      [0x61, 'invalid schedule time', 'rejected'],
      [0x62, 'invalid validity period', 'rejected'],
      [0x64, 'temporary application error', 'passing'],
      [0x65, 'permanent application error', 'rejected'],
      [0x66, 'rejected by the application', 'rejected'],
      [0xff, 'unknown error', 'rejected'],
    ] as const
  ).map(([status, name, meaning]) => [status, { name, words: `0x${hexOf(status)}, ${name}`, meaning }]),
)

const advice: Readonly<Record<Meaning, string>> = {
  throttled: 'It is sent again by itself; lower perSecond if this goes on.',
  passing: 'It is sent again by itself.',
  setup: "Check the line's number, its system id and password, and what the provider allows this account.",
  unreachable: 'Check the number; the provider has no way to it.',
  rejected: 'Ask the provider what this status means for the account, or change the text or the recipient.',
}

/** The first pause of a throttled line; it doubles with each throttling in a row. */
const throttlePauseMs = { first: 1_000, longest: 60_000 }

/** `throttledInARow`: how often the SMSC told this line to wait since it last took something. */
export function failureOfStatus(status: number, throttledInARow = 0): SendFailure {
  const meaning = known.get(status)?.meaning ?? 'rejected'
  const detail = `The SMSC refused it (${statusWords(status)}). ${advice[meaning]}`
  if (meaning === 'throttled') {
    const retryAfterMs = Math.min(throttlePauseMs.first * 2 ** Math.min(throttledInARow, 16), throttlePauseMs.longest)
    return new SendFailure('retryable', 'RATE_LIMIT_EXCEEDED', detail, { scope: 'link', throttled: true, retryAfterMs })
  }
  if (meaning === 'passing') return new SendFailure('retryable', 'SMS_SEND_FAILED', detail)
  if (meaning === 'unreachable') return new SendFailure('unreachable', 'NO_CHANNEL_AVAILABLE', detail)
  return new SendFailure('refused', meaning === 'setup' ? 'SMS_SENDER_NOT_ALLOWED' : 'SMS_REJECTED', detail)
}

export function statusWords(status: number): string {
  const range = status >= 0x400 && status <= 0x4ff ? "the provider's own" : 'unknown to us'
  return known.get(status)?.words ?? `0x${hexOf(status)}, ${range}`
}

export function hexOf(status: number): string {
  return status.toString(16).padStart(2, '0')
}
