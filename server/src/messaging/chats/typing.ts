/** What we are seen typing ends by itself: whoever said that we type may be gone before saying that we stopped. */
import type { Clock } from '../../lib/clock.ts'

export interface Typing {
  /** From now on for ten seconds, unless it is started again or stopped. `end` tells the network; it must not throw. */
  started(chat: string, end: () => Promise<void>): void
  stopped(chat: string): void
  /** Nothing is told any more. */
  close(): void
}

const lastsMs = 10_000
/** Beyond that the oldest is ended early. */
const chatsMax = 10_000

export function createTyping(clock: Clock): Typing {
  const running = new Map<string, { timer: AbortController; end: () => Promise<void> }>()
  const stopped = (chat: string) => {
    running.get(chat)?.timer.abort()
    running.delete(chat)
  }
  return {
    started(chat, end) {
      stopped(chat)
      const [oldest] = running
      if (oldest !== undefined && running.size >= chatsMax) {
        stopped(oldest[0])
        void oldest[1].end()
      }
      const timer = new AbortController()
      running.set(chat, { timer, end })
      void clock.sleep(lastsMs, timer.signal).then(() => {
        if (timer.signal.aborted) return
        running.delete(chat)
        return end()
      })
    },
    stopped,
    close() {
      for (const chat of [...running.keys()]) stopped(chat)
    },
  }
}
