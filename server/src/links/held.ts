/** One line while this process holds it: a connection for each of its channels, up or down as its owner has ordered. */
import type { Connection, Host, Incoming, Providers } from '../channels/connector.ts'
import type { Clock } from '../lib/clock.ts'
import type { SealedBox } from '../lib/sealed-box.ts'
import type { Inbox, Source } from '../messaging/inbox.ts'
import type { Channel } from '../model/channel.ts'
import type { Handle } from '../model/ids.ts'
import { type LinkOrder, type LinkState, orderFor } from '../model/line.ts'
import { providerAt, type StoredLine } from '../store/lines.ts'
import type { HeldLine } from '../store/nodes.ts'
import type { VaultStore } from '../store/vault.ts'
import { ownerOf } from './owner.ts'
import { callbackUrlOf, connectorOf, settingsOf } from './settings.ts'

export interface LinksLog {
  info(facts: object, message: string): void
  warn(facts: object, message: string): void
  error(facts: object, message: string): void
}

export interface HoldingOptions {
  vault: VaultStore
  providers: Providers
  box: Pick<SealedBox, 'open'>
  publicUrl(): string
  inbox: Inbox
  /** Null: nobody has this address. */
  lineAt(address: Handle): Promise<StoredLine | null>
  /** False: the line has another address, or another line has this one. */
  adopt(line: HeldLine, address: Handle): Promise<boolean>
  clock: Clock
  log: LinksLog
}

/** What a held line asks of whoever holds the leases. */
export interface Holder {
  isHeld(line: HeldLine): boolean
  /** Stores and tells what a link says of itself, one thing after the other. */
  tell(line: HeldLine, channel: Channel, told: { state: LinkState; round: number }): void
}

const startWithinMs = 10_000
/** A network that goes on ending a link is asked less and less often. */
const restartPauseMs = { first: 2_000, longest: 300_000 }

interface Link extends Standing {
  connection: Connection
}

interface Standing {
  channel: Channel
  /** Of the settings it was opened with. */
  mark: string
  order: LinkOrder
  /** What it last said, and how often it has said anything. */
  state: LinkState | null
  said: number
  begun: boolean
  /** Closing: nothing is started any more, but its last words still count. */
  phase: 'open' | 'closing' | 'closed'
  /** A start waits for the stop before it. */
  stopping: Promise<void>
  /** Set when the network has ended it: when it is started anew; `dueMs` is null while that runs. */
  restart: { dueMs: number | null; pauseMs: number } | null
}

export class Holding {
  readonly #options: HoldingOptions
  readonly #holder: Holder
  readonly #links = new Map<Channel, Link>()
  #line: HeldLine
  #ready = false

  constructor(line: HeldLine, options: HoldingOptions, holder: Holder) {
    this.#line = line
    this.#options = options
    this.#holder = holder
  }

  get line(): HeldLine {
    return this.#line
  }

  /** Every connection has started, or has had its time: until then nothing is sent, so that no try is wasted. */
  get ready(): boolean {
    return this.#ready
  }

  connection(channel: Channel): Connection | null {
    return this.#links.get(channel)?.connection ?? null
  }

  /**
   * A line that changed its owner, its address or its epoch is another one to all of its networks; one that only now got
   * an address is the same.
   */
  isStill(line: HeldLine): boolean {
    const { epoch, address, customerId } = this.#line
    const isSameAddress = address === null || line.address === null || address === line.address
    return epoch === line.epoch && isSameAddress && customerId === line.customerId
  }

  /** Resolves once it is ready. A network that is slow to connect must not keep the heartbeat waiting. */
  async open(): Promise<void> {
    const { clock } = this.#options
    const starts = this.#openMissing().map((link) => this.#obey(link, link.order))
    const done = new AbortController()
    await Promise.race([Promise.all(starts), clock.sleep(startWithinMs, done.signal)])
    done.abort()
    this.#ready = true
  }

  /** Does what has been ordered since, and opens or closes channels whose settings changed; the others stay as they are. */
  async follow(line: HeldLine): Promise<void> {
    // What was read a moment ago may be older than the address that we were paired with.
    this.#line = { ...line, address: line.address ?? this.#line.address }
    for (const link of [...this.#links.values()]) {
      if (!line.channels.includes(link.channel) || link.mark !== markOf(line, link.channel)) await this.#drop(link)
    }
    const fresh = new Set(this.#openMissing())
    for (const link of this.#links.values()) {
      const order = orderFor(line, link.channel)
      if (fresh.has(link) || order.round !== link.order.round || order.stopped !== link.order.stopped)
        void this.#obey(link, order)
    }
  }

  /** Links that the network ended, and whose pause is over. */
  restartEnded(): void {
    const { clock, log } = this.#options
    for (const link of this.#links.values()) {
      const { restart, channel } = link
      if (restart === null || restart.dueMs === null || restart.dueMs > clock.monotonic()) continue
      restart.dueMs = null
      log.warn({ line: this.#line.id, channel }, 'the network ended this link; it is started anew')
      void this.#start(link)
    }
  }

  async close(): Promise<void> {
    for (const link of [...this.#links.values()]) await this.#drop(link)
  }

  #openMissing(): Link[] {
    const { providers, box } = this.#options
    return this.#line.channels.flatMap((channel) => {
      const connector = connectorOf(providers, this.#line, channel)
      if (connector === null || this.#links.has(channel)) return []
      const mark = markOf(this.#line, channel)
      const order = orderFor(this.#line, channel)
      const standing: Standing = { ...blank, channel, mark, order }
      const connection = connector.open(settingsOf(box, this.#line, channel), this.#hostFor(standing))
      const link: Link = Object.assign(standing, { connection })
      this.#links.set(channel, link)
      return [link]
    })
  }

  async #drop(link: Link): Promise<void> {
    link.phase = 'closing'
    await link.connection.stop()
    link.phase = 'closed'
    this.#links.delete(link.channel)
  }

  /** Never rejects. */
  async #obey(link: Link, order: LinkOrder): Promise<void> {
    link.order = order
    link.restart = null
    if (order.stopped === null) return this.#start(link)
    await this.#stop(link)
    if (link.order === order) this.#say(link, { status: 'disconnected', reason: order.stopped, retryAt: null })
  }

  async #stop(link: Link): Promise<void> {
    if (!link.begun) return
    const stopped = link.connection.stop()
    const before = link.stopping
    link.stopping = stopped.then(
      () => before,
      (error: unknown) => this.#failed(error, link, 'a link failed to stop'),
    )
    await link.stopping
  }

  /** A connection that has started has nothing to do and nothing to say: what it said before holds under this order too. */
  async #start(link: Link): Promise<void> {
    await link.stopping
    if (link.phase !== 'open' || link.order.stopped !== null) return
    const { said, order } = link
    link.begun = true
    await link.connection.start().catch((error: unknown) => this.#failed(error, link, 'a link failed to start'))
    if (link.said === said && link.state !== null && link.order === order) this.#say(link, link.state)
  }

  #failed(error: unknown, { channel }: Standing, message: string): void {
    this.#options.log.error({ err: error, line: this.#line.id, channel }, message)
  }

  #say(link: Standing, state: LinkState): void {
    // Closed: a start that was still under way may report, but nobody is left to tell.
    if (link.phase === 'closed') return
    link.said += 1
    link.state = state
    this.#holder.tell(this.#line, link.channel, { state, round: link.order.round })
  }

  /** Whatever a link says that was ordered to be down, it is down for the reason that was ordered. */
  #hear(link: Standing, said: LinkState): void {
    const { stopped } = link.order
    // Without its pairing it was reset, whoever asked for that.
    const state: LinkState =
      stopped === null && said.status !== 'off'
        ? said
        : { status: 'disconnected', reason: stopped ?? 'auth_reset', retryAt: null }
    if (stopped === null) this.#noteEnd(link, state)
    this.#say(link, state)
  }

  /**
   * A link that another one has replaced does not come back by itself, or the two would push each other out for ever.
   * While the line is ours by its lease it was the other that came late, and ours is started anew.
   */
  #noteEnd(link: Standing, state: LinkState): void {
    const isOver = state.status === 'disconnected' && state.retryAt === null && state.reason.startsWith('close_')
    if (!isOver || !this.#holder.isHeld(this.#line)) return
    const pauseMs = link.restart?.pauseMs ?? restartPauseMs.first
    link.restart = {
      dueMs: this.#options.clock.monotonic() + pauseMs,
      pauseMs: Math.min(2 * pauseMs, restartPauseMs.longest),
    }
  }

  async #adopt(address: Handle): Promise<boolean> {
    if (!(await this.#options.adopt(this.#line, address))) return false
    this.#line = { ...this.#line, address }
    return true
  }

  #hostFor(link: Standing): Host {
    const { vault, inbox, log, lineAt, publicUrl } = this.#options
    const line = this.#line
    const { channel } = link
    const { id: lineId, customerId, email, epoch } = line
    const key = { lineId, channel, epoch }
    return {
      receive: async (event: Incoming) => {
        if (link.phase === 'closed' || !this.#holder.isHeld(line)) throw new Error('This link is closed.')
        const source: Source = { customerId, lineId, address: this.#line.address, email, channel }
        await inbox.receive(await ownerOf(event, { line: this.#line, source, lineAt }), event)
      },
      adopt: (address) => this.#adopt(address),
      setState: (state) => this.#hear(link, state),
      vault: {
        get: (name) => vault.get(key, name),
        getAll: (names) => vault.getAll(key, names),
        keys: (prefix) => vault.keys(key, prefix),
        put: (entries) => vault.put(key, entries),
      },
      log,
      callbackUrl: (topic) => callbackUrlOf(publicUrl(), { lineId, channel, topic }),
    }
  }
}

const blank = { state: null, said: 0, begun: false, phase: 'open', stopping: Promise.resolve(), restart: null } as const

function markOf(line: HeldLine, channel: Channel): string {
  const { provider, url, secret } = providerAt(line, channel)
  return JSON.stringify([provider, url, secret?.toString('base64') ?? null])
}
