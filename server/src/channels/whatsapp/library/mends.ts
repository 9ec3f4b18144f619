/**
 * What must be mended in baileys 7.0.0-rc14 and libsignal 6.0.0 before any socket is made. Each mend has a test that
 * fails without it, and other versions are refused at start: whoever takes one looks at these first.
 */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Curve, generateSignalPubKey, WA_CERT_DETAILS } from 'baileys'
import { SessionCipher } from 'libsignal'
import { verifySignature } from 'libsignal/src/curve.js'
import { trustedRoot } from './trust.ts'

const mendedVersions = { baileys: '7.0.0-rc14', libsignal: '6.0.0' }

let isMended = false

/** Once for the process. */
export function mendLibrary(): void {
  if (isMended) return
  for (const [name, version] of Object.entries(mendedVersions)) {
    const found = versionOf(name)
    if (found !== version)
      throw new Error(
        `WhatsApp needs ${name} ${version} and found ${found}. Run npm ci; for another version look at the mends first.`,
      )
  }
  isMended = true
  verifyForReal()
  trustPerConnection()
  keepSessionsWhole(SessionCipher.prototype as unknown as Cipher)
  keepKeysOffTheTerminal((globalThis as unknown as { console: Terminal }).console)
}

export function versionOf(name: string): string {
  let dir = dirname(fileURLToPath(import.meta.resolve(name)))
  for (;;) {
    try {
      const about = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8')) as { name?: string; version?: string }
      if (about.name === name) return about.version ?? 'none'
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
    }
    if (dirname(dir) === dir) return 'none'
    dir = dirname(dir)
  }
}

/** It waits for an error that libsignal does not throw: every well-formed signature is valid, the server's and the account's. */
function verifyForReal(): void {
  Curve.verify = (key, message, signature) => {
    try {
      return verifySignature(generateSignalPubKey(key), message, signature)
    } catch {
      // What is no key or no signature at all is no valid one either.
      return false
    }
  }
}

/** The root of the server's certificate is one field for the whole process; a loopback network has a root of its own. */
function trustPerConnection(): void {
  let usual = WA_CERT_DETAILS.PUBLIC_KEY
  Object.defineProperty(WA_CERT_DETAILS, 'PUBLIC_KEY', {
    get: () => trustedRoot() ?? usual,
    set: (root: typeof usual) => {
      usual = root
    },
    configurable: true,
  })
}

interface Session {
  serialize(): object
  constructor: { deserialize(data: object): object }
}

interface Cipher {
  doDecryptWhisperMessage(message: Uint8Array, session: Session | undefined): Promise<Uint8Array>
}

/** It turns the ratchet before it knows that a message is genuine, and keeps what it turned: one late message ends a session. */
function keepSessionsWhole(cipher: Cipher): void {
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

type Level = 'info' | 'warn' | 'error' | 'log'
type Terminal = Record<Level, (...words: unknown[]) => void>

/** Its records print whole sessions, private keys and all, and its cipher what it could not read. */
const chatter =
  /^(?:Closing|Opening|Removing old closed|Migrating) session|^Session (?:already (?:closed|open)|error:)|^Closing open session|^Decrypted message with closed session|^Failed to decrypt message with any known session|^V1 session storage migration error|^WARNING: Expected pubkey|^Unhandled bucket type/

export function keepKeysOffTheTerminal(terminal: Terminal): void {
  for (const level of ['info', 'warn', 'error', 'log'] as const) {
    const print = terminal[level].bind(terminal)
    terminal[level] = (...words) => {
      const [first] = words
      if ((typeof first !== 'string' || !chatter.test(first)) && !words.some(isSession)) print(...words)
    }
  }
}

function isSession(word: unknown): boolean {
  return typeof word === 'object' && word !== null && ('currentRatchet' in word || '_chains' in word)
}
