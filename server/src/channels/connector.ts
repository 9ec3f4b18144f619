/**
 * The contract every network implements: the in-memory network, WhatsApp, iMessage and SMS alike.
 *
 * A Connector knows a network; a Connection is one line's link to it. Connectors translate and
 * transport. They keep no queue, retry no send, write no table and know no customer: all of that
 * is the gateway's.
 */
import type { Readable } from 'node:stream'
import type { Capabilities, Channel } from '../model/channel.ts'
import type { SendFailure } from '../model/delivery.ts'
import type { ErrorCode } from '../model/errors.ts'
import type { CallStatus } from '../model/event.ts'
import type { ClientRef, Handle, LineId, ProviderChatId, ProviderMessageId } from '../model/ids.ts'
import type { LinkState } from '../model/line.ts'
import type { OutgoingFile } from '../model/media/file.ts'
import type { Mention } from '../model/message.ts'

export interface Connector {
  readonly channel: Channel
  /** The most this network can ever do. A connection may offer less. */
  readonly capabilities: Capabilities
  /** Must not do I/O; that starts with Connection.start. */
  open(line: LineSettings, host: Host): Connection
  /** What is wrong with these settings as far as can be seen without connecting, worded for an operator. */
  problemWith?(settings: Omit<LineSettings, 'id'>): SettingsProblem | null
  /** Connects with these settings, has the credentials proved, and leaves again. What it finds is worded for an operator. */
  test?(line: LineSettings, signal: AbortSignal): Promise<{ ok: boolean; detail: string }>
  /**
   * Answers a request that the provider makes of us. Only what proves to come from the provider is received, and the
   * answer says yes only once all of it is durable. Any process may be asked, whichever holds the line.
   */
  answer?(line: LineSettings, call: ProviderCall, counter: Counter): Promise<ProviderAnswer>
}

/** Where a call of a provider is answered: perhaps far from the line's connection. */
export interface Counter {
  receive: Host['receive']
  /** Hands a note to the line's connection, in whichever process that is: `Connection.hear`. Nobody may be there, and then it is lost. */
  pass(note: string): Promise<void>
}

/** The connectors in use: by the provider that an operator names for a line, and by channel. */
export type Providers = ReadonlyMap<string, ReadonlyMap<Channel, Connector>>

/** What an operator said about a line. */
export interface LineSettings {
  id: LineId
  address: Handle | null
  /** Where the provider is, and its own settings as the query; null for networks that need neither. */
  url: string | null
  secret: string | null
}

export interface SettingsProblem {
  path: 'url' | 'password' | 'phoneNumber'
  message: string
}

export interface ProviderCall {
  /** What stands behind the line's own callback address, without a slash. */
  topic: string
  method: string
  /** As the provider knows it, with its query: signatures are made over it. */
  url: string
  /** By names in small letters. */
  headers: Readonly<Record<string, string>>
  body: Uint8Array
}

export interface ProviderAnswer {
  status: number
  contentType: string
  body: string
}

export interface Connection {
  readonly capabilities: Capabilities
  /** Verbs this link can do now. A missing verb is how "not supported" is said. */
  readonly actions: Partial<Actions>

  /** Connects and stays connected, reporting through host.setState. Never throws for network trouble. */
  start(): Promise<void>
  /** Leaves no timer, socket or listener behind. May be started again. */
  stop(): Promise<void>
  /** Is this person on this network? May be slow; the gateway caches the answer. */
  reach(handle: Handle): Promise<'yes' | 'no' | 'unknown'>
  /**
   * Hands one message to the network. Fails only with SendFailure; anything else counts as `uncertain`.
   * When the signal aborts, whatever is still in flight is `uncertain` too.
   */
  send(message: Outgoing, signal: AbortSignal): Promise<Accepted>
  /**
   * How long this message has to wait for its turn by the sender's own limits. With 0 its turn has come and is used up.
   * Asked right before `send`, and again by those who had to wait, who get the turn they were given.
   */
  turn?(message: Outgoing): number
  /** How long this send may take before it is given up, where that is not what is usual. */
  patienceMs?(message: Outgoing): number
  /**
   * What became of a send whose end nobody heard, also of one that an earlier process began or was about to begin.
   * While it is `open` it is asked again, every few seconds. Absent: only echoes and receipts tell. After `failed` the
   * message goes out again, under this ref or over another channel: whoever says so has seen to it that no send under
   * this ref still goes out, not even that of a process which stood still right before it.
   */
  outcomeOf?(ref: ClientRef): Promise<Outcome>
  /** A note that was passed from the counter where this line's provider calls. */
  hear?(note: string): Promise<void>
}

/** `failed`: nothing went out under this ref, and nothing will any more. */
export type Outcome = { what: 'sent'; accepted: Accepted } | { what: 'failed'; failure: SendFailure } | { what: 'open' }

/** Every verb fails with SendFailure like `send` does. */
export interface Actions {
  react(target: Target, reaction: string | null): Promise<void>
  edit(target: Target, text: string, fallbackText: string | null): Promise<void>
  unsend(target: Target): Promise<void>
  /** Chats that nothing was said in yet included. `recording`: it is a voice note that is being made, where that can be shown. */
  setTyping(chat: ProviderChatId, typing: boolean, how?: 'recording'): Promise<void>
  markRead(chat: ProviderChatId, message: ProviderMessageId | null): Promise<void>
  markUnread(chat: ProviderChatId): Promise<void>
  createGroup(name: string | null, members: readonly Handle[]): Promise<ChatInfo>
  chatInfo(chat: ProviderChatId): Promise<ChatInfo>
  renameGroup(chat: ProviderChatId, name: string): Promise<void>
  addMember(chat: ProviderChatId, member: Handle): Promise<void>
  removeMember(chat: ProviderChatId, member: Handle): Promise<void>
  leaveGroup(chat: ProviderChatId): Promise<void>
  setGroupIcon(chat: ProviderChatId, icon: Icon): Promise<{ mark: string | null }>
  removeGroupIcon(chat: ProviderChatId): Promise<void>
  /** Whether their devices hold back what arrives now; the mode's name if the network tells it. Of strangers nothing is known. */
  focus(handle: Handle): Promise<{ focused: boolean; mode: string | null }>
  /** Whether they can be called. */
  facetime(handle: Handle): Promise<boolean>
  requestPairingCode(phone: Handle): Promise<string>
  forgetPairing(): Promise<void>
}

/** As base64, since verbs travel between processes. The answer's mark is the one its notice will carry, null when that has none. */
export interface Icon {
  base64: string
  mimeType: string
}

/** What a connection may ask of the gateway, and all it may ask. */
export interface Host {
  /** Resolves once the event is durable. Acknowledge upstream only after that; a rejection means: deliver it again. */
  receive(event: Incoming): Promise<void>
  setState(state: LinkState): void
  /**
   * For a line that was opened without an address, once it is known whose phone it was paired with and before it is said
   * to be connected: that is its address from now on. False: the line has another, or another line has this one, so that
   * this pairing must not stand. Rejects when it cannot be known now.
   */
  adopt(address: Handle): Promise<boolean>
  /** Encrypted key-value store of this link alone: credentials, sessions, cursors. */
  readonly vault: Vault
  readonly log: LinkLog
  /** Where the provider reaches `Connector.answer` for this line; the topic comes back with the call. */
  callbackUrl(topic: string): string
}

export interface Vault {
  get(key: string): Promise<Uint8Array | null>
  /** Those of them that are there. */
  getAll(keys: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>>
  /** Which keys there are that begin so. */
  keys(prefix: string): Promise<readonly string[]>
  /** All entries or none; null forgets one. */
  put(entries: Readonly<Record<string, Uint8Array | null>>): Promise<void>
}

/** Structured, without message texts and full phone numbers. */
export interface LinkLog {
  info(facts: object, message: string): void
  warn(facts: object, message: string): void
  error(facts: object, message: string): void
}

/** Already fitted to the connection's capabilities: nothing in it needs dropping or transcoding. */
export interface Outgoing {
  ref: ClientRef
  to: { handle: Handle } | { chat: ProviderChatId }
  text: string | null
  attachments: readonly OutgoingFile[]
  replyTo: Quoted | null
  mentions: readonly Mention[]
  effect: string | null
  location: { title: string | null; latitude: number; longitude: number } | null
}

export interface Accepted {
  providerId: ProviderMessageId
  chat: ProviderChatId
  /**
   * Of a message that went out as several, the id of each, `providerId` being the first. Receipts come for each of
   * them, and the gateway makes one of all: delivered when all are, failed when one is.
   */
  parts?: readonly ProviderMessageId[]
}

export interface Target {
  /** Once somebody’s number was told as a `handle`, it may be called by either of their names, whichever the message is in. */
  chat: ProviderChatId
  providerId: ProviderMessageId
  fromMe: boolean
}

/** For networks that show it from what the answer brings along. */
export interface Quoted extends Target {
  text: string | null
}

/** What the network tells us. Delivered at least once; the gateway drops repeats by providerId. */
export type Incoming =
  | IncomingMessage
  | {
      kind: 'receipt'
      providerId: ProviderMessageId
      status: ReceiptStatus
      at: Date
      detail: string | null
      /** Why it failed, where the network has codes of its own for that. */
      code?: ErrorCode
      /** Whose receipt it is in a group, if the network says so: the first one is told, the others are kept. */
      from?: Handle
      to?: Recipients
    }
  | {
      kind: 'reaction'
      target: ProviderMessageId
      chat: ProviderChatId
      from: Handle
      reaction: string | null
      at: Date
    }
  /** `chat`: where it was said, if that is known. Nobody changes there what was said elsewhere. */
  | { kind: 'edit'; target: ProviderMessageId; chat?: ProviderChatId; text: string; at: Date }
  | { kind: 'unsend'; target: ProviderMessageId; chat?: ProviderChatId; at: Date }
  | { kind: 'typing'; chat: ProviderChatId; from: Handle; typing: boolean }
  | {
      kind: 'chat'
      /** The notice's own id, if it has one: a repeat is known by it, or else by its time. */
      providerId: ProviderMessageId | null
      chat: ProviderChatId
      actor: Handle | null
      at: Date
      change: ChatChange
    }
  /** Somebody kept a voice note of ours. */
  | { kind: 'audioKept'; providerId: ProviderMessageId | null; target: ProviderMessageId; from: Handle; at: Date }
  | {
      kind: 'facetime'
      /** The same for all that is told of one call. */
      callId: string
      person: Handle
      status: CallStatus
      isAudio: boolean
      isVideo: boolean
      isOutgoing: boolean
      at: Date
    }
  | { kind: 'handle'; alias: Handle; phone: Handle }

/**
 * Whose it is, where one account has several lines and brings what belongs to any of them over each connection: one of
 * these names is the line's. Absent: it is for the line that brought it.
 */
export type Recipients = readonly Handle[]

export type ReceiptStatus = 'sent' | 'delivered' | 'read' | 'failed'

export interface IncomingMessage {
  kind: 'message'
  providerId: ProviderMessageId
  chat: ProviderChatId
  from: Handle
  to?: Recipients
  at: Date
  /** Set when this is our own send coming back: it proves the send and is no message of its own. */
  echoOf: ClientRef | null
  /** Of our own send that went out as several: all of them, as in `Accepted`. */
  parts?: readonly ProviderMessageId[]
  text: string | null
  attachments: readonly IncomingMedia[]
  /** The place that was sent, which the text words for those who know no places. */
  location?: Outgoing['location']
  replyTo: ProviderMessageId | null
  /** Set for a group: what it is called and who is in it now, if the network said so. */
  group: ChatInfo | null
  /** Set where nobody else confirms STOP and START to whoever wrote them: then the gateway does. */
  confirmsChoice?: true
}

export interface IncomingMedia {
  mimeType: string
  filename: string | null
  bytes: number | null
  voiceNote: boolean
  open(): Promise<Readable>
}

export interface ChatInfo {
  chat: ProviderChatId
  name: string | null
  /** All of them, whether or not the line itself is listed; none at all when the network did not tell, and never a part. */
  members: readonly { handle: Handle; phoneKnown: boolean; admin: 'admin' | 'superadmin' | null }[]
}

export type ChatChange =
  | { what: 'title'; title: string }
  | { what: 'photo'; photo: IncomingPhoto | 'removed' }
  | { what: 'joined' | 'left'; member: Handle }
  | { what: 'rank'; member: Handle; admin: 'admin' | 'superadmin' | null }

/** What a group shows from now on. */
export interface IncomingPhoto {
  /** The same for the same picture; null when the network does not say. */
  mark: string | null
  url: string | null
  /** Its bytes, of our own pictures too: their notice may come before we have kept them. Absent when the network has none to give. */
  open?(): Promise<Readable>
}
