/** What goes wrong on purpose: on the link, with messages, and with accounts. */
import type { Link } from './wire/connection.ts'

export interface FaultState {
  link: Link
  /** New connections are turned away. */
  refusesConnections: boolean
  refusesUploads: boolean
  /** What the next messages are refused with. */
  nacks: number[]
  /** So many of the next messages vanish on the way in. */
  lostMessages: number
  /** So many of the next messages are taken and never acknowledged. */
  lostAnswers: number
}

export function noFaults(): FaultState {
  const link = { lateMs: 0, isSilent: false, breaksAt: 0 }
  return { link, refusesConnections: false, refusesUploads: false, nacks: [], lostMessages: 0, lostAnswers: 0 }
}
