/** What is kept of a link: its state, only from whoever holds the line, and what is remembered when that has passed. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/lib/clock.ts'
import { createMint } from '../../src/lib/mint.ts'
import type { CustomerId, EventId, Handle, LineId } from '../../src/model/ids.ts'
import type { LinkState } from '../../src/model/line.ts'
import { createCallerStore } from '../../src/store/callers.ts'
import { createLineStore, type LineStore } from '../../src/store/lines.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'

const mint = createMint(systemClock)
const customerId = mint() as CustomerId
let database: TestDatabase
let lines: LineStore
beforeAll(async () => {
  database = await createTestDatabase()
  lines = createLineStore(database.db)
  const nobody = { email: 'ada@example.com', name: 'Ada', company: null, requests_per_minute: null }
  await createCallerStore(database.db).addCustomer({ ...nobody, id: customerId, opt_out_channels: [] })
})
afterAll(() => database.drop())

interface OneLine {
  id: LineId
  customerId: CustomerId
  epoch: number
}

async function line(): Promise<OneLine> {
  const id = mint() as LineId
  const nothing = { address: null, email: null, url: null, secret: null, hostType: null, hostInfo: null }
  const fresh = { ...nothing, id, name: 'line', provider: 'sandbox', channels: ['whatsapp'] as const }
  expect(await lines.add({ ...fresh, channelProviders: {} })).toBe(true)
  expect(await lines.assign(id, customerId)).toBe(true)
  return { id, customerId, epoch: 0 }
}
const said = (one: OneLine, state: LinkState, round: number) =>
  lines.setLink(one, { channel: 'whatsapp', state, round }, (before, address) => ({
    ...{ id: mint() as EventId, type: 'line.status', correlationId: null },
    data: { lineId: one.id, address, channel: 'whatsapp', state, before },
  }))
const past = async (id: LineId) => (await lines.get(id))?.linkPasts.whatsapp
const connecting: LinkState = { status: 'connecting' }
const connected: LinkState = { status: 'connected', identity: 'us:1', warnings: [], since: '2026-01-01T00:00:00Z' }
const down = (reason: string) => ({ status: 'disconnected', reason, retryAt: null }) as LinkState

test('whoever held the line before stores nothing', async () => {
  const one = await line()
  expect(await said({ ...one, epoch: 7 }, connecting, 0)).toBe(false)
  expect((await lines.get(one.id))?.links).toEqual({})
})

test('the same again is no news, and counts for the order under which it was said', async () => {
  const one = await line()
  expect(await said(one, down('stopped'), 1)).toBe(true)
  expect(await said(one, down('stopped'), 2)).toBe(false)
  expect(await past(one.id)).toMatchObject({ round: 2 })
  expect(await said(one, down('auth_reset'), 2)).toBe(true)
})

test('when it was connected last, and when no longer', async () => {
  const one = await line()
  await said(one, connecting, 0)
  expect(await past(one.id)).toMatchObject({ connectedAt: null, disconnectedAt: null, identity: null, reason: null })
  await said(one, connected, 0)
  const first = await past(one.id)
  expect(first).toMatchObject({ connectedAt: expect.any(Date), disconnectedAt: null, identity: 'us:1' })
  await database.advance(1_000)
  await said(one, { ...connected, warnings: ['slow'] } as LinkState, 0)
  expect(await past(one.id)).toEqual(first)
  await said(one, down('close_428'), 0)
  const second = await past(one.id)
  expect(second).toMatchObject({ connectedAt: first?.connectedAt, identity: 'us:1', reason: 'close_428' })
  await database.advance(1_000)
  await said(one, connecting, 0)
  expect(await past(one.id)).toEqual(second)
  await said(one, connected, 0)
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
  await said(one, connected, 0)
  await said(one, down(reason), 0)
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

test('an event is written with what is news, and says what was said before', async () => {
  const one = await line()
  await said(one, connecting, 0)
  await said(one, connecting, 0)
  await said(one, connected, 0)
  const rows = await database.db.query<{ before: LinkState | null; state: LinkState }>(
    {
      name: '',
      text: `select data -> 'before' as before, data -> 'state' as state from events where data ->> 'lineId' = $1 order by seq`,
    },
    [one.id],
  )
  expect(rows).toEqual([
    { before: null, state: connecting },
    { before: connecting, state: connected },
  ])
})

describe('a line without an address', () => {
  const own = async () => {
    const id = mint() as LineId
    expect(await lines.addOwn({ id, customerId, name: 'own', provider: 'whatsapp', url: null }, 1_000)).toBe(true)
    return { id, epoch: 0 }
  }
  const address = async (id: LineId) => (await lines.get(id))?.address ?? null
  const number = (last: number) => `+1202555017${last}` as Handle

  test('adopts one and keeps it', async () => {
    const one = await own()
    expect(await lines.adopt(one, number(1))).toBe(true)
    expect(await lines.adopt(one, number(1))).toBe(true)
    expect(await lines.adopt(one, number(2))).toBe(false)
    expect(await address(one.id)).toBe(number(1))
  })

  test('adopts none that another line has, whoever asks first', async () => {
    const two = [await own(), await own()]
    const outcomes = await Promise.allSettled(two.map((one) => lines.adopt(one, number(3))))
    // Whoever loses the race itself is refused by the index, asks again and hears no.
    const taken = outcomes.filter((outcome) => outcome.status === 'fulfilled' && outcome.value)
    expect(taken).toHaveLength(1)
    const again = await Promise.all(two.map((one) => lines.adopt(one, number(3))))
    expect(again.toSorted()).toEqual([false, true])
  })

  test('adopts nothing for a process that holds it no longer, or after it is gone', async () => {
    const one = await own()
    expect(await lines.adopt({ ...one, epoch: 7 }, number(4))).toBe(false)
    await lines.remove(one.id, customerId)
    expect(await lines.adopt(one, number(4))).toBe(false)
    expect(await lines.adopt(await own(), number(4))).toBe(true)
  })
})
