/** What people write, answer, correct, take back and feel about messages, as the gateway is told of it. */
import { proto, type WAMessage } from 'baileys'
import type { ProviderChatId, ProviderMessageId } from '../../../model/ids.ts'
import type { ChatInfo, Incoming } from '../../connector.ts'
import { chatOf, isGroup, isUs, type MessageKey, nameIn, providerIdOf, spelled } from '../names.ts'
import { contextIn, saidIn, unwrapped } from './content.ts'
import type { Media } from './media.ts'
import { type Numbers, namedLike, underNumber } from './numbers.ts'
import { type Here, type Person, personNamed } from './stanzas.ts'
import { cut, textIn } from './values.ts'

/** A message that was decrypted, with its key as seen from here. */
export interface Heard {
  message: WAMessage
  at: Date
  /** It waited for us at the server. */
  offline: boolean
}

/** What has to be known besides a message itself. */
export interface Ear extends Pick<Here, 'us' | 'pairs'>, Numbers {
  /** Who is in it and what it is called, as far as that is known or can be had at once. */
  group(chat: ProviderChatId): Promise<ChatInfo | null>
  media: Media
}

/** Who wrote something, and where. */
interface Author extends Person {
  chat: ProviderChatId
  /** As the message itself names them. */
  jid: string
}

const { REVOKE, MESSAGE_EDIT } = proto.Message.ProtocolMessage.Type
const reactionMax = 64

/** In the order in which it is to be told; nothing at all for what is no message between people. */
export async function toldBy(heard: Heard, ear: Ear): Promise<Incoming[]> {
  const author = await authorOf(heard.message, ear)
  if (author === null) return []
  const event = await eventIn(heard, author, ear)
  return [...ear.pairs.news(author.pair), ...(event === null ? [] : [event])]
}

/** Null for status updates, channels and lists, and for what we wrote ourselves. */
async function authorOf({ key }: WAMessage, ear: Ear): Promise<Author | null> {
  const place = nameIn(key?.remoteJid)
  // The contract knows our own messages as echoes of what the gateway sent; those written on the phone have no place in it.
  if (place === null || key.fromMe) return null
  const [jid, alt] = place.kind === 'group' ? [key.participant, key.participantAlt] : [key.remoteJid, key.remoteJidAlt]
  const [named, shown] = [nameIn(jid), personNamed(ear.us, jid, alt)]
  if (named === null || shown === null || isUs(named, ear.us)) return null
  const person = await underNumber(shown, ear)
  const chat = chatOf(place.kind === 'group' ? key.remoteJid : person.handle)
  return chat === null ? null : { ...person, chat, jid: spelled(named) }
}

function eventIn(heard: Heard, author: Author, ear: Ear): Promise<Incoming | null> {
  const { protocolMessage, reactionMessage } = unwrapped(heard.message.message)
  if (protocolMessage) return revisionIn(protocolMessage, { author, ear, at: heard.at })
  if (reactionMessage) return reactionIn(reactionMessage, { author, ear, at: heard.at })
  return messageIn(heard, author, ear)
}

async function messageIn({ message, at }: Heard, author: Author, ear: Ear): Promise<Incoming | null> {
  const { chat, handle, jid } = author
  const providerId = providerIdOf({ id: message.key.id, remoteJid: chat, participant: jid }, ear.us)
  const said = saidIn(message.message)
  if (said === null || providerId === null) return null
  const files = said.files.map((file, nth) => {
    return ear.media.open(file, { message, again: (renewed) => saidIn(renewed.message)?.files[nth] ?? null })
  })
  return {
    kind: 'message',
    providerId,
    chat,
    from: handle,
    at,
    echoOf: null,
    text: said.text,
    attachments: [...files, ...said.enclosed],
    ...(said.place !== null && { location: said.place }),
    replyTo: await answeredIn(message.message, author, ear),
    // A group of which nothing is known is a group all the same.
    group: isGroup(chat) ? ((await ear.group(chat)) ?? { chat, name: null, members: [] }) : null,
  }
}

/** The message that is quoted, which may be one of another chat. */
async function answeredIn(
  message: proto.IMessage | null | undefined,
  author: Author,
  ear: Ear,
): Promise<ProviderMessageId | null> {
  const { stanzaId, participant, remoteJid } = contextIn(message) ?? {}
  const place = textIn(remoteJid) ?? author.chat
  if (place !== author.chat) return providerIdOf({ id: stanzaId, remoteJid: place, participant }, ear.us)
  return targetOf({ id: stanzaId, participant }, author, ear)
}

/** A message in the author's chat, whoever wrote it. */
async function targetOf({ id, participant, fromMe }: MessageKey, author: Author, ear: Ear) {
  const named = isGroup(author.chat) && participant ? await namedLike(participant, author.jid, ear) : undefined
  return providerIdOf({ id, remoteJid: author.chat, participant: named, fromMe }, ear.us)
}

interface Place {
  author: Author
  ear: Ear
  at: Date
}

async function reactionIn(
  { key, text }: proto.Message.IReactionMessage,
  { author, ear, at }: Place,
): Promise<Incoming | null> {
  const target = await targetOf(key ?? {}, author, ear)
  if (target === null) return null
  const reaction = cut(textIn(text) ?? '', reactionMax)
  return { kind: 'reaction', target, chat: author.chat, from: author.handle, reaction: textIn(reaction), at }
}

/** Corrections, and messages that are taken back; the rest is what devices tell each other. */
async function revisionIn(
  { key, type, editedMessage }: proto.Message.IProtocolMessage,
  { author, ear, at }: Place,
): Promise<Incoming | null> {
  if (type === REVOKE) {
    const target = await revokedBy(key ?? {}, author, ear)
    return target === null ? null : { kind: 'unsend', target, chat: author.chat, at }
  }
  if (type !== MESSAGE_EDIT) return null
  const target = ownTarget(key ?? {}, author, ear)
  const said = saidIn(editedMessage)
  return target === null || said === null
    ? null
    : { kind: 'edit', target, chat: author.chat, text: said.text ?? '', at }
}

/** A message of the author's own: nobody corrects what others wrote, whomever the key names. */
function ownTarget({ id, fromMe }: MessageKey, { chat, jid }: Author, { us }: Ear): ProviderMessageId | null {
  if (isGroup(chat)) return providerIdOf({ id, remoteJid: chat, participant: jid }, us)
  // In a chat of two the key says only on whose side it is, as the author sees it.
  return fromMe === true ? providerIdOf({ id, remoteJid: chat }, us) : null
}

/** Of a group's messages admins take back those of others too. */
async function revokedBy(key: MessageKey, author: Author, ear: Ear): Promise<ProviderMessageId | null> {
  const { participant } = key
  if (!isGroup(author.chat) || key.fromMe === true || !participant) return ownTarget(key, author, ear)
  const target = await targetOf({ id: key.id, participant }, author, ear)
  const own = ownTarget(key, author, ear)
  return target === own || (await isAdmin(author, ear)) ? target : null
}

/** Yes where nobody can tell: then it is the server that has let it through. */
async function isAdmin({ chat, handle, jid, pair }: Author, ear: Ear): Promise<boolean> {
  const members = (await ear.group(chat))?.members ?? []
  const names: readonly string[] = [handle, jid, ...(pair === null ? [] : [pair.alias])]
  const rank = members.find((member) => names.includes(member.handle))?.admin ?? null
  return members.length === 0 || rank !== null
}
