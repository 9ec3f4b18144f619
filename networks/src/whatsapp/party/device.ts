/** A phone's Signal end: it holds real sessions with every device that writes to it, and does one thing at a time. */
import {
  Curve,
  DEFAULT_CONNECTION_CONFIG,
  encodeBigEndian,
  encodeWAMessage,
  generateRegistrationId,
  parseAndInjectE2ESessions,
  proto,
  type SignalCreds,
  signedKeyPair,
  unpadRandomMax16,
  xmppPreKey,
  xmppSignedPreKey,
} from 'baileys'
import { type BinaryNode, stanza } from '../wire/nodes.ts'
import { type Kept, Keys } from './keys.ts'
import { mendSignal } from './signal-fixes.ts'

export interface Sealed {
  type: string
  ciphertext: Uint8Array
}

export interface DeviceState {
  identity: SignalCreds
  kept: Kept
  preKeys: number
}

/** Prekeys that were handed out and never used are forgotten in the end. */
const preKeysMax = 1_000
const keyType = Buffer.from([5])

const silent = {
  level: 'silent',
  child: () => silent,
  trace: () => {},
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
}

export class Device {
  readonly identity: SignalCreds
  readonly #keys: Keys
  readonly #repository
  #preKeys: number
  #turn: Promise<unknown> = Promise.resolve()

  constructor(state?: DeviceState) {
    mendSignal()
    this.identity = state?.identity ?? newIdentity()
    this.#keys = new Keys(state?.kept)
    this.#preKeys = state?.preKeys ?? 0
    const auth = { creds: this.identity, keys: this.#keys }
    this.#repository = DEFAULT_CONNECTION_CONFIG.makeSignalRepository(auth, silent, async () => [])
  }

  state(): DeviceState {
    return { identity: this.identity, kept: this.#keys.kept(), preKeys: this.#preKeys }
  }

  /** What others need to begin a session with it, with a prekey of their own. */
  bundle(): Promise<BinaryNode[]> {
    return this.#alone(async () => {
      this.#preKeys += 1
      const pair = Curve.generateKeyPair()
      const forgotten = this.#preKeys - preKeysMax
      const gone = forgotten > 0 ? { [forgotten]: null } : {}
      await this.#keys.set({ 'pre-key': { [this.#preKeys]: pair, ...gone } })
      return [
        stanza('registration', {}, encodeBigEndian(this.identity.registrationId)),
        stanza('type', {}, keyType),
        stanza('identity', {}, this.identity.signedIdentityKey.public),
        xmppPreKey(pair, this.#preKeys),
        xmppSignedPreKey(this.identity.signedPreKey),
      ]
    })
  }

  /** Throws when this device cannot read it. */
  open(from: string, sealed: BinaryNode): Promise<proto.Message> {
    const { type } = sealed.attrs
    const ciphertext = sealed.content
    if ((type !== 'pkmsg' && type !== 'msg') || !(ciphertext instanceof Uint8Array))
      throw new Error('That is not a message for one device.')
    return this.#alone(async () => {
      const message = read(await this.#repository.decryptMessage({ jid: from, type, ciphertext }))
      const item = message.senderKeyDistributionMessage
      if (item) await this.#repository.processSenderKeyDistributionMessage({ item, authorJid: from })
      return message
    })
  }

  openGroup(group: string, author: string, ciphertext: Uint8Array): Promise<proto.Message> {
    return this.#alone(async () =>
      read(await this.#repository.decryptGroupMessage({ group, authorJid: author, msg: ciphertext })),
    )
  }

  /** `bundle` is asked for what a new session needs, when there is none yet or when it must be a new one. */
  seal(to: string, message: proto.IMessage, bundle: () => BinaryNode, isAnew = false): Promise<Sealed> {
    return this.#alone(async () => {
      const { exists } = await this.#repository.validateSession(to)
      if (!exists || isAnew) {
        const list = stanza('list', {}, [bundle()])
        await parseAndInjectE2ESessions(stanza('iq', {}, [list]), this.#repository)
      }
      return this.#repository.encryptMessage({ jid: to, data: encodeWAMessage(message) })
    })
  }

  /** With it comes what a device needs to read this and what follows. */
  sealGroup(
    group: string,
    author: string,
    message: proto.IMessage,
  ): Promise<{ ciphertext: Uint8Array; key: Uint8Array }> {
    return this.#alone(async () => {
      const data = encodeWAMessage(message)
      const sealed = await this.#repository.encryptGroupMessage({ group, meId: author, data })
      return { ciphertext: sealed.ciphertext, key: sealed.senderKeyDistributionMessage }
    })
  }

  close(): void {
    this.#repository.close?.()
  }

  #alone<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = this.#turn.then(work)
    this.#turn = done.catch(() => {})
    return done
  }
}

function newIdentity(): SignalCreds {
  const signedIdentityKey = Curve.generateKeyPair()
  const signedPreKey = signedKeyPair(signedIdentityKey, 1)
  return { signedIdentityKey, signedPreKey, registrationId: generateRegistrationId() }
}

function read(padded: Uint8Array): proto.Message {
  return proto.Message.decode(unpadRandomMax16(padded))
}
