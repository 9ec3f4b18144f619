/** What is known of the chats on the Mac: what it calls them, and who is in them. Asked once, and kept for a while. */
import type { Handle, ProviderChatId } from '../../model/ids.ts'
import type { Chat, ServerChat } from './backend.ts'

export interface ChatBook {
  /** What the server calls this chat now; null: it has no such chat. */
  onServer(chat: ProviderChatId, signal: AbortSignal): Promise<ServerChat | null>
  /** What the server calls the chat with this person; null: there is none yet. */
  withPerson(person: Handle, signal: AbortSignal): Promise<ServerChat | null>
  /** Null: there is no such chat. */
  facts(chat: ServerChat, signal: AbortSignal): Promise<Chat | null>
  /** Learnt by the way. */
  noted(chat: Chat): void
  /** It is not as it was: ask anew. */
  forget(chat: ServerChat): void
  /** The Mac was away: on another macOS all of them have other names. */
  forgetAll(): void
}
