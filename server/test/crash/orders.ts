/** What the killer tells a gateway process, and what that reports back. */
import type { Channel } from '../../src/model/channel.ts'
import type { Plan } from './boundary.ts'

export interface Orders {
  /** Where the network outside listens. */
  port: number
  /** The gateway's own connectors: its lines know where their networks are. */
  real?: boolean
  dedupes: readonly Channel[]
  plan: Plan | null
}

export type Command = { do: 'start'; settings: readonly string[]; orders: Orders } | { do: 'stop' } | { do: 'count' }

/** One answer to each command. */
export type Report = { ready: string } | { stopped: true } | { counts: Record<string, number> }
