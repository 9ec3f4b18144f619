/** The calls of the address book as documented: what they take, what they refuse, who may make them. */
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

const phoneNumber = '+14155550123'
const missing = '0199a2c4-6f3e-7b10-8d52-3c9e41f7a650'
const count = async () => (await ask('GET /v1/contacts')).body.data.pagination.total
const tags = (many: number, long: number) => Array.from({ length: many }, (_, index) => `${index}`.padEnd(long, 'x'))

describe('what a contact is made of', () => {
  test.each<[unknown, string]>([
    [{}, 'phoneNumber'],
    [{ phoneNumber: 5 }, 'phoneNumber'],
    [{ phoneNumber: '' }, 'phoneNumber'],
    [{ phoneNumber: null }, 'phoneNumber'],
    [{ phoneNumber, email: 'nobody' }, 'email'],
    [{ phoneNumber, firstName: '' }, 'firstName'],
    [{ phoneNumber, lastName: 'x'.repeat(101) }, 'lastName'],
    [{ phoneNumber, company: 'x'.repeat(201) }, 'company'],
    [{ phoneNumber, tags: 'vip' }, 'tags'],
    [{ phoneNumber, tags: tags(51, 3) }, 'tags'],
    [{ phoneNumber, tags: [''] }, 'tags[0]'],
    [{ phoneNumber, tags: tags(1, 101) }, 'tags[0]'],
    [{ phoneNumber, metadata: [] }, 'metadata'],
    [{ phoneNumber, metadata: { note: 'x'.repeat(16_384) } }, 'metadata'],
  ])('%j is refused for %s', async (body, path) => {
    const answer = await ask('POST /v1/contacts', body)
    expect([answer.status, answer.body.error.code]).toEqual([400, 'VALIDATION_ERROR'])
    expect(answer.body.error.details.map((one: { path: string }) => one.path)).toEqual([path])
    expect(await count()).toBe(0)
  })

  test.each(['14155550123', '+0155550123', '+1', '+1234567890123456', 'ada@example.com'])(
    '%s is no phone number',
    async (text) => {
      const answer = await ask('POST /v1/contacts', { phoneNumber: text })
      expect([answer.status, answer.body.error.code]).toEqual([400, 'INVALID_PHONE_NUMBER'])
    },
  )

  test('everything may be as long as it is said to be', async () => {
    const fields = {
      phoneNumber: '+14155550124',
      firstName: '😀'.repeat(100),
      lastName: 'x'.repeat(100),
      company: '😀'.repeat(200),
      tags: tags(50, 100),
      metadata: { note: 'x'.repeat(16_000) },
    }
    const made = await ask('POST /v1/contacts', fields)
    expect(made.status, made.text).toBe(201)
    expect(made.body.data).toMatchObject(fields)
    expect((await ask('GET /v1/contacts?search=%F0%9F%98%80')).body.data.contacts).toHaveLength(1)
    const many = Array.from({ length: 100 }, (_, index) => ({ ...fields, phoneNumber: `+1415556${1_000 + index}` }))
    const bulk = await ask('POST /v1/contacts/bulk', { contacts: many })
    expect(bulk.body.data).toEqual({ created: 100, failed: 0 })
    const ids = (await ask('GET /v1/contacts?limit=100')).body.data.contacts.map(({ id }: { id: string }) => id)
    expect((await ask('DELETE /v1/contacts/bulk', { ids })).body.data).toEqual({ deleted: 100 })
    expect(await count()).toBe(1)
  })

  test('a change says only what changes, and takes nothing that must be there', async () => {
    const { id } = (await ask('POST /v1/contacts', { phoneNumber, firstName: 'Ada', tags: ['a'] })).body.data
    expect((await ask(`PUT /v1/contacts/${id}`, {})).body.data).toMatchObject({ firstName: 'Ada', tags: ['a'] })
    expect((await ask(`PUT /v1/contacts/${id}`, { phoneNumber: null })).body.error.code).toBe('VALIDATION_ERROR')
    expect((await ask(`PUT /v1/contacts/${id}`, { phoneNumber: 'Ada' })).body.error.code).toBe('INVALID_PHONE_NUMBER')
    expect((await ask(`PUT /v1/contacts/${id}`, { id: missing, optedOut: true })).body.data).toMatchObject({
      id,
      optedOut: false,
    })
  })
})

test.each(['limit=0', 'limit=101', 'limit=x', 'offset=-1', 'offset=50001', 'search=', 'tag=', 'tag=%00'])(
  'a list is not asked for with %s',
  async (query) => {
    expect((await ask(`GET /v1/contacts?${query}`)).body.error.code).toBe('VALIDATION_ERROR')
  },
)

test.each<[string, unknown]>([
  ['POST /v1/contacts/bulk', { contacts: [] }],
  ['POST /v1/contacts/bulk', { contacts: [{}] }],
  ['DELETE /v1/contacts/bulk', { ids: [] }],
  ['DELETE /v1/contacts/bulk', { ids: Array(101).fill(missing) }],
  ['DELETE /v1/contacts/bulk', undefined],
  ['POST /v1/contacts/opt-out', {}],
  ['POST /v1/contacts/opt-out', { phoneNumber, optedOut: 'yes' }],
])('%s does not take %j', async (call, body) => {
  const answer = await ask(call, body)
  expect([answer.status, answer.body.error.code]).toEqual([400, 'VALIDATION_ERROR'])
})

test('a number in a path may have lost its plus sign in either way', async () => {
  for (const phone of ['14155550177', '%2B14155550177', '+14155550177', '%2014155550177'])
    expect((await ask(`GET /v1/contacts/${phone}/facetime`)).body.data).toMatchObject({ phoneNumber: '+14155550177' })
})

test('who may only read, or only send, changes nothing', async () => {
  const [read, send] = [await gateway.createKey(['read']), await gateway.createKey(['send'])]
  const changes: [string, unknown][] = [
    ['POST /v1/contacts', { phoneNumber: '+14155550130' }],
    ['PUT /v1/contacts/x', {}],
    ['DELETE /v1/contacts/x', undefined],
    ['POST /v1/contacts/bulk', { contacts: [{ phoneNumber: '+14155550130' }] }],
    ['DELETE /v1/contacts/bulk', { ids: [missing] }],
    ['POST /v1/contacts/opt-out', { phoneNumber }],
  ]
  for (const [call, body] of changes)
    for (const key of [read, send]) expect((await ask(call, body, { key })).body.error.code, call).toBe('FORBIDDEN')
  expect((await ask('GET /v1/contacts', undefined, { key: read })).status).toBe(200)
  expect((await ask('GET /v1/contacts', undefined, { key: send })).status).toBe(403)
  expect((await ask(`GET /v1/contacts/${phoneNumber}/focus`, undefined, { key: read })).status).toBe(200)
})

test('an iMessage line that is down can tell nothing, and says so', async () => {
  gateway.network.disconnect(gateway.customer.line.address, 'imessage', 600_000)
  const headers = { authorization: `Bearer ${gateway.apiKey}` }
  const answer = await fetch(`${gateway.url}/v1/contacts/+14155550178/focus`, { headers })
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5'])
  expect(await answer.json()).toMatchObject({ success: false, error: { code: 'SERVICE_UNAVAILABLE' } })
})
