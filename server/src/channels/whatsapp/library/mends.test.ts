/** The defects of the library that are mended: each of these fails on the library as it is. */
import {
  Curve,
  DEFAULT_CONNECTION_CONFIG,
  generateSignalPubKey,
  initAuthCreds,
  signedKeyPair,
  WA_CERT_DETAILS,
} from 'baileys'
import { SessionCipher, SessionRecord } from 'libsignal'
import { beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../../lib/clock.ts'
import { memoryVault } from '../../conformance-stage.ts'
import { KeyStore } from '../keys/key-store.ts'
import { SignalKeys } from '../keys/signal-keys.ts'
import { keepKeysOffTheTerminal, mendLibrary, versionOf } from './mends.ts'
import { quietLogger } from './quiet-logger.ts'
import { trusting } from './trust.ts'

beforeAll(() => mendLibrary())

test('these are the versions that were looked at', () => {
  expect([versionOf('baileys'), versionOf('libsignal'), versionOf('vitest') === 'none']).toEqual([
    '7.0.0-rc14',
    '6.0.0',
    false,
  ])
})

test('a signature counts only for its key and its message', () => {
  const [one, other] = [Curve.generateKeyPair(), Curve.generateKeyPair()]
  const message = Buffer.from('this was said')
  const signature = Curve.sign(one.private, message)
  expect(Curve.verify(one.public, message, signature)).toBe(true)
  expect(Curve.verify(other.public, message, signature)).toBe(false)
  expect(Curve.verify(one.public, Buffer.from('this was not said'), signature)).toBe(false)
  expect(Curve.verify(one.public, message, Buffer.alloc(64))).toBe(false)
  expect(Curve.verify(Buffer.alloc(3), message, signature)).toBe(false)
  const { keyPair, signature: bySelf } = signedKeyPair(one, 1)
  expect(Curve.verify(one.public, Buffer.concat([Buffer.from([5]), keyPair.public]), bySelf)).toBe(true)
})

test('a connection trusts its own root, and every other one WhatsApp', async () => {
  const real = Buffer.from(WA_CERT_DETAILS.PUBLIC_KEY)
  const root = Buffer.alloc(32, 1)
  const [inside, outside] = await Promise.all([
    trusting(root, async () => {
      await new Promise(setImmediate)
      return WA_CERT_DETAILS.PUBLIC_KEY
    }),
    Promise.resolve().then(() => WA_CERT_DETAILS.PUBLIC_KEY),
  ])
  expect([inside.equals(root), outside.equals(real), real.length]).toEqual([true, true, 32])
})

interface Spied {
  doDecryptWhisperMessage(this: object, message: Uint8Array, session: object): Promise<Uint8Array>
}

test('a message that proves not to be genuine leaves the session as it was', async () => {
  const [ada, bob] = [somebody(), somebody()]
  await ada.signal.injectE2ESession({ jid: '2@lid', session: bob.bundle })
  const hello = await ada.signal.encryptMessage({ jid: '2@lid', data: Buffer.from('hello') })
  await bob.signal.decryptMessage({ jid: '1@lid', ...hello })
  const { ciphertext, type } = await bob.signal.encryptMessage({ jid: '1@lid', data: Buffer.from('hello yourself') })
  expect(type).toBe('msg')
  const forged = Buffer.from(ciphertext)
  forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1
  const record = SessionRecord.deserialize((await ada.keys.get('session', ['2_1.0']))['2_1.0'] ?? Buffer.alloc(0))
  const session = (record as unknown as { getOpenSession(): { serialize(): object } }).getOpenSession()
  const before = JSON.stringify(session.serialize())
  const decrypt = (SessionCipher.prototype as unknown as Spied).doDecryptWhisperMessage
  const cipher = { storage: { getOurIdentity: () => ada.identity } }
  await expect(
    decrypt.call(Object.assign(Object.create(SessionCipher.prototype), cipher), forged, session),
  ).rejects.toThrow('MAC')
  expect(JSON.stringify(session.serialize())).toBe(before)
  expect(Buffer.from(await ada.signal.decryptMessage({ jid: '2@lid', type, ciphertext })).toString()).toBe(
    'hello yourself',
  )
})

/** A device with sessions, and what others need to write to it. */
function somebody() {
  const credentials = initAuthCreds()
  const preKey = Curve.generateKeyPair()
  const vault = memoryVault()
  const silent = { info() {}, warn() {}, error() {} }
  const signal = new AbortController().signal
  const keys = new SignalKeys(new KeyStore({ vault, clock: systemClock, log: silent, signal, lost() {} }))
  const stored = keys.set({ 'pre-key': { '1': preKey } })
  const repository = DEFAULT_CONNECTION_CONFIG.makeSignalRepository(
    { creds: credentials, keys },
    quietLogger(silent),
    undefined,
  )
  const { signedIdentityKey, signedPreKey, registrationId } = credentials
  const bundle = {
    registrationId,
    identityKey: generateSignalPubKey(signedIdentityKey.public),
    signedPreKey: {
      keyId: signedPreKey.keyId,
      publicKey: generateSignalPubKey(signedPreKey.keyPair.public),
      signature: signedPreKey.signature,
    },
    preKey: { keyId: 1, publicKey: generateSignalPubKey(preKey.public) },
  }
  const identity = {
    privKey: Buffer.from(signedIdentityKey.private),
    pubKey: Buffer.from(generateSignalPubKey(signedIdentityKey.public)),
  }
  return { signal: repository, keys, bundle, identity, stored }
}

test('no session is printed, by whatever words, and everything else is', () => {
  const { private: secret } = initAuthCreds().noiseKey
  const session = { currentRatchet: { rootKey: Buffer.from(secret) }, _chains: {} }
  const lines = [
    ['Closing session:', session],
    ['Opening session:', session],
    ['Removing old closed session:', session],
    ['something new:', session],
    ['Session error:Error: Bad MAC', 'stack'],
    ['ours', { fact: 1 }],
  ]
  const said: unknown[][] = []
  const spy = (...words: unknown[]) => void said.push(words)
  const terminal = { info: spy, warn: spy, error: spy, log: spy }
  keepKeysOffTheTerminal(terminal)
  for (const line of lines) terminal.info(...line)
  expect(said).toEqual([['ours', { fact: 1 }]])
})

test('its log tells what went wrong in words alone, without keys, texts and numbers', () => {
  const told: unknown[] = []
  const tell = (facts: object, message: string) => void told.push([facts, message])
  const logger = quietLogger({ info: tell, warn: tell, error: tell })
  logger.error(
    { err: new Error('no session for 14155550123_1.0'), node: '<message>secret</message>' },
    'failed to decrypt',
  )
  logger.warn('timed out for 14155550123@s.whatsapp.net')
  logger.trace({ keys: 'secret' }, 'secret')
  logger.child({}).info({ keys: 'secret' }, 'secret')
  expect(told).toEqual([
    [{ outcome: 'no session for …_1.0' }, 'the WhatsApp library: failed to decrypt'],
    [{ outcome: null }, 'the WhatsApp library: timed out for …@s.whatsapp.net'],
  ])
})
