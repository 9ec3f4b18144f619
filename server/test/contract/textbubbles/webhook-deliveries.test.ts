/** What became of each delivery, and sending again: one, all that failed, or all that happened. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { startTestGateway, type TestGateway, until } from '../../support/gateway.ts'
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

/** What is still there would hear of the next test. */
afterEach(async () => {
  for (const { id } of await get('GET /v1/webhooks/list')) await get(`DELETE /v1/webhooks/${id}`)
})

const nobody = '0199a2c4-6f3e-7b10-8d52-3c9e41f7a650'
const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
const uuid = expect.stringMatching(/^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/)
const eventId = expect.stringMatching(/^evt_[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/)
const agoIso = (ms: number) => new Date(gateway.clock.now() - ms).toISOString()

type Data = Asked['body']

const get = async (call: string, body?: unknown): Promise<Data> => {
  const { status, text, body: answer } = await ask(call, body)
  expect(status, text).toBeLessThan(300)
  return answer.data
}
const refused = async (call: string, body?: unknown) => {
  const { status, body: answer } = await ask(call, body)
  return [status, answer.error?.code, answer.error?.details?.[0]?.path]
}

let hooks = 0
const hook = async (events: string[] = ['message.queued']): Promise<Data> => {
  hooks += 1
  return get('POST /v1/webhooks', { url: `${receiver.url}/${hooks}`, events })
}
const send = (text: string) => get('POST /v1/messages', { to: '+14155550199', content: { text } })
const listed = async (id: string, query = ''): Promise<Data[]> =>
  (await get(`GET /v1/webhooks/${id}/deliveries${query}`)).deliveries

/** The only delivery of a webhook, once it is as it should be. */
async function became(id: string, isSo: (delivery: Data) => boolean, what: string): Promise<Data> {
  let found: Data
  await until(async () => {
    ;[found] = await listed(id)
    return found !== undefined && isSo(found)
  }, what)
  return found
}
const isOver = ({ status }: Data) => status !== 'pending'

/** A webhook with one delivery that was refused for good. */
async function withFailure(): Promise<{ webhook: Data; delivery: Data }> {
  const webhook = await hook()
  receiver.answerWith(400)
  await send('Refused')
  const delivery = await became(webhook.id, isOver, 'the refusal')
  receiver.answerWith(200)
  return { webhook, delivery }
}

describe('a delivery', () => {
  test('that arrived is told with its only attempt, and with what was sent but no signature', async () => {
    const { id, url, secret } = await hook()
    await send('Arrives')
    const delivery = await became(id, isOver, 'the delivery')
    expect(delivery).toEqual({
      id: uuid,
      webhookId: id,
      eventId,
      eventType: 'message.queued',
      url,
      status: 'delivered',
      attempts: 1,
      createdAt: time,
      nextAttemptAt: null,
      endedAt: time,
      lastAttempt: {
        number: 1,
        at: time,
        durationMs: expect.any(Number),
        responseStatus: 200,
        responseExcerpt: 'said with 200',
        error: null,
      },
    })
    const { text, body } = await ask(`GET /v1/webhooks/${id}/deliveries/${delivery.id}`)
    const { history, request, ...rest } = body.data
    expect(rest).toEqual(delivery)
    expect(history).toEqual([delivery.lastAttempt])
    const names = Object.keys(request.headers).map((name) => name.toLowerCase())
    expect(names).toContain('content-type')
    expect(names.filter((name) => name.includes('signature'))).toEqual([])
    expect(request.bodyExcerpt).toContain(delivery.eventId)
    expect(text).not.toContain(secret.slice('whsec_'.length))
  })

  test('that was refused is over; it can be sent again, with the same event', async () => {
    const { webhook, delivery } = await withFailure()
    expect(delivery).toMatchObject({
      status: 'failed',
      attempts: 1,
      nextAttemptAt: null,
      endedAt: time,
      lastAttempt: { responseStatus: 400, responseExcerpt: 'said with 400', error: expect.any(String) },
    })
    const before = receiver.got.length
    const again = await ask(`POST /v1/webhooks/${webhook.id}/deliveries/${delivery.id}/redeliver`)
    expect(again.status).toBe(202)
    expect(again.body.data).toMatchObject({
      webhookId: webhook.id,
      eventId: delivery.eventId,
      status: 'pending',
      nextAttemptAt: time,
      endedAt: null,
    })
    await until(async () => (await listed(webhook.id, '?status=delivered')).length === 1, 'the second delivery')
    const [sent] = receiver.got.slice(before)
    expect(JSON.parse(sent?.body ?? '{}').id).toBe(delivery.eventId)
  })

  test('that waits says until when, counts as pending and is not sent again by hand', async () => {
    const webhook = await hook()
    receiver.answerWith(503)
    await send('Waits')
    const delivery = await became(webhook.id, ({ attempts }) => attempts === 1, 'the first attempt')
    receiver.answerWith(200)
    expect(delivery).toMatchObject({
      status: 'pending',
      nextAttemptAt: time,
      endedAt: null,
      lastAttempt: { number: 1, responseStatus: 503, error: expect.any(String) },
    })
    expect(await get(`GET /v1/webhooks/${webhook.id}`)).toMatchObject({ health: { pending: 1 } })
    const call = `POST /v1/webhooks/${webhook.id}/deliveries/${delivery.id}/redeliver`
    expect(await refused(call)).toEqual([400, 'INVALID_STATUS', undefined])
    await get(`PATCH /v1/webhooks/${webhook.id}`, { active: false })
    expect(await listed(webhook.id)).toEqual([expect.objectContaining({ id: delivery.id, status: 'cancelled' })])
  })

  test('of another webhook, or of none, is not there', async () => {
    const { delivery } = await withFailure()
    const other = await hook()
    for (const id of [delivery.id, nobody, 'no-id']) {
      const path = `/v1/webhooks/${other.id}/deliveries/${id}`
      expect(await refused(`GET ${path}`)).toEqual([404, 'NOT_FOUND', undefined])
      expect(await refused(`POST ${path}/redeliver`)).toEqual([404, 'NOT_FOUND', undefined])
    }
    for (const call of [
      `GET /v1/webhooks/${nobody}/deliveries`,
      `GET /v1/webhooks/${nobody}/deliveries/${delivery.id}`,
      `POST /v1/webhooks/${nobody}/deliveries/${delivery.id}/redeliver`,
    ])
      expect(await refused(call)).toEqual([404, 'WEBHOOK_NOT_FOUND', undefined])
  })
})

describe('the list of deliveries', () => {
  test('is read in pages, newest first, and by status', async () => {
    const { id } = await hook()
    for (const text of ['One', 'Two', 'Three']) await send(text)
    await until(async () => (await listed(id, '?status=delivered')).length === 3, 'three deliveries')
    const all = await listed(id)
    expect(all.map((one) => one.createdAt)).toEqual(
      all
        .map((one) => one.createdAt)
        .sort()
        .reverse(),
    )
    const paged: Data[] = []
    let cursor = ''
    for (let page = 0; page < 4; page += 1) {
      const { deliveries, pagination } = await get(`GET /v1/webhooks/${id}/deliveries?limit=2${cursor}`)
      paged.push(...deliveries)
      if (!pagination.hasMore) break
      cursor = `&cursor=${pagination.nextCursor}`
    }
    expect(paged).toEqual(all)
    for (const status of ['pending', 'failed', 'superseded', 'cancelled'])
      expect(await listed(id, `?status=${status}`)).toEqual([])
  })

  test.each([
    ['status=done', 'status'],
    ['limit=0', 'limit'],
    ['limit=101', 'limit'],
    ['cursor=x', 'cursor'],
  ])('is not read with %s', async (query, path) => {
    const { id } = await hook()
    expect(await refused(`GET /v1/webhooks/${id}/deliveries?${query}`)).toEqual([400, 'VALIDATION_ERROR', path])
  })
})

describe('a job', () => {
  const ended = async (webhook: string, job: string): Promise<Data> => {
    let found: Data
    await until(async () => {
      found = await get(`GET /v1/webhooks/${webhook}/jobs/${job}`)
      return found.status !== 'running'
    }, 'the job to end')
    return found
  }

  test('sends again what failed', async () => {
    const { webhook, delivery } = await withFailure()
    const since = agoIso(60_000)
    const begun = await ask(`POST /v1/webhooks/${webhook.id}/recover`, { since })
    expect(begun.status).toBe(202)
    expect(begun.body.data).toEqual({
      id: uuid,
      webhookId: webhook.id,
      kind: 'recover',
      since,
      until: time,
      events: null,
      status: expect.stringMatching(/^(running|done)$/),
      progress: expect.any(Number),
      scanned: expect.any(Number),
      queued: expect.any(Number),
      createdAt: time,
      endedAt: begun.body.data.status === 'done' ? time : null,
    })
    const done = await ended(webhook.id, begun.body.data.id)
    expect(done).toMatchObject({ status: 'done', progress: 1, queued: 1, endedAt: time })
    await until(async () => (await listed(webhook.id, '?status=delivered')).length === 1, 'the delivery')
    expect((await listed(webhook.id, '?status=delivered'))[0].eventId).toBe(delivery.eventId)
  })

  test('sends again what happened, to a webhook that was not there', async () => {
    await send('Before')
    await gateway.settled()
    const since = agoIso(3_600_000)
    const webhook = await hook(['message.queued', 'message.sent'])
    const body = { since, events: ['message.sent', 'message.sent'] }
    const replay = await get(`POST /v1/webhooks/${webhook.id}/replay`, body)
    expect(replay).toMatchObject({ kind: 'replay', since, until: time, events: ['message.sent'] })
    const done = await ended(webhook.id, replay.id)
    expect(done).toMatchObject({ status: 'done', progress: 1 })
    expect(done.queued).toBeGreaterThan(0)
    await until(async () => (await listed(webhook.id, '?status=delivered')).length === done.queued, 'the deliveries')
    for (const { eventType } of await listed(webhook.id)) expect(eventType).toBe('message.sent')
  })

  test('is listed with the others, newest first', async () => {
    const { id } = await hook(['message.unsent'])
    const span = { since: agoIso(60_000), until: agoIso(30_000) }
    const first = await get(`POST /v1/webhooks/${id}/replay`, span)
    const second = await get(`POST /v1/webhooks/${id}/recover`, { since: span.since })
    const third = await get(`POST /v1/webhooks/${id}/replay`, { ...span, events: ['*'] })
    expect(first).toMatchObject({ ...span, events: null })
    expect(third.events).toEqual(['*'])
    const jobs = [await ended(id, third.id), await ended(id, second.id), await ended(id, first.id)]
    expect(await get(`GET /v1/webhooks/${id}/jobs`)).toEqual({ jobs })
    expect(await get(`GET /v1/webhooks/${(await hook()).id}/jobs`)).toEqual({ jobs: [] })
  })

  test('is not begun for a webhook that is not active, nor is a delivery sent again', async () => {
    const { webhook, delivery } = await withFailure()
    const path = `/v1/webhooks/${webhook.id}`
    await get(`PATCH ${path}`, { active: false })
    const since = agoIso(60_000)
    const idle = [400, 'INVALID_STATUS', undefined]
    expect(await refused(`POST ${path}/recover`, { since })).toEqual(idle)
    expect(await refused(`POST ${path}/replay`, { since })).toEqual(idle)
    expect(await refused(`POST ${path}/deliveries/${delivery.id}/redeliver`)).toEqual(idle)
    expect(await listed(webhook.id)).toEqual([delivery])
  })

  test('may begin long before anything was', async () => {
    const { id } = await hook(['message.unsent'])
    for (const since of ['1970-01-01T00:00:00Z', '0001-01-01T00:00:00+14:00']) {
      const recover = await get(`POST /v1/webhooks/${id}/recover`, { since })
      const replay = await get(`POST /v1/webhooks/${id}/replay`, { since })
      for (const job of [recover, replay]) expect(await ended(id, job.id)).toMatchObject({ status: 'done' })
    }
  })

  test('of another webhook, or of none, is not there', async () => {
    const { id } = await hook(['message.unsent'])
    const job = await get(`POST /v1/webhooks/${id}/recover`, { since: agoIso(1_000) })
    const other = await hook()
    for (const wrong of [job.id, nobody, 'no-id'])
      expect(await refused(`GET /v1/webhooks/${other.id}/jobs/${wrong}`)).toEqual([404, 'NOT_FOUND', undefined])
    const body = { since: agoIso(1_000) }
    for (const [call, sent] of [
      [`GET /v1/webhooks/${nobody}/jobs`, undefined],
      [`GET /v1/webhooks/${nobody}/jobs/${job.id}`, undefined],
      [`POST /v1/webhooks/${nobody}/recover`, body],
      [`POST /v1/webhooks/${nobody}/replay`, body],
    ] as const)
      expect(await refused(call, sent)).toEqual([404, 'WEBHOOK_NOT_FOUND', undefined])
  })

  test.each<['recover' | 'replay', () => object, string]>([
    ['recover', () => ({}), 'since'],
    ['recover', () => ({ since: 'yesterday' }), 'since'],
    ['recover', () => ({ since: '2026-01-01' }), 'since'],
    ['recover', () => ({ since: '2026-01-01T00:00:00' }), 'since'],
    ['recover', () => ({ since: '2026-02-30T00:00:00Z' }), 'since'],
    ['recover', () => ({ since: 1_700_000_000 }), 'since'],
    ['recover', () => ({ since: agoIso(-60_000) }), 'since'],
    ['recover', () => ({ since: '9999-12-31T23:59:59Z' }), 'since'],
    ['replay', () => ({}), 'since'],
    ['replay', () => ({ since: agoIso(-60_000) }), 'since'],
    ['replay', () => ({ since: '2026-01-01T00:00:00Z', until: '2026-01-01T00:00:00Z' }), 'since'],
    ['replay', () => ({ since: agoIso(1_000), until: agoIso(2_000) }), 'since'],
    ['replay', () => ({ since: agoIso(1_000), until: agoIso(-60_000) }), 'until'],
    ['replay', () => ({ since: agoIso(1_000), until: null }), 'until'],
    ['replay', () => ({ since: agoIso(1_000), events: [] }), 'events'],
    ['replay', () => ({ since: agoIso(1_000), events: ['message.sent', 'message.received'] }), 'events[1]'],
  ])('%s is refused: case %#', async (kind, bodyOf, path) => {
    const { id } = await hook(['message.unsent'])
    expect(await refused(`POST /v1/webhooks/${id}/${kind}`, bodyOf())).toEqual([400, 'VALIDATION_ERROR', path])
    expect(await get(`GET /v1/webhooks/${id}/jobs`)).toEqual({ jobs: [] })
  })
})
