/** Claims chats in which something waits for an agent, and is seen typing in them while the model thinks. */
import type { Clock } from '../lib/clock.ts'
import { WorkLoop } from '../lib/work-loop.ts'
import type { CustomerId } from '../model/ids.ts'
import type { ClaimedChat, TurnStore } from '../store/agents/turns.ts'
import { type AnsweringOptions, answerChat } from './answering.ts'

export interface WorkerOptions extends Omit<AnsweringOptions, 'turns' | 'whileTyping'> {
  clock: Clock
  turns: AnsweringOptions['turns'] & Pick<TurnStore, 'claim'>
  node(): number
  setTyping(chat: ClaimedChat, isTyping: boolean): Promise<unknown>
}

const pollMs = 500
/** Longer than a turn can take: the model's minute, and what the database may need besides. */
const leaseMs = 120_000
const concurrency = 256
const chatsPerClaim = 8
/** A server that hangs keeps so many chats of its customer busy and no more: the rest is for the other customers. */
const chatsPerCustomer = 8
/** Before the gateway lets it end, and before networks let it fade. */
const typingAgainMs = 8_000

export interface AgentWorker {
  start(): void
  /** Claims nothing more; what a model is thinking about is given up, and answered by whoever comes next. */
  stop(): Promise<void>
}

export function createWorker(options: WorkerOptions): AgentWorker {
  const { clock, turns } = options
  const busy = new Map<CustomerId, number>()
  const stopping = new AbortController()
  const count = (customerId: CustomerId, by: number) => busy.set(customerId, (busy.get(customerId) ?? 0) + by)
  const answering: AnsweringOptions = { ...options, whileTyping: (chat, work) => whileTyping(options, chat, work) }
  const loop = new WorkLoop<ClaimedChat>({
    clock,
    concurrency,
    pollMs,
    claim: (free) => {
      const butNot = [...busy].flatMap(([customer, chats]) => (chats >= chatsPerCustomer ? [customer] : []))
      return turns.claim({ chatsMax: Math.min(free, chatsPerClaim), leaseMs, node: options.node(), butNot })
    },
    async run(chat) {
      count(chat.customerId, 1)
      try {
        await answerChat(answering, chat, stopping.signal)
      } finally {
        count(chat.customerId, -1)
        if (busy.get(chat.customerId) === 0) busy.delete(chat.customerId)
      }
    },
    onError: options.onError,
  })
  return {
    start: () => loop.start(),
    async stop() {
      stopping.abort()
      await loop.stop()
    },
  }
}

/** It is a courtesy: a network that does not show it, or fails to, keeps nobody from being answered. */
async function whileTyping<Result>(
  { clock, setTyping }: WorkerOptions,
  chat: ClaimedChat,
  work: () => Promise<Result>,
): Promise<Result> {
  const done = new AbortController()
  const show = (isTyping: boolean) => setTyping(chat, isTyping).catch(() => undefined)
  const shown = (async () => {
    while (!done.signal.aborted) {
      await show(true)
      await clock.sleep(typingAgainMs, done.signal)
    }
    await show(false)
  })()
  try {
    return await work()
  } finally {
    done.abort()
    void shown
  }
}
