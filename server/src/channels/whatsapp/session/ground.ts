/** What a link keeps from its start to its stop, however often its connection is made anew. */
import {
  type AuthenticationCreds,
  cleanMessage,
  decodeMessageNode,
  type proto as Proto,
  proto,
  unpadRandomMax16,
  type WAMessage,
} from 'baileys'
import type { Clock } from '../../../lib/clock.ts'
import type { Host } from '../../connector.ts'
import { Expiries } from '../expiries.ts'
import { CredentialWriter, loadCredentials } from '../keys/credentials.ts'
import { type Decrypted, Journal } from '../keys/journal.ts'
import { KeyStore } from '../keys/key-store.ts'
import { Sent } from '../keys/sent.ts'
import { SignalKeys } from '../keys/signal-keys.ts'
import type { WhatsappSettings } from '../line.ts'
import { Acquaintances } from '../pacing/acquaintances.ts'
import type { Heard } from '../receiving/heard.ts'

export interface Ground {
  credentials: AuthenticationCreds
  writer: CredentialWriter
  store: KeyStore
  keys: SignalKeys
  journal: Journal
  sent: Sent
  expiries: Expiries
  acquaintances: Acquaintances
}

export interface GroundParts {
  host: Host
  clock: Clock
  settings: Pick<WhatsappSettings, 'pace'>
  chance(): number
  signal: AbortSignal
  lost(): void
  /** Resolves when the gateway has what was heard. */
  heard(heard: Heard): Promise<void>
}

export async function openGround(parts: GroundParts): Promise<Ground> {
  const { host, clock, signal, lost, heard } = parts
  const { vault, log } = host
  const store = new KeyStore({ vault, clock, log, signal, lost })
  const keys = new SignalKeys(store)
  const credentials = await loadCredentials(vault)
  const journal = new Journal({
    ...{ vault, store, keys, clock },
    take: async (decrypted) => {
      const message = messageIn(decrypted, credentials)
      if (message !== null) await heard(message)
    },
    isOver: () => signal.aborted,
    onError: (error) => {
      if (!signal.aborted) log.error({ err: error }, 'a message that was decrypted could not be handed over')
    },
  })
  const acquaintances = await Acquaintances.open({
    ...{ vault, store, clock, chance: parts.chance, settings: parts.settings.pace },
    onError: (error) => {
      if (!signal.aborted) log.warn({ err: error }, 'how a line is paced could not be stored')
    },
  })
  return {
    ...{ credentials, store, keys, journal, acquaintances },
    writer: new CredentialWriter(credentials, store),
    sent: await Sent.open({ vault, store }),
    expiries: new Expiries({ vault, store, now: () => clock.monotonic() }),
  }
}

/** As the library would have told it; null for what is no message that anybody could read. */
function messageIn({ envelope, plaintext }: Decrypted, credentials: AuthenticationCreds): Heard | null {
  const { id: us = '', lid = '' } = credentials.me ?? {}
  let message: WAMessage
  try {
    const content: Proto.IMessage = proto.Message.decode(unpadRandomMax16(plaintext))
    message = decodeMessageNode({ tag: 'message', attrs: envelope }, us, lid).fullMessage
    message.message = content.deviceSentMessage?.message ?? content
    cleanMessage(message, us, lid)
  } catch {
    // Whoever wrote it wrote nonsense: there is nothing in it that anybody could be told.
    return null
  }
  const at = new Date(Number(envelope.t ?? 0) * 1_000)
  return { message, at, offline: envelope.offline !== undefined }
}
