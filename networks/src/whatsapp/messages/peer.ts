/** What a phone tells its own linked devices without showing it to anybody. */
import { proto } from 'baileys'
import type { Companion } from '../party/companion.ts'
import type { Party } from '../party/party.ts'
import { stanza } from '../wire/nodes.ts'
import { secondsOf, type World } from '../world.ts'
import { newId } from './mail.ts'

export async function tellDevice(
  world: World,
  companion: Companion,
  said: proto.Message.IProtocolMessage,
): Promise<void> {
  const { owner } = companion
  const sealed = await owner.device.seal(companion.jid, { protocolMessage: said }, () => companion.bundle())
  const attributes = { from: owner.jid, type: 'text', category: 'peer', notify: owner.name }
  companion.give(
    stanza('message', { ...attributes, id: newId(), t: String(secondsOf(world)) }, [
      stanza('enc', { v: '2', type: sealed.type }, sealed.ciphertext),
    ]),
  )
}

/** The phone has learned whose number belongs to a LID, and passes it on. */
export async function tellMapping(world: World, owner: Party, other: Party): Promise<void> {
  const lid = { pn: Number(other.user), assignedLid: Number(other.lidUser), latestLid: Number(other.lidUser) }
  const mapping = { pnToLidMappings: [lid], chatDbMigrationTimestamp: secondsOf(world) }
  const encodedMappingPayload = proto.LIDMigrationMappingSyncPayload.encode(mapping).finish()
  const type = proto.Message.ProtocolMessage.Type.LID_MIGRATION_MAPPING_SYNC
  for (const companion of owner.companions)
    if (companion.state.signedKey !== null)
      await tellDevice(world, companion, { type, lidMigrationMappingSyncMessage: { encodedMappingPayload } })
}
