/**
 * What a server on a Mac must do for us, whoever wrote it. Nothing here is worded as one of them words it, so that
 * another can take the place of the first.
 *
 * Sends and verbs fail with SendFailure. Questions fail with whatever broke: who asks again later needs no kind.
 */
import type { Readable } from 'node:stream'
import type { CallStatus } from '../../model/event.ts'
import type { Handle } from '../../model/ids.ts'
import type { OutgoingFile } from '../../model/media/file.ts'
import type { Mention } from '../../model/message.ts'

export interface Backend {
  /** How things stand with the server, the Mac and its accounts. */
  look(signal: AbortSignal): Promise<Standing>
  /** Has the server call this address whenever something happens, and no older one of ours. */
  listen(url: string, signal: AbortSignal): Promise<void>

  /** The number of the newest row; 0 when there is none. */
  lastRow(signal: AbortSignal): Promise<number>
  /** The rows behind this number, by their numbers, as many as the server gives at a time. `upTo` is where to go on. */
  rowsAfter(row: number, signal: AbortSignal): Promise<{ rows: readonly Row[]; upTo: number; more: boolean }>
  /** Every row made since then, the oldest first: of one chat, or only what was sent from here, if that is asked for. */
  rowsSince(since: Date, which: { chat?: ServerChat; ours?: boolean }, signal: AbortSignal): Promise<readonly Row[]>
  /** Null: there is no such row. */
  row(guid: string, signal: AbortSignal): Promise<Row | null>
  /** Null: there is no such chat. */
  chat(chat: ServerChat, signal: AbortSignal): Promise<Chat | null>
  /** Rows name whom a change of a group is about by a number of the server; null: nobody has it. */
  person(number: number, signal: AbortSignal): Promise<Handle | null>
  /** The bytes as they were sent. */
  file(guid: string): Promise<Readable>
  /** The picture of a group. */
  icon(chat: ServerChat): Promise<Readable>

  /** Asked once: a no may be false. */
  onImessage(person: Handle, signal: AbortSignal): Promise<boolean>
  onFacetime(person: Handle, signal: AbortSignal): Promise<boolean>
  focus(person: Handle, signal: AbortSignal): Promise<'silenced' | 'none' | 'unknown'>

  sendText(text: TextDraft, signal: AbortSignal): Promise<Row>
  sendFile(file: FileDraft, signal: AbortSignal): Promise<Row>
  /** Lays a file ready on the Mac; what it is called there is for `sendParts`. */
  upload(file: OutgoingFile, name: string, signal: AbortSignal): Promise<string>
  /** Several bubbles in one message: a text, a gallery, mentions. */
  sendParts(parts: PartsDraft, signal: AbortSignal): Promise<Row>
  /** With its first message, which the server insists on. With one person it is the chat there may be already. */
  startChat(chat: ChatDraft, signal: AbortSignal): Promise<{ chat: Chat; row: Row | null }>

  react(target: Bubble, tapback: Tapback, isRemoval: boolean, signal: AbortSignal): Promise<void>
  edit(target: Bubble, text: { text: string; fallback: string }, signal: AbortSignal): Promise<void>
  unsend(target: Bubble, signal: AbortSignal): Promise<void>
  typing(chat: ServerChat, isTyping: boolean, signal: AbortSignal): Promise<void>
  markRead(chat: ServerChat, isRead: boolean, signal: AbortSignal): Promise<void>
  rename(chat: ServerChat, name: string, signal: AbortSignal): Promise<void>
  addMember(chat: ServerChat, person: Handle, signal: AbortSignal): Promise<void>
  removeMember(chat: ServerChat, person: Handle, signal: AbortSignal): Promise<void>
  leave(chat: ServerChat, signal: AbortSignal): Promise<void>
  /** Null takes it away. */
  setIcon(chat: ServerChat, icon: { bytes: Uint8Array; mimeType: string } | null, signal: AbortSignal): Promise<void>
}

/** What the server calls us for. It is no proof of anything: whoever hears of it asks. */
export type Note =
  /** There are new rows. */
  | { what: 'rows' }
  | { what: 'changed'; guid: string }
  /** It has started. */
  | { what: 'began' }
  /** The account lost addresses. */
  | { what: 'aliases' }
  | {
      what: 'call'
      callId: string
      person: Handle
      status: CallStatus
      isAudio: boolean
      isVideo: boolean
      isOutgoing: boolean
      atMs: number
    }

/** A chat as its server names it at the moment; `names.ts` knows which of them are the same. */
export type ServerChat = string & { readonly kind: 'serverChat' }

export interface Standing {
  serverVersion: string
  /** The first number of its version: 14. */
  macos: number
  /** How much it can do: everything, or only what scripts can. */
  privateApi: 'connected' | 'unconnected' | 'off'
  /** Null: nobody is signed in. */
  imessage: string | null
  icloud: string | null
  /** What it can be written to by; null when the server cannot tell. */
  aliases: readonly Handle[] | null
}

/** One entry of the Mac's store of messages: a message, a tapback on one, or a change of a group. */
export interface Row {
  number: number
  guid: string
  /** Null where the server did not say: it is asked for then. */
  chat: Pick<Chat, 'chat' | 'name' | 'isGroup'> | null
  isOurs: boolean
  /** Null for ours. */
  from: Handle | null
  service: 'iMessage' | 'other'
  /** As we named the send it comes from; most often unknown. */
  tempId: string | null
  /** Null: none, or taken back. */
  text: string | null
  files: readonly RowFile[]
  /** It may have files that the server does not show yet. */
  mayHaveFiles: boolean
  replyTo: string | null
  effect: string | null
  at: Date
  isDelivered: boolean
  deliveredAt: Date | null
  readAt: Date | null
  editedAt: Date | null
  isUnsent: boolean
  /** 0: none. Apple's numbers. */
  error: number
  tapback: { target: string; reaction: string | null } | null
  change: RowChange | null
}

export interface RowFile {
  guid: string
  mimeType: string | null
  name: string | null
  bytes: number | null
  isReady: boolean
  voiceNote: boolean
}

export type RowChange =
  | { what: 'joined' | 'left'; person: { number: number } | { handle: Handle } | 'us' }
  | { what: 'title'; title: string }
  | { what: 'photo'; isRemoved: boolean }
  /** Nothing that anybody is told. */
  | { what: 'other' }

export interface Chat {
  chat: ServerChat
  isGroup: boolean
  name: string | null
  /** Without ourselves; null where the server did not say. */
  members: readonly Handle[] | null
}

export type Tapback = 'love' | 'like' | 'dislike' | 'laugh' | 'emphasize' | 'question'

export interface Bubble {
  chat: ServerChat
  guid: string
}

export interface Draft {
  chat: ServerChat
  /** Names this try; a second one under it while the first is under way is refused. */
  tempId: string
  /** Without it the server writes as a person would, by a script. */
  privately: boolean
  replyTo: string | null
  effect: string | null
}

export interface TextDraft extends Draft {
  text: string
}

export interface FileDraft extends Draft {
  file: OutgoingFile
  name: string
}

export interface PartsDraft extends Draft {
  text: string | null
  mentions: readonly Mention[]
  files: readonly { path: string; name: string }[]
}

export interface ChatDraft {
  people: readonly Handle[]
  tempId: string
  privately: boolean
  effect: string | null
  text: string
}
