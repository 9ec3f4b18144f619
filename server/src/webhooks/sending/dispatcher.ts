/** Tells webhooks what happened: holds those that have something due, and sends, ends and postpones their deliveries. */
import { createKept } from '../../lib/kept.ts'
import type { CustomerId, WebhookId } from '../../model/ids.ts'
import type { HeldWebhook, WebhookQueueStore } from '../../store/webhooks/queue.ts'
import { Endpoint, type Flight } from './endpoint.ts'
import { Places } from './places.ts'
import { Sender, type SenderOptions } from './sender.ts'

export interface DispatcherOptions extends SenderOptions {
  queue: WebhookQueueStore
  node(): number
}

const leaseMs = 30_000
const renewMs = 5_000
const pollMs = 1_000
const errorPauseMs = 1_000
/** A webhook that had nothing for so long is let go of, for whichever process hears of it first. */
const idleMs = 60_000
const discoverMax = 500
const fetchMax = 50
const cancelMax = 1_000
const drainMs = 5_000
/** An event that was told is settled once all older transactions have ended: soon, but not always at once. */
const settleMs = [5, 20, 80, 320]

export class Dispatcher {
  readonly #options: DispatcherOptions
  readonly #held = new Map<WebhookId, Endpoint>()
  /** Have rows here; in the order in which they get their turn. */
  readonly #ready = new Set<Endpoint>()
  readonly #places: Places
  readonly #sender: Sender
  readonly #running = new Set<Promise<void>>()
  #rung = new Set<CustomerId>()
  readonly #calling = new Set<CustomerId>()
  #byCustomer = new Map<CustomerId, Set<Endpoint>>()
  readonly #listening
  #stopping = new AbortController()
  #abandon = new AbortController()
  #loops: Promise<void>[] = []
  #rouse: (() => void) | null = null
  #woken = false
  #refresh = false

  constructor(options: DispatcherOptions) {
    this.#options = options
    this.#places = new Places(options.clock)
    this.#sender = new Sender(options)
    this.#listening = createKept<CustomerId, readonly WebhookId[]>({
      clock: options.clock,
      keptMs: 60_000,
      keptMax: 10_000,
    })
  }

  start(): void {
    if (this.#loops.length > 0) return
    this.#loops = [this.#work(), this.#renew()]
  }

  /** Events of these customers may have been written. */
  told(customers: readonly CustomerId[]): void {
    if (this.#loops.length === 0) return
    for (const customer of customers) this.#rung.add(customer)
    if (customers.length > 0) this.#wake()
  }

  /** One of them names a callback, perhaps one that was never heard of. */
  calls(customer: CustomerId): void {
    if (this.#loops.length > 0) this.#calling.add(customer)
    this.told([customer])
  }

  /** Somebody changed webhooks: what is known of them is read again. */
  changed(): void {
    this.#listening.forget()
    this.#refresh = true
    this.#wake()
  }

  /** Begins nothing more, gives what runs a moment, and lets go of every webhook. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#rouse?.()
    await Promise.all(this.#loops)
    this.#loops = []
    const drained = new AbortController()
    const late = this.#options.clock.sleep(drainMs, drained.signal).then(() => this.#abandon.abort())
    await Promise.all(this.#running)
    drained.abort()
    await late
    const held = [...this.#held.values()].map(({ webhook }) => webhook)
    this.#held.clear()
    await this.#options.queue.release(held).catch(this.#options.onError)
  }

  #wake(): void {
    this.#woken = true
    this.#rouse?.()
  }

  async #work(): Promise<void> {
    let pollAt = 0
    while (!this.#stopping.signal.aborted) {
      this.#woken = false
      try {
        if (this.#options.clock.monotonic() >= pollAt) {
          pollAt = this.#options.clock.monotonic() + pollMs
          await this.#discover()
        }
        await this.#claim()
        if (this.#refresh) await this.#readAgain()
        await this.#fetch()
        this.#pump()
      } catch (error) {
        this.#options.onError(error)
        await this.#options.clock.sleep(errorPauseMs, this.#stopping.signal)
      }
      await this.#pause(Math.max(1, pollAt - this.#options.clock.monotonic()))
    }
  }

  async #pause(ms: number): Promise<void> {
    if (this.#woken || this.#stopping.signal.aborted) return
    const nap = new AbortController()
    this.#rouse = () => nap.abort()
    await this.#options.clock.sleep(ms, nap.signal)
    this.#rouse = null
  }

  async #discover(): Promise<void> {
    const { queue, node, clock } = this.#options
    const { held, due } = await queue.discover(node(), leaseMs, discoverMax)
    for (const webhook of held) this.#hold(webhook)
    for (const id of due) {
      const endpoint = this.#held.get(id)
      if (endpoint !== undefined) endpoint.hungry = true
    }
    const now = clock.monotonic()
    const idle = [...this.#held.values()].filter(
      (one) => one.idle && one.usedAt < now - idleMs && one.passage(now) !== 'none',
    )
    for (const endpoint of idle) this.#drop(endpoint)
    await queue.release(idle.map(({ webhook }) => webhook))
  }

  async #claim(): Promise<void> {
    if (this.#rung.size === 0) return
    const rung = [...this.#rung]
    this.#rung = new Set()
    const strangers: CustomerId[] = []
    for (const customer of rung) {
      for (const endpoint of this.#byCustomer.get(customer) ?? []) this.#rings(endpoint)
      if (this.#calling.delete(customer)) {
        strangers.push(customer)
        continue
      }
      const ids = await this.#listening.get(customer, () => this.#options.queue.listening(customer))
      if (ids.some((id) => !this.#held.has(id))) strangers.push(customer)
    }
    if (strangers.length === 0) return
    const { queue, node } = this.#options
    for (const webhook of await queue.claim(strangers, node(), leaseMs)) this.#hold(webhook)
  }

  #rings(endpoint: Endpoint): void {
    // Nothing new is for it; what it had is found by looking now and then, and not with every event of its customer.
    if (!endpoint.webhook.active) return
    endpoint.hungry = true
    if (!endpoint.webhook.ordered || endpoint.lost) return
    this.#run(this.#lookAgain(endpoint))
  }

  async #lookAgain(endpoint: Endpoint): Promise<void> {
    for (const ms of settleMs) {
      await this.#options.clock.sleep(ms, this.#stopping.signal)
      if (this.#stopping.signal.aborted) return
      endpoint.hungry = true
      this.#wake()
    }
  }

  #hold(webhook: HeldWebhook): void {
    const old = this.#held.get(webhook.id)
    if (old !== undefined) this.#drop(old)
    const endpoint = new Endpoint(webhook, this.#options.clock.monotonic())
    this.#held.set(webhook.id, endpoint)
    const ofCustomer = this.#byCustomer.get(webhook.customerId) ?? new Set()
    this.#byCustomer.set(webhook.customerId, ofCustomer.add(endpoint))
  }

  #drop(endpoint: Endpoint): void {
    endpoint.lost = true
    endpoint.forgetWaiting()
    this.#ready.delete(endpoint)
    const { id, customerId } = endpoint.webhook
    if (this.#held.get(id) === endpoint) this.#held.delete(id)
    const ofCustomer = this.#byCustomer.get(customerId)
    ofCustomer?.delete(endpoint)
    if (ofCustomer?.size === 0) this.#byCustomer.delete(customerId)
  }

  /** Rows for all that want some, in one question; a breaker that lets one through asks for the one tried most. */
  async #fetch(): Promise<void> {
    const now = this.#options.clock.monotonic()
    const hungry = [...this.#held.values()].filter((one) => one.hungry)
    for (const endpoint of hungry) if (!endpoint.webhook.active) await this.#cancelSome(endpoint)
    const wanted = hungry
      .map((endpoint) => ({ endpoint, webhook: endpoint.webhook, ...endpoint.wants(now), known: endpoint.known() }))
      .filter(({ rows }) => rows > 0)
    for (const probe of [false, true]) {
      const some = wanted.filter((one) => one.probe === probe).slice(0, fetchMax)
      if (some.length === 0) continue
      for (const { endpoint } of some) endpoint.hungry = false
      const rows = await (probe ? this.#options.queue.probe(some) : this.#options.queue.fetch(some))
      const byWebhook = Map.groupBy(rows, (row) => row.webhookId)
      for (const { endpoint, rows: asked } of some)
        this.#stock(endpoint, byWebhook.get(endpoint.webhook.id) ?? [], asked)
    }
    if (wanted.length > fetchMax) this.#woken = true
  }

  #stock(endpoint: Endpoint, rows: Parameters<Endpoint['take']>[0], asked: number): void {
    endpoint.take(rows)
    if (rows.length === asked) endpoint.hungry = true
    if (endpoint.waiting > 0 && !endpoint.lost) this.#ready.add(endpoint)
  }

  async #cancelSome(endpoint: Endpoint): Promise<void> {
    const { customerId, id } = endpoint.webhook
    endpoint.forgetWaiting()
    // Rows that are being finished are left out, so fewer than asked for does not mean that these were all.
    endpoint.hungry = (await this.#options.queue.cancel(customerId, id, cancelMax)) > 0
    if (endpoint.hungry) this.#woken = true
  }

  /** One call each in turn, until nobody can begin another. */
  #pump(): void {
    if (this.#stopping.signal.aborted) return
    for (let begun = true; begun; ) {
      begun = false
      for (const endpoint of [...this.#ready]) {
        if (this.#launch(endpoint)) begun = true
        if (endpoint.waiting > 0 && !endpoint.lost) continue
        this.#ready.delete(endpoint)
      }
    }
  }

  #launch(endpoint: Endpoint): boolean {
    if (!this.#places.isFreeFor(endpoint)) return false
    const delivery = endpoint.next(this.#options.clock.monotonic())
    if (delivery === null) return false
    const flight = this.#places.enter(endpoint, delivery)
    if (flight === null) throw new Error('A place that was free is taken.')
    endpoint.begin(flight)
    this.#run(this.#fly(flight))
    return true
  }

  #run(work: Promise<void>): void {
    const running: Promise<void> = work.catch(this.#options.onError).finally(() => this.#running.delete(running))
    this.#running.add(running)
  }

  async #fly(flight: Flight): Promise<void> {
    const { endpoint, delivery } = flight
    const result = await this.#sender
      .send(flight, this.#abandon.signal)
      .catch((error: unknown) => this.#sender.broken(flight, error))
    this.#places.leave(flight)
    endpoint.land(flight, result?.fine ?? null, this.#options.clock.monotonic())
    this.#pump()
    try {
      if (result !== null) await this.#sender.settle(flight, result)
    } catch (error) {
      // It goes out again, since nobody knows that it arrived; not at once, since the next outcome may not be kept either.
      endpoint.pause(this.#options.clock.monotonic() + errorPauseMs)
      throw error
    } finally {
      endpoint.settled(delivery.id)
      this.#wake()
    }
  }

  async #renew(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      await this.#options.clock.sleep(renewMs, this.#stopping.signal)
      if (this.#stopping.signal.aborted) return
      this.#refresh = true
      this.#wake()
    }
  }

  /** Also renews the leases. Who does not come back is held by another process now. */
  async #readAgain(): Promise<void> {
    this.#refresh = false
    const endpoints = [...this.#held.values()]
    const { queue, node } = this.#options
    const kept = new Map(
      (
        await queue.refresh(
          endpoints.map((one) => one.webhook),
          node(),
          leaseMs,
        )
      ).map((one) => [one.id, one]),
    )
    for (const endpoint of endpoints) {
      const webhook = kept.get(endpoint.webhook.id)
      if (webhook === undefined) this.#drop(endpoint)
      else endpoint.renewed(webhook)
    }
  }
}
