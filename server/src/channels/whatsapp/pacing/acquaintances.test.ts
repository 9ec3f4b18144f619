/** Whom a line knows counts for its pace, and is known after a restart. */
import { expect, test } from 'vitest'
import { createHandClock } from '../../../../test/support/hand-clock.ts'
import { memoryVault } from '../../conformance-stage.ts'
import { KeyStore } from '../keys/key-store.ts'
import { Acquaintances } from './acquaintances.ts'

const silent = { info() {}, warn() {}, error() {} }
const hourMs = 3_600_000
const ada = '14155550101@s.whatsapp.net'

async function setUp(entries = new Map<string, Uint8Array>()) {
  const vault = memoryVault(entries)
  const clock = createHandClock()
  const store = new KeyStore({ vault, clock, log: silent, signal: new AbortController().signal, lost() {} })
  const known = await Acquaintances.open({
    ...{ vault, store, clock, chance: () => 0 },
    settings: { messagesPerMinute: 60, jitter: 0, newContactsPerDay: 2, warmUpDays: 0 },
    onError: (error) => {
      throw error
    },
  })
  let messages = 0
  const turn = (chat: string, isGroup = false) => {
    messages += 1
    return known.turn({ ref: `message ${messages}`, chat, isGroup, parts: 1 })
  }
  /** Past every gap between two messages. */
  const pause = () => clock.advance(2_000)
  return { entries, known, clock, turn, pause, settled: () => store.settled() }
}

test('so many strangers a day, and whoever was written to is none any more', async () => {
  const { turn, pause } = await setUp()
  const waits: boolean[] = []
  for (const chat of [ada, 'second', 'third', ada, 'second']) {
    waits.push(turn(chat) > 0)
    await pause()
  }
  expect(waits).toEqual([false, false, true, false, false])
})

test('whoever writes to us is none, and groups are none', async () => {
  const { known, turn, pause } = await setUp()
  for (const chat of ['first', 'second']) {
    turn(chat)
    await pause()
  }
  known.heard(ada)
  expect(turn(ada)).toBe(0)
  await pause()
  expect(turn('120363000000000000@g.us', true)).toBe(0)
})

test('after a restart the same people are known, and the day goes on', async () => {
  const before = await setUp()
  for (const chat of [ada, 'second']) {
    before.turn(chat)
    await before.pause()
  }
  before.known.heard('wrote to us')
  await before.settled()
  const after = await setUp(before.entries)
  const waits: boolean[] = []
  for (const chat of [ada, 'wrote to us', 'third']) {
    waits.push(after.turn(chat) > 0)
    await after.pause()
  }
  expect(waits).toEqual([false, false, true])
  await after.clock.advance(24 * hourMs)
  expect(after.turn('third')).toBe(0)
})
