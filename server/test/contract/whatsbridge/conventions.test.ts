/** What every call of this surface has in common: tokens, rates, errors in their shape, forms, and sessions of others. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { OpenApi } from '../../../src/surfaces/openapi.ts'
import { startTestGateway, type TestGateway, until } from '../../support/gateway.ts'
import { type Ask, askerOf, type Options } from '../ask.ts'

let gateway: TestGateway
let ask: Ask
let v1: Ask
let fresh: string
let foreign: string
const missing = '0199a2c4-6f3e-7b10-8d52-3c9e41f7a650'
beforeAll(async () => {
  gateway = await startTestGateway()
  ask = await askerOf(gateway, '/api/v1')
  v1 = await askerOf(gateway)
  fresh = (await create('Mine')).body.id
  foreign = (await create('Theirs', { key: gateway.otherApiKey })).body.id
})
afterAll(async () => {
  await gateway.stop()
  expect(gateway.errors).toEqual([])
})

const create = (name: unknown, options: Options = {}) =>
  ask('POST /api/v1/session/create', { session_name: name }, options)
const form = (raw: string): Options => ({
  raw,
  headers: { 'content-type': 'application/x-www-form-urlencoded' },
})

const calls: [call: string, body: unknown, scope: 'send' | 'read' | 'manage'][] = [
  ['GET /api/v1/session/:id', undefined, 'read'],
  ['GET /api/v1/session/:id/get-qr-code', undefined, 'manage'],
  ['POST /api/v1/session/:id/request-auth-code', { phone: '12025550142' }, 'manage'],
  ['POST /api/v1/session/:id/send-message', { phone: '12025550142', type: 'text', content: 'Hi' }, 'send'],
  ['POST /api/v1/session/:id/send-chat-state', { phone: '12025550142', state: 'typing' }, 'send'],
  ['POST /api/v1/session/:id/send-seen', { phone: '12025550142', messageId: 'false_1@c.us_1' }, 'send'],
  ['POST /api/v1/session/:id/logout', undefined, 'manage'],
  ['DELETE /api/v1/session/:id', undefined, 'manage'],
]

describe('a session of another customer', () => {
  test.each(calls)('%s: is like one that was never there', async (call, body) => {
    const answer = async (id: string) => {
      const { status, text } = await ask(call.replace(':id', id), body)
      return [status, text]
    }
    const gone = await answer(missing)
    expect(gone).toEqual([404, expect.stringContaining('"code":"NOT_FOUND"')])
    const others = [foreign, foreign.toUpperCase(), gateway.other.line.id]
    for (const id of [...others, '1', '%00', '..%2F..', '%F0%9F%92%A9', 'x'.repeat(3_000)])
      expect(await answer(id)).toEqual(gone)
  })

  test('is in no list, and nothing happened to it', async () => {
    const { body } = await ask('GET /api/v1/session/all')
    expect(body.data.map(({ name }: { name: string }) => name).sort()).toEqual(['+15550100100', 'Mine'])
    const theirs = await ask('GET /api/v1/session/all', undefined, { key: gateway.otherApiKey })
    expect(theirs.body.data).toMatchObject([{ status: 'ready' }, { id: foreign, status: 'created' }])
  })

  test('gets none of my messages read, and reads none of its own here', async () => {
    const key = { key: gateway.otherApiKey }
    gateway.network.as('+14155550188' as never).says(gateway.other.line.address, 'whatsapp', 'For Bob')
    const list = async () => (await v1('GET /v1/messages?direction=inbound', undefined, key)).body.data.messages
    await until(async () => (await list()).length === 1, 'the message')
    const messageId = `false_14155550188@c.us_${(await list())[0].id.slice(4).replaceAll('-', '').toUpperCase()}`
    const seen = { phone: '14155550188', messageId }
    const mine = `POST /api/v1/session/${gateway.customer.line.id}/send-seen`
    expect((await ask(mine, seen)).status).toBe(404)
    expect((await ask(`POST /api/v1/session/${gateway.other.line.id}/send-seen`, seen, key)).status).toBe(200)
  })

  test('its webhooks are neither listed nor deleted', async () => {
    const url = `${gateway.url}/health`
    const made = await ask('POST /api/v1/webhooks', { url }, { key: gateway.otherApiKey })
    expect(made.status).toBe(201)
    expect((await ask('GET /api/v1/webhooks')).body).toEqual({ data: [] })
    for (const id of [made.body.id, missing, 'x'])
      expect((await ask(`DELETE /api/v1/webhooks/${id}`)).text).toBe(
        (await ask(`DELETE /api/v1/webhooks/${missing}`)).text,
      )
    expect((await ask('GET /api/v1/webhooks', undefined, { key: gateway.otherApiKey })).body.data).toHaveLength(1)
  })
})

describe('tokens', () => {
  test.each(calls)('%s asks for a scope', async (call, body, scope) => {
    const others = (['send', 'read', 'manage'] as const).filter((one) => one !== scope)
    const key = await gateway.createKey(others)
    const { status, body: answer } = await ask(call.replace(':id', fresh), body, { key })
    expect([status, answer.code]).toEqual([403, 'FORBIDDEN'])
  })

  test('begin with WBT| when they are made for clients of this surface, and open both', async () => {
    const customerId = gateway.customer.id
    const { body } = await v1('POST /v1/admin/keys', { name: 'Bridge', customerId, surface: 'whatsbridge' })
    expect(body.data.key).toMatch(/^WBT\|[0-9A-Za-z]{49}$/)
    expect(body.data.prefix).toBe(body.data.key.slice(0, 12))
    const key = { key: body.data.key }
    expect((await ask('GET /api/v1/session/all', undefined, key)).status).toBe(200)
    expect((await v1('GET /v1/numbers', undefined, key)).status).toBe(200)
    expect((await ask('GET /api/v1/session/all')).status).toBe(200)
    expect((await v1('POST /v1/admin/keys', { name: 'Plain', customerId })).body.data.key).toMatch(/^tb_/)
  })

  test.each([null, '', 'WBT|', 'nonsense', 'tb_x', `WBT|${'a'.repeat(49)}`])('%s opens nothing', async (key) => {
    const { status, body, headers } = await ask('GET /api/v1/session/all', undefined, { key })
    expect([status, body]).toEqual([
      401,
      { error: true, message: expect.any(String), code: 'UNAUTHORIZED', details: null },
    ])
    expect(headers.get('www-authenticate')).toBe('Bearer')
  })

  test('of the operator open nothing here', async () => {
    expect((await ask('GET /api/v1/session/all', undefined, { key: gateway.adminKey })).status).toBe(401)
  })
})

describe('rates', () => {
  const limits = ({ headers }: { headers: Headers }) =>
    ['limit', 'remaining', 'reset'].map((name) => headers.get(`x-ratelimit-${name}`))

  test('a thousand calls per hour, or what the operator allows by the minute in every minute of it', async () => {
    const limited = await startTestGateway({ requestsPerMinute: 5 })
    const call = await askerOf(limited, '/api/v1')
    const first = await call('GET /api/v1/session/all')
    expect(limits(first)).toEqual(['1000', '999', expect.stringMatching(/^\d{10}$/)])
    expect(Number(limits(first)[2])).toBeGreaterThan(limited.clock.now() / 1000 + 3_500)
    expect(limits(await call(`GET /api/v1/session/${missing}`))[1]).toBe('998')
    expect(limits(await call('GET /api/v1/no-such-call'))[1]).toBe('997')
    await limited.gateway.admin.changeCustomer(limited.other.id, { requestsPerMinute: 1 })
    const key = { key: limited.otherApiKey }
    await until(async () => limits(await call('GET /api/v1/session/all', undefined, key))[0] === '60', 'the limit')
    const over = async () => (await call('GET /api/v1/session/all', undefined, key)).status === 429
    await until(over, 'the end of them')
    const last = await call('GET /api/v1/session/all', undefined, key)
    expect([last.status, last.body.code, last.body.error, limits(last)[1]]).toEqual([
      ...[429, 'RATE_LIMIT_EXCEEDED', true, '0'],
    ])
    expect(Number(last.headers.get('retry-after'))).toBeGreaterThan(60)
    await limited.stop()
  })
})

describe('what is wrong is said', () => {
  test.each<[string, string, unknown, Record<string, unknown>]>([
    ['session/create', 'a name that is missing', {}, { session_name: ['This field is required.'] }],
    ['session/create', 'a name that is too long', { session_name: 'x'.repeat(101) }, { session_name: [/100/] }],
    ['session/create', 'a name of blanks', { session_name: '  ' }, { session_name: [/name/] }],
    ['session/:id/send-message', 'everything', {}, { type: [/`text`, `file` or `location`/] }],
    ['session/:id/send-message', 'an unknown type', { phone: '12025550142', type: 'x' }, { type: [/`text`, `file`/] }],
    ['session/:id/request-auth-code', 'a hidden name', { phone: '123456789@lid' }, { phone: [/no number/] }],
    ['session/:id/send-message', 'a number', { phone: 'Ada', type: 'text', content: 'x' }, { phone: [/country code/] }],
    ['session/:id/send-message', 'no content', { phone: '12025550142', type: 'text' }, { content: [/required/] }],
    [
      'session/:id/send-message',
      'a place beyond the poles',
      { phone: '12025550142', type: 'location', content: { latitude: 91, longitude: 0 } },
      { 'content.latitude': [/90/] },
    ],
    [
      'session/:id/send-message',
      'a file without anything',
      { phone: '12025550142', type: 'file', content: { file: { filename: 'x' } } },
      { 'content.file': [/exactly one/] },
    ],
    ['session/:id/send-chat-state', 'a state', { phone: '12025550142', state: 'dancing' }, { state: [/./] }],
    ['session/:id/request-auth-code', 'a group', { phone: '123456789@g.us' }, { phone: [/one person/] }],
    ['webhooks', 'a URL', { url: 'ftp://shop.test' }, { url: [/https/] }],
  ])('POST %s: %s, by its field', async (path, _what, body, details) => {
    const { status, body: answer } = await ask(`POST /api/v1/${path.replace(':id', gateway.customer.line.id)}`, body)
    expect([status, answer.error, answer.code]).toEqual([422, true, 'VALIDATION_ERROR'])
    expect(Object.keys(answer.details)).toEqual(Object.keys(details))
    for (const [field, [message]] of Object.entries(details as Record<string, [RegExp | string]>))
      expect(answer.details[field]).toEqual([expect.stringMatching(message)])
  })

  test('by a status and a code for what cannot be done just now', async () => {
    const refusal = async (call: string, body?: unknown) => {
      const { status, body: answer } = await ask(call, body)
      return [status, answer.error, answer.code, answer.details]
    }
    const text = { phone: '12025550142', type: 'text', content: 'Hi' }
    const notReady = [400, true, 'SESSION_NOT_READY', null]
    expect(await refusal(`POST /api/v1/session/${fresh}/send-message`, text)).toEqual(notReady)
    const typing = { phone: '12025550142', state: 'typing' }
    expect(await refusal(`POST /api/v1/session/${fresh}/send-chat-state`, typing)).toEqual(notReady)
    const linked = gateway.customer.line.id
    const already = [400, true, 'SESSION_ALREADY_CONNECTED', null]
    expect(await refusal(`GET /api/v1/session/${linked}/get-qr-code`)).toEqual(already)
    expect(await refusal(`POST /api/v1/session/${linked}/request-auth-code`, { phone: '12025550142' })).toEqual(already)
    expect(await refusal('GET /api/v1/nothing')).toEqual([404, true, 'NOT_FOUND', null])
    expect(await refusal(`GET /api/v1/session/%zz`)).toEqual([404, true, 'NOT_FOUND', null])
    expect(await refusal(`PUT /api/v1/session/${fresh}`)).toEqual([405, true, 'METHOD_NOT_ALLOWED', null])
  })

  test.each(['{', '{"session_name":"a","session_name":"b"}', '[]', 'null', '"x"'])('of the body %s', async (raw) => {
    const { status, body } = await ask('POST /api/v1/session/create', undefined, { raw })
    expect([status, body.code]).toEqual([422, 'VALIDATION_ERROR'])
  })

  test.each([
    ['a field that is given twice', 'session_name=a&session_name=b', 'session_name'],
    ['a name that reaches a prototype', '__proto__[x]=1', '__proto__[x]'],
    ['such a name within another', 'session_name[constructor][x]=1', 'session_name[constructor][x]'],
    ['what is no UTF-8', 'session_name=%ff', 'body'],
    ['a NUL', 'session_name=%00', 'body'],
    ['a field within a text', 'session_name[a]=b', 'session_name'],
    ['too many fields', 'a=1&'.repeat(1_001), 'body'],
  ])('of forms: %s', async (_what, raw, field) => {
    const { status, body } = await ask('POST /api/v1/session/create', undefined, form(raw))
    expect([status, Object.keys(body.details)]).toEqual([422, [field]])
  })

  test('of bodies of another kind, or too large', async () => {
    const other = { raw: 'x', headers: { 'content-type': 'text/plain' } }
    expect((await ask('POST /api/v1/session/create', undefined, other)).status).toBe(415)
    const large = form(`session_name=${'x'.repeat(1_100_000)}`)
    expect((await ask('POST /api/v1/session/create', undefined, large)).status).toBe(413)
    const send = `POST /api/v1/session/${fresh}/send-message`
    const { status, body } = await ask(send, undefined, form(`phone=1&content=${'x'.repeat(1_100_000)}`))
    expect([status, body.code]).toEqual([413, 'PAYLOAD_TOO_LARGE'])
  })
})

describe('how many', () => {
  test('twenty that no phone was linked with, also when they are made at the same time', async () => {
    const { id } = await gateway.gateway.admin.createCustomer({
      ...{ email: 'eve@example.com', name: 'Eve', company: null, requestsPerMinute: null },
    })
    const scopes = ['manage', 'read'] as const
    const { key } = await gateway.gateway.admin.createKey({ name: 'e', customer: { id }, scopes, expiresAt: null })
    const made = await Promise.all(Array.from({ length: 23 }, (_, nth) => create(`Session ${nth}`, { key })))
    const statuses = made.map(({ status }) => status).sort()
    expect(statuses).toEqual([...Array(20).fill(201), ...Array(3).fill(409)])
    expect(made.find(({ status }) => status === 409)?.body).toMatchObject({ error: true, code: 'CONFLICT' })
    const one = made.find(({ status }) => status === 201)
    await ask(`GET /api/v1/session/${one?.body.id}/get-qr-code`, undefined, { key })
    await gateway.network.scan(one?.body.id as never, '+15550100177' as never)
    const ready = async () => (await ask(`GET /api/v1/session/${one?.body.id}`, undefined, { key })).body.status
    await until(async () => (await ready()) === 'ready', 'the link')
    expect((await create('One more', { key })).status).toBe(201)
    const [other] = made.filter(({ status, body }) => status === 201 && body.id !== one?.body.id)
    await ask(`GET /api/v1/session/${other?.body.id}/get-qr-code`, undefined, { key })
    await gateway.network.scan(other?.body.id as never, '+15550100177' as never)
    const refused = async () => (await ask(`GET /api/v1/session/${other?.body.id}`, undefined, { key })).body.status
    await until(async () => (await refused()) === 'auth_failed', 'that the phone is let go')
    // Those that nobody has paired are no trouble of the gateway's, and no numbers to send from.
    expect((await gateway.gateway.health()).links.whatsapp.health).toBe('healthy')
    const numbers = await v1('GET /v1/numbers', undefined, { key })
    expect(numbers.body.data).toMatchObject([{ phoneNumber: '+15550100177', isDefault: true }])
  })
})

test('the document and its page are there for everybody', async () => {
  const document = (await (await fetch(`${gateway.url}/api/v1/openapi.json`)).json()) as OpenApi
  expect(Object.keys(document.paths)).toContain('/api/v1/session/{id}/send-message')
  const page = await (await fetch(`${gateway.url}/api/v1/docs`)).text()
  expect(page).toContain('<article id="sendChatState">')
  expect(page).toContain('href="/api/v1/openapi.json"')
})
