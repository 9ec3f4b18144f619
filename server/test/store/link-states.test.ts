/** What is kept of a link: its state, only from whoever holds the line, and what is remembered when that has passed. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../src/lib/clock.ts'
import { createMint } from '../../src/lib/mint.ts'
import type { LineId } from '../../src/model/ids.ts'
import type { LinkState } from '../../src/model/line.ts'
import { createLineStore, type LineStore } from '../../src/store/lines.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'

const mint = createMint(systemClock)
let database: TestDatabase
let lines: LineStore
beforeAll(async () => {
  database = await createTestDatabase()
  lines = createLineStore(database.db)
})
afterAll(() => database.drop())

async function line(): Promise<{ id: LineId; customerId: null; epoch: number }> {
  const id = mint() as LineId
  const nothing = { address: null, email: null, url: null, secret: null, hostType: null, hostInfo: null }
  const fresh = { ...nothing, id, name: 'line', provider: 'sandbox', channels: ['whatsapp'] as const }
  expect(await lines.add({ ...fresh, channelProviders: {} })).toBe(true)
  return { id, customerId: null, epoch: 0 }
}
const past = async (id: LineId) => (await lines.get(id))?.linkPasts.whatsapp
const connecting: LinkState = { status: 'connecting' }
const connected: LinkState = { status: 'connected', identity: 'us:1', warnings: [], since: '2026-01-01T00:00:00Z' }
const down = (reason: string) => ({ status: 'disconnected', reason, retryAt: null }) as LinkState

test('whoever held the line before stores nothing', async () => {
  const one = await line()
  expect(await lines.setLink({ ...one, epoch: 7 }, 'whatsapp', connecting, 0)).toBe(false)
  expect((await lines.get(one.id))?.links).toEqual({})
})

test('the same again is no news, and counts for the order under which it was said', async () => {
  const one = await line()
  expect(await lines.setLink(one, 'whatsapp', down('stopped'), 1)).toBe(true)
  expect(await lines.setLink(one, 'whatsapp', down('stopped'), 2)).toBe(false)
  expect(await past(one.id)).toMatchObject({ round: 2 })
  expect(await lines.setLink(one, 'whatsapp', down('auth_reset'), 2)).toBe(true)
})

test('when it was connected last, and when no longer', async () => {
  const one = await line()
  await lines.setLink(one, 'whatsapp', connecting, 0)
  expect(await past(one.id)).toMatchObject({ connectedAt: null, disconnectedAt: null, identity: null, reason: null })
  await lines.setLink(one, 'whatsapp', connected, 0)
  const first = await past(one.id)
  expect(first).toMatchObject({ connectedAt: expect.any(Date), disconnectedAt: null, identity: 'us:1' })
  await database.advance(1_000)
  await lines.setLink(one, 'whatsapp', { ...connected, warnings: ['slow'] } as LinkState, 0)
  expect(await past(one.id)).toEqual(first)
  await lines.setLink(one, 'whatsapp', down('close_428'), 0)
  const second = await past(one.id)
  expect(second).toMatchObject({ connectedAt: first?.connectedAt, identity: 'us:1', reason: 'close_428' })
  await database.advance(1_000)
  await lines.setLink(one, 'whatsapp', connecting, 0)
  expect(await past(one.id)).toEqual(second)
  await lines.setLink(one, 'whatsapp', connected, 0)
  const third = await past(one.id)
  expect(third).toMatchObject({ disconnectedAt: second?.disconnectedAt, reason: null })
  expect(third?.connectedAt?.getTime()).toBeGreaterThan(second?.disconnectedAt?.getTime() ?? Number.NaN)
})

test.each([
  ['auth_revoked', null],
  ['auth_reset', null],
  ['phone_number_mismatch', null],
  ['stopped', 'us:1'],
  ['close_408', 'us:1'],
  ['reconnect_exhausted', 'us:1'],
  ['terminal_403', 'us:1'],
])('after %s it was %s', async (reason, identity) => {
  const one = await line()
  await lines.setLink(one, 'whatsapp', connected, 0)
  await lines.setLink(one, 'whatsapp', down(reason), 0)
  expect(await past(one.id)).toMatchObject({ identity, reason })
})

test('each order is later than all before it, also when the channel was gone in between', async () => {
  const one = await line()
  const orders = async () => {
    const found = await lines.get(one.id)
    return [found?.channels, found?.linkOrders]
  }
  expect(await lines.order(one, 'sms', 'stopped')).toBe(false)
  expect(await lines.order({ ...one, customerId: mint() as never }, 'whatsapp', 'stopped')).toBe(false)
  expect(await orders()).toEqual([['whatsapp'], {}])
  expect(await lines.order(one, 'whatsapp', 'stopped')).toBe(true)
  expect(await orders()).toEqual([['whatsapp'], { whatsapp: { stopped: 'stopped', round: 1 } }])
  expect(await lines.dropChannel(one, 'whatsapp')).toBe(true)
  expect(await orders()).toEqual([[], { whatsapp: { stopped: null, round: 2 } }])
  const own = { provider: 'whatsapp', url: null, secret: null }
  expect(await lines.addChannel(one, 'whatsapp', own)).toBe(true)
  expect(await lines.addChannel(one, 'whatsapp', { ...own, provider: 'another' })).toBe(true)
  expect(await orders()).toEqual([['whatsapp'], { whatsapp: { stopped: null, round: 4 } }])
  expect((await lines.get(one.id))?.channelProviders).toEqual({ whatsapp: own })
})
