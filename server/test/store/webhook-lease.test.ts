/** A webhook is held by one process at a time, and what an earlier holder still has to say counts for nothing. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../src/lib/clock.ts'
import { createMint } from '../../src/lib/mint.ts'
import { createSealedBox } from '../../src/lib/sealed-box.ts'
import type { CustomerId, EventId, WebhookId } from '../../src/model/ids.ts'
import { createInboundStore } from '../../src/store/inbound.ts'
import { createWebhookQueueStore, type HeldWebhook } from '../../src/store/webhooks/queue.ts'
import { createWebhookStore } from '../../src/store/webhooks/webhooks.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'

const mint = createMint(systemClock)
const box = createSealedBox(Buffer.alloc(32, 7))
const leaseMs = 30_000
const [first, second] = [1, 2]

let database: TestDatabase
let queue: ReturnType<typeof createWebhookQueueStore>
let customer: CustomerId

beforeEach(async () => {
  database = await createTestDatabase()
  queue = createWebhookQueueStore(database.db, box)
  customer = mint() as CustomerId
  await database.db.query(
    { name: '', text: `insert into customers (id, email, name) values ($1, 'a@example.com', 'a')` },
    [customer],
  )
  await createWebhookStore(database.db, box).add(customer, mint() as WebhookId, () => ({
    fields: {
      ...{ name: null, url: 'https://shop.test/', events: ['*'], dialect: 'textbubbles', ordered: false },
      ...{ secrets: [], publicKey: null },
    },
    pause: [],
    drop: [],
  }))
})

afterEach(() => database.drop())

function tell() {
  const data = { channel: 'whatsapp' as const, from: '+15550100100' as never, typing: true, conversation: null }
  const event = { id: mint() as EventId, type: 'typing.indicator' as const, correlationId: null, data }
  return createInboundStore(database.db).tell(customer, event)
}

async function onlyOne(held: readonly HeldWebhook[]): Promise<HeldWebhook> {
  const [webhook] = held
  if (webhook === undefined || held.length > 1) throw new Error(`${held.length} webhooks are held.`)
  return webhook
}

const fetch = (webhook: HeldWebhook) => queue.fetch([{ webhook, rows: 10, known: [] }])

test('of two that ask at once one gets it, and the other not before its lease is over', async () => {
  await tell()
  const both = await Promise.all([queue.claim([customer], first, leaseMs), queue.claim([customer], second, leaseMs)])
  expect(both.map((held) => held.length).sort()).toEqual([0, 1])
  const loser = both[0].length === 0 ? first : second
  expect((await queue.discover(loser, leaseMs, 10)).held).toEqual([])
  await database.advance(leaseMs + 1)
  expect((await queue.discover(loser, leaseMs, 10)).held).toHaveLength(1)
})

test('the outcome of an earlier holder changes nothing', async () => {
  await tell()
  const old = await onlyOne(await queue.claim([customer], first, leaseMs))
  const [row] = await fetch(old)
  await database.advance(leaseMs + 1)
  const now = await onlyOne(await queue.claim([customer], second, leaseMs))
  expect(now.fence).toBeGreaterThan(old.fence)
  if (row === undefined) throw new Error('Nothing is due.')
  const tried = { durationMs: 1, responseStatus: 200, responseExcerpt: null, error: null }
  const ended = { delivery: row, outcome: 'delivered' as const, afterMs: 0, tried }
  const fared = { webhookId: old.id, customerId: customer, exhausted: 3, opened: 3, openForMs: 60_000 }
  await queue.finish([{ ...ended, fence: old.fence }], [{ ...fared, fence: old.fence }])
  expect(await fetch(now)).toHaveLength(1)
  expect(await queue.refresh([old], first, leaseMs)).toEqual([])
  expect(await onlyOne(await queue.refresh([now], second, leaseMs))).toMatchObject({ exhausted: 0, opened: 0 })
  await queue.finish([{ ...ended, fence: now.fence }], [])
  expect(await fetch(now)).toEqual([])
})

test('a lease that was renewed late is kept as long as nobody took it', async () => {
  await tell()
  const held = await onlyOne(await queue.claim([customer], first, leaseMs))
  await database.advance(10 * leaseMs)
  expect(await queue.claim([customer], first, leaseMs)).toEqual([])
  expect(await onlyOne(await queue.refresh([held], first, leaseMs))).toMatchObject({ fence: held.fence })
  expect(await queue.claim([customer], second, leaseMs)).toEqual([])
})

test('what is let go of is free at once, and nobody holds what has nothing due', async () => {
  expect((await queue.discover(first, leaseMs, 10)).held).toEqual([])
  await tell()
  const { held, due } = await queue.discover(first, leaseMs, 10)
  expect([held.length, due.length]).toEqual([1, 0])
  expect((await queue.discover(first, leaseMs, 10)).due).toEqual([held[0]?.id])
  await queue.release(held)
  expect(await queue.claim([customer], second, leaseMs)).toHaveLength(1)
})

test('an event is queued once for a webhook, in the transaction that writes it', async () => {
  await tell()
  const count = async () =>
    (await database.db.query<{ n: number }>({ name: '', text: 'select count(*)::int as n from webhook_queue' }))[0]?.n
  expect(await count()).toBe(1)
  await expect(
    database.db.transaction(async (tx) => {
      await createInboundStore({ ...database.db, query: tx.query }).tell(customer, {
        ...{ id: mint() as EventId, type: 'typing.indicator', correlationId: null },
        data: { channel: 'whatsapp', from: '+15550100100' as never, typing: true, conversation: null },
      })
      throw new Error('rolled back')
    }),
  ).rejects.toThrow('rolled back')
  expect(await count()).toBe(1)
})

test('of a lane only the first that can be tried is handed out; what waits holds the others up for an hour, then is overtaken', async () => {
  await tell()
  const held = await onlyOne(await queue.claim([customer], first, leaseMs))
  const set = (text: string) => database.db.query({ name: '', text })
  await set('delete from webhook_queue')
  await set(`insert into webhook_queue (customer_id, webhook_id, event_id, event_type, event_at, lane, holds_until, is_status, due_at)
    select '${customer}', '${held.id}', gen_random_uuid(), n, gateway_now(), 'm', gateway_now() + interval '1 hour', true,
      gateway_now() - ord * interval '1 second'
    from unnest(array['queued', 'sent', 'delivered']) with ordinality u(n, ord) order by ord`)
  const handedOut = async () => {
    const names = await database.db.query<{ id: string; event_type: string }>({
      name: '',
      text: 'select id, event_type from webhook_queue',
    })
    return (await fetch(held)).map((row) => [names.find(({ id }) => id === row.id)?.event_type, row.overtakes])
  }
  // The later ones fell due earlier: the order of the lane counts.
  expect(await handedOut()).toEqual([['queued', false]])
  await set(`update webhook_queue set due_at = gateway_now() + interval '2 hours' where event_type = 'queued'`)
  expect(await handedOut()).toEqual([])
  await database.advance(3_600_001)
  expect(await handedOut()).toEqual([['sent', true]])
  await database.advance(3_600_001)
  expect(await handedOut()).toEqual([['queued', false]])
})
