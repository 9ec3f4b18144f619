/** Calls the other side's webhooks: in order within a thread, again until it is taken, and not for ever. */
import type { Clock } from '../time.ts'

export interface Hook {
  /** Those of one thread go one after the other. */
  thread: string
  url: string
  body: string
  /** Made anew for each try: some sign the time too. */
  headers(): Readonly<Record<string, string>>
}

export interface Hooks {
  call(hook: Hook): void
  /** Calls that were not taken yet, those that wait for another try included. */
  readonly waiting: number
  /** Of these, those that are under way now. */
  readonly underWay: number
  stop(): void
}

export interface HooksOptions {
  clock: Clock
  /** How long to wait before each further try. */
  waitsMs: readonly number[]
  timeoutMs: number
}

const waitingMax = 20_000

export function createHooks({ clock, waitsMs, timeoutMs }: HooksOptions): Hooks {
  const threads = new Map<string, Hook[]>()
  const stopped = new AbortController()
  let waiting = 0
  let underWay = 0

  const isTaken = async (hook: Hook): Promise<boolean> => {
    const late = new AbortController()
    const timer = new AbortController()
    void clock.sleep(timeoutMs, timer.signal).then(() => late.abort())
    underWay += 1
    try {
      const signal = AbortSignal.any([late.signal, stopped.signal])
      const reply = await fetch(hook.url, { method: 'POST', headers: hook.headers(), body: hook.body, signal })
      await reply.arrayBuffer()
      return reply.ok
    } catch {
      return false
    } finally {
      underWay -= 1
      timer.abort()
    }
  }
  const insist = async (hook: Hook) => {
    for (const waitMs of [0, ...waitsMs]) {
      if (waitMs > 0) await clock.sleep(waitMs, stopped.signal)
      if (stopped.signal.aborted || (await isTaken(hook))) return
    }
  }
  const work = async (thread: string, queue: Hook[]) => {
    for (let next = queue[0]; next !== undefined && !stopped.signal.aborted; next = queue[0]) {
      await insist(next)
      queue.shift()
      waiting -= 1
    }
    threads.delete(thread)
  }
  return {
    call(hook) {
      if (stopped.signal.aborted || waiting >= waitingMax) return
      waiting += 1
      const queue = threads.get(hook.thread)
      if (queue !== undefined) return void queue.push(hook)
      const begun = [hook]
      threads.set(hook.thread, begun)
      void work(hook.thread, begun)
    },
    get waiting() {
      return stopped.signal.aborted ? 0 : waiting
    },
    get underWay() {
      return underWay
    },
    stop: () => stopped.abort(),
  }
}
