/** The life of a line's link to WhatsApp: connects, shows codes to scan, comes back, and ends when it has to. */

import type { Clock } from '../../../lib/clock.ts'
import { SendFailure } from '../../../model/delivery.ts'
import type { Handle } from '../../../model/ids.ts'
import type { DisconnectReason, LinkState } from '../../../model/line.ts'
import type { Host } from '../../connector.ts'
import { forgetEverything, renewLinkSecret } from '../keys/credentials.ts'
import type { WhatsappSettings } from '../line.ts'
import { afterEnding } from './endings.ts'
import { type Ground, type GroundParts, openGround } from './ground.ts'
import { type End, Live, type LiveParts, type Moment } from './live.ts'
import { type Caches, newCaches } from './socket.ts'

export interface SessionParts {
  settings: WhatsappSettings
  host: Host
  clock: Clock
  chance(): number
  /** How long it is believed which devices somebody has. */
  devicesMs: number
  /** What is done with what comes in, from one start to the next stop. */
  receive(ground: Ground, up: () => Up | null, signal: AbortSignal): Promise<Receiving>
}

export interface Receiving extends Pick<LiveParts, 'group' | 'taps'> {
  heard: GroundParts['heard']
}

/** A link that is connected. */
export interface Up {
  live: Live
  ground: Ground
}

/** From `start` to `stop`. */
interface Run {
  over: AbortController
  live: Live | null
  ground: Ground | null
  ended: Promise<void>
}

const codeMs = { first: 60_000, later: 20_000 } as const
/** A link that was up for so long has recovered from whatever ended the one before. */
const steadyAfterMs = 60_000

export class Session {
  readonly #parts: SessionParts
  readonly #caches: Caches
  #run: Run | null = null
  #up: Up | null = null

  constructor(parts: SessionParts) {
    this.#parts = parts
    this.#caches = newCaches({ now: () => parts.clock.monotonic(), devicesMs: parts.devicesMs })
  }

  /** Null while it is not connected. */
  get up(): Up | null {
    return this.#up
  }

  /** Resolves with the first news: connected, to be paired, or not to be had. */
  start(): Promise<void> {
    if (this.#run !== null) return Promise.resolve()
    const over = new AbortController()
    const run: Run = { over, live: null, ground: null, ended: Promise.resolve() }
    this.#run = run
    return new Promise((resolve) => {
      run.ended = this.#live(run, resolve)
        .catch((error: unknown) => {
          this.#parts.host.log.error({ err: error }, 'a link to WhatsApp failed, and is started anew later')
          this.#report(run, { status: 'disconnected', reason: 'close_0', retryAt: null })
        })
        .finally(() => {
          if (this.#run === run) this.#run = null
          resolve()
        })
    })
  }

  async stop(): Promise<void> {
    const run = this.#run
    if (run === null) return
    await this.#finish(run)
    this.#parts.host.setState({ status: 'disconnected', reason: 'stopped', retryAt: null })
  }

  /** Leaves the account, and keeps nothing of it. The network need not be there for that. */
  async forget(): Promise<void> {
    const run = this.#run
    const { host } = this.#parts
    // First of all: that the network lets us go is not to be taken for its own doing.
    run?.over.abort()
    if (this.#up !== null) await this.#up.live.logOut()
    if (run !== null) await this.#finish(run)
    await this.#forgetAll(run)
    this.#caches.devices.flushAll()
    if (run !== null) host.setState({ status: 'disconnected', reason: 'auth_reset', retryAt: null })
  }

  async pairingCode(phone: Handle): Promise<string> {
    const live = this.#run?.live ?? null
    if (this.#up !== null)
      throw new SendFailure('refused', 'WHATSAPP_ALREADY_CONNECTED', 'This line is linked to a phone already.')
    if (live === null || !live.isShowing)
      throw new SendFailure('refused', 'CONFLICT', 'This line is not waiting to be linked to a phone.')
    return live.pairingCode(phone)
  }

  async #finish(run: Run): Promise<void> {
    run.over.abort()
    await run.live?.close()
    await run.ended
  }

  /** Nothing that was still being written comes back. */
  async #forgetAll(run: Run | null): Promise<void> {
    run?.over.abort()
    await run?.ground?.store.settled()
    await forgetEverything(this.#parts.host.vault)
  }

  /** It ended by itself, and may be started again by whoever hears of it. */
  async #end(run: Run, { reason, forget }: { reason: DisconnectReason; forget: boolean }): Promise<void> {
    if (forget) await this.#forgetAll(run)
    run.over.abort()
    if (this.#run !== run) return
    this.#run = null
    this.#parts.host.setState({ status: 'disconnected', reason, retryAt: null })
  }

  async #live(run: Run, news: () => void): Promise<void> {
    const { clock, chance } = this.#parts
    const { signal } = run.over
    let failures = 0
    this.#report(run, { status: 'connecting' })
    const lost = () => {
      run.over.abort()
      void run.live?.close()
    }
    const ground: Ground = await openGround({
      ...this.#parts,
      signal,
      lost,
      heard: (message) => receiving.heard(message),
    })
    run.ground = ground
    const receiving = await this.#parts.receive(ground, () => this.#up, signal)
    await ground.journal.resume()
    while (!signal.aborted) {
      const began = clock.monotonic()
      const { code, isPaired, reason } = await this.#connect(run, { ground, receiving, news })
      if (signal.aborted) return
      failures = clock.monotonic() - began > steadyAfterMs ? 1 : failures + 1
      const next = reason === null ? afterEnding({ code, isPaired, failures }, chance()) : ended(reason)
      if (next.do === 'restart') continue
      if (next.do === 'end') return this.#end(run, next)
      const retryAt = new Date(clock.now() + next.afterMs).toISOString()
      this.#report(run, { status: 'disconnected', reason: next.reason, retryAt })
      news()
      await clock.sleep(next.afterMs, signal)
      this.#report(run, { status: 'connecting' })
    }
  }

  /** One connection, from its making to its end. */
  async #connect(run: Run, parts: { ground: Ground; receiving: Receiving; news(): void }): Promise<End> {
    const { host, settings, clock } = this.#parts
    const { ground, receiving, news } = parts
    const live: Live = new Live({
      ...{ ground, settings, caches: this.#caches, log: host.log, clock, ...receiving },
      adopt: (number) => host.adopt(number),
      moments: (moment) => {
        if (moment.kind === 'paired') {
          ground.acquaintances.paired()
          renewLinkSecret(ground.credentials)
          // As with every change of them: a write that fails is repeated, or has ended the link.
          void ground.writer.save().catch(() => {})
          return
        }
        if (moment.kind === 'open') this.#up = { live, ground }
        this.#report(run, this.#stateAfter(moment))
        news()
      },
    })
    run.live = live
    try {
      return await live.ended
    } finally {
      run.live = null
      this.#up = null
    }
  }

  #stateAfter(moment: Exclude<Moment, { kind: 'paired' }>): LinkState {
    const now = this.#parts.clock.now()
    if (moment.kind === 'open')
      return { status: 'connected', identity: moment.identity, warnings: [], since: new Date(now).toISOString() }
    const expiresAt = new Date(now + (moment.isFirst ? codeMs.first : codeMs.later)).toISOString()
    return { status: 'pairing', qr: moment.qr, expiresAt }
  }

  /** What a connection says after its end is nobody's news. */
  #report(run: Run, state: LinkState): void {
    if (!run.over.signal.aborted && this.#run === run) this.#parts.host.setState(state)
  }
}

function ended(reason: DisconnectReason) {
  return { do: 'end', reason, forget: true } as const
}
