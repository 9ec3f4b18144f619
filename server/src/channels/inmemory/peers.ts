/** Being somebody else on the in-memory network: writing to a line, reading, reacting, keeping a group. */
import { Readable } from 'node:stream'
import type { Channel } from '../../model/channel.ts'
import type { CallStatus } from '../../model/event.ts'
import type { Handle, ProviderChatId, ProviderMessageId } from '../../model/ids.ts'
import type { Incoming, IncomingMedia, IncomingPhoto, ReceiptStatus } from '../connector.ts'
import { type Trait, traits } from './capabilities.ts'
import {
  addToGroup,
  directChat,
  groupFor,
  makeGroup,
  rankInGroup,
  removeFromGroup,
  renameGroup,
  setGroupPhoto,
} from './chats.ts'
import { chatKey, type Exchange, type Group } from './exchange.ts'
import { bring, tellReceipt } from './post.ts'

export interface Shown {
  mimeType: string
  filename?: string
  /** Null: the network names the file and cannot hand it over. */
  data: Uint8Array | null
  voiceNote?: boolean
}

/** Without data, the network tells of the picture only; null: it cannot hand it over when asked. */
export interface NewPhoto {
  mark: string | null
  url: string | null
  data?: Uint8Array | null
}

export interface Extras {
  /** To be the same message once more; a new one is minted if not given. */
  providerId?: ProviderMessageId
  attachments?: readonly Shown[]
  replyTo?: ProviderMessageId
}

export interface Call {
  callId: string
  status: CallStatus
  isVideo?: boolean
  isOutgoing?: boolean
}

/** Every act throws if this channel has no such thing, or if the line's box is full. */
export interface Peer {
  says(line: string, channel: Channel, text: string | null, extras?: Extras): ProviderMessageId
  reacts(line: string, channel: Channel, target: ProviderMessageId, reaction: string | null): void
  edits(line: string, channel: Channel, target: ProviderMessageId, text: string): void
  unsends(line: string, channel: Channel, target: ProviderMessageId): void
  types(line: string, channel: Channel, typing: boolean): void
  /** Keeps a voice note that would otherwise vanish. */
  keepsAudio(line: string, channel: Channel, target: ProviderMessageId): void
  /** Calls, or is called, or whatever else the status says of the call. */
  calls(line: string, channel: Channel, call: Call): void
  /** Without a message: the last one of this line to this person. */
  reads(line: string, channel: Channel, message?: ProviderMessageId): void
  receives(line: string, channel: Channel, message?: ProviderMessageId): void
  /** Whoever was known by an alias (a LID) turns out to have this number. */
  reveals(line: string, channel: Channel, phone: Handle): void
  createsGroup(channel: Channel, name: string | null, members: readonly Handle[]): ProviderChatId
  in(chat: ProviderChatId): GroupPeer
}

/** A member of a group; every line of ours that is in it hears. */
export interface GroupPeer {
  says(text: string | null, extras?: Extras): ProviderMessageId
  renames(name: string): void
  changesPhoto(photo: NewPhoto | 'removed'): void
  adds(member: Handle): void
  removes(member: Handle): void
  /** Makes somebody an admin. */
  promotes(member: Handle): void
  demotes(member: Handle): void
  leaves(): void
}

export function peerAs(exchange: Exchange, handle: Handle): Peer {
  const tell = (line: string, channel: Channel, event: Incoming, chat = directChat(channel, handle)) => {
    if (!exchange.tell(channel, line, chat, event)) throw boxIsFull(line, channel)
  }
  const chatOf = (target: ProviderMessageId, channel: Channel) =>
    exchange.messages.get(target)?.chat ?? directChat(channel, handle)
  const receipt = (line: string, channel: Channel, status: ReceiptStatus, named?: ProviderMessageId) => {
    if (status === 'read' && exchange.options.capabilities[channel].receipts.read === 'never')
      throw notHere(channel, 'read receipts')
    const chat = directChat(channel, handle)
    const providerId = named ?? exchange.lastSent.get(chatKey(channel, line, chat))
    if (providerId === undefined) throw new Error(`${line} has sent nothing to ${handle} on ${channel}`)
    const accepted = { providerId, chat: chatOf(providerId, channel) }
    const whose = accepted.chat === chat ? {} : { from: handle }
    const told = tellReceipt(exchange, { channel, line }, { accepted, status, detail: null, ...whose })
    if (!told) throw boxIsFull(line, channel)
  }
  return {
    says: (line, channel, text, extras = {}) => {
      const chat = directChat(channel, handle)
      return brought(
        bring(exchange, line, { channel, chat, from: handle, text, group: null, ...told(extras) }),
        line,
        channel,
      )
    },
    reacts: (line, channel, target, reaction) => {
      mustHear(channel, 'reaction')
      const chat = chatOf(target, channel)
      tell(line, channel, { kind: 'reaction', target, chat, from: handle, reaction, at: exchange.now() }, chat)
    },
    edits: (line, channel, target, text) => {
      mustHear(channel, 'edit')
      tell(line, channel, { kind: 'edit', target, text, at: exchange.now() }, chatOf(target, channel))
    },
    unsends: (line, channel, target) => {
      mustHear(channel, 'unsend')
      tell(line, channel, { kind: 'unsend', target, at: exchange.now() }, chatOf(target, channel))
    },
    types: (line, channel, typing) => {
      mustHear(channel, 'typing')
      tell(line, channel, { kind: 'typing', chat: directChat(channel, handle), from: handle, typing })
    },
    keepsAudio: (line, channel, target) => {
      mustHear(channel, 'audioKept')
      const providerId = exchange.mint(channel)
      const kept: Incoming = { kind: 'audioKept', providerId, target, from: handle, at: exchange.now() }
      tell(line, channel, kept, chatOf(target, channel))
    },
    calls: (line, channel, { isVideo = true, isOutgoing = false, ...call }) => {
      mustHear(channel, 'facetime')
      const sides = { isAudio: !isVideo, isVideo, isOutgoing }
      tell(line, channel, { kind: 'facetime', person: handle, ...call, ...sides, at: exchange.now() })
    },
    reads: (line, channel, message) => receipt(line, channel, 'read', message),
    receives: (line, channel, message) => receipt(line, channel, 'delivered', message),
    reveals: (line, channel, phone) => {
      exchange.remember(exchange.aliases, handle, phone)
      tell(line, channel, { kind: 'handle', alias: handle, phone })
    },
    createsGroup: (channel, name, members) => {
      if (!exchange.options.capabilities[channel].groups) throw notHere(channel, 'groups')
      return makeGroup(exchange, { channel, name, by: handle, members }).chat
    },
    in: (chat) => groupPeer(exchange, handle, chat),
  }
}

function groupPeer(exchange: Exchange, handle: Handle, chat: ProviderChatId): GroupPeer {
  const group = (): Group => groupFor(exchange, handle, chat)
  return {
    says: (text, extras = {}) => {
      const { channel, members } = group()
      const providerId = extras.providerId ?? exchange.mint(channel)
      const words = { channel, chat, from: handle, text, group: group(), ...told(extras), providerId }
      for (const line of members.keys()) {
        if (line !== handle && exchange.isLine(channel, line)) brought(bring(exchange, line, words), line, channel)
      }
      return providerId
    },
    changesPhoto: (photo) => setGroupPhoto(exchange, group(), handle, photo === 'removed' ? photo : photoOf(photo)),
    renames: (name) => renameGroup(exchange, group(), handle, name),
    adds: (member) => addToGroup(exchange, group(), handle, member),
    removes: (member) => removeFromGroup(exchange, group(), handle, member),
    promotes: (member) => rankInGroup(exchange, group(), { by: handle, member, admin: 'admin' }),
    demotes: (member) => rankInGroup(exchange, group(), { by: handle, member, admin: null }),
    leaves: () => removeFromGroup(exchange, group(), handle, handle),
  }
}

function told({ providerId, attachments = [], replyTo }: Extras) {
  return { providerId, replyTo: replyTo ?? null, attachments: attachments.map(mediaOf) }
}

function mediaOf({ mimeType, filename, data, voiceNote = false }: Shown): IncomingMedia {
  return {
    mimeType,
    filename: filename ?? null,
    bytes: data?.byteLength ?? null,
    voiceNote,
    open: opens(data),
  }
}

function photoOf({ mark, url, data }: NewPhoto): IncomingPhoto {
  return data === undefined ? { mark, url } : { mark, url, open: opens(data) }
}

function opens(data: Uint8Array | null): () => Promise<Readable> {
  return async () => {
    if (data === null) throw new Error('The file is gone from the network.')
    return Readable.from([data])
  }
}

function mustHear(channel: Channel, what: keyof Trait['hears']): void {
  if (!traits[channel].hears[what]) throw notHere(channel, `${what} events`)
}

function notHere(channel: Channel, what: string): Error {
  return new Error(`${channel} has no ${what}`)
}

function brought(providerId: ProviderMessageId | null, line: string, channel: Channel): ProviderMessageId {
  if (providerId === null) throw boxIsFull(line, channel)
  return providerId
}

function boxIsFull(line: string, channel: Channel): Error {
  return new Error(`${line} has not taken its ${channel} messages for too long; its box is full`)
}
