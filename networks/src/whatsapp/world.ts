/** What all parts of the loopback WhatsApp share: who is there, what time it is, and what is under way. */
import type { People } from '../people.ts'
import type { Clock } from '../time.ts'
import type { FaultState } from './faults.ts'
import type { Groups } from './groups/groups.ts'
import type { MediaHost } from './media/host.ts'
import type { Calls } from './messages/calls.ts'
import type { Directory } from './party/directory.ts'

/** What was asked of a phone or a person cannot be done; the words say why. */
export class CannotBeDone extends Error {}

export interface World {
  people: People
  clock: Clock
  directory: Directory
  groups: Groups
  media: MediaHost
  faults: FaultState
  /** How often a message could not be read and was asked for again. */
  unread: Unread
  background: Background
  calls: Calls
}

export interface Unread {
  byPhones: number
  byDevices: number
}

/** Work that nobody waits for: it ends with the network, and what is still under way can be counted. */
export class Background {
  readonly #stop = new AbortController()
  #underWay = 0

  get underWay(): number {
    return this.#underWay
  }

  get signal(): AbortSignal {
    return this.#stop.signal
  }

  run(work: () => Promise<void>): void {
    if (this.#stop.signal.aborted) return
    this.#underWay += 1
    // Whoever is not there any more hears nothing: that is all that can go wrong here.
    void work()
      .catch(() => {})
      .finally(() => {
        this.#underWay -= 1
      })
  }

  stop(): void {
    this.#stop.abort()
  }
}

export function secondsOf(world: { clock: Clock }): number {
  return Math.floor(world.clock.now() / 1_000)
}
