/** The link to WhatsApp in this surface's words, which operators and callers share. */
import type { z } from 'zod'
import type { Session } from '../../../gateway.ts'
import type { LinkState } from '../../../model/line.ts'
import type * as shape from './schema.ts'

type Status = z.input<typeof shape.session>['status']

const words: Readonly<Record<LinkState['status'], Status>> = {
  off: 'disconnected',
  connecting: 'connecting',
  pairing: 'qr_pending',
  connected: 'connected',
  disconnected: 'disconnected',
}

export function statusOf({ state }: Pick<Session, 'state'>): Status {
  return state === null ? 'not_enabled' : words[state.status]
}

export function presentSession(session: Session): z.input<typeof shape.session> {
  const { address, identity, connectedAt, disconnectedAt, reason } = session
  return {
    phoneNumber: address,
    status: statusOf(session),
    jid: identity,
    lastConnectedAt: connectedAt?.toISOString() ?? null,
    lastDisconnectedAt: disconnectedAt?.toISOString() ?? null,
    disconnectReason: reason,
  }
}

/** What has come of a change, as far as it is known at once. */
export function presentChanged(session: Session): z.input<typeof shape.changed> {
  return { phoneNumber: session.address, status: statusOf(session), disconnectReason: session.reason }
}
