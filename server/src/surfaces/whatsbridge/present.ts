/** Lines and their links in this surface's words. */
import type { z } from 'zod'
import type { Caller, Gateway, Session, SessionAgent } from '../../gateway.ts'
import type { LinkStage } from '../../model/line.ts'
import { qrDataUrl } from './qr.ts'
import type { session, sessionStatuses } from './schema.ts'

type WireSession = z.input<typeof session>
type WireStatus = (typeof sessionStatuses)[number]

const statuses: Readonly<Record<LinkStage, WireStatus>> = {
  new: 'created',
  connecting: 'connecting',
  pairing: 'qr_ready',
  up: 'ready',
  down: 'disconnected',
  refused: 'auth_failed',
}

export function statusOf(stage: LinkStage): WireStatus {
  return statuses[stage]
}

export async function presentSessions(
  gateway: Gateway,
  caller: Caller,
  sessions: readonly Session[],
): Promise<WireSession[]> {
  const agents = await gateway.agents.ofSessions(
    caller,
    sessions.map(({ lineId }) => lineId),
  )
  return sessions.map((one) => shown(one, agents.get(one.lineId) ?? []))
}

export async function presentSession(gateway: Gateway, caller: Caller, session: Session): Promise<WireSession> {
  const agents = await gateway.agents.ofSessions(caller, [session.lineId])
  return shown(session, agents.get(session.lineId) ?? [])
}

function shown({ lineId, lineName, stage, state }: Session, agents: readonly SessionAgent[]): WireSession {
  return {
    id: lineId,
    name: lineName,
    status: statusOf(stage),
    qr_code_url: state?.status === 'pairing' ? qrDataUrl(state.qr) : null,
    ai_agents: agents.map(({ id, name, isActive, isDefault }) => ({
      ...{ id, name },
      ...{ is_active: isActive, is_default: isDefault },
    })),
  }
}
