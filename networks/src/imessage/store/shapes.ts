/** Rows as JSON: whole for those who ask, and the reduced form for webhooks; which keys there are depends on the macOS. */
import { convertedOf } from './kinds.ts'
import { type Attachment, type Chat, filePlace, type Handle, type Message } from './rows.ts'

export type Json = Record<string, unknown>

export interface Wanted {
  /** The major version of macOS, which decides what keys a message has. */
  macos: number
  /** For a webhook. */
  isReduced?: boolean
  /** Whether there is a key `chats` at all, and whether it has anything in it. */
  chats?: 'none' | 'empty' | 'filled'
  /** Of groups: of chats of two they are never told with a message. */
  participants?: boolean
  attachments?: boolean
  /** File names and types as they would be after the server's own conversions. */
  converted?: boolean
  /** Width, height and the like. */
  metadata?: boolean
  attributedBody?: boolean
  summary?: boolean
  lineAlias?: string
}

export function handleJson({ rowid, address, kind }: Handle, isReduced = false): Json {
  const most = { originalROWID: rowid, address, service: kind }
  return isReduced ? most : { ...most, uncanonicalizedId: null, country: address.startsWith('+1') ? 'us' : null }
}

export function chatJson(chat: Chat, { isReduced = false, lineAlias }: Pick<Wanted, 'isReduced' | 'lineAlias'>): Json {
  const { rowid, guid, isGroup, identifier, displayName, groupId, iconGuid } = chat
  const most = {
    ...{ originalROWID: rowid, guid, style: isGroup ? 43 : 45, chatIdentifier: identifier },
    ...{ isArchived: false, displayName },
  }
  if (isReduced) return most
  const properties = iconGuid === null ? null : [{ groupPhotoGuid: iconGuid }]
  return { ...most, isFiltered: false, groupId, properties, lastAddressedHandle: lineAlias ?? null }
}

export function participantsJson({ participants }: Chat, isReduced = false): Json[] {
  return participants.map((one) => handleJson(one, isReduced))
}

export function attachmentJson(attachment: Attachment, wanted: Omit<Wanted, 'macos'>): Json {
  const { converted = true, metadata = true, isReduced = false } = wanted
  const { rowid, guid, uti, bytes, isOutgoing, isOnDisk } = attachment
  const { name, mimeType } = (converted ? convertedOf(attachment) : null) ?? attachment
  return {
    ...{ originalROWID: rowid, guid, uti, mimeType, transferName: name, totalBytes: bytes.length },
    ...(!isReduced && {
      ...{ transferState: isOnDisk ? 5 : 0, isOutgoing, hideAttachment: false, isSticker: false },
      ...{ originalGuid: guid, hasLivePhoto: false },
    }),
    ...(metadata && { height: 0, width: 0, metadata: null }),
  }
}

/** 51 keys on macOS 13 and later; reduced 32, and 31 without chats. */
export function messageJson(row: Message, wanted: Wanted): Json {
  const { macos, isReduced = false, chats = 'filled', attachments = true } = wanted
  return {
    ...{ originalROWID: row.rowid, guid: row.guid, text: shownText(row) },
    attributedBody: wanted.attributedBody ? attributedBodyOf(row) : null,
    handle: row.handle && handleJson(row.handle, isReduced),
    ...{ handleId: row.handle?.rowid ?? 0, otherHandle: row.otherHandle },
    attachments: attachments ? row.attachments.map((one) => attachmentJson(one, wanted)) : [],
    ...{ subject: row.subject, error: row.error, dateCreated: row.dateCreated, dateRead: row.dateRead },
    ...{ dateDelivered: row.dateDelivered, isDelivered: row.isDelivered, isFromMe: row.isFromMe },
    ...{ hasDdResults: false, isArchived: false, itemType: row.itemType, groupTitle: row.groupTitle },
    ...{ groupActionType: row.groupActionType, balloonBundleId: null },
    associatedMessageGuid: row.associatedMessageGuid,
    associatedMessageType: row.associatedMessageType,
    ...{ expressiveSendStyleId: row.effect, threadOriginatorGuid: row.replyTo, hasPayloadData: false },
    ...(!isReduced && rest(row, macos)),
    ...(chats !== 'none' && { chats: chats === 'empty' ? [] : [chatOf(row, wanted)] }),
    ...{ messageSummaryInfo: wanted.summary ? summaryOf(row) : null, payloadData: null },
    ...(macos >= 13 && { dateEdited: row.dateEdited, dateRetracted: null, partCount: row.partCount }),
  }
}

function rest(row: Message, macos: number): Json {
  return {
    ...{ country: null, isDelayed: false, isAutoReply: false, isSystemMessage: false, isServiceMessage: false },
    ...{ isForward: false, threadOriginatorPart: row.replyPart, isCorrupt: false, datePlayed: null },
    ...{ cacheRoomnames: row.chat.isGroup ? row.chat.identifier : null, isSpam: false, isExpired: false },
    ...{ timeExpressiveSendPlayed: null, isAudioMessage: row.isAudioMessage, replyToGuid: null },
    ...{ shareStatus: 0, shareDirection: 0 },
    ...(macos >= 12 && { wasDeliveredQuietly: false, didNotifyRecipient: false }),
  }
}

function chatOf({ chat }: Message, wanted: Wanted): Json {
  const isTold = wanted.participants === true && chat.isGroup
  // Participants are whole even in a webhook.
  return { ...chatJson(chat, wanted), ...(isTold && { participants: participantsJson(chat) }) }
}

export function shownText({ text }: Message): string | null {
  return text === null ? null : text.replaceAll(filePlace, '').trim()
}

function attributedBodyOf({ text, runs }: Message): Json[] | null {
  if (text === null) return null
  const shown = runs.map(({ start, length, part, mention, fileGuid }) => ({
    range: [start, length],
    attributes: {
      __kIMMessagePartAttributeName: part,
      ...(mention !== undefined && { __kIMMentionConfirmedMention: mention }),
      ...(fileGuid !== undefined && { __kIMFileTransferGUIDAttributeName: fileGuid }),
    },
  }))
  return [{ string: text, runs: shown }]
}

function summaryOf({ dateEdited, retractedParts }: Message): Json[] | null {
  if (dateEdited === null) return null
  return [retractedParts.length > 0 ? { retractedParts, editedParts: [] } : { retractedParts: [], editedParts: [0] }]
}
