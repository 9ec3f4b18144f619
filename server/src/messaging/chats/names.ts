/** One person under several names: what networks tell of a name that has a number is told of the number. */
import type { ChatInfo, Incoming } from '../../channels/connector.ts'
import { underNumber } from '../../model/chat-change.ts'
import type { Conversation } from '../../model/conversation.ts'
import type { ConversationId, Handle } from '../../model/ids.ts'
import type { AliasPlace, AliasStore } from '../../store/chats/aliases.ts'
import type { ConversationRequest } from '../../store/conversations.ts'
import type { InboxOptions, Source } from '../inbox.ts'

/** The event with everybody in it under their number, as far as it has come out. */
export async function underNumbers(options: InboxOptions, source: Source, event: Incoming): Promise<Incoming> {
  const nameOf = await numbersOf(options.ledger, placeOf(source), namesIn(event))
  return nameOf === null ? event : renamed(event, nameOf)
}

/** What each is called by now; null when nobody here goes by another name. */
export async function numbersOf(
  aliases: Pick<AliasStore, 'phonesOf'>,
  place: AliasPlace,
  names: readonly Handle[],
): Promise<((handle: Handle) => Handle) | null> {
  const unsure = names.filter((handle) => !handle.startsWith('+'))
  if (unsure.length === 0) return null
  const phones = await aliases.phonesOf(place, [...new Set(unsure)])
  return phones.size === 0 ? null : (handle) => phones.get(handle) ?? handle
}

/** From now on they are one person in everything this line hears, and in every conversation it has. */
export async function joinNames(
  options: InboxOptions,
  source: Source,
  { alias, phone }: { alias: Handle; phone: Handle },
): Promise<void> {
  const place = placeOf(source)
  // First of all: whoever is told of from now on must not come back under the other name.
  if (await options.ledger.learnAlias(place, alias, phone)) options.chosen()
  let isKept = false
  for (const id of await options.ledger.chatsWith(place, alias)) {
    const join = (conversation: Conversation) => underNumber(conversation, alias, phone)
    const outcome = await options.ledger.changeConversation(joining(place, id, join))
    if (outcome?.conversation.isGroup === false) isKept = true
  }
  if (await options.ledger.joinChats(place, phone)) isKept = true
  // Other processes keep chats of two as well.
  if (isKept) options.chosen()
}

function joining(
  { customerId }: AliasPlace,
  id: ConversationId,
  join: (conversation: Conversation) => Conversation,
): ConversationRequest {
  return {
    customerId,
    of: { id },
    decide: ({ conversation }) => {
      const after = join(conversation)
      return after === conversation ? null : { conversation: after, events: [] }
    },
  }
}

function placeOf({ customerId, lineId, channel }: Source): AliasPlace {
  return { customerId, lineId, channel }
}

function namesIn(event: Incoming): Handle[] {
  switch (event.kind) {
    case 'message':
      return [event.from, ...(event.group?.members.map(({ handle }) => handle) ?? [])]
    case 'reaction':
    case 'typing':
    case 'audioKept':
      return [event.from]
    case 'receipt':
      return event.from === undefined ? [] : [event.from]
    case 'chat':
      return [
        ...(event.actor === null ? [] : [event.actor]),
        ...('member' in event.change ? [event.change.member] : []),
      ]
    default:
      return []
  }
}

function renamed(event: Incoming, nameOf: (handle: Handle) => Handle): Incoming {
  switch (event.kind) {
    case 'message':
      return { ...event, from: nameOf(event.from), group: event.group === null ? null : regrouped(event.group, nameOf) }
    case 'reaction':
    case 'typing':
    case 'audioKept':
      return { ...event, from: nameOf(event.from) }
    case 'receipt':
      return event.from === undefined ? event : { ...event, from: nameOf(event.from) }
    case 'chat': {
      const { change } = event
      const actor = event.actor === null ? null : nameOf(event.actor)
      return { ...event, actor, change: 'member' in change ? { ...change, member: nameOf(change.member) } : change }
    }
    default:
      return event
  }
}

/** Each is in it once. */
function regrouped(group: ChatInfo, nameOf: (handle: Handle) => Handle): ChatInfo {
  const members = group.members.map((member) => {
    const handle = nameOf(member.handle)
    return handle === member.handle ? member : { ...member, handle, phoneKnown: true }
  })
  return { ...group, members: [...new Map(members.map((member) => [member.handle, member])).values()] }
}

/** Networks may answer with names of their own for people whose number has come out. */
export async function underTheirNumbers(
  aliases: Pick<AliasStore, 'phonesOf'>,
  place: AliasPlace,
  info: ChatInfo,
): Promise<ChatInfo> {
  const names = info.members.map(({ handle }) => handle)
  const nameOf = await numbersOf(aliases, place, names)
  return nameOf === null ? info : regrouped(info, nameOf)
}
