/** Following the log: backfill, then live, every event once and in order, whatever commits when. */
import { expect, test } from 'vitest'
import { createFollow } from '../../src/events/follow.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { createMint } from '../../src/lib/mint.ts'
import type { CustomerId, EventId } from '../../src/model/ids.ts'
import { createEventStore } from '../../src/store/events.ts'
import { createInboundStore } from '../../src/store/inbound.ts'
import { createTestDatabase } from '../support/database.ts'
import { until } from '../support/gateway.ts'

const mint = createMint(systemClock)
const typing = (from: string) => ({
  id: mint() as EventId,
  type: 'typing.indicator' as const,
  correlationId: null,
  data: { channel: 'whatsapp' as const, from: from as never, typing: true, conversation: null },
})

test('a follower gets what was, what comes, and resumes exactly where it left', async () => {
  const { db, drop } = await createTestDatabase()
  const [events, inbound] = [createEventStore(db), createInboundStore(db)]
  const follow = createFollow({ log: events, clock: systemClock })
  const customer = mint() as CustomerId
  const stranger = mint() as CustomerId
  await inbound.tell(customer, typing('first'))
  await inbound.tell(stranger, typing('not yours'))
  const stop = new AbortController()
  const seen: string[] = []
  let cursor = '0.0'
  const reading = (async () => {
    for await (const event of follow.follow(customer, { after: cursor, types: null }, stop.signal)) {
      if (event.type === 'typing.indicator') seen.push(event.data.from)
      cursor = event.cursor
      if (seen.length === 3) stop.abort()
    }
  })()
  await inbound.tell(customer, typing('second'))
  follow.wake(customer)
  await inbound.tell(customer, typing('third'))
  follow.wake(customer)
  await reading
  expect(seen).toEqual(['first', 'second', 'third'])

  await inbound.tell(customer, typing('fourth'))
  const again = new AbortController()
  for await (const event of follow.follow(customer, { after: cursor, types: ['typing.indicator'] }, again.signal)) {
    expect(event.data).toMatchObject({ from: 'fourth' })
    again.abort()
  }
  await drop()
})

test('an event that commits late is not stepped over', async () => {
  const { db, drop } = await createTestDatabase()
  const [events, inbound] = [createEventStore(db), createInboundStore(db)]
  const customer = mint() as CustomerId
  const gate = Promise.withResolvers<void>()
  const begun = Promise.withResolvers<void>()
  const slow = db.transaction(async (tx) => {
    await tx.query({ name: '', text: 'select pg_current_xact_id()' })
    begun.resolve()
    await gate.promise
    await tx.query(
      {
        name: '',
        text: `insert into events (customer_id, id, type, at, data) values ($1, $2, 'typing.indicator', now(), '{"from":"slow"}')`,
      },
      [customer, mint()],
    )
  })
  await begun.promise
  await inbound.tell(customer, typing('quick'))
  expect(
    await events.after(customer, '0.0', 10),
    'nothing is shown while an older transaction may still write before it',
  ).toEqual([])
  gate.resolve()
  await slow
  // Transactions of other databases on the same server hold the horizon back as well.
  await until(async () => (await events.after(customer, '0.0', 10)).length === 2, 'both to be settled')
  const read = await events.after(customer, '0.0', 10)
  expect(read.map((event) => (event.data as { from: string }).from)).toEqual(['slow', 'quick'])
  expect(await events.cursorOf(customer, read[0]?.id as EventId)).toBe(read[0]?.cursor)
  await drop()
})
