/** A thread on one channel of one line, and who is in it. */
import type { Channel } from './channel.ts'
import { personOfChat } from './handle.ts'
import type { ConversationId, CustomerId, Handle, LineId, ProviderChatId } from './ids.ts'

export interface Conversation {
  id: ConversationId
  customerId: CustomerId
  lineId: LineId
  channel: Channel
  providerChatId: ProviderChatId | null
  isGroup: boolean
  name: string | null
  /** Everybody but the line itself. */
  participants: readonly Participant[]
  /** A group we wrote to before anybody told what it is called and who is in it. */
  unheard?: true
  /** The line itself is not in it any more. */
  absent?: true
  /** What it shows, as far as its bytes are kept here. */
  photo?: ShownPhoto
}

/** A picture by its content. */
export interface PictureFile {
  hash: string
  mimeType: string
}

/** What its network calls the picture, if it says so, and the file that it is. */
export interface ShownPhoto extends PictureFile {
  mark: string | null
}

export interface Participant {
  handle: Handle
  contactId: string | null
  role: 'member' | 'owner' | 'self'
  admin: 'admin' | 'superadmin' | null
  /** False while only a WhatsApp LID is known; never guess it from the handle's suffix. */
  phoneKnown: boolean
}

/** Messages of one lane are sent in order: one lane per person of a line, whatever the channel, and one per group. */
export function laneOf(to: { handle: Handle } | { conversation: Conversation } | { chat: ProviderChatId }): string {
  if ('handle' in to) return `h:${to.handle}`
  if ('chat' in to) return laneOfChat(to.chat)
  const { conversation } = to
  const other = conversation.participants[0]
  if (!conversation.isGroup && other !== undefined) return `h:${other.handle}`
  return `c:${conversation.providerChatId ?? conversation.id}`
}

/** A chat of two is its person's lane, however it was named: else two ways to write to one person would overtake each other. */
function laneOfChat(chat: ProviderChatId): string {
  const person = personOfChat(chat)
  return person === null ? `c:${chat}` : `h:${person}`
}

/** The same knowledge read back: whom a lane leads to. */
export function targetOfLane(lane: string): { handle: Handle } | { chat: ProviderChatId } {
  const name = lane.slice(2)
  return lane.startsWith('h:') ? { handle: name as Handle } : { chat: name as ProviderChatId }
}
