/** The pace of a WhatsApp line: never faster than it may, never more strangers than it may, and nobody loses their place. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { seededChance } from '../../../lib/chance.ts'
import { type Ask, createPace, type PaceSettings, type PaceState, warmth } from './pace.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs
const usual: PaceSettings = { messagesPerMinute: 30, jitter: 0, newContactsPerDay: 40, warmUpDays: 14 }

const start = 1_000 * dayMs

function setUp(settings: Partial<PaceSettings> = {}, state: PaceState | null = null, chance: () => number = () => 0) {
  const time = { now: start, monotonic: 0 }
  const clock = { now: () => time.now, monotonic: () => time.monotonic }
  const pace = createPace({ clock, chance, settings: { ...usual, ...settings }, state })
  const ask = (ref: string, more: Partial<Ask> = {}) =>
    pace.turn({ ref, chat: `chat of ${ref}`, isNew: false, isReply: false, messages: 1, ...more })
  const pass = (ms: number) => {
    time.now += ms
    time.monotonic += ms
  }
  return { pace, time, pass, ask, stranger: (ref: string) => ask(ref, { isNew: true }) }
}

describe('the gap between messages', () => {
  test('is what the limit makes it, and the first goes at once', () => {
    const { ask, pass } = setUp()
    expect([ask('a'), ask('b'), ask('c')]).toEqual([0, 2_000, 4_000])
    pass(2_000)
    expect([ask('c'), ask('b'), ask('d')]).toEqual([2_000, 0, 4_000])
  })

  test.each([
    ['at its shortest', 0, 2_000],
    ['in the middle', 0.5, 2_500],
    ['at its longest', 1, 3_000],
  ])('is stretched by chance: %s', (_where, drawn, gapMs) => {
    const { ask } = setUp({ jitter: 0.5 }, null, () => drawn)
    ask('a')
    expect(ask('b')).toBe(gapMs)
    // Asking again draws no other gap.
    expect(ask('b')).toBe(gapMs)
  })

  test('is half as long before a reply', () => {
    const { ask } = setUp()
    ask('a')
    expect([ask('reply', { isReply: true }), ask('b')]).toEqual([1_000, 3_000])
  })

  test('counts every file of a message', () => {
    const { ask } = setUp()
    expect([ask('three', { messages: 3 }), ask('next')]).toEqual([0, 6_000])
  })

  test('is kept by those who come late as well', () => {
    const { ask, pass } = setUp()
    ask('a')
    expect([ask('b'), ask('c'), ask('d')]).toEqual([2_000, 4_000, 6_000])
    pass(10_000)
    expect([ask('b'), ask('c'), ask('d')]).toEqual([0, 2_000, 4_000])
  })

  test('is not lost to somebody who does not come back', () => {
    const { ask, pass } = setUp()
    ask('a')
    expect([ask('gone'), ask('b')]).toEqual([2_000, 4_000])
    pass(4_000)
    expect(ask('b')).toBe(0)
    pass(62_001)
    expect([ask('c'), ask('d')]).toEqual([0, 2_000])
  })

  test('is none at all without a limit', () => {
    const { ask } = setUp({ messagesPerMinute: null, newContactsPerDay: null })
    for (let index = 0; index < 100; index += 1) expect(ask(`${index}`, { isNew: true, messages: 9 })).toBe(0)
  })

  test('has room for so many, and tells the others to ask again', () => {
    const { ask } = setUp({ messagesPerMinute: 600 })
    ask('first')
    for (let index = 0; index < 10_000; index += 1) ask(`waits ${index}`)
    expect([ask('one too many'), ask('another')]).toEqual([1_000_100, 1_000_100])
  })
})

describe('new contacts', () => {
  const quick = { messagesPerMinute: null, newContactsPerDay: 2 } as const

  test('are so many in 24 hours, and the next one has to wait until there is room', () => {
    const { stranger, pass } = setUp(quick)
    expect([stranger('a'), stranger('b')]).toEqual([0, 0])
    pass(dayMs - 600_000)
    expect([stranger('c'), stranger('d'), stranger('e')]).toEqual([600_000, 600_000, hourMs])
    pass(600_000)
    expect([stranger('e'), stranger('d'), stranger('c'), stranger('e')]).toEqual([hourMs, 0, 0, hourMs])
  })

  test('are told to come back within the hour, since tomorrow may allow more', () => {
    const { stranger, ask } = setUp(quick)
    stranger('a')
    stranger('b')
    expect([stranger('c'), ask('known'), ask('reply', { isNew: true, isReply: true })]).toEqual([hourMs, 0, 0])
  })

  test('count once, however many messages they get and however often one is tried', () => {
    const { ask } = setUp(quick)
    const asked = ['1', '1', '2', '3'].map((ref) => ask(ref, { chat: 'one', isNew: true }))
    expect([...asked, ask('4', { chat: 'two', isNew: true })]).toEqual([0, 0, 0, 0, 0])
    expect(ask('5', { chat: 'three', isNew: true })).toBe(hourMs)
  })

  test('keep their place while they wait for the gap', () => {
    const { stranger, pass } = setUp({ newContactsPerDay: 2 })
    expect([stranger('a'), stranger('b'), stranger('c')]).toEqual([0, 2_000, hourMs])
    pass(2_000)
    expect([stranger('c'), stranger('b')]).toEqual([hourMs, 0])
  })

  test('give their place away when they do not come back', () => {
    const { stranger, pass } = setUp(quick)
    stranger('a')
    stranger('b')
    pass(dayMs - 1_000)
    expect([stranger('gone'), stranger('gone too'), stranger('c')]).toEqual([1_000, 1_000, hourMs])
    pass(61_000)
    expect(stranger('c')).toBe(0)
  })

  test('are remembered over a restart, and those of the day before are not', () => {
    const { pace, stranger, pass } = setUp(quick)
    stranger('a')
    pass(23 * hourMs)
    stranger('b')
    const state = JSON.parse(JSON.stringify(pace.snapshot()))
    const [first, second] = [start, start + 23 * hourMs]
    const newContacts = [
      ['chat of a', first],
      ['chat of b', second],
    ]
    expect(state).toEqual({ pairedAt: null, newContacts })
    // The test begins anew at the same moment: that is a day later, seen from what was kept.
    const yesterday = newContacts.map(([chat, at]) => [chat, Number(at) - 23.5 * hourMs] as [string, number])
    const again = setUp(quick, { pairedAt: null, newContacts: yesterday })
    expect([again.stranger('b'), again.stranger('c')]).toEqual([0, hourMs / 2])
    again.pass(hourMs / 2)
    expect([again.stranger('c'), again.pace.snapshot().newContacts.map(([chat]) => chat)]).toEqual([
      0,
      ['chat of b', 'chat of c'],
    ])
  })

  test('of a clock that was ahead do not count for longer than a day', () => {
    const { stranger, pass } = setUp(quick, {
      pairedAt: null,
      newContacts: [
        ['x', 5 * start],
        ['y', 5 * start],
      ],
    })
    expect(stranger('a')).toBe(hourMs)
    pass(dayMs)
    expect(stranger('a')).toBe(0)
  })
})

describe('a line that was paired lately', () => {
  test.each([
    [0, 14, 0.1],
    [-5, 14, 0.1],
    [7, 14, 0.55],
    [14, 14, 1],
    [400, 14, 1],
    [0, 0, 1],
  ])('after %d days of %d may do %d of what it may later', (days, warmUpDays, share) => {
    expect(warmth(days * dayMs, warmUpDays)).toBeCloseTo(share)
  })

  test('has longer gaps and fewer new contacts, and grows from there', () => {
    const { pace, ask, stranger, pass } = setUp({ newContactsPerDay: 20 })
    pace.paired()
    ask('a')
    expect(ask('b')).toBe(20_000)
    pass(hourMs)
    expect([stranger('c'), stranger('d')]).toEqual([0, 19_479])
    pass(hourMs)
    expect([stranger('d'), stranger('e')]).toEqual([0, hourMs])
    pass(14 * dayMs)
    expect([ask('f'), ask('g')]).toEqual([0, 2_000])
    expect(pace.snapshot().pairedAt).toBe(start)
  })

  test('goes on where it was after a restart', () => {
    const { ask } = setUp({}, { pairedAt: 993 * dayMs, newContacts: [] })
    ask('a')
    expect(ask('b')).toBe(Math.ceil(2_000 / 0.55))
  })

  test('may always write to one new contact a day', () => {
    const { pace, stranger } = setUp({ newContactsPerDay: 3, messagesPerMinute: null })
    pace.paired()
    expect([stranger('a'), stranger('b')]).toEqual([0, hourMs])
  })
})

const moves = fc.array(
  fc.record({
    passMs: fc.oneof(fc.integer({ min: 0, max: 5_000 }), fc.integer({ min: 0, max: 2 * hourMs })),
    who: fc.integer({ min: 0, max: 30 }),
  }),
  { minLength: 100, maxLength: 300 },
)
const limits = fc.record({
  messagesPerMinute: fc.integer({ min: 1, max: 60 }),
  jitter: fc.double({ min: 0, max: 2, noNaN: true }),
  newContactsPerDay: fc.integer({ min: 1, max: 6 }),
  warmUpDays: fc.integer({ min: 0, max: 4 }),
})

interface Went {
  at: number
  messages: number
  unit: number
  isStranger: boolean
}

/** Some write to strangers, some answer, some send three files at a time; each has one message after the other. */
function played(settings: PaceSettings, list: readonly { passMs: number; who: number }[], seed: number): Went[] {
  const { pace, time, pass } = setUp(settings, null, seededChance(seed).next)
  pace.paired()
  const sent = new Map<number, number>()
  return list.flatMap(({ passMs, who }) => {
    pass(passMs)
    const nth = sent.get(who) ?? 0
    const ref = `${who} ${nth}`
    const [isNew, isReply, messages] = [who % 2 === 0, who % 3 === 0, 1 + (who % 5 === 0 ? 2 : 0)]
    if (pace.turn({ ref, chat: ref, isNew, isReply, messages }) > 0) return []
    sent.set(who, nth + 1)
    return [{ at: time.now, messages, unit: isReply ? 0.5 : 1, isStranger: isNew && !isReply }]
  })
}

test('whoever asks in whatever order: no minute and no day has more than the limits allow', () => {
  const seen = { messages: 0, strangers: 0 }
  fc.assert(
    fc.property(moves, limits, fc.integer(), (list, settings, seed) => {
      const went = played(settings, list, seed)
      for (const [index, first] of went.entries()) {
        let units = (first.messages - 1) * first.unit
        let strangers = first.isStranger ? 1 : 0
        for (const one of went.slice(index + 1)) {
          const share = warmth(one.at - start, settings.warmUpDays)
          const allowed = ((one.at - first.at) * settings.messagesPerMinute * share) / 60_000
          expect(units + one.unit).toBeLessThanOrEqual(allowed + 1e-6)
          units += one.messages * one.unit
          seen.messages += 1
          if (!one.isStranger || one.at - first.at >= dayMs) continue
          strangers += 1
          seen.strangers += 1
          expect(strangers).toBeLessThanOrEqual(Math.max(1, Math.floor(settings.newContactsPerDay * share)))
        }
      }
    }),
    { numRuns: 200 },
  )
  expect(Math.min(seen.messages, seen.strangers)).toBeGreaterThan(1_000)
})
