/** A message as a phone shows it: every part of it by name, so that nobody has to know how WhatsApp packs it. */
import { type MediaType, normalizeMessageContent, proto } from 'baileys'
import type { Received } from '../party/party.ts'
import type { World } from '../world.ts'
import { told } from './contents.ts'

export interface ShownFile {
  kind: MediaType
  mimeType: string
  name: string | null
  /** Of a recording, in seconds. */
  seconds: number | null
  /** It was spoken into the phone. */
  isVoice: boolean
  /** Fetched and decrypted now. Null: it is gone, or not what the message says. */
  open(): Promise<Buffer | null>
}

export interface Shown extends Received {
  /** What kind of thing it is; `setting` is about how long messages stay. */
  kind: 'text' | MediaType | 'location' | 'contacts' | 'reaction' | 'edit' | 'revoke' | 'setting' | 'other'
  /** What there is to read: a text, a caption, or what a message was corrected to. */
  text: string | null
  file: ShownFile | null
  /** The id of the message that this one answers. */
  quotes: string | null
  /** Numbers. */
  mentions: readonly string[]
  location: { latitude: number; longitude: number; name: string | null; address: string | null } | null
  contacts: readonly { name: string; vcard: string }[]
  /** To which message; null takes an earlier one back. */
  reaction: { to: string; emoji: string | null } | null
  /** The id of the message that is corrected, or taken back. */
  edits: string | null
  revokes: string | null
  /** It disappears after so many seconds, or as a setting: those after it do. 0: it stays. */
  expiration: number
}

const { MESSAGE_EDIT, REVOKE, EPHEMERAL_SETTING } = proto.Message.ProtocolMessage.Type
const shown = new WeakMap<Received, Shown>()

/** The same one each time. */
export function show(world: World, received: Received): Shown {
  const known = shown.get(received)
  if (known !== undefined) return known
  const made = { ...received, ...parts(world, received.message) }
  shown.set(received, made)
  return made
}

function parts(world: World, message: proto.IMessage): Omit<Shown, keyof Received> {
  const content = normalizeMessageContent(message) ?? {}
  const { protocolMessage: about, reactionMessage } = content
  const { text } = told(about?.editedMessage ?? message)
  const context = contextOf(content)
  const targetOf = (type: proto.Message.ProtocolMessage.Type) => (about?.type === type ? (about.key?.id ?? null) : null)
  return {
    kind: kindOf(content),
    text,
    file: fileIn(world, message, content),
    quotes: context.stanzaId || null,
    mentions: (context.mentionedJid ?? []).map((jid) => world.directory.byJid(jid)?.number ?? jid),
    location: placeIn(content),
    contacts: cardsIn(content),
    reaction: reactionMessage ? { to: reactionMessage.key?.id ?? '', emoji: reactionMessage.text || null } : null,
    edits: targetOf(MESSAGE_EDIT),
    revokes: targetOf(REVOKE),
    expiration: context.expiration || about?.ephemeralExpiration || 0,
  }
}

const kinds: readonly [kind: Shown['kind'], field: keyof proto.IMessage][] = [
  ['text', 'conversation'],
  ['text', 'extendedTextMessage'],
  ['image', 'imageMessage'],
  ['video', 'videoMessage'],
  ['ptv', 'ptvMessage'],
  ['audio', 'audioMessage'],
  ['document', 'documentMessage'],
  ['sticker', 'stickerMessage'],
  ['location', 'locationMessage'],
  ['location', 'liveLocationMessage'],
  ['contacts', 'contactMessage'],
  ['contacts', 'contactsArrayMessage'],
  ['reaction', 'reactionMessage'],
]

function kindOf(content: proto.IMessage): Shown['kind'] {
  const type = content.protocolMessage?.type
  if (content.protocolMessage && type === MESSAGE_EDIT) return 'edit'
  // The number of this one is 0, which is also what is said when nothing is.
  if (content.protocolMessage?.key && type === REVOKE) return 'revoke'
  if (content.protocolMessage && type === EPHEMERAL_SETTING) return 'setting'
  return kinds.find(([, field]) => content[field])?.[0] ?? 'other'
}

/** Each kind of content has its own; a plain text has none. */
function contextOf(content: proto.IMessage): proto.IContextInfo {
  const fields = kinds.map(([, field]) => content[field])
  const found = fields.find((one) => typeof one === 'object' && one !== null && 'contextInfo' in one && one.contextInfo)
  return (found as { contextInfo: proto.IContextInfo } | undefined)?.contextInfo ?? {}
}

function fileIn({ media: host }: World, message: proto.IMessage, content: proto.IMessage): ShownFile | null {
  const { media } = told(message)
  if (media === null) return null
  const { audioMessage, videoMessage, documentMessage } = content
  const { kind, mimeType, file } = media
  return {
    ...{ kind, mimeType, name: documentMessage?.fileName || null },
    seconds: audioMessage?.seconds ?? videoMessage?.seconds ?? null,
    isVoice: audioMessage?.ptt === true,
    open: () => host.get(kind, file),
  }
}

function placeIn({ locationMessage, liveLocationMessage }: proto.IMessage): Shown['location'] {
  const place: proto.Message.ILocationMessage | null | undefined = locationMessage ?? liveLocationMessage
  if (!place) return null
  const { degreesLatitude, degreesLongitude, name, address } = place
  return {
    ...{ latitude: degreesLatitude ?? 0, longitude: degreesLongitude ?? 0 },
    ...{ name: name || null, address: address || null },
  }
}

function cardsIn({ contactMessage, contactsArrayMessage }: proto.IMessage): Shown['contacts'] {
  const cards = contactMessage ? [contactMessage] : (contactsArrayMessage?.contacts ?? [])
  return cards.map(({ displayName, vcard }) => ({ name: displayName ?? '', vcard: vcard ?? '' }))
}
