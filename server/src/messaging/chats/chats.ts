/** What a caller does with conversations: find them, make and change groups, mark them read, be seen typing. */
import type { Actions, ChatInfo, Providers } from '../../channels/connector.ts'
import type { Clock } from '../../lib/clock.ts'
import type { SafeFetch } from '../../lib/egress/safe-fetch.ts'
import type { Mint } from '../../lib/mint.ts'
import { type Picture, type PictureSource, readPicture } from '../../media/picture.ts'
import type { MediaRoom } from '../../media/room.ts'
import type { Channel } from '../../model/channel.ts'
import { memberOf, membersOf } from '../../model/chat-change.ts'
import type { Conversation, Participant, PictureFile } from '../../model/conversation.ts'
import { GatewayError } from '../../model/errors.ts'
import { mayBeOn, parsePerson } from '../../model/handle.ts'
import type { ConversationId, CustomerId, Handle, LineId } from '../../model/ids.ts'
import type { Line } from '../../model/line.ts'
import type { AliasStore } from '../../store/chats/aliases.ts'
import type { ChatFilter, ChatListing, KnownChat } from '../../store/chats/listing.ts'
import type { ConversationStore } from '../../store/conversations.ts'
import { namedAtFirst } from '../chat-changes.ts'
import { actWithin } from '../revise.ts'
import { knownGroup, leaving, make, tell } from './group-changes.ts'
import { underTheirNumbers } from './names.ts'
import { lineFor, membersFor, membersMax, notAnAddress } from './new-group.ts'
import { type By, type ChatAt, find, groupAt, groupOfSms, type Place, placeOf } from './places.ts'
import { createTurns, type Turns } from './turns.ts'
import { createTyping } from './typing.ts'

export type { KnownChat } from '../../store/chats/listing.ts'
export type { ChatAt } from './places.ts'

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
  providers: Providers
  egress: Pick<SafeFetch, 'request'>
  keepFile: MediaRoom['keep']
  /** Runs one verb on the line's link, wherever it is held. */
  act<Verb extends ChatVerb>(
    link: { lineId: LineId; channel: Channel },
    verb: Verb,
    ...args: Parameters<Actions[Verb]>
  ): Promise<unknown>
  /** Events were written. */
  told(customerId: CustomerId): void
  /** Something went wrong that is no reason to refuse what was asked. */
  onError(error: unknown): void
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
  const room: Room = { ...options, turns: createTurns(options.clock) }
  return { ...reading(room), ...makingGroups(room), ...changingMembers(room), ...changingLooks(room), ...signals(room) }
}

interface Room extends ChatsOptions {
  /** Networks and we must see the changes of a conversation in one order. */
  turns: Turns
}

function reading(room: Room): Pick<Chats, 'list' | 'get'> {
  return {
    list: (by, filter) => room.chats.list(by.customerId, filter),
    async get(by, at) {
      const known = await find(room, by, at)
      const { conversation } = known
      const { unheard, providerChatId: chat, lineId } = conversation
      if (unheard !== true || chat === null) return known
      const line = (await room.lines(by.customerId)).find(({ id }) => id === lineId)
      return line === undefined ? known : { ...known, conversation: await filled(room, { conversation, chat, line }) }
    },
  }
}

function filled(room: Room, place: Place): Promise<Conversation> {
  return knownGroup(room, place, () => act(room, place.conversation, 'chatInfo', place.chat))
}

/** One change at a time: whoever comes next finds the group as the one before has left it. */
async function changing<Result>(
  room: Room,
  by: By,
  at: ChatAt,
  work: (place: Place) => Promise<Result>,
): Promise<Result> {
  const { id } = await groupAt(room, by, at)
  return room.turns.take(id, async () => {
    const place = await placeOf(room, by, { name: { id }, from: null })
    return work({ ...place, conversation: await filled(room, place) })
  })
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

function makingGroups(room: Room): Pick<Chats, 'createGroup' | 'leave'> {
  return {
    async createGroup(by, asked) {
      const { channel, name } = asked
      if (channel === 'sms') throw groupOfSms()
      if (channel === 'whatsapp' && name === null)
        throw new GatewayError('NAME_REQUIRED', 'A WhatsApp group needs a name.')
      const line = lineFor(await room.lines(by.customerId), asked)
      const place = { customerId: by.customerId, lineId: line.id, channel }
      const members = await membersFor(room, place, asked.participants, line)
      const made = (await act(room, place, 'createGroup', name, members)) as ChatInfo
      const info = await underTheirNumbers(room.aliases, place, made)
      const { id } = await room.conversations.ensure({
        ...place,
        chat: info.chat,
        id: room.mint() as ConversationId,
        handle: null,
        isGroup: true,
        name: info.name,
        participants: membersOf(info, line),
      })
      const of = { customerId: by.customerId, of: { id } }
      if (info.name !== null) await room.conversations.change(namedAtFirst(of, info.name))
      return find(room, by, { name: { id }, from: null })
    },
    /** Whoever leaves knows it: what the network tells of it is told to nobody. */
    leave: (by, at) =>
      changing(room, by, at, (place) =>
        make(room, place, leaving, () => act(room, place.conversation, 'leaveGroup', place.chat)),
      ),
  }
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
        const most = membersMax(room, place.line, conversation.channel)
        if (conversation.participants.length >= most)
          throw new GatewayError('INVALID_REQUEST', `This group is full: it holds ${most} besides yourself.`)
        const add = () => act(room, conversation, 'addMember', chat, handle)
        const after = await make(room, place, { what: 'joined', member: memberOf(handle) }, add)
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
        const remove = () => act(room, conversation, 'removeMember', chat, participant.handle)
        return { conversation: await make(room, place, { what: 'left', member: participant }, remove), participant }
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
      changing(room, by, at, (place) =>
        make(room, place, { what: 'title', title: name }, () =>
          act(room, place.conversation, 'renameGroup', place.chat, name),
        ),
      ),
    async setIcon(by, at, source) {
      // Nobody gets us to fetch anything for a chat that is not theirs.
      await groupAt(room, by, at)
      const picture = await readPicture(room.egress, source)
      return changing(room, by, at, (place) => showPicture(room, place, picture))
    },
    removeIcon: (by, at) =>
      changing(room, by, at, (place) =>
        make(room, place, { what: 'photo', photo: 'removed' }, () =>
          act(room, place.conversation, 'removeGroupIcon', place.chat),
        ),
      ),
  }
}

async function showPicture(room: Room, place: Place, picture: Picture): Promise<Conversation> {
  const { conversation, chat } = place
  const { bytes, mimeType } = picture
  const icon = { base64: bytes.toString('base64'), mimeType }
  const { mark } = (await act(room, conversation, 'setGroupIcon', chat, icon)) as { mark: string | null }
  const file = await keptPicture(room, conversation.customerId, picture)
  return tell(room, place, { what: 'photo', photo: { mark, url: null, ...(file !== null && { file }) } })
}

/** The network shows it already, so it is told of even if we cannot keep it. */
async function keptPicture(
  room: Room,
  customerId: CustomerId,
  { bytes, mimeType }: Picture,
): Promise<PictureFile | null> {
  try {
    const kept = await room.keepFile(customerId, bytes, { mimeType })
    return { hash: kept.hash, mimeType: kept.mimeType }
  } catch (error) {
    room.onError(error)
    return null
  }
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
