/** One connection to WhatsApp: the library's socket, and what we hear on it before the library does. */
import {
  type AuthenticationCreds,
  type BinaryNode,
  Browsers,
  type ConnectionState,
  type GroupMetadata,
  makeWASocket,
  type proto,
  type WASocket,
} from 'baileys'
import { uploadAgent } from '../../../lib/egress/agent.ts'
import type { LinkLog } from '../../connector.ts'
import type { KeyStore } from '../keys/key-store.ts'
import { type RepositoryParts, repositoryOn } from '../keys/repository.ts'
import { outliveFailures } from '../library/listeners.ts'
import { quietLogger } from '../library/quiet-logger.ts'
import { trusting } from '../library/trust.ts'
import type { WhatsappSettings } from '../line.ts'
import { ageingCache, type Cache } from './caches.ts'

/** What outlives a connection. */
export interface Caches {
  retries: Cache
  devices: Cache
}

export function newCaches(options: { now(): number; devicesMs: number }): Caches {
  const hourMs = 3_600_000
  return {
    retries: ageingCache({ now: options.now, ageMs: hourMs, entriesMax: 2_000 }),
    devices: ageingCache({ now: options.now, ageMs: options.devicesMs, entriesMax: 5_000 }),
  }
}

export interface SocketParts extends Omit<RepositoryParts, 'envelopeOf'> {
  credentials: AuthenticationCreds
  store: KeyStore
  settings: WhatsappSettings
  caches: Caches
  log: LinkLog
  sent(id: string): Promise<proto.IMessage | undefined>
  group(chat: string): Promise<GroupMetadata | undefined>
}

/** What comes in. The library acknowledges receipts and notices only once these have resolved. */
export interface Taps {
  changed(state: Partial<ConnectionState>): void
  credentialsChanged(): void
  answered(ack: BinaryNode): void
  receipt(node: BinaryNode): Promise<void>
  notice(node: BinaryNode): Promise<void>
  chatState(node: BinaryNode): void
}

export function openSocket(parts: SocketParts, taps: Taps): WASocket {
  const { credentials, store, settings, caches, log, sent, group } = parts
  // By identity: what the library decrypts is the very buffer of the stanza.
  const envelopes = new WeakMap<Uint8Array, BinaryNode['attrs']>()
  const socket = trusting(settings.trust?.noiseRoot ?? null, () =>
    makeWASocket({
      auth: { creds: credentials, keys: store },
      waWebSocketUrl: settings.socketUrl,
      ...(settings.version === null ? {} : { version: [...settings.version] }),
      browser: Browsers[settings.browser]('Chrome'),
      logger: quietLogger(log),
      markOnlineOnConnect: settings.markOnline,
      syncFullHistory: false,
      // Its previews would fetch what somebody else chose.
      generateHighQualityLinkPreview: false,
      // An unreadable one of these would be refused again and again, and hold up everything behind it.
      shouldIgnoreJid: (jid) => jid === 'status@broadcast' || jid.endsWith('@newsletter'),
      fetchAgent: uploadAgent(settings.trust?.ca ?? null),
      emitOwnEvents: false,
      enableRecentMessageCache: false,
      msgRetryCounterCache: caches.retries,
      userDevicesCache: caches.devices,
      getMessage: ({ id }) => sent(id ?? ''),
      cachedGroupMetadata: group,
      makeSignalRepository: repositoryOn({ ...parts, envelopeOf: (ciphertext) => envelopes.get(ciphertext) ?? null }),
    }),
  )
  socket.ev.on('connection.update', taps.changed)
  socket.ev.on('creds.update', taps.credentialsChanged)
  const { ws } = socket
  outliveFailures(ws, (error) => log.warn({ err: error }, 'the WhatsApp library could not answer what it heard'))
  oneByOne(ws, 'CB:message')
  ws.prependListener('CB:message', (node: BinaryNode) => {
    for (const { tag, content } of Array.isArray(node.content) ? node.content : [])
      if (tag === 'enc' && content instanceof Uint8Array) envelopes.set(content, node.attrs)
  })
  ws.on('CB:ack,class:message', taps.answered)
  ws.on('CB:chatstate', taps.chatState)
  takeFirst(ws, 'CB:receipt', taps.receipt)
  takeFirst(ws, 'CB:notification', taps.notice)
  return socket
}

type Emitter = WASocket['ws']
type Listener = (node: BinaryNode) => unknown

/**
 * baileys 7.0.0-rc14 stores who is who before a message waits for its turn to be decrypted, and that takes longer for whoever is
 * new: the next message would overtake the one with the keys to it, be asked for again, and come after those behind it.
 */
function oneByOne(ws: Emitter, event: string): void {
  const theirs = ws.listeners(event) as Listener[]
  ws.removeAllListeners(event)
  let last: Promise<unknown> = Promise.resolve()
  ws.on(event, (node: BinaryNode) => {
    // What the library makes of a message of which it can make nothing is its own affair, and no reason to stop.
    last = last.then(() => Promise.allSettled(theirs.map(async (listener) => listener(node))))
  })
}

/** In order; what we did not take is not acknowledged, and comes again with the next connection. Only a link that has ended takes nothing. */
function takeFirst(ws: Emitter, event: string, take: (node: BinaryNode) => Promise<void>): void {
  const theirs = ws.listeners(event) as Listener[]
  ws.removeAllListeners(event)
  let last: Promise<void> = Promise.resolve()
  ws.on(event, (node: BinaryNode) => {
    last = last
      .then(() => take(node))
      .then(
        () => {
          for (const listener of theirs) listener(node)
        },
        () => {},
      )
  })
}
