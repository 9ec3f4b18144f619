/** The line reacts to a message: a message of its own that points at the other. */
import { reactionWords } from '../people/reactions.ts'
import type { Message } from '../store/rows.ts'
import type { World } from '../world.ts'
import { deliver } from './delivering.ts'
import { CannotAct } from './private-api.ts'

export interface Reaction {
  chatGuid: string
  /** love, -love and so on. */
  name: string
  part: number
}

export async function reactTo(world: World, target: Message, { chatGuid, name, part }: Reaction): Promise<Message> {
  const { store, privateApi, clock, waits, stopped, watcher } = world
  await privateApi.turn()
  const chat = store.chat(chatGuid)
  if (chat === null || chat.hasLeft) throw new CannotAct('Chat does not exist in IMChatRegistry!')
  if (target.chat !== chat) throw new CannotAct('Message not found in chat!')
  await clock.sleep(waits.rowMs, stopped.signal)
  const { type, text } = reactionWords(target, name.replace('-', ''), name.startsWith('-'))
  const row = store.add({
    ...{ chat, isFromMe: true, text, runs: [{ start: 0, length: text.length, part: 0 }] },
    ...{ associatedMessageGuid: `p:${part}/${target.guid}`, associatedMessageType: type },
  })
  watcher.touch(row)
  deliver(world, row)
  return row
}
