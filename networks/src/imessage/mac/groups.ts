/** Changes of groups, whoever makes them: the roster first, then the row that tells of it. */
import { randomUUID } from 'node:crypto'
import type { Chat, Handle, Message } from '../store/rows.ts'
import type { World } from '../world.ts'

export type Change =
  | { kind: 'added' | 'removed'; address: string }
  | { kind: 'renamed'; name: string }
  | { kind: 'left' }
  | { kind: 'icon'; bytes: Buffer | null }

/** `by` is null for the Mac's owner. */
export function changeGroup(world: World, chat: Chat, by: Handle | null, change: Change): Message {
  const marks = marksOf(world, chat, by, change)
  const row = world.store.add({ ...marks, chat, handle: by, isFromMe: by === null })
  world.watcher.touch(row)
  return row
}

function marksOf(world: World, chat: Chat, by: Handle | null, change: Change): Partial<Message> {
  const { store } = world
  if (change.kind === 'renamed') {
    chat.displayName = change.name
    return { itemType: 2, groupTitle: change.name }
  }
  if (change.kind === 'icon') {
    const { bytes } = change
    chat.iconGuid = bytes && store.addFile({ name: `GroupPhoto-${randomUUID()}.jpeg`, bytes }, by === null).guid
    return { itemType: 3, groupActionType: bytes === null ? 2 : 1 }
  }
  if (change.kind === 'left') {
    if (by === null) chat.hasLeft = true
    else chat.participants = chat.participants.filter((one) => one !== by)
    return { itemType: 3, groupActionType: 0 }
  }
  const handle = store.handleOf(change.address, chat.kind)
  const others = chat.participants.filter((one) => one !== handle)
  chat.participants = change.kind === 'added' ? [...others, handle] : others
  return { itemType: 1, groupActionType: change.kind === 'added' ? 0 : 1, otherHandle: handle.rowid }
}
