/** Encryption at rest: AES-256-GCM under keys derived from the master key, each value bound to the place it lies in. */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto'

export interface SealedBox {
  /** `place` must be given again to open it: a value copied to another row does not open there. */
  seal(value: Uint8Array, place: string): Buffer
  open(sealed: Uint8Array, place: string): Buffer
  /** A one-way print of a high-entropy secret, for look-ups. */
  print(secret: string): Buffer
  /** Proves later that we wrote this, to nobody but us. */
  sign(text: string): Buffer
  /** The same for the same master key, and telling nothing about it. */
  readonly check: string
}

const version = 1
const nonceBytes = 12
const tagBytes = 16

export function createSealedBox(masterKey: Uint8Array): SealedBox {
  if (masterKey.length !== 32) throw new Error('MASTER_KEY must be 32 bytes, written in base64.')
  const derive = (purpose: string) => Buffer.from(hkdfSync('sha256', masterKey, 'switchboard', purpose, 32))
  const sealKey = derive('seal/v1')
  const printKey = derive('print/v1')
  const signKey = derive('sign/v1')
  return {
    seal(value, place) {
      const nonce = randomBytes(nonceBytes)
      const cipher = createCipheriv('aes-256-gcm', sealKey, nonce)
      cipher.setAAD(Buffer.from(place))
      const body = Buffer.concat([cipher.update(value), cipher.final()])
      return Buffer.concat([Buffer.from([version]), nonce, cipher.getAuthTag(), body])
    },
    open(sealed, place) {
      const bytes = Buffer.from(sealed)
      if (bytes[0] !== version || bytes.length < 1 + nonceBytes + tagBytes) throw new Error('This is no sealed value.')
      const nonce = bytes.subarray(1, 1 + nonceBytes)
      const decipher = createDecipheriv('aes-256-gcm', sealKey, nonce)
      decipher.setAAD(Buffer.from(place))
      decipher.setAuthTag(bytes.subarray(1 + nonceBytes, 1 + nonceBytes + tagBytes))
      return Buffer.concat([decipher.update(bytes.subarray(1 + nonceBytes + tagBytes)), decipher.final()])
    },
    print: (secret) => createHmac('sha256', printKey).update(secret).digest(),
    sign: (text) => createHmac('sha256', signKey).update(text).digest(),
    check: derive('check/v1').toString('base64url'),
  }
}
