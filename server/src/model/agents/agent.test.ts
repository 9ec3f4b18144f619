/** The limits an agent has that says nothing of its own, and the words for what becomes of a text. */
import { expect, test } from 'vitest'
import { choiceIn } from '../opt-out.ts'
import { pauseReasons, turnReasons, usualManner } from './agent.ts'

test('without a word of its own an agent is bounded in every way', () => {
  const { repliesPerMinute, repliesPerDay, tokensPerDay, maxReplyChars, pauseMinutes } = usualManner
  for (const limit of [repliesPerMinute, repliesPerDay, tokensPerDay, maxReplyChars, pauseMinutes])
    expect(Number.isSafeInteger(limit) && limit > 0).toBe(true)
})

test('the usual words for a person are none by which somebody opts out or in', () => {
  expect(usualManner.handoverKeywords.map(choiceIn)).toEqual(usualManner.handoverKeywords.map(() => null))
})

test('each reason stands for one thing', () => {
  expect(new Set(turnReasons).size).toBe(turnReasons.length)
  expect(new Set(pauseReasons).size).toBe(pauseReasons.length)
})
