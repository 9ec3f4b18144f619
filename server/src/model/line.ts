/** A number (or Apple ID) a customer sends from, and the state of its link to each network. */
import type { Channel } from './channel.ts'
import type { CustomerId, Handle, LineId } from './ids.ts'

export interface Line {
  id: LineId
  /** Null until an operator gives the line to a customer. */
  customerId: CustomerId | null
  name: string
  /** Null until a session is paired and tells us its number. */
  address: Handle | null
  email: Handle | null
  channels: readonly Channel[]
  provider: string
  /** The providers of those channels that have one of their own. */
  providers: Partial<Record<Channel, string>>
  isDefault: boolean
  status: 'active' | 'inactive' | 'maintenance'
  links: Partial<Record<Channel, LinkState>>
}

export type LinkState =
  /** What a connection is without its pairing; outside it is disconnected, and was reset. */
  | { status: 'off' }
  | { status: 'connecting' }
  | { status: 'pairing'; qr: string; expiresAt: string }
  | { status: 'connected'; identity: string; warnings: readonly string[]; since: string }
  | { status: 'disconnected'; reason: DisconnectReason; retryAt: string | null }

/** `close_` passes by itself or by a new start; whatever else there is waits for somebody to order one. */
export type DisconnectReason =
  | 'stopped'
  | 'phone_number_mismatch'
  | 'auth_revoked'
  | 'auth_reset'
  | 'reconnect_exhausted'
  | `close_${string}`
  | `terminal_${string}`

/** Nothing that was agreed with the phone holds any more. */
export const pairingEnds: readonly DisconnectReason[] = ['auth_revoked', 'auth_reset', 'phone_number_mismatch']

export function endsPairing(reason: DisconnectReason): boolean {
  return pairingEnds.includes(reason)
}

/** What its owner wants of one link of a line. It is kept until something else is ordered, whichever process holds the line. */
export interface LinkOrder {
  /** Null: the link is to be up. Else why it is not, which is the reason it shows. */
  stopped: 'stopped' | 'auth_reset' | null
  /** Grows with each order. What a link said under an earlier one no longer counts, and one that has ended starts anew. */
  round: number
}

export type LinkOrders = Partial<Record<Channel, LinkOrder>>

/** What is remembered of a link, whatever its state is now. */
export interface LinkPast {
  /** Of the order under which it last said anything. */
  round: number
  connectedAt: Date | null
  disconnectedAt: Date | null
  /** As what it was last connected; null once that pairing is over. */
  identity: string | null
  /** Why it was last disconnected; null from the moment it is connected again. */
  reason: DisconnectReason | null
}

/** What matters of a link to those who only want to know whether it works. */
export const linkStages = ['new', 'connecting', 'pairing', 'up', 'down', 'refused'] as const
export type LinkStage = (typeof linkStages)[number]

/** Null: it has never said anything. */
export function stageOf(state: LinkState | null): LinkStage {
  if (state === null) return 'new'
  switch (state.status) {
    case 'connecting':
    case 'pairing':
      return state.status
    case 'connected':
      return 'up'
    case 'off':
      return 'down'
    case 'disconnected':
      return refusals.has(state.reason) ? 'refused' : 'down'
  }
}

/** The phone or the network will have none of it: logged out there, the wrong phone, or an account that is closed. */
const refusals: ReadonlySet<string> = new Set(['auth_revoked', 'phone_number_mismatch', 'terminal_401', 'terminal_403'])

const neverOrdered: LinkOrder = { stopped: null, round: 0 }

export function orderFor({ linkOrders }: { linkOrders: LinkOrders }, channel: Channel): LinkOrder {
  return linkOrders[channel] ?? neverOrdered
}

type Ordered = Pick<Line, 'channels' | 'customerId' | 'status' | 'links'> & {
  linkOrders: LinkOrders
  linkPasts: Partial<Record<Channel, LinkPast>>
}

/** How a link is, as far as anybody can know: by its order, until it has said something since. Null: the line has no such channel. */
export function linkNow(line: Ordered, channel: Channel): LinkState | null {
  if (!line.channels.includes(channel)) return null
  const { stopped, round } = orderFor(line, channel)
  if (stopped !== null) return { status: 'disconnected', reason: stopped, retryAt: null }
  const state = line.links[channel]
  if (state !== undefined && (line.linkPasts[channel]?.round ?? 0) >= round) return state
  return isServed(line) ? { status: 'connecting' } : { status: 'disconnected', reason: 'stopped', retryAt: null }
}

/** Nobody connects a line that belongs to nobody, or is out of use. */
export function isServed({ customerId, status }: Pick<Line, 'customerId' | 'status'>): boolean {
  return customerId !== null && status === 'active'
}

export type Health = 'healthy' | 'degraded' | 'unhealthy' | 'unknown'

const fromBestToWorst: readonly Health[] = ['healthy', 'unknown', 'degraded', 'unhealthy']

/** A line is as well as its worst enabled link, in whatever order its links are looked at. */
export function healthOf(line: Pick<Line, 'channels' | 'links'>): Health {
  if (line.channels.length === 0) return 'unknown'
  const found = new Set(line.channels.map((channel) => healthOfLink(line.links[channel])))
  return fromBestToWorst.findLast((health) => found.has(health)) ?? 'unknown'
}

function healthOfLink(state: LinkState | undefined): Health {
  if (state === undefined) return 'unknown'
  if (state.status !== 'connected') return 'unhealthy'
  return state.warnings.length > 0 ? 'degraded' : 'healthy'
}
