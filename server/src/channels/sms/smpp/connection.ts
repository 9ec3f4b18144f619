/** One line's link to its SMSC: bound, bound again when that ends, sending and hearing in between. */
import type { Clock } from '../../../lib/clock.ts'
import type { Capabilities } from '../../../model/channel.ts'
import { SendFailure } from '../../../model/delivery.ts'
import type { Handle } from '../../../model/ids.ts'
import type { Accepted, Connection, Host, Outgoing } from '../../connector.ts'
import { addressOf } from './addresses.ts'
import type { Trouble } from './dial.ts'
import { Heard } from './receiving/heard.ts'
import { Inbound, messageOf } from './receiving/inbound.ts'
import { Journal } from './receiving/journal.ts'
import { Reassembly } from './receiving/reassembly.ts'
import { Sender } from './sending.ts'
import { openSession, type Session, type SessionOptions } from './session.ts'
import type { SmppSettings } from './settings.ts'

export interface SmppTools {
  clock: Clock
  /** From 0 up to, not including, 1. */
  chance(): number
  /** An authority to trust besides the public ones; for tests. */
  ca?: string
}

/** With full jitter, so that many lines do not all come back at once. */
const backOffMs = { first: 250, longest: 5_000 }
/** Refused once, refused again: until somebody changes something there is no hurry. */
const refusedPauseMs = 60_000
/** A bind that held for so long was a good one. */
const steadyMs = 10_000

const rolesOf = { transceiver: ['transceiver'], pair: ['transmitter', 'receiver'] } as const

export class SmppConnection implements Connection {
  readonly capabilities: Capabilities
  readonly actions = {}
  readonly #tools: SmppTools
  readonly #settings: SmppSettings
  readonly #host: Host
  readonly #heard: Heard
  readonly #reassembly: Reassembly
  readonly #sender: Sender
  #running: { stop: AbortController; done: Promise<void> } | null = null
  /** All binds of the line, the one that sends first; none while it is not connected. */
  #bound: readonly Session[] = []
  #boundAtMs = Number.POSITIVE_INFINITY
  /** Parts of messages are taken up again once per start: until then nothing may come in. */
  #isLoaded = false

  constructor(tools: SmppTools, settings: SmppSettings, host: Host, capabilities: Capabilities) {
    const { clock, chance } = tools
    this.#tools = tools
    this.#settings = settings
    this.#host = host
    this.capabilities = capabilities
    this.#heard = new Heard(clock, new Journal({ vault: host.vault, log: host.log }))
    this.#reassembly = new Reassembly({
      ...{ clock, vault: host.vault, log: host.log },
      deliver: (joined) => host.receive(messageOf(joined, clock)),
    })
    this.#sender = new Sender({
      ...{ clock, chance, settings },
      submit: async (body, tags, signal) =>
        this.#bound[0]?.submit(body, tags, signal) ?? { unsent: 'The line is not bound to its SMSC.' },
    })
  }

  /** Resolves once the first try has ended, whichever way. */
  async start(): Promise<void> {
    if (this.#running !== null) return
    const stop = new AbortController()
    await new Promise<void>((tried) => {
      const done = Promise.all([
        this.#stayBound(stop.signal, tried),
        this.#reassembly.watch(stop.signal),
        this.#heard.watch(stop.signal),
      ])
      this.#running = { stop, done: done.then(() => tried()) }
    })
  }

  async stop(): Promise<void> {
    const running = this.#running
    if (running === null) return
    running.stop.abort()
    await Promise.all(this.#bound.map((session) => session.close()))
    await running.done
    if (this.#running !== running) return
    this.#running = null
    this.#host.setState({ status: 'disconnected', reason: 'stopped', retryAt: null })
  }

  /** Nobody can say of a number whether it takes SMS. */
  async reach(handle: Handle): Promise<'no' | 'unknown'> {
    return addressOf(handle) === null ? 'no' : 'unknown'
  }

  turn(message: Outgoing): number {
    return this.#sender.turn(message)
  }

  async send(message: Outgoing, signal: AbortSignal): Promise<Accepted> {
    const { stop } = this.#running ?? {}
    if (stop === undefined)
      throw new SendFailure('retryable', 'SMS_SEND_FAILED', 'The line is stopped.', { scope: 'link' })
    return this.#sender.send(message, signal)
  }

  async #stayBound(signal: AbortSignal, tried: () => void): Promise<void> {
    const { clock, chance } = this.#tools
    this.#isLoaded = false
    for (let misses = 0; !signal.aborted; misses += 1) {
      this.#host.setState({ status: 'connecting' })
      this.#boundAtMs = Number.POSITIVE_INFINITY
      const trouble = await this.#bindOnce(signal, tried)
      if (signal.aborted) return
      if (clock.monotonic() - this.#boundAtMs > steadyMs) misses = 0
      const pauseMs = trouble.refused
        ? refusedPauseMs
        : Math.min(backOffMs.longest, backOffMs.first * 2 ** Math.min(misses, 10)) * chance()
      const retryAt = new Date(clock.now() + pauseMs).toISOString()
      this.#host.log.warn({ channel: 'sms', reason: trouble.reason }, trouble.detail)
      this.#host.setState({ status: 'disconnected', reason: trouble.reason, retryAt })
      tried()
      await clock.sleep(pauseMs, signal)
    }
  }

  /** Resolves when the bind, if there was one, has ended. */
  async #bindOnce(signal: AbortSignal, tried: () => void): Promise<Trouble> {
    const { clock } = this.#tools
    try {
      if (!this.#isLoaded) await Promise.all([this.#reassembly.load(), this.#heard.load()])
      this.#isLoaded = true
    } catch (error) {
      this.#host.log.error({ channel: 'sms', error }, 'The vault failed; the link starts over.')
      return { reason: 'close_vault', detail: 'What the line had kept could not be read.', refused: false }
    }
    this.#heard.resume()
    const opened = await this.#openAll(signal)
    if ('trouble' in opened) return opened.trouble
    this.#bound = opened.sessions
    this.#boundAtMs = clock.monotonic()
    const { systemId, host } = this.#settings
    const since = new Date(clock.now()).toISOString()
    // Stopped while it was being bound: nobody else is left to take leave.
    if (signal.aborted) await Promise.all(opened.sessions.map((session) => session.close()))
    else this.#host.setState({ status: 'connected', identity: `${systemId}@${host}`, warnings: [], since })
    tried()
    const trouble = await Promise.race(opened.sessions.map(({ ended }) => ended))
    for (const session of opened.sessions) session.end(trouble)
    this.#bound = []
    return trouble
  }

  async #openAll(signal: AbortSignal): Promise<{ sessions: Session[] } | { trouble: Trouble }> {
    const { clock, host, heard } = { clock: this.#tools.clock, host: this.#host, heard: this.#heard }
    const sessions: Session[] = []
    for (const as of rolesOf[this.#settings.bind]) {
      const { idFormat } = this.#settings
      const inbound = new Inbound({ clock, host, heard, reassembly: this.#reassembly, idFormat })
      const options: SessionOptions = {
        ...{ clock, settings: this.#settings, ca: this.#tools.ca, log: host.log, as },
        hear: (pdu, reply) => inbound.hear(pdu, reply),
        proved: (point) => heard.proved(inbound, point),
      }
      const opened = await openSession(options, signal)
      if ('trouble' in opened) {
        for (const session of sessions) session.end(opened.trouble)
        return opened
      }
      void opened.session.ended.then(() => heard.left(inbound))
      sessions.push(opened.session)
    }
    return { sessions }
  }
}
