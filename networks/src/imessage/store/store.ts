/** The message store of one Mac: rows with numbers that only grow, found by guid, address or owner. */
import { randomBytes, randomUUID } from 'node:crypto'
import type { Clock } from '../../time.ts'
import { kindOf } from './kinds.ts'
import type { Attachment, Chat, Handle, Kind, Message, NewMessage } from './rows.ts'

export interface NewFile {
  name: string
  bytes: Buffer
  /** By its name when nothing is said. */
  mimeType?: string
}

/** So many messages are kept; the oldest go first. */
const messagesMax = 100_000
/** So many bytes of files; the oldest go first. */
const fileBytesMax = 1_500_000_000

export class Store {
  readonly #clock: Clock
  readonly #handles = new Map<string, Handle>()
  readonly #chats = new Map<string, Chat>()
  readonly #ofTwo = new Map<string, Chat>()
  readonly #byGuid = new Map<string, Message>()
  readonly #attachments = new Map<string, Attachment>()
  #messages: Message[] = []
  #fileBytes = 0
  #rows = { handle: 0, chat: 0, message: 0, attachment: 0 }

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** In the order of their rows, which is not that of their dates. */
  get messages(): readonly Message[] {
    return this.#messages
  }

  get chats(): readonly Chat[] {
    return [...this.#chats.values()]
  }

  get handles(): readonly Handle[] {
    return [...this.#handles.values()]
  }

  chat(guid: string): Chat | null {
    return this.#chats.get(guid) ?? null
  }

  message(guid: string): Message | null {
    return this.#byGuid.get(guid) ?? null
  }

  /** By the last 36 characters, as it is looked up there: prefixes such as at_0_ do not matter. */
  attachment(guid: string): Attachment | null {
    return this.#attachments.get(guid.slice(-36)) ?? null
  }

  /** Those that end with the address, plus or not, as it is looked up there. */
  handlesLike(address: string): readonly Handle[] {
    const end = address.replace('+', '')
    return this.handles.filter((one) => one.address.endsWith(end))
  }

  handleOf(address: string, kind: Kind): Handle {
    const key = `${kind} ${address}`
    const known = this.#handles.get(key)
    if (known !== undefined) return known
    this.#rows.handle += 1
    const handle = { rowid: this.#rows.handle, address, kind }
    this.#handles.set(key, handle)
    return handle
  }

  /** The chat of two with this person, whatever its guid begins with; null: they have none. */
  chatWith(address: string, kind: Kind): Chat | null {
    return this.#ofTwo.get(`${kind} ${address}`) ?? null
  }

  groupOf(addresses: readonly string[]): Chat | null {
    const wanted = [...addresses].sort().join(' ')
    const members = ({ participants }: Chat) =>
      participants
        .map(({ address }) => address)
        .sort()
        .join(' ')
    return this.chats.find((one) => one.isGroup && !one.hasLeft && members(one) === wanted) ?? null
  }

  /** `prefix`: what the guid begins with. Of one person it is a chat of two. */
  addChat({ participants, isGroup, kind, prefix }: NewChat): Chat {
    this.#rows.chat += 1
    const digits = BigInt(`0x${randomBytes(8).toString('hex')}`)
      .toString()
      .padStart(18, '0')
      .slice(0, 18)
    const identifier = isGroup ? `chat${digits}` : (participants[0] ?? '')
    const chat: Chat = {
      ...{ rowid: this.#rows.chat, identifier, isGroup, kind, guid: `${prefix};${isGroup ? '+' : '-'};${identifier}` },
      ...{ groupId: randomUUID().toUpperCase(), displayName: '', iconGuid: null, hasLeft: false },
      participants: participants.map((address) => this.handleOf(address, kind)),
    }
    this.#chats.set(chat.guid, chat)
    if (!isGroup) this.#ofTwo.set(`${kind} ${identifier}`, chat)
    return chat
  }

  addFile({ name, bytes, mimeType }: NewFile, isOutgoing: boolean): Attachment {
    this.#rows.attachment += 1
    const known = kindOf(name)
    const uuid = randomUUID().toUpperCase()
    const attachment: Attachment = {
      ...{ rowid: this.#rows.attachment, guid: `at_0_${uuid}`, name, bytes, isOutgoing, isOnDisk: true },
      ...{ mimeType: mimeType ?? known.mimeType, uti: known.uti },
    }
    this.#attachments.set(uuid, attachment)
    this.#fileBytes += bytes.length
    for (const oldest of this.#attachments.values()) {
      if (this.#fileBytes <= fileBytesMax || oldest === attachment) break
      this.#dropFile(oldest)
    }
    return attachment
  }

  add(message: NewMessage): Message {
    this.#rows.message += 1
    const row: Message = {
      ...{ guid: randomUUID().toUpperCase(), handle: null, dateCreated: this.#clock.now(), text: null, subject: null },
      ...{ runs: [], attachments: [], error: 0, dateRead: null, dateDelivered: null },
      ...{ itemType: 0, groupActionType: 0, groupTitle: null, otherHandle: 0, isDelivered: !message.isFromMe },
      ...{ associatedMessageGuid: null, associatedMessageType: null, effect: null, replyTo: null, replyPart: null },
      ...{ isAudioMessage: false, dateEdited: null, edits: 0, partCount: 1, retractedParts: [] },
      ...message,
      rowid: this.#rows.message,
    }
    this.#messages.push(row)
    this.#byGuid.set(row.guid, row)
    if (this.#messages.length > messagesMax) this.#forgetOldest()
    return row
  }

  lastOwnIn(chat: Chat): Message | null {
    return this.#messages.findLast((one) => one.chat === chat && one.isFromMe) ?? null
  }

  /** As when Messages makes room: it knows of the file, and no longer has it. */
  #dropFile(attachment: Attachment): void {
    this.#attachments.delete(attachment.guid.slice(-36))
    this.#fileBytes -= attachment.bytes.length
    Object.assign(attachment, { isOnDisk: false, bytes: Buffer.alloc(0) })
  }

  #forgetOldest(): void {
    const kept = this.#messages.slice(messagesMax / 2)
    for (const { guid, attachments } of this.#messages.slice(0, messagesMax / 2)) {
      this.#byGuid.delete(guid)
      for (const one of attachments) this.#dropFile(one)
    }
    this.#messages = kept
  }
}

export interface NewChat {
  participants: readonly string[]
  isGroup: boolean
  kind: Kind
  prefix: string
}
