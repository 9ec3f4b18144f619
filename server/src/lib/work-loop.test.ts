/** The loop claims what it can run, wakes when told, survives failures and drains when stopped. */
import { expect, test } from 'vitest'
import { createHandClock } from '../../test/support/hand-clock.ts'
import { WorkLoop } from './work-loop.ts'

function setUp(work: number[], options: { concurrency?: number; hold?: Promise<void>; failFirst?: boolean } = {}) {
  const clock = createHandClock()
  const asked: number[] = []
  const ran: number[] = []
  const errors: unknown[] = []
  let fails = options.failFirst === true
  const loop = new WorkLoop<number>({
    clock,
    concurrency: options.concurrency ?? 2,
    pollMs: 500,
    claim: async (max) => {
      asked.push(max)
      if (fails) {
        fails = false
        throw new Error('database away')
      }
      return work.splice(0, max)
    },
    run: async (item) => {
      await options.hold
      ran.push(item)
    },
    onError: (error) => errors.push(error),
  })
  return { clock, loop, asked, ran, errors, work }
}

test('it works through what is there and then waits for its poll', async () => {
  const { clock, loop, asked, ran } = setUp([1, 2, 3, 4, 5])
  loop.start()
  await clock.advance(1)
  expect(ran).toEqual([1, 2, 3, 4, 5])
  const before = asked.length
  await clock.advance(400)
  expect(asked.length).toBe(before)
  await clock.advance(100)
  expect(asked.length).toBe(before + 1)
  await loop.stop()
  expect(clock.sleepers).toBe(0)
})

test('it never claims more than it may run at once', async () => {
  const hold = Promise.withResolvers<void>()
  const { clock, loop, asked, ran } = setUp([1, 2, 3, 4], { hold: hold.promise })
  loop.start()
  await clock.advance(1)
  expect(asked).toEqual([2])
  hold.resolve()
  await clock.advance(1)
  expect(ran).toEqual([1, 2, 3, 4])
  await loop.stop()
})

test('waking it saves the poll, and many wakes are one look', async () => {
  const { clock, loop, asked, ran, work } = setUp([])
  loop.start()
  await clock.advance(1)
  work.push(7)
  loop.wake()
  loop.wake()
  await clock.advance(1)
  expect(ran).toEqual([7])
  expect(asked.length).toBeLessThanOrEqual(3)
  await loop.stop()
})

test('a claim that fails is tried again after a pause', async () => {
  const { clock, loop, ran, errors } = setUp([1], { failFirst: true })
  loop.start()
  await clock.advance(1)
  expect(errors).toHaveLength(1)
  expect(ran).toEqual([])
  await clock.advance(1_000)
  expect(ran).toEqual([1])
  await loop.stop()
})

test('stopping waits for what runs and claims nothing more', async () => {
  const hold = Promise.withResolvers<void>()
  const { clock, loop, ran, asked } = setUp([1, 2, 3], { concurrency: 1, hold: hold.promise })
  loop.start()
  await clock.advance(1)
  let stopped = false
  const stopping = loop.stop().then(() => {
    stopped = true
  })
  await clock.advance(1)
  expect(stopped).toBe(false)
  hold.resolve()
  await stopping
  expect(ran).toEqual([1])
  expect(asked).toEqual([1])
})

test('a loop that is woken while it is full lets what runs go on', async () => {
  const hold = Promise.withResolvers<void>()
  const { clock, loop, ran } = setUp([1, 2], { concurrency: 1, hold: hold.promise })
  loop.start()
  await clock.advance(1)
  loop.wake()
  setImmediate(hold.resolve)
  await clock.advance(1)
  await clock.advance(1)
  expect(ran).toEqual([1, 2])
  await loop.stop()
})
