/** Identifiers as this surface writes them, and cursors. A malformed id names nothing, and is looked up like anything that is not there. */
import type { ConversationId, EventId, Id, MessageId, ProviderChatId } from '../../model/ids.ts'
import { invalid } from '../input.ts'

const uuid = '[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}'
const uuidPattern = new RegExp(`^${uuid}$`)
const messagePattern = new RegExp(`^msg_${uuid}$`)
const eventPattern = new RegExp(`^evt_${uuid}$`)

/** Never minted. Looking it up gives the very answer, and takes the very time, of an id that is not there. */
const nobody = '00000000-0000-0000-0000-000000000000'

export function messageIdOf(text: string): MessageId {
  return (messagePattern.test(text) ? text.slice('msg_'.length).toLowerCase() : nobody) as MessageId
}

export function eventIdOf(text: string): EventId {
  return (eventPattern.test(text) ? text.slice('evt_'.length).toLowerCase() : nobody) as EventId
}

export function plainIdOf<Kind extends string>(text: string): Id<Kind> {
  return (uuidPattern.test(text) ? text.toLowerCase() : nobody) as Id<Kind>
}

export function conversationIdOf(text: string): ConversationId {
  return plainIdOf<'conversation'>(text)
}

const chatNameMax = 512

/** By either of its names; what could be neither names nobody, like any id of ours that is not there. */
export function chatNameOf(text: string): { id: ConversationId } | { chat: ProviderChatId } {
  const isName = text !== '' && text.length <= chatNameMax && !text.includes('\0') && text.isWellFormed()
  return isName && !uuidPattern.test(text) ? { chat: text as ProviderChatId } : { id: conversationIdOf(text) }
}

export function wireMessageId(id: MessageId): string {
  return `msg_${id}`
}

export function wireEventId(id: EventId): string {
  return `evt_${id}`
}

/** Opaque to callers; the version lets a later form be told from this one. */
export function wireCursor(after: string): string {
  return Buffer.from(JSON.stringify({ v: 1, after })).toString('base64url')
}

/** The id of the last row of the page before. */
export function cursorOf<Kind extends string>(cursor: string | undefined): Id<Kind> | null {
  if (cursor === undefined) return null
  const after = afterOf(cursor)
  if (after === null)
    throw invalid([
      { path: 'cursor', message: 'This is no cursor of ours. Take `pagination.nextCursor` as it was given.' },
    ])
  return after as Id<Kind>
}

function afterOf(cursor: string): string | null {
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(cursor, 'base64url').toString())
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null || !('v' in value) || value.v !== 1 || !('after' in value))
    return null
  return typeof value.after === 'string' && uuidPattern.test(value.after) ? value.after.toLowerCase() : null
}
