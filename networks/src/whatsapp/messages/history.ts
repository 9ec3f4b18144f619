/** What a phone tells a device that was just linked: the notice of its history, without which a client waits for it. */
import { deflateSync } from 'node:zlib'
import { proto } from 'baileys'
import type { Companion } from '../party/companion.ts'
import type { World } from '../world.ts'
import { tellDevice } from './peer.ts'

export async function sendHistory(world: World, companion: Companion): Promise<void> {
  const syncType = proto.HistorySync.HistorySyncType.INITIAL_BOOTSTRAP
  const history = proto.HistorySync.encode({ syncType, chunkOrder: 0, progress: 100, conversations: [] }).finish()
  const notice = {
    syncType: proto.Message.HistorySyncType.INITIAL_BOOTSTRAP,
    ...{ chunkOrder: 0, progress: 100, initialHistBootstrapInlinePayload: deflateSync(history) },
  }
  const type = proto.Message.ProtocolMessage.Type.HISTORY_SYNC_NOTIFICATION
  await tellDevice(world, companion, { type, historySyncNotification: notice })
}
