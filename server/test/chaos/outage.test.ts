/** A receiver that is down while the gateway is killed misses nothing: it hears of everything when it is back. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Webhook } from 'standardwebhooks'
import { afterEach, expect, inject, test } from 'vitest'
import { createTestDatabase } from '../support/database.ts'
import { openReceiver, type Receiver } from '../support/receiver.ts'
import { openStand, type Stand } from './stand.ts'
import { waitUntil } from './waiting.ts'

const line = '+15550100101'
const undo: (() => Promise<void> | void)[] = []

afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

/** Steps of a second: short enough to wait for, too long for the ten failures in a row that open the breaker. */
const webhookSchedule = Array(20).fill('1s').join()

async function open(): Promise<Stand> {
  const dir = mkdtempSync(join(tmpdir(), 'switchboard-outage-'))
  undo.push(() => rmSync(dir, { recursive: true, force: true }))
  const database = await createTestDatabase(inject('postgres'))
  undo.push(() => database.db.close())
  const stand = await openStand({
    ...{ dir, database: database.address, lines: [line], webhookSchedule, webhookTimeout: '2s' },
    fateOf: () => ({ fault: 'none', delayMs: 0, receipts: ['delivered'], echo: false, early: false }),
  })
  undo.push(stand.close)
  return stand
}

async function receiverAt(port?: number): Promise<Receiver> {
  const receiver = await openReceiver(port)
  undo.push(receiver.close)
  return receiver
}

/** Each tells of being queued, sent and delivered. */
async function sendThree({ client, customer, victim }: Stand): Promise<void> {
  for (const number of [1, 2, 3]) {
    const body = { to: `+1415555010${number}`, content: { text: `${number}` }, idempotencyKey: `key-${number}` }
    const ask = { method: 'POST' as const, path: '/v1/messages', token: customer.token, body }
    expect((await client.insist(victim.url, ask)).status).toBe(202)
  }
}

async function count({ behind }: Stand, text: string): Promise<number> {
  const [row] = await behind.db.query<{ count: number }>({ name: '', text })
  return row?.count ?? 0
}

test('receiver down, nine events, kill -9, restart, receiver up: nine of nine', async () => {
  const stand = await open()
  const gone = await receiverAt()
  const { secret } = await stand.subscribe({ url: gone.url, name: 'gone', ordered: false })
  await gone.close()

  await sendThree(stand)
  const waiting = () => count(stand, 'select count(*)::int as count from webhook_queue')
  const tried = () => count(stand, 'select count(*)::int as count from webhook_attempts')
  await waitUntil(async () => (await waiting()) === 9, { what: 'nine deliveries', limitMs: 10_000 })
  await waitUntil(async () => (await tried()) >= 3, { what: 'the first attempts', limitMs: 10_000 })
  await stand.victim.kill('SIGKILL')
  await stand.restart()
  expect(await waiting()).toBe(9)

  const back = await receiverAt(gone.port)
  await waitUntil(async () => (await waiting()) === 0, { what: 'all of them to arrive', limitMs: 20_000 })

  const ids = back.received.map((one) => one.headers['webhook-id'])
  expect(new Set(ids).size).toBe(9)
  const wh = new Webhook(secret)
  for (const one of back.received) {
    expect(wh.verify(one.raw, one.headers as Record<string, string>)).toMatchObject({ id: one.headers['webhook-id'] })
  }
  const types = Map.groupBy(back.received, (one) => one.body.data.messageId)
  for (const told of types.values())
    expect(told.map((one) => one.body.type)).toEqual(['message.queued', 'message.sent', 'message.delivered'])
  expect(await count(stand, `select count(*)::int as count from webhook_log where status = 'delivered'`)).toBe(9)
})
