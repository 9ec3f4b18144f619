/** How many calls may be under way at once, so that receivers that hang take no place from those that answer. */
import type { Clock } from '../../lib/clock.ts'
import { type Endpoint, type Flight, slowMs } from './endpoint.ts'

const quickMax = 256
const slowMax = 128
const allMax = 1_024

export class Places {
  readonly #clock: Clock
  /** In the order they began. */
  readonly #young = new Set<Flight>()
  #quick = 0
  #slow = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Null: none is free for this webhook. */
  enter(endpoint: Endpoint, delivery: Flight['delivery']): Flight | null {
    this.#age()
    const slow = endpoint.suspect
    if (slow ? this.#slow >= slowMax : this.#quick >= quickMax) return null
    if (this.#quick + this.#slow >= allMax) return null
    const flight = { endpoint, delivery, begun: this.#clock.monotonic(), slow }
    if (slow) this.#slow += 1
    else {
      this.#quick += 1
      this.#young.add(flight)
    }
    return flight
  }

  isFreeFor(endpoint: Endpoint): boolean {
    this.#age()
    if (this.#quick + this.#slow >= allMax) return false
    return endpoint.suspect ? this.#slow < slowMax : this.#quick < quickMax
  }

  leave(flight: Flight): void {
    this.#young.delete(flight)
    if (flight.slow) this.#slow -= 1
    else this.#quick -= 1
  }

  /** A call that takes long moves over to the slow ones, even when these are more than may begin. */
  #age(): void {
    const before = this.#clock.monotonic() - slowMs
    for (const flight of this.#young) {
      if (flight.begun > before) return
      this.#young.delete(flight)
      flight.slow = true
      this.#quick -= 1
      this.#slow += 1
    }
  }
}
