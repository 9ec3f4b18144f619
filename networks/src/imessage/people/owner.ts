/** The person who sits at the Mac: what they write and read there the server sees, and nobody asked for it. */

import { chatOfTwo, readIn } from '../mac/arriving.ts'
import { put } from '../mac/sending.ts'
import type { Chat } from '../store/rows.ts'
import type { NewFile } from '../store/store.ts'
import { CannotBeDone, type World } from '../world.ts'

/** `to`: an address, or the guid of a chat. */
export interface Owner {
  says(to: string, text: string): string
  sends(to: string, file: NewFile): string
  reads(to: string): void
  types(to: string, isTyping?: boolean): void
}

export function ownerOf(world: World): Owner {
  const place = (to: string): Chat => {
    if (!to.includes(';')) return chatOfTwo(world, to)
    const chat = world.store.chat(to)
    if (chat === null) throw new CannotBeDone('There is no such chat.')
    return chat
  }
  return {
    says: (to, text) => put(world, { chat: place(to), outgoing: { pieces: [{ text, part: 0 }] }, fate: null }).guid,
    sends: (to, file) => put(world, { chat: place(to), outgoing: { pieces: [{ file, part: 0 }] }, fate: null }).guid,
    reads(to) {
      const chat = place(to)
      if (readIn(world, chat)) world.webhooks.tell('chat-read-status-changed', { chatGuid: chat.guid, read: true })
    },
    types: (to, isTyping = true) => world.typing.show(world, place(to), isTyping),
  }
}
