/** What stands between one process and everything else: it can stand still, die, and lose the database for a while. */
import type { Chance } from '../../src/lib/chance.ts'
import { GatewayError } from '../../src/model/errors.ts'
import { createClock, type Gate } from './clock.ts'
import type { FaultCount, History } from './history.ts'
import type { Scheduler } from './scheduler.ts'

export interface DatabaseFaults {
  errorBefore: number
  errorAfter: number
  slow: number
  /** How long a slow statement takes at most. */
  slowMaxMs: number
  awayUntilMs: number
}

export interface PortOptions {
  label: string
  scheduler: Scheduler
  chance: Chance
  history: History
  faults: DatabaseFaults
}

export function unavailable(): GatewayError {
  return new GatewayError('SERVICE_UNAVAILABLE', 'The database cannot be reached right now.', { retryAfterMs: 1_000 })
}

/** What a statement locks while it runs. */
export interface LockedRows {
  take(taken: () => void): void
  give(): void
}

const free: LockedRows = { take: (taken) => taken(), give: () => undefined }

const forever = <T>() => new Promise<T>(() => undefined)

export class Port implements Gate {
  readonly label: string
  readonly options: PortOptions
  state: 'running' | 'paused' | 'dead' = 'running'
  wallErrorMs = 0
  readonly #backlog: (() => void)[] = []
  readonly #mourners = new Set<() => void>()

  constructor(options: PortOptions) {
    this.label = options.label
    this.options = options
  }

  get clock() {
    return createClock({ scheduler: this.options.scheduler, gate: this, wallErrorMs: () => this.wallErrorMs })
  }

  enter(run: () => void): void {
    if (this.state === 'running') run()
    else if (this.state === 'paused') this.#backlog.push(run)
  }

  pause(): void {
    if (this.state === 'running') this.state = 'paused'
  }

  resume(): void {
    if (this.state !== 'paused') return
    this.state = 'running'
    // What waited comes in one by one, and each may end the process.
    for (let run = this.#backlog.shift(); run !== undefined; run = this.#backlog.shift()) {
      this.options.scheduler.after(0, () => this.enter(run))
    }
  }

  kill(): void {
    if (this.state === 'dead') return
    this.state = 'dead'
    this.#backlog.length = 0
    for (const mourn of [...this.#mourners]) mourn()
    this.#mourners.clear()
  }

  /** Called when the process dies; answers with how to forget it. */
  onDeath(mourn: () => void): () => void {
    this.#mourners.add(mourn)
    return () => this.#mourners.delete(mourn)
  }

  /** An answer from outside: it waits for a process that stands still and never reaches a dead one. */
  gated<T>(work: Promise<T>): Promise<T> {
    if (this.state === 'dead') return forever()
    return new Promise((resolve, reject) => {
      work.then(
        (value) => this.enter(() => resolve(value)),
        (error: unknown) => this.enter(() => reject(error)),
      )
    })
  }

  /**
   * One statement: on its way for a while, then done at one moment, then its answer on the way back. Its idea of
   * "now" is of when it reached the database; on a lock it may wait and be done a little later.
   */
  statement<T>(name: string, effect: (nowMs: number) => T, rows: LockedRows = free): Promise<T> {
    if (this.state === 'dead') return forever()
    return new Promise((resolve, reject) => {
      const fail = (kind: keyof FaultCount) => {
        this.options.history.hit(kind)
        this.options.history.say(this.label, `${name} fails: ${kind}`)
        this.#after(this.#travelMs(), () => this.enter(() => reject(unavailable())))
      }
      this.#after(this.#travelMs(), () => {
        const { scheduler, chance, faults } = this.options
        const startedMs = scheduler.nowMs()
        // Half of what a process sent in its last moment never arrives.
        if (this.state === 'dead' && chance.happens(0.5)) return
        if (startedMs < faults.awayUntilMs) return fail('database away')
        if (chance.happens(faults.errorBefore)) return fail('database error before')
        rows.take(() =>
          this.#after(this.#lagMs(), () => {
            const done = outcomeOf(() => effect(startedMs))
            rows.give()
            if (chance.happens(faults.errorAfter)) return fail('database error after')
            this.#after(this.#travelMs(), () =>
              this.enter(() => ('error' in done ? reject(done.error) : resolve(done.value))),
            )
          }),
        )
      })
    })
  }

  /** Most of the time nothing is worth a turn of the scheduler, which keeps a run short. */
  #travelMs(): number {
    const { chance } = this.options
    return chance.happens(0.3) ? chance.between(1, 8) : 0
  }

  #lagMs(): number {
    const { chance, faults, history } = this.options
    if (!chance.happens(faults.slow)) return 0
    history.hit('database slow')
    return chance.between(1, chance.happens(0.1) ? faults.slowMaxMs : 40)
  }

  #after(ms: number, run: () => void): void {
    if (ms === 0) run()
    else this.options.scheduler.after(ms, run)
  }
}

function outcomeOf<T>(effect: () => T): { value: T } | { error: unknown } {
  try {
    return { value: effect() }
  } catch (error) {
    return { error }
  }
}
