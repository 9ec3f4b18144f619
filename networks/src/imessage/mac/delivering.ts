/** What becomes of a message once it left: it arrives, is confirmed and read, is answered, or fails without a word. */
import type { SendFate } from '../doings.ts'
import type { Handle, Message } from '../store/rows.ts'
import { messageJson } from '../store/shapes.ts'
import type { World } from '../world.ts'
import { arrive as arriveHere } from './arriving.ts'

export function deliver(world: World, row: Message): void {
  if (row.error !== 0 || !world.mac.isRegistered) return
  for (const handle of row.chat.participants) {
    if (row.chat.kind === 'iMessage' && !world.parties.isReachable(handle.address)) continue
    arrive(world, row, handle)
  }
}

function arrive(world: World, row: Message, handle: Handle): void {
  const { address } = handle
  const { people, parties, mac } = world
  const party = parties.of(address)
  if (row.associatedMessageType === null) party.take(row, mac.aliases[0] ?? mac.account ?? '', people)
  else party.react(row)
  const behaviour = people.behaviourOf(address)
  if (behaviour.writesBack !== null && row.associatedMessageType === null) {
    const words = behaviour.writesBack.replaceAll('$text', () => row.text ?? '')
    world.later(behaviour.writesBackAfterMs, () => {
      people.tell({ what: 'said', network: 'imessage', from: address, text: words })
      arriveHere(world, handle, { chat: row.chat, text: words, runs: [{ start: 0, length: words.length, part: 0 }] })
    })
  }
  // What goes by SMS is never confirmed.
  if (row.chat.kind === 'SMS' || behaviour.receiptAfterMs === null || behaviour.receipt === 'failed') return
  world.later(behaviour.receiptAfterMs, () => {
    confirm(world, row)
    if (behaviour.readAfterMs !== null) world.later(behaviour.readAfterMs, () => read(world, row))
  })
}

/** In a group the first of them counts, and no date is told. */
function confirm({ clock, watcher }: World, row: Message): void {
  if (row.isDelivered || row.error !== 0) return
  row.isDelivered = true
  if (!row.chat.isGroup) row.dateDelivered = clock.now()
  watcher.touch(row)
}

/** Who has read it is told in chats of two only. */
export function read(world: World, row: Message): void {
  if (row.chat.isGroup || row.dateRead !== null || row.error !== 0) return
  row.isDelivered = true
  row.dateRead = world.clock.now()
  world.watcher.touch(row)
}

/** Of this the watcher takes no notice: whoever wants to know has to look. */
export function failLater(world: World, row: Message, fate: SendFate & { kind: 'errorLater' }): void {
  world.later(fate.afterMs, () => {
    row.error = fate.code
    if (!fate.isTold) return
    const data = messageJson(row, { ...world.shape, isReduced: true })
    world.webhooks.tell('message-send-error', data)
  })
}
