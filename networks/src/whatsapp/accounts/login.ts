/** Who may come in: devices that are to be linked, and linked ones by their key; each has one connection at a time. */

import { randomInt } from 'node:crypto'
import type { Companion } from '../party/companion.ts'
import type { Party } from '../party/party.ts'
import type { Connection } from '../wire/connection.ts'
import { stanza } from '../wire/nodes.ts'
import { secondsOf, type World } from '../world.ts'
import type { Linking } from './linking.ts'

/** Null: it is not linked yet, or was not let in. */
export function letIn(world: World, linking: Linking, connection: Connection): Companion | null {
  const { clientKey, payload } = connection.introduction
  const isNew = payload.devicePairingData !== null && payload.devicePairingData !== undefined
  const owner = isNew ? null : world.directory.byNumber(`+${payload.username}`)
  // Whoever asked for a code calls itself by the number already, but has no device of it yet.
  if (isNew || (owner !== null && !payload.device)) {
    linking.offer(connection)
    return null
  }
  const companion = owner?.companions.find(({ state }) => state.device === payload.device)
  if (owner?.isBanned) return turnedAway(connection, '403')
  if (companion === undefined || !companion.state.noiseKey.equals(clientKey)) return turnedAway(connection, '401')
  const replaced = stanza('conflict', { type: 'replaced' })
  companion.connection?.dismiss(stanza('stream:error', {}, [replaced]))
  companion.connection = connection
  companion.isAvailable = false
  companion.watches.clear()
  welcome(world, companion, connection)
  return companion
}

function turnedAway(connection: Connection, reason: string): null {
  connection.dismiss(stanza('failure', { reason, location: 'loopback' }))
  return null
}

/** What came while it was away follows at once, marked as late, and then a word that it is over. */
function welcome(world: World, companion: Companion, connection: Connection): void {
  const t = String(secondsOf(world))
  connection.send(stanza('success', { t, props: '1', lid: companion.jid, location: 'loopback' }))
  const late = companion.unacknowledged()
  const count = String(late.length)
  const counts = { count, message: count, notification: '0', receipt: '0', appdata: '0' }
  connection.send(stanza('ib', {}, [stanza('offline_preview', counts)]))
  for (const node of late) connection.send({ ...node, attrs: { ...node.attrs, offline: '0' } })
  connection.send(stanza('ib', {}, [stanza('offline', { count })]))
}

/** The account is closed to this device: it must be linked anew. */
export function unlink(world: World, companion: Companion): void {
  const { owner, connection } = companion
  owner.companions = owner.companions.filter((one) => one !== companion)
  companion.connection = null
  const removed = stanza('conflict', { type: 'device_removed' })
  connection?.dismiss(stanza('stream:error', { code: '401' }, [removed]))
  tellDevices(world, owner)
}

/** Whoever has looked up somebody's devices, or is one of them, is told to look again. */
export function tellDevices(world: World, party: Party): void {
  const { jid, lid } = party
  const devices = [jid, lid].map((one) => stanza('device', { jid: one, 'key-index': '0' }))
  const attributes = { from: jid, type: 'devices', t: String(secondsOf(world)) }
  for (const { companions } of world.directory.everybody)
    for (const companion of companions) {
      if (companion.owner !== party && !companion.knows.has(party.number)) continue
      const id = `devices${randomInt(2 ** 40)}`
      companion.give(stanza('notification', { ...attributes, id }, [stanza('update', { hash: 'loopback' }, devices)]))
    }
}
