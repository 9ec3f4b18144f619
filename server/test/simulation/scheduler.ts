/** Virtual time: a heap of what is to happen, and a run that moves on only when every promise has settled. */

export interface Timer {
  dueMs: number
  order: number
  /** Null once it has run or was cancelled. */
  run: (() => void) | null
  /** A poll: somebody looks whether there is work. It keeps nobody from coming to rest. */
  poll: boolean
}

export interface Scheduler {
  nowMs(): number
  /** Time that was skipped because nothing but polls would have happened in it. */
  skippedMs(): number
  after(ms: number, run: () => void, poll?: boolean): Timer
  cancel(timer: Timer): void
  /** When the next thing happens that is not a poll; Infinity when nothing is left. */
  nextWorkMs(): number
  /** Runs until `ended` says so or nothing is left. Rejects with what a step throws. */
  run(ended: () => boolean): Promise<void>
  steps(): number
}

/** Polls are skipped in whole rounds of all of them, so that they keep their places in time. */
const pollRoundMs = 2_000

/**
 * A step runs in Node's queue of ticks. Once that queue is empty Node runs the queue of promises until it is empty
 * too, and only then looks for ticks again; so the next tick is asked for from within a promise. That way a step sees
 * everything settled that the one before it began, and does not cost a turn of the event loop.
 *
 * `quietUntil` allows hours without work to cost nothing: until then, polls would find nothing. It answers with the
 * present when it cannot say so.
 */
export function createScheduler(options: { quietUntil(): number; skipped(ms: number): void }): Scheduler {
  const work: Timer[] = []
  /** Their times are kept without what was skipped, so that skipping moves all of them at once. */
  const polls: Timer[] = []
  let nowMs = 0
  let skippedMs = 0
  let order = 0
  let steps = 0

  const trim = (heap: Timer[]): Timer | undefined => {
    while (heap[0] !== undefined && heap[0].run === null) pop(heap)
    return heap[0]
  }

  function next(): Timer | undefined {
    const busy = trim(work)
    const poll = trim(polls)
    if (poll === undefined) return busy
    if (busy !== undefined && busy.dueMs <= poll.dueMs + skippedMs) return busy
    const quietMs = Math.min(busy?.dueMs ?? Number.POSITIVE_INFINITY, options.quietUntil())
    const rounds = Math.floor((quietMs - poll.dueMs - skippedMs) / pollRoundMs) - 1
    if (rounds > 0 && Number.isFinite(rounds)) {
      skippedMs += rounds * pollRoundMs
      options.skipped(rounds * pollRoundMs)
    }
    return poll
  }

  function step(): void {
    const timer = next()
    if (timer === undefined) return
    pop(timer.poll ? polls : work)
    nowMs = Math.max(nowMs, timer.dueMs + (timer.poll ? skippedMs : 0))
    steps += 1
    const { run } = timer
    timer.run = null
    run?.()
  }

  return {
    nowMs: () => nowMs,
    skippedMs: () => skippedMs,
    steps: () => steps,
    nextWorkMs: () => trim(work)?.dueMs ?? Number.POSITIVE_INFINITY,
    after(ms, run, poll = false) {
      const dueMs = nowMs + Math.max(0, ms) - (poll ? skippedMs : 0)
      const timer = { dueMs, order: order++, run, poll }
      push(poll ? polls : work, timer)
      return timer
    },
    cancel(timer) {
      timer.run = null
    },
    run: (ended) =>
      new Promise((resolve, reject) => {
        const turn = () => {
          try {
            if (ended() || (trim(work) === undefined && trim(polls) === undefined)) return resolve()
            step()
          } catch (error) {
            return reject(error)
          }
          queueMicrotask(later)
        }
        const later = () => process.nextTick(turn)
        process.nextTick(turn)
      }),
  }
}

function before(one: Timer, other: Timer): boolean {
  return one.dueMs === other.dueMs ? one.order < other.order : one.dueMs < other.dueMs
}

function push(heap: Timer[], added: Timer): void {
  let at = heap.length
  heap.push(added)
  while (at > 0) {
    const above = (at - 1) >> 1
    if (before(heap[above]!, added)) break
    heap[at] = heap[above]!
    at = above
  }
  heap[at] = added
}

function pop(heap: Timer[]): void {
  const last = heap.pop()
  if (last === undefined || heap.length === 0) return
  let at = 0
  for (;;) {
    let child = 2 * at + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child += 1
    if (before(last, heap[child]!)) break
    heap[at] = heap[child]!
    at = child
  }
  heap[at] = last
}
