/** Which headers a delivery carries in each dialect, with one key and while an old one is still honoured. */
import { createHmac } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { webhookDialects } from '../model/webhook.ts'
import { mintSecret, type Secret, shownSecret, shownWhatsBridgeSecret } from './secrets.ts'
import { type Signing, signatureHeaders } from './signing.ts'

const body = Buffer.from('{"id":"evt_1","text":"grüße 🎈"}')
const signing: Signing = { id: 'evt_1', timestamp: 1_780_272_000, body }
const newest = mintSecret(null)
const older = mintSecret(null)

const mac = (key: string | Buffer, prefix: string, encoding: 'hex' | 'base64') =>
  createHmac('sha256', key)
    .update(Buffer.concat([Buffer.from(prefix), body]))
    .digest(encoding)
const v1 = (secret: Secret) => `v1,${mac(Buffer.from(secret.random, 'base64'), 'evt_1.1780272000.', 'base64')}`
const stamped = (text: string) => `sha256=${mac(text, '1780272000.', 'hex')}`

const standardHeaders = {
  'webhook-id': 'evt_1',
  'webhook-timestamp': '1780272000',
  'webhook-signature': v1(newest),
}

describe('one key', () => {
  test('standard: three headers and no others', () => {
    expect(signatureHeaders('standard', [newest], false, signing)).toEqual(standardHeaders)
  })

  test('textbubbles: the same and a stamped signature by the shown text', () => {
    expect(signatureHeaders('textbubbles', [newest], false, signing)).toEqual({
      ...standardHeaders,
      'X-Signature': stamped(shownSecret(newest)),
      'X-Timestamp': '1780272000',
    })
  })

  test('textbubbles: the stamped signature is by the text of the customer, if there is one', () => {
    const supplied = { ...newest, supplied: 'a text of the customer' }
    expect(signatureHeaders('textbubbles', [supplied], false, signing)).toEqual({
      ...standardHeaders,
      'X-Signature': stamped('a text of the customer'),
      'X-Timestamp': '1780272000',
    })
  })

  test('whatsbridge: the same and a signature of the body by a key of its own', () => {
    expect(signatureHeaders('whatsbridge', [newest], false, signing)).toEqual({
      ...standardHeaders,
      'X-WabSync-Signature': `sha256=${mac(shownWhatsBridgeSecret(newest), '', 'hex')}`,
    })
  })

  test.each(webhookDialects)('%s: with a key pair, a v1a signature follows', (dialect) => {
    const headers = signatureHeaders(dialect, [newest], true, signing)
    expect(headers['webhook-signature']).toMatch(/^v1,[A-Za-z0-9+/]{43}= v1a,[A-Za-z0-9+/]{86}==$/)
    expect({ ...headers, 'webhook-signature': v1(newest) }).toEqual(signatureHeaders(dialect, [newest], false, signing))
  })
})

describe('while older keys are honoured', () => {
  test('every key signs, the newest first', () => {
    const headers = signatureHeaders('standard', [newest, older], false, signing)
    expect(headers).toEqual({ ...standardHeaders, 'webhook-signature': `${v1(newest)} ${v1(older)}` })
    const both = signatureHeaders('standard', [newest, older], true, signing)['webhook-signature']?.split(' ')
    expect(both?.map((one) => one.split(',')[0])).toEqual(['v1', 'v1', 'v1a', 'v1a'])
  })

  test('the stamped signature has a header for the previous key', () => {
    const oldest = mintSecret(null)
    expect(signatureHeaders('textbubbles', [newest, older, oldest], false, signing)).toEqual({
      ...standardHeaders,
      'webhook-signature': [newest, older, oldest].map(v1).join(' '),
      'X-Signature': stamped(shownSecret(newest)),
      'X-Timestamp': '1780272000',
      'X-Signature-Previous': stamped(shownSecret(older)),
    })
  })

  test('a key that did not change is not named twice', () => {
    const before = { ...newest, supplied: 'the text before the change' }
    const changedText = signatureHeaders('textbubbles', [newest, before], true, signing)
    expect(changedText['webhook-signature']?.split(' ')).toHaveLength(2)
    expect(changedText['X-Signature-Previous']).toBe(stamped('the text before the change'))
    const sameText = [newest, older].map((secret) => ({ ...secret, supplied: 'the text that stays the same' }))
    expect(signatureHeaders('textbubbles', sameText, false, signing)).not.toHaveProperty('X-Signature-Previous')
  })

  test('a signature of the body alone is by the newest key only', () => {
    const one = signatureHeaders('whatsbridge', [newest], false, signing)
    const two = signatureHeaders('whatsbridge', [newest, older], false, signing)
    expect(two).toEqual({ ...one, 'webhook-signature': `${v1(newest)} ${v1(older)}` })
  })
})

describe('bugs of ours are refused', () => {
  test.each(['evt.1', '', 'evt 1', 'evt_1\n', 'évt_1', 'evt_1,'])('the id %j', (id) => {
    expect(() => signatureHeaders('standard', [newest], false, { ...signing, id })).toThrow('the id')
  })

  test.each([1.5, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])('the time %d', (timestamp) => {
    expect(() => signatureHeaders('standard', [newest], false, { ...signing, timestamp })).toThrow('the time')
  })

  test('no key, and more than ten', () => {
    const many = Array.from({ length: 11 }, () => mintSecret(null))
    expect(() => signatureHeaders('standard', [], false, signing)).toThrow('1 to 10 keys')
    expect(() => signatureHeaders('standard', many, false, signing)).toThrow('1 to 10 keys')
    const headers = signatureHeaders('standard', many.slice(1), false, signing)
    expect(headers['webhook-signature']?.split(' ')).toHaveLength(10)
  })
})

test('a body is signed as the bytes it has, also those that are no text', () => {
  const bytes = Buffer.from([0x7b, 0xff, 0x00, 0xc3, 0x7d])
  const view = new Uint8Array(Buffer.concat([Buffer.from('before'), bytes, Buffer.from('after')])).subarray(6, 11)
  for (const dialect of webhookDialects) {
    const whole = signatureHeaders(dialect, [newest], false, { ...signing, body: bytes })
    expect(signatureHeaders(dialect, [newest], false, { ...signing, body: view })).toEqual(whole)
    expect(signatureHeaders(dialect, [newest], false, signing)).not.toEqual(whole)
  }
})
