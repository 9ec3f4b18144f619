/** This process among the others: its number, the lock that proves it lives, and the ear for their bells. */
import type { Clock } from '../lib/clock.ts'
import type { BellStore, Ring } from '../store/bell.ts'
import type { Db, Session } from '../store/db.ts'
import type { NodeStore } from '../store/nodes.ts'

export interface PresenceOptions {
  db: Db
  nodes: NodeStore
  bell: BellStore
  clock: Clock
  heard(ring: Ring): void
  onError(error: unknown): void
}

const reconnectMs = [100, 200, 500, 1_000, 2_000]

export interface Presence {
  node(): number
  start(): Promise<void>
  /** Others took this process for dead: it goes on under a new number. */
  renew(): Promise<void>
  stop(): Promise<void>
}

export function createPresence(options: PresenceOptions): Presence {
  let session: Session | null = null
  let number = 0
  let stopping = false
  let lost = false
  let mending: Promise<void> | null = null

  /** A session may be lost while the one before it is still being replaced: then it is replaced again. */
  function onLost(error: Error): void {
    options.onError(error)
    lost = true
    mending ??= mend().finally(() => {
      mending = null
    })
  }

  async function connect(): Promise<void> {
    const fresh = await options.db.session(onLost)
    try {
      await options.bell.listen(fresh, options.heard)
      number = await options.nodes.register(fresh)
    } catch (error) {
      await fresh.close().catch(options.onError)
      throw error
    }
    session = fresh
    // What rang while nobody listened is looked for now.
    options.heard({ lines: [], customers: [], changed: true, commands: true })
  }

  /** A new session needs a new number: with the old one's lock gone, others may have buried it. */
  async function mend(): Promise<void> {
    for (let tries = 0; lost && !stopping; tries++) {
      await options.clock.sleep(reconnectMs[Math.min(tries, reconnectMs.length - 1)] ?? 1_000)
      const left = number
      try {
        lost = false
        await connect()
        await options.nodes.leave(left)
      } catch (error) {
        // With a new session the old number is only left over, and others bury it.
        lost ||= number === left
        options.onError(error)
      }
    }
  }

  return {
    node: () => number,
    start: connect,
    async renew() {
      // A session that is being replaced brings a new number anyway.
      if (mending !== null) return mending
      const old = session
      await connect()
      await old?.close()
    },
    async stop() {
      stopping = true
      await mending
      await options.nodes.leave(number)
      await session?.close()
    },
  }
}
