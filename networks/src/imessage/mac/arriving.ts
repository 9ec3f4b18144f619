/** What comes to the Mac from somebody: rows in its store, in a chat that is begun when there is none. */
import type { Chat, Handle, Kind, Message, NewMessage } from '../store/rows.ts'
import type { World } from '../world.ts'

/** Of two people one chat, of whatever kind; it is begun if need be. */
export function chatOfTwo(world: World, address: string, kind: Kind = 'iMessage'): Chat {
  const known = world.store.chatWith(address, kind)
  return known ?? world.store.addChat({ participants: [address], isGroup: false, kind, prefix: prefixOf(world, kind) })
}

export function prefixOf({ quirks, mac }: World, kind: Kind): string {
  return (quirks.anyGuids ?? mac.major >= 26) ? 'any' : kind
}

export type Inbound = Omit<NewMessage, 'isFromMe' | 'handle' | 'attachments'> & { attachments?: Message['attachments'] }

/** Null: the Mac hears of nothing any more. */
export function arrive(world: World, handle: Handle, inbound: Inbound): Message | null {
  const { store, watcher, mac, doings } = world
  if (!mac.isRegistered || inbound.chat.hasLeft) return null
  const { lateFiles } = doings
  const { attachments = [] } = inbound
  const isLate = lateFiles !== null && attachments.length > 0
  const row = store.add({ ...inbound, isFromMe: false, handle, attachments: isLate ? [] : attachments })
  watcher.touch(row)
  if (isLate) world.later(lateFiles.afterMs, () => bringFiles(world, row, attachments))
  return row
}

function bringFiles({ doings, watcher }: World, row: Message, attachments: Message['attachments']): void {
  row.attachments = attachments
  if (doings.lateFiles?.isTold) watcher.tellUpdated(row)
}

/** Whether there was anything to read; whoever wrote it is shown that it was read. */
export function readIn({ store, clock, parties }: World, chat: Chat): boolean {
  const unread = store.messages.filter((row) => row.chat === chat && !row.isFromMe && row.dateRead === null)
  for (const row of unread) {
    row.dateRead = clock.now()
    if (row.handle !== null) parties.of(row.handle.address).readBy.push(row.guid)
  }
  return unread.length > 0
}
