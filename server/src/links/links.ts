/** Holds lines for this process: takes them, opens their connections, renews the lease, drops what is lost. */
import type { Connection, Host, Incoming, Providers } from '../channels/connector.ts'
import type { Clock } from '../lib/clock.ts'
import type { SealedBox } from '../lib/sealed-box.ts'
import type { Inbox, Source } from '../messaging/inbox.ts'
import type { Capabilities, Channel } from '../model/channel.ts'
import type { CustomerId, Handle, LineId } from '../model/ids.ts'
import type { LinkState } from '../model/line.ts'
import type { Fence } from '../store/changes.ts'
import type { StoredLine } from '../store/lines.ts'
import type { HeldLine } from '../store/nodes.ts'
import type { VaultStore } from '../store/vault.ts'
import { ownerOf } from './owner.ts'
import { callbackUrlOf, connectorOf, settingsOf } from './settings.ts'

export interface LinksLedger {
  beat(node: number): Promise<boolean>
  bury(node: number, leaseMs: number): Promise<number[]>
  renewLanes(node: number, fences: readonly Fence[], leaseMs: number): Promise<Set<Fence>>
  renewLines(node: number, leaseMs: number): Promise<HeldLine[]>
  takeLines(node: number, leaseMs: number): Promise<HeldLine[]>
  releaseLine(node: number, line: HeldLine): Promise<void>
  setLink(line: HeldLine, channel: Channel, state: LinkState): Promise<boolean>
}

export interface LinksLog {
  info(facts: object, message: string): void
  warn(facts: object, message: string): void
  error(facts: object, message: string): void
}

export interface LinksOptions {
  ledger: LinksLedger
  vault: VaultStore
  providers: Providers
  box: Pick<SealedBox, 'open'>
  publicUrl(): string
  inbox: Inbox
  /** Null: nobody has this address. */
  lineAt(address: Handle): Promise<StoredLine | null>
  clock: Clock
  node(): number
  laneLeaseMs: number
  /** Takes a new number among the processes. */
  rename(): Promise<void>
  fences(): Fence[]
  lose(fences: readonly Fence[]): void
  /** Lines came or went: there may be work. */
  moved(): void
  changed(line: HeldLine, channel: Channel, state: LinkState): Promise<void>
  log: LinksLog
}

const lineLeaseMs = 15_000
const beatMs = 2_000
const startWithinMs = 10_000

interface Held {
  line: HeldLine
  connections: Map<Channel, Connection>
  /** Every connection has started, or has had its time: until then nothing is sent, so that no try is wasted. */
  ready: boolean
  closed: boolean
  /** Links that the network ended, and when they are started anew. */
  ended: Map<Channel, Restart>
}

interface Restart {
  /** Null while it runs. */
  dueMs: number | null
  pauseMs: number
}

/** A network that goes on ending a link is asked less and less often. */
const restartPauseMs = { first: 2_000, longest: 300_000 }

export class Links {
  readonly #options: LinksOptions
  readonly #held = new Map<LineId, Held>()
  readonly #stopping = new AbortController()
  #look = new AbortController()
  #loop: Promise<void> | null = null
  #states: Promise<void> = Promise.resolve()
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
    return this.#held.get(lineId)?.connections.get(channel) ?? null
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
      this.#look = new AbortController()
      await clock.sleep(beatMs, AbortSignal.any([this.#look.signal, this.#stopping.signal]))
      if (this.#stopping.signal.aborted) return
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
    this.#restartEnded()
    this.#safeUntil = startedAt + lineLeaseMs
    if (buried.length > 0) this.#options.moved()
  }

  async #renewLanes(node: number): Promise<void> {
    const fences = this.#options.fences()
    const kept = await this.#options.ledger.renewLanes(node, fences, this.#options.laneLeaseMs)
    this.#options.lose(fences.filter((fence) => !kept.has(fence)))
  }

  /** A line that changed its channels, its address, its settings or its epoch is opened anew. */
  async #adjust(line: HeldLine): Promise<void> {
    const known = this.#held.get(line.id)
    if (known !== undefined && isSame(known.line, line)) return
    if (known !== undefined) await this.#close(known)
    this.#open(line)
  }

  #open(line: HeldLine): void {
    const held: Held = { line, connections: new Map(), ready: false, closed: false, ended: new Map() }
    this.#held.set(line.id, held)
    for (const channel of line.channels) {
      const connector = connectorOf(this.#options.providers, line, channel)
      if (connector === null) continue
      const settings = settingsOf(this.#options.box, line, channel)
      held.connections.set(channel, connector.open(settings, this.#hostFor(held, channel)))
    }
    // A network that is slow to connect must not keep the heartbeat waiting.
    void this.#connect(held)
  }

  async #connect(held: Held): Promise<void> {
    const { clock, log, moved } = this.#options
    const starts = [...held.connections].map(([channel, connection]) =>
      connection
        .start()
        .catch((error: unknown) => log.error({ err: error, line: held.line.id, channel }, 'a link failed to start')),
    )
    const done = new AbortController()
    await Promise.race([Promise.all(starts), clock.sleep(startWithinMs, done.signal)])
    done.abort()
    held.ready = true
    log.info({ line: held.line.id, epoch: held.line.epoch }, 'line held')
    moved()
  }

  /**
   * A link that another one has replaced does not come back by itself, or the two would push each other out for ever.
   * While the line is ours by its lease it was the other that came late, and ours is started anew.
   */
  #noteEnd(line: HeldLine, channel: Channel, state: LinkState): void {
    const held = this.#held.get(line.id)
    const isOver = state.status === 'disconnected' && state.retryAt === null && state.reason.startsWith('close_')
    if (held === undefined || held.line.epoch !== line.epoch || !isOver) return
    const pauseMs = held.ended.get(channel)?.pauseMs ?? restartPauseMs.first
    held.ended.set(channel, {
      dueMs: this.#options.clock.monotonic() + pauseMs,
      pauseMs: Math.min(2 * pauseMs, restartPauseMs.longest),
    })
  }

  #restartEnded(): void {
    const { clock, log } = this.#options
    for (const { line, connections, ended } of this.#held.values()) {
      for (const [channel, restart] of ended) {
        if (restart.dueMs === null || restart.dueMs > clock.monotonic()) continue
        restart.dueMs = null
        log.warn({ line: line.id, channel }, 'the network ended this link; it is started anew')
        connections
          .get(channel)
          ?.start()
          .catch((error: unknown) => log.error({ err: error, line: line.id, channel }, 'a link failed to start'))
      }
    }
  }

  #hostFor(held: Held, channel: Channel): Host {
    const { line } = held
    const { ledger, vault, inbox, log, changed, lineAt } = this.#options
    const { id: lineId, customerId, address, email } = line
    const source: Source = { customerId, lineId, address, email, channel }
    const link = { lineId: line.id, channel, epoch: line.epoch }
    return {
      receive: async (event: Incoming) => {
        if (this.#held.get(line.id)?.line.epoch !== line.epoch) throw new Error('This link is closed.')
        await inbox.receive(await ownerOf(event, { line, source, lineAt }), event)
      },
      setState: (state) => {
        // Closed: a start that was still under way may report, but nobody is left to tell.
        if (held.closed) return
        this.#noteEnd(line, channel, state)
        // One after the other, so that the last state told is the last one stored.
        this.#states = this.#states
          .then(async () => {
            if (await ledger.setLink(line, channel, state)) await changed(line, channel, state)
          })
          .catch((error: unknown) =>
            log.error({ err: error, line: line.id, channel }, 'a link state could not be stored'),
          )
      },
      vault: {
        get: (key) => vault.get(link, key),
        getAll: (keys) => vault.getAll(link, keys),
        keys: (prefix) => vault.keys(link, prefix),
        put: (entries) => vault.put(link, entries),
      },
      log,
      callbackUrl: (topic) => callbackUrlOf(this.#options.publicUrl(), { lineId, channel, topic }),
    }
  }

  async #close(held: Held): Promise<void> {
    const { line, connections } = held
    if (this.#held.get(line.id)?.line.epoch === line.epoch) this.#held.delete(line.id)
    for (const connection of connections.values()) await connection.stop()
    held.closed = true
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

  async #giveBack(held: Held): Promise<void> {
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

function isSame(one: HeldLine, other: HeldLine): boolean {
  return (
    one.epoch === other.epoch &&
    one.address === other.address &&
    one.customerId === other.customerId &&
    one.url === other.url &&
    (one.secret ?? '').toString() === (other.secret ?? '').toString() &&
    JSON.stringify(one.channelProviders) === JSON.stringify(other.channelProviders) &&
    one.channels.join() === other.channels.join()
  )
}
