/** Telling again: one delivery, all that failed, all that happened. */
import { afterEach, expect, test } from 'vitest'
import { until } from '../support/gateway.ts'
import { tellWebhooks, type WebhookStory } from '../support/webhook-story.ts'

const hour = 3_600_000
const text = { to: '+15550100199', content: { text: 'hello' } }

let story: WebhookStory
afterEach(() => story.end())

async function job(hook: string, id: string) {
  return (await story.call('GET', `/v1/webhooks/${hook}/jobs/${id}`)).body.data
}

/** Transactions of other tests may hide events from a replay for a while: it looks again when time passes. */
async function done(hook: string, id: string) {
  await until(async () => {
    await story.pass(1_000)
    return (await job(hook, id)).status === 'done'
  }, 'the job to be done')
  return job(hook, id)
}

test('an ended delivery goes out again with the same id and body, and its log goes on', async () => {
  story = await tellWebhooks()
  const { receiver } = story
  receiver.answer(404)
  const hook = await story.hook({ events: ['message.queued'] })
  await story.send(text)
  await story.came(1)
  const [failed] = await story.deliveries(hook.id)
  expect(failed).toMatchObject({
    status: 'failed',
    attempts: 1,
    nextAttemptAt: null,
    lastAttempt: { responseStatus: 404 },
  })
  receiver.answer(200)
  const path = `/v1/webhooks/${hook.id}/deliveries/${failed.id}`
  const again = await story.call('POST', `${path}/redeliver`)
  expect(again.status).toBe(202)
  expect(again.body.data).toMatchObject({ id: failed.id, status: 'pending' })
  await story.came(2)
  expect(receiver.received[1]?.raw).toEqual(receiver.received[0]?.raw)
  expect(await story.log(hook.id)).toEqual(['message.queued delivered 2'])
  const detail = (await story.call('GET', path)).body.data
  expect(detail.history.map((one: { responseStatus: number }) => one.responseStatus)).toEqual([404, 200])
  expect(detail.request.headers).toMatchObject({ 'webhook-id': receiver.received[0]?.headers['webhook-id'] })
  // A delivered one as well, as often as one likes.
  await story.call('POST', `${path}/redeliver`)
  await story.came(3)
  expect(await story.log(hook.id)).toEqual(['message.queued delivered 3'])
})

test('one that waits cannot be sent again, nor one of a paused webhook', async () => {
  story = await tellWebhooks()
  story.receiver.answer(500)
  const hook = await story.hook({ events: ['message.queued'] })
  await story.send(text)
  await story.came(1)
  const [waiting] = await story.deliveries(hook.id)
  const path = `/v1/webhooks/${hook.id}/deliveries/${waiting.id}/redeliver`
  expect((await story.call('POST', path)).body.error.code).toBe('INVALID_STATUS')
  await story.call('PATCH', `/v1/webhooks/${hook.id}`, { active: false })
  expect((await story.call('POST', path)).body.error.code).toBe('INVALID_STATUS')
})

test('recover sends what failed and what was cancelled since a time, once, and nothing that had arrived', async () => {
  story = await tellWebhooks()
  const { receiver, gateway } = story
  const hook = await story.hook({ events: ['message.queued', 'message.sent'] })
  receiver.answer(404)
  await story.send(text)
  await story.came(2)
  await story.pass(hour)
  const since = new Date(gateway.clock.now()).toISOString()
  const failing: string[] = []
  for (let count = 0; count < 3; count++) failing.push(await story.send(text))
  await story.came(8)
  receiver.answer(200)
  await story.send(text)
  await story.came(10)
  const made = await story.call('POST', `/v1/webhooks/${hook.id}/recover`, { since })
  expect(made.status, JSON.stringify(made.body)).toBe(202)
  await story.came(16)
  expect(await done(hook.id, made.body.data.id)).toMatchObject({ kind: 'recover', queued: 6, progress: 1 })
  const recovered = receiver.received.slice(10)
  expect(new Set(recovered.map((one) => one.body.data.messageId))).toEqual(new Set(failing))
  for (const id of failing) {
    const ofOne = recovered.filter((one) => one.body.data.messageId === id)
    expect(ofOne.map((one) => one.body.type)).toEqual(['message.queued', 'message.sent'])
  }
  const twice = await story.call('POST', `/v1/webhooks/${hook.id}/recover`, { since })
  expect(await done(hook.id, twice.body.data.id)).toMatchObject({ queued: 0 })
  expect(receiver.received).toHaveLength(16)
})

test('replay tells what happened since a time, also from before the webhook was made, by type and until a time', async () => {
  story = await tellWebhooks()
  const { receiver, gateway } = story
  const told = (count: number) => until(async () => (await story.heard()).length === count, `${count} events`)
  await story.send(text)
  await told(3)
  await story.pass(hour)
  const since = new Date(gateway.clock.now()).toISOString()
  const [first, second] = [await story.send(text), await story.send(text)]
  await told(9)
  await story.pass(hour)
  const until_ = new Date(gateway.clock.now()).toISOString()
  await story.send(text)
  await told(12)
  const hook = await story.hook()
  const range = { since, until: until_, events: ['message.sent', 'message.delivered'] }
  const made = await story.call('POST', `/v1/webhooks/${hook.id}/replay`, range)
  expect(made.status, JSON.stringify(made.body)).toBe(202)
  await story.came(4)
  expect(await done(hook.id, made.body.data.id)).toMatchObject({ kind: 'replay', queued: 4, progress: 1 })
  for (const id of [first, second]) {
    const ofOne = receiver.received.filter((one) => one.body.data.messageId === id)
    expect(ofOne.map((one) => one.body.type)).toEqual(['message.sent', 'message.delivered'])
  }
  expect((await story.call('GET', `/v1/webhooks/${hook.id}/jobs`)).body.data.jobs).toHaveLength(1)
})

test('a replay waits for what an older transaction hides, and no other job waits for it', async () => {
  story = await tellWebhooks()
  const { receiver, gateway } = story
  const { db } = gateway.database
  await story.send(text)
  await gateway.settled()
  const since = new Date(Date.parse('2020-01-01')).toISOString()
  const hook = await story.hook({ events: ['message.queued'] })
  await db.transaction(async (tx) => {
    await tx.query({ name: '', text: 'select pg_current_xact_id()' })
    await story.send(text)
    await story.came(1)
    const replay = (await story.call('POST', `/v1/webhooks/${hook.id}/replay`, { since })).body.data
    await until(async () => (await job(hook.id, replay.id)).queued === 1, 'what is not hidden')
    const recover = (await story.call('POST', `/v1/webhooks/${hook.id}/recover`, { since })).body.data
    await done(hook.id, recover.id)
    expect(await job(hook.id, replay.id)).toMatchObject({ status: 'running', queued: 1 })
  })
  const [replay] = (await story.call('GET', `/v1/webhooks/${hook.id}/jobs`)).body.data.jobs.reverse()
  expect(await done(hook.id, replay.id)).toMatchObject({ queued: 2, progress: 1 })
  await story.came(3)
  expect(receiver.received).toHaveLength(3)
})

test('a replay of hundreds goes page by page, keeps the same ids, and stops when its webhook is paused', async () => {
  story = await tellWebhooks()
  const { receiver, gateway } = story
  const { db } = gateway.database
  await story.send(text)
  await gateway.settled()
  await db.query({
    name: '',
    text: `insert into events (customer_id, id, type, at, correlation_id, data)
      select e.customer_id, gen_random_uuid(), e.type, e.at, null,
        jsonb_set(e.data, '{message,id}', to_jsonb(gen_random_uuid()::text)) from events e, generate_series(1, 600)
      where e.type = 'message.queued' and e.customer_id = '${gateway.customer.id}'`,
  })
  const hook = await story.hook({ events: ['message.queued'] })
  const since = new Date(Date.parse('2020-01-01')).toISOString()
  const made = await story.call('POST', `/v1/webhooks/${hook.id}/replay`, { since })
  await until(async () => {
    await story.pass(1_000)
    return receiver.received.length === 601
  }, '601 requests')
  expect(await done(hook.id, made.body.data.id)).toMatchObject({ queued: 601, progress: 1 })
  expect(new Set(receiver.received.map((one) => one.body.id)).size).toBe(601)
  receiver.answer(500)
  const next = (await story.call('POST', `/v1/webhooks/${hook.id}/replay`, { since })).body.data
  await story.call('PATCH', `/v1/webhooks/${hook.id}`, { active: false })
  await until(async () => (await job(hook.id, next.id)).status !== 'running', 'the job to end')
  await until(async () => {
    await story.pass(1_000)
    return (await story.call('GET', `/v1/webhooks/${hook.id}`)).body.data.health.pending === 0
  }, 'nothing to wait')
  expect(gateway.errors).toEqual([])
})
