/** The outbox on real PostgreSQL: what is accepted is claimed once, in order, under a fence. */
import { expect, test } from 'vitest'
import { systemClock } from '../../src/lib/clock.ts'
import { createMint } from '../../src/lib/mint.ts'
import { createMessageStore, type NewMessage } from '../../src/store/messages.ts'
import { createOutboxStore } from '../../src/store/outbox.ts'
import { createTestDatabase } from '../support/database.ts'

const mint = createMint(systemClock)

function draft(fields: Partial<NewMessage> = {}): NewMessage {
  const id = mint() as never
  return {
    customerId: mint() as never,
    id,
    lineId: mint() as never,
    conversationId: null,
    from: '+15550100100',
    to: '+14155550199',
    content: { text: 'hi', mediaUrls: [], attachments: [], replyTo: null, mentions: [], effect: null, location: null },
    metadata: null,
    route: ['imessage', 'sms'],
    idempotencyKey: null,
    fingerprint: 'f',
    callbackUrl: null,
    correlationId: 'c',
    scheduledAt: null,
    lane: 'h:+14155550199',
    event: { id: mint() as never, type: 'message.queued', correlationId: null, data: { message: {} as never } },
    ...fields,
  }
}

test('accept, claim, begin, finish', async () => {
  const { db, advance, drop } = await createTestDatabase()
  const messages = createMessageStore(db)
  const outbox = createOutboxStore(db)
  const first = draft()
  const second = draft({ customerId: first.customerId, lineId: first.lineId, idempotencyKey: 'k' })
  const third = draft({ customerId: first.customerId, lineId: first.lineId, idempotencyKey: 'k' })
  const out = await messages.accept([first, second, third])
  expect(out.map((one) => one.stored)).toEqual([true, true, false])
  const claim = () =>
    outbox.claim({
      lines: [{ customerId: first.customerId, lineId: first.lineId }],
      node: 1,
      lanesMax: 10,
      headsMax: 20,
      leaseMs: 30_000,
    })
  const [lane] = await claim()
  expect(lane?.heads.map((head) => head.message.id)).toEqual([first.id, second.id])
  expect(await claim()).toEqual([])
  if (lane === undefined) throw new Error('no lane')
  const granted = await outbox.begin([{ key: lane, fence: lane.fence, seq: lane.heads[0]?.work.seq ?? 0, tries: 0 }])
  expect(granted.size).toBe(1)
  await advance(31_000)
  const [again] = await claim()
  expect(again?.heads[0]?.work.run).toBe(lane.fence)
  expect(await outbox.begin([{ key: lane, fence: lane.fence, seq: lane.heads[1]?.work.seq ?? 0, tries: 0 }])).toEqual(
    new Set(),
  )
  expect(await messages.list(first.customerId, { limit: 10, after: null, status: 'pending' })).toMatchObject({
    rows: [{ id: first.id }],
    hasMore: false,
  })
  await drop()
})
