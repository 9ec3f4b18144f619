/** What deliveries are signed with: every key is derived from one random value, so that no two schemes share one. */
import { createPrivateKey, createPublicKey, createSecretKey, hkdfSync, type KeyObject, randomBytes } from 'node:crypto'

/** One generation of an endpoint's keys, as it is stored (sealed) and as it is used. Never changed in place. */
export interface Secret {
  /** 32 random bytes R, in base64. */
  readonly random: string
  /** The customer's own text. It feeds X-Signature and nothing else: the other keys stay ours. */
  readonly supplied: string | null
}

export interface SigningKeys {
  /** R itself: what a Standard Webhooks library decodes from the shown secret. */
  standard: KeyObject
  /** The bytes of a text, prefix and all, which is how old clients take their secret. */
  stamped: KeyObject
  /** Signs bodies without a time. Whatever it signed stays good for ever, so it is never one of the other two. */
  bodyOnly(): KeyObject
  /** An Ed25519 private key. */
  asymmetric(): KeyObject
}

const randomSize = 32
/** The least that Standard Webhooks allows. */
const keySizeMin = 24
/** What stands before a bare Ed25519 seed in PKCS #8 (RFC 8410, section 7); the public key ends its own encoding. */
const seedHeader = Buffer.from('302e020100300506032b657004220420', 'hex')
const publicKeySize = 32

export function mintSecret(supplied: string | null): Secret {
  return { random: randomBytes(randomSize).toString('base64'), supplied }
}

export function shownSecret(secret: Secret): string {
  return `whsec_${secret.random}`
}

export function shownWhatsBridgeSecret(secret: Secret): string {
  return `wabs_${derive(secret, 'webhook/whatsbridge/v1').toString('base64url')}`
}

export function shownPublicKey(secret: Secret): string {
  const encoded = createPublicKey(keysOf(secret).asymmetric()).export({ format: 'der', type: 'spki' })
  return `whpk_${encoded.subarray(-publicKeySize).toString('base64')}`
}

/** What is wrong with a text that a customer wants to have as a secret; null when nothing is. */
export function isUsableSecret(text: string): string | null {
  if (text.length < 16 || text.length > 255) return 'A secret has 16 to 255 characters.'
  if (!/^[\x21-\x7e]+$/.test(text)) return 'A secret consists of printable ASCII characters without spaces.'
  if (/^wabs_/i.test(text)) {
    return 'A secret that begins with wabs_ signs bodies without their time, so what it signed could be replayed here.'
  }
  if (/^wh[ps]k_/i.test(text)) return 'This is half of a key pair. Choose a text that nothing else uses.'
  return null
}

const kept = new WeakMap<Secret, SigningKeys>()

/** Derived once per secret object, each key when it is first asked for: an Ed25519 key costs more than ten deliveries. */
export function keysOf(secret: Secret): SigningKeys {
  const known = kept.get(secret)
  if (known !== undefined) return known
  const keys = {
    standard: createSecretKey(randomOf(secret)),
    stamped: textKey(secret.supplied ?? shownSecret(secret)),
    bodyOnly: once(() => textKey(shownWhatsBridgeSecret(secret))),
    asymmetric: once(() => {
      const key = Buffer.concat([seedHeader, derive(secret, 'webhook/ed25519/v1')])
      return createPrivateKey({ key, format: 'der', type: 'pkcs8' })
    }),
  }
  kept.set(secret, keys)
  return keys
}

function textKey(text: string): KeyObject {
  return createSecretKey(text, 'utf8')
}

function once(make: () => KeyObject): () => KeyObject {
  let made: KeyObject | null = null
  return () => {
    made ??= make()
    return made
  }
}

function derive(secret: Secret, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', randomOf(secret), '', purpose, 32))
}

function randomOf(secret: Secret): Buffer {
  const random = Buffer.from(secret.random, 'base64')
  if (random.length < keySizeMin) throw new Error('This is no webhook secret.')
  return random
}
