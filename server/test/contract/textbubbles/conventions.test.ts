/** What holds for every call: envelope, names, keys, scopes, rates, methods, bodies and headers. */
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestGateway, type TestGateway } from '../../support/gateway.ts'
import { type Ask, askerOf } from '../ask.ts'

let gateway: TestGateway
let ask: Ask
beforeAll(async () => {
  gateway = await startTestGateway()
  ask = await askerOf(gateway)
})
afterAll(async () => {
  await gateway.stop()
  expect(gateway.errors).toEqual([])
})

const message = { to: '+14155550199', content: { text: 'Hi' } }
const nothing = 'msg_0199a2c4-6f3e-7b10-8d52-3c9e41f7a650'

describe('names of a request', () => {
  test('are made when none are given, and are the same in header and body', async () => {
    const { headers, body } = await ask('GET /v1/numbers')
    expect(headers.get('x-request-id')).toMatch(
      /^req_[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    )
    expect(body.requestId).toBe(headers.get('x-request-id'))
    expect(headers.get('x-correlation-id')).toMatch(/^cor_[0-9a-f]{32}$/)
  })

  test('are kept when they are well formed, on successes and errors', async () => {
    const names = { 'x-request-id': 'my-request/7', 'x-correlation-id': `cor_${'ab12'.repeat(8)}` }
    for (const call of ['GET /v1/numbers', `GET /v1/messages/${nothing}`, 'GET /v1/nothing']) {
      const { headers, body } = await ask(call, undefined, { headers: names })
      expect(body.requestId).toBe('my-request/7')
      expect(headers.get('x-request-id')).toBe('my-request/7')
      expect(headers.get('x-correlation-id')).toBe(names['x-correlation-id'])
    }
  })

  test.each([
    ['x-request-id', 'r'.repeat(129)],
    ['x-request-id', 'two words'],
    ['x-correlation-id', 'cor_123'],
    ['x-correlation-id', `cor_${'AB12'.repeat(8)}`],
  ])('are replaced when they are not: %s %s', async (name, value) => {
    const { headers } = await ask('GET /v1/numbers', undefined, { headers: { [name]: value } })
    expect(headers.get(name)).not.toBe(value)
    expect(headers.get(name)).toMatch(/^(req_|cor_)/)
  })

  test('a correlation id follows the message into its events', async () => {
    const correlationId = `cor_${'c0de'.repeat(8)}`
    const { body } = await ask('POST /v1/messages', message, { headers: { 'x-correlation-id': correlationId } })
    const by = await gateway.gateway.callers.authenticate(gateway.apiKey)
    const stored = await gateway.gateway.messages.get(by, body.data.id.slice(4))
    expect(stored.correlationId).toBe(correlationId)
  })
})

describe('keys', () => {
  test.each<[string, Record<string, string>]>([
    ['none', {}],
    ['an empty one', { authorization: 'Bearer ' }],
    ['another scheme', { authorization: 'Basic dXNlcjpwYXNz' }],
    ['one that never was', { authorization: 'Bearer tb_0123456789' }],
    ['the admin key', { authorization: 'Bearer adm_test_0123456789abcdefghijklmnop' }],
  ])('%s: 401, before anything of the request is looked at', async (_what, headers) => {
    for (const [call, raw] of [
      ['GET /v1/messages', undefined],
      ['POST /v1/messages', '{"broken'],
      [`GET /v1/messages/${nothing}`, undefined],
    ] as const) {
      const answer = await ask(call, undefined, { key: null, headers, ...(raw !== undefined && { raw }) })
      expect([answer.status, answer.body.error.code]).toEqual([401, 'UNAUTHORIZED'])
      expect(answer.headers.get('www-authenticate')).toBe('Bearer')
      expect(answer.body.error).not.toHaveProperty('details')
    }
  })

  test('may be written with a small bearer', async () => {
    expect(
      (await ask('GET /v1/numbers', undefined, { key: null, headers: { authorization: `bearer ${gateway.apiKey}` } }))
        .status,
    ).toBe(200)
  })

  test('open only what their scopes name', async () => {
    const reader = await gateway.createKey(['read'])
    const sender = await gateway.createKey(['send'])
    expect((await ask('GET /v1/messages', undefined, { key: reader })).status).toBe(200)
    expect((await ask('POST /v1/messages', message, { key: sender })).status).toBe(202)
    const closed = [
      await ask('POST /v1/messages', message, { key: reader }),
      await ask('GET /v1/messages', undefined, { key: sender }),
    ]
    for (const { status, body } of closed) expect([status, body.error.code]).toEqual([403, 'FORBIDDEN'])
    expect(closed[0]?.body.error.message).toContain('`send`')
  })

  test('of customers open nothing of the operator, and the other way round', async () => {
    expect((await ask('GET /v1/admin/customers', undefined, { key: gateway.apiKey })).status).toBe(401)
    expect((await ask('GET /v1/numbers', undefined, { key: gateway.adminKey })).status).toBe(401)
  })

  test('that are revoked or expired are refused at once', async () => {
    const { gateway: inside, customer } = gateway
    const revoked = await inside.admin.createKey({
      name: 'r',
      customer: { id: customer.id },
      scopes: ['read'],
      expiresAt: null,
    })
    expect((await ask('GET /v1/numbers', undefined, { key: revoked.key })).status).toBe(200)
    expect((await ask(`DELETE /v1/admin/keys/${revoked.id}`)).status).toBe(200)
    expect((await ask('GET /v1/numbers', undefined, { key: revoked.key })).status).toBe(401)
  })
})

describe('rates', () => {
  const limits = ({ headers }: { headers: Headers }) =>
    ['limit', 'remaining', 'reset'].map((name) => headers.get(`x-ratelimit-${name}`))

  test('the call after the last one gets 429 until the minute is over; every answer says what is left', async () => {
    const limited = await startTestGateway({ requestsPerMinute: 5 })
    const call = await askerOf(limited)
    const first = await call('GET /v1/numbers')
    const endsAt = Number(limits(first)[2])
    expect(limits(first)).toEqual(['5', '4', expect.stringMatching(/^\d{10}$/)])
    expect(endsAt).toBeGreaterThan(limited.clock.now() / 1000)
    expect(endsAt).toBeLessThanOrEqual(limited.clock.now() / 1000 + 61)
    expect(limits(await call(`GET /v1/messages/${nothing}`))[1]).toBe('3')
    expect(limits(await call('POST /v1/messages', undefined, { raw: '{' }))[1]).toBe('2')
    expect(limits(await call('GET /v1/no-such-call'))[1]).toBe('1')
    expect(limits(await call('PATCH /v1/numbers'))[1]).toBe('0')
    const over = await call('GET /v1/numbers')
    expect([over.status, over.body.error.code, ...limits(over)]).toEqual([
      429,
      'RATE_LIMIT_EXCEEDED',
      '5',
      '0',
      String(endsAt),
    ])
    expect(Number(over.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(Number(over.headers.get('retry-after'))).toBeLessThanOrEqual(60)
    expect((await call('GET /v1/numbers', undefined, { key: limited.otherApiKey })).status).toBe(200)
    expect((await call('GET /health')).status).toBe(200)
    await limited.advance(60_000)
    expect((await call('GET /v1/numbers')).status).toBe(200)
    await limited.stop()
  })

  test('wrong keys from one address run into 429, right ones from there do not', async () => {
    const guessed = await startTestGateway()
    const call = await askerOf(guessed)
    const statuses: number[] = []
    for (let guess = 0; guess < 35; guess += 1)
      statuses.push((await call('GET /v1/numbers', undefined, { key: `tb_guess${guess}` })).status)
    expect(statuses.filter((status) => status === 401)).toHaveLength(30)
    expect(statuses.slice(30)).toEqual([429, 429, 429, 429, 429])
    const admin = await call('GET /v1/admin/usage', undefined, { key: 'guess' })
    expect([admin.status, Number(admin.headers.get('retry-after')) > 0]).toEqual([429, true])
    expect((await call('GET /v1/numbers')).status).toBe(200)
    expect((await call('GET /v1/admin/usage')).status).toBe(200)
    await guessed.stop()
  })
})

describe('paths and methods', () => {
  test.each([
    'GET /',
    'GET /v1',
    'POST /v1/nothing',
    'GET /V1/numbers',
    `GET /v1/messages/${nothing}/read/x`,
    'GET /v1/%zz',
    'GET /.env',
    'GET /v1/../etc/passwd',
  ])('%s is not there: 404 in the envelope, with or without a key', async (call) => {
    for (const key of [null, gateway.apiKey]) {
      const { status, body } = await ask(call, undefined, { key })
      expect([status, body.success, body.error.code]).toEqual([404, false, 'NOT_FOUND'])
    }
  })

  test.each([
    ['PATCH /v1/messages', 'POST, GET, HEAD'],
    ['PUT /v1/messages/scheduled', 'GET, HEAD'],
    ['GET /v1/messages/carousel', 'POST'],
    [`POST /v1/messages/${nothing}`, 'GET, DELETE, PUT, HEAD'],
    ['DELETE /health', 'GET, HEAD'],
    ['HEAD /v1/events', 'GET'],
    ['OPTIONS /v1/messages', 'POST, GET, HEAD'],
  ])('%s: 405 with what is allowed', async (call, allow) => {
    const { status, headers } = await ask(call, undefined, { key: null })
    expect([status, headers.get('allow')]).toEqual([405, allow])
    expect((await ask(call)).status).toBe(405)
  })

  test('`/scheduled` and `/carousel` are calls, not ids', async () => {
    expect((await ask('GET /v1/messages/scheduled')).body.data).toHaveProperty('messages')
    expect((await ask('POST /v1/messages/carousel', {})).body.error.code).toBe('VALIDATION_ERROR')
  })

  test('HEAD answers like GET, without a body', async () => {
    const { status, headers, text } = await ask('HEAD /v1/numbers')
    expect([status, text, headers.get('content-type')]).toEqual([200, '', 'application/json; charset=utf-8'])
  })
})

describe('bodies', () => {
  test.each<[string, string | Uint8Array<ArrayBuffer>, string, RegExp]>([
    ['that end too early', '{"to":"+1', '', /Position 6: this string does not end/],
    ['that are no JSON', "{'to':1}", '', /Position 1/],
    ['that are empty', '', '', /JSON object/],
    ['with a key given twice', '{"content":{"text":"a","text":"b"}}', 'content.text', /twice/],
    [
      'with a key that reaches a prototype',
      '{"metadata":{"__proto__":{"admin":true}}}',
      'metadata.__proto__',
      /not allowed/,
    ],
    ['with a NUL character', '{"to":"+1","content":{"text":"a\\u0000b"}}', 'content.text', /NUL/],
    ['with half a surrogate pair', '{"metadata":{"a":["\\ud83d"]}}', 'metadata.a[0]', /surrogate/],
    ['that nest too deep', `${'{"a":'.repeat(33)}1${'}'.repeat(33)}`, '', /32 levels/],
    [
      'with too many keys',
      JSON.stringify(Object.fromEntries(Array.from({ length: 1_001 }, (_, index) => [index, 0]))),
      '',
      /1000 keys/,
    ],
    ['that are not UTF-8', new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), '', /UTF-8/],
  ])('%s: 400 that says where', async (_what, raw, path, words) => {
    const { status, body, headers } = await ask('POST /v1/messages', undefined, { raw })
    expect([status, body.error.code, body.error.details[0].path]).toEqual([400, 'VALIDATION_ERROR', path])
    expect(body.error.message).toMatch(words)
    expect(headers.get('connection')).toBe('keep-alive')
  })

  test.each([
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }],
    ['text', { 'content-type': 'text/plain' }],
    ['a compressed one', { 'content-type': 'application/json', 'content-encoding': 'gzip' }],
    ['a type that is none', { 'content-type': ';;' }],
  ])('%s: 415', async (_what, headers) => {
    const { status, body } = await ask('POST /v1/messages', undefined, { raw: JSON.stringify(message), headers })
    expect([status, body.error.code]).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE'])
  })

  test('may be a megabyte, and 150 for a send', async () => {
    const large = { ...message, attachments: [{ type: 'base64', data: 'QUJD'.repeat(500_000) }] }
    expect((await ask('POST /v1/messages', large)).status).toBe(202)
    const { status, body } = await ask('POST /v1/messages/carousel', large)
    expect([status, body.error.code]).toEqual([413, 'PAYLOAD_TOO_LARGE'])
    const announced = await rawAnswer(
      `POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${gateway.apiKey}\r\nContent-Type: application/json\r\nContent-Length: ${151 * 1024 * 1024}\r\n\r\n`,
    )
    expect(announced).toMatch(/^HTTP\/1\.1 413 .*"code":"PAYLOAD_TOO_LARGE"/s)
  })

  test('are not needed where a call takes none, and ignored if there is one', async () => {
    for (const options of [
      {},
      { raw: '' },
      { raw: '{}' },
      { raw: 'a=b', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
    ]) {
      expect((await ask(`POST /v1/messages/${nothing}/unsend`, undefined, options)).body.error.code).toBe('NOT_FOUND')
    }
  })
})

describe('what never becomes a request', () => {
  test.each([
    ['no HTTP', 'HELLO\r\n\r\n', /^HTTP\/1\.1 400 /],
    [
      'headers beyond all bounds',
      `GET /health HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`,
      /^HTTP\/1\.1 431 /,
    ],
  ])('%s is told so in the envelope', async (_what, bytes, status) => {
    const answer = await rawAnswer(bytes)
    expect(answer).toMatch(status)
    expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))).toMatchObject({
      success: false,
      error: { code: 'VALIDATION_ERROR' },
      requestId: expect.stringMatching(/^req_/),
    })
  })
})

function rawAnswer(bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1', () => socket.write(bytes))
    socket.on('data', (piece) => {
      text += piece.toString()
      if (text.includes('}')) socket.end()
    })
    socket.on('close', () => resolve(text))
    socket.on('error', reject)
  })
}

describe('headers', () => {
  test('keep answers from being sniffed, leaked, cached or read across origins', async () => {
    for (const call of ['GET /v1/numbers', 'GET /v1/nothing', 'GET /health']) {
      const { headers } = await ask(call, undefined, { headers: { origin: 'https://elsewhere.test' } })
      expect(headers.get('x-content-type-options')).toBe('nosniff')
      expect(headers.get('referrer-policy')).toBe('no-referrer')
      expect(headers.get('cache-control')).toBe('no-store')
      expect(headers.get('access-control-allow-origin')).toBeNull()
      expect(headers.get('x-powered-by')).toBeNull()
    }
  })

  test('of the page let nothing run', async () => {
    const { status, headers, text } = await ask('GET /docs', undefined, { key: null })
    expect([status, headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
    expect(headers.get('content-security-policy')).toMatch(
      /^default-src 'none'; style-src 'sha256-[^']+'; .*frame-ancestors 'none'$/,
    )
    expect(text).not.toContain('<script')
    expect(text).toContain('id="sendMessage"')
  })
})

test('the document is served, with the address it is served at', async () => {
  const { body } = await ask('GET /openapi.json', undefined, { key: null })
  expect(body.openapi).toBe('3.1.0')
  expect(body.servers[0].url).toBe(gateway.url)
})

test('health needs no key and has no envelope', async () => {
  const { status, body } = await ask('GET /health', undefined, { key: null })
  expect(status).toBe(200)
  expect(body).toEqual({
    status: 'ok',
    timestamp: expect.stringMatching(/Z$/),
    checks: {
      database: { status: 'ok' },
      queue: { status: 'ok' },
      redis: { status: 'ok' },
      imessage: { status: 'ok' },
      sms: { status: 'ok' },
      whatsapp: { status: 'ok', experimental: true },
    },
  })
})
