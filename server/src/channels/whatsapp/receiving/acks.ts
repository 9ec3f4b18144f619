/** The server’s word on each message of ours: taken, or refused with a code. */
import type { BinaryNode } from 'baileys'
import { attribute } from './stanzas.ts'

/** Null for an acknowledgement of anything else. */
export function ackOf(node: BinaryNode): { id: string; error: string | null } | null {
  const id = attribute(node, 'id')
  return id === null || attribute(node, 'class') !== 'message' ? null : { id, error: attribute(node, 'error') }
}
