/** What a phone tells a device that was just linked: the notice of its history, without which a client waits for it. */
import { randomBytes } from 'node:crypto'
import { deflateSync } from 'node:zlib'
import { proto } from 'baileys'
import type { Companion } from '../party/companion.ts'
import { stanza } from '../wire/nodes.ts'
import { secondsOf, type World } from '../world.ts'

/** Once for each device. */
export async function sendHistory(world: World, companion: Companion): Promise<void> {
  const { owner, state } = companion
  if (state.hasHistory || state.signedKey === null) return
  state.hasHistory = true
  const syncType = proto.HistorySync.HistorySyncType.INITIAL_BOOTSTRAP
  const history = proto.HistorySync.encode({ syncType, chunkOrder: 0, progress: 100, conversations: [] }).finish()
  const notice = {
    syncType: proto.Message.HistorySyncType.INITIAL_BOOTSTRAP,
    ...{ chunkOrder: 0, progress: 100, initialHistBootstrapInlinePayload: deflateSync(history) },
  }
  const type = proto.Message.ProtocolMessage.Type.HISTORY_SYNC_NOTIFICATION
  const message = { protocolMessage: { type, historySyncNotification: notice } }
  const sealed = await owner.device.seal(companion.jid, message, () => companion.bundle())
  const attributes = { from: owner.jid, type: 'text', category: 'peer', notify: owner.name }
  const id = `3A${randomBytes(9).toString('hex').toUpperCase()}`
  companion.give(
    stanza('message', { ...attributes, id, t: String(secondsOf(world)) }, [
      stanza('enc', { v: '2', type: sealed.type }, sealed.ciphertext),
    ]),
  )
}
