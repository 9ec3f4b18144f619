/** A thousand requests with one idempotency key at once are one message, also when the gateway dies in the middle. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { type Client, pause, type Reply } from '../crash/insist.ts'
import { openPair, type Pair } from './pair.ts'

const stormSize = 1_000
const line = '+15550100101'
const undo: (() => Promise<void> | void)[] = []

afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

async function place(): Promise<{ pair: Pair; client: Client }> {
  const dir = mkdtempSync(join(tmpdir(), 'switchboard-storm-'))
  undo.push(() => rmSync(dir, { recursive: true, force: true }))
  const pair = await openPair({ dir, processes: 1, lines: [line], dedupes: [] })
  undo.push(pair.close)
  return { pair, client: pair.client }
}

function request(pair: Pair, text: string) {
  const body = {
    to: '+14155550123',
    from: line,
    content: { text },
    routing: { preference: ['sms'] },
    idempotencyKey: 'storm',
  }
  return { method: 'POST' as const, path: '/v1/messages', token: pair.customer.token, body }
}

function outcome(replies: readonly Pick<Reply, 'status' | 'body'>[]) {
  const statuses = Map.groupBy(replies, (reply) => reply.status)
  const counts = Object.fromEntries([...statuses].map(([status, some]) => [status, some.length]))
  return { counts, ids: new Set(replies.map((reply) => reply.body.id)) }
}

async function stored(pair: Pair): Promise<number> {
  const [row] = await pair.behind.db.query<{ count: number }>({
    name: '',
    text: 'select count(*)::int as count from messages',
  })
  return row?.count ?? 0
}

test('a thousand at once: one 202, the rest 200, one id; another body is refused', { timeout: 60_000 }, async () => {
  const { pair, client } = await place()
  const url = pair.urls[0]?.() ?? ''
  const replies = await Promise.all([...Array(stormSize)].map(() => client.once(url, request(pair, 'one'))))
  const { counts, ids } = outcome(replies)
  expect(counts).toEqual({ 202: 1, 200: stormSize - 1 })
  expect(ids.size).toBe(1)
  expect(await stored(pair)).toBe(1)
  const changed = await Promise.all([...Array(50)].map(() => client.once(url, request(pair, 'two'))))
  for (const reply of changed) expect(reply).toMatchObject({ status: 409, body: { code: 'IDEMPOTENCY_KEY_REUSED' } })
  await pair.drain()
  expect(pair.outside.effects).toHaveLength(1)
})

test('the same while the gateway is killed and started again', { timeout: 60_000 }, async () => {
  const { pair, client } = await place()
  const [victim] = pair.victims
  if (victim === undefined) throw new Error('There is no gateway.')
  let answered = 0
  const storm = [...Array(stormSize)].map(async () => {
    const reply = await client.insist(victim.url, request(pair, 'one'))
    answered += 1
    return reply
  })
  for (const share of [0, 0.1, 0.4]) {
    while (answered < share * stormSize) await pause(1)
    await pause(5)
    await victim.kill('SIGKILL')
    await victim.start()
  }
  const { counts, ids } = outcome(await Promise.all(storm))
  expect(ids.size).toBe(1)
  // The 202 itself may have died on its way; there is never a second.
  expect((counts[202] ?? 0) + (counts[200] ?? 0)).toBe(stormSize)
  expect(counts[202] ?? 0).toBeLessThanOrEqual(1)
  expect(await stored(pair)).toBe(1)
  expect(await client.insist(victim.url, request(pair, 'two'))).toMatchObject({
    status: 409,
    body: { code: 'IDEMPOTENCY_KEY_REUSED' },
  })
  await pair.drain()
  expect(pair.outside.effects.length).toBeLessThanOrEqual(1)
  const { messages } = await pair.history([])
  const [message] = messages
  const unknown = message?.errorCode === 'OUTCOME_UNKNOWN'
  if (!unknown) expect(pair.outside.effects).toHaveLength(1)
})
