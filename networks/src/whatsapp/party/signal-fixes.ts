/** What must be mended in `libsignal` 6.0.0 before any session is used: it prints private keys, and it breaks sessions. */
import { SessionCipher } from 'libsignal'

type Level = 'info' | 'warn' | 'error'
type Console = Record<Level, (...words: unknown[]) => void>

interface Session {
  serialize(): object
  constructor: { deserialize(data: object): object }
}
interface Cipher {
  doDecryptWhisperMessage(message: Uint8Array, session: Session | undefined): Promise<Uint8Array>
}

/** session_record.js, session_builder.js and session_cipher.js print whole sessions, with their keys, and what they cannot read. */
const loud =
  /^(?:Closing|Opening|Removing old closed|Migrating) session|^Session (?:already (?:closed|open)|error:)|^Closing open session|^Decrypted message with closed session|^Failed to decrypt message with any known session/

let isMended = false

/** Once for the process. */
export function mendSignal(): void {
  if (isMended) return
  isMended = true
  silence((globalThis as unknown as { console: Console }).console)
  makeAtomic(SessionCipher.prototype as unknown as Cipher)
}

function silence(terminal: Console): void {
  for (const level of ['info', 'warn', 'error'] as const) {
    const print = terminal[level].bind(terminal)
    terminal[level] = (...words) => {
      if (typeof words[0] !== 'string' || !loud.test(words[0])) print(...words)
    }
  }
}

/** It turns the ratchet before it knows that the message is genuine, and keeps what it turned: one late message ends a session. */
function makeAtomic(cipher: Cipher): void {
  const decrypt = cipher.doDecryptWhisperMessage
  cipher.doDecryptWhisperMessage = async function (this: Cipher, message, session) {
    const before = session?.serialize()
    try {
      return await decrypt.call(this, message, session)
    } catch (error) {
      if (session !== undefined && before !== undefined) {
        for (const key of Object.keys(session)) Reflect.deleteProperty(session, key)
        Object.assign(session, session.constructor.deserialize(before))
      }
      throw error
    }
  }
}
