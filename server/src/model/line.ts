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
  | { status: 'off' }
  | { status: 'connecting' }
  | { status: 'pairing'; qr: string; expiresAt: string }
  | { status: 'connected'; identity: string; warnings: readonly string[]; since: string }
  | { status: 'disconnected'; reason: DisconnectReason; retryAt: string | null }

export type DisconnectReason = 'stopped' | 'phone_number_mismatch' | 'auth_revoked' | `close_${string}`

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
