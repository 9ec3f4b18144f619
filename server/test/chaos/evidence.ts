/** What one run leaves behind: what came to each receiver, what the log holds, what was recorded of each delivery. Only data. */

/** How a receiver misbehaves now and then. */
export const kinds = [
  'plain',
  'errors',
  'busy',
  'reset',
  'hang',
  'drip',
  'huge',
  'redirect',
  'tls',
  'refuses',
  'distrusted',
] as const
export type Kind = (typeof kinds)[number]

/** One webhook and its receiver. */
export interface Hook {
  id: string
  name: string
  kind: Kind
  ordered: boolean
}

/** A request that came in whole. */
export interface Arrival {
  hook: string
  /** The header that repeats are to be told by. */
  id: string
  /** The id that the body bears. */
  event: string
  type: string
  /** Of the bytes of the body. */
  hash: string
  /** Answered with a 2xx, to the end of the answer. */
  fine: boolean
  standard: boolean
  stamped: boolean
}

/** An event of the log that webhooks are told of. */
export interface LoggedEvent {
  id: string
  type: string
  message: string | null
  /** The line and the other side. */
  thread: string | null
}

/** What the gateway says has become of a delivery. */
export interface Settled {
  hook: string
  event: string
  status: string
  attempts: number
}

/** Resident memory of the gateway's process, in bytes; null where it cannot be read. */
export interface Memory {
  peak: number
  /** The most in the first and in the last third of the run. */
  early: number
  late: number
}

export interface Evidence {
  hooks: readonly Hook[]
  /** In the order of the log. */
  log: readonly LoggedEvent[]
  /** In the order of arrival. */
  arrivals: readonly Arrival[]
  deliveries: readonly Settled[]
  /** How often the gateway was killed. */
  kills: number
  /** Connections to where the redirects lead. */
  canary: number
  memory: Memory | null
}

export interface Breach {
  promise: string
  detail: string
}
