/** Who is answered, when an agent makes way, what looks like a machine, and what a failure leads to. */
import { describe, expect, test } from 'vitest'
import { usualManner } from './agent.ts'
import { afterFailure, decideTurn, isLoop, mayAskForAnswer, type Said, type TurnFacts } from './turn.ts'

const now = new Date('2026-05-25T12:00:00Z')
const ago = (ms: number) => new Date(now.getTime() - ms)
const minute = 60_000

describe('what comes in', () => {
  const heard = { channel: 'whatsapp', from: '+14155550101', address: '+14155550100' } as const
  const text = { ...heard, isGroup: false, isWithheld: false, text: 'Hello' }
  test.each([
    ['a text of somebody', text, true],
    ['a text to a line without a number', { ...text, address: null }, true],
    ['SMS', { ...text, channel: 'sms' as const }, false],
    ['iMessage', { ...text, channel: 'imessage' as const }, false],
    ['a group', { ...text, isGroup: true }, false],
    ['our own number', { ...text, from: '+14155550100' }, false],
    ['a one-time code', { ...text, isWithheld: true }, false],
    ['a picture without a word', { ...text, text: null }, false],
    ['blanks', { ...text, text: ' \n ' }, false],
  ])('%s', (_what, message, asks) => {
    expect(mayAskForAnswer(message)).toBe(asks)
  })
})

const facts: TurnFacts = {
  ...{ manner: usualManner, now, saidAt: ago(2_000), texts: ['Are you open?'], isOptedOut: false, isOtherAgent: false },
  ...{ pausedUntil: null, byHandAt: null, repliesLastMinute: 0, repliesLastFiveMinutes: 0, repliesLastHour: 0 },
  ...{ repliesLastDay: 0, tokensLastDay: 0, history: [] },
}

describe('when the turn of a chat has come', () => {
  const until = (ms: number) => new Date(now.getTime() + ms)
  test.each<[string, Partial<TurnFacts>, string | null, object | null]>([
    ['nothing speaks against it', {}, null, null],
    ['there is no agent', { manner: null }, 'no_agent', null],
    ['all was taken back', { texts: [] }, 'gone', null],
    ['it is 15 minutes old', { saidAt: ago(15 * minute) }, null, null],
    ['it is older', { saidAt: ago(15 * minute + 1) }, 'too_old', null],
    ['they opted out', { isOptedOut: true }, 'opted_out', null],
    ['it is an agent as well', { isOtherAgent: true }, 'other_agent', null],
    ['the chat is paused', { pausedUntil: until(1) }, 'paused', null],
    ['the pause is over', { pausedUntil: now }, null, null],
    ['a person has answered', { byHandAt: ago(minute) }, 'paused', { reason: 'by_hand', until: until(59 * minute) }],
    ['that was an hour ago', { byHandAt: ago(60 * minute) }, null, null],
    ['they say stop', { texts: ['Hi', 'stop.'] }, 'stopped', { reason: 'stopped', until: until(60 * minute) }],
    ['they want a person', { texts: ['Human!'] }, 'handover', { reason: 'handover', until: until(60 * minute) }],
    ['they speak of people', { texts: ['Are humans there?'] }, null, null],
    ['the minute is full', { repliesLastMinute: 6 }, 'replies_per_minute', null],
    ['the minute has room', { repliesLastMinute: 5 }, null, null],
    ['the day is full', { repliesLastDay: 500 }, 'replies_per_day', null],
    ['the tokens are spent', { tokensLastDay: 500_000 }, 'tokens_per_day', null],
    ['a machine answers', { repliesLastFiveMinutes: 20 }, 'loop', { reason: 'loop', until: until(60 * minute) }],
    ['a slow machine answers', { repliesLastHour: 60 }, 'loop', { reason: 'loop', until: until(60 * minute) }],
    ['they opted out and say stop', { isOptedOut: true, texts: ['stop'] }, 'opted_out', null],
  ])('%s', (_what, more, why, pause) => {
    const decision = decideTurn({ ...facts, ...more })
    expect(decision).toEqual(why === null ? { do: 'answer' } : { do: 'skip', why, pause, notice: null })
  })

  test('who wants a person is told what the owner says', () => {
    const manner = { ...usualManner, handoverNotice: 'One moment.', handoverKeywords: ['Person, please'] }
    expect(decideTurn({ ...facts, manner, texts: ['person,  PLEASE!'] })).toMatchObject({ notice: 'One moment.' })
    expect(decideTurn({ ...facts, manner, texts: ['human'] })).toEqual({ do: 'answer' })
  })

  test('an owner without such words is never asked for', () => {
    const manner = { ...usualManner, handoverKeywords: [] }
    expect(decideTurn({ ...facts, manner, texts: ['human'] })).toEqual({ do: 'answer' })
  })
})

/** Our text and theirs in turns, oldest first, each so long after the one before. */
function talk(rounds: number, { theirs, afterMs, ours = (nth: number) => `Answer ${nth}` }: Talk): Said[] {
  const all = [...Array(rounds).keys()].flatMap((nth): Omit<Said, 'at'>[] => [
    { by: 'us', text: ours(nth) },
    { by: 'them', text: theirs(nth) },
  ])
  return all.map((said, index) => ({ ...said, at: ago((all.length - 1 - index) * afterMs) }))
}
const earlier = (said: readonly Said[]) =>
  said.map((one) => (one.by === 'us' ? one : { ...one, at: new Date(one.at.getTime() - 1_000) }))
interface Talk {
  theirs(nth: number): string
  afterMs: number
  ours?(nth: number): string
}

describe('a machine at the other end', () => {
  const long = (nth: number) => `I am glad to help you with number ${nth}, what else may I do for you today?`
  test.each<[string, Said[], number, boolean]>([
    ['eight answers to what nobody typed', talk(8, { theirs: long, afterMs: 3_000 }), 8, true],
    ['seven of them', talk(8, { theirs: long, afterMs: 3_000 }), 7, false],
    ['eight answers to somebody who types', talk(8, { theirs: long, afterMs: 8_000 }), 8, false],
    ['five answers within a second', talk(5, { theirs: () => 'Ok', afterMs: 900 }), 5, true],
    ['four of them', talk(4, { theirs: () => 'Ok', afterMs: 900 }), 4, false],
    ['five texts from before our answers were there', earlier(talk(5, { theirs: () => 'Ok', afterMs: 900 })), 5, false],
    ['we say the same three times', talk(3, { theirs: long, afterMs: 9_000, ours: () => 'Hello ' }), 3, true],
    ['we say the same twice', talk(2, { theirs: long, afterMs: 9_000, ours: () => 'Hello ' }), 2, false],
    ['that was long ago', talk(3, { theirs: long, afterMs: 6 * minute, ours: () => 'Hello' }), 0, false],
    ['nothing was said yet', [], 0, false],
  ])('%s', (_what, history, repliesLastFiveMinutes, expected) => {
    expect(isLoop({ now, history, repliesLastFiveMinutes, repliesLastHour: repliesLastFiveMinutes })).toBe(expected)
  })
})

describe('a failure', () => {
  test.each([
    ['model_down', null, 1, 2_000],
    ['model_down', null, 2, 10_000],
    ['model_timeout', null, 3, 30_000],
    ['model_busy', 20_000, 1, 20_000],
    ['model_busy', 1_000, 2, 10_000],
    ['model_busy', 86_400_000, 1, 300_000],
    ['gateway_failed', null, 1, 2_000],
  ] as const)('%s, asked to wait %s ms, at try %s: again after %s ms', (reason, retryAfterMs, attempts, afterMs) => {
    expect(afterFailure({ reason, retryAfterMs }, attempts)).toEqual({ again: true, afterMs })
  })

  test.each([
    ['model_down', 4],
    ['model_refused_key', 1],
    ['model_refused', 1],
    ['model_garbage', 1],
    ['model_empty', 1],
    ['model_unreachable', 1],
    ['reply_refused', 1],
  ] as const)('%s at try %s is the end', (reason, attempts) => {
    expect(afterFailure({ reason, retryAfterMs: null }, attempts)).toEqual({ again: false, reason })
  })
})
