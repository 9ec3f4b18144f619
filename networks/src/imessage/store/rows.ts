/** The rows of a Mac's message store, as Messages keeps them: handles, chats, messages and attachments. */

export type Kind = 'iMessage' | 'SMS'

/** One address on one kind of message: whoever writes both ways has two. */
export interface Handle {
  readonly rowid: number
  readonly address: string
  readonly kind: Kind
}

export interface Chat {
  readonly rowid: number
  readonly guid: string
  readonly isGroup: boolean
  /** The last part of its guid. */
  readonly identifier: string
  readonly groupId: string
  readonly kind: Kind
  displayName: string
  participants: Handle[]
  iconGuid: string | null
  /** Its owner left, or was taken out. */
  hasLeft: boolean
}

export interface Attachment {
  readonly rowid: number
  readonly guid: string
  readonly name: string
  readonly mimeType: string
  readonly uti: string
  readonly bytes: Buffer
  readonly isOutgoing: boolean
  /** False: Messages has purged it, and would have to fetch it again. */
  isOnDisk: boolean
}

/** A stretch of text with something special about it, or the place of a file. */
export interface Run {
  start: number
  length: number
  part: number
  mention?: string
  fileGuid?: string
}

export interface Message {
  readonly rowid: number
  readonly guid: string
  readonly chat: Chat
  readonly isFromMe: boolean
  /** Null for what its owner wrote. */
  readonly handle: Handle | null
  readonly dateCreated: number
  /** Null once it was taken back. */
  text: string | null
  subject: string | null
  runs: readonly Run[]
  attachments: Attachment[]
  error: number
  dateRead: number | null
  dateDelivered: number | null
  isDelivered: boolean
  /** 0 a message, 1 somebody added or removed, 2 renamed, 3 left or another icon, 5 audio kept. */
  itemType: number
  groupActionType: number
  groupTitle: string | null
  /** The row of the handle that something was done to: not an address. */
  otherHandle: number
  associatedMessageGuid: string | null
  associatedMessageType: string | null
  effect: string | null
  replyTo: string | null
  replyPart: string | null
  isAudioMessage: boolean
  dateEdited: number | null
  edits: number
  partCount: number
  retractedParts: readonly number[]
}

export type NewMessage = Pick<Message, 'chat' | 'isFromMe'> & Partial<Omit<Message, 'rowid' | 'chat' | 'isFromMe'>>

/** Stands in a text where a file belongs. */
export const filePlace = '\ufffc'
