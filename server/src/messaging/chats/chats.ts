/** What a caller does with conversations: find them, make and change groups, mark them read, be seen typing. */
import type { Actions, ChatInfo, Connector } from '../../channels/connector.ts'
import type { Clock } from '../../lib/clock.ts'
import type { SafeFetch } from '../../lib/egress/safe-fetch.ts'
import type { Mint } from '../../lib/mint.ts'
import type { Blobs } from '../../media/blobs.ts'
import { type Picture, type PictureSource, readPicture } from '../../media/picture.ts'
import type { Channel } from '../../model/channel.ts'
import { type ChatChange, changeKey, echoWithinMs, memberOf, membersOf } from '../../model/chat-change.ts'
import type { Conversation, Participant } from '../../model/conversation.ts'
import { GatewayError } from '../../model/errors.ts'
import { mayBeOn, parseAddress, parsePerson } from '../../model/handle.ts'
import type { ConversationId, CustomerId, Handle, LineId, ProviderChatId } from '../../model/ids.ts'
import type { Line } from '../../model/line.ts'
import type { AliasStore } from '../../store/chats/aliases.ts'
import type { ChatFilter, ChatListing, ChatName, KnownChat } from '../../store/chats/listing.ts'
import type { ConversationOutcome, ConversationStore } from '../../store/conversations.ts'
import { chatChange } from '../chat-changes.ts'
import { actWithin } from '../revise.ts'
import { lineNamed } from '../submit.ts'
import { createTyping } from './typing.ts'

export type { KnownChat } from '../../store/chats/listing.ts'

/** A conversation by either of its names, and the line a caller says it is on; null: they did not say. */
export interface ChatAt {
  name: ChatName
  from: string | null
}

export interface NewGroup {
  channel: Channel
  from: string | null
  name: string | null
  participants: readonly string[]
}

/** A change that was made: whom it was about, and the conversation after it. */
export interface MemberChange {
  conversation: Conversation
  participant: Participant
}

export interface ChatsOptions {
  clock: Clock
  mint: Mint
  conversations: Pick<ConversationStore, 'ensure' | 'change'>
  chats: ChatListing
  aliases: Pick<AliasStore, 'phonesOf'>
  lines(customerId: CustomerId): Promise<readonly Line[]>
  connectors: ReadonlyMap<Channel, Connector>
  egress: Pick<SafeFetch, 'request'>
  blobs: Blobs
  /** Runs one verb on the line's link, wherever it is held. */
  act<Verb extends ChatVerb>(
    link: { lineId: LineId; channel: Channel },
    verb: Verb,
    ...args: Parameters<Actions[Verb]>
  ): Promise<unknown>
  /** Events were written. */
  told(customerId: CustomerId): void
}

type ChatVerb = Exclude<keyof Actions, 'react' | 'edit' | 'unsend' | 'requestPairingCode' | 'forgetPairing'>

export interface Chats {
  /** Newest first. */
  list(by: By, filter: ChatFilter): Promise<{ rows: readonly Conversation[]; hasMore: boolean }>
  get(by: By, at: ChatAt): Promise<KnownChat>
  createGroup(by: By, asked: NewGroup): Promise<KnownChat>
  rename(by: By, at: ChatAt, name: string): Promise<Conversation>
  /** Whoever is in it already stays, and nobody is told. */
  addParticipant(by: By, at: ChatAt, text: string): Promise<MemberChange>
  removeParticipant(by: By, at: ChatAt, text: string): Promise<MemberChange>
  setIcon(by: By, at: ChatAt, source: PictureSource): Promise<Conversation>
  removeIcon(by: By, at: ChatAt): Promise<Conversation>
  leave(by: By, at: ChatAt): Promise<Conversation>
  markRead(by: By, at: ChatAt): Promise<Conversation>
  markUnread(by: By, at: ChatAt): Promise<Conversation>
  /** What is not stopped stops by itself after ten seconds. */
  setTyping(by: By, at: ChatAt, isTyping: boolean): Promise<Conversation>
}

export function createChats(options: ChatsOptions): Chats & { close(): void } {
  const room: Room = { ...options, turns: new Map() }
  return { ...reading(room), ...makingGroups(room), ...changingMembers(room), ...changingLooks(room), ...signals(room) }
}

interface Room extends ChatsOptions {
  /** The last change of each conversation that is under way here: networks and we must see them in one order. */
  turns: Map<ConversationId, Promise<unknown>>
}

interface By {
  customerId: CustomerId
}

function reading(room: Room): Pick<Chats, 'list' | 'get'> {
  return {
    list: (by, filter) => room.chats.list(by.customerId, filter),
    get: (by, at) => find(room, by, at),
  }
}

async function find(room: Room, { customerId }: By, { name, from }: ChatAt): Promise<KnownChat> {
  const line = from === null ? null : lineOf(await room.lines(customerId), from)
  const known = await room.chats.named(customerId, name, line?.id ?? null)
  if (known === null) throw new GatewayError('CONVERSATION_NOT_FOUND', 'There is no such chat.')
  if (from !== null && known.conversation.lineId !== line?.id) throw notThere()
  return known
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
interface Place {
  conversation: Conversation
  chat: ProviderChatId
  line: Line
}

async function placeOf(room: Room, by: By, at: ChatAt): Promise<Place> {
  const { conversation } = await find(room, by, at)
  const line = (await room.lines(by.customerId)).find(({ id }) => id === conversation.lineId)
  if (line === undefined) throw notThere()
  if (conversation.providerChatId === null) {
    throw new GatewayError('CONVERSATION_NOT_READY', 'The network has not named this chat yet. Try again in a moment.')
  }
  return { conversation, chat: conversation.providerChatId, line }
}

/** One change at a time: whoever comes next finds the group as the one before has left it. */
async function changing<Result>(
  room: Room,
  by: By,
  at: ChatAt,
  work: (place: Place) => Promise<Result>,
): Promise<Result> {
  const { id } = await groupAt(room, by, at)
  const turn = (room.turns.get(id) ?? Promise.resolve()).then(async () => {
    const place = await placeOf(room, by, { name: { id }, from: null })
    return work(place)
  })
  const settled = turn.catch(() => undefined)
  room.turns.set(id, settled)
  try {
    return await turn
  } finally {
    if (room.turns.get(id) === settled) room.turns.delete(id)
  }
}

async function groupAt(room: Room, by: By, at: ChatAt): Promise<Conversation> {
  const { conversation } = await find(room, by, at)
  if (!conversation.isGroup)
    throw new GatewayError('INVALID_REQUEST', 'This is a chat of two. Only groups have a name, a picture and members.')
  if (conversation.channel === 'sms') throw groupOfSms()
  return conversation
}

function groupOfSms(): GatewayError {
  return new GatewayError('GROUP_SMS_UNSUPPORTED', 'SMS has no groups. Send to each member instead.')
}

function act<Verb extends ChatVerb>(
  room: Room,
  { lineId, channel }: { lineId: LineId; channel: Channel },
  verb: Verb,
  ...args: Parameters<Actions[Verb]>
): Promise<unknown> {
  const code = verb === 'markRead' || verb === 'markUnread' ? 'READ_FAILED' : 'CHAT_CHANGE_FAILED'
  return actWithin(room.clock, { code, channel }, () => room.act({ lineId, channel }, verb, ...args))
}

/** Of what the network has done, the conversation is changed and everybody is told; an echo that came first has done both. */
async function tell(room: Room, { conversation, line }: Place, change: ChatChange): Promise<Conversation> {
  const { customerId, id } = conversation
  const us = line.address ?? line.email
  const of = { customerId, of: { id } }
  const news = { of, change, origin: 'caller', actor: 'self' as Handle, to: us, notice: null } as const
  const outcome: ConversationOutcome = await room.conversations.change(chatChange(news, room.mint))
  room.told(customerId)
  return outcome?.conversation ?? conversation
}

function makingGroups(room: Room): Pick<Chats, 'createGroup' | 'leave'> {
  return {
    async createGroup(by, asked) {
      const { channel, name } = asked
      if (channel === 'sms') throw groupOfSms()
      if (channel === 'whatsapp' && name === null)
        throw new GatewayError('NAME_REQUIRED', 'A WhatsApp group needs a name.')
      const line = lineFor(await room.lines(by.customerId), asked)
      const members = membersFor(asked.participants, channel, line)
      const most = room.connectors.get(channel)?.capabilities.groupMembersMax ?? usualMembersMax[channel]
      if (members.length > most) throw participantsAtFault(`At most ${most} on this channel.`)
      const info = (await act(room, { lineId: line.id, channel }, 'createGroup', name, members)) as ChatInfo
      const { id } = await room.conversations.ensure({
        customerId: by.customerId,
        lineId: line.id,
        channel,
        chat: info.chat,
        id: room.mint() as ConversationId,
        handle: null,
        isGroup: true,
        name: info.name,
        participants: membersOf(info),
      })
      return find(room, by, { name: { id }, from: null })
    },
    /** Whoever leaves knows it: what the network tells of it is told to nobody. */
    leave: (by, at) =>
      changing(room, by, at, async ({ conversation, chat, line }) => {
        await expectLeaving(room, conversation, line)
        await act(room, conversation, 'leaveGroup', chat)
        return conversation
      }),
  }
}

const usualMembersMax: Readonly<Record<Channel, number>> = { imessage: 32, whatsapp: 256, sms: 0 }

function lineFor(lines: readonly Line[], { channel, from }: NewGroup): Line {
  if (from !== null) {
    const line = lineNamed(lines, from)
    if (line.channels.includes(channel)) return line
    throw new GatewayError('FROM_INSTANCE_CANNOT_REACH', `The number in "from" has no ${channel}.`)
  }
  const able = lines.filter((line) => line.channels.includes(channel))
  const line = able.find(({ isDefault }) => isDefault) ?? able[0]
  if (line !== undefined) return line
  if (lines.length === 0)
    throw new GatewayError('NO_DEFAULT_ADDRESS', 'You have no number to make a group from. Have one assigned to you.')
  throw new GatewayError('NO_CHANNEL_AVAILABLE', `None of your numbers has ${channel}.`)
}

function participantsAtFault(message: string): GatewayError {
  const path = 'participants'
  return new GatewayError('VALIDATION_ERROR', `${path}: ${message}`, { details: [{ path, message }] })
}

function membersFor(texts: readonly string[], channel: Channel, line: Line): Handle[] {
  const members = texts.map((text) => {
    const handle = parsePerson(text)
    if (handle === null || !mayBeOn(handle, channel)) throw notAnAddress(channel)
    return handle
  })
  if (members.some((member) => member === line.address || member === line.email))
    throw new GatewayError('INVALID_REQUEST', 'The number that makes a group is in it anyway; leave it out.')
  return [...new Set(members)]
}

function notAnAddress(channel: Channel): GatewayError {
  const forms =
    channel === 'whatsapp' ? 'phone numbers in E.164 form' : 'phone numbers in E.164 form or e-mail addresses'
  return new GatewayError('INVALID_PHONE_NUMBER', `On ${channel} participants are named by ${forms}.`)
}

async function expectLeaving(room: Room, conversation: Conversation, line: Line): Promise<void> {
  const { customerId, id } = conversation
  const us = line.address ?? line.email
  if (us === null) return
  const change: ChatChange = { what: 'left', member: { ...memberOf(us), role: 'self' } }
  await room.conversations.change({
    customerId,
    of: { id },
    origin: 'caller',
    keys: (known) => ({ change: { key: changeKey(known, change), forMs: echoWithinMs }, notice: null, undoes: null }),
    decide: (known) => ({ conversation: known.conversation, event: null }),
  })
}

function changingMembers(room: Room): Pick<Chats, 'addParticipant' | 'removeParticipant'> {
  return {
    addParticipant: (by, at, text) =>
      changing(room, by, at, async (place) => {
        const { conversation, chat } = place
        const handle = await personIn(room, conversation, text)
        if (handle === null || !mayBeOn(handle, conversation.channel)) throw notAnAddress(conversation.channel)
        if (handle === place.line.address || handle === place.line.email)
          throw new GatewayError('INVALID_REQUEST', 'This number is in its own groups already.')
        const known = memberIn(conversation, handle)
        if (known !== undefined) return { conversation, participant: known }
        await act(room, conversation, 'addMember', chat, handle)
        const after = await tell(room, place, { what: 'joined', member: memberOf(handle) })
        return { conversation: after, participant: memberIn(after, handle) ?? memberOf(handle) }
      }),
    removeParticipant: (by, at, text) =>
      changing(room, by, at, async (place) => {
        const { conversation, chat, line } = place
        const handle = await personIn(room, conversation, text)
        if (text === 'self' || (handle !== null && (handle === line.address || handle === line.email)))
          throw new GatewayError('INVALID_REQUEST', 'That is yourself. Leave the group instead.')
        const participant = handle === null ? undefined : memberIn(conversation, handle)
        if (participant === undefined) throw new GatewayError('NOT_FOUND', 'Nobody of that name is in this group.')
        await act(room, conversation, 'removeMember', chat, participant.handle)
        return { conversation: await tell(room, place, { what: 'left', member: participant }), participant }
      }),
  }
}

/** Under their number, if they have turned out to have one. */
async function personIn(room: Room, conversation: Conversation, text: string): Promise<Handle | null> {
  const handle = parsePerson(text)
  if (handle === null || handle.startsWith('+')) return handle
  return (await room.aliases.phonesOf(conversation, [handle])).get(handle) ?? handle
}

function memberIn(conversation: Conversation, handle: Handle): Participant | undefined {
  return conversation.participants.find((one) => one.handle === handle)
}

function changingLooks(room: Room): Pick<Chats, 'rename' | 'setIcon' | 'removeIcon'> {
  return {
    rename: (by, at, name) =>
      changing(room, by, at, async (place) => {
        await act(room, place.conversation, 'renameGroup', place.chat, name)
        return tell(room, place, { what: 'title', title: name })
      }),
    async setIcon(by, at, source) {
      // Nobody gets us to fetch anything for a chat that is not theirs.
      await groupAt(room, by, at)
      const picture = await readPicture(room.egress, source)
      return changing(room, by, at, (place) => showPicture(room, place, picture))
    },
    removeIcon: (by, at) =>
      changing(room, by, at, async (place) => {
        await act(room, place.conversation, 'removeGroupIcon', place.chat)
        return tell(room, place, { what: 'photo', photo: 'removed' })
      }),
  }
}

async function showPicture(room: Room, place: Place, { bytes, mimeType }: Picture): Promise<Conversation> {
  const { conversation, chat } = place
  const blob = await room.blobs.put(bytes)
  const icon = { base64: bytes.toString('base64'), mimeType }
  const { mark } = (await act(room, conversation, 'setGroupIcon', chat, icon)) as { mark: string | null }
  const after = await tell(room, place, { what: 'photo', photo: { mark, url: null } })
  await room.chats.keepPhoto(conversation.customerId, conversation.id, blob)
  return after
}

/** What the others see of us and nobody is told. */
function signals(room: Room) {
  const typing = createTyping(room.clock)
  const onImessage = async (by: By, at: ChatAt): Promise<Place> => {
    const { conversation } = await find(room, by, at)
    if (conversation.channel !== 'imessage')
      throw new GatewayError('CHANNEL_NOT_SUPPORTED', `Chats on ${conversation.channel} are not marked as a whole.`)
    return placeOf(room, by, at)
  }
  return {
    async markRead(by: By, at: ChatAt): Promise<Conversation> {
      const { conversation, chat } = await onImessage(by, at)
      await act(room, conversation, 'markRead', chat, null)
      return conversation
    },
    async markUnread(by: By, at: ChatAt): Promise<Conversation> {
      const { conversation, chat } = await onImessage(by, at)
      await act(room, conversation, 'markUnread', chat)
      return conversation
    },
    async setTyping(by: By, at: ChatAt, isTyping: boolean): Promise<Conversation> {
      const { conversation: found } = await find(room, by, at)
      if (found.channel === 'sms') throw new GatewayError('CHANNEL_NOT_SUPPORTED', 'SMS does not show who is typing.')
      const { conversation, chat } = await placeOf(room, by, at)
      const show = (state: boolean) => act(room, conversation, 'setTyping', chat, state)
      if (!isTyping) typing.stopped(conversation.id)
      await show(isTyping)
      // The network lets it fade by itself, too, so that nothing is lost if the end cannot be told.
      if (isTyping) typing.started(conversation.id, () => show(false).then(nothing, nothing))
      return conversation
    },
    close: typing.close,
  }
}

function nothing(): void {}
