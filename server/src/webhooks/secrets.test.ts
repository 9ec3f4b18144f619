/** One random value makes four keys that stay the same for ever, and no customer's text can become one of them. */
import { createPrivateKey } from 'node:crypto'
import { expect, test } from 'vitest'
import {
  isUsableSecret,
  keysOf,
  mintSecret,
  type Secret,
  shownPublicKey,
  shownSecret,
  shownWhatsBridgeSecret,
} from './secrets.ts'

const counting: Secret = {
  random: Buffer.from(Array.from({ length: 32 }, (_, index) => index)).toString('base64'),
  supplied: null,
}

test('what is shown for a known value was computed elsewhere, and may never change', () => {
  expect(shownSecret(counting)).toBe('whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=')
  expect(shownWhatsBridgeSecret(counting)).toBe('wabs_RU0t6yjbu4RTTojNleHu9vQcyr57HuOb7mxn1xKGq4s')
  expect(shownPublicKey(counting)).toBe('whpk_6q9B5Kv+QzikhZING6m57cGY1LbMAhu6CkCoHTbtKj0=')
})

test('a minted secret has 32 random bytes and keeps the text it was given', () => {
  const minted = Array.from({ length: 50 }, () => mintSecret('the text of a customer'))
  expect(new Set(minted.map(({ random }) => random)).size).toBe(50)
  for (const { random, supplied } of minted) {
    expect(Buffer.from(random, 'base64')).toHaveLength(32)
    expect(supplied).toBe('the text of a customer')
  }
  expect(mintSecret(null).supplied).toBeNull()
})

test('a secret survives being stored as JSON', () => {
  const secret = mintSecret('text with "quotes" and \\')
  expect(JSON.parse(JSON.stringify(secret))).toEqual(secret)
})

test.each([null, 'a text of the customer'])('its four keys differ, supplied: %s', (supplied) => {
  const keys = keysOf({ ...counting, supplied })
  const bytes = [keys.standard, keys.stamped, keys.bodyOnly()].map((key) => key.export().toString('hex'))
  const seed = keys.asymmetric().export({ format: 'jwk' }).d ?? ''
  expect(new Set([...bytes, Buffer.from(seed, 'base64url').toString('hex')]).size).toBe(4)
})

test('the text of a customer changes one key and nothing else that is shown', () => {
  const supplied = { ...counting, supplied: 'a text of the customer' }
  expect(keysOf(supplied).stamped.export().toString()).toBe('a text of the customer')
  expect(keysOf(counting).stamped.export().toString()).toBe(shownSecret(counting))
  for (const shown of [shownSecret, shownWhatsBridgeSecret, shownPublicKey]) {
    expect(shown(supplied)).toBe(shown(counting))
  }
  expect(keysOf(supplied).standard.equals(keysOf(counting).standard)).toBe(true)
})

test('keys are derived once per secret, and the private key fits the public one', () => {
  const secret = mintSecret(null)
  expect(keysOf(secret)).toBe(keysOf(secret))
  expect(keysOf(secret).asymmetric()).toBe(keysOf(secret).asymmetric())
  expect(keysOf(secret).bodyOnly()).toBe(keysOf(secret).bodyOnly())
  const jwk = keysOf(secret).asymmetric().export({ format: 'jwk' })
  expect(createPrivateKey({ key: jwk, format: 'jwk' }).asymmetricKeyType).toBe('ed25519')
  expect(`whpk_${Buffer.from(jwk.x ?? '', 'base64url').toString('base64')}`).toBe(shownPublicKey(secret))
})

test.each(['', 'AAAA', 'not base64 !'])('a stored value that lost its key (%j) signs nothing', (random) => {
  expect(() => keysOf({ random, supplied: null })).toThrow('no webhook secret')
  expect(() => shownWhatsBridgeSecret({ random, supplied: null })).toThrow('no webhook secret')
})

test.each([
  'whsec_example_vector_1',
  'x'.repeat(16),
  '~'.repeat(255),
  `whsec_${counting.random}`,
  '!"#$%&()*+,-./:;<=>?@[]^_`{|}~',
])('%s is a usable secret', (text) => {
  expect(isUsableSecret(text)).toBeNull()
})

test.each([
  ['', '16 to 255'],
  ['x'.repeat(15), '16 to 255'],
  ['x'.repeat(256), '16 to 255'],
  ['sixteen letters and spaces', 'without spaces'],
  ['fifteen-letters\n', 'without spaces'],
  ['tabulator\there-and-there', 'without spaces'],
  ['sixteen-letters\u007f', 'printable'],
  ['schlüsselwörter-aller-art', 'printable'],
  [shownWhatsBridgeSecret(counting), 'wabs_'],
  [shownWhatsBridgeSecret(counting).replace('wabs_', 'WABS_'), 'wabs_'],
  [shownPublicKey(counting), 'key pair'],
  ['whsk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=', 'key pair'],
])('%j is refused: %s', (text, reason) => {
  expect(isUsableSecret(text)).toContain(reason)
})
