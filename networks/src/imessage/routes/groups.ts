/** Calls that change groups, and those about calls by FaceTime: the server waits for the store to say that it happened. */
import { randomUUID } from 'node:crypto'
import type { Answered } from '../../sms/door.ts'
import { badRequest, imessageError, notFound, success, unhandled } from '../http/envelope.ts'
import type { Ask, Route } from '../http/router.ts'
import { check, required, text, textIn } from '../http/rules.ts'
import { changeGroup } from '../mac/groups.ts'
import type { Chat } from '../store/rows.ts'
import type { World } from '../world.ts'
import { whole } from './chats.ts'

const waitMaxMs = 30_000

export const groups: readonly Route[] = [
  { method: 'PUT', path: 'chat/:guid', isGated: true, answer: rename },
  ...(['participant', 'participant/add'] as const).map((path): Route => member('POST', path, 'add')),
  member('DELETE', 'participant', 'remove'),
  member('POST', 'participant/remove', 'remove'),
  { method: 'POST', path: 'chat/:guid/leave', isGated: true, answer: leave },
  { method: 'POST', path: 'chat/:guid/icon', isGated: true, answer: setIcon },
  { method: 'DELETE', path: 'chat/:guid/icon', isGated: true, answer: removeIcon },
  { method: 'GET', path: 'chat/:guid/icon', answer: icon },
  { method: 'POST', path: 'facetime/session', isGated: true, answer: session },
  { method: 'POST', path: 'facetime/answer/:uuid', isGated: true, answer: session },
  { method: 'POST', path: 'facetime/leave/:uuid', isGated: true, answer: hangUp },
]

function member(method: 'POST' | 'DELETE', path: string, action: 'add' | 'remove'): Route {
  return { method, path: `chat/:guid/${path}`, isGated: true, answer: (world, ask) => toggle(world, ask, action) }
}

/** Chats without members are not found: they are looked up together with them. */
function chatIn({ store }: World, { params: [guid = ''] }: Ask): Chat {
  const chat = store.chat(guid)
  if (chat === null || chat.participants.length === 0) throw notFound('Chat does not exist!')
  return chat
}

async function rename(world: World, ask: Ask): Promise<Answered> {
  check(ask.body, { displayName: [text] })
  const chat = chatIn(world, ask)
  const name = textIn(ask.body, 'displayName')
  if (name === undefined)
    return success({ message: 'Chat not updated! No update information provided!', data: whole(world, chat) })
  if (chat.participants.length <= 1) throw imessageError('Cannot rename a non-group chat!', 'Chat is not a group')
  const message = 'Successfully updated the following fields: displayName'
  if (chat.displayName === name) return success({ message, data: whole(world, chat) })
  const before = chat.displayName
  await made(world, () => changeGroup(world, chat, null, { kind: 'renamed', name }))
  if (!(await world.privateApi.until(() => chat.displayName !== before, waitMaxMs))) {
    const inner = `Failed to set new display name! Operation took longer than ${waitMaxMs / 1_000} seconds!`
    throw imessageError('Chat update executed with errors!', inner)
  }
  const lost = world.quirks.renamedLosesParticipants ? { participants: [] } : {}
  return success({ message, data: { ...whole(world, chat), ...lost } })
}

async function toggle(world: World, ask: Ask, action: 'add' | 'remove'): Promise<Answered> {
  check(ask.body, { address: [required, text] })
  const chat = chatIn(world, ask)
  const address = String(ask.body.address)
  const before = chat.participants.length
  if (before === 1) throw unhandled('Chat is not a group chat!')
  const isThere = chat.participants.some((one) => one.address === address)
  const isPossible = action === 'add' ? !isThere && world.parties.isReachable(address) : isThere
  const kind = action === 'add' ? 'added' : 'removed'
  await made(world, () => {
    if (isPossible) changeGroup(world, chat, null, { kind, address })
  })
  // Only how many they are counts.
  if (!(await world.privateApi.until(() => chat.participants.length !== before, waitMaxMs)))
    throw unhandled(`Failed to ${action} participant to chat! Operation took longer than 5 seconds!`)
  return success({ data: whole(world, chat) })
}

/** A chat that is not there is left as well. */
async function leave(world: World, { params: [guid = ''] }: Ask): Promise<Answered> {
  const chat = world.store.chat(guid)
  if (chat !== null) await made(world, () => changeGroup(world, chat, null, { kind: 'left' }))
  return success({ message: 'Successfully left chat!' })
}

async function setIcon(world: World, ask: Ask): Promise<Answered> {
  const file = ask.files.get('icon')
  if (file === undefined || file.bytes.length === 0) throw badRequest('Icon not provided or was empty!')
  const chat = groupIn(world, ask)
  await made(world, () => changeGroup(world, chat, null, { kind: 'icon', bytes: file.bytes }))
  return success({ message: 'Successfully set group chat icon!' })
}

async function removeIcon(world: World, ask: Ask): Promise<Answered> {
  const chat = groupIn(world, ask)
  await made(world, () => changeGroup(world, chat, null, { kind: 'icon', bytes: null }))
  return success({ message: 'Successfully removed group chat icon!' })
}

function icon(world: World, { params: [guid = ''] }: Ask): Answered {
  const chat = world.store.chat(guid)
  if (chat === null) throw notFound('Chat does not exist!')
  const attachment = chat.iconGuid === null ? null : world.store.attachment(chat.iconGuid)
  if (attachment === null) throw notFound('Unable to find icon for the selected chat')
  return { status: 200, type: attachment.mimeType, body: attachment.bytes }
}

function groupIn(world: World, ask: Ask): Chat {
  const chat = chatIn(world, ask)
  if (world.mac.major < 11) throw unhandled('Setting group chat icons are only supported on macOS Big Sur or newer!')
  if (chat.participants.length === 1) throw unhandled('Chat is not a group chat!')
  return chat
}

/** The helper says that it did it; whether anything came of it the store has to show. */
async function made({ privateApi, clock, waits, stopped, quirks }: World, change: () => void): Promise<void> {
  await privateApi.turn()
  await clock.sleep(waits.rowMs, stopped.signal)
  if (!quirks.ignoresGroupChanges) change()
}

async function session(world: World): Promise<Answered> {
  mayCall(world, 'Creating')
  await world.privateApi.turn()
  return success({ data: { link: `https://facetime.apple.com/join#v=1&p=${randomUUID()}` } })
}

async function hangUp(world: World): Promise<Answered> {
  mayCall(world, 'Leaving')
  await world.privateApi.turn()
  return success({ message: 'No Data', status: 201 })
}

function mayCall({ mac }: World, what: string): void {
  if (mac.major < 12) throw unhandled(`${what} FaceTime calls is only available on macOS Big Sur and newer!`)
}
