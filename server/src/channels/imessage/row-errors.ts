/** The numbers by which Apple says why a message was not sent, and what they mean for it. */
import { SendFailure } from '../../model/delivery.ts'

interface Meaning {
  /** Up to and including. */
  to: number
  kind: 'retryable' | 'unreachable' | 'refused'
  /** What is wrong with the account or the network fails every other message too. */
  scope: 'link' | 'message'
  words: string
}

/** In the order of the numbers. */
const meanings: readonly Meaning[] = [
  { to: 5, kind: 'retryable', scope: 'message', words: 'Messages on the Mac failed to send it.' },
  { to: 11, kind: 'retryable', scope: 'link', words: 'The Mac has no connection to Apple. Check its network.' },
  { to: 20, kind: 'retryable', scope: 'message', words: 'Apple did not take it.' },
  { to: 24, kind: 'unreachable', scope: 'message', words: 'This person cannot be reached over iMessage.' },
  { to: 25, kind: 'refused', scope: 'message', words: 'Messages on the Mac could not convert the file.' },
  { to: 29, kind: 'retryable', scope: 'message', words: 'The message could not be encrypted.' },
  {
    to: 33,
    kind: 'retryable',
    scope: 'link',
    words: 'The account of the Mac cannot send. Look at its sign-in in Messages.',
  },
  { to: 34, kind: 'refused', scope: 'message', words: 'The file could not be uploaded to Apple.' },
  { to: 35, kind: 'retryable', scope: 'message', words: 'The file could not be downloaded from Apple.' },
  { to: 37, kind: 'refused', scope: 'message', words: 'The file was not taken.' },
  { to: 38, kind: 'retryable', scope: 'link', words: 'The Mac needs an update before it can send.' },
  { to: 39, kind: 'retryable', scope: 'link', words: 'The messaging of the Mac has crashed. Restart Messages.' },
  { to: 40, kind: 'retryable', scope: 'link', words: 'The account of the Mac is not accepted. Sign in again.' },
  { to: 42, kind: 'refused', scope: 'message', words: 'Messages on the Mac did not take it.' },
]

/** Null for 0, which is none. */
export function failureOfRow(error: number): SendFailure | null {
  if (error === 0) return null
  const meaning = error < 0 ? undefined : meanings.find(({ to }) => error <= to)
  if (meaning === undefined) {
    const detail = `Messages reported an error that is not known (${error}). It may have been sent.`
    return new SendFailure('uncertain', 'PROVIDER_TIMEOUT', detail)
  }
  return new SendFailure(meaning.kind, 'IMESSAGE_SEND_FAILED', `${meaning.words} (${error})`, { scope: meaning.scope })
}
