/** So many people a day are written to first; whoever is known already is not counted. */
import { expect, test } from 'vitest'
import { createHandClock } from '../../../../test/support/hand-clock.ts'
import type { Handle } from '../../../model/ids.ts'
import { createNewcomers } from './newcomers.ts'

const hourMs = 3_600_000
const [ada, ben, cleo, dan] = ['ada', 'ben', 'cleo', 'dan'] as Handle[] as [Handle, Handle, Handle, Handle]

function setUp(perDay: number, known: readonly Handle[] = []) {
  const clock = createHandClock()
  const asked: Handle[] = []
  const chats = new Set(known)
  let isAway = false
  const newcomers = createNewcomers({
    ...{ clock, perDay },
    hasChat: async (person) => {
      asked.push(person)
      if (isAway) throw new Error('The Mac is away.')
      return chats.has(person)
    },
  })
  /** As the outbox asks: again after a moment, when there is one to wait. */
  const take = async (person: Handle) => {
    const waitMs = newcomers.take(person)
    if (waitMs !== 200) return waitMs
    await clock.advance(waitMs)
    return newcomers.take(person)
  }
  const leave = (away: boolean) => {
    isAway = away
  }
  return { clock, newcomers, take, asked, leave }
}

test('the day has room for so many, and those with a chat need none', async () => {
  const { take } = setUp(2, [dan])
  expect([await take(ada), await take(ben), await take(dan), await take(ada)]).toEqual([0, 0, 0, 0])
  expect(await take(cleo)).toBe(hourMs)
})

test('a day later there is room again, and no earlier', async () => {
  const { clock, take } = setUp(1)
  await take(ada)
  await clock.advance(24 * hourMs - 60_000)
  expect(await take(ben)).toBeGreaterThan(50_000)
  await clock.advance(60_000)
  expect(await take(ben)).toBe(0)
  expect(await take(cleo)).toBeGreaterThan(0)
})

test('whoever did not get anything gives the room back', async () => {
  const { newcomers, take } = setUp(1)
  await take(ada)
  newcomers.giveBack(ada)
  expect(await take(ben)).toBe(0)
})

test('after a restart the day goes on, also by a clock that was ahead', async () => {
  const before = setUp(2)
  await before.clock.advance(30 * hourMs)
  await before.take(ada)
  await before.take(ben)
  const after = setUp(2)
  after.newcomers.restore(before.newcomers.snapshot())
  expect([await after.take(ada), await after.take(cleo)]).toEqual([0, hourMs])
  await after.clock.advance(24 * hourMs)
  expect(await after.take(cleo)).toBe(0)
})

test('without a limit nobody is looked for', async () => {
  const { take, asked } = setUp(0)
  expect([await take(ada), asked]).toEqual([0, []])
})

test('when the Mac cannot say who is new, the send will say what is wrong', async () => {
  const { clock, take, asked, leave } = setUp(1)
  leave(true)
  expect(await take(ada)).toBe(0)
  leave(false)
  await clock.advance(6_000)
  expect([await take(ada), await take(ben), asked]).toEqual([0, hourMs, [ada, ada, ben]])
})
