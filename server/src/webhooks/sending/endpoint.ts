/** A webhook while this process holds it: what waits here, what is under way, and how the receiver has fared. */
import type { DeliveryId } from '../../model/ids.ts'
import type { DueDelivery, Fared, HeldWebhook } from '../../store/webhooks/queue.ts'
import { afterCall, type Breaker, breakerLeft, openForMs, type Passage, passage } from './breaker.ts'

const windowMax = 8
const windowFirst = 2
/** A call that takes longer is slow, and so is its receiver until it ends. */
export const slowMs = 1_000

export interface Flight {
  endpoint: Endpoint
  delivery: DueDelivery
  begun: number
  slow: boolean
}

export class Endpoint {
  webhook: HeldWebhook
  /** Rows may be due that are not here yet. */
  hungry = true
  /** Another process holds it now. */
  lost = false
  usedAt: number
  readonly flights = new Map<DeliveryId, Flight>()
  #waiting: DueDelivery[] = []
  /** Answered, but not yet written. */
  readonly #settling = new Set<DeliveryId>()
  #window = windowFirst
  #breaker: Breaker
  #exhausted: number
  #pausedUntil = 0
  #pauseTold = 0
  #failed = false

  constructor(webhook: HeldWebhook, now: number) {
    this.webhook = webhook
    this.usedAt = now
    this.#exhausted = webhook.exhausted
    this.#breaker = breakerLeft(webhook.opened, webhook.openForMs, now)
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /** Its last call failed, or one is taking long: it may not take the places of others. */
  get suspect(): boolean {
    if (this.#failed) return true
    for (const flight of this.flights.values()) if (flight.slow) return true
    return false
  }

  get idle(): boolean {
    return this.flights.size === 0 && this.#waiting.length === 0 && this.#settling.size === 0
  }

  passage(now: number): Passage {
    return now < this.#pausedUntil || !this.webhook.active || this.lost ? 'none' : passage(this.#breaker, now)
  }

  /** How many rows it could use. */
  wants(now: number): { rows: number; probe: boolean } {
    const allowed = this.passage(now)
    if (allowed === 'none') return { rows: 0, probe: false }
    if (allowed === 'one') return { rows: this.idle ? 1 : 0, probe: true }
    return { rows: Math.max(0, 4 * this.#window - this.#waiting.length), probe: false }
  }

  known(): DeliveryId[] {
    return [...this.flights.keys(), ...this.#settling, ...this.#waiting.map(({ id }) => id)]
  }

  take(rows: readonly DueDelivery[]): void {
    const known = new Set(this.known())
    this.#waiting.push(...rows.filter(({ id }) => !known.has(id)))
  }

  /** The next one that may go, and it goes: of a lane only one is under way at a time. */
  next(now: number): DueDelivery | null {
    const allowed = this.passage(now)
    const most = allowed === 'none' ? 0 : allowed === 'one' ? 1 : this.#window
    // What is answered but not written yet would be told again after a crash: it counts.
    if (this.flights.size + this.#settling.size >= most) return null
    const busy = new Set([...this.flights.values()].map(({ delivery }) => delivery.lane))
    const index = this.#waiting.findIndex(({ lane }) => lane === null || !busy.has(lane))
    return index < 0 ? null : (this.#waiting.splice(index, 1)[0] ?? null)
  }

  begin(flight: Flight): void {
    this.flights.set(flight.delivery.id, flight)
    this.usedAt = flight.begun
  }

  /** `fine`: the receiver works, whatever it thinks of this delivery. Null: nothing was learnt. */
  land(flight: Flight, fine: boolean | null, now: number): void {
    this.flights.delete(flight.delivery.id)
    this.#settling.add(flight.delivery.id)
    this.usedAt = now
    if (fine === null) return
    this.#failed = !fine
    this.#window = fine ? Math.min(windowMax, this.#window + 1) : Math.max(1, Math.floor(this.#window / 2))
    this.#breaker = afterCall(this.#breaker, fine, now)
    if (this.#breaker.openUntil !== null) this.#waiting = []
  }

  settled(id: DeliveryId): void {
    this.#settling.delete(id)
    this.hungry = true
  }

  pause(until: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, until)
    this.#waiting = []
  }

  /** Deliveries in a row that have failed to the end, this one included. */
  countExhausted(): number {
    this.#exhausted += 1
    return this.#exhausted
  }

  countDelivered(): void {
    this.#exhausted = 0
  }

  forgetWaiting(): void {
    this.#waiting = []
  }

  /** What the next holder should know, when it has changed since it was last written. */
  news(now: number): Fared | null {
    const { id, customerId, fence } = this.webhook
    const { opened } = this.#breaker
    const exhausted = this.#exhausted
    const paused = this.#pausedUntil > this.#pauseTold
    if (!paused && exhausted === this.webhook.exhausted && opened === this.webhook.opened) return null
    this.webhook = { ...this.webhook, exhausted, opened }
    this.#pauseTold = this.#pausedUntil
    const closedForMs = Math.max(openForMs(this.#breaker, now), this.#pausedUntil - now, 0)
    return { webhookId: id, customerId, fence, exhausted, opened, openForMs: closedForMs }
  }

  /** Read again: its owner may have changed where and how it is told. */
  renewed(webhook: HeldWebhook): void {
    const { exhausted, opened } = this.webhook
    const moved = webhook.url !== this.webhook.url
    const woken = webhook.active && !this.webhook.active
    this.webhook = moved || woken ? webhook : { ...webhook, exhausted, opened }
    if (!moved && !woken) return
    this.#breaker = breakerLeft(0, 0, 0)
    this.#exhausted = 0
    this.#pausedUntil = 0
    this.#failed = false
    this.hungry = true
  }
}
