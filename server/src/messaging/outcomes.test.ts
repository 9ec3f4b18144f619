/** How a network is asked what became of a send: in the background, for so long, by nobody who still sends it. */
import { expect, test } from 'vitest'
import { createHandClock } from '../../test/support/hand-clock.ts'
import { inMemoryCapabilities } from '../channels/inmemory/capabilities.ts'
import type { ClientRef, LineId, MessageId } from '../model/ids.ts'
import type { Message } from '../model/message.ts'
import { createQuestions, type OutcomeOptions } from './outcomes.ts'

/** A network that thinks about every question until it is told to answer. */
function stage(isSending: (ref: ClientRef) => boolean = () => false) {
  const clock = createHandClock()
  const asked: ClientRef[] = []
  const errors: unknown[] = []
  const changed: string[] = []
  let answer: () => void = () => undefined
  const options: OutcomeOptions = {
    clock,
    mint: () => '00000000-0000-7000-8000-000000000000',
    connection: () => ({
      capabilities: inMemoryCapabilities.imessage,
      actions: {},
      start: async () => undefined,
      stop: async () => undefined,
      reach: async () => 'unknown',
      send: () => Promise.reject(new Error('Nothing is sent.')),
      outcomeOf: (ref) => {
        asked.push(ref)
        return new Promise((_, reject) => {
          answer = () => reject(new Error('The server is away.'))
        })
      },
    }),
    ledger: {
      change: async ({ messageId }) => {
        changed.push(messageId)
        return null
      },
    },
    learnAbsent: async () => undefined,
    conversations: { get: async () => null, ofSend: () => Promise.reject(new Error('Nothing was sent.')) },
    told: () => undefined,
    onError: (error) => errors.push(error),
  }
  const questions = createQuestions(options, isSending)
  const ask = (number = 1, lineId = 'l1') => {
    const id = `00000000-0000-7000-8000-0000000000${String(number).padStart(2, '0')}` as MessageId
    const message = { id, lineId: lineId as LineId, retryCount: 0, lane: 'h:+1' } as Message
    questions.ask({ message, channel: 'imessage', tries: 1 })
  }
  return { clock, asked, errors, changed, questions, ask, answer: () => answer() }
}

test('one question about a send is under way at a time, and after ten seconds it counts for none', async () => {
  const { clock, asked, ask, changed } = stage()
  ask()
  ask()
  await clock.advance(9_999)
  ask()
  expect(asked).toHaveLength(1)
  await clock.advance(1)
  ask()
  expect(asked).toHaveLength(2)
  expect(changed).toEqual([])
})

test('a question that fails is asked again, and is no error of ours', async () => {
  const { clock, asked, ask, answer, errors, changed } = stage()
  ask()
  answer()
  await clock.advance(0)
  ask()
  expect(asked).toHaveLength(2)
  expect([errors, changed]).toEqual([[], []])
  expect(clock.sleepers).toBe(1)
})

test('nobody asks about what this very process is still sending', async () => {
  let isSending = true
  const { asked, ask } = stage(() => isSending)
  ask()
  expect(asked).toEqual([])
  isSending = false
  ask()
  expect(asked).toHaveLength(1)
})

test('a network that hangs is asked so much of one line at once, and no less of the others', async () => {
  const { asked, ask } = stage()
  for (let number = 1; number <= 20; number += 1) ask(number)
  expect(asked).toHaveLength(16)
  ask(21, 'l2')
  expect(asked).toHaveLength(17)
})

test('whoever stops waits for no answer, leaves no timer, and asks nothing more', async () => {
  const { clock, asked, ask, questions, changed } = stage()
  ask()
  await clock.during(questions.stop())
  expect(clock.sleepers).toBe(0)
  ask(2)
  expect(asked).toHaveLength(1)
  expect(changed).toEqual([])
})
