/** Things to do later, in order: one heap and one sleeper, however many of them are waiting. */
import type { Clock } from './clock.ts'

/** What `after` hands out, to be given to `cancel`. */
export interface Appointment {
  readonly dueMs: number
  readonly order: number
  /** Null once done or cancelled. */
  run: (() => void) | null
}

export class Agenda {
  readonly #clock: Clock
  readonly #heap: Appointment[] = []
  #order = 0
  #waiting = 0
  #underWay = 0
  #sleep: { untilMs: number; waking: AbortController } | null = null
  #idle: (() => void)[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** How many things are waiting or under way. */
  get size(): number {
    return this.#waiting + this.#underWay
  }

  /** How many of them should have been done by now. */
  get due(): number {
    const now = this.#clock.monotonic()
    return this.#heap.filter(({ run, dueMs }) => run !== null && dueMs <= now).length
  }

  /** Things due at the same moment happen in the order they were asked for. */
  after(ms: number, run: () => void): Appointment {
    const made = { dueMs: this.#clock.monotonic() + Math.max(0, ms), order: this.#order++, run }
    push(this.#heap, made)
    this.#waiting += 1
    this.#arm()
    return made
  }

  cancel(appointment: Appointment): void {
    if (appointment.run === null) return
    appointment.run = null
    this.#waiting -= 1
    this.#settled()
  }

  /** Something is under way until the returned function is called; calling it again does nothing. */
  begin(): () => void {
    let isOver = false
    this.#underWay += 1
    return () => {
      if (isOver) return
      isOver = true
      this.#underWay -= 1
      this.#settled()
    }
  }

  /** Counts as under way until it ends, whichever way. */
  async track<T>(work: Promise<T>): Promise<T> {
    const end = this.begin()
    try {
      return await work
    } finally {
      end()
    }
  }

  clear(): void {
    for (const appointment of this.#heap) appointment.run = null
    this.#heap.length = 0
    this.#waiting = 0
    this.#settled()
  }

  /** Resolves when nothing is waiting and nothing is under way. */
  async idle(): Promise<void> {
    // Looked at again after waking, for whoever woke first may have begun something new.
    while (this.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve))
  }

  #settled(): void {
    if (this.#waiting === 0) {
      // What is left was cancelled: nobody should be kept awake for it.
      this.#heap.length = 0
      this.#sleep?.waking.abort()
      this.#sleep = null
    }
    if (this.size > 0) return
    const idle = this.#idle
    this.#idle = []
    for (const resolve of idle) resolve()
  }

  #arm(): void {
    const next = this.#heap[0]
    if (next === undefined || (this.#sleep !== null && this.#sleep.untilMs <= next.dueMs)) return
    this.#sleep?.waking.abort()
    const sleep = { untilMs: next.dueMs, waking: new AbortController() }
    this.#sleep = sleep
    // A sleeper that was replaced wakes as well, at once, and finds that it is no longer the one.
    void this.#clock.sleep(Math.max(0, next.dueMs - this.#clock.monotonic()), sleep.waking.signal).then(() => {
      if (this.#sleep === sleep) this.#runDue()
    })
  }

  #runDue(): void {
    this.#sleep = null
    try {
      for (let next = this.#heap[0]; next !== undefined; next = this.#heap[0]) {
        if (next.run !== null && next.dueMs > this.#clock.monotonic()) break
        pop(this.#heap)
        const { run } = next
        if (run === null) continue
        next.run = null
        this.#waiting -= 1
        run()
      }
    } finally {
      this.#arm()
      this.#settled()
    }
  }
}

function isBefore(one: Appointment, other: Appointment): boolean {
  return one.dueMs === other.dueMs ? one.order < other.order : one.dueMs < other.dueMs
}

function push(heap: Appointment[], added: Appointment): void {
  let at = heap.length
  heap.push(added)
  while (at > 0) {
    const above = (at - 1) >> 1
    const parent = heap[above]
    if (parent === undefined || isBefore(parent, added)) break
    heap[at] = parent
    at = above
  }
  heap[at] = added
}

function pop(heap: Appointment[]): void {
  const last = heap.pop()
  if (last === undefined || heap.length === 0) return
  let at = 0
  for (;;) {
    const left = heap[2 * at + 1]
    const right = heap[2 * at + 2]
    if (left === undefined) break
    const isRight = right !== undefined && isBefore(right, left)
    const child = isRight ? right : left
    if (isBefore(last, child)) break
    heap[at] = child
    at = 2 * at + (isRight ? 2 : 1)
  }
  heap[at] = last
}
