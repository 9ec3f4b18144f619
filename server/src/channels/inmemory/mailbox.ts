/** What the network holds for one line on one channel until the line has acknowledged it: in order within each chat. */
import type { Agenda, Appointment } from '../../lib/agenda.ts'
import type { Incoming } from '../connector.ts'

/** Resolves once the event is durable on our side. */
export type Take = (event: Incoming) => Promise<void>

interface Lane {
  events: Incoming[]
  pauseMs: number
  again: Appointment | null
  /** Ends what is under way, as far as others wait for it. */
  end: (() => void) | null
}

export interface MailboxOptions {
  agenda: Agenda
  /** True when an acknowledgement is lost on its way, and the event comes again. */
  losesAck: () => boolean
  /** More than this in one chat is not accepted. */
  laneMax: number
}

const firstPauseMs = 100
const longestPauseMs = 30_000

export class Mailbox {
  readonly #options: MailboxOptions
  readonly #lanes = new Map<string, Lane>()
  #owner: object | null = null
  #take: Take | null = null
  /** Tells the acknowledgements of this link from those of one that is gone. */
  #round = 0
  #redeliveries = 0

  constructor(options: MailboxOptions) {
    this.#options = options
  }

  /** How often something was delivered again because it was not acknowledged. */
  get redeliveries(): number {
    return this.#redeliveries
  }

  get waiting(): number {
    let sum = 0
    for (const lane of this.#lanes.values()) sum += lane.events.length
    return sum
  }

  /** False when the chat is full: whoever brought the event must say so. */
  put(chat: string, event: Incoming): boolean {
    const lane = this.#lanes.get(chat)
    if (lane !== undefined) {
      if (lane.events.length >= this.#options.laneMax) return false
      lane.events.push(event)
      return true
    }
    const added: Lane = { events: [event], pauseMs: firstPauseMs, again: null, end: null }
    this.#lanes.set(chat, added)
    if (this.#take !== null) this.#begin(chat, added, this.#take)
    return true
  }

  /** From now on `owner` takes what comes; whoever did before no longer does. */
  attach(owner: object, take: Take): void {
    if (this.#owner !== null) this.detach(this.#owner)
    this.#owner = owner
    this.#take = take
    for (const [chat, lane] of this.#lanes) this.#begin(chat, lane, take)
  }

  /** What is under way counts as not acknowledged. */
  detach(owner: object): void {
    if (this.#owner !== owner) return
    this.#owner = null
    this.#round += 1
    this.#take = null
    for (const lane of this.#lanes.values()) {
      if (lane.again !== null) this.#options.agenda.cancel(lane.again)
      lane.again = null
      lane.pauseMs = firstPauseMs
      lane.end?.()
    }
  }

  #begin(chat: string, lane: Lane, take: Take): void {
    const end = this.#options.agenda.begin()
    lane.end = end
    // `deliver` fails for nothing: what `take` rejects with is its answer, and it is delivered again.
    void this.#deliver(chat, lane, take).finally(end)
  }

  async #deliver(chat: string, lane: Lane, take: Take): Promise<void> {
    const round = this.#round
    for (let event = lane.events[0]; event !== undefined; event = lane.events[0]) {
      const taken = await take(event).then(
        () => true,
        () => false,
      )
      if (round !== this.#round) return
      if (!taken || this.#options.losesAck()) return this.#deliverLater(chat, lane, take)
      lane.events.shift()
      lane.pauseMs = firstPauseMs
    }
    this.#lanes.delete(chat)
  }

  #deliverLater(chat: string, lane: Lane, take: Take): void {
    this.#redeliveries += 1
    lane.again = this.#options.agenda.after(lane.pauseMs, () => {
      lane.again = null
      this.#begin(chat, lane, take)
    })
    lane.pauseMs = Math.min(lane.pauseMs * 2, longestPauseMs)
  }
}
