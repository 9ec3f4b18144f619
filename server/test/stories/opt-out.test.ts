/** Whoever asks to be left alone is: told once, sent nothing more by SMS, and written to again only after they say so. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Channel } from '../../src/model/channel.ts'
import type { Handle, ProviderMessageId } from '../../src/model/ids.ts'
import { type Ask, askerOf } from '../contract/ask.ts'
import { joinWithoutLines, startTestGateway, type TestGateway } from '../support/gateway.ts'
import { type Story, tell } from '../support/story.ts'
import { tellWebhooks } from '../support/webhook-story.ts'

let gateway: TestGateway
let ask: Ask
let story: Story
let number = 0
let person: Handle
beforeAll(async () => {
  gateway = await startTestGateway()
  ask = await askerOf(gateway)
})
beforeEach(async () => {
  number += 1
  person = `+1415556${String(1_000 + number)}` as Handle
  // What the test before has sent is delivered by now.
  await gateway.advance(1_000)
  story = await tell(gateway)
})
afterAll(async () => {
  await gateway.stop()
  expect(gateway.errors).toEqual([])
})

async function says(text: string, channel: Channel = 'sms', providerId?: ProviderMessageId): Promise<void> {
  const extras = providerId === undefined ? {} : { providerId }
  gateway.network.as(person).says(gateway.customer.line.address, channel, text, extras)
  await gateway.advance(1_000)
}

const send = (preference: readonly Channel[], more: object = {}) =>
  ask('POST /v1/messages', { to: person, content: { text: 'Hello' }, routing: { preference }, ...more })
const sent = () => gateway.network.received().filter(({ to }) => to === person)
const inbound = 'message.inbound received sms'

test('a word opts out, another one in, and each change is told once beside the message itself', async () => {
  const { body } = await ask('POST /v1/contacts', { phoneNumber: person })
  await says('STOP')
  await says('stop ')
  await says('Yes, I mean it')
  await says('START')
  await says('yes')
  expect(await story.heard()).toEqual([
    inbound,
    'contact.opted_out - sms',
    inbound,
    inbound,
    inbound,
    'contact.opted_in - sms',
    inbound,
  ])
  const told = (await story.told()).filter(({ type }) => type.startsWith('contact.'))
  const choice = {
    phoneNumber: person,
    handle: person,
    contactId: body.data.id,
    channel: 'sms',
    source: 'keyword',
    customerId: gateway.customer.id,
  }
  expect(told.map(({ data }) => data)).toEqual([choice, choice])
  const listed = await ask(`GET /v1/messages?from=${encodeURIComponent(person)}`)
  expect(listed.body.data.messages).toHaveLength(5)
})

test.each([
  ...['STOPALL', 'Stop all', 'Unsubscribe', 'cancel', '\nEND', 'quit', 'Revoke', 'optout', 'Opt-out', 'STOP.'],
])('%j opts out', async (text) => {
  await says(text)
  expect(await story.heard()).toEqual([inbound, 'contact.opted_out - sms'])
  expect((await send(['sms'])).body.error.code).toBe('RECIPIENT_OPTED_OUT')
})

test.each(['START', 'YES', 'Unstop', 'Yes!'])(
  '%j opts in who had opted out, and says nothing otherwise',
  async (text) => {
    await says(text)
    expect(await story.heard()).toEqual([inbound])
    const ordinary = await ask(`GET /v1/messages?from=${encodeURIComponent(person)}`)
    expect(ordinary.body.data.messages).toMatchObject([{ content: { text }, status: 'received' }])
    await says('STOP')
    await says(text)
    expect((await story.heard()).slice(1)).toEqual([
      inbound,
      'contact.opted_out - sms',
      inbound,
      'contact.opted_in - sms',
    ])
    expect((await send(['sms'])).status).toBe(202)
  },
)

test.each(['please stop', 'STOP please', 'stop stop', 'Your code is 1234. Reply STOP', ''])(
  '%j changes nothing',
  async (text) => {
    await says(text)
    expect((await story.heard()).filter((event) => !event.startsWith('message.inbound'))).toEqual([])
    expect((await send(['sms'])).status).toBe(202)
  },
)

test('of an Apple ID no number is told', async () => {
  const apple = `eve${number}@example.com` as Handle
  await ask(`PATCH /v1/admin/customers/${gateway.customer.id}`, { optOutChannels: ['sms', 'imessage'] })
  gateway.network.as(apple).says(gateway.customer.line.address, 'imessage', 'STOP')
  await gateway.advance(1_000)
  await ask(`PATCH /v1/admin/customers/${gateway.customer.id}`, { optOutChannels: ['sms'] })
  const told = (await story.told()).filter(({ type }) => type.startsWith('contact.'))
  expect(told).toMatchObject([{ type: 'contact.opted_out', data: { phoneNumber: null, handle: apple } }])
})

test('what the network tells twice counts once, whatever was said in between', async () => {
  await says('STOP', 'sms', 'first' as ProviderMessageId)
  await says('START', 'sms', 'second' as ProviderMessageId)
  await says('STOP', 'sms', 'first' as ProviderMessageId)
  expect(await story.heard()).toEqual([inbound, 'contact.opted_out - sms', inbound, 'contact.opted_in - sms'])
  expect((await send(['sms'])).status).toBe(202)
})

test('nothing goes by SMS to whoever opted out; other channels stay open', async () => {
  await says('Hello')
  const { conversationId } = (await ask(`GET /v1/messages?from=${encodeURIComponent(person)}`)).body.data.messages[0]
  const repeated = { idempotencyKey: `before-${number}` }
  const before = await send(['sms'], repeated)
  await gateway.settled()
  await says('STOP')
  await gateway.settled()
  const count = sent().length
  const refused = await send(['sms'])
  expect([refused.status, refused.body.error.code]).toEqual([403, 'RECIPIENT_OPTED_OUT'])
  const scheduledAt = new Date(gateway.clock.now() + 3_600_000).toISOString()
  expect((await send(['sms'], { scheduledAt })).body.error.code).toBe('RECIPIENT_OPTED_OUT')
  const intoChat = await ask('POST /v1/messages', { chatId: conversationId, content: { text: 'Hello' } })
  expect([intoChat.status, intoChat.body.error.code]).toEqual([403, 'RECIPIENT_OPTED_OUT'])
  const again = await send(['sms'], repeated)
  expect([again.status, again.body.data.id]).toEqual([200, before.body.data.id])
  expect(sent()).toHaveLength(count)

  expect((await send(['imessage', 'sms'])).status).toBe(202)
  expect((await send(['sms', 'whatsapp'])).status).toBe(202)
  await gateway.advance(1_000)
  expect(
    sent()
      .slice(count)
      .map(({ channel }) => channel)
      .sort(),
  ).toEqual(['imessage', 'whatsapp'])
  const stranger = await ask(
    'POST /v1/messages',
    { to: person, content: { text: 'Hello' }, routing: { preference: ['sms'] } },
    { key: gateway.otherApiKey },
  )
  expect(stranger.status).toBe(202)
})

test('no message falls back to SMS for them', async () => {
  gateway.network.setPerson(person, { channels: ['sms'] })
  await says('STOP')
  const { body } = await send(['imessage', 'sms'])
  await gateway.settled()
  expect(await story.get(body.data.id)).toMatchObject({ status: 'failed', errorCode: 'NO_CHANNEL_AVAILABLE' })
  expect(sent()).toEqual([])
  expect(await story.heard()).toEqual([
    inbound,
    'contact.opted_out - sms',
    'message.queued queued -',
    'message.failed failed imessage',
  ])
})

test('a message that was accepted before does not go out by SMS after it', async () => {
  const scheduledAt = new Date(gateway.clock.now() + 3_600_000).toISOString()
  const only = (await send(['sms'], { scheduledAt })).body.data.id
  const first = (await send(['sms', 'whatsapp'], { scheduledAt })).body.data.id
  await says('STOP')
  await gateway.advance(3_700_000)
  await gateway.advance(1_000)
  const failed = await story.get(only)
  expect(failed).toMatchObject({ status: 'failed', errorCode: 'RECIPIENT_OPTED_OUT', retryable: false })
  expect(await story.get(first)).toMatchObject({ status: 'delivered', channel: 'whatsapp', fallbackTriggered: true })
  expect(sent().map(({ channel }) => channel)).toEqual(['whatsapp'])
  expect(await story.heard()).toEqual([
    'message.scheduled scheduled -',
    'message.scheduled scheduled -',
    inbound,
    'contact.opted_out - sms',
    'message.queued queued -',
    'message.failed failed sms',
    'message.queued queued -',
    'message.fallback queued whatsapp',
    'message.sent sent whatsapp',
    'message.delivered delivered whatsapp',
  ])
  const retried = await ask(`POST /v1/messages/${only}/retry`)
  expect(retried.status).toBe(202)
  await gateway.settled()
  expect(await story.get(only)).toMatchObject({ status: 'failed', errorCode: 'RECIPIENT_OPTED_OUT' })
  expect(sent()).toHaveLength(1)
})

test('a caller may record what somebody said elsewhere', async () => {
  const record = (body: object) => ask('POST /v1/contacts/opt-out', { phoneNumber: person, ...body })
  const { body: contact } = await ask('POST /v1/contacts', { phoneNumber: person })
  const answer = await record({})
  expect([answer.status, answer.body.data]).toEqual([200, { phoneNumber: person, optedOut: true }])
  await record({ optedOut: true })
  expect((await ask(`GET /v1/contacts/${contact.data.id}`)).body.data.optedOut).toBe(true)
  expect((await send(['sms'])).status).toBe(403)
  await ask(`DELETE /v1/contacts/${contact.data.id}`)
  expect((await send(['sms'])).status).toBe(403)
  expect((await record({ optedOut: false })).body.data).toEqual({ phoneNumber: person, optedOut: false })
  await record({ optedOut: false })
  const told = await story.told()
  const choice = { phoneNumber: person, channel: null, source: 'api', customerId: gateway.customer.id }
  expect(told).toMatchObject([
    { type: 'contact.opted_out', data: { ...choice, contactId: contact.data.id } },
    { type: 'contact.opted_in', data: { ...choice, contactId: null } },
  ])
  expect(await story.heard()).toEqual(['contact.opted_out - -', 'contact.opted_in - -'])
  expect((await send(['sms'])).status).toBe(202)
  expect((await ask('POST /v1/contacts/opt-out', { phoneNumber: 'Ada' })).body.error.code).toBe('INVALID_PHONE_NUMBER')
})

test('other channels follow a customer’s own setting, and in a group the word is for the others', async () => {
  await says('STOP', 'whatsapp')
  await says('STOP', 'imessage')
  expect(await story.heard()).toEqual(['message.inbound received whatsapp', 'message.inbound received imessage'])
  const set = async (optOutChannels: string[]) => {
    const { body } = await ask(`PATCH /v1/admin/customers/${gateway.customer.id}`, { optOutChannels })
    expect(body.data).toMatchObject({ id: gateway.customer.id, optOutChannels })
  }
  await set(['sms', 'whatsapp'])
  const line = gateway.customer.line.address
  const chat = gateway.network.as(person).createsGroup('whatsapp', 'Kitchen', [line])
  gateway.network.as(person).in(chat).says('STOP')
  await gateway.advance(1_000)
  expect((await send(['whatsapp'])).status).toBe(202)
  await says('STOP', 'whatsapp')
  expect((await send(['whatsapp'])).body.error.code).toBe('RECIPIENT_OPTED_OUT')
  expect((await send(['whatsapp', 'sms'])).body.error.code).toBe('RECIPIENT_OPTED_OUT')
  expect((await send(['whatsapp', 'imessage'])).status).toBe(202)
  await set(['sms'])
  expect((await send(['whatsapp'])).status).toBe(202)
})

test('another process knows at once', async () => {
  const second = await joinWithoutLines(gateway)
  try {
    const by = await second.gateway.callers.authenticate(gateway.apiKey)
    await second.gateway.contacts.recordChoice(by, person, true)
    await expect.poll(async () => (await send(['sms'])).status, { timeout: 5_000, interval: 5 }).toBe(403)
    await says('START')
    const draft = {
      ...{ to: person, conversationId: null, from: null, attachments: [], replyTo: null, mentions: [] },
      ...{ content: { text: 'Hi', mediaUrls: [], effect: null, location: null }, preference: ['sms'] as const },
      ...{ fallback: true, scheduledAt: null, idempotencyKey: null, callbackUrl: null, metadata: null },
      correlationId: 'cor_0',
    }
    const submitted = async () => {
      try {
        return (await second.gateway.messages.submit(by, draft)).repeated
      } catch {
        return 'refused'
      }
    }
    await expect.poll(submitted, { timeout: 5_000, interval: 5 }).toBe(false)
  } finally {
    await second.stop()
  }
})

test('webhooks hear of it too', async () => {
  const webhooks = await tellWebhooks()
  try {
    await webhooks.hook({ events: ['contact.opted_out', 'contact.opted_in'] })
    await webhooks.call('POST', '/v1/contacts/opt-out', { phoneNumber: person })
    await webhooks.came(1)
    expect(webhooks.receiver.received[0]?.body).toMatchObject({
      type: 'contact.opted_out',
      data: {
        phoneNumber: person,
        contactId: null,
        channel: null,
        source: 'api',
        customerId: webhooks.gateway.customer.id,
      },
    })
  } finally {
    await webhooks.end()
  }
})

test('of many who opted out, each is still known', async () => {
  const text = `insert into opt_outs (customer_id, address, opted_out, source)
    select $1, '+77' || n, true, 'api' from generate_series(1000001, 1001500) n`
  await gateway.database.db.query({ name: '', text }, [gateway.customer.id])
  await says('STOP')
  expect((await send(['sms'])).status).toBe(403)
  const some = await Promise.all(
    ['+771000001', '+771001500', '+771001501'].map((to) =>
      ask('POST /v1/messages', { to, content: { text: 'Hello' }, routing: { preference: ['sms'] } }),
    ),
  )
  expect(some.map(({ status }) => status)).toEqual([403, 403, 202])
})
