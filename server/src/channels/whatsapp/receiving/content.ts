/** What a message says, wherever in its wrappings that stands: its text, its files and what it answers. */
import { Readable } from 'node:stream'
import type { proto } from 'baileys'
import type { IncomingMedia, IncomingMessage } from '../../connector.ts'
import type { SealedFile } from './media.ts'
import { cut, lines, someOf, textIn } from './values.ts'
import {
  buttonsWords,
  eventWords,
  interactiveWords,
  listWords,
  placeIn,
  placeWords,
  pollResultWords,
  pollWords,
  productWords,
  templateWords,
} from './wording.ts'

export interface Said {
  text: string | null
  files: readonly SealedFile[]
  /** What lies in the message itself. */
  enclosed: readonly IncomingMedia[]
  /** A place that is on Earth. */
  place: NonNullable<IncomingMessage['location']> | null
}

type Message = proto.IMessage
type Kind = keyof Message
type Readers = { readonly [Name in Kind]?: (value: NonNullable<Message[Name]>) => Partial<Said> }

const wrappers: readonly Kind[] = [
  ...(['ephemeralMessage', 'viewOnceMessage', 'viewOnceMessageV2', 'viewOnceMessageV2Extension'] as const),
  ...(['documentWithCaptionMessage', 'editedMessage', 'associatedChildMessage', 'groupMentionedMessage'] as const),
  ...(['groupStatusMessage', 'groupStatusMessageV2', 'lottieStickerMessage', 'pollCreationMessageV4'] as const),
  ...(['botInvokeMessage', 'botForwardedMessage', 'questionMessage', 'questionReplyMessage'] as const),
]
const wrappersMax = 8

/** Kinds that show people nothing by themselves: what devices tell each other, and what is about another message. */
const silent: ReadonlySet<string> = new Set<Kind>([
  ...(['protocolMessage', 'reactionMessage', 'senderKeyDistributionMessage'] as const),
  ...(['fastRatchetKeySenderKeyDistributionMessage', 'deviceSentMessage', 'stickerSyncRmrMessage'] as const),
  // Votes and the like are sealed once more, with keys that only devices have which know what they are about.
  ...(['pollUpdateMessage', 'encReactionMessage', 'encCommentMessage', 'encEventResponseMessage'] as const),
  ...(['secretEncryptedMessage', 'keepInChatMessage', 'pinInChatMessage', 'scheduledCallEditMessage'] as const),
  // The pictures of an album come one by one.
  'albumMessage',
  ...(['messageHistoryBundle', 'messageHistoryNotice', 'limitSharingMessage', 'bcallMessage'] as const),
  ...(['statusMentionMessage', 'groupStatusMentionMessage', 'statusNotificationMessage'] as const),
  ...(['statusQuotedMessage', 'statusStickerInteractionMessage', 'statusQuestionAnswerMessage'] as const),
])

const unsupported = '[unsupported message]'

/** Without what says only how long it is shown, how often, or that it belongs to another. */
export function unwrapped(message: Message | null | undefined): Message {
  let inner: Message = isThere(message) ? message : {}
  for (let layers = 0; layers < wrappersMax; layers += 1) {
    const outer = inner
    const wrapped = wrappers.map((kind) => outer[kind]).find(isThere)
    if (wrapped === undefined) break
    const content: unknown = 'message' in wrapped ? wrapped.message : null
    inner = isThere(content) ? content : {}
  }
  return inner
}

/** Null when it says nothing to people. */
export function saidIn(message: Message | null | undefined): Said | null {
  const content = unwrapped(message)
  const kinds = Object.keys(content).filter(
    (kind) => content[kind as Kind] !== null && content[kind as Kind] !== undefined,
  )
  const known = kinds.find((kind) => Object.hasOwn(readers, kind))
  if (known !== undefined) {
    const { text = null, files = [], enclosed = [], place = null } = read(content, known as Kind)
    if (text !== null || files.length > 0 || enclosed.length > 0)
      return { text: text === null ? null : cut(text, textMax), files, enclosed, place }
  }
  const isPlain = known === 'conversation' || known === 'extendedTextMessage'
  const isSeen = kinds.some((kind) => kind.endsWith('Message') && !silent.has(kind))
  return isSeen && !isPlain ? { text: unsupported, files: [], enclosed: [], place: null } : null
}

const textMax = 65_536

function read(content: Message, kind: Kind): Partial<Said> {
  const reader = readers[kind] as ((value: unknown) => Partial<Said>) | undefined
  return reader?.(content[kind]) ?? {}
}

/** What it answers, and how long it is shown. */
export function contextIn(message: Message | null | undefined): proto.IContextInfo | null {
  for (const value of Object.values(unwrapped(message))) {
    const context: unknown = isThere(value) && 'contextInfo' in value ? value.contextInfo : null
    if (isThere(context)) return context
  }
  return null
}

function isThere(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

const readers: Readers = {
  conversation: (text) => ({ text: textIn(text) }),
  extendedTextMessage: ({ text }) => ({ text: textIn(text) }),
  imageMessage: (file) => ({ text: textIn(file.caption), files: [fileOf('image', file)] }),
  videoMessage: (file) => ({ text: textIn(file.caption), files: [fileOf('video', file)] }),
  ptvMessage: (file) => ({ text: textIn(file.caption), files: [fileOf('video', file)] }),
  audioMessage: (file) => ({ files: [{ ...fileOf('audio', file), voiceNote: file.ptt === true }] }),
  documentMessage: (file) => ({ text: textIn(file.caption), files: [documentOf(file)] }),
  stickerMessage: (file) => ({ files: [fileOf('sticker', file)] }),
  contactMessage: (contact) => cards([contact]),
  contactsArrayMessage: ({ contacts }) => cards(someOf(contacts)),
  locationMessage: (place) => ({ text: placeWords(place), place: placeIn(place) }),
  liveLocationMessage: (place) => ({ text: lines(place.caption, placeWords(place)), place: placeIn(place) }),
  pollCreationMessage: (poll) => ({ text: pollWords(poll) }),
  pollCreationMessageV2: (poll) => ({ text: pollWords(poll) }),
  pollCreationMessageV3: (poll) => ({ text: pollWords(poll) }),
  pollCreationMessageV5: (poll) => ({ text: pollWords(poll) }),
  pollResultSnapshotMessage: (poll) => ({ text: pollResultWords(poll) }),
  listMessage: (list) => ({ text: listWords(list) }),
  listResponseMessage: ({ title, description }) => ({ text: lines(title, description) }),
  buttonsMessage: (message) => ({ text: buttonsWords(message), files: headed(message) }),
  buttonsResponseMessage: ({ selectedDisplayText }) => ({ text: textIn(selectedDisplayText) }),
  templateMessage: (message) => template(message),
  highlyStructuredMessage: ({ hydratedHsm }) => (isThere(hydratedHsm) ? template(hydratedHsm) : {}),
  templateButtonReplyMessage: ({ selectedDisplayText }) => ({ text: textIn(selectedDisplayText) }),
  interactiveMessage: (message) => ({ text: interactiveWords(message), files: headed(message.header ?? {}) }),
  interactiveResponseMessage: ({ body }) => ({ text: textIn(body?.text) }),
  productMessage: (message) => ({
    text: productWords(message),
    files: headed({ imageMessage: message.product?.productImage }),
  }),
  orderMessage: ({ orderTitle, message }) => ({ text: lines(orderTitle, message) }),
  eventMessage: (event) => ({ text: eventWords(event) }),
  groupInviteMessage: ({ groupName, caption }) => ({ text: lines(groupName, caption) }),
  newsletterAdminInviteMessage: ({ newsletterName, caption }) => ({ text: lines(newsletterName, caption) }),
  scheduledCallCreationMessage: ({ title }) => ({ text: textIn(title) }),
  invoiceMessage: ({ note }) => ({ text: textIn(note) }),
  sendPaymentMessage: ({ noteMessage }) => noted(noteMessage),
  requestPaymentMessage: ({ noteMessage }) => noted(noteMessage),
  commentMessage: ({ message }) => noted(message),
  questionResponseMessage: ({ text }) => ({ text: textIn(text) }),
  stickerPackMessage: ({ name, caption }) => ({ text: lines(name, caption) }),
}

/** A text within a message of another kind; deeper than that nobody looks. */
function noted(message: Message | null | undefined): Partial<Said> {
  return { text: textIn(message?.conversation) ?? textIn(message?.extendedTextMessage?.text) }
}

function template({
  hydratedTemplate,
  hydratedFourRowTemplate,
  interactiveMessageTemplate,
}: proto.Message.ITemplateMessage) {
  const hydrated = [hydratedTemplate, hydratedFourRowTemplate].find(isThere)
  if (isThere(hydrated)) return { text: templateWords(hydrated), files: headed(hydrated) }
  if (!isThere(interactiveMessageTemplate)) return {}
  return { text: interactiveWords(interactiveMessageTemplate), files: headed(interactiveMessageTemplate.header ?? {}) }
}

/** What stands above the text of a business's message. */
function headed(header: Pick<Message, 'imageMessage' | 'videoMessage' | 'documentMessage'>): SealedFile[] {
  const { imageMessage, videoMessage, documentMessage } = header
  if (isThere(imageMessage)) return [fileOf('image', imageMessage)]
  if (isThere(videoMessage)) return [fileOf('video', videoMessage)]
  return isThere(documentMessage) ? [documentOf(documentMessage)] : []
}

const usualTypes: Readonly<Record<SealedFile['kind'], string>> = {
  image: 'image/jpeg',
  video: 'video/mp4',
  audio: 'audio/ogg',
  document: 'application/octet-stream',
  sticker: 'image/webp',
}

function fileOf(kind: SealedFile['kind'], facts: SealedFile['facts'] & { mimetype?: string | null }): SealedFile {
  const mimeType = typeIn(facts.mimetype) ?? usualTypes[kind]
  return { kind, mimeType, filename: null, voiceNote: false, facts }
}

function documentOf(file: proto.Message.IDocumentMessage): SealedFile {
  return { ...fileOf('document', file), filename: filenameIn(file.fileName) ?? filenameIn(file.title) }
}

function typeIn(mimeType: unknown): string | null {
  const bare = (textIn(mimeType) ?? '').slice(0, 256).split(';')[0]?.trim().toLowerCase() ?? ''
  return /^[\w!#$&^.+-]{1,127}\/[\w!#$&^.+-]{1,127}$/.test(bare) ? bare : null
}

const filenameMax = 255

/** The last part, should somebody send a path. */
function filenameIn(name: unknown): string | null {
  const last =
    (textIn(name) ?? '')
      .slice(-4 * filenameMax)
      .split(/[\\/]/)
      .at(-1) ?? ''
  return textIn(cut(last.replace(/\p{Cc}/gu, '').trim(), filenameMax))
}

function cards(contacts: readonly (proto.Message.IContactMessage | null | undefined)[]): Partial<Said> {
  const named = contacts.filter((contact) => isThere(contact))
  const enclosed = named.flatMap(({ vcard, displayName }) => {
    const text = textIn(vcard)
    return text === null ? [] : [cardOf(Buffer.from(text), cardName(displayName) ?? 'contact')]
  })
  // Without a card the name is all there is.
  return enclosed.length > 0 ? { enclosed } : { text: lines(...named.map(({ displayName }) => displayName)) }
}

/** People are called anything, which is no path. */
function cardName(name: unknown): string | null {
  return filenameIn((textIn(name) ?? '').slice(0, filenameMax).replace(/[\\/]/g, ' '))
}

function cardOf(card: Buffer, name: string): IncomingMedia {
  return {
    mimeType: 'text/vcard',
    filename: `${cut(name, filenameMax - 4)}.vcf`,
    bytes: card.length,
    voiceNote: false,
    open: async () => Readable.from([card], { objectMode: false }),
  }
}
