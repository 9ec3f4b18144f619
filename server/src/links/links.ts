/** Holds lines for this process: takes them, opens their connections, renews the lease, drops what is lost. */
import type { Connection } from '../channels/connector.ts'
import type { Capabilities, Channel } from '../model/channel.ts'
import type { CustomerId, LineId } from '../model/ids.ts'
import type { LinkState } from '../model/line.ts'
import type { Fence } from '../store/changes.ts'
import type { HeldLine } from '../store/nodes.ts'
import { type Holder, Holding, type HoldingOptions } from './held.ts'
import { connectorOf } from './settings.ts'

export interface LinksLedger {
  beat(node: number): Promise<boolean>
  bury(node: number, leaseMs: number): Promise<number[]>
  renewLanes(node: number, fences: readonly Fence[], leaseMs: number): Promise<Set<Fence>>
  renewLines(node: number, leaseMs: number): Promise<HeldLine[]>
  takeLines(node: number, leaseMs: number): Promise<HeldLine[]>
  releaseLine(node: number, line: HeldLine): Promise<void>
  /** With the event that tells it. False: it is no news, or another process holds the line by now. */
  setLink(line: HeldLine, channel: Channel, state: LinkState, round: number): Promise<boolean>
}

export interface LinksOptions extends HoldingOptions {
  ledger: LinksLedger
  node(): number
  laneLeaseMs: number
  /** Takes a new number among the processes. */
  rename(): Promise<void>
  fences(): Fence[]
  lose(fences: readonly Fence[]): void
  /** Lines came or went: there may be work. */
  moved(): void
  /** What a link says of itself was stored and told. */
  told(customerId: CustomerId): void
}

const lineLeaseMs = 15_000
const beatMs = 2_000
/** Longer than a lease lasts: whoever cannot write for that long has lost the line, and its links start anew. */
const statePausesMs = [200, 1_000, 5_000, 15_000] as const

interface Said {
  line: HeldLine
  channel: Channel
  state: LinkState
  round: number
  tries: number
}

export class Links {
  readonly #options: LinksOptions
  readonly #held = new Map<LineId, Holding>()
  readonly #stopping = new AbortController()
  readonly #holder: Holder = {
    isHeld: (line) => this.#held.get(line.id)?.line.epoch === line.epoch,
    tell: (line, channel, told) => this.#tell(line, channel, told),
  }
  #look = new AbortController()
  #loop: Promise<void> | null = null
  #states: Promise<void> = Promise.resolve()
  /** What each link said last, until that is stored. */
  readonly #newest = new Map<string, Said>()
  /** By the monotonic clock: after this our leases may have been given away. */
  #safeUntil = 0

  constructor(options: LinksOptions) {
    this.#options = options
  }

  /** Resolves once this process holds what it can hold now. */
  async start(): Promise<void> {
    await this.#beat()
    this.#loop ??= this.#forever()
  }

  /** Stops asking for lines; connections stay until `close`, so that what is being sent can end. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#loop
  }

  async close(): Promise<void> {
    for (const known of [...this.#held.values()]) await this.#giveBack(known)
    // A line that was dropped just now may still have its last state to store.
    await this.#states
  }

  /** Lines changed: do not wait for the next beat. */
  look(): void {
    this.#look.abort()
  }

  held(): { customerId: CustomerId; lineId: LineId }[] {
    return [...this.#held.values()]
      .filter((one) => one.ready)
      .map(({ line }) => ({ customerId: line.customerId, lineId: line.id }))
  }

  connection(lineId: LineId, channel: Channel): Connection | null {
    return this.#held.get(lineId)?.connection(channel) ?? null
  }

  /** What the line's provider can do at most; null: it has no such channel, or the line is not held here. */
  capabilities(lineId: LineId, channel: Channel): Capabilities | null {
    const held = this.#held.get(lineId)
    if (held === undefined) return null
    return connectorOf(this.#options.providers, held.line, channel)?.capabilities ?? null
  }

  async #forever(): Promise<void> {
    const { clock, log } = this.#options
    while (!this.#stopping.signal.aborted) {
      await clock.sleep(beatMs, AbortSignal.any([this.#look.signal, this.#stopping.signal]))
      if (this.#stopping.signal.aborted) return
      // What changes while this beat runs is looked at right after it.
      this.#look = new AbortController()
      try {
        await this.#beat()
      } catch (error) {
        log.error({ err: error }, 'the heartbeat failed')
        await this.#dropStale()
      }
    }
  }

  async #beat(): Promise<void> {
    const { clock, ledger, log } = this.#options
    const startedAt = clock.monotonic()
    if (!(await ledger.beat(this.#options.node()))) {
      log.warn({}, 'others took this process for dead; it starts over under a new number')
      await this.#dropAllBut([])
      await this.#options.rename()
    }
    const node = this.#options.node()
    await this.#renewLanes(node)
    const buried = await ledger.bury(node, lineLeaseMs)
    if (buried.length > 0) log.warn({ nodes: buried }, 'took over from processes that ended without saying so')
    const mine = await ledger.renewLines(node, lineLeaseMs)
    await this.#dropAllBut(mine)
    for (const line of mine) await this.#adjust(line)
    // What was ours a moment ago may be among them, if this process stood still until the lease had run out.
    for (const line of await ledger.takeLines(node, lineLeaseMs)) await this.#adjust(line)
    for (const known of this.#held.values()) known.restartEnded()
    this.#safeUntil = startedAt + lineLeaseMs
    if (buried.length > 0) this.#options.moved()
  }

  async #renewLanes(node: number): Promise<void> {
    const fences = this.#options.fences()
    const kept = await this.#options.ledger.renewLanes(node, fences, this.#options.laneLeaseMs)
    this.#options.lose(fences.filter((fence) => !kept.has(fence)))
  }

  async #adjust(line: HeldLine): Promise<void> {
    const known = this.#held.get(line.id)
    if (known?.isStill(line)) return known.follow(line)
    if (known !== undefined) await this.#close(known)
    const fresh = new Holding(line, this.#options, this.#holder)
    this.#held.set(line.id, fresh)
    void this.#open(fresh)
  }

  async #open(held: Holding): Promise<void> {
    const { log, moved } = this.#options
    await held.open()
    log.info({ line: held.line.id, epoch: held.line.epoch }, 'line held')
    moved()
  }

  /** One after the other, so that the last state told is the last one stored. */
  #tell(line: HeldLine, channel: Channel, { state, round }: { state: LinkState; round: number }): void {
    const said: Said = { line, channel, state, round, tries: 0 }
    this.#newest.set(`${line.id} ${channel}`, said)
    this.#store(said)
  }

  #store(said: Said): void {
    const { line, channel, state, round } = said
    const { ledger, told, log } = this.#options
    this.#states = this.#states
      .then(async () => {
        if (await ledger.setLink(line, channel, state, round)) told(line.customerId)
        this.#forget(said)
      })
      .catch((error: unknown) => {
        log.error({ err: error, line: line.id, channel }, 'a link state could not be stored')
        void this.#storeLater(said)
      })
  }

  /** A link says once how it is, so that nobody would ever learn it. The others do not wait for that. */
  async #storeLater(said: Said): Promise<void> {
    const pauseMs = statePausesMs[said.tries]
    said.tries += 1
    if (pauseMs !== undefined) await this.#options.clock.sleep(pauseMs, this.#stopping.signal)
    const isNewest = this.#newest.get(`${said.line.id} ${said.channel}`) === said
    if (pauseMs !== undefined && isNewest && this.#holder.isHeld(said.line)) this.#store(said)
    else this.#forget(said)
  }

  #forget(said: Said): void {
    const name = `${said.line.id} ${said.channel}`
    if (this.#newest.get(name) === said) this.#newest.delete(name)
  }

  async #close(held: Holding): Promise<void> {
    if (this.#holder.isHeld(held.line)) this.#held.delete(held.line.id)
    await held.close()
  }

  async #dropAllBut(mine: readonly HeldLine[]): Promise<void> {
    const epochs = new Map(mine.map((line) => [line.id, line.epoch]))
    for (const known of [...this.#held.values()]) {
      if (epochs.get(known.line.id) === known.line.epoch) continue
      this.#options.log.warn({ line: known.line.id }, 'line no longer held')
      // Ours still, but no longer to be served: give it back rather than let the lease run out.
      await this.#giveBack(known)
    }
  }

  async #giveBack(held: Holding): Promise<void> {
    await this.#close(held)
    await this.#states
    await this.#options.ledger.releaseLine(this.#options.node(), held.line)
  }

  /** Without renewal nobody knows whether our leases still count: stop before somebody else starts. */
  async #dropStale(): Promise<void> {
    if (this.#options.clock.monotonic() < this.#safeUntil || this.#held.size === 0) return
    this.#options.log.error({ count: this.#held.size }, 'the leases could not be renewed in time; dropping all lines')
    for (const known of [...this.#held.values()]) await this.#close(known)
  }
}
