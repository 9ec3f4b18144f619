/** A caller's change of a group, from asking its network to telling of it; and groups of which nothing was known yet. */
import type { ChatInfo } from '../../channels/connector.ts'
import type { Mint } from '../../lib/mint.ts'
import { type ChatChange, changed, memberOf, membersOf } from '../../model/chat-change.ts'
import type { Conversation } from '../../model/conversation.ts'
import { GatewayError } from '../../model/errors.ts'
import type { CustomerId, Handle } from '../../model/ids.ts'
import type { AliasStore } from '../../store/chats/aliases.ts'
import type { ConversationStore } from '../../store/conversations.ts'
import { answer, asking, chatChange, refused, type Which } from '../chat-changes.ts'
import { underTheirNumbers } from './names.ts'
import type { Place } from './places.ts'

interface Changing {
  mint: Mint
  conversations: Pick<ConversationStore, 'change'>
  aliases: Pick<AliasStore, 'phonesOf'>
  told(customerId: CustomerId): void
}

type GroupPlace = Pick<Place, 'conversation' | 'line'>

/** We go. What is known of us must be known under any of our names. */
export const leaving: ChatChange = { what: 'left', member: { ...memberOf('self' as Handle, true), role: 'self' } }

/** Asked for first, so that its echo is known even if it comes before the answer, or instead of it. */
export async function make(
  room: Changing,
  place: GroupPlace,
  change: ChatChange,
  work: () => Promise<unknown>,
): Promise<Conversation> {
  const of = which(place)
  await room.conversations.change(asking(of, change))
  try {
    await work()
  } catch (error) {
    // If that fails too it is forgotten within the minute, and the first failure is the one to tell.
    if (isRefusal(error)) await Promise.allSettled([room.conversations.change(refused(of, change))])
    throw error
  }
  return tell(room, place, change)
}

/** Of what the network has done, the conversation is changed and everybody is told; an echo that came first has done both. */
export async function tell(
  room: Changing,
  { conversation, line }: GroupPlace,
  change: ChatChange,
): Promise<Conversation> {
  const of = which({ conversation })
  const to = line.address ?? line.email
  const news = { of, change, origin: 'caller', actor: 'self' as Handle, to, notice: null } as const
  const outcome = await room.conversations.change(chatChange(news, room.mint))
  room.told(of.customerId)
  // As it was right after this change, even if there is news of another already.
  return changed(outcome?.conversation ?? conversation, change)
}

/** Whoever does not answer may have done it all the same. */
function isRefusal(error: unknown): boolean {
  return error instanceof GatewayError && error.code !== 'PROVIDER_TIMEOUT' && error.code !== 'SERVICE_UNAVAILABLE'
}

/** Of a group that we wrote to first, its network is asked what it is called and who is in it; without an answer it stays as it is. */
export async function knownGroup(
  room: Changing,
  { conversation, line }: GroupPlace,
  ask: () => Promise<unknown>,
): Promise<Conversation> {
  if (conversation.unheard !== true) return conversation
  try {
    const info = await underTheirNumbers(room.aliases, conversation, (await ask()) as ChatInfo)
    const roster = { name: info.name, participants: membersOf(info, line) }
    return (await room.conversations.change(answer(which({ conversation }), roster)))?.conversation ?? conversation
  } catch (error) {
    if (error instanceof GatewayError) return conversation
    throw error
  }
}

function which({ conversation: { customerId, id } }: Pick<Place, 'conversation'>): Which {
  return { customerId, of: { id } }
}
