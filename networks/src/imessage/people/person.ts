/** What people do on their phones: write, send, react, correct, take back, type, read, call, and change groups. */
import { randomUUID } from 'node:crypto'
import { arrive, chatOfTwo, type Inbound } from '../mac/arriving.ts'
import { read } from '../mac/delivering.ts'
import { type Chat, filePlace, type Handle, type Kind, type Message, type Run } from '../store/rows.ts'
import type { NewFile } from '../store/store.ts'
import { CannotBeDone, type World } from '../world.ts'
import { type Call, type CallKind, ring } from './calls.ts'
import { type GroupDoings, groupDoings } from './group-doings.ts'
import type { Party, Reacted, Received, Typed } from './party.ts'
import { reactionWords, type Tapback } from './reactions.ts'

export interface Words {
  /** The guid of a group; the chat of two when nothing is said. */
  to?: string
  /** The guid of the message that this one answers. */
  replyTo?: string
  /** As Apple calls it: com.apple.MobileSMS.expressivesend.impact. */
  effect?: string
  subject?: string
  mentions?: readonly { address: string; start: number; length: number }[]
  /** SMS: by way of the owner's telephone. */
  service?: Kind
}

export interface Enclosed extends Words {
  caption?: string
  isAudioMessage?: boolean
}

/** What they do is answered with the guid of its row; it is there at once, and told about by webhook. */
export interface Person extends GroupDoings {
  readonly address: string
  says(text: string, words?: Words): string
  /** A text alone is the caption. */
  sends(files: NewFile | readonly NewFile[], enclosed?: string | Enclosed): string
  /** One of six, or any emoji. */
  reacts(guid: string, reaction: Tapback | string, isRemoved?: boolean): string
  edits(guid: string, text: string): void
  unsends(guid: string): void
  /** In the chat of two; in a group nobody is told. */
  types(isTyping?: boolean, group?: string): void
  /** All of the chat of two, or of a group, up to now: of a group the line is not told. */
  reads(group?: string): void
  calls(kind?: CallKind): Call
  /** An audio message of the line does not expire. */
  keepsAudio(guid: string): string
  focuses(isFocused: boolean): void
  readonly received: readonly Received[]
  readonly reactions: readonly Reacted[]
  /** What they saw of the line's typing. */
  readonly seen: readonly Typed[]
  /** Guids of their messages that the line has read. */
  readonly readBy: readonly string[]
}

export function createPerson(world: World, party: Party): Person {
  const { address } = party
  const post = (words: Words, inbound: Omit<Inbound, 'chat'>): string => {
    const chat = placeOf(world, party, words)
    const { replyTo = null, effect = null, subject = null } = words
    const guid = randomUUID().toUpperCase()
    const replyPart = replyTo === null ? null : `0:0:${world.store.message(replyTo)?.text?.length ?? 0}`
    arrive(world, handleIn(world, party, chat), { guid, chat, replyTo, replyPart, effect, subject, ...inbound })
    return guid
  }
  return {
    address,
    ...groupDoings(world, party),
    says(text, words = {}) {
      world.people.tell({ what: 'said', network: 'imessage', from: address, text })
      return post(words, { text, runs: runsOf(text, words.mentions ?? []) })
    },
    sends(files, enclosed = {}) {
      const more = typeof enclosed === 'string' ? { caption: enclosed } : enclosed
      return post(more, enclosedIn(world, [files].flat(), more))
    },
    reacts(guid, reaction, isRemoved = false) {
      const target = messageOf(world, guid)
      const { type, text } = reactionWords(target, reaction, isRemoved)
      const associated = { associatedMessageGuid: `p:0/${guid}`, associatedMessageType: type }
      return post(toChatOf(target), { text, runs: runsOf(text, []), ...associated })
    },
    edits(guid, text) {
      const row = ownMessage(world, party, guid)
      Object.assign(row, { text, runs: runsOf(text, []), dateEdited: world.clock.now(), edits: row.edits + 1 })
      world.watcher.touch(row)
    },
    unsends(guid) {
      const row = ownMessage(world, party, guid)
      takeBack(row, world.clock.now())
      world.watcher.touch(row)
    },
    keepsAudio(guid) {
      const target = messageOf(world, guid)
      if (!target.isAudioMessage) throw new CannotBeDone('That is no audio message.')
      return post(toChatOf(target), { text: null, itemType: 5, associatedMessageGuid: guid })
    },
    focuses(isFocused) {
      party.isFocused = isFocused
    },
    ...presence(world, party),
    received: party.received,
    reactions: party.reactions,
    seen: party.typed,
    readBy: party.readBy,
  }
}

function presence(world: World, party: Party): Pick<Person, 'types' | 'reads' | 'calls'> {
  return {
    types(isTyping = true, group) {
      const chat = placeOf(world, party, { to: group })
      if (!chat.isGroup && world.mac.isRegistered) world.typing.hear(world, chat.guid, isTyping)
    },
    reads(group) {
      const chat = placeOf(world, party, { to: group })
      const unread = world.store.messages.filter((one) => one.chat === chat && one.isFromMe && one.itemType === 0)
      for (const row of unread) read(world, row)
    },
    calls: (kind) => ring(world, party, kind),
  }
}

/** All of it: nothing is left to be shown. */
export function takeBack(row: Message, at: number): void {
  const parts = new Set(row.runs.map(({ part }) => part))
  Object.assign(row, { text: null, attachments: [], partCount: 0, retractedParts: [...parts], dateEdited: at })
}

function placeOf(world: World, { address }: Party, { to, service = 'iMessage' }: Words): Chat {
  if (to === undefined) {
    if (service === 'iMessage' && !world.parties.isReachable(address))
      throw new CannotBeDone('This person is not on iMessage.')
    return chatOfTwo(world, address, service)
  }
  const chat = world.store.chat(to)
  if (chat?.participants.some((one) => one.address === address)) return chat
  throw new CannotBeDone('This person is in no such chat.')
}

function toChatOf({ chat }: Message): Words {
  return { to: chat.guid }
}

function handleIn({ store }: World, { address }: Party, { kind }: Chat): Handle {
  return store.handleOf(address, kind)
}

function messageOf({ store }: World, guid: string): Message {
  const row = store.message(guid)
  if (row === null) throw new CannotBeDone('There is no such message.')
  return row
}

function ownMessage(world: World, { address }: Party, guid: string): Message {
  const row = messageOf(world, guid)
  if (row.handle?.address !== address) throw new CannotBeDone('That message is not theirs.')
  return row
}

function runsOf(text: string, mentions: NonNullable<Words['mentions']>): Run[] {
  const runs: Run[] = []
  let at = 0
  for (const { address: mention, start, length } of [...mentions].sort((one, other) => one.start - other.start)) {
    if (start > at) runs.push({ start: at, length: start - at, part: 0 })
    runs.push({ start, length, part: 0, mention })
    at = start + length
  }
  if (at < text.length || runs.length === 0) runs.push({ start: at, length: text.length - at, part: 0 })
  return runs
}

function enclosedIn({ store }: World, files: readonly NewFile[], { caption = '', isAudioMessage }: Enclosed) {
  const attachments = files.map((file) => store.addFile(file, false))
  const runs: Run[] = attachments.map(({ guid }, at) => ({ start: at, length: 1, part: at, fileGuid: guid }))
  const start = files.length
  if (caption !== '') runs.push({ start, length: caption.length, part: start })
  const text = filePlace.repeat(start) + caption
  return { text, runs, attachments, isAudioMessage: isAudioMessage ?? false, partCount: runs.length }
}
