/** Finding messages: one with its timeline, lists with filters and cursors, numbers, and what a number can receive. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Handle } from '../../../src/model/ids.ts'
import { startTestGateway, type TestGateway } from '../../support/gateway.ts'
import { type Ask, askerOf } from '../ask.ts'

let gateway: TestGateway
let ask: Ask
const sent: string[] = []

const person = '+14155550199'
const friend = '+14155550177'

beforeAll(async () => {
  gateway = await startTestGateway()
  ask = await askerOf(gateway)
  const send = async (body: object) => sent.push((await ask('POST /v1/messages', body)).body.data.id)
  await send({ to: person, content: { text: 'one' }, metadata: { a: 1 } })
  await send({ to: friend, content: { text: 'two' }, routing: { preference: ['whatsapp'] } })
  await send({ to: person, content: { text: 'three' } })
  await send({
    to: person,
    content: { text: 'four' },
    scheduledAt: new Date(gateway.clock.now() + 3_600_000).toISOString(),
  })
  await gateway.settled()
  gateway.network.as(friend as Handle).says(gateway.customer.line.address, 'whatsapp', 'five')
  await gateway.advance(2_000)
})
afterAll(async () => {
  await gateway.stop()
  expect(gateway.errors).toEqual([])
})

const texts = async (query: string): Promise<string[]> => {
  const { status, body } = await ask(`GET /v1/messages${query}`)
  expect(status, JSON.stringify(body)).toBe(200)
  return body.data.messages.map((message: { content: { text: string } }) => message.content.text)
}

test('one message tells everything that happened to it', async () => {
  const { body } = await ask(`GET /v1/messages/${sent[0]}`)
  const at = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  expect(body.data).toEqual({
    id: sent[0],
    direction: 'outbound',
    status: 'delivered',
    to: person,
    from: gateway.customer.line.address,
    channel: 'imessage',
    conversationId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    messageType: 'text',
    content: { text: 'one' },
    timeline: [
      { status: 'queued', at, channel: null },
      { status: 'sent', at, channel: 'imessage' },
      { status: 'delivered', at, channel: 'imessage' },
    ],
    fallbackTriggered: false,
    retryCount: 0,
    metadata: { a: 1 },
    externalId: expect.any(String),
    errorCode: null,
    errorMessage: null,
    createdAt: at,
    updatedAt: at,
    sentAt: at,
    deliveredAt: at,
  })
})

describe('the list', () => {
  test.each<[string, string[]]>([
    ['', ['five', 'four', 'three', 'two', 'one']],
    [`?to=${encodeURIComponent(person)}`, ['four', 'three', 'one']],
    [`?to=${person}`, ['four', 'three', 'one']],
    ['?to=%2B1%20(415)%20555-0199', ['four', 'three', 'one']],
    [`?from=${encodeURIComponent(friend)}`, ['five']],
    ['?channel=whatsapp', ['five', 'two']],
    ['?direction=inbound', ['five']],
    ['?direction=outbound&channel=imessage', ['three', 'one']],
    ['?status=scheduled', ['four']],
    ['?status=delivered', ['three', 'two', 'one']],
    ['?status=received', ['five']],
    ['?status=failed', []],
    ['?status=pending', []],
    ['?limit=2&offset=1&unknown=x', ['five', 'four']],
    ['/scheduled', ['four']],
  ])('%s', async (query, expected) => {
    expect(await texts(query)).toEqual(expected)
  })

  test('of one conversation holds both directions', async () => {
    const [inbound] = (await ask('GET /v1/messages?direction=inbound')).body.data.messages
    expect(await texts(`?chatId=${inbound.conversationId}`)).toEqual(['five', 'two'])
    expect(await texts('?chatId=0199a2c4-6f3e-7b10-8d52-3c9e41f7a650')).toEqual([])
  })

  test.each([1, 2, 3, 100])('in pages of %i gives every message once', async (limit) => {
    const seen: string[] = []
    let cursor: string | null = null
    let pages = 0
    do {
      const { body } = await ask(`GET /v1/messages?limit=${limit}${cursor === null ? '' : `&cursor=${cursor}`}`)
      seen.push(...body.data.messages.map((message: { content: { text: string } }) => message.content.text))
      cursor = body.data.pagination.nextCursor
      expect(body.data.pagination.hasMore).toBe(cursor !== null)
      pages += 1
    } while (cursor !== null)
    expect(seen).toEqual(['five', 'four', 'three', 'two', 'one'])
    expect(pages).toBe(Math.ceil(5 / limit))
  })

  test('stays in place while messages come in above it', async () => {
    const other = await gateway.createKey(['send', 'read'])
    const { pagination } = (await ask('GET /v1/messages?limit=2', undefined, { key: other })).body.data
    await ask('POST /v1/messages', { to: '+14155550166', content: { text: 'six' } })
    const { messages } = (await ask(`GET /v1/messages?limit=2&cursor=${pagination.nextCursor}`)).body.data
    expect(messages.map((message: { content: { text: string } }) => message.content.text)).toEqual(['three', 'two'])
  })

  test.each([
    ['?limit=0', 'limit'],
    ['?limit=101', 'limit'],
    ['?limit=many', 'limit'],
    ['?limit=1&limit=2', 'limit'],
    ['?status=lost', 'status'],
    ['?channel=fax', 'channel'],
    ['?direction=up', 'direction'],
    ['?chatId=kitchen', 'chatId'],
    ['?to=a%00b', 'to'],
    ['?cursor=AAAA', 'cursor'],
    [
      `?cursor=${Buffer.from('{"v":2,"after":"0199a2c4-6f3e-7b10-8d52-3c9e41f7a650"}').toString('base64url')}`,
      'cursor',
    ],
    [`?cursor=${Buffer.from('{"v":1,"after":"1 or 1=1"}').toString('base64url')}`, 'cursor'],
    ['/scheduled?limit=x', 'limit'],
  ])('%s is refused', async (query, path) => {
    const { status, body } = await ask(`GET /v1/messages${query}`)
    expect([status, body.error.code, body.error.details[0].path]).toEqual([400, 'VALIDATION_ERROR', path])
  })
})

test('numbers are told with their health', async () => {
  const { body } = await ask('GET /v1/numbers')
  const { address } = gateway.customer.line
  expect(body.data).toEqual([
    { phoneNumber: address, email: null, instanceName: expect.any(String), isDefault: true, healthStatus: 'healthy' },
  ])
})

describe('capabilities', () => {
  test.each(['%2B14155550199', '+14155550199', '14155550199', '%2014155550199'])(
    'of /%s are found',
    async (written) => {
      const { status, body } = await ask(`GET /v1/capabilities/${written}`)
      expect(status).toBe(200)
      expect(body.data).toEqual({
        phoneNumber: person,
        capabilities: { imessage: true, sms: true, whatsapp: true, facetime: true },
        focused: false,
        recommendedChannel: 'imessage',
        lastChecked: expect.stringMatching(/Z$/),
        cached: expect.any(Boolean),
      })
    },
  )

  test('tell where somebody cannot be reached', async () => {
    const { body } = await ask('GET /v1/capabilities/+14155550104')
    expect(body.data).toMatchObject({ capabilities: { imessage: false, sms: true }, recommendedChannel: 'sms' })
    expect((await ask('GET /v1/capabilities/+14155550104')).body.data.cached).toBe(true)
  })

  test.each(['0', '+', 'kitchen', '+0123456', '1234567890123456', 'guest@example.com', '%00'])(
    'of %s are INVALID_PHONE_NUMBER',
    async (written) => {
      const { status, body } = await ask(`GET /v1/capabilities/${written}`)
      expect([status, body.error.code]).toEqual([400, 'INVALID_PHONE_NUMBER'])
    },
  )
})
