/** Where a caller says a conversation is, and what it takes to reach it. */
import type { Conversation } from '../../model/conversation.ts'
import { GatewayError } from '../../model/errors.ts'
import { parseAddress, usualChatName } from '../../model/handle.ts'
import type { CustomerId, LineId, ProviderChatId } from '../../model/ids.ts'
import type { Line } from '../../model/line.ts'
import type { ChatListing, ChatName, KnownChat } from '../../store/chats/listing.ts'

/** A conversation by either of its names, and the line a caller says it is on; null: they did not say. */
export interface ChatAt {
  name: ChatName
  from: string | null
}

export interface By {
  customerId: CustomerId
}

export interface Finding {
  chats: Pick<ChatListing, 'named'>
  lines(customerId: CustomerId): Promise<readonly Line[]>
}

export async function find(finding: Finding, { customerId }: By, { name, from }: ChatAt): Promise<KnownChat> {
  const line = from === null ? null : lineOf(await finding.lines(customerId), from)
  const known = await named(finding, customerId, name, line?.id ?? null)
  if (known === null) throw new GatewayError('CONVERSATION_NOT_FOUND', 'There is no such chat.')
  if (from !== null && known.conversation.lineId !== line?.id) throw notThere()
  return known
}

/** As it is spelled, for a network may spell it so; else as networks usually do. */
async function named(
  { chats }: Finding,
  customerId: CustomerId,
  name: ChatName,
  line: LineId | null,
): Promise<KnownChat | null> {
  const known = await chats.named(customerId, name, line)
  if (known !== null || 'id' in name) return known
  const chat = usualChatName(name.chat)
  return chat === name.chat ? null : chats.named(customerId, { chat }, line)
}

function lineOf(lines: readonly Line[], from: string): Line | null {
  const address = parseAddress(from)
  return lines.find((line) => address !== null && (line.address === address || line.email === address)) ?? null
}

function notThere(): GatewayError {
  const message = 'This chat belongs to another of your numbers. Leave out "from", or name that number.'
  return new GatewayError('FROM_INSTANCE_CANNOT_REACH', message)
}

/** A conversation, and what it takes to reach it. */
export interface Place {
  conversation: Conversation
  chat: ProviderChatId
  line: Line
}

export async function placeOf(finding: Finding, by: By, at: ChatAt): Promise<Place> {
  const { conversation } = await find(finding, by, at)
  const line = (await finding.lines(by.customerId)).find(({ id }) => id === conversation.lineId)
  if (line === undefined) throw notThere()
  if (conversation.providerChatId === null) {
    throw new GatewayError('CONVERSATION_NOT_READY', 'The network has not named this chat yet. Try again in a moment.')
  }
  return { conversation, chat: conversation.providerChatId, line }
}

export async function groupAt(finding: Finding, by: By, at: ChatAt): Promise<Conversation> {
  const { conversation } = await find(finding, by, at)
  if (!conversation.isGroup)
    throw new GatewayError('INVALID_REQUEST', 'This is a chat of two. Only groups have a name, a picture and members.')
  if (conversation.channel === 'sms') throw groupOfSms()
  return conversation
}

export function groupOfSms(): GatewayError {
  return new GatewayError('GROUP_SMS_UNSUPPORTED', 'SMS has no groups. Send to each member instead.')
}
