/** Wakes whoever waits: in this process at once, in the others after what was rung within a few ms has been gathered. */
import type { Clock } from '../lib/clock.ts'
import type { CustomerId, LineId } from '../model/ids.ts'

export interface Rung {
  lines: readonly LineId[]
  customers: readonly CustomerId[]
  changed: boolean
  commands: boolean
}

export interface BellOptions {
  clock: Clock
  ring(rung: Rung): Promise<void>
  /** Whoever in this process waits for it. */
  heard(rung: Rung): void
  onError(error: unknown): void
}

const gatherMs = 5

export interface Bell {
  work(line: LineId): void
  events(customer: CustomerId): void
  /** Customers, keys or lines: what was cached of them is old. */
  changed(): void
  /** Of another process only: there is nobody to tell here. */
  commands(): void
  /** What was gathered is out. */
  flushed(): Promise<void>
}

const silence: Rung = { lines: [], customers: [], changed: false, commands: false }

export function createBell(options: BellOptions): Bell {
  let lines = new Set<LineId>()
  let customers = new Set<CustomerId>()
  let flags = { changed: false, commands: false }
  let sending: Promise<void> | null = null
  const out = new Set<Promise<void>>()

  async function send(): Promise<void> {
    await options.clock.sleep(gatherMs)
    const rung = { lines: [...lines], customers: [...customers], ...flags }
    lines = new Set()
    customers = new Set()
    flags = { changed: false, commands: false }
    sending = null
    // Others look for themselves now and then: a bell that is lost costs a poll, no message.
    const ringing: Promise<void> = options
      .ring(rung)
      .catch(options.onError)
      .finally(() => out.delete(ringing))
    out.add(ringing)
    await ringing
  }

  function gather(here: Partial<Rung>): void {
    options.heard({ ...silence, ...here })
    sending ??= send()
  }

  return {
    work(line) {
      lines.add(line)
      gather({ lines: [line] })
    },
    events(customer) {
      customers.add(customer)
      gather({ customers: [customer] })
    },
    changed() {
      flags.changed = true
      gather({ changed: true })
    },
    commands() {
      flags.commands = true
      gather({})
    },
    async flushed() {
      while (sending !== null) await sending
      await Promise.all(out)
    },
  }
}
