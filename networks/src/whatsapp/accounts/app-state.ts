/** What an account's devices agree on about chats, such as which are archived: the phone shares the key, the server keeps the changes. */
import { randomInt } from 'node:crypto'
import { proto } from 'baileys'
import { tellDevice } from '../messages/peer.ts'
import type { Companion } from '../party/companion.ts'
import { attribute, type BinaryNode, child, children, firstChild, octetsOf, server, stanza } from '../wire/nodes.ts'
import { secondsOf, type World } from '../world.ts'
import type { Query } from './queries.ts'

const changesMax = 5_000

/** A phone gives its key to each device that it links. */
export async function shareKey(world: World, companion: Companion): Promise<void> {
  const { id, data } = companion.owner.appStateKey
  const keyData = { keyData: data, fingerprint: { rawId: 1, currentIndex: 0, deviceIndexes: [0] } }
  const keys = [{ keyId: { keyId: id }, keyData: { ...keyData, timestamp: world.clock.now() } }]
  const type = proto.Message.ProtocolMessage.Type.APP_STATE_SYNC_KEY_SHARE
  await tellDevice(world, companion, { type, appStateSyncKeyShare: { keys } })
}

export function syncAppState({ world, companion, request }: Query): BinaryNode[] {
  if (companion === null) return []
  const collections = children(firstChild(request), 'collection')
  return [
    stanza(
      'sync',
      {},
      collections.map((one) => synced(world, companion, one)),
    ),
  ]
}

/** The changes after the version that the device has; its own is taken when it has all others. */
function synced(world: World, companion: Companion, asked: BinaryNode): BinaryNode {
  const name = attribute(asked, 'name') ?? ''
  const { appState } = companion.owner
  const changes = appState.get(name) ?? []
  const has = Number(attribute(asked, 'version') ?? 0)
  const sent = child(asked, 'patch')
  if (sent === undefined) return collection(name, changes, has)
  if (has !== changes.length || changes.length >= changesMax) {
    const { tag, attrs, content } = collection(name, changes, has)
    const conflict = stanza('error', { code: '409', text: 'conflict' })
    return { tag, attrs: { ...attrs, type: 'error' }, content: [...(Array.isArray(content) ? content : []), conflict] }
  }
  const patch = { ...proto.SyncdPatch.decode(octetsOf(sent)), version: { version: has + 1 } }
  appState.set(name, [...changes, Buffer.from(proto.SyncdPatch.encode(patch).finish())])
  tellOthers(world, companion, name)
  return stanza('collection', { name, version: String(has + 1) })
}

function collection(name: string, changes: readonly Buffer[], has: number): BinaryNode {
  const missing = changes.slice(has).map((change) => stanza('patch', {}, change))
  const content = missing.length > 0 ? [stanza('patches', {}, missing)] : undefined
  return stanza('collection', { name, version: String(changes.length), has_more_patches: 'false' }, content)
}

/** They ask for what has changed. */
function tellOthers(world: World, companion: Companion, name: string): void {
  const { companions, appState } = companion.owner
  const changed = stanza('collection', { name, version: String(appState.get(name)?.length ?? 0) })
  for (const other of companions) {
    if (other === companion) continue
    const attributes = { from: server, type: 'server_sync', t: String(secondsOf(world)) }
    other.give(stanza('notification', { ...attributes, id: `sync${randomInt(2 ** 40)}` }, [changed]))
  }
}
