/** Who this linked device is: made once, kept in the vault, saved whole whenever the library changes a part. */
import { randomBytes } from 'node:crypto'
import { type AuthenticationCreds, BufferJSON, initAuthCreds } from 'baileys'
import type { Vault } from '../../connector.ts'
import { type KeyStore, nextPreKeyAfter } from './key-store.ts'

const place = 'credentials'

/** Half a pairing is none: the library would log in with a name that no server knows. */
export async function loadCredentials(vault: Vault): Promise<AuthenticationCreds> {
  const bytes = await vault.get(place)
  const saved: AuthenticationCreds | null =
    bytes === null ? null : JSON.parse(Buffer.from(bytes).toString(), BufferJSON.reviver)
  if (saved === null || !isPaired(saved)) return initAuthCreds()
  return { ...saved, nextPreKeyId: Math.max(saved.nextPreKeyId, await nextPreKeyAfter(vault)) }
}

export function isPaired(credentials: AuthenticationCreds): boolean {
  return credentials.me !== undefined && credentials.account !== undefined
}

/** The code that was scanned has shown this one, and the log of events tells which codes were shown: it opens nothing any more. */
export function renewLinkSecret(credentials: AuthenticationCreds): void {
  credentials.advSecretKey = randomBytes(32).toString('base64')
}

export async function forgetEverything(vault: Vault): Promise<void> {
  const keys = await vault.keys('')
  if (keys.length > 0) await vault.put(Object.fromEntries(keys.map((key) => [key, null])))
}

/** One write at a time, and the last state wins. */
export class CredentialWriter {
  readonly #credentials: AuthenticationCreds
  readonly #store: KeyStore
  #isDirty = false
  #writing: Promise<void> | null = null

  constructor(credentials: AuthenticationCreds, store: KeyStore) {
    this.#credentials = credentials
    this.#store = store
  }

  /** Resolves when what it is now is kept. */
  save(): Promise<void> {
    this.#isDirty = true
    this.#writing ??= this.#write().finally(() => {
      this.#writing = null
    })
    return this.#writing
  }

  async #write(): Promise<void> {
    while (this.#isDirty) {
      this.#isDirty = false
      await this.#store.write({ [place]: Buffer.from(JSON.stringify(this.#credentials, BufferJSON.replacer)) })
    }
  }
}
