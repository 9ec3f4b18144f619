/** The library's store of sessions, on our transactions, with a journal of what it decrypts. */
import { AsyncLocalStorage } from 'node:async_hooks'
import {
  type BinaryNode,
  DEFAULT_CONNECTION_CONFIG,
  type SignalRepositoryWithLIDStore,
  type SocketConfig,
} from 'baileys'
import type { Journal } from './journal.ts'
import type { SignalKeys } from './signal-keys.ts'

/** Whether anything was sealed yet in what is going on: before that nothing of a message can have left. */
export const sealing = new AsyncLocalStorage<{ hasBegun: boolean }>()

export interface RepositoryParts {
  keys: SignalKeys
  journal: Journal
  /** What stands on the envelope of this ciphertext; null if it came in no message. */
  envelopeOf(ciphertext: Uint8Array): BinaryNode['attrs'] | null
}

/** What the socket hands in as its keys is left aside: it takes part in the library's own transactions. */
export function repositoryOn({ keys, journal, envelopeOf }: RepositoryParts): SocketConfig['makeSignalRepository'] {
  return ({ creds }, logger, findLids): SignalRepositoryWithLIDStore => {
    const theirs = DEFAULT_CONNECTION_CONFIG.makeSignalRepository({ creds, keys }, logger, findLids)
    const noting = <Sealed>(seal: () => Promise<Sealed>): Promise<Sealed> => {
      const now = sealing.getStore()
      if (now !== undefined) now.hasBegun = true
      return seal()
    }
    return {
      ...theirs,
      encryptMessage: (plain) => noting(() => theirs.encryptMessage(plain)),
      encryptGroupMessage: (plain) => noting(() => theirs.encryptGroupMessage(plain)),
      decryptMessage: (sealed) =>
        journal.once(sealed.ciphertext, envelopeOf(sealed.ciphertext), () => theirs.decryptMessage(sealed)),
      decryptGroupMessage: (sealed) =>
        journal.once(sealed.msg, envelopeOf(sealed.msg), () => theirs.decryptGroupMessage(sealed)),
    }
  }
}
