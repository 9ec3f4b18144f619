/** No id tells whether it exists: what belongs to another customer is answered byte for byte like what was never there. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Handle } from '../../../src/model/ids.ts'
import { startTestGateway, type TestGateway, until } from '../../support/gateway.ts'
import { type Ask, askerOf, withoutRequestId } from '../ask.ts'

let gateway: TestGateway
let ask: Ask
let foreign: {
  message: string
  conversation: string
  chat: string
  group: string
  event: string
  webhook: string
  delivery: string
  job: string
}
const nobody = '0199a2c4-6f3e-7b10-8d52-3c9e41f7a650'
const missing = {
  webhook: nobody,
  delivery: nobody,
  job: nobody,
  message: 'msg_0199a2c4-6f3e-7b10-8d52-3c9e41f7a650',
  conversation: '0199a2c4-6f3e-7b10-8d52-3c9e41f7a650',
  chat: 'iMessage;-;+14155550198',
  group: 'iMessage;+;chat0',
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
  const webhook = await webhookOf(gateway.otherApiKey)
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
  const told = await toldOnce(webhook, gateway.otherApiKey)
  const made = await ask('POST /v1/chats/groups', { participants: ['+14155550199'] }, { key: gateway.otherApiKey })
  const named = { chat: 'iMessage;-;+14155550199', group: made.body.data.chatId }
  foreign = { message: message.id, conversation: message.conversationId, ...named, event: `evt_${row?.id}`, ...told }
})
afterAll(async () => {
  await gateway.stop()
  expect(gateway.errors).toEqual([])
})

/** Its receiver refuses everything for good. */
async function webhookOf(key: string): Promise<string> {
  const { body } = await ask('POST /v1/webhooks', { url: `${gateway.url}/health`, events: ['message.queued'] }, { key })
  return body.data.id
}

/** Once something was sent to it, and a job has run. */
async function toldOnce(webhook: string, key: string): Promise<{ webhook: string; delivery: string; job: string }> {
  const path = `/v1/webhooks/${webhook}`
  const failed = async () =>
    (await ask(`GET ${path}/deliveries?status=failed`, undefined, { key })).body.data.deliveries
  await until(async () => (await failed()).length === 1, 'the delivery')
  const since = new Date(gateway.clock.now() - 1_000).toISOString()
  const { body } = await ask(`POST ${path}/replay`, { since, events: ['message.unsent'] }, { key })
  return { webhook, delivery: (await failed())[0].id, job: body.data.id }
}

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
    expect(gateway.network.acts().map(({ verb }) => verb)).toEqual(['createGroup'])
  })
})

const chatCalls: [string, unknown][] = [
  ['GET /v1/chats/:chat', undefined],
  ['GET /v1/chats/:chat/messages', undefined],
  ['PUT /v1/chats/:chat/name', { name: 'Mine now' }],
  ['POST /v1/chats/:chat/participants', { participant: '+14155550177' }],
  ['DELETE /v1/chats/:chat/participants/+14155550199', undefined],
  ['POST /v1/chats/:chat/icon', { imageUrl: 'https://images.shop.test/logo.png' }],
  ['DELETE /v1/chats/:chat/icon', undefined],
  ['POST /v1/chats/:chat/leave', undefined],
  ['POST /v1/chats/:chat/read', undefined],
  ['POST /v1/chats/:chat/unread', undefined],
  ['POST /v1/chats/:chat/typing', { status: 'start' }],
]

describe('the name of a chat in a path, whichever it is', () => {
  test.each(chatCalls)('%s', async (call, body) => {
    const answer = async (name: string) => {
      const { status, text } = await ask(call.replace(':chat', name), body)
      return [status, withoutRequestId(text)]
    }
    const gone = await answer(missing.conversation)
    expect(gone).toEqual([404, expect.stringContaining('CONVERSATION_NOT_FOUND')])
    const { conversation, chat, group } = foreign
    for (const name of [conversation, chat, encodeURIComponent(chat), group, missing.chat, missing.group, ...malformed])
      expect(await answer(name)).toEqual(gone)
  })

  test('whatever number it is said to be on', async () => {
    for (const from of [gateway.customer.line.address, gateway.other.line.address, 'nobody']) {
      const { status, text } = await ask(`GET /v1/chats/${foreign.conversation}?from=${encodeURIComponent(from)}`)
      expect([status, text]).toEqual([404, expect.stringContaining('CONVERSATION_NOT_FOUND')])
    }
  })

  test('and nothing happened to it', async () => {
    const { body } = await ask(`GET /v1/chats/${foreign.group}`, undefined, { key: gateway.otherApiKey })
    expect(body.data).toMatchObject({ name: null, participants: [{ handle: '+14155550199' }] })
    expect((await ask('GET /v1/chats')).body.data.chats).toEqual([])
    const cursor = Buffer.from(JSON.stringify({ v: 1, after: foreign.conversation })).toString('base64url')
    expect((await ask(`GET /v1/chats?cursor=${cursor}`)).body.data.chats).toEqual([])
    expect(gateway.network.acts().map(({ verb }) => verb)).toEqual(['createGroup'])
  })
})

describe('the id of a webhook, a delivery or a job in a path', () => {
  const since = '2026-01-01T00:00:00Z'
  const webhookCalls: [string, unknown][] = [
    ['GET /v1/webhooks/:webhook', undefined],
    ['PATCH /v1/webhooks/:webhook', { active: false }],
    ['DELETE /v1/webhooks/:webhook', undefined],
    ['POST /v1/webhooks/:webhook/test', undefined],
    ['POST /v1/webhooks/:webhook/rotate-secret', undefined],
    ['POST /v1/webhooks/:webhook/recover', { since }],
    ['POST /v1/webhooks/:webhook/replay', { since }],
    ['GET /v1/webhooks/:webhook/deliveries', undefined],
    ['GET /v1/webhooks/:webhook/deliveries/:delivery', undefined],
    ['POST /v1/webhooks/:webhook/deliveries/:delivery/redeliver', undefined],
    ['GET /v1/webhooks/:webhook/jobs', undefined],
    ['GET /v1/webhooks/:webhook/jobs/:job', undefined],
  ]
  const answer = async (call: string, ids: { webhook: string; delivery: string; job: string }, body: unknown) => {
    const path = call.replace(':webhook', ids.webhook).replace(':delivery', ids.delivery).replace(':job', ids.job)
    const { status, text } = await ask(path, body)
    return [status, withoutRequestId(text)]
  }

  test.each(webhookCalls)('%s', async (call, body) => {
    const gone = await answer(call, missing, body)
    expect(gone).toEqual([404, expect.stringContaining('WEBHOOK_NOT_FOUND')])
    expect(await answer(call, foreign, body)).toEqual(gone)
    for (const id of malformed) expect(await answer(call, { webhook: id, delivery: id, job: id }, body)).toEqual(gone)
  })

  test.each(webhookCalls.filter(([call]) => /:delivery|:job/.test(call)))(
    '%s, below a webhook of ours',
    async (call, body) => {
      const webhook = await webhookOf(gateway.apiKey)
      const gone = await answer(call, { ...missing, webhook }, body)
      expect(gone).toEqual([404, expect.stringContaining('"NOT_FOUND"')])
      expect(await answer(call, { ...foreign, webhook }, body)).toEqual(gone)
      for (const id of malformed) expect(await answer(call, { webhook, delivery: id, job: id }, body)).toEqual(gone)
      await ask(`DELETE /v1/webhooks/${webhook}`)
    },
  )

  test('and nothing happened to them', async () => {
    const key = gateway.otherApiKey
    const path = `/v1/webhooks/${foreign.webhook}`
    const { body } = await ask(`GET ${path}`, undefined, { key })
    expect(body.data).toMatchObject({ active: true, updatedAt: body.data.createdAt })
    const { body: told } = await ask(`GET ${path}/deliveries`, undefined, { key })
    expect(told.data.deliveries).toEqual([expect.objectContaining({ id: foreign.delivery, attempts: 1 })])
    const { body: begun } = await ask(`GET ${path}/jobs`, undefined, { key })
    expect(begun.data.jobs).toEqual([expect.objectContaining({ id: foreign.job })])
  })

  test('calls that name no webhook touch only those of the caller', async () => {
    expect((await ask('GET /v1/webhooks/list')).body.data).toEqual([])
    expect((await ask('GET /v1/webhooks')).body.data).toBeNull()
    for (const call of ['DELETE /v1/webhooks', 'POST /v1/webhooks/test', 'POST /v1/webhooks/rotate-secret'])
      expect((await ask(call)).body.error.code).toBe('WEBHOOK_NOT_CONFIGURED')
    // The same as the one of the other customer: whether that is there must not be told either.
    const { status, body } = await ask('PUT /v1/webhooks', { url: `${gateway.url}/health`, events: ['message.queued'] })
    expect(status).toBe(200)
    expect((await ask('GET /v1/webhooks/list')).body.data).toHaveLength(1)
    expect((await ask(`DELETE /v1/webhooks/${body.data.id}`)).status).toBe(200)
    await ask('POST /v1/webhooks/callback-secret/rotate', undefined, { key: gateway.otherApiKey })
    expect((await ask('GET /v1/webhooks/callback-secret')).body.data).toEqual({ rotatedAt: null })
  })

  test('a cursor of another customer leads to nothing of theirs', async () => {
    const webhook = await webhookOf(gateway.apiKey)
    const cursor = Buffer.from(JSON.stringify({ v: 1, after: foreign.delivery })).toString('base64url')
    const { body } = await ask(`GET /v1/webhooks/${webhook}/deliveries?cursor=${cursor}`)
    expect(body.data).toEqual({ deliveries: [], pagination: { hasMore: false, nextCursor: null } })
    await ask(`DELETE /v1/webhooks/${webhook}`)
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

describe('the id of a contact', () => {
  const theirs = { key: () => gateway.otherApiKey, phoneNumber: '+14155550197' }
  let contact: string
  beforeAll(async () => {
    const { body } = await ask(
      'POST /v1/contacts',
      { phoneNumber: theirs.phoneNumber, firstName: 'Theirs', tags: ['theirs'] },
      { key: theirs.key() },
    )
    contact = body.data.id
  })

  test.each<[string, unknown]>([
    ['GET /v1/contacts/:id', undefined],
    ['PUT /v1/contacts/:id', { firstName: 'Mine now' }],
    ['DELETE /v1/contacts/:id', undefined],
  ])('%s', async (call, body) => {
    const answer = async (id: string) => {
      const { status, text } = await ask(call.replace(':id', id), body)
      return [status, withoutRequestId(text)]
    }
    const gone = await answer(nobody)
    expect(gone).toEqual([404, expect.stringContaining('"NOT_FOUND"')])
    expect(await answer(contact)).toEqual(gone)
    expect(await answer(contact.toUpperCase())).toEqual(gone)
    for (const id of malformed) expect(await answer(id)).toEqual(gone)
  })

  test('in a list of those to delete is passed over like one that is not there', async () => {
    const answer = async (id: string) => withoutRequestId((await ask('DELETE /v1/contacts/bulk', { ids: [id] })).text)
    expect(await answer(contact)).toBe(await answer(nobody))
    expect(await answer('no-id')).toBe(await answer(nobody))
  })

  test('and nothing happened to it, nor does anything of it show elsewhere', async () => {
    const { body } = await ask(`GET /v1/contacts/${contact}`, undefined, { key: theirs.key() })
    expect(body.data).toMatchObject({ firstName: 'Theirs', updatedAt: body.data.createdAt })
    for (const query of ['', '?search=theirs', '?tag=theirs', '?search=14155550197'])
      expect((await ask(`GET /v1/contacts${query}`)).body.data).toMatchObject({
        contacts: [],
        pagination: { total: 0 },
      })
    // The same person may be a contact of both, and each knows only their own.
    const mine = await ask('POST /v1/contacts', { phoneNumber: theirs.phoneNumber })
    expect(mine.status).toBe(201)
    gateway.network.as(theirs.phoneNumber as Handle).says(gateway.customer.line.address, 'sms', 'Hello')
    await gateway.settled()
    const { chats } = (await ask('GET /v1/chats?channel=sms')).body.data
    expect(chats[0].participants[0].contactId).toBe(mine.body.data.id)
    await ask(`DELETE /v1/contacts/${mine.body.data.id}`)
    expect((await ask('GET /v1/chats?channel=sms')).body.data.chats[0].participants[0].contactId).toBeNull()
  })

  test('what somebody asked one customer for says nothing to another', async () => {
    await ask('POST /v1/contacts/opt-out', { phoneNumber: theirs.phoneNumber })
    const { body } = await ask(`GET /v1/contacts/${contact}`, undefined, { key: theirs.key() })
    expect(body.data.optedOut).toBe(false)
    await ask('POST /v1/contacts/opt-out', { phoneNumber: theirs.phoneNumber, optedOut: false })
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
    ['GET /v1/admin/instances/:id/whatsapp/status', undefined],
    ['POST /v1/admin/instances/:id/whatsapp/enable', undefined],
    ['POST /v1/admin/instances/:id/whatsapp/disconnect', undefined],
    ['POST /v1/admin/instances/:id/whatsapp/reset-auth', undefined],
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
