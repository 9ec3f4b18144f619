/** No id tells whether it exists: what belongs to another customer is answered byte for byte like what was never there. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestGateway, type TestGateway } from '../../support/gateway.ts'
import { type Ask, askerOf, withoutRequestId } from '../ask.ts'

let gateway: TestGateway
let ask: Ask
let foreign: { message: string; conversation: string; event: string }
const missing = {
  message: 'msg_0199a2c4-6f3e-7b10-8d52-3c9e41f7a650',
  conversation: '0199a2c4-6f3e-7b10-8d52-3c9e41f7a650',
  event: 'evt_0199a2c4-6f3e-7b10-8d52-3c9e41f7a650',
}
const malformed = [
  '1',
  'msg_',
  'msg_1',
  '%00',
  '..%2F..',
  'msg_0199a2c4-6f3e-7b10-8d52-3c9e41f7a65g',
  '%F0%9F%92%A9',
  'x'.repeat(3_000),
]

beforeAll(async () => {
  gateway = await startTestGateway()
  ask = await askerOf(gateway)
  const { body } = await ask(
    'POST /v1/messages',
    { to: '+14155550199', content: { text: 'Mine' } },
    { key: gateway.otherApiKey },
  )
  await gateway.settled()
  const message = (await ask(`GET /v1/messages/${body.data.id}`, undefined, { key: gateway.otherApiKey })).body.data
  const [row] = await gateway.database.db.query<{ id: string }>(
    { name: '', text: 'select id from events where customer_id = $1 order by seq limit 1' },
    [gateway.other.id],
  )
  foreign = { message: message.id, conversation: message.conversationId, event: `evt_${row?.id}` }
})
afterAll(async () => {
  await gateway.stop()
  expect(gateway.errors).toEqual([])
})

const messageCalls: [string, unknown][] = [
  ['GET /v1/messages/:id', undefined],
  ['PUT /v1/messages/:id', { text: 'Mine now' }],
  ['DELETE /v1/messages/:id', undefined],
  ['POST /v1/messages/:id/unsend', undefined],
  ['POST /v1/messages/:id/retry', undefined],
  ['POST /v1/messages/:id/reactions', { type: 'love' }],
  ['POST /v1/messages/:id/read', undefined],
  ['DELETE /v1/messages/:id/schedule', undefined],
]

describe('the id of a message in a path', () => {
  test.each(messageCalls)('%s', async (call, body) => {
    const answer = async (id: string) => {
      const { status, text } = await ask(call.replace(':id', id), body)
      return [status, withoutRequestId(text)]
    }
    const gone = await answer(missing.message)
    expect(gone[0]).toBe(404)
    expect(await answer(foreign.message)).toEqual(gone)
    for (const id of malformed) expect(await answer(id)).toEqual(gone)
  })

  test('and nothing happened to it', async () => {
    const { body } = await ask(`GET /v1/messages/${foreign.message}`, undefined, { key: gateway.otherApiKey })
    expect(body.data).toMatchObject({ content: { text: 'Mine' }, retryCount: 0 })
    expect(['sent', 'delivered']).toContain(body.data.status)
    expect(gateway.network.acts()).toEqual([])
  })
})

describe('the id of something in a body', () => {
  const text = { text: 'Hi' }
  test.each<[string, (ids: { message: string; conversation: string }) => object, number]>([
    ['chatId', ({ conversation }) => ({ chatId: conversation, content: text }), 404],
    ['conversationId', ({ conversation }) => ({ conversationId: conversation, content: text }), 404],
    ['replyTo', ({ message }) => ({ to: '+14155550199', content: text, replyTo: message }), 404],
  ])('%s', async (_field, bodyOf, status) => {
    const answer = async (ids: { message: string; conversation: string }) => {
      const found = await ask('POST /v1/messages', bodyOf(ids))
      return [found.status, withoutRequestId(found.text)]
    }
    const gone = await answer(missing)
    expect(gone[0]).toBe(status)
    expect(await answer(foreign)).toEqual(gone)
    expect(await answer({ message: 'no-id', conversation: 'no-id' })).toEqual(gone)
  })

  test('from: an address of another customer is like one of nobody', async () => {
    const answer = async (from: string) =>
      withoutRequestId((await ask('POST /v1/messages', { to: '+14155550199', from, content: text })).text)
    expect(await answer(gateway.other.line.address)).toBe(await answer('+19995550000'))
  })
})

describe('lists and streams', () => {
  test('hold nothing of another customer, whatever they are filtered by', async () => {
    const cursor = Buffer.from(JSON.stringify({ v: 1, after: foreign.message.slice(4) })).toString('base64url')
    for (const query of ['', `?chatId=${foreign.conversation}`, '?to=%2B14155550199', `?cursor=${cursor}`]) {
      expect((await ask(`GET /v1/messages${query}`)).body.data.messages).toEqual([])
    }
  })

  test('do not tell whether an event exists', async () => {
    const answer = async (event: string) => {
      const { status, text } = await ask('GET /v1/events', undefined, { headers: { 'last-event-id': event } })
      return [status, withoutRequestId(text)]
    }
    const gone = await answer(missing.event)
    expect(gone[0]).toBe(400)
    expect(await answer(foreign.event)).toEqual(gone)
    expect(await answer('evt_1')).toEqual(gone)
  })
})

describe('what the operator asks for', () => {
  test.each<[string, unknown]>([
    ['GET /v1/admin/customers/:id', undefined],
    ['GET /v1/admin/customers/:id/numbers', undefined],
    ['POST /v1/admin/customers/:id/numbers', { phoneNumber: '+15550100400', provider: 'sandbox' }],
    ['DELETE /v1/admin/keys/:id', undefined],
    ['GET /v1/admin/instances/:id', undefined],
    ['PATCH /v1/admin/instances/:id', { name: 'x' }],
    ['DELETE /v1/admin/instances/:id', undefined],
  ])('%s: a malformed id is like a missing one', async (call, body) => {
    const answer = async (id: string) => {
      const { status, text } = await ask(call.replace(':id', id), body)
      return [status, withoutRequestId(text)]
    }
    const gone = await answer(missing.conversation)
    expect(gone[0]).toBe(404)
    for (const id of malformed) expect(await answer(id)).toEqual(gone)
  })
})
