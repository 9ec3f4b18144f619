/** Who answers STOP and START: the gateway, where the line says that nobody else does. */
import type { Host } from '../connector.ts'

export type Confirms = 'gateway' | 'provider'

export function confirming<Told extends Host>(host: Told, by: Confirms): Told {
  return { ...host, receive: confirmed(host.receive, by) }
}

export function confirmed(receive: Host['receive'], by: Confirms): Host['receive'] {
  if (by === 'provider') return (event) => receive(event)
  return (event) => receive(event.kind === 'message' ? { ...event, confirmsChoice: true } : event)
}
