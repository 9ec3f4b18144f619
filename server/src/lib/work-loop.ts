/** Claim, run, settle: the loop of the outbox and of whatever else works through a table. */
import type { Clock } from './clock.ts'

export interface WorkLoopOptions<Item> {
  clock: Clock
  concurrency: number
  pollMs: number
  claim(itemsMax: number): Promise<readonly Item[]>
  /** Must not reject: what fails is part of the work. */
  run(item: Item): Promise<void>
  onError(error: unknown): void
}

const errorPauseMs = 1_000

export class WorkLoop<Item> {
  readonly #options: WorkLoopOptions<Item>
  readonly #running = new Set<Promise<void>>()
  #stopping = false
  #loop: Promise<void> | null = null
  #woken = false
  #rouse: (() => void) | null = null
  #claimedAt: number

  constructor(options: WorkLoopOptions<Item>) {
    this.#options = options
    this.#claimedAt = options.clock.monotonic()
  }

  get stopping(): boolean {
    return this.#stopping
  }

  /** When the loop last asked for work and got an answer, on the monotonic clock. */
  get lastClaimAt(): number {
    return this.#claimedAt
  }

  start(): void {
    this.#stopping = false
    this.#loop ??= this.#forever()
  }

  /** There may be work. Cheap; many calls are one. */
  wake(): void {
    this.#woken = true
    this.#rouse?.()
  }

  /** Claims nothing more and resolves when what runs has finished. */
  async stop(): Promise<void> {
    this.#stopping = true
    this.#rouse?.()
    await this.#loop
    this.#loop = null
    await Promise.all(this.#running)
  }

  async #forever(): Promise<void> {
    while (!this.#stopping) {
      try {
        await this.#turn()
      } catch (error) {
        this.#options.onError(error)
        this.#woken = false
        await this.#pause(errorPauseMs)
      }
    }
  }

  async #turn(): Promise<void> {
    const { clock, concurrency, pollMs, claim } = this.#options
    const free = concurrency - this.#running.size
    // Also while nothing is free: else a loop that was woken when full would never let anything end.
    this.#woken = false
    if (free <= 0) return this.#pause(pollMs)
    const items = await claim(free)
    this.#claimedAt = clock.monotonic()
    for (const item of items) this.#launch(item)
    if (items.length < free) await this.#pause(pollMs)
  }

  #launch(item: Item): void {
    const { run, onError, concurrency } = this.#options
    const work: Promise<void> = run(item)
      .catch(onError)
      .finally(() => {
        const wasFull = this.#running.size >= concurrency
        this.#running.delete(work)
        if (wasFull) this.wake()
      })
    this.#running.add(work)
  }

  async #pause(ms: number): Promise<void> {
    if (this.#woken || this.#stopping) return
    const nap = new AbortController()
    this.#rouse = () => nap.abort()
    await this.#options.clock.sleep(ms, nap.signal)
    this.#rouse = null
  }
}
