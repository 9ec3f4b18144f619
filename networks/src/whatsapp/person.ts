/** What people do on their phones: write, react, correct, take back, read, type, and change groups. */
import { type MediaType, proto } from 'baileys'
import type { People } from '../people.ts'
import { type Group, mayWrite } from './groups/group.ts'
import { type Membership, membershipOf } from './groups/membership.ts'
import type { Arrivals } from './messages/arrivals.ts'
import type { Call, Ring } from './messages/calls.ts'
import { noteSetting, settingOf, timed } from './messages/disappearing.ts'
import { isGroup, type Mail, newId } from './messages/mail.ts'
import { appear, typeTo } from './messages/presence.ts'
import { type Shown, show } from './messages/shown.ts'
import type { Heard, KnownBy, Learned, Party, Received, Seen } from './party/party.ts'
import { CannotBeDone, secondsOf, type World } from './world.ts'

export interface Words {
  /** The message that this one answers, as `received` shows it. */
  quoting?: Received
  /** Numbers. */
  mentioning?: readonly string[]
}

export interface Picture {
  kind: MediaType & ('image' | 'video' | 'audio' | 'document' | 'sticker')
  bytes: Buffer
  mimeType: string
  caption?: string
}

/** `to` is a number, or a group's id; what is written is answered with its id. */
export interface Person extends Membership {
  readonly jid: string
  readonly lid: string
  says(to: string, text: string, words?: Words): Promise<string>
  sends(to: string, picture: Picture): Promise<string>
  /** Any other content. */
  posts(to: string, message: proto.IMessage): Promise<string>
  /** Null takes the reaction back. `isOurs`: the message is one of their own. */
  reacts(to: string, id: string, emoji: string | null, isOurs?: boolean): Promise<string>
  edits(to: string, id: string, text: string): Promise<string>
  revokes(to: string, id: string): Promise<string>
  /** Everything of this chat up to now, or these. */
  reads(chat: string, ids?: readonly string[]): void
  types(to: string, state?: 'composing' | 'recording' | 'paused'): void
  appears(isOnline: boolean): void
  /** Rings at all devices of this number. */
  calls(number: string, how?: Ring): Call
  /** Messages of this chat disappear after so many seconds from now on; 0: they stay. Null in a group: nothing is written. */
  setsDisappearing(to: string, seconds: number): Promise<string | null>
  isKnownBy(knownBy: KnownBy): void
  isCalled(name: string): void
  cannotRead(messages: number): void
  readonly received: readonly Shown[]
  /** How many messages came again under an id that their sender had used: a phone confirms and drops them. */
  readonly repeats: number
  readonly heard: readonly Heard[]
  readonly seen: readonly Seen[]
  readonly learned: readonly Learned[]
}

interface Parts {
  world: World
  mail: Mail
  arrivals: Arrivals
}

const revoke = proto.Message.ProtocolMessage.Type.REVOKE
const edit = proto.Message.ProtocolMessage.Type.MESSAGE_EDIT

export function createPerson(parts: Parts, party: Party): Person {
  const { world, mail } = parts
  const post = async (to: string, message: proto.IMessage): Promise<string> => {
    const id = newId()
    const place = recipient(world, party, to)
    if (isGroup(place) && !mayWrite(place, party) && !message.reactionMessage)
      throw new CannotBeDone('Only admins write in this group.')
    if (!isGroup(place)) noteSetting(message, [party, place], secondsOf(world))
    await mail.post({ from: party, to: place, message: timed(message, party, place), id })
    return id
  }
  /** A message of theirs, or of the other side, as those name it who are told of it. */
  const keyOf = (to: string, id: string, isOurs: boolean): proto.IMessageKey => {
    const place = recipient(world, party, to)
    const author = party.received.find((one) => one.id === id)?.from
    const group = isGroup(place) ? { participant: isOurs ? party.lid : lidOf(world, author) } : {}
    return { remoteJid: isGroup(place) ? place.id : place.jid, fromMe: isOurs, id, ...group }
  }
  const groupDoings = membershipOf(world, party)
  // Assigned, not spread: what is looked at later must be looked up then.
  return Object.assign(facts(world, party), groupDoings, {
    posts: post,
    async says(to, text, words) {
      const id = await post(to, worded(world, text, words))
      tell(world.people, party, text)
      return id
    },
    async sends(to, picture) {
      const { kind, bytes, mimeType, caption } = picture
      const file = { ...(await world.media.put(kind, bytes)), mimetype: mimeType, caption }
      return post(to, { [`${kind}Message`]: file })
    },
    reacts: (to, id, emoji, isOurs = false) =>
      post(to, {
        reactionMessage: { key: keyOf(to, id, isOurs), text: emoji ?? '', senderTimestampMs: world.clock.now() },
      }),
    edits: (to, id, text) =>
      post(to, {
        protocolMessage: {
          ...{ key: keyOf(to, id, true), type: edit, editedMessage: { conversation: text } },
          timestampMs: world.clock.now(),
        },
      }),
    revokes: (to, id) => post(to, { protocolMessage: { key: keyOf(to, id, true), type: revoke } }),
    reads: (chat, ids) => read(parts, party, chat, ids),
    types: (to, state = 'composing') => typeTo(recipient(world, party, to), party, state),
    appears: (isOnline) => appear(world, party, isOnline),
    calls(number, how = {}) {
      const callee = recipient(world, party, number)
      if (isGroup(callee)) throw new CannotBeDone('Groups cannot be called here.')
      return world.calls.ring(world, party, callee, how)
    },
    async setsDisappearing(to, seconds) {
      if (!isGroup(recipient(world, party, to))) return post(to, settingOf({ seconds, at: secondsOf(world) }))
      groupDoings.setsExpiration(to, seconds)
      return null
    },
  } satisfies Partial<Person>)
}

function facts(world: World, party: Party) {
  return {
    jid: party.jid,
    lid: party.lid,
    isKnownBy(knownBy: KnownBy) {
      party.knownBy = knownBy
    },
    isCalled(name: string) {
      party.name = name
    },
    cannotRead(messages: number) {
      party.unreadable = messages
    },
    get received() {
      return party.received.map((one) => show(world, one))
    },
    get repeats() {
      return party.repeats
    },
    get heard() {
      return party.heard
    },
    get seen() {
      return party.seen
    },
    get learned() {
      return party.learned
    },
  }
}

function recipient({ directory, groups }: World, from: Party, to: string): Party | Group {
  if (to.endsWith('@g.us')) return groups.byMember(to, from)
  const party = directory.byNumber(to)
  if (party === null) throw new CannotBeDone('Nobody on WhatsApp has this number.')
  return party
}

function lidOf({ directory }: World, number: string | undefined): string | undefined {
  return number === undefined ? undefined : directory.byNumber(number)?.lid
}

function worded(world: World, text: string, { quoting, mentioning = [] }: Words = {}): proto.IMessage {
  if (quoting === undefined && mentioning.length === 0) return { conversation: text }
  const mentionedJid = mentioning.flatMap((number) => lidOf(world, number) ?? [])
  const quoted = quoting && {
    stanzaId: quoting.id,
    participant: world.directory.byNumber(quoting.from)?.jid,
    quotedMessage: quoting.message,
  }
  return { extendedTextMessage: { text, contextInfo: { mentionedJid, ...quoted } } }
}

function tell(people: People, { number }: Party, text: string): void {
  people.tell({ what: 'said', network: 'whatsapp', from: number, text })
}

function read({ world, arrivals }: Parts, party: Party, chat: string, ids: readonly string[] | undefined): void {
  const there = party.received.filter((one) => one.chat === chat && !one.isOwn && (ids?.includes(one.id) ?? true))
  const group = world.groups.byId(chat)
  for (const [from, messages] of Map.groupBy(there, (one) => one.from)) {
    const sender = world.directory.byNumber(from)
    const read = messages.map(({ id }) => id)
    if (sender !== null) arrivals.confirm(party, { sender, group }, read, 'read')
  }
}
