/** Virtual time: things happen in order, only once everything before them has settled, and idle hours are skipped. */
import { expect, test } from 'vitest'
import { createClock, type Gate } from './clock.ts'
import { createScheduler } from './scheduler.ts'

const never = () => Number.POSITIVE_INFINITY

function made(quietUntil: () => number = () => 0) {
  const skips: number[] = []
  const scheduler = createScheduler({ quietUntil, skipped: (ms) => void skips.push(ms) })
  return { scheduler, skips, clock: createClock({ scheduler }) }
}

test('things happen in the order of their time, and at the same time in the order they were asked for', async () => {
  const { scheduler } = made()
  const seen: string[] = []
  for (const [ms, name] of [
    [30, 'c'],
    [10, 'a'],
    [30, 'd'],
    [20, 'b'],
    [0, 'first'],
  ] as const) {
    scheduler.after(ms, () => seen.push(`${scheduler.nowMs()} ${name}`))
  }
  await scheduler.run(() => false)
  expect(seen).toEqual(['0 first', '10 a', '20 b', '30 c', '30 d'])
})

test('a step begins only when every promise of the one before has settled', async () => {
  const { scheduler } = made()
  const seen: string[] = []
  scheduler.after(1, () => {
    void (async () => {
      for (let turn = 0; turn < 500; turn += 1) await null
      seen.push('settled')
    })()
  })
  scheduler.after(1, () => seen.push('next'))
  await scheduler.run(() => false)
  expect(seen).toEqual(['settled', 'next'])
})

test('hundreds of timers come out sorted, whatever was cancelled among them', async () => {
  const { scheduler } = made()
  const seen: number[] = []
  const timers = Array.from({ length: 500 }, (_, index) => {
    const ms = (index * 7_919) % 1_009
    return scheduler.after(ms, () => seen.push(ms))
  })
  for (const [index, timer] of timers.entries()) if (index % 3 === 0) scheduler.cancel(timer)
  await scheduler.run(() => false)
  expect(seen).toHaveLength(timers.filter((_, index) => index % 3 !== 0).length)
  expect(seen).toEqual([...seen].sort((one, other) => one - other))
})

test('a sleep ends at its time, or at once when it is cut short', async () => {
  const { scheduler, clock } = made()
  const seen: string[] = []
  const nap = new AbortController()
  void clock.sleep(100).then(() => seen.push(`slept until ${clock.monotonic()}`))
  void clock.sleep(1_000, nap.signal).then(() => seen.push(`cut at ${clock.monotonic()}`))
  void clock.sleep(5, AbortSignal.abort()).then(() => seen.push('not at all'))
  scheduler.after(50, () => nap.abort())
  await scheduler.run(() => false)
  expect(seen).toEqual(['not at all', 'cut at 50', 'slept until 100'])
  expect(scheduler.nowMs()).toBe(100)
})

test('polls go on while there may be work, and are skipped while there is none', async () => {
  const { scheduler, skips } = made(() => 3_600_000)
  const polls: number[] = []
  const poll = () => {
    polls.push(scheduler.nowMs())
    scheduler.after(500, poll, true)
  }
  scheduler.after(500, poll, true)
  scheduler.after(3_600_000, () => undefined)
  await scheduler.run(() => scheduler.nowMs() >= 3_600_000)
  expect(polls.length).toBeLessThan(20)
  expect(skips.reduce((sum, ms) => sum + ms, 0)).toBeGreaterThan(3_590_000)
  expect(polls.every((ms) => ms % 500 === 0)).toBe(true)
})

test('for ever is never skipped', async () => {
  const { scheduler, skips } = made(never)
  scheduler.after(500, () => undefined, true)
  await scheduler.run(() => false)
  expect(skips).toEqual([])
  expect(scheduler.nowMs()).toBe(500)
})

test('what enters a process waits at its gate, and its clock can be wrong', async () => {
  const { scheduler } = made()
  const waiting: (() => void)[] = []
  const gate: Gate = { enter: (run) => void waiting.push(run) }
  const clock = createClock({ scheduler, gate, wallErrorMs: () => -1_000 })
  let isAwake = false
  void clock.sleep(10).then(() => {
    isAwake = true
  })
  await scheduler.run(() => false)
  expect([isAwake, waiting.length]).toEqual([false, 1])
  expect(clock.now() - createClock({ scheduler }).now()).toBe(-1_000)
})

test('what a step throws ends the run', async () => {
  const { scheduler } = made()
  scheduler.after(1, () => {
    throw new Error('broken')
  })
  await expect(scheduler.run(() => false)).rejects.toThrow('broken')
})
