/** One line's link to the in-memory network: pairing, connecting, dropping, and carrying calls with all their faults. */
import type { Appointment } from '../../lib/agenda.ts'
import type { Channel } from '../../model/channel.ts'
import { SendFailure } from '../../model/delivery.ts'
import type { Handle, LineId } from '../../model/ids.ts'
import type { Host, Incoming } from '../connector.ts'
import { traits } from './capabilities.ts'
import type { CloseReason, Exchange, LinkEnd } from './exchange.ts'
import type { FaultKind, Strike } from './faults.ts'
import { type Passage, silence, type Timing } from './post.ts'

/** A caller waiting for its answer. Whatever ends the wait first has the last word. */
interface Waiter {
  /** Ends the wait after so long, with what `run` tells the caller. */
  endAfter(ms: number, run: () => void): void
  giveUp(detail: string, afterMs?: number): void
}

interface Credentials {
  secret: string
  phone: Handle
}

const vaultKey = 'credentials'
const qrLivesMs = 5 * 60_000
const vaultPauseMs = 1_000
/** When a lost answer is noticed by a caller that is not left hanging. */
const timeoutMs = 1_000

export class Link implements LinkEnd {
  readonly channel: Channel
  readonly number: number
  readonly #exchange: Exchange
  readonly #host: Host
  readonly #address: Handle | null
  readonly #id: LineId
  readonly #waiters = new Set<Waiter>()
  #phone: Handle | null = null
  #status: 'stopped' | 'connecting' | 'pairing' | 'up' | 'down' = 'stopped'
  /** Each start and each end makes whatever was under way before out of date. */
  #round = 0
  #comeBack: Appointment | null = null

  constructor(exchange: Exchange, channel: Channel, line: { id: LineId; address: Handle | null }, host: Host) {
    this.#exchange = exchange
    this.channel = channel
    this.number = exchange.numberLink()
    this.#host = host
    this.#address = line.address
    this.#id = line.id
    if (line.address !== null) exchange.box(channel, line.address)
  }

  /** The address; of a line without one the phone it was paired with, or its id. */
  get line(): string {
    return this.#address ?? this.#phone ?? this.#id
  }

  get isPairing(): boolean {
    return this.#status === 'pairing'
  }

  get isUp(): boolean {
    return this.#status === 'up'
  }

  /** Calls that have no answer yet. */
  get unanswered(): number {
    return this.#waiters.size
  }

  async start(): Promise<void> {
    if (this.#status !== 'stopped') return
    this.#round += 1
    this.#exchange.enlist(this)
    await this.#connect()
  }

  async stop(): Promise<void> {
    if (this.#status === 'stopped') return
    this.#end('The link was stopped.')
    this.#host.setState({ status: 'disconnected', reason: 'stopped', retryAt: null })
  }

  drop(ms: number): void {
    if (this.#status !== 'up') return
    this.#quiet('The link dropped.')
    this.#connectAfter(ms, 'close_428')
  }

  async close(reason: CloseReason): Promise<void> {
    if (this.#status === 'stopped') return
    this.#end('The network closed the link.')
    this.#host.setState({ status: 'disconnected', reason, retryAt: null })
    if (reason === 'auth_revoked') await this.#store(null)
  }

  listen(): void {
    this.#exchange.box(this.channel, this.line).attach(this, (event) => this.#take(event))
  }

  renewQr(): void {
    if (this.#status !== 'pairing') return
    const expiresAt = new Date(this.#exchange.options.clock.now() + qrLivesMs).toISOString()
    this.#host.setState({ status: 'pairing', qr: `${this.line},${this.#exchange.mint('qr')}`, expiresAt })
  }

  async pair(phone: Handle): Promise<void> {
    if (this.#status !== 'pairing') throw new Error(`${this.line} is not waiting to be paired`)
    const round = this.#round
    const isOurs = this.#address === null ? await this.#adopts(phone) : phone === this.#address
    if (round !== this.#round) return
    if (!isOurs) {
      this.#end('Another phone answered.')
      this.#host.setState({ status: 'disconnected', reason: 'phone_number_mismatch', retryAt: null })
      return
    }
    this.#knowPhone(phone)
    if ((await this.#store({ secret: this.#exchange.mint('key'), phone })) && round === this.#round) this.#up()
  }

  /** The code to be typed on the phone. */
  pairingCode(): string {
    if (this.#status !== 'pairing') {
      throw new SendFailure('refused', 'CONFLICT', 'This line is not waiting to be paired.')
    }
    const letters = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789'
    const { chance } = this.#exchange.options
    const code = Array.from({ length: 8 }, () => letters[chance.between(0, letters.length - 1)]).join('')
    this.#exchange.pairing(this.line).code = code
    return code
  }

  /** Logs out: only a new pairing brings this line back. */
  async forget(): Promise<void> {
    this.#exchange.unpair(this.line)
    if (!(await this.#store(null)))
      throw new SendFailure('retryable', 'SERVICE_UNAVAILABLE', 'The credentials could not be erased.')
    if (this.#status === 'stopped') return
    this.#end('The pairing was given up.')
    this.#host.setState({ status: 'off' })
  }

  /**
   * Carries one call. `effect` is what it does on the network; it may fail, or be met with silence. A call whose
   * answer does not come back is `uncertain`, whether or not it took effect. `passage` is told how far it got.
   */
  call<T>(
    effect: (timing: Timing) => T | typeof silence,
    signal: AbortSignal | null,
    passage: Passage | null = null,
  ): Promise<T> {
    const refusal = this.#refusal(signal)
    if (refusal !== null) return Promise.reject(refusal)
    const { agenda, answerMs, chance } = this.#exchange.options
    const late = this.#strikes('late')
    const lost = this.#strikes('dropBefore')
    const isEarly = this.#strikes('early') !== null
    const delayMs = (this.#strikes('delay')?.ms ?? 0) + (isEarly ? timeoutMs : 0)
    passage?.left()
    if (lost !== null) passage?.lost()
    const timing = { answerInMs: chance.between(...answerMs) + delayMs, early: isEarly }
    return new Promise<T>((resolve, reject) => {
      const waiter = this.#wait(reject, signal)
      const perform = () => {
        const answer = outcomeOf(() => effect(timing))
        if (answer === silence) return this.#loseAnswer(waiter, signal, { ms: timeoutMs, hangs: true })
        const lostAfter = this.#strikes('dropAfter')
        if (lostAfter !== null) return this.#loseAnswer(waiter, signal, lostAfter)
        waiter.endAfter(timing.answerInMs, () => ('failure' in answer ? reject(answer.failure) : resolve(answer.value)))
      }
      if (lost !== null) this.#loseAnswer(waiter, signal, lost)
      else if (late !== null) agenda.after(late.ms, perform)
      else perform()
    })
  }

  /** Why this call does not even leave; null when it does. */
  #refusal(signal: AbortSignal | null): SendFailure | null {
    const { codes } = traits[this.channel]
    if (signal?.aborted) return new SendFailure('retryable', codes.send, 'It was given up before it was sent.')
    const cut = this.#status === 'up' ? this.#strikes('disconnect') : null
    if (cut !== null) this.drop(cut.ms)
    if (this.#status !== 'up')
      return new SendFailure('retryable', codes.link, 'The link is not connected.', { scope: 'link' })
    if (this.#strikes('retryable') !== null) return new SendFailure('retryable', codes.send, 'The network is busy.')
    if (this.#strikes('refused') !== null)
      return new SendFailure('refused', codes.rejected, 'The network refuses this.')
    return null
  }

  #strikes(kind: FaultKind): Strike | null {
    return this.#exchange.options.faults.strikes(kind, this)
  }

  /** A hanging call costs no timer: only its caller, or the end of the link, ends it. */
  #loseAnswer(waiter: Waiter, signal: AbortSignal | null, { hangs }: Strike): void {
    if (hangs && signal !== null) return
    waiter.giveUp('No answer came in time.', timeoutMs)
  }

  #wait(reject: (failure: SendFailure) => void, signal: AbortSignal | null): Waiter {
    const { agenda } = this.#exchange.options
    let isOpen = true
    let appointment: Appointment | null = null
    const end = (run: () => void) => {
      if (!isOpen) return
      isOpen = false
      if (appointment !== null) agenda.cancel(appointment)
      signal?.removeEventListener('abort', abort)
      this.#waiters.delete(waiter)
      run()
    }
    const endAfter = (ms: number, run: () => void) => {
      if (ms <= 0) end(run)
      else if (isOpen) appointment = agenda.after(ms, () => end(run))
    }
    const waiter: Waiter = {
      endAfter,
      giveUp: (detail, afterMs = 0) =>
        endAfter(afterMs, () => reject(new SendFailure('uncertain', 'PROVIDER_TIMEOUT', detail))),
    }
    const abort = () => waiter.giveUp('It was given up before an answer came.')
    signal?.addEventListener('abort', abort, { once: true })
    this.#waiters.add(waiter)
    return waiter
  }

  async #connect(): Promise<void> {
    const round = this.#round
    this.#status = 'connecting'
    this.#host.setState({ status: 'connecting' })
    const ready = traits[this.channel].pairs ? await this.#exchange.options.agenda.track(this.#authorise(round)) : true
    if (ready && round === this.#round) this.#up()
  }

  /** True when the network lets this line in; otherwise it was said why not. */
  async #authorise(round: number): Promise<boolean> {
    const saved = await this.#load()
    if (saved === 'failed' || round !== this.#round) return false
    if (saved !== null && this.#address === null) this.#knowPhone(saved.phone)
    const pairing = this.#exchange.pairing(this.line)
    const phone = this.#address ?? saved?.phone ?? null
    const isKnown = pairing.strict ? saved !== null && saved.secret === pairing.secret : phone !== null
    if (isKnown && phone !== null) return saved !== null || this.#store({ secret: this.#exchange.mint('key'), phone })
    if (saved !== null && !(await this.#store(null))) return false
    if (round !== this.#round) return false
    this.#status = 'pairing'
    this.renewQr()
    return false
  }

  #up(): void {
    this.#status = 'up'
    const digits = this.line.replace(/^\+/, '')
    const identity = this.channel === 'whatsapp' ? `${digits}:1@s.whatsapp.net` : this.line
    if (traits[this.channel].oneLinkPerLine) this.#exchange.replaceOthers(this)
    this.#host.setState({ status: 'connected', identity, warnings: [], since: this.#exchange.now().toISOString() })
    this.listen()
  }

  /** Ends the link until it is started again. */
  #end(detail: string): void {
    this.#round += 1
    this.#quiet(detail)
    this.#exchange.delist(this)
    this.#status = 'stopped'
  }

  /** What is still in flight is lost; what comes in waits for the next link, or goes to another that is up. */
  #quiet(detail: string): void {
    this.#status = 'down'
    if (this.#comeBack !== null) this.#exchange.options.agenda.cancel(this.#comeBack)
    this.#comeBack = null
    for (const waiter of [...this.#waiters]) waiter.giveUp(detail)
    this.#exchange.box(this.channel, this.line).detach(this)
    this.#exchange
      .linksOf(this.channel, this.line)
      .findLast((other) => other.isUp)
      ?.listen()
  }

  #connectAfter(ms: number, reason: CloseReason): void {
    const { agenda, clock } = this.#exchange.options
    this.#status = 'down'
    this.#host.setState({ status: 'disconnected', reason, retryAt: new Date(clock.now() + ms).toISOString() })
    this.#comeBack = agenda.after(ms, () => {
      this.#comeBack = null
      // `connect` rejects for nothing: what goes wrong is told as a state.
      void agenda.track(this.#connect())
    })
  }

  #knowPhone(phone: Handle): void {
    this.#exchange.delist(this)
    this.#phone = phone
    this.#exchange.enlist(this)
  }

  async #take(event: Incoming): Promise<void> {
    try {
      await this.#host.receive(event)
    } catch (error) {
      const facts = { channel: this.channel, kind: event.kind, error }
      this.#host.log.warn(facts, 'An event was not taken; it will be delivered again.')
      throw error
    }
  }

  async #load(): Promise<Credentials | null | 'failed'> {
    try {
      const bytes = await this.#host.vault.get(vaultKey)
      return bytes === null ? null : (JSON.parse(new TextDecoder().decode(bytes)) as Credentials)
    } catch (error) {
      return this.#vaultFailed(error, 'failed')
    }
  }

  /** False when the vault did not take them: nobody is connected with credentials that would be lost. */
  async #store(credentials: Credentials | null): Promise<boolean> {
    const bytes = credentials === null ? null : new TextEncoder().encode(JSON.stringify(credentials))
    try {
      await this.#exchange.options.agenda.track(this.#host.vault.put({ [vaultKey]: bytes }))
    } catch (error) {
      return this.#vaultFailed(error, false)
    }
    if (credentials !== null) this.#exchange.pairing(this.line).secret = credentials.secret
    return true
  }

  #adopts(phone: Handle): Promise<boolean> {
    return this.#exchange.options.agenda.track(this.#host.adopt(phone))
  }

  #vaultFailed<T>(error: unknown, answer: T): T {
    this.#host.log.error({ channel: this.channel, error }, 'The vault failed; the link starts over.')
    if (this.#status !== 'stopped') {
      this.#quiet('The vault failed.')
      this.#connectAfter(vaultPauseMs, 'close_vault')
    }
    return answer
  }
}

type Outcome<T> = { value: T } | { failure: SendFailure }

/** Only what networks say is an answer; anything else is a fault of this code and goes on. */
function outcomeOf<T>(effect: () => T | typeof silence): Outcome<T> | typeof silence {
  try {
    const value = effect()
    return value === silence ? silence : { value: value as T }
  } catch (error) {
    if (error instanceof SendFailure) return { failure: error }
    throw error
  }
}
