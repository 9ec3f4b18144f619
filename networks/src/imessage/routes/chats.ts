/** Calls about chats: begun, found, listed, read, typed in. */
import type { Answered } from '../../sms/door.ts'
import { notFound, success, unhandled } from '../http/envelope.ts'
import type { Ask, Route } from '../http/router.ts'
import {
  atLeast,
  atMost,
  check,
  hasOne,
  list,
  numberIn,
  numeric,
  oneOf,
  required,
  text,
  textIn,
  withIn,
} from '../http/rules.ts'
import { addressFrom } from '../mac/addresses.ts'
import { prefixOf, readIn } from '../mac/arriving.ts'
import { CannotAct, mustHavePrivateApi } from '../mac/private-api.ts'
import { type Outgoing, sendByScript, sendPrivately } from '../mac/sending.ts'
import type { Chat, Kind, Message } from '../store/rows.ts'
import { chatJson, type Json, messageJson, participantsJson } from '../store/shapes.ts'
import type { World } from '../world.ts'
import { hangs } from './sends.ts'

const newRules = {
  ...{ addresses: [required, list], message: [text], method: [text, oneOf('apple-script', 'private-api')] },
  ...{ service: [text, oneOf('iMessage', 'SMS')], tempGuid: [text], effectId: [text], subject: [text] },
}
const queryRules = {
  ...{ with: [list], sort: [text, oneOf('lastmessage')], offset: [numeric, atLeast(0)] },
  limit: [numeric, atLeast(1), atMost(1_000)],
}

export const chats: readonly Route[] = [
  { method: 'POST', path: 'chat/new', answer: begin },
  { method: 'GET', path: 'chat/count', answer: count },
  { method: 'POST', path: 'chat/query', answer: query },
  { method: 'POST', path: 'chat/:guid/read', isGated: true, answer: (world, ask) => markRead(world, ask, true) },
  { method: 'POST', path: 'chat/:guid/unread', isGated: true, answer: (world, ask) => markRead(world, ask, false) },
  { method: 'POST', path: 'chat/:guid/typing', isGated: true, answer: (world, ask) => type(world, ask, true) },
  { method: 'DELETE', path: 'chat/:guid/typing', isGated: true, answer: (world, ask) => type(world, ask, false) },
  { method: 'GET', path: 'chat/:guid', answer: find },
]

async function begin(world: World, { body }: Ask): Promise<Answered> {
  check(body, newRules)
  const addresses = (Array.isArray(body.addresses) ? body.addresses : []).map((one) => String(one))
  const message = textIn(body, 'message')
  const isScript = (body.method ?? 'apple-script') === 'apple-script'
  if (isScript && addresses.length > 1) throw unhandled('Cannot create group chats on macOS Big Sur or newer!')
  const where = isScript ? 'on macOS Big Sur or newer' : 'with the Private API'
  if (message === undefined) throw unhandled(`A message is required when creating chats ${where}!`)
  const kind: Kind = body.service === 'SMS' ? 'SMS' : 'iMessage'
  const outgoing: Outgoing = {
    ...{ pieces: [{ text: message, part: 0 }], effect: textIn(body, 'effectId'), subject: textIn(body, 'subject') },
  }
  const tempGuid = textIn(body, 'tempGuid')
  try {
    const row = isScript
      ? await sendByScript(world, `${kind};-;${addresses[0]}`, { outgoing, tempGuid: tempGuid ?? '', isFile: false })
      : await sendToNew(world, { addresses, kind, outgoing })
    if (row === null) throw new CannotAct('Message send timeout')
    if (hangs(world, row)) return 'silence'
    const shown = { ...messageJson(row, { ...world.shape, chats: 'none' }), ...(tempGuid && { tempGuid }) }
    const data = { ...whole(world, row.chat), messages: [shown] }
    return success({ message: 'Successfully created chat!', data })
  } catch (error) {
    if (error instanceof CannotAct) throw unhandled(error.message)
    throw error
  }
}

interface NewSend {
  addresses: readonly string[]
  kind: Kind
  outgoing: Outgoing
}

/** The same people have the same chat: it is begun once. */
async function sendToNew(world: World, { addresses, kind, outgoing }: NewSend): Promise<Message> {
  mustHavePrivateApi(world)
  const { store, parties, mac } = world
  const participants = [...new Set(addresses.map(addressFrom))]
  const isReachable = kind === 'SMS' ? () => mac.smsForwarding : (one: string) => parties.isReachable(one)
  if (!participants.every(isReachable)) {
    await world.privateApi.turn()
    throw new CannotAct('Failed to find all handles for specified service!')
  }
  const [only = ''] = participants
  const isGroup = participants.length > 1
  const known = isGroup ? store.groupOf(participants) : store.chatWith(only, kind)
  const chat = known ?? store.addChat({ participants, isGroup, kind, prefix: prefixOf(world, kind) })
  return sendPrivately(world, chat.guid, outgoing)
}

function find(world: World, { params: [guid = ''], query: asked }: Ask): Answered {
  const wanted = withIn(asked.with)
  const chat = world.store.chat(guid)
  const withParticipants = wanted.has('participants')
  if (chat === null || (withParticipants && chat.participants.length === 0)) throw notFound('Chat does not exist!')
  const data: Json = { ...whole(world, chat), ...(!withParticipants && { participants: [] }) }
  if (!wanted.has('lastmessage')) return success({ data })
  const last = lastIn(world, chat)
  if (last === null) throw unhandled("Cannot read properties of null (reading 'ROWID')")
  return success({ data: { ...data, lastMessage: lastJson(world, last, 'filled') } })
}

function query(world: World, { body }: Ask): Answered {
  check(body, queryRules)
  const withLast = hasOne(withIn(body.with), 'lastmessage', 'last-message')
  const guid = textIn(body, 'guid')
  const [offset, limit] = [numberIn(body, 'offset', 0), numberIn(body, 'limit', 1_000)]
  const known = world.store.chats.filter((one) => one.participants.length > 0 && (guid ?? one.guid) === one.guid)
  const page = known.reverse().slice(offset, offset + limit)
  const rows = page.map((chat) => ({ chat, last: withLast ? lastIn(world, chat) : null }))
  if (withLast) rows.sort((one, other) => (other.last?.dateCreated ?? 0) - (one.last?.dateCreated ?? 0))
  const data = rows.map(({ chat, last }) => ({
    ...whole(world, chat),
    ...(withLast && { messages: [], lastMessage: last && lastJson(world, last, 'empty') }),
  }))
  const metadata = { count: data.length, total: known.length, offset: body.offset, limit: body.limit }
  return success({ data, metadata })
}

function count({ store }: World): Answered {
  const breakdown: Record<string, number> = {}
  for (const { kind } of store.chats) breakdown[kind] = (breakdown[kind] ?? 0) + 1
  return success({ data: { total: store.chats.length, breakdown } })
}

/** Before macOS 13 nothing can be made unread, and the answer is the same. */
async function markRead(world: World, { params: [guid = ''] }: Ask, isRead: boolean): Promise<Answered> {
  const { store, webhooks, quirks, mac, privateApi } = world
  if (isRead || mac.major >= 13) await privateApi.turn()
  const chat = store.chat(guid)
  const wasUnread = chat !== null && isRead && readIn(world, chat)
  webhooks.tell('chat-read-status-changed', { chatGuid: guid, read: isRead })
  // Once for the call, and once more when the store says so.
  if (wasUnread && quirks.duplicates) webhooks.tell('chat-read-status-changed', { chatGuid: guid, read: true })
  return success({ message: `Successfully marked chat as ${isRead ? 'read' : 'unread'}!` })
}

/** Whether anybody is shown it is not told: 200 always. */
async function type(world: World, { params: [guid = ''] }: Ask, isTyping: boolean): Promise<Answered> {
  await world.privateApi.turn()
  const chat = world.store.chat(guid)
  // To stop is to start once more in 1.9.9.
  if (chat !== null) world.typing.show(world, chat, isTyping || world.quirks.stopTypingStarts)
  return success({ message: `Successfully ${isTyping ? 'started' : 'stopped'} typing!` })
}

function lastIn({ store }: World, chat: Chat): Message | null {
  const rows = store.messages.filter((row) => row.chat === chat)
  return rows.reduce<Message | null>(
    (last, row) => (last === null || row.dateCreated >= last.dateCreated ? row : last),
    null,
  )
}

/** It is read without who wrote it. */
function lastJson({ shape }: World, row: Message, chats: 'empty' | 'filled'): Json {
  return { ...messageJson(row, { ...shape, chats, attachments: false }), handle: null }
}

export function whole({ mac }: World, chat: Chat): Json {
  return { ...chatJson(chat, { lineAlias: mac.aliases[0] }), participants: participantsJson(chat) }
}
