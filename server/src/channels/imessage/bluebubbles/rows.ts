/** Rows and chats as BlueBubbles writes them (1.9.9), read into ours. */
import { parseAddress } from '../../../model/handle.ts'
import type { Handle } from '../../../model/ids.ts'
import type { Chat, Row, RowChange, RowFile, ServerChat } from '../backend.ts'
import { effectOf } from './effects.ts'
import { countOf, dateOf, type Fields, fieldsOf, isTrue, listOf, nameOf, textOf } from './json.ts'

const filesMax = 100
const peopleMax = 2_000
/** Stands in a text where a file is shown. */
const objectMark = '\ufffc'

/** Null: it is no row that anything could be told of. */
export function rowIn(value: unknown): Row | null {
  const fields = fieldsOf(value)
  const guid = nameOf(fields.guid)
  const number = countOf(fields.originalROWID)
  if (guid === null || number === null) return null
  const isOurs = isTrue(fields.isFromMe)
  const handle = fieldsOf(fields.handle)
  const chat = chatOfRow(fields)
  const tapback = tapbackIn(fields)
  const change = tapback === null ? changeIn(fields, isOurs) : null
  const files = filesIn(fields)
  const isUnsent = isTakenBack(fields)
  const isMessage = tapback === null && change === null
  return {
    number,
    guid,
    chat,
    isOurs,
    from: isOurs ? null : personOf(handle.address),
    service: isImessage(nameOf(handle.service), isOurs, chat) ? 'iMessage' : 'other',
    tempId: nameOf(fields.tempGuid),
    text: isUnsent ? null : wordsOf(fields.text),
    files,
    mayHaveFiles:
      isMessage && !isUnsent && (lacksParts(fields, files) || (files.length === 0 && isWordless(fields.text))),
    replyTo: isMessage ? targetIn(fields.threadOriginatorGuid) : null,
    effect: effectOf(nameOf(fields.expressiveSendStyleId) ?? ''),
    at: dateOf(fields.dateCreated) ?? new Date(0),
    isDelivered: isTrue(fields.isDelivered),
    deliveredAt: dateOf(fields.dateDelivered),
    readAt: dateOf(fields.dateRead),
    editedAt: dateOf(fields.dateEdited),
    isUnsent,
    error: countOf(fields.error) ?? 0,
    tapback,
    change,
  }
}

export function chatIn(value: unknown): Chat | null {
  const fields = fieldsOf(value)
  const guid = nameOf(fields.guid)
  if (guid === null) return null
  const members = Array.isArray(fields.participants) ? peopleIn(fields.participants) : null
  return {
    chat: guid as ServerChat,
    isGroup: countOf(fields.style) === 43 || /^[A-Za-z]+;\+;/.test(guid),
    name: textOf(fields.displayName, 500),
    members,
  }
}

/** Somebody is listed once for each service. */
function peopleIn(list: unknown): readonly Handle[] {
  const people = listOf(list, peopleMax).map((one) => personOf(fieldsOf(one).address))
  return [...new Set(people.filter((one) => one !== null))]
}

/** As it is when it is neither a number nor an e-mail address: businesses are called otherwise. */
export function personOf(address: unknown): Handle | null {
  const name = nameOf(address)?.trim() ?? ''
  if (name === '') return null
  return parseAddress(name) ?? (name as Handle)
}

function chatOfRow(fields: Fields): Row['chat'] {
  const [first] = listOf(fields.chats, 1)
  const chat = chatIn(first)
  return chat === null ? null : { chat: chat.chat, name: chat.name, isGroup: chat.isGroup }
}

/** Only people are on a service; what we wrote ourselves says it by its chat alone, and on macOS 26 not even so. */
function isImessage(service: string | null, isOurs: boolean, chat: Row['chat']): boolean {
  if (!isOurs && service !== null) return service.startsWith('iMessage')
  return chat === null || !/^(SMS|RCS);/.test(chat.chat)
}

function wordsOf(value: unknown): string | null {
  const text = textOf(value)?.replaceAll(objectMark, '').trim()
  return text === undefined || text === '' ? null : text
}

/** Of a message's parts, which the store counts since macOS 13, one may be its words, and the others are files. */
function lacksParts({ partCount, text }: Fields, files: Row['files']): boolean {
  return files.length + (wordsOf(text) === null ? 0 : 1) < (countOf(partCount) ?? 0)
}

/** Nothing was written, so there must be something else. */
function isWordless(text: unknown): boolean {
  return wordsOf(text) === null || (typeof text === 'string' && text.includes(objectMark))
}

/**
 * Edited until nothing was left. Apple keeps no date for it; `partCount` tells of all parts, the summary of each.
 */
function isTakenBack(fields: Fields): boolean {
  if (dateOf(fields.dateRetracted) !== null) return true
  if (dateOf(fields.dateEdited) === null || wordsOf(fields.text) !== null) return false
  if (fields.partCount === 0) return true
  const [summary] = listOf(fields.messageSummaryInfo, 1)
  return countOf(fields.partCount) === null && listOf(fieldsOf(summary).retractedParts, 1).length > 0
}

/** `p:0/GUID` for a part, `bp:GUID` for a bubble of an app, or the bare guid. */
function targetIn(value: unknown): string | null {
  return nameOf(value)?.replace(/^(p:\d+\/|bp:)/, '') ?? null
}

const sixNames = new Set(['love', 'like', 'dislike', 'laugh', 'emphasize', 'question'])
/** Apple's numbers for these six in their order; BlueBubbles names them, others may not. */
const sixNumbers = [...sixNames]
const pictographs = /\p{RGI_Emoji}/v

function tapbackIn(fields: Fields): Row['tapback'] {
  const target = targetIn(fields.associatedMessageGuid)
  const type = associationOf(fields)
  if (target === null || type === null) return null
  const kind = kindOf(type)
  if (kind === null) return null
  if (kind === 'removal') return { target, reaction: null }
  const reaction = kind === 'emoji' ? emojiIn(fields.text) : kind
  return reaction === null ? null : { target, reaction }
}

function associationOf({ associatedMessageType: type }: Fields): string | null {
  return countOf(type)?.toString() ?? nameOf(type)
}

/** A reaction, that one is taken back, that it is an emoji which stands in the text, or null: no reaction at all. */
function kindOf(type: string): string | 'removal' | 'emoji' | null {
  const [, what, which] = /^([23])00([0-6])$/.exec(type) ?? []
  if (what === '3' || (type.startsWith('-') && type !== '-sticker')) return 'removal'
  if (what === '2') return sixNumbers[Number(which)] ?? 'emoji'
  if (sixNames.has(type)) return type
  // Servers that know emoji may say them themselves.
  return pictographs.test(type) && !/[A-Za-z0-9]/.test(type) ? type.slice(0, 50) : null
}

/** "Reacted 🎉 to …": what comes first is the reaction, the rest is a quotation. */
function emojiIn(text: unknown): string | null {
  return pictographs.exec(textOf(text, 1_000) ?? '')?.[0] ?? null
}

function changeIn(fields: Fields, isOurs: boolean): RowChange | null {
  const item = countOf(fields.itemType) ?? 0
  const action = countOf(fields.groupActionType) ?? 0
  const other = { what: 'other' } as const
  // A sticker as a tapback, or an emoji that cannot be told: it is no message either.
  if (item === 0) return /^-?[23]\d{3}$/.test(associationOf(fields) ?? '') ? other : null
  if (item === 1 && action <= 1) {
    const number = countOf(fields.otherHandle)
    if (number === null) return other
    // People are counted from 1; the owner of the Mac is not among them.
    return { what: action === 0 ? 'joined' : 'left', person: number === 0 ? 'us' : { number } }
  }
  if (item === 2) return { what: 'title', title: textOf(fields.groupTitle, 500) ?? '' }
  if (item !== 3) return other
  if (action === 1 || action === 2) return { what: 'photo', isRemoved: action === 2 }
  if (action !== 0) return other
  const handle = personOf(fieldsOf(fields.handle).address)
  if (isOurs) return { what: 'left', person: 'us' }
  return handle === null ? other : { what: 'left', person: { handle } }
}

function filesIn(fields: Fields): readonly RowFile[] {
  const files = listOf(fields.attachments, filesMax).flatMap((one) => fileIn(fieldsOf(one), fields))
  return [...new Map(files.map((file) => [file.guid, file])).values()]
}

const transferDone = 5

function fileIn(file: Fields, row: Fields): RowFile[] {
  const guid = nameOf(file.guid)
  const name = nameOf(file.transferName)
  // What a preview of a link is made of.
  const isHidden = isTrue(file.hideAttachment) || name?.endsWith('.pluginPayloadAttachment') === true
  if (guid === null || isHidden) return []
  const uti = nameOf(file.uti) ?? ''
  const original = originals.find(({ utis }) => utis.test(uti))
  const state = countOf(file.transferState)
  const isSpoken = row.isAudioMessage === undefined && original?.mimeType === 'audio/x-caf'
  return [
    {
      guid,
      mimeType: original?.mimeType ?? nameOf(file.mimeType),
      name: name === null ? null : (original?.named(name) ?? name),
      bytes: countOf(file.totalBytes),
      isReady: state === null || state === transferDone,
      voiceNote: isTrue(row.isAudioMessage) || isSpoken,
    },
  ]
}

/**
 * The server converts some files for its apps and then tells of them what became of them, but hands them out as they
 * were sent if asked to. Their type stays what it was.
 */
const originals: readonly { utis: RegExp; mimeType: string; named(name: string): string }[] = [
  {
    utis: /^com\.apple\.coreaudio-format$/,
    mimeType: 'audio/x-caf',
    named: (name) => `${name.replace(/(\.mp3)+$/, '').replace(/\.caf$/, '')}.caf`,
  },
  { utis: /^public\.heic$/, mimeType: 'image/heic', named: withoutJpeg },
  { utis: /^public\.heif$/, mimeType: 'image/heif', named: withoutJpeg },
  { utis: /^public\.tiff$/, mimeType: 'image/tiff', named: withoutJpeg },
]

function withoutJpeg(name: string): string {
  return name.replace(/(?<=\.\w{3,5})\.jpe?g$/, '')
}
