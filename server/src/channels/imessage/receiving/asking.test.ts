/** When single rows are asked for: those just sent at set times until their end is known, and changed ones at once. */
import { expect, test } from 'vitest'
import { createHandClock } from '../../../../test/support/hand-clock.ts'
import type { Row, ServerChat } from '../backend.ts'
import { createAsking } from './asking.ts'
import { createBell } from './bell.ts'
import { createTelling } from './telling.ts'

const rowOf = (what: Partial<Row> = {}): Row => ({
  ...{ number: 7, guid: 'A', chat: { chat: 'iMessage;-;+14155551234' as ServerChat, name: null, isGroup: false } },
  ...{ isOurs: true, from: null, service: 'iMessage', tempId: null, text: 'Hello', files: [], mayHaveFiles: false },
  ...{ replyTo: null, effect: null, at: new Date(0), isDelivered: false, deliveredAt: null, readAt: null },
  ...{ editedAt: null, isUnsent: false, error: 0, tapback: null, change: null, ...what },
})

/** A server whose rows are as `answer` says; what is asked is noted with the second in which it was. */
function stage(answer: (guid: string) => Row | null, isToBeTold: () => boolean = () => false) {
  const clock = createHandClock()
  const control = new AbortController()
  const asking = createAsking(clock)
  const [asked, refreshed]: [[string, number][], string[]] = [[], []]
  const [rows, all] = [createBell(clock), createBell(clock)]
  const parts = {
    ...{ rows, all, telling: createTelling({ receive: async () => {} }, control.signal) },
    host: { log: { info: () => {}, warn: () => {}, error: () => {} } },
    poll: { isToBeTold },
    tale: { refresh: async ({ guid }: Row) => void refreshed.push(guid) },
    backend: {
      row: async (guid: string) => {
        asked.push([guid, clock.monotonic() / 1_000])
        return answer(guid)
      },
    },
  }
  return { clock, control, asking, asked, refreshed, rows, all, ended: asking.keepAsking(parts) }
}

const seconds = (asked: [string, number][]) => asked.map(([, at]) => at)

test('a send is asked after at 1, 2, 4, 8, 15, 30 and 60 seconds, and then no more', async () => {
  const { clock, asking, asked, refreshed, control, ended } = stage((guid) => rowOf({ guid }))
  asking.follow('A')
  await clock.advance(3_600_000)
  expect(seconds(asked)).toEqual([1, 2, 4, 8, 15, 30, 60])
  expect(refreshed).toHaveLength(7)
  control.abort()
  await ended
  expect(clock.sleepers).toBe(0)
})

test.each<[string, Partial<Row>]>([
  ['delivered', { isDelivered: true }],
  ['delivered, by its date', { deliveredAt: new Date(0) }],
  ['read', { readAt: new Date(0) }],
  ['refused', { error: 22 }],
])('a send that was %s is asked after no more', async (_, what) => {
  const { clock, asking, asked, refreshed } = stage((guid) => rowOf({ guid, ...what }))
  asking.follow('A')
  await clock.advance(3_600_000)
  expect([seconds(asked), refreshed]).toEqual([[1], ['A']])
})

test('a send that the server does not know yet is asked after all the same', async () => {
  let isThere = false
  const { clock, asking, asked } = stage((guid) => (isThere ? rowOf({ guid, isDelivered: true }) : null))
  asking.follow('A')
  await clock.advance(5_000)
  isThere = true
  await clock.advance(3_600_000)
  expect(seconds(asked)).toEqual([1, 2, 4, 8])
})

test('a question that fails costs only itself', async () => {
  const { clock, asking, asked, refreshed } = stage((guid) => {
    if (guid === 'A') throw new Error('The server is away.')
    return rowOf({ guid, isDelivered: true })
  })
  asking.follow('A')
  asking.follow('B')
  await clock.advance(3_600_000)
  expect(asked.filter(([guid]) => guid === 'A')).toHaveLength(7)
  expect(refreshed).toEqual(['B'])
})

test('of too many sends the oldest are left to others', async () => {
  const { clock, asking, asked } = stage((guid) => rowOf({ guid, isDelivered: true }))
  for (let nth = 0; nth < 1_010; nth += 1) asking.follow(`${nth}`)
  await clock.advance(1_000)
  expect(asked.map(([guid]) => Number(guid))).toEqual(Array.from({ length: 1_000 }, (_, nth) => nth + 10))
})

test('what has changed is asked for at once, and once', async () => {
  const { clock, asking, asked, refreshed } = stage((guid) => rowOf({ guid }))
  await clock.advance(500)
  for (const guid of ['A', 'B', 'A']) asking.changed(guid)
  await clock.advance(0)
  expect(asked).toEqual([
    ['A', 0.5],
    ['B', 0.5],
  ])
  expect(refreshed).toEqual(['A', 'B'])
})

test('when very much has changed, everything is looked at instead', async () => {
  const { clock, asking, asked, all, control } = stage((guid) => rowOf({ guid }))
  await clock.advance(1)
  for (let nth = 0; nth < 21; nth += 1) asking.changed(`${nth}`)
  await clock.advance(0)
  expect(asked).toEqual([])
  expect(await all.wait(0, control.signal)).toBe(true)
})

test('a row that was not told yet has nothing added to it, and new rows are looked for', async () => {
  const { clock, asking, rows, refreshed, control } = stage(
    (guid) => rowOf({ guid }),
    () => true,
  )
  asking.changed('A')
  await clock.advance(1)
  expect(refreshed).toEqual([])
  expect(await rows.wait(0, control.signal)).toBe(true)
})

test.each(['follow', 'changed'] as const)(
  'what became of a row while it was being told is asked for again: %s',
  async (how) => {
    let isToBeTold = true
    const { clock, asking, asked, refreshed } = stage(
      (guid) => rowOf({ guid, isDelivered: true }),
      () => isToBeTold,
    )
    asking[how]('A')
    await clock.advance(1_500)
    expect(refreshed).toEqual([])
    isToBeTold = false
    await clock.advance(3_600_000)
    expect(refreshed).toEqual(['A'])
    expect(seconds(asked).at(-1)).toBe(2)
  },
)
