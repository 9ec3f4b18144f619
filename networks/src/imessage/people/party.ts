/** One person with iMessage as the network sees them: what came, what was typed and read, how they are reached. */
import { createHash } from 'node:crypto'
import type { People } from '../../people.ts'
import type { Message } from '../store/rows.ts'
import { shownText } from '../store/shapes.ts'

export interface ReceivedFile {
  name: string
  mimeType: string
  size: number
  sha256: string
  /** Empty once the network has had to make room. */
  readonly bytes: Buffer
}

/** A message of the line as it lies on somebody's phone. */
export interface Received {
  readonly guid: string
  /** The guid of the chat. */
  readonly chat: string
  readonly from: string
  readonly at: number
  text: string | null
  readonly subject: string | null
  readonly files: readonly ReceivedFile[]
  readonly effect: string | null
  readonly replyTo: { guid: string; part: number } | null
  readonly mentions: readonly { address: string; start: number; length: number }[]
  readonly isAudioMessage: boolean
  /** What it was changed to, one after the other. */
  readonly edits: string[]
  /** What the line has reacted to its own message with; to theirs it is among the person's `reactions`. */
  readonly reactions: string[]
  isUnsent: boolean
}

export interface Reacted {
  /** The message, theirs or ours, and the part of it. */
  guid: string
  part: number
  /** love, -love and so on. */
  reaction: string
  chat: string
  at: number
}

export interface Typed {
  chat: string
  isTyping: boolean
  at: number
}

export class Party {
  readonly address: string
  readonly received: Received[] = []
  readonly reactions: Reacted[] = []
  readonly typed: Typed[] = []
  /** Messages of theirs that the line has read. */
  readonly readBy: string[] = []
  isFocused = false

  constructor(address: string) {
    this.address = address
  }

  take(row: Message, from: string, people: People): void {
    const received = receivedOf(row, from)
    keep(this.received, received)
    const media = received.files.map(({ mimeType, size: bytes, sha256 }) => ({ mimeType, bytes, sha256 }))
    const { guid: id, text, at } = received
    people.take({ network: 'imessage', id, parts: [id], from, to: this.address, text, media, at })
  }

  react(row: Message): void {
    const { part, guid } = targetOf(row.associatedMessageGuid ?? '')
    const reaction = row.associatedMessageType ?? ''
    keep(this.reactions, { guid, part, reaction, chat: row.chat.guid, at: row.dateCreated })
    this.message(guid)?.reactions.push(reaction)
  }

  noteTyping(typed: Typed): void {
    keep(this.typed, typed)
  }

  message(guid: string): Received | undefined {
    return this.received.find((one) => one.guid === guid)
  }
}

export class Parties {
  readonly #byAddress = new Map<string, Party>()
  readonly #people: People

  constructor(people: People) {
    this.#people = people
  }

  of(address: string): Party {
    const known = this.#byAddress.get(address)
    if (known !== undefined) return known
    const party = new Party(address)
    this.#byAddress.set(address, party)
    return party
  }

  isReachable(address: string): boolean {
    const { exists, onImessage } = this.#people.behaviourOf(address)
    return exists && onImessage
  }
}

const keptMax = 20_000

function keep<One>(list: One[], one: One): void {
  list.push(one)
  if (list.length > keptMax) list.splice(0, list.length - keptMax / 2)
}

function receivedOf(row: Message, from: string): Received {
  const { guid, chat, dateCreated: at, subject, effect, isAudioMessage } = row
  const files = row.attachments.map((attachment): ReceivedFile => {
    const { name, mimeType, bytes } = attachment
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    // Kept once: when room is made in the store, it is made here too.
    return {
      ...{ name, mimeType, sha256, size: bytes.length },
      get bytes() {
        return attachment.bytes
      },
    }
  })
  const mentions = row.runs.flatMap(({ mention: address, start, length }) =>
    address === undefined ? [] : [{ address, start, length }],
  )
  const replyTo =
    row.replyTo === null ? null : { guid: row.replyTo, part: Number(row.replyPart?.split(':', 1)[0] ?? 0) }
  const text = shownText(row)
  return {
    ...{ guid, chat: chat.guid, from, at, text, subject, files, effect, replyTo, mentions, isAudioMessage },
    ...{ edits: [], reactions: [], isUnsent: false },
  }
}

/** `p:0/guid`, `bp:guid`, or the guid alone. */
function targetOf(associated: string): { part: number; guid: string } {
  const [, part, guid] = /^(?:p:(\d+)\/|bp:)?(.+)$/.exec(associated) ?? []
  return { part: Number(part ?? 0), guid: guid ?? '' }
}
