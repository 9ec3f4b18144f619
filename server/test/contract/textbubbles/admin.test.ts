/** The operator's calls: customers, keys, instances, numbers and usage, from nothing to a customer who sends. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestGateway, type TestGateway, until } from '../../support/gateway.ts'
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

const nobody = '0199a2c4-6f3e-7b10-8d52-3c9e41f7a650'
const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
const uuid = expect.stringMatching(/^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/)
const make = async (call: string, body: object) => {
  const answer = await ask(call, body)
  expect(answer.status, answer.text).toBe(201)
  return answer.body.data
}
const refused = async (call: string, body?: unknown) => {
  const { status, body: answer } = await ask(call, body)
  return [status, answer.error?.code, answer.error?.details?.[0]?.path]
}

test('from nothing to a customer who sends', async () => {
  const customer = await make('POST /v1/admin/customers', {
    email: 'owner@bistro.test',
    name: 'Bistro',
    company: 'Bistro Ltd',
  })
  expect(customer).toEqual({
    id: uuid,
    email: 'owner@bistro.test',
    name: 'Bistro',
    company: 'Bistro Ltd',
    requestsPerMinute: null,
    optOutChannels: ['sms'],
    createdAt: time,
  })
  const key = await make('POST /v1/admin/keys', { name: 'Kitchen', customerEmail: 'owner@bistro.test' })
  expect(key).toMatchObject({
    id: uuid,
    key: expect.stringMatching(/^tb_/),
    name: 'Kitchen',
    customerId: customer.id,
    customerEmail: 'owner@bistro.test',
    scopes: ['send', 'read', 'manage'],
  })
  expect(key.key.startsWith(key.prefix)).toBe(true)
  const number = await make(`POST /v1/admin/customers/${customer.id}/numbers`, {
    phoneNumber: '+15550100300',
    provider: 'sandbox',
  })
  expect(number).toEqual({
    id: uuid,
    phoneNumber: '+15550100300',
    capabilities: { imessage: true, sms: true, whatsapp: true },
    isDefault: true,
  })
  await until(
    async () => (await ask('GET /v1/numbers', undefined, { key: key.key })).body.data[0].healthStatus === 'healthy',
    'the number to be connected',
  )
  const sent = await ask('POST /v1/messages', { to: '+14155550199', content: { text: 'Hi' } }, { key: key.key })
  expect([sent.status, sent.body.data.from]).toEqual([202, '+15550100300'])
})

describe('customers', () => {
  test('are read one by one and in pages, newest first', async () => {
    const made = await make('POST /v1/admin/customers', {
      email: 'page@bistro.test',
      name: 'Page',
      requestsPerMinute: 7,
    })
    expect((await ask(`GET /v1/admin/customers/${made.id}`)).body.data).toEqual(made)
    const first = (await ask('GET /v1/admin/customers?limit=1')).body.data
    expect(first.customers).toEqual([made])
    expect(first.pagination).toEqual({ hasMore: true, nextCursor: expect.any(String) })
    const second = (await ask(`GET /v1/admin/customers?limit=1&cursor=${first.pagination.nextCursor}`)).body.data
    expect(second.customers[0].id).not.toBe(made.id)
  })

  test('are changed field by field', async () => {
    const made = await make('POST /v1/admin/customers', {
      ...{ email: 'change@bistro.test', name: 'Change', company: 'Change Ltd' },
      ...{ requestsPerMinute: 7, optOutChannels: [] },
    })
    expect(made.optOutChannels).toEqual([])
    const call = `PATCH /v1/admin/customers/${made.id}`
    expect((await ask(call, {})).body.data).toEqual(made)
    const now = {
      ...made,
      name: 'Changed',
      company: null,
      requestsPerMinute: null,
      optOutChannels: ['sms', 'whatsapp'],
    }
    const { name, company, requestsPerMinute, optOutChannels } = now
    expect((await ask(call, { name })).body.data).toEqual({ ...made, name })
    expect((await ask(call, { company, requestsPerMinute, optOutChannels })).body.data).toEqual(now)
    expect((await ask(`GET /v1/admin/customers/${made.id}`)).body.data).toEqual(now)
    for (const [body, path] of [
      [{ optOutChannels: ['fax'] }, 'optOutChannels[0]'],
      [{ optOutChannels: ['sms', 'sms'] }, 'optOutChannels'],
      [{ name: '' }, 'name'],
    ] as const)
      expect(await refused(call, body)).toEqual([400, 'VALIDATION_ERROR', path])
    expect(await refused(`PATCH /v1/admin/customers/${nobody}`, {})).toEqual([404, 'NOT_FOUND', undefined])
    expect((await ask(`GET /v1/admin/customers/${made.id}`)).body.data).toEqual(now)
  })

  test('are refused', async () => {
    const body = { email: 'twice@bistro.test', name: 'Twice' }
    await make('POST /v1/admin/customers', body)
    expect(await refused('POST /v1/admin/customers', body)).toEqual([409, 'CONFLICT', undefined])
    expect(await refused('POST /v1/admin/customers', { ...body, email: 'no address' })).toEqual([
      400,
      'VALIDATION_ERROR',
      'email',
    ])
    expect(await refused('POST /v1/admin/customers', { email: 'a@b.test' })).toEqual([400, 'VALIDATION_ERROR', 'name'])
    expect(await refused('POST /v1/admin/customers', { email: 'a@b.test', name: ' ' })).toEqual([
      400,
      'VALIDATION_ERROR',
      'name',
    ])
    expect(await refused(`GET /v1/admin/customers/${nobody}`)).toEqual([404, 'NOT_FOUND', undefined])
  })
})

describe('keys', () => {
  test('are shown once, listed without their secret, and revoked', async () => {
    const made = await make('POST /v1/admin/keys', {
      name: 'Reader',
      customerId: gateway.customer.id,
      scopes: ['read', 'read'],
      expiresAt: '2099-01-01T00:00:00Z',
    })
    expect(made).toMatchObject({ scopes: ['read'], expiresAt: '2099-01-01T00:00:00.000Z', revokedAt: null })
    const { text } = await ask(`GET /v1/admin/keys?customerId=${gateway.customer.id}`)
    expect(text).toContain(made.id)
    expect(text).not.toContain(made.key)
    const { status, body } = await ask(`DELETE /v1/admin/keys/${made.id}`)
    expect([status, body.data]).toEqual([200, { id: made.id, revoked: true, revokedAt: time }])
    expect((await ask(`DELETE /v1/admin/keys/${made.id}`)).body.data).toEqual(body.data)
  })

  test('are refused', async () => {
    expect(await refused('POST /v1/admin/keys', { name: 'k' })).toEqual([400, 'VALIDATION_ERROR', 'customerId'])
    expect(
      await refused('POST /v1/admin/keys', { name: 'k', customerId: gateway.customer.id, customerEmail: 'a@b.test' }),
    ).toEqual([400, 'VALIDATION_ERROR', 'customerId'])
    expect(await refused('POST /v1/admin/keys', { name: 'k', customerEmail: 'nobody@bistro.test' })).toEqual([
      404,
      'NOT_FOUND',
      undefined,
    ])
    expect(
      await refused('POST /v1/admin/keys', { name: 'k', customerId: gateway.customer.id, scopes: ['everything'] }),
    ).toEqual([400, 'VALIDATION_ERROR', 'scopes[0]'])
    expect(
      await refused('POST /v1/admin/keys', { name: 'k', customerId: gateway.customer.id, expiresAt: 'soon' }),
    ).toEqual([400, 'VALIDATION_ERROR', 'expiresAt'])
    expect(await refused(`DELETE /v1/admin/keys/${nobody}`)).toEqual([404, 'NOT_FOUND', undefined])
  })
})

describe('instances', () => {
  const body = {
    name: 'Mini 3',
    phoneNumber: '+15550100310',
    provider: 'sandbox',
    url: 'http://mini-3.rack.test:1234',
    password: 'not to be told',
    hostType: 'dedicated',
    hostInfo: 'rack 2',
    maxCustomers: 1,
  }

  test('are created, read, changed and deleted; their password is never told', async () => {
    const made = await make('POST /v1/admin/instances', body)
    const { password, ...told } = body
    expect(made).toMatchObject({
      ...told,
      id: uuid,
      channels: ['imessage', 'sms'],
      capabilities: { imessage: true, sms: true, whatsapp: false },
      customerId: null,
      isDefault: false,
      status: 'active',
      createdAt: time,
    })
    const changed = await ask(`PATCH /v1/admin/instances/${made.id}`, {
      name: 'Mini 4',
      status: 'maintenance',
      hostInfo: null,
    })
    expect(changed.body.data).toMatchObject({
      id: made.id,
      name: 'Mini 4',
      status: 'maintenance',
      hostInfo: null,
      hostType: 'dedicated',
    })
    const read = await ask(`GET /v1/admin/instances/${made.id}`)
    expect(read.body.data).toMatchObject({ name: 'Mini 4' })
    for (const { text } of [changed, read, await ask('GET /v1/admin/instances')]) expect(text).not.toContain(password)
    const health = (await ask('GET /v1/admin/instances/health')).body.data.instances.find(
      ({ id }: { id: string }) => id === made.id,
    )
    expect(health).toMatchObject({ name: 'Mini 4', phoneNumber: body.phoneNumber, status: 'maintenance', warnings: [] })
    expect((await ask(`DELETE /v1/admin/instances/${made.id}`)).body.data).toEqual({ id: made.id, deleted: true })
    expect(await refused(`GET /v1/admin/instances/${made.id}`)).toEqual([404, 'NOT_FOUND', undefined])
  })

  test('serve one customer, and say why', async () => {
    const { body: answer } = await ask('POST /v1/admin/instances', { ...body, maxCustomers: 2 })
    expect(answer.error).toMatchObject({
      code: 'VALIDATION_ERROR',
      details: [{ path: 'maxCustomers', message: expect.stringContaining('could not be attributed') }],
    })
  })

  test('are refused', async () => {
    const { phoneNumber, ...bare } = body
    expect(await refused('POST /v1/admin/instances', bare)).toEqual([400, 'VALIDATION_ERROR', 'phoneNumber'])
    expect(await refused('POST /v1/admin/instances', { ...bare, phoneNumber: '12' })).toEqual([
      400,
      'VALIDATION_ERROR',
      'phoneNumber',
    ])
    expect(await refused('POST /v1/admin/instances', { ...body, url: 'mini-3' })).toEqual([
      400,
      'VALIDATION_ERROR',
      'url',
    ])
    expect(await refused('POST /v1/admin/instances', { ...body, hostType: 'cloud' })).toEqual([
      400,
      'VALIDATION_ERROR',
      'hostType',
    ])
    expect((await refused('POST /v1/admin/instances', { ...body, provider: 'carrier-pigeon' })).slice(0, 2)).toEqual([
      400,
      'VALIDATION_ERROR',
    ])
    expect(await refused('POST /v1/admin/instances', { ...body, phoneNumber: gateway.customer.line.address })).toEqual([
      409,
      'CONFLICT',
      undefined,
    ])
    expect(await refused(`PATCH /v1/admin/instances/${gateway.customer.line.id}`, {})).toEqual([
      400,
      'VALIDATION_ERROR',
      '',
    ])
    expect(await refused(`PATCH /v1/admin/instances/${nobody}`, { name: 'x' })).toEqual([404, 'NOT_FOUND', undefined])
    expect(phoneNumber).toBe(body.phoneNumber)
  })
})

describe('numbers', () => {
  test('come and go, and one of them is the default', async () => {
    const customer = await make('POST /v1/admin/customers', { email: 'numbers@bistro.test', name: 'Numbers' })
    const numbers = `/v1/admin/customers/${customer.id}/numbers`
    const spare = await make('POST /v1/admin/instances', {
      name: 'Spare',
      phoneNumber: '+15550100320',
      provider: 'sandbox',
      channels: ['sms'],
    })
    const first = await make(`POST ${numbers}`, {
      phoneNumber: '+15550100320',
      provider: 'sandbox',
      instanceId: spare.id,
    })
    expect(first).toEqual({
      id: spare.id,
      phoneNumber: '+15550100320',
      capabilities: { imessage: false, sms: true, whatsapp: false },
      isDefault: true,
    })
    const second = await make(`POST ${numbers}`, { phoneNumber: '+15550100321', provider: 'sandbox' })
    expect(second.isDefault).toBe(false)
    expect((await ask(`PUT ${numbers}/${second.id}/default`)).body.data).toMatchObject({
      id: second.id,
      isDefault: true,
    })
    const listed = (await ask(`GET ${numbers}`)).body.data.numbers
    expect(listed.map(({ id, isDefault }: { id: string; isDefault: boolean }) => [id, isDefault]).sort()).toEqual(
      [
        [first.id, false],
        [second.id, true],
      ].sort(),
    )
    expect((await ask(`DELETE ${numbers}/${first.id}`)).body.data).toEqual({ id: first.id, deleted: true })
    expect((await ask(`GET ${numbers}`)).body.data.numbers).toHaveLength(1)
    expect(await refused(`DELETE ${numbers}/${first.id}`)).toEqual([404, 'NOT_FOUND', undefined])
    expect(await refused(`PUT ${numbers}/${gateway.customer.line.id}/default`)).toEqual([404, 'NOT_FOUND', undefined])
  })

  test('given at the same time make one default and no error', async () => {
    const customer = await make('POST /v1/admin/customers', { email: 'hasty@bistro.test', name: 'Hasty' })
    const numbers = `/v1/admin/customers/${customer.id}/numbers`
    const made = await Promise.all(
      ['+15550100331', '+15550100332', '+15550100333'].map((phoneNumber) =>
        make(`POST ${numbers}`, { phoneNumber, provider: 'sandbox' }),
      ),
    )
    expect(made.filter(({ isDefault }) => isDefault)).toHaveLength(1)
  })

  test('are refused', async () => {
    const numbers = `/v1/admin/customers/${gateway.customer.id}/numbers`
    expect(await refused(`POST ${numbers}`, { phoneNumber: 'x', provider: 'sandbox' })).toEqual([
      400,
      'VALIDATION_ERROR',
      'phoneNumber',
    ])
    expect(await refused(`POST ${numbers}`, { phoneNumber: gateway.other.line.address, provider: 'sandbox' })).toEqual([
      409,
      'CONFLICT',
      undefined,
    ])
    expect(
      (await refused(`POST ${numbers}`, { phoneNumber: '+15550100340', provider: 'sandbox', instanceId: nobody }))[0],
    ).toBe(404)
    expect(
      await refused(`POST /v1/admin/customers/${nobody}/numbers`, { phoneNumber: '+15550100341', provider: 'sandbox' }),
    ).toEqual([404, 'NOT_FOUND', undefined])
  })
})

describe('usage', () => {
  test('counts what happened, per customer, day, event and channel', async () => {
    await ask('POST /v1/messages', { to: '+14155550199', content: { text: 'Count me' } })
    await gateway.settled()
    const counted = {
      customerId: gateway.customer.id,
      day: expect.stringMatching(/^\d{4}-\d\d-\d\d$/),
      event: 'message.sent',
      channel: 'imessage',
      count: 1,
    }
    const usage = async () => (await ask(`GET /v1/admin/usage?customerId=${gateway.customer.id}`)).body.data
    await until(async () => {
      await gateway.advance(60_000)
      return (await usage()).usage.some((row: { event: string }) => row.event === 'message.sent')
    }, 'the usage to be counted')
    expect((await usage()).usage).toContainEqual(counted)
    expect((await usage()).pagination).toEqual({ limit: 50, offset: 0, hasMore: false })
  })

  test.each([
    ['?from=yesterday', 'from'],
    ['?from=2026-02-30', 'from'],
    ['?from=2026-02-02&to=2026-02-01', 'from'],
    ['?from=2020-01-01&to=2026-02-01', 'from'],
    ['?offset=-1', 'offset'],
  ])('%s is refused', async (query, path) => {
    expect(await refused(`GET /v1/admin/usage${query}`)).toEqual([400, 'VALIDATION_ERROR', path])
  })
})
