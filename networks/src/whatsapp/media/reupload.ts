/** A device could not fetch a file: its phone, which has it still, uploads it anew and says where it lies now. */
import { randomBytes } from 'node:crypto'
import { aesEncryptGCM, hkdf, proto } from 'baileys'
import { told } from '../messages/contents.ts'
import type { Companion } from '../party/companion.ts'
import type { Party, Received } from '../party/party.ts'
import { attribute, type BinaryNode, child, stanza } from '../wire/nodes.ts'
import { secondsOf, type World } from '../world.ts'

const { SUCCESS, NOT_FOUND } = proto.MediaRetryNotification.ResultType

export function reupload(world: World, companion: Companion, receipt: BinaryNode): void {
  const { owner } = companion
  const id = attribute(receipt, 'id') ?? ''
  const attributes = { id, type: 'mediaretry', from: owner.jid, t: String(secondsOf(world)) }
  const about = stanza('rmr', child(receipt, 'rmr')?.attrs)
  companion.give(stanza('notification', attributes, [outcome(world, owner, id), about]))
}

function outcome({ media, directory }: World, owner: Party, id: string): BinaryNode {
  // What the owner wrote on the phone itself stands with those who got it.
  const written = () => directory.everybody.flatMap(({ received }) => received.find((one) => one.id === id) ?? [])
  const isOurs = ({ from }: Received) => from === owner.number
  const message = (owner.received.find((one) => one.id === id) ?? written().find(isOurs))?.message
  const { directPath, mediaKey } = told(message ?? {}).media?.file ?? {}
  // Without its key there is nothing with which to answer in secret.
  if (!(mediaKey instanceof Uint8Array)) return stanza('error', { code: String(NOT_FOUND) })
  const renewed = typeof directPath === 'string' ? media.renew(directPath) : null
  const result = renewed === null ? NOT_FOUND : SUCCESS
  const words = proto.MediaRetryNotification.encode({ stanzaId: id, directPath: renewed, result }).finish()
  const key = hkdf(mediaKey, 32, { info: 'WhatsApp Media Retry Notification' })
  const iv = randomBytes(12)
  const sealed = aesEncryptGCM(words, key, iv, Buffer.from(id))
  return stanza('encrypt', {}, [stanza('enc_p', {}, sealed), stanza('enc_iv', {}, iv)])
}
