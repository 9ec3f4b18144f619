/** Changes of one conversation, one after the other: each has its time from when it came, and few may wait. */
import type { Clock } from '../../lib/clock.ts'
import { GatewayError } from '../../model/errors.ts'
import type { ConversationId } from '../../model/ids.ts'
import { inTime } from '../revise.ts'

export interface Turns {
  /** Begins once all that came before has ended. What has not begun when its time is up never begins. */
  take<Result>(chat: ConversationId, work: () => Promise<Result>): Promise<Result>
}

/** With the one that is under way. */
const waitingMax = 20
const retryAfterMs = 1_000

export function createTurns(clock: Clock): Turns {
  const queues = new Map<ConversationId, { length: number; last: Promise<unknown> }>()

  return {
    async take(chat, work) {
      const queue = queues.get(chat) ?? { length: 0, last: Promise.resolve() }
      if (queue.length >= waitingMax) throw tooMany()
      queues.set(chat, queue)
      queue.length += 1
      const own = { hasBegun: false, isLate: false }
      const turn = queue.last.then(() => {
        if (own.isLate) throw notBegun()
        own.hasBegun = true
        return work()
      })
      const ended = () => {
        queue.length -= 1
        if (queue.length === 0) queues.delete(chat)
      }
      queue.last = turn.then(ended, ended)
      try {
        return await inTime(clock, () => turn)
      } catch (error) {
        if (own.hasBegun) throw error
        own.isLate = true
        throw notBegun()
      }
    },
  }
}

function notBegun(): GatewayError {
  const message = 'The network took too long over earlier changes of this chat. This one was not made.'
  return new GatewayError('PROVIDER_TIMEOUT', message)
}

function tooMany(): GatewayError {
  const message = 'Too many changes of this chat are waiting already. Wait for their answers.'
  return new GatewayError('RATE_LIMIT_EXCEEDED', message, { retryAfterMs })
}
