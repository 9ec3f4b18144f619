/** Signatures, held against the provider's own package on many random requests. */
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { getExpectedTwilioSignature, validateRequest, validateRequestWithBody } from 'twilio/lib/webhooks/webhooks.js'
import { expect, test } from 'vitest'
import { isSigned, signatureOf } from './signature.ts'

const name = fc.string({ minLength: 1, maxLength: 12, unit: 'binary' }).filter((text) => text !== '__proto__')
const someParams = fc.dictionary(name, fc.array(fc.string({ unit: 'binary' }), { minLength: 1, maxLength: 4 }), {
  maxKeys: 12,
})
const someUrl = fc
  .tuple(
    fc.constantFrom('https://', 'http://'),
    fc.constantFrom('example.com', 'a.example', '[::1]', '127.0.0.1'),
    fc.constantFrom('', ':443', ':80', ':8443'),
    fc.constantFrom('', '/', '/callbacks/x', "/it's/a b", '/ä'),
    fc.constantFrom('', '?', '?a=1&b=%20', "?q='x'", '?line=1&line=2'),
  )
  .map((parts) => parts.join(''))

const ours = (params: Record<string, string[]>) => new Map(Object.entries(params))
const nothing = new Uint8Array()

test('is what the official package signs', () => {
  fc.assert(
    fc.property(fc.string(), someUrl, someParams, (token, url, params) => {
      expect(signatureOf(token, url, ours(params))).toBe(getExpectedTwilioSignature(token, url, params))
    }),
    { numRuns: 2_000 },
  )
})

test('accepts exactly what the official package accepts, with and without the port', () => {
  const spellings = [
    (url: string) => url,
    (url: string) => url.replace(/^(https?:\/\/)(\[::1\]|[^/:?]+)(:\d+)?/, '$1$2'),
    (url: string) => url.replace(/^(https?:\/\/)(\[::1\]|[^/:?]+)(:\d+)?/, '$1$2:443'),
    (url: string) => `${url}x`,
  ]
  fc.assert(
    fc.property(someUrl, someParams, fc.constantFrom(...spellings), fc.boolean(), (url, params, spelled, forged) => {
      const header = getExpectedTwilioSignature(forged ? 'another token' : 'token', spelled(url), params)
      const accepted = isSigned({ token: 'token', signatures: [header], url, params: ours(params), body: nothing })
      expect(accepted).toBe(validateRequest('token', header, url, params))
    }),
    { numRuns: 2_000 },
  )
})

test('accepts a JSON body by the hash in the URL, as the official package does', () => {
  fc.assert(
    fc.property(fc.json(), fc.boolean(), (body, changed) => {
      const url = `https://example.com/hook?bodySHA256=${createHash('sha256').update(body).digest('hex')}`
      const header = getExpectedTwilioSignature('token', url, {})
      const came = changed ? `${body} ` : body
      const params = new Map([['whatever', ['stands in it']]])
      const accepted = isSigned({ token: 'token', signatures: [header], url, params, body: Buffer.from(came) })
      expect(accepted).toBe(validateRequestWithBody('token', header, url, came))
      expect(accepted).toBe(!changed)
    }),
  )
})

test('accepts any of several signatures, and nothing without one', () => {
  const call = { token: 'token', url: 'https://example.com/hook', params: new Map([['A', ['1']]]), body: nothing }
  const right = signatureOf('token', call.url, call.params)
  expect(isSigned({ ...call, signatures: ['wrong', right] })).toBe(true)
  expect(isSigned({ ...call, signatures: ['wrong'] })).toBe(false)
  expect(isSigned({ ...call, signatures: [''] })).toBe(false)
  expect(isSigned({ ...call, signatures: [] })).toBe(false)
  expect(isSigned({ ...call, signatures: [right.slice(0, -1)] })).toBe(false)
})
