/** Webhooks as they are set up: one by one, by clients that know only one, with secrets that are shown once. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { entriesOf } from '../../fuzz/requests.ts'
import { startTestGateway, type TestGateway } from '../../support/gateway.ts'
import { type Ask, type Asked, askerOf } from '../ask.ts'
import { type Receiver, startReceiver } from '../receiver.ts'

let gateway: TestGateway
let ask: Ask
let receiver: Receiver
beforeAll(async () => {
  gateway = await startTestGateway()
  ask = await askerOf(gateway)
  receiver = await startReceiver()
})
afterAll(async () => {
  await receiver.stop()
  await gateway.stop()
  expect(gateway.errors).toEqual([])
})

const nobody = '0199a2c4-6f3e-7b10-8d52-3c9e41f7a650'
const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
const uuid = expect.stringMatching(/^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/)
const standardSecret = expect.stringMatching(/^whsec_[A-Za-z0-9+/]{43}=$/)
const ownSecret = 'a-long-secret-of-my-own'

interface Shop {
  call(call: string, body?: unknown): Promise<Asked>
  /** Expects success and gives the data. */
  get(call: string, body?: unknown): Promise<Asked['body']>
  refused(call: string, body?: unknown): Promise<[number, string, string | undefined]>
  create(body?: object): Promise<Asked['body']>
}

let shops = 0
let hooks = 0

/** A customer without any webhook. */
async function openShop(asker: Ask = ask): Promise<Shop> {
  shops += 1
  const email = `shop-${shops}@example.com`
  expect((await asker('POST /v1/admin/customers', { email, name: 'Shop' })).status).toBe(201)
  const { key } = (await asker('POST /v1/admin/keys', { name: 'shop', customerEmail: email })).body.data
  const call: Shop['call'] = (what, body) => asker(what, body, { key })
  const get: Shop['get'] = async (what, body) => {
    const { status, text, body: answer } = await call(what, body)
    expect(status, text).toBeLessThan(300)
    return answer.data
  }
  return {
    call,
    get,
    async refused(what, body) {
      const { status, body: answer } = await call(what, body)
      return [status, answer.error?.code, answer.error?.details?.[0]?.path]
    },
    create: (body) => get('POST /v1/webhooks', { url: freshUrl(), events: ['*'], ...body }),
  }
}

function freshUrl(): string {
  hooks += 1
  return `${receiver.url}/${hooks}`
}

const shown = ({ secret: _, standardSecret: __, rotatedAt: ___, ...webhook }: Asked['body']) => webhook

describe('a webhook', () => {
  test('is created, read, changed and deleted', async () => {
    const shop = await openShop()
    const url = freshUrl()
    const body = { url, events: ['message.sent', 'message.failed'], name: 'Shop', dialect: 'standard', ordered: true }
    const created = await shop.call('POST /v1/webhooks', body)
    expect(created.status).toBe(201)
    expect(created.body.data).toEqual({
      id: uuid,
      name: 'Shop',
      url,
      events: ['message.failed', 'message.sent'],
      active: true,
      dialect: 'standard',
      ordered: true,
      publicKey: null,
      deactivatedReason: null,
      health: { breaker: 'closed', exhausted: 0, pending: 0 },
      createdAt: time,
      updatedAt: time,
      secret: standardSecret,
    })
    const webhook = shown(created.body.data)
    const path = `/v1/webhooks/${webhook.id}`
    expect(await shop.get(`GET ${path}`)).toEqual(webhook)
    expect(await shop.get(`GET ${path.toUpperCase().replace('/V1/WEBHOOKS', '/v1/webhooks')}`)).toEqual(webhook)
    expect(await shop.get('GET /v1/webhooks/list')).toEqual([webhook])
    const changed = await shop.get(`PATCH ${path}`, { name: null, events: ['*'], ordered: false, active: false })
    expect(changed).toEqual({
      ...webhook,
      name: null,
      events: ['*'],
      ordered: false,
      active: false,
      updatedAt: time,
    })
    expect(await shop.get(`GET ${path}`)).toEqual(changed)
    expect(await shop.get(`DELETE ${path}`)).toEqual({ id: webhook.id, deleted: true })
    expect(await shop.get('GET /v1/webhooks/list')).toEqual([])
    for (const call of [`GET ${path}`, `DELETE ${path}`, `POST ${path}/test`, `POST ${path}/rotate-secret`])
      expect(await shop.refused(call)).toEqual([404, 'WEBHOOK_NOT_FOUND', undefined])
  })

  test('needs no more than a URL and events', async () => {
    const shop = await openShop()
    const created = await shop.get('POST /v1/webhooks', { url: freshUrl(), events: ['*'] })
    expect(created).toMatchObject({ name: null, dialect: 'textbubbles', ordered: false, publicKey: null, active: true })
  })

  test('may have a name of a hundred characters, a hundred events and a long secret', async () => {
    const shop = await openShop()
    const name = '🎉'.repeat(100)
    const events = Array.from({ length: 100 }, (_, index) => (index % 2 === 0 ? 'message.read' : 'chat.title.changed'))
    const created = await shop.create({
      name,
      events,
      secret: '~'.repeat(255),
      url: `${receiver.url}/${'x'.repeat(2_000)}`,
    })
    expect(created).toMatchObject({ name, events: ['chat.title.changed', 'message.read'] })
    expect((await shop.create({ secret: '!'.repeat(16) })).standardSecret).toEqual(standardSecret)
  })

  test('has a public key when it signs with one', async () => {
    const shop = await openShop()
    const { id, publicKey } = await shop.create({ asymmetric: true })
    expect(publicKey).toMatch(/^whpk_[A-Za-z0-9+/]{43}=$/)
    expect((await shop.get(`PATCH /v1/webhooks/${id}`, { asymmetric: false })).publicKey).toBeNull()
    expect((await shop.get(`PATCH /v1/webhooks/${id}`, { asymmetric: true })).publicKey).toMatch(/^whpk_/)
  })

  test('is listed from the oldest to the newest', async () => {
    const shop = await openShop()
    const made = [await shop.create(), await shop.create(), await shop.create()]
    expect(await shop.get('GET /v1/webhooks/list')).toEqual(made.map(shown))
  })
})

describe('events', () => {
  test.each<[string, string[], string[]]>([
    ['named twice are named once', ['message.sent', 'message.sent'], ['message.sent']],
    ['beside `*` say nothing more', ['message.sent', '*', 'message.read'], ['*']],
    ['that are only told on streams may be named', ['whatsapp.status'], ['whatsapp.status']],
    [
      'of chats, calls and webhooks may be named',
      ['facetime.incoming', 'webhook.deactivated'],
      ['facetime.incoming', 'webhook.deactivated'],
    ],
  ])('%s', async (_what, events, stored) => {
    expect((await (await openShop()).create({ events })).events).toEqual(stored)
  })

  test.each<[unknown, string]>([
    [[], 'events'],
    ['message.sent', 'events'],
    [null, 'events'],
    [undefined, 'events'],
    [Array.from({ length: 101 }, () => 'message.sent'), 'events'],
    [['message.sent', 'message.received'], 'events[1]'],
    [['webhook.test'], 'events[0]'],
    [['line.status'], 'events[0]'],
    [['MESSAGE.SENT'], 'events[0]'],
    [[['message.sent']], 'events[0]'],
    [['__proto__'], 'events[0]'],
  ])('%j is refused', async (events, path) => {
    const shop = await openShop()
    const { id } = await shop.create()
    const refused = [400, 'VALIDATION_ERROR', path]
    expect(await shop.refused('POST /v1/webhooks', { url: freshUrl(), events })).toEqual(refused)
    if (events === undefined) return
    expect(await shop.refused('PUT /v1/webhooks', { url: freshUrl(), events })).toEqual(refused)
    expect(await shop.refused(`PATCH /v1/webhooks/${id}`, { events })).toEqual(refused)
  })

  test('that do not exist are answered with the place that lists those that do', async () => {
    const { body } = await (await openShop()).call('POST /v1/webhooks', { url: freshUrl(), events: ['reaction.added'] })
    expect(body.error.message).toMatch(/^events\[0\]: There is no such event\. .*\/docs#createWebhook/)
    const page = await (await fetch(`${gateway.url}/docs`)).text()
    expect(page).toContain('id="createWebhook"')
    expect(page).toContain('<code>chat.participant.added</code>')
  })
})

describe('what else is refused', () => {
  const cases: [string, object, string][] = [
    ['no URL', { url: undefined }, 'url'],
    ['text that is no URL', { url: 'shop' }, 'url'],
    ['a path', { url: '/hooks' }, 'url'],
    ['an empty URL', { url: '' }, 'url'],
    ['another scheme', { url: 'ftp://shop.test/hooks' }, 'url'],
    ['a URL without a host', { url: 'https://' }, 'url'],
    ['a number as URL', { url: 7 }, 'url'],
    ['a URL that is too long', { url: `https://shop.test/${'x'.repeat(2_048)}` }, 'url'],
    ['a URL with a password', { url: 'https://ada:secret@shop.test/hooks' }, 'url'],
    ['a URL with a user name', { url: 'https://ada@shop.test/hooks' }, 'url'],
    ['an empty name', { name: '' }, 'name'],
    ['a name that is too long', { name: 'n'.repeat(101) }, 'name'],
    ['a name that is no text', { name: 7 }, 'name'],
    ['a secret that is too short', { secret: 's'.repeat(15) }, 'secret'],
    ['a secret that is too long', { secret: 's'.repeat(256) }, 'secret'],
    ['a secret with a space', { secret: 'a long secret of my own' }, 'secret'],
    ['a secret beyond ASCII', { secret: 'ein-längeres-Geheimnis' }, 'secret'],
    ['a secret with a line break', { secret: 'a-long-secret\nof-my-own' }, 'secret'],
    ['a secret that another scheme signs with', { secret: 'wabs_0123456789abcdef' }, 'secret'],
    ['the dialect of another surface', { dialect: 'whatsbridge' }, 'dialect'],
    ['a dialect that is none', { dialect: 'Standard' }, 'dialect'],
    ['an order that is neither yes nor no', { ordered: 'yes' }, 'ordered'],
    ['a signature that is neither wanted nor not', { asymmetric: null }, 'asymmetric'],
  ]

  test.each(cases)('%s', async (_what, part, path) => {
    const shop = await openShop()
    const { id } = await shop.create()
    const refused = [400, 'VALIDATION_ERROR', path]
    const body = { url: freshUrl(), events: ['*'], ...part }
    expect(await shop.refused('POST /v1/webhooks', body)).toEqual(refused)
    expect(await shop.refused('PUT /v1/webhooks', body)).toEqual(refused)
    if (Object.values(part)[0] !== undefined)
      expect(await shop.refused(`PATCH /v1/webhooks/${id}`, part)).toEqual(refused)
    expect(await shop.get('GET /v1/webhooks/list')).toHaveLength(1)
  })

  test.each<[object, string]>([
    [{}, ''],
    [{ unknown: 1 }, ''],
    [{ url: null }, 'url'],
    [{ secret: null }, 'secret'],
    [{ active: null }, 'active'],
    [{ active: 1 }, 'active'],
  ])('the change %j', async (change, path) => {
    const shop = await openShop()
    const { id } = await shop.create()
    expect(await shop.refused(`PATCH /v1/webhooks/${id}`, change)).toEqual([400, 'VALIDATION_ERROR', path])
  })

  test('a change of what is not there', async () => {
    const shop = await openShop()
    const missing = [404, 'WEBHOOK_NOT_FOUND', undefined]
    expect(await shop.refused(`PATCH /v1/webhooks/${nobody}`, { active: false })).toEqual(missing)
    expect(await shop.refused('PATCH /v1/webhooks/1', { active: false })).toEqual(missing)
  })
})

describe('where private networks are refused', () => {
  let guarded: TestGateway
  let shop: Shop
  beforeAll(async () => {
    const inside = { address: '10.0.0.8', family: 4 } as const
    const resolve = async (host: string) => (host === 'inside.shop.test' ? [inside] : [])
    guarded = await startTestGateway({ privateNetworks: 'refused', egress: { resolve } })
    shop = await openShop(await askerOf(guarded))
  })
  afterAll(async () => {
    await guarded.stop()
    expect(guarded.errors).toEqual([])
  })

  test.each([
    'http://shop.test/hooks',
    'http://93.184.216.34/hooks',
    'https://127.0.0.1/hooks',
    'https://127.1/hooks',
    'https://0x7f000001/hooks',
    'https://10.0.0.8/hooks',
    'https://169.254.169.254/latest/meta-data',
    'https://192.168.1.1/hooks',
    'https://[::1]/hooks',
    'https://[::ffff:10.0.0.8]/hooks',
    'https://[fd00::8]/hooks',
    'https://localhost/hooks',
    'https://inside.shop.test/hooks',
    'https://ada:secret@shop.test/hooks',
  ])('%s is refused, with what is wrong with it', async (url) => {
    const { id } =
      (await shop.get('GET /v1/webhooks/list'))[0] ?? (await shop.create({ url: 'https://shop.test/hooks' }))
    const refused = [400, 'VALIDATION_ERROR', 'url']
    expect(await shop.refused('POST /v1/webhooks', { url, events: ['*'] })).toEqual(refused)
    expect(await shop.refused('PUT /v1/webhooks', { url })).toEqual(refused)
    expect(await shop.refused(`PATCH /v1/webhooks/${id}`, { url })).toEqual(refused)
    const { body } = await shop.call('POST /v1/webhooks', { url, events: ['*'] })
    expect(body.error.details[0].message).toMatch(/^.{10,}\.$/)
    expect((await shop.get(`GET /v1/webhooks/${id}`)).active).toBe(true)
  })
})

describe('two webhooks', () => {
  test('may not have the same URL and the same set of events', async () => {
    const shop = await openShop()
    const url = freshUrl()
    await shop.create({ url, events: ['message.sent', 'message.read'] })
    const duplicate = [409, 'WEBHOOK_DUPLICATE', undefined]
    for (const events of [
      ['message.sent', 'message.read'],
      ['message.read', 'message.sent'],
      ['message.read', 'message.sent', 'message.read'],
    ])
      expect(await shop.refused('POST /v1/webhooks', { url, events })).toEqual(duplicate)
    await shop.create({ url, events: ['message.sent'] })
    await shop.create({ url: freshUrl(), events: ['message.sent', 'message.read'] })
    expect(await shop.get('GET /v1/webhooks/list')).toHaveLength(3)
  })

  test('may not be made the same by a change while both are active', async () => {
    const shop = await openShop()
    const url = freshUrl()
    const first = await shop.create({ url, events: ['message.sent', 'message.read'] })
    const second = await shop.create({ url, events: ['message.sent'] })
    const change = { events: ['message.read', 'message.sent'] }
    expect(await shop.refused(`PATCH /v1/webhooks/${second.id}`, change)).toEqual([409, 'WEBHOOK_DUPLICATE', undefined])
    expect((await shop.get(`PATCH /v1/webhooks/${first.id}`, change)).events).toEqual(first.events)
    await shop.get(`PATCH /v1/webhooks/${first.id}`, { active: false })
    expect((await shop.get(`PATCH /v1/webhooks/${second.id}`, change)).events).toEqual(first.events)
    const twin = [409, 'WEBHOOK_DUPLICATE', undefined]
    expect(await shop.refused(`PATCH /v1/webhooks/${first.id}`, { active: true })).toEqual(twin)
    expect(await shop.refused('POST /v1/webhooks', { url, ...change })).toEqual(twin)
  })

  test('are two of at most a hundred', async () => {
    const shop = await openShop()
    await Promise.all(Array.from({ length: 100 }, () => shop.create()))
    expect(await shop.refused('POST /v1/webhooks', { url: freshUrl(), events: ['*'] })).toEqual([
      409,
      'CONFLICT',
      undefined,
    ])
    expect(await shop.get('GET /v1/webhooks/list')).toHaveLength(100)
  })

  test('created the same at the same time become one', async () => {
    const shop = await openShop()
    const body = { url: freshUrl(), events: ['message.sent', 'message.read'] }
    const answers = await Promise.all(Array.from({ length: 8 }, () => shop.call('POST /v1/webhooks', body)))
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409, 409, 409, 409])
    expect(await shop.get('GET /v1/webhooks/list')).toHaveLength(1)
  })
})

describe('secrets', () => {
  const later = async (shop: Shop, id: string) =>
    [
      await shop.call(`GET /v1/webhooks/${id}`),
      await shop.call('GET /v1/webhooks/list'),
      await shop.call('GET /v1/webhooks'),
      await shop.call(`PATCH /v1/webhooks/${id}`, { name: 'Later' }),
      await shop.call(`POST /v1/webhooks/${id}/test`),
      await shop.call('POST /v1/webhooks/test'),
      await shop.call(`GET /v1/webhooks/${id}/deliveries`),
    ].map(({ status, text }) => {
      expect(status).toBe(200)
      return text
    })

  test('that we make are shown once', async () => {
    const shop = await openShop()
    const { id, secret, ...rest } = await shop.create()
    expect(secret).toEqual(standardSecret)
    expect(rest).not.toHaveProperty('standardSecret')
    for (const text of await later(shop, id)) expect(text).not.toContain(secret.slice('whsec_'.length))
  })

  test('that customers bring are never told, and the standard one is shown once', async () => {
    const shop = await openShop()
    const created = await shop.call('POST /v1/webhooks', { url: freshUrl(), events: ['*'], secret: ownSecret })
    const { id, standardSecret: standard, ...rest } = created.body.data
    expect(standard).toEqual(standardSecret)
    expect(rest).not.toHaveProperty('secret')
    for (const text of [created.text, ...(await later(shop, id))]) expect(text).not.toContain(ownSecret)
    for (const text of await later(shop, id)) expect(text).not.toContain(standard.slice('whsec_'.length))
    const changed = await shop.call(`PATCH /v1/webhooks/${id}`, { secret: 'another-secret-of-my-own' })
    expect(changed.text).not.toContain('another-secret-of-my-own')
    const replaced = await shop.call('PUT /v1/webhooks', { url: freshUrl(), secret: ownSecret })
    expect(replaced.text).not.toContain(ownSecret)
    expect(replaced.body.data.standardSecret).toEqual(standardSecret)
  })

  test('are changed by rotation, and shown once again', async () => {
    const shop = await openShop()
    const { id, secret: first } = await shop.create()
    const rotated = await shop.get(`POST /v1/webhooks/${id}/rotate-secret`)
    expect(rotated).toMatchObject({ id, secret: standardSecret, rotatedAt: time })
    expect(rotated.secret).not.toBe(first)
    const again = await shop.get(`POST /v1/webhooks/${id}/rotate-secret`)
    expect(new Set([first, rotated.secret, again.secret]).size).toBe(3)
    for (const text of await later(shop, id)) expect(text).not.toContain(again.secret.slice('whsec_'.length))
  })

  test('for callbacks are made by rotating them', async () => {
    const shop = await openShop()
    expect(await shop.get('GET /v1/webhooks/callback-secret')).toEqual({ rotatedAt: null })
    const first = await shop.get('POST /v1/webhooks/callback-secret/rotate')
    expect(first).toEqual({ secret: standardSecret, rotatedAt: time })
    expect(await shop.get('GET /v1/webhooks/callback-secret')).toEqual({ rotatedAt: first.rotatedAt })
    const second = await shop.get('POST /v1/webhooks/callback-secret/rotate')
    expect(second.secret).not.toBe(first.secret)
    expect(await shop.get('GET /v1/webhooks/callback-secret')).toEqual({ rotatedAt: second.rotatedAt })
  })
})

describe('a test', () => {
  const eventId = expect.stringMatching(/^evt_test_[0-9a-f-]{36}$/)
  test('tells what the receiver said', async () => {
    const shop = await openShop()
    const { id, url } = await shop.create()
    const answer = async (status: number) => {
      receiver.answerWith(status)
      return shop.get(`POST /v1/webhooks/${id}/test`)
    }
    expect(await answer(204)).toEqual({ delivered: true, url, responseStatus: 204, eventId, error: null })
    expect(await answer(500)).toEqual({
      delivered: false,
      url,
      responseStatus: 500,
      eventId,
      error: expect.any(String),
    })
    const gone = await answer(410)
    receiver.answerWith(200)
    expect(gone).toEqual({ delivered: false, url, responseStatus: 410, eventId, error: expect.any(String) })
    expect(await shop.get(`GET /v1/webhooks/${id}`)).toMatchObject({ active: true, deactivatedReason: null })
    const { headers, body } = receiver.got.at(-1) ?? { headers: {}, body: '{}' }
    expect(JSON.parse(body)).toMatchObject({ id: gone.eventId, type: 'webhook.test', timestamp: time })
    expect(headers).toMatchObject({ 'webhook-id': gone.eventId, 'content-type': 'application/json' })
  })

  test('says that nobody answered', async () => {
    const shop = await openShop()
    const closed = await startReceiver()
    const { id } = await shop.create({ url: closed.url })
    await closed.stop()
    expect(await shop.get(`POST /v1/webhooks/${id}/test`)).toEqual({
      delivered: false,
      url: closed.url,
      responseStatus: null,
      eventId,
      error: expect.stringMatching(/.{5,}/),
    })
  })
})

describe('clients that know one webhook', () => {
  const none = [404, 'WEBHOOK_NOT_CONFIGURED', undefined]

  test('are told when there is none', async () => {
    const shop = await openShop()
    expect(await shop.get('GET /v1/webhooks')).toBeNull()
    for (const call of ['DELETE /v1/webhooks', 'POST /v1/webhooks/test', 'POST /v1/webhooks/rotate-secret'])
      expect(await shop.refused(call)).toEqual(none)
  })

  test('put one, read it, test it, change its secret and delete it', async () => {
    const shop = await openShop()
    const url = freshUrl()
    const put = await shop.call('PUT /v1/webhooks', { url })
    expect(put.status).toBe(200)
    expect(put.body.data).toMatchObject({ url, events: ['*'], active: true, secret: standardSecret })
    const webhook = shown(put.body.data)
    expect(await shop.get('GET /v1/webhooks')).toEqual(webhook)
    expect(await shop.get('POST /v1/webhooks/test')).toMatchObject({ delivered: true, url, responseStatus: 200 })
    const rotated = await shop.get('POST /v1/webhooks/rotate-secret')
    expect(rotated).toMatchObject({ id: webhook.id, secret: standardSecret, rotatedAt: time })
    expect(rotated.secret).not.toBe(put.body.data.secret)
    expect(await shop.get('DELETE /v1/webhooks')).toEqual({ deleted: true })
    expect(await shop.get('GET /v1/webhooks')).toBeNull()
    expect(await shop.get(`GET /v1/webhooks/${webhook.id}`)).toMatchObject({ active: false, deactivatedReason: null })
    expect(await shop.refused('DELETE /v1/webhooks')).toEqual(none)
  })

  test('may put the same again, and get another one', async () => {
    const shop = await openShop()
    const body = { url: freshUrl(), events: ['message.sent'] }
    const first = await shop.get('PUT /v1/webhooks', body)
    const second = await shop.get('PUT /v1/webhooks', body)
    expect(second.id).not.toBe(first.id)
    const listed = await shop.get('GET /v1/webhooks/list')
    expect(listed.map(({ active }: { active: boolean }) => active)).toEqual([false, true])
  })

  test('see the oldest active one of many', async () => {
    const shop = await openShop()
    const [first, second, third] = [await shop.create(), await shop.create(), await shop.create()]
    expect(await shop.get('GET /v1/webhooks')).toEqual(shown(first))
    await shop.get(`PATCH /v1/webhooks/${first.id}`, { active: false })
    expect(await shop.get('GET /v1/webhooks')).toEqual(shown(second))
    expect((await shop.get('POST /v1/webhooks/test')).url).toBe(second.url)
    expect((await shop.get('POST /v1/webhooks/rotate-secret')).id).toBe(second.id)
    const put = await shop.get('PUT /v1/webhooks', { url: freshUrl(), name: 'Only' })
    const listed = await shop.get('GET /v1/webhooks/list')
    expect(listed.filter(({ active }: { active: boolean }) => active)).toEqual([shown(put)])
    expect(listed.map(({ id }: { id: string }) => id)).toEqual([first.id, second.id, third.id, put.id])
    await shop.get(`PATCH /v1/webhooks/${third.id}`, { active: true })
    expect((await shop.get('GET /v1/webhooks')).id).toBe(third.id)
    expect(await shop.get('DELETE /v1/webhooks')).toEqual({ deleted: true })
    expect(await shop.get('GET /v1/webhooks')).toBeNull()
  })
})

describe('the door', () => {
  test('opens each call to its own scope only', async () => {
    const { body: document } = await ask('GET /openapi.json', undefined, { key: null })
    const entries = entriesOf(document).filter(({ operation }) => operation.tags.includes('Webhooks'))
    expect(entries).toHaveLength(21)
    const keys = {
      read: await gateway.createKey(['read', 'send']),
      manage: await gateway.createKey(['manage', 'send']),
    }
    for (const { method, path, operation } of entries) {
      const scope = operation['x-scope']
      expect(scope, operation.operationId).toBe(method === 'GET' ? 'read' : 'manage')
      const call = `${method} ${path.replaceAll(/\{\w+\}/g, nobody)}`
      const other = scope === 'read' ? keys.manage : keys.read
      const { status, body } = await ask(call, undefined, { key: other })
      expect([status, body.error.code], call).toEqual([403, 'FORBIDDEN'])
      expect(body.error.message).toContain(`\`${scope}\``)
      expect((await ask(call, undefined, { key: null })).status, call).toBe(401)
      const own = await ask(call, undefined, { key: scope === 'read' ? keys.read : keys.manage })
      expect(own.status, call).not.toBe(403)
    }
  })

  test.each([
    ['POST /v1/webhooks/list', 'GET, HEAD'],
    ['GET /v1/webhooks/test', 'POST'],
    ['DELETE /v1/webhooks/rotate-secret', 'POST'],
    ['PATCH /v1/webhooks/callback-secret', 'GET, HEAD'],
    ['GET /v1/webhooks/callback-secret/rotate', 'POST'],
  ])('%s is a call of that name and no id: 405', async (call, allow) => {
    const { status, headers } = await ask(call)
    expect([status, headers.get('allow')]).toEqual([405, allow])
  })
})
