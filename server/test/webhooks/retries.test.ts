/** When a receiver does not take a delivery: what is tried again and when, what is not, and when the receiver is given up. */
import { afterEach, expect, test } from 'vitest'
import { until } from '../support/gateway.ts'
import { tellWebhooks, type WebhookStory } from '../support/webhook-story.ts'

const second = 1_000
const minute = 60 * second
const hour = 60 * minute
const text = { to: '+15550100100', content: { text: 'hello' } }

let story: WebhookStory
afterEach(() => story.end())

test('eight attempts over two and a half days, each with the same bytes, id and body and a signature of its own time', async () => {
  story = await tellWebhooks()
  const { receiver, gateway } = story
  receiver.answer(500)
  const hook = await story.hook({ events: ['message.queued'] })
  await story.send(text)
  await story.came(1)
  const schedule = [30 * second, 5 * minute, 30 * minute, 2 * hour, 8 * hour, 24 * hour, 24 * hour]
  for (const [index, delay] of schedule.entries()) {
    expect(await story.nextIn()).toBe(delay)
    expect(await story.log(hook.id)).toEqual([`message.queued pending ${index + 1}`])
    await story.pass(delay)
    await story.came(index + 2)
  }
  expect(await story.log(hook.id)).toEqual(['message.queued failed 8'])
  await story.pass(48 * hour)
  expect(receiver.received).toHaveLength(8)
  expect(new Set(receiver.received.map(({ raw }) => raw.toString())).size).toBe(1)
  expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
  const signatures = receiver.received.map(({ headers }) => headers['webhook-signature'])
  expect(new Set(signatures).size).toBe(
    new Set(receiver.received.map(({ headers }) => headers['webhook-timestamp'])).size,
  )
  expect(receiver.received.map(({ headers }) => headers['x-delivery-attempt'])).toEqual([...'12345678'])
  const [delivery] = await story.deliveries(hook.id)
  const detail = await story.call('GET', `/v1/webhooks/${hook.id}/deliveries/${delivery.id}`)
  expect(
    detail.body.success,
    JSON.stringify([detail.body, gateway.errors.map((one) => String((one as { err: unknown }).err))]),
  ).toBe(true)
  expect(detail.body.data.history.map((one: { responseStatus: number }) => one.responseStatus)).toEqual(
    Array.from({ length: 8 }, () => 500),
  )
  expect(JSON.parse(detail.body.data.request.bodyExcerpt)).toEqual(receiver.received[0]?.body)
  expect(gateway.errors).toEqual([])
})

test.each([400, 401, 403, 404, 422])('%i is final and says nothing against the receiver', async (status) => {
  story = await tellWebhooks()
  story.receiver.answer(status)
  const hook = await story.hook({ events: ['message.queued'] })
  for (let count = 0; count < 4; count++) await story.send(text)
  await story.came(4)
  expect(await story.log(hook.id)).toEqual(Array.from({ length: 4 }, () => 'message.queued failed 1'))
  await story.pass(72 * hour)
  expect(story.receiver.received).toHaveLength(4)
  const after = await story.call('GET', `/v1/webhooks/${hook.id}`)
  expect(after.body.data).toMatchObject({ active: true, health: { exhausted: 0, breaker: 'closed' } })
})

test.each([408, 425, 429, 500, 502, 503, 301, 307])('%i', async (status) => {
  story = await tellWebhooks()
  story.receiver.answer(status)
  const hook = await story.hook({ events: ['message.queued'] })
  await story.send(text)
  await story.came(1)
  const again = status !== 425
  expect(await story.log(hook.id)).toEqual([again ? 'message.queued pending 1' : 'message.queued failed 1'])
  if (again) expect(await story.nextIn()).toBe(30 * second)
})

test('Retry-After is waited for when it is longer than the schedule, by everything for this webhook', async () => {
  story = await tellWebhooks()
  const { receiver } = story
  receiver.answer((_one, response) => void response.writeHead(429, { 'retry-after': '120' }).end())
  const hook = await story.hook({ events: ['message.queued'] })
  await story.send(text)
  await story.came(1)
  expect(await story.nextIn()).toBe(120 * second)
  receiver.answer(200)
  await story.send(text)
  await story.pass(60 * second)
  expect(receiver.received).toHaveLength(1)
  await story.pass(60 * second)
  await story.came(3)
  expect(await story.log(hook.id)).toEqual(['message.queued delivered 2', 'message.queued delivered 1'])
})

test('410 deactivates at once: nothing more is sent, what waits is cancelled, and its owner is told', async () => {
  story = await tellWebhooks()
  const { receiver } = story
  const watcher = await story.hook({ url: `${receiver.url}/watch`, events: ['webhook.deactivated'] })
  const hook = await story.hook({ events: ['message.queued'] })
  receiver.answer((one, response) => void response.writeHead(one.path === '/hook' ? 410 : 200).end())
  await story.send(text)
  await story.came(2)
  expect(receiver.received[1]?.body).toMatchObject({
    type: 'webhook.deactivated',
    data: { webhookId: hook.id, reason: 'gone', url: receiver.url },
  })
  expect((await story.call('GET', `/v1/webhooks/${hook.id}`)).body.data).toMatchObject({
    active: false,
    deactivatedReason: 'gone',
  })
  await story.send(text)
  await story.pass(hour)
  expect(receiver.received).toHaveLength(2)
  expect(await story.log(hook.id)).toEqual(['message.queued failed 1'])
  expect(await story.log(watcher.id)).toEqual(['webhook.deactivated delivered 1'])
})

test('three deliveries in a row that used up their attempts deactivate the webhook; the breaker never spends more than one at a time', async () => {
  story = await tellWebhooks({
    options: {
      webhooks: { scheduleMs: [second, second, second], timeoutMs: 10 * second, userAgent: 'test', chance: () => 0.5 },
    },
  })
  const { receiver, gateway } = story
  receiver.answer(503)
  const hook = await story.hook({ events: ['message.queued', 'webhook.deactivated'] })
  for (let count = 0; count < 5; count++) await story.send(text)
  await until(async () => {
    await story.pass(minute)
    return !(await story.call('GET', `/v1/webhooks/${hook.id}`)).body.data.active
  }, 'the webhook to be given up')
  const after = (await story.call('GET', `/v1/webhooks/${hook.id}`)).body.data
  expect(after).toMatchObject({ active: false, deactivatedReason: 'exhausted', health: { exhausted: 3 } })
  await until(
    async () => !(await story.log(hook.id)).some((one) => one.includes('pending')),
    'the rest to be cancelled',
  )
  const log = await story.log(hook.id)
  expect(log.filter((one) => one === 'message.queued failed 4')).toHaveLength(3)
  expect(log.filter((one) => one.includes('cancelled'))).toHaveLength(2)
  const heard = await story.heard()
  expect(heard.filter((one) => one.startsWith('webhook.deactivated'))).toHaveLength(1)
  expect(gateway.errors).toEqual([])

  // Activated again it starts afresh.
  receiver.answer(200)
  const before = receiver.received.length
  await story.call('PATCH', `/v1/webhooks/${hook.id}`, { active: true })
  await story.send(text)
  await story.came(before + 1)
  expect((await story.call('GET', `/v1/webhooks/${hook.id}`)).body.data).toMatchObject({
    active: true,
    deactivatedReason: null,
    health: { exhausted: 0, breaker: 'closed', pending: 0 },
  })
})

test('while the breaker is open deliveries wait, one knocks, and when it is let in all follow without having lost attempts', async () => {
  story = await tellWebhooks()
  const { receiver, gateway } = story
  receiver.answer(500)
  const hook = await story.hook({ events: ['message.queued'] })
  for (let count = 0; count < 10; count++) await story.send(text)
  await story.came(10)
  expect((await story.call('GET', `/v1/webhooks/${hook.id}`)).body.data.health).toMatchObject({ breaker: 'open' })
  for (let count = 0; count < 5; count++) await story.send(text)
  await story.pass(20 * second)
  expect(receiver.received).toHaveLength(10)
  await story.pass(10 * second)
  await story.came(11)
  await story.pass(50 * second)
  expect(receiver.received).toHaveLength(11)
  receiver.answer(200)
  await story.pass(20 * second)
  // The ten that failed before have their own time.
  await story.pass(6 * minute)
  await story.came(26)
  const log = await story.log(hook.id)
  expect(log).toHaveLength(15)
  expect(log.filter((one) => !one.includes(' delivered '))).toEqual([])
  expect(log.filter((one) => one.endsWith(' 1'))).toHaveLength(5)
  expect(gateway.errors).toEqual([])
})
