/** What the SMSC holds for its customers until they acknowledge it: in order within a lane, again and again if need be. */
import type { Clock } from '../../time.ts'
import type { Session } from './texts.ts'

export type Fields = Record<string, string | number | Buffer>

export interface DeliveriesOptions {
  clock: Clock
  /** A session that takes deliveries for this number now; null: nobody is there. */
  sessionFor(to: string): Session | null
}

interface Lane {
  to: string
  waiting: Piece[]
}

interface Piece {
  fields: Fields
  acknowledged?: (() => void) | undefined
}

const answerMs = 10_000
const pauseMs = { first: 20, longest: 2_000 }
/** Deliveries without an answer at one time. */
const windowMax = 50
const waitingMax = 50_000

export class Deliveries {
  readonly #options: DeliveriesOptions
  readonly #lanes = new Map<string, Lane>()
  readonly #stop = new AbortController()
  /** Aborts when somebody has come who may take what waits. */
  #come = new AbortController()
  readonly #turns: (() => void)[] = []
  #underWay = 0
  #waiting = 0
  #repeats = 0

  constructor(options: DeliveriesOptions) {
    this.#options = options
  }

  get waiting(): number {
    return this.#waiting
  }

  /** How often something was delivered and not acknowledged, so that it comes again. */
  get repeats(): number {
    return this.#repeats
  }

  /** What is in one lane arrives in its order. `acknowledged`: the last piece was. */
  put(lane: string, to: string, all: readonly Fields[], acknowledged?: () => void): void {
    if (this.#stop.signal.aborted) return
    const pieces = all.map((fields, at): Piece => (at === all.length - 1 ? { fields, acknowledged } : { fields }))
    if (this.#waiting + pieces.length > waitingMax) throw new Error('The SMSC holds no more than 50,000 deliveries.')
    this.#waiting += pieces.length
    const known = this.#lanes.get(lane)
    if (known !== undefined) {
      known.waiting.push(...pieces)
      return
    }
    const added: Lane = { to, waiting: pieces }
    this.#lanes.set(lane, added)
    void this.#run(lane, added)
  }

  /** Somebody bound: what waits goes out. */
  wake(): void {
    this.#come.abort()
    this.#come = new AbortController()
  }

  stop(): void {
    this.#stop.abort()
    for (const turn of this.#turns.splice(0)) turn()
  }

  async #run(name: string, lane: Lane): Promise<void> {
    let pause = pauseMs.first
    for (let next = lane.waiting[0]; next !== undefined; next = lane.waiting[0]) {
      await this.#turn()
      if (this.#stop.signal.aborted) return
      const isTaken = await this.#deliver(lane.to, next.fields)
      this.#underWay -= 1
      this.#turns.shift()?.()
      if (isTaken) {
        lane.waiting.shift()
        this.#waiting -= 1
        next.acknowledged?.()
        pause = pauseMs.first
        continue
      }
      await this.#options.clock.sleep(pause, AbortSignal.any([this.#stop.signal, this.#come.signal]))
      if (this.#stop.signal.aborted) return
      pause = Math.min(2 * pause, pauseMs.longest)
    }
    this.#lanes.delete(name)
  }

  async #turn(): Promise<void> {
    while (this.#underWay >= windowMax && !this.#stop.signal.aborted) {
      await new Promise<void>((resolve) => this.#turns.push(resolve))
    }
    this.#underWay += 1
  }

  async #deliver(to: string, fields: Fields): Promise<boolean> {
    const session = this.#options.sessionFor(to)
    if (session === null) {
      await this.#options.clock.sleep(pauseMs.longest, AbortSignal.any([this.#stop.signal, this.#come.signal]))
      return false
    }
    const done = new AbortController()
    let isTaken = false
    const gone = () => done.abort()
    session.socket.once('close', gone)
    const sent = session.deliver_sm(fields, ({ command_status }) => {
      isTaken = command_status === 0
      done.abort()
    })
    if (sent) await this.#options.clock.sleep(answerMs, AbortSignal.any([this.#stop.signal, done.signal]))
    session.socket.off('close', gone)
    if (!isTaken) this.#repeats += 1
    return isTaken
  }
}
