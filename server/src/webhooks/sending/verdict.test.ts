/** Answers and what they mean, case by case. */
import { expect, test } from 'vitest'
import { retryAfterMs, type Trial, verdictOf } from './verdict.ts'

const second = 1_000
const trial = (over: Partial<Trial> = {}): Trial => ({
  tries: 0,
  scheduleMs: [30 * second, 300 * second],
  chance: 0.5,
  now: 0,
  ...over,
})
const answer = (status: number, retryAfter: string | null = null) => ({ status, retryAfter })

test.each([200, 201, 202, 204, 299])('%i takes it', (status) => {
  expect(verdictOf(answer(status), trial())).toEqual({ do: 'delivered' })
})

test.each([400, 401, 403, 404, 409, 413, 418, 425, 451, 499])('%i refuses it for good', (status) => {
  expect(verdictOf(answer(status), trial())).toEqual({ do: 'giveUp', why: 'refused' })
})

test('410 ends more than the delivery', () => {
  expect(verdictOf(answer(410), trial())).toEqual({ do: 'giveUp', why: 'gone' })
  expect(verdictOf(answer(410), trial({ tries: 2 }))).toEqual({ do: 'giveUp', why: 'gone' })
})

test.each([
  null,
  answer(100),
  answer(301),
  answer(302),
  answer(308),
  answer(408),
  answer(429),
  answer(500),
  answer(503),
  answer(599),
])('%j is tried again as long as the schedule lasts', (given) => {
  expect(verdictOf(given, trial())).toEqual({ do: 'again', afterMs: 30 * second, pauseMs: 0 })
  expect(verdictOf(given, trial({ tries: 1 }))).toEqual({ do: 'again', afterMs: 300 * second, pauseMs: 0 })
  expect(verdictOf(given, trial({ tries: 2 }))).toEqual({ do: 'giveUp', why: 'exhausted' })
})

test.each([
  [0, 25_500],
  [0.5, 30_000],
  [0.999_999, 34_499.991],
])('jitter stays within 15 %% (chance %d)', (chance, afterMs) => {
  expect(verdictOf(null, trial({ chance }))).toMatchObject({ afterMs: expect.closeTo(afterMs, 3) })
})

test('Retry-After moves the next attempt back, never forward, and a day at most', () => {
  expect(verdictOf(answer(429, '120'), trial())).toEqual({ do: 'again', afterMs: 120 * second, pauseMs: 120 * second })
  expect(verdictOf(answer(503, '1'), trial())).toEqual({ do: 'again', afterMs: 30 * second, pauseMs: second })
  expect(verdictOf(answer(503, '999999999'), trial())).toMatchObject({ afterMs: 86_400 * second })
})

test.each([
  ['10', 10 * second],
  [' 10 ', 10 * second],
  ['0', 0],
  ['-5', 0],
  ['1e9', 0],
  ['soon', 0],
  ['', 0],
  ['99999999999', 0],
  ['Thu, 01 Jan 1970 00:01:00 GMT', 59 * second],
  ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
  ['Fri, 02 Jan 1970 12:00:00 GMT', 86_400 * second],
])('Retry-After %j', (header, ms) => {
  expect(retryAfterMs(header, second)).toBe(ms)
})

test('no Retry-After', () => expect(retryAfterMs(null, 0)).toBe(0))
