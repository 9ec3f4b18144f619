/** Enqueuers against workers on the store alone: nothing is stranded, each lane keeps its order, each attempt begins once. */
import { expect, test } from 'vitest'
import { systemClock } from '../../src/lib/clock.ts'
import { createMint } from '../../src/lib/mint.ts'
import type { CustomerId, EventId, LineId, MessageId } from '../../src/model/ids.ts'
import { type Change, createChangeStore } from '../../src/store/changes.ts'
import { createDb, type Db } from '../../src/store/db.ts'
import { createMessageStore, type NewMessage } from '../../src/store/messages.ts'
import { type ClaimedLane, createOutboxStore } from '../../src/store/outbox.ts'
import { pause } from '../crash/insist.ts'
import { createTestDatabase } from '../support/database.ts'

const mint = createMint(systemClock)
const customerId = mint() as CustomerId
const lineId = mint() as LineId
const enqueuers = 3
const workers = 4
const hotPerEnqueuer = 500
const otherPerEnqueuer = 500
const keys = 150

interface Race {
  db: Db
  /** What was begun, lane by lane, in the order of beginning. */
  begun: Map<string, string[]>
  enqueued: { now: number }
  done: { now: boolean }
  doubled: string[]
}

function draft(lane: string, text: string): NewMessage {
  const [id, eventId] = [mint() as MessageId, mint() as EventId]
  const content = { text, mediaUrls: [], attachments: [], replyTo: null, mentions: [], effect: null, location: null }
  return {
    ...{
      customerId,
      id,
      lineId,
      conversationId: null,
      from: null,
      to: lane,
      content,
      metadata: null,
      route: ['sms'] as const,
    },
    ...{ idempotencyKey: null, fingerprint: '', callbackUrl: null, correlationId: 'race', scheduledAt: null, lane },
    event: { id: eventId, type: 'message.queued', correlationId: null, data: { message: { id } as never } },
  }
}

/** Each has keys of its own and shares the hot one; the numbers of one enqueuer on one key must arrive in order. */
async function enqueue(race: Race, enqueuer: number): Promise<void> {
  const messages = createMessageStore(race.db)
  const left = { hot: hotPerEnqueuer, other: otherPerEnqueuer }
  for (let number = 0; left.hot + left.other > 0; ) {
    const batch: NewMessage[] = []
    const size = 1 + Math.floor(Math.random() * 12)
    while (batch.length < size && left.hot + left.other > 0) {
      const hot = left.hot > 0 && (left.other === 0 || Math.random() < 0.5)
      left[hot ? 'hot' : 'other'] -= 1
      const lane = hot ? 'hot' : `key ${enqueuer} ${number % (keys / enqueuers)}`
      batch.push(draft(lane, `${enqueuer} ${number}`))
      number += 1
    }
    await messages.accept(batch)
    race.enqueued.now += batch.length
  }
}

const sent: Change = { patch: { status: 'sent' }, entries: [], attempt: null, work: 'done', events: [] }

async function work(race: Race, node: number): Promise<void> {
  const outbox = createOutboxStore(race.db)
  while (!race.done.now) {
    const lanesMax = 1 + Math.floor(Math.random() * 8)
    const claimed = await outbox.claim({
      lines: [{ customerId, lineId }],
      node,
      lanesMax,
      headsMax: 20,
      leaseMs: 30_000,
    })
    if (claimed.length === 0) await pause(1)
    await Promise.all(claimed.map((lane) => workOn(race, lane)))
  }
}

async function workOn(race: Race, lane: ClaimedLane): Promise<void> {
  const [outbox, changes] = [createOutboxStore(race.db), createChangeStore(race.db)]
  const attempts = lane.heads.map(({ work: head }) => ({
    key: lane,
    fence: lane.fence,
    seq: head.seq,
    tries: head.tries,
  }))
  const granted = await outbox.begin(attempts)
  const mine = lane.heads.filter(({ work: head }) => granted.has(head.seq))
  race.doubled.push(...lane.heads.filter((head) => !mine.includes(head)).map(({ message }) => message.id))
  const order = race.begun.get(lane.lane) ?? []
  race.begun.set(lane.lane, order)
  order.push(...mine.map(({ message }) => message.content.text ?? ''))
  await changes.change(
    mine.map(({ message }) => ({ customerId, messageId: message.id, named: null, decide: () => sent })),
  )
  await outbox.finish([{ key: lane, fence: lane.fence, holdMs: null }])
}

/** Not a lane gets longer than this to be found by a worker. */
const strandedMs = 5_000

async function allBegun(race: Race): Promise<void> {
  const count = () => [...race.begun.values()].reduce((sum, order) => sum + order.length, 0)
  let [seen, since] = [0, performance.now()]
  while (count() < race.enqueued.now && performance.now() - since < strandedMs) {
    if (count() > seen) [seen, since] = [count(), performance.now()]
    await pause(5)
  }
}

function disorder(race: Race): string[] {
  return [...race.begun].flatMap(([lane, order]) => {
    const found: string[] = []
    const last = new Map<string, number>()
    for (const text of order) {
      const [enqueuer = '', number = ''] = text.split(' ')
      if (Number(number) <= (last.get(enqueuer) ?? -1)) found.push(`${lane}: ${text}`)
      last.set(enqueuer, Number(number))
    }
    return found
  })
}

test('enqueuers against workers', { timeout: 90_000 }, async () => {
  const { address, db: own } = await createTestDatabase()
  const db = createDb({ address, connectionsMax: 12, applicationName: 'race', onError: () => {} })
  const race: Race = { db, begun: new Map(), enqueued: { now: 0 }, done: { now: false }, doubled: [] }
  const working = [...Array(workers).keys()].map((number) => work(race, number + 1))
  await Promise.all([...Array(enqueuers).keys()].map((number) => enqueue(race, number)))
  await allBegun(race)
  race.done.now = true
  await Promise.all(working)
  const [left] = await db.query<{ rows: number; lanes: number }>({
    name: '',
    text: 'select (select count(*) from outbox)::int as rows, (select count(*) from lanes)::int as lanes',
  })
  await db.close()
  await own.close()
  const total = enqueuers * (hotPerEnqueuer + otherPerEnqueuer)
  const begun = [...race.begun.values()].flat()
  expect(begun).toHaveLength(total)
  expect(left).toEqual({ rows: 0, lanes: 0 })
  expect(race.doubled).toEqual([])
  expect(disorder(race)).toEqual([])
})
