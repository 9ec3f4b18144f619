/** The server's half of the handshake `Noise_XX_25519_AESGCM_SHA256`, with a certificate root of its own, and its frames. */
import {
  aesDecryptGCM,
  aesEncryptGCM,
  Curve,
  hkdf,
  type KeyPair,
  NOISE_MODE,
  NOISE_WA_HEADER,
  proto,
  sha256,
} from 'baileys'

export interface NoiseIdentity {
  root: KeyPair
  intermediate: KeyPair
  leaf: KeyPair
  chain: Uint8Array
}

const empty = Buffer.alloc(0)
const frameBytesMax = 1_024 * 1_024
const routeBytesMax = 16 * 1_024
const yearSeconds = 31_536_000

export function createNoiseIdentity(nowSeconds: number): NoiseIdentity {
  const [root, intermediate, leaf] = [Curve.generateKeyPair(), Curve.generateKeyPair(), Curve.generateKeyPair()]
  const signed = (serial: number, key: KeyPair, issuer: KeyPair) => {
    const valid = { notBefore: nowSeconds - 3_600, notAfter: nowSeconds + yearSeconds }
    const named = { serial, issuerSerial: serial - 1, key: key.public, ...valid }
    const details = proto.CertChain.NoiseCertificate.Details.encode(named).finish()
    return { details, signature: Curve.sign(issuer.private, details) }
  }
  const chain = { intermediate: signed(1, intermediate, root), leaf: signed(2, leaf, intermediate) }
  return { root, intermediate, leaf, chain: proto.CertChain.encode(chain).finish() }
}

export class Noise {
  readonly #identity: NoiseIdentity
  readonly #ephemeral = Curve.generateKeyPair()
  #hash: Buffer = Buffer.from(NOISE_MODE)
  #salt: Uint8Array = this.#hash
  #key: Uint8Array = this.#hash
  #mixed = 0
  #writing: { key: Uint8Array; count: number } | null = null
  #reading: { key: Uint8Array; count: number } | null = null
  #buffered: Buffer = empty
  #isIntroduced = false

  constructor(identity: NoiseIdentity) {
    this.#identity = identity
    this.#authenticate(NOISE_WA_HEADER)
  }

  /** Answers the client's first message. */
  greet(message: Uint8Array): Uint8Array {
    const ephemeral = proto.HandshakeMessage.decode(message).clientHello?.ephemeral
    if (!ephemeral) throw new Error('The handshake began without a key.')
    this.#authenticate(ephemeral)
    this.#authenticate(this.#ephemeral.public)
    this.#mix(Curve.sharedKey(this.#ephemeral.private, ephemeral))
    const named = this.#seal(this.#identity.leaf.public)
    this.#mix(Curve.sharedKey(this.#identity.leaf.private, ephemeral))
    const serverHello = { ephemeral: this.#ephemeral.public, static: named, payload: this.#seal(this.#identity.chain) }
    return proto.HandshakeMessage.encode({ serverHello }).finish()
  }

  /** Takes the client's second message: from here on both sides write under keys of their own. */
  finish(message: Uint8Array): { clientKey: Buffer; payload: proto.ClientPayload } {
    const finish = proto.HandshakeMessage.decode(message).clientFinish
    if (!finish?.static || !finish.payload) throw new Error('The handshake ended without a key.')
    const clientKey = this.#open(finish.static)
    this.#mix(Curve.sharedKey(this.#ephemeral.private, clientKey))
    const payload = proto.ClientPayload.decode(this.#open(finish.payload))
    const keys = hkdf(empty, 64, { salt: Buffer.from(this.#salt), info: '' })
    this.#reading = { key: keys.subarray(0, 32), count: 0 }
    this.#writing = { key: keys.subarray(32), count: 0 }
    return { clientKey, payload }
  }

  encrypt(plain: Uint8Array): Buffer {
    if (this.#writing === null) throw new Error('The handshake is not over.')
    return aesEncryptGCM(plain, this.#writing.key, counted(this.#writing.count++), empty)
  }

  decrypt(sealed: Uint8Array): Buffer {
    if (this.#reading === null) throw new Error('The handshake is not over.')
    return aesDecryptGCM(sealed, this.#reading.key, counted(this.#reading.count++), empty)
  }

  /** The whole frames that are there now; the rest waits. */
  frames(data: Buffer): Buffer[] {
    this.#buffered = Buffer.concat([this.#buffered, data])
    if (!this.#isIntroduced && !this.#introduce()) return []
    const whole: Buffer[] = []
    while (this.#buffered.length >= 3) {
      const bytes = this.#buffered.readUIntBE(0, 3)
      if (bytes > frameBytesMax) throw new Error('A frame is too large.')
      if (this.#buffered.length < bytes + 3) break
      whole.push(this.#buffered.subarray(3, bytes + 3))
      this.#buffered = this.#buffered.subarray(bytes + 3)
    }
    return whole
  }

  /** False while the introduction is incomplete. A client that was here before puts routing information before it. */
  #introduce(): boolean {
    const isRouted = this.#buffered.subarray(0, 2).toString('latin1') === 'ED'
    if (isRouted && this.#buffered.length < 7) return false
    const start = isRouted ? 7 + this.#buffered.readUIntBE(4, 3) : 0
    if (start > routeBytesMax) throw new Error('The introduction is too large.')
    if (this.#buffered.length < start + NOISE_WA_HEADER.length) return false
    const end = start + NOISE_WA_HEADER.length
    if (!this.#buffered.subarray(start, end).equals(NOISE_WA_HEADER)) throw new Error('This is not a WhatsApp client.')
    this.#buffered = this.#buffered.subarray(end)
    this.#isIntroduced = true
    return true
  }

  #authenticate(data: Uint8Array): void {
    this.#hash = sha256(Buffer.concat([this.#hash, data]))
  }

  #mix(secret: Uint8Array): void {
    const keys = hkdf(Buffer.from(secret), 64, { salt: Buffer.from(this.#salt), info: '' })
    this.#salt = keys.subarray(0, 32)
    this.#key = keys.subarray(32)
    this.#mixed = 0
  }

  #seal(plain: Uint8Array): Buffer {
    const sealed = aesEncryptGCM(plain, this.#key, counted(this.#mixed++), this.#hash)
    this.#authenticate(sealed)
    return sealed
  }

  #open(sealed: Uint8Array): Buffer {
    const plain = aesDecryptGCM(sealed, this.#key, counted(this.#mixed++), this.#hash)
    this.#authenticate(sealed)
    return plain
  }
}

export function framed(data: Uint8Array): Buffer {
  const length = Buffer.alloc(3)
  length.writeUIntBE(data.length, 0, 3)
  return Buffer.concat([length, data])
}

function counted(count: number): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeUInt32BE(count, 8)
  return nonce
}
