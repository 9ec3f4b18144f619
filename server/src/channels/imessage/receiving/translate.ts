/** Rows of a Mac's messages, as the gateway is told of them. */
import type { Readable } from 'node:stream'
import { parseAddress } from '../../../model/handle.ts'
import type { ClientRef, Handle, ProviderChatId, ProviderMessageId } from '../../../model/ids.ts'
import type { ChatChange, ChatInfo, Incoming, IncomingMedia } from '../../connector.ts'
import type { Chat, Row, RowChange, RowFile, ServerChat } from '../backend.ts'
import { chatWith, nameOf, personIn } from '../names.ts'

/** What has to be known besides a row itself. */
export interface Ear {
  /** How the line is addressed. */
  line: Handle | null
  /** Which of our sends this row is; null: the owner of the Mac wrote it there. */
  refOf(row: Row): ClientRef | null
  /** All bubbles of the message that this one is of, in their order. */
  bubblesOf(guid: string): readonly string[]
  /** Null when nothing can be had. */
  facts(chat: ServerChat): Promise<Chat | null>
  person(number: number): Promise<Handle | null>
  file(guid: string): Promise<Readable>
  icon(chat: ServerChat): Promise<Readable>
}

/** What a row is to us. Of the last three nobody is told, and they are counted. `silent` is what we or the owner did there. */
export type Sort = 'message' | 'reaction' | 'change' | 'ours' | 'silent' | 'otherService' | 'old' | 'other'

/** Rows of before that moment come late, when a Mac gets its history from iCloud: they are no news. Some have no date. */
export function sortOf(row: Row, sinceMs: number): Sort {
  if (row.service !== 'iMessage') return 'otherService'
  if (row.at.getTime() < sinceMs && row.at.getTime() !== 0) return 'old'
  if (row.change !== null) return row.change.what === 'other' ? 'other' : 'change'
  if (row.isOurs) return row.tapback === null ? 'ours' : 'silent'
  if (authorOf(row) === null) return 'other'
  return row.tapback === null ? 'message' : 'reaction'
}

/** It is not all there yet: the server shows a chat or files a moment later. */
export function isPartial(row: Row): boolean {
  if (row.chat === null) return true
  if (row.isOurs || row.tapback !== null || row.change !== null || row.isUnsent) return false
  return row.files.length === 0 ? row.mayHaveFiles : row.files.some(({ isReady }) => !isReady)
}

/** Without a chat it is taken for one of two people: better there than lost. Null when nobody can say where. */
export function chatOf(row: Row): ProviderChatId | null {
  if (row.chat !== null) return nameOf(row.chat.chat)
  return row.from === null ? null : chatWith(spelled(row.from))
}

/** Null: nobody is told. What became of it since is not told here. */
export async function toldBy(row: Row, ear: Ear): Promise<Incoming | null> {
  const chat = chatOf(row)
  if (chat === null) return null
  if (row.change !== null) return changeIn(row, row.change, ear)
  if (row.isOurs) return row.tapback === null ? echoIn(row, chat, ear) : null
  const from = authorOf(row)
  if (from === null) return null
  if (row.tapback !== null) {
    const { target, reaction } = row.tapback
    return { kind: 'reaction', target: target as ProviderMessageId, chat, from, reaction, at: row.at }
  }
  return row.isUnsent ? null : messageIn(row, { chat, from }, ear)
}

/** As somebody wrote it whom nobody knows how to read here: an invitation to a game, a poll, a payment. */
const unsupported = '[unsupported message]'

async function messageIn(
  row: Row,
  { chat, from }: { chat: ProviderChatId; from: Handle },
  ear: Ear,
): Promise<Incoming> {
  const text = row.text === '' ? null : row.text
  return {
    kind: 'message',
    providerId: row.guid as ProviderMessageId,
    chat,
    from,
    ...(ear.line !== null && { to: [ear.line] }),
    at: row.at,
    echoOf: null,
    text: text === null && row.files.length === 0 ? unsupported : text,
    attachments: row.files.map((file) => mediaOf(file, ear)),
    replyTo: row.replyTo as ProviderMessageId | null,
    group: await groupOf(row, ear),
  }
}

/** Null for what was not sent by us, and for what was refused: that proves no send. */
async function echoIn(row: Row, chat: ProviderChatId, ear: Ear): Promise<Incoming | null> {
  const echoOf = row.error === 0 ? ear.refOf(row) : null
  if (echoOf === null) return null
  const parts = ear.bubblesOf(row.guid) as readonly ProviderMessageId[]
  return {
    kind: 'message',
    providerId: row.guid as ProviderMessageId,
    chat,
    from: ear.line ?? ('self' as Handle),
    at: row.at,
    echoOf,
    ...(parts.length > 1 && { parts }),
    text: row.text,
    attachments: [],
    replyTo: row.replyTo as ProviderMessageId | null,
    group: await groupOf(row, ear),
  }
}

async function groupOf(row: Row, ear: Ear): Promise<ChatInfo | null> {
  if (row.chat === null || !row.chat.isGroup) return null
  const facts = await ear.facts(row.chat.chat)
  return {
    chat: nameOf(row.chat.chat),
    name: facts === null ? row.chat.name : facts.name,
    members: (facts?.members ?? []).map((member) => {
      const handle = spelled(member)
      return { handle, phoneKnown: handle.startsWith('+'), admin: null }
    }),
  }
}

function mediaOf({ guid, mimeType, name, bytes, voiceNote }: RowFile, ear: Ear): IncomingMedia {
  return {
    mimeType: mimeType ?? 'application/octet-stream',
    filename: name,
    bytes,
    voiceNote,
    open: () => ear.file(guid),
  }
}

async function changeIn(row: Row, change: RowChange, ear: Ear): Promise<Incoming | null> {
  if (row.chat === null) return null
  const told = await changeOf(row.chat.chat, change, ear)
  if (told === null) return null
  const actor = row.isOurs ? ear.line : row.from === null ? null : spelled(row.from)
  return {
    kind: 'chat',
    providerId: row.guid as ProviderMessageId,
    chat: nameOf(row.chat.chat),
    actor,
    at: row.at,
    change: told,
  }
}

async function changeOf(chat: ServerChat, change: RowChange, ear: Ear): Promise<ChatChange | null> {
  switch (change.what) {
    case 'other':
      return null
    case 'title':
      return { what: 'title', title: change.title }
    case 'photo':
      return {
        what: 'photo',
        photo: change.isRemoved ? 'removed' : { mark: null, url: null, open: () => ear.icon(chat) },
      }
    default: {
      const member = await memberIn(change.person, ear)
      return member === null ? null : { what: change.what, member }
    }
  }
}

async function memberIn(person: (RowChange & { what: 'joined' | 'left' })['person'], ear: Ear): Promise<Handle | null> {
  if (person === 'us') return ear.line
  const handle = 'handle' in person ? person.handle : await ear.person(person.number)
  return handle === null ? null : spelled(handle)
}

/** In a chat of two it is the other one, even if the row does not say so. */
function authorOf({ from, chat }: Row): Handle | null {
  if (from !== null) return spelled(from)
  return chat === null || chat.isGroup ? null : personIn(chat.chat)
}

/** Short codes and names of businesses stay as they are. */
function spelled(handle: Handle): Handle {
  return parseAddress(handle) ?? handle
}
