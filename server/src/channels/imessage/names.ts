/** Chats by name: Macs name the same chat otherwise after an update, and we do not. */
import { parseAddress } from '../../model/handle.ts'
import type { Handle, ProviderChatId } from '../../model/ids.ts'
import type { ServerChat } from './backend.ts'

/** Service, style and id; `-` is a chat of two, `+` a group. On macOS 26 the service is `any`. */
const pattern = /^([A-Za-z]+);([-+]);(.+)$/s

/** What we call this chat, whatever the Mac calls it at the moment. */
export function nameOf(chat: ServerChat): ProviderChatId {
  const [, , style, id] = pattern.exec(chat) ?? []
  if (style === undefined || id === undefined) return chat as string as ProviderChatId
  const own = style === '-' ? (parseAddress(id) ?? id) : id
  return `iMessage;${style};${own}` as ProviderChatId
}

/** What a Mac may call it, the likelier first. Never a name of SMS: what goes there is no iMessage. */
export function namesOnServer(chat: ProviderChatId): readonly ServerChat[] {
  const [, , style, id] = pattern.exec(chat) ?? []
  if (style === undefined || id === undefined) return [chat as string as ServerChat]
  return [`iMessage;${style};${id}`, `any;${style};${id}`] as ServerChat[]
}

export function chatWith(person: Handle): ProviderChatId {
  return `iMessage;-;${person}` as ProviderChatId
}

/** Where a message goes, as we call it. */
export function chatOf(to: { handle: Handle } | { chat: ProviderChatId }): ProviderChatId {
  return 'handle' in to ? chatWith(to.handle) : nameOf(to.chat as string as ServerChat)
}

/** Null for a group. */
export function personIn(chat: ServerChat | ProviderChatId): Handle | null {
  const [, , style, id] = pattern.exec(chat) ?? []
  return style === '-' && id !== undefined ? parseAddress(id) : null
}
