/** Places to send from: one for each chat, and so many for all of them, in the order of asking. */

export interface Slots {
  /** Runs it when its chat is free and there is a place; rejects with `late` when the signal aborts before. */
  run<Result>(chat: string, signal: AbortSignal, work: () => Promise<Result>): Promise<Result>
  isBusy(chat: string): boolean
  readonly isFull: boolean
}

interface Waiting {
  chat: string
  go(): void
}

export function createSlots(options: { most: number; late(): Error }): Slots {
  const { most, late } = options
  const busy = new Set<string>()
  const waiting: Waiting[] = []

  function next(): void {
    for (let at = 0; at < waiting.length && busy.size < most; ) {
      const [one] = waiting.slice(at, at + 1)
      if (one === undefined || busy.has(one.chat)) {
        at += 1
        continue
      }
      waiting.splice(at, 1)
      busy.add(one.chat)
      one.go()
    }
  }

  function place(chat: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const gaveUp = () => {
        waiting.splice(waiting.indexOf(entry), 1)
        reject(late())
      }
      const entry: Waiting = {
        chat,
        go: () => {
          signal.removeEventListener('abort', gaveUp)
          resolve()
        },
      }
      if (signal.aborted) return reject(late())
      signal.addEventListener('abort', gaveUp, { once: true })
      waiting.push(entry)
      next()
    })
  }

  return {
    async run(chat, signal, work) {
      await place(chat, signal)
      try {
        return await work()
      } finally {
        busy.delete(chat)
        next()
      }
    },
    isBusy: (chat) => busy.has(chat),
    get isFull() {
      return busy.size >= most
    },
  }
}
