/** The agenda does things in order, with one sleeper, and knows when nothing is left. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createHandClock } from '../../test/support/hand-clock.ts'
import { Agenda } from './agenda.ts'

describe('an agenda', () => {
  test('does everything at its time, and at the same time in the order it was asked', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 60 }), async (delays) => {
        const clock = createHandClock()
        const agenda = new Agenda(clock)
        const done: { index: number; at: number }[] = []
        delays.forEach((ms, index) => {
          agenda.after(ms, () => done.push({ index, at: clock.monotonic() }))
        })
        expect(clock.sleepers).toBeLessThanOrEqual(1)
        await clock.during(agenda.idle())
        const expected = delays.map((at, index) => ({ index, at })).toSorted((one, other) => one.at - other.at)
        expect(done).toEqual(expected)
        expect(clock.sleepers).toBe(0)
      }),
      { numRuns: 50 },
    )
  })

  test('does not do what was cancelled, and keeps nobody awake for it', async () => {
    const clock = createHandClock()
    const agenda = new Agenda(clock)
    const done: string[] = []
    const first = agenda.after(10, () => done.push('first'))
    agenda.after(20, () => done.push('second'))
    agenda.cancel(first)
    agenda.cancel(first)
    expect(agenda.size).toBe(1)
    await clock.advance(30)
    agenda.cancel(agenda.after(40, () => done.push('third')))
    await clock.advance(0)
    expect([done, agenda.size, clock.sleepers]).toEqual([['second'], 0, 0])
  })

  test('wakes earlier for what is due earlier, and may be asked for more meanwhile', async () => {
    const clock = createHandClock()
    const agenda = new Agenda(clock)
    const done: number[] = []
    const note = () => done.push(clock.monotonic())
    agenda.after(100, note)
    agenda.after(10, () => agenda.after(5, note))
    await clock.during(agenda.idle())
    expect(done).toEqual([15, 100])
  })

  test('is idle only when what is under way has ended too, and what that began', async () => {
    const clock = createHandClock()
    const agenda = new Agenda(clock)
    const seen: string[] = []
    const end = agenda.begin()
    const idle = agenda.idle().then(() => seen.push('idle'))
    await clock.advance(1_000)
    end()
    agenda.after(5, () => seen.push('one more'))
    end()
    await clock.during(idle)
    expect(seen).toEqual(['one more', 'idle'])
    await expect(agenda.track(Promise.reject(new Error('it failed')))).rejects.toThrow('it failed')
    expect(agenda.size).toBe(0)
  })

  test('forgets everything when it is cleared', async () => {
    const clock = createHandClock()
    const agenda = new Agenda(clock)
    const done: string[] = []
    agenda.after(10, () => done.push('never'))
    agenda.clear()
    await clock.advance(20)
    expect([done, clock.sleepers, agenda.size]).toEqual([[], 0, 0])
  })
})
