/** Who hears of what, in which order and under which signature: subscriptions, callbacks, pauses, rotation, ordered mode. */
import { createHmac } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import { afterEach, expect, test } from 'vitest'
import { until } from '../support/gateway.ts'
import { tell } from '../support/story.ts'
import { tellWebhooks, type WebhookStory } from '../support/webhook-story.ts'

const minute = 60_000
const hour = 60 * minute
const text = { to: '+15550100199', content: { text: 'hello' } }
const own = ['message.queued', 'message.sent', 'message.delivered']

let story: WebhookStory
afterEach(() => story.end())

test('each webhook hears what it subscribed to, of its own customer, in order, with the correlation id of the request', async () => {
  story = await tellWebhooks()
  const { receiver, gateway } = story
  const some = await story.hook({ url: `${receiver.url}/some`, events: ['message.sent', 'message.failed'] })
  await story.hook({ url: `${receiver.url}/all`, events: ['*', 'message.sent'] })
  const stranger = await tell(gateway, gateway.other)
  await stranger.call('POST', '/v1/webhooks', { url: `${receiver.url}/stranger`, events: ['*'] })
  const correlationId = `cor_${'0123456789abcdef'.repeat(2)}`
  const sent = await story.call(
    'POST',
    '/v1/messages',
    { ...text, metadata: { order: 7 } },
    { 'x-correlation-id': correlationId },
  )
  await story.came(4)
  const at = (path: string) => receiver.received.filter((one) => one.path === `/hook/${path}`)
  expect(at('all').map(({ body }) => body.type)).toEqual(own)
  expect(at('some').map(({ body }) => body.type)).toEqual(['message.sent'])
  expect(at('stranger')).toEqual([])
  for (const { body, headers } of receiver.received) {
    expect(headers['x-correlation-id']).toBe(correlationId)
    expect(headers['webhook-id']).toBe(body.id)
    expect(headers['x-event-id']).toBe(body.id)
    expect(headers['x-event-type']).toBe(body.type)
    expect(headers['content-type']).toBe('application/json')
    expect(body.data).toMatchObject({
      messageId: sent.body.data.id,
      metadata: { order: 7 },
      customerId: gateway.customer.id,
    })
    expect(Object.keys(body)).toEqual(['id', 'type', 'timestamp', 'data', 'eventId'])
  }
  expect(at('all').map(({ body }) => body.id)[1]).toBe(at('some')[0]?.body.id)
  expect(await story.log(some.id)).toEqual(['message.sent delivered 1'])
})

test('a callback hears everything of its message and of no other, signed with the secret of its customer', async () => {
  story = await tellWebhooks()
  const { receiver } = story
  const made = await story.call('POST', '/v1/webhooks/callback-secret/rotate')
  expect(made.status).toBe(200)
  await story.send(text)
  const id = await story.send({ ...text, callbackUrl: `${receiver.url}/mine?token=1` })
  await story.came(3)
  expect(receiver.types()).toEqual(own)
  const wh = new Webhook(made.body.data.secret)
  for (const one of receiver.received) {
    expect(one.path).toBe('/hook/mine?token=1')
    expect(wh.verify(one.raw, one.headers as Record<string, string>)).toMatchObject({ data: { messageId: id } })
  }
  expect((await story.call('GET', '/v1/webhooks/list')).body.data).toEqual([])
})

test('a callback may not lead inside', async () => {
  story = await tellWebhooks({ privateNetworks: 'refused' })
  for (const callbackUrl of [
    'http://127.0.0.1:9/x',
    'https://10.0.0.1/',
    'https://user@shop.test/',
    'https://[::1]/',
  ]) {
    const answer = await story.call('POST', '/v1/messages', { ...text, callbackUrl })
    expect(answer.status, callbackUrl).toBe(400)
    expect(answer.body.error).toMatchObject({ code: 'VALIDATION_ERROR', details: [{ path: 'callbackUrl' }] })
  }
  expect(await story.heard()).toEqual([])
})

test('a paused webhook hears nothing, nothing is kept for it, and what waited is cancelled', async () => {
  story = await tellWebhooks()
  const { receiver } = story
  receiver.answer(500)
  const hook = await story.hook({ events: ['message.queued'] })
  await story.send(text)
  await story.came(1)
  await story.call('PATCH', `/v1/webhooks/${hook.id}`, { active: false })
  receiver.answer(200)
  await story.send(text)
  await story.pass(hour)
  expect(receiver.received).toHaveLength(1)
  expect(await story.log(hook.id)).toEqual(['message.queued cancelled 1'])
  await story.call('PATCH', `/v1/webhooks/${hook.id}`, { active: true })
  await story.send(text)
  await story.came(2)
  expect(await story.log(hook.id)).toEqual(['message.queued cancelled 1', 'message.queued delivered 1'])
})

test('a deleted webhook hears nothing more and is gone with its log', async () => {
  story = await tellWebhooks()
  story.receiver.answer(500)
  const hook = await story.hook({ events: ['message.queued'] })
  await story.send(text)
  await story.came(1)
  expect((await story.call('DELETE', `/v1/webhooks/${hook.id}`)).body.data).toEqual({ id: hook.id, deleted: true })
  await story.pass(hour)
  expect(story.receiver.received).toHaveLength(1)
  expect((await story.call('GET', `/v1/webhooks/${hook.id}/deliveries`)).status).toBe(404)
})

test('a new URL is used by what waits already', async () => {
  story = await tellWebhooks()
  const { receiver } = story
  receiver.answer(500)
  const hook = await story.hook({ events: ['message.queued'] })
  await story.send(text)
  await story.came(1)
  receiver.answer(200)
  await story.call('PATCH', `/v1/webhooks/${hook.id}`, { url: `${receiver.url}/moved` })
  await story.pass(minute)
  await story.came(2)
  expect(receiver.received[1]?.path).toBe('/hook/moved')
})

test('after a rotation both secrets verify for a day, then only the new one', async () => {
  story = await tellWebhooks()
  const { receiver } = story
  const hook = await story.hook({ events: ['message.queued'] })
  const rotated = await story.call('POST', `/v1/webhooks/${hook.id}/rotate-secret`)
  const [before, after] = [hook.secret, rotated.body.data.secret]
  expect(after).not.toBe(before)
  const takes = (secret: string) => {
    const last = receiver.received.at(-1)
    if (last === undefined) throw new Error('Nothing came.')
    // The library compares with the time of the machine, which here is not that of the gateway.
    const parts = String(last.headers['webhook-signature']).split(' ')
    const signed = `${last.headers['webhook-id']}.${last.headers['webhook-timestamp']}.${last.raw}`
    const key = Buffer.from(secret.slice('whsec_'.length), 'base64')
    return parts.includes(`v1,${createHmac('sha256', key).update(signed).digest('base64')}`)
  }
  await story.send(text)
  await story.came(1)
  expect([takes(before), takes(after)]).toEqual([true, true])
  const stamped = (secret: string) => {
    const last = receiver.received[0]
    return `sha256=${createHmac('sha256', secret).update(`${last?.headers['x-timestamp']}.${last?.raw}`).digest('hex')}`
  }
  expect(receiver.received[0]?.headers['x-signature']).toBe(stamped(after))
  expect(receiver.received[0]?.headers['x-signature-previous']).toBe(stamped(before))
  await story.pass(24 * hour + minute)
  await story.send(text)
  await story.came(2)
  expect([takes(before), takes(after)]).toEqual([false, true])
  expect(receiver.received[1]?.headers['x-signature-previous']).toBeUndefined()
})

test('events of a message wait for its earlier ones; after an hour they go ahead, and a status that comes too late is not told any more', async () => {
  story = await tellWebhooks()
  const { receiver } = story
  receiver.answer((one, response) => void response.writeHead(one.body.type === 'message.queued' ? 500 : 200).end())
  const hook = await story.hook()
  await story.send(text)
  await story.came(1)
  await story.pass(20 * minute)
  expect(new Set(receiver.types())).toEqual(new Set(['message.queued']))
  await story.pass(41 * minute)
  await until(async () => receiver.received.at(-1)?.body.type === 'message.delivered', 'the later ones')
  expect(receiver.types().filter((type) => type !== 'message.queued')).toEqual(own.slice(1))
  await story.pass(72 * hour)
  expect(receiver.received.at(-1)?.body.type).toBe('message.delivered')
  expect((await story.log(hook.id)).map((one) => one.replace(/\d$/, '#'))).toEqual([
    'message.queued superseded #',
    'message.sent delivered #',
    'message.delivered delivered #',
  ])
})

test('an ordered webhook hears of a conversation one event after the other, and of others meanwhile', async () => {
  story = await tellWebhooks()
  const { receiver, gateway } = story
  let failing = true
  receiver.answer((one, response) => {
    const isFirst = one.body.data.to === text.to && one.body.type === 'message.queued'
    response.writeHead(isFirst && failing ? 500 : 200).end()
  })
  await story.hook({ ordered: true })
  await story.send(text)
  await story.send({ ...text, content: { text: 'second' } })
  await story.send({ ...text, to: '+15550100177' })
  await until(
    async () => receiver.received.filter((one) => one.body.data.to !== text.to).length === 3,
    'the other conversation',
  )
  await story.pass(3 * hour)
  const first = () => receiver.received.filter((one) => one.body.data.to === text.to)
  expect(new Set(first().map((one) => one.body.type))).toEqual(new Set(['message.queued']))
  failing = false
  const refused = first().length
  await story.pass(8 * hour)
  await until(async () => first().length === refused + 6, 'the rest of the conversation')
  const log = await gateway.database.db.query<{ id: string }>({
    name: '',
    text: `select 'evt_' || id as id from events where data #>> '{message,to}' = '${text.to}' order by xid, seq`,
  })
  expect(
    first()
      .slice(refused)
      .map((one) => one.body.id),
  ).toEqual(log.map(({ id }) => id))
  expect(gateway.errors).toEqual([])
})
