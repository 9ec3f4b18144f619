/** What a network told us → stored facts and events, once. Resolves when durable; rejects when it must be told again. */
import type { ChatInfo, Incoming, IncomingMedia, IncomingMessage, ReceiptStatus } from '../channels/connector.ts'
import type { Mint } from '../lib/mint.ts'
import type { Receiving } from '../media/receiving.ts'
import { mayAskForAnswer } from '../model/agents/turn.ts'
import type { Channel } from '../model/channel.ts'
import { isOurs, memberOf, membersOf, ownName } from '../model/chat-change.ts'
import { personOf } from '../model/contact.ts'
import type { Conversation } from '../model/conversation.ts'
import type { NewEvent } from '../model/event.ts'
import {
  type ConversationId,
  type CustomerId,
  type EventId,
  type Handle,
  type LineId,
  type MessageId,
  messageOfRef,
  type ProviderMessageId,
} from '../model/ids.ts'
import type { Attachment, Content, Message } from '../model/message.ts'
import { findOneTimeCode } from '../model/one-time-code.ts'
import { choiceIn } from '../model/opt-out.ts'
import { storable } from '../model/text.ts'
import type { ChangeOutcome, ChangeRequest, EarlyReceipt } from '../store/changes.ts'
import type { AliasPlace } from '../store/chats/aliases.ts'
import type { NewMemberReceipt } from '../store/chats/receipts.ts'
import type {
  ConversationKey,
  ConversationOutcome,
  ConversationRequest,
  NewConversation,
} from '../store/conversations.ts'
import type { NewInbound, Noted, ProviderKey } from '../store/inbound.ts'
import type { NewMessage } from '../store/messages.ts'
import type { NewChoice } from '../store/people/opt-outs.ts'
import { answer, differs, type Roster, rosterTold } from './chat-changes.ts'
import { underNumbers } from './chats/names.ts'
import { replyToChoice } from './choice-replies.ts'
import { findConversation, keyOf, receiveNotice } from './notices.ts'
import { acceptedChange, eventMessage, newEvent, receiptChange } from './settle.ts'

/** What the inbox needs of the store; the simulation has a model of exactly this. */
export interface InboxLedger {
  store(message: NewInbound): Promise<boolean>
  /** The same for a message by which somebody opts out or in. */
  storeChoice(message: NewInbound, event: NewChoice, reply: NewMessage | null): Promise<boolean>
  noteReceipt(key: ProviderKey, receipt: EarlyReceipt): Promise<Noted | null>
  /** Whose receipt it was, in a group. */
  noteMember(receipt: NewMemberReceipt): Promise<void>
  findMessage(key: ProviderKey): Promise<MessageId | null>
  change(request: ChangeRequest): Promise<ChangeOutcome>
  tell(customerId: CustomerId, event: NewEvent): Promise<void>
  tellOnce(customerId: CustomerId, event: NewEvent, once: { key: string; forMs: number }): Promise<boolean>
  isConnected(link: { customerId: CustomerId; lineId: LineId; channel: Channel }): Promise<boolean>
  message(customerId: CustomerId, id: MessageId): Promise<Message | null>
  conversation(customerId: CustomerId, id: ConversationId): Promise<Conversation | null>
  findConversation(key: ConversationKey): Promise<Conversation | null>
  ensureConversation(fresh: NewConversation): Promise<Conversation>
  changeConversation(request: ConversationRequest): Promise<ConversationOutcome>
  /** Says whether somebody has opted out or in by it. */
  learnAlias(place: AliasPlace, alias: Handle, phone: Handle): Promise<boolean>
  phonesOf(place: AliasPlace, aliases: readonly Handle[]): Promise<ReadonlyMap<Handle, Handle>>
  chatsWith(place: AliasPlace, alias: Handle): Promise<ConversationId[]>
  joinChats(place: AliasPlace, phone: Handle): Promise<boolean>
}

/** The link an event came through. */
export interface Source {
  customerId: CustomerId
  lineId: LineId
  address: Handle | null
  email?: Handle | null
  channel: Channel
}

export interface InboxOptions {
  ledger: InboxLedger
  mint: Mint
  /** Keeps a file that came with a message. */
  receiveFile: Receiving['receive']
  /** Whether a word on this channel opts anybody out. */
  choicesCount(customerId: CustomerId, channel: Channel): Promise<boolean>
  /** There may be something of ours to send from this line. */
  replied(lineId: LineId): void
  /** Somebody opted out or in, or goes by another name: what is kept of people is old, in every process. */
  chosen(): void
  told(customerId: CustomerId): void
}

export interface Inbox {
  receive(source: Source, event: Incoming): Promise<void>
}

export function createInbox(options: InboxOptions): Inbox {
  return {
    async receive(source, told) {
      const event = await underNumbers(options, source, cleaned(told))
      if (event.kind === 'message') await receiveMessage(options, source, event)
      else if (event.kind === 'receipt') await receiveReceipt(options, source, event)
      else if (event.kind === 'edit' || event.kind === 'unsend') await receiveRevision(options, source, event)
      else await receiveNotice(options, source, event)
      options.told(source.customerId)
    },
  }
}

/** A text that the database refuses would be delivered again for ever. */
function cleaned(event: Incoming): Incoming {
  if (event.kind === 'message') {
    const attachments = event.attachments.map((file) => ({
      ...file,
      filename: file.filename === null ? null : plainName(file.filename),
    }))
    const group =
      event.group === null
        ? null
        : { ...event.group, name: event.group.name === null ? null : storable(event.group.name) }
    return {
      ...event,
      text: event.text === null ? null : storable(event.text),
      attachments,
      group,
      ...(event.location && { location: cleanedPlace(event.location) }),
    }
  }
  if (event.kind === 'receipt') return { ...event, detail: event.detail === null ? null : storable(event.detail) }
  if (event.kind === 'reaction')
    return { ...event, reaction: event.reaction === null ? null : storable(event.reaction) }
  if (event.kind === 'edit') return { ...event, text: storable(event.text) }
  if (event.kind === 'chat' && event.change.what === 'title')
    return { ...event, change: { ...event.change, title: storable(event.change.title) } }
  return event
}

function cleanedPlace({ title, ...where }: NonNullable<IncomingMessage['location']>) {
  return { ...where, title: title === null ? null : storable(title) }
}

/** Whoever keeps a file under the name that a stranger gave it is not led out of a folder by it. */
function plainName(filename: string): string | null {
  const last = storable(filename).split(/[/\\]/).at(-1) ?? ''
  const name = last.replaceAll(/\p{Cc}/gu, '').trim()
  return /^\.*$/.test(name) ? null : name
}

async function conversationOf(options: InboxOptions, source: Source, event: IncomingMessage): Promise<Conversation> {
  const { group } = event
  const roster = group === null ? null : rosterIn(source, event, group)
  const key = { customerId: source.customerId, lineId: source.lineId, channel: source.channel, chat: event.chat }
  const conversation = await options.ledger.ensureConversation({
    ...key,
    id: options.mint() as ConversationId,
    handle: group === null ? event.from : null,
    isGroup: group !== null,
    name: roster?.name ?? null,
    participants: group === null ? [memberOf(event.from)] : membersOf(group, source),
    unheard: roster !== null && roster.participants === null,
  })
  return roster === null ? conversation : caughtUp(options, source, { event, conversation, roster })
}

/** A roster without whoever wrote is not the whole one. */
function rosterIn(source: Source, { from, echoOf }: IncomingMessage, group: ChatInfo): Roster {
  const participants = membersOf(group, source)
  const isByUs = echoOf !== null || isOurs(source, from)
  const isWhole = isByUs ? participants.length > 0 : participants.some(({ handle }) => handle === from)
  return { name: group.name, participants: isWhole ? participants : null }
}

/** What was heard before says nothing about now. */
async function caughtUp(
  options: InboxOptions,
  source: Source,
  { event, conversation, roster }: { event: IncomingMessage; conversation: Conversation; roster: Roster },
): Promise<Conversation> {
  if (!differs(conversation, roster)) return conversation
  if ((await options.ledger.findMessage(keyOf(source, event.providerId))) !== null) return conversation
  const of = { customerId: source.customerId, of: { id: conversation.id } }
  const outcome = await options.ledger.changeConversation(rosterTold(of, roster, ownName(source), options.mint))
  return outcome?.conversation ?? conversation
}

async function receiveMessage(options: InboxOptions, source: Source, event: IncomingMessage): Promise<void> {
  if (event.echoOf !== null) return receiveEcho(options, source, event, event.echoOf)
  const conversation = await conversationOf(options, source, event)
  const id = options.mint() as MessageId
  const replyTo = event.replyTo === null ? null : await options.ledger.findMessage(keyOf(source, event.replyTo))
  // Told again: its files were fetched then, and may be gone by now.
  if (event.attachments.length > 0 && (await options.ledger.findMessage(keyOf(source, event.providerId))) !== null)
    return
  const attachments = await filesOf(options, source, event.attachments)
  const content: Content = {
    text: event.text,
    mediaUrls: [],
    attachments,
    replyTo,
    mentions: [],
    effect: null,
    location: event.location ?? null,
  }
  const otp = event.text === null ? null : findOneTimeCode(event.text, event.from)
  const withheld = otp !== null && (otp.provider === 'generic' || (await isPaired(options, source)))
  const message = {
    id,
    lineId: source.lineId,
    externalId: event.providerId,
    from: event.from,
    to: ownName(source),
    text: event.text,
    channel: source.channel,
    status: 'received' as const,
    metadata: otp === null ? null : { otp },
    conversation,
    retryCount: 0,
  }
  const reply = event.replyTo === null ? null : { messageId: replyTo, externalId: event.replyTo }
  const place = content.location !== null && { location: content.location }
  const data = { message, replyTo: reply, attachments, ...place, ...(otp !== null && { otp }) }
  const inbound: NewInbound = {
    customerId: source.customerId,
    id,
    lineId: source.lineId,
    conversationId: conversation.id,
    channel: source.channel,
    providerId: event.providerId,
    from: event.from,
    to: ownName(source),
    content,
    metadata: message.metadata,
    event: withheld ? null : newEvent({ type: 'message.inbound', data }, null, options.mint),
    ...(mayAskForAnswer({ ...source, ...event, isGroup: event.group !== null, isWithheld: withheld }) && {
      saidAt: event.at,
    }),
  }
  const choice = withheld ? null : await choiceOf(options, source, event)
  if (choice === null) await options.ledger.store(inbound)
  else {
    const said = choice.type === 'contact.opted_out' ? 'out' : 'in'
    const confirms = event.confirmsChoice === true
    const reply = confirms ? replyToChoice(source, conversation, said, options.mint) : null
    await options.ledger.storeChoice(inbound, choice, reply)
    options.chosen()
    if (reply !== null) options.replied(source.lineId)
  }
}

async function filesOf(
  { mint, receiveFile }: InboxOptions,
  { customerId }: Source,
  files: readonly IncomingMedia[],
): Promise<Attachment[]> {
  return Promise.all(
    files.map(async (file) => {
      const { filename, voiceNote } = file
      const got = await receiveFile(customerId, file)
      const about = { id: mint(), filename, voiceNote }
      if ('note' in got) return { ...about, source: null, mimeType: file.mimeType, bytes: file.bytes, note: got.note }
      const { hash, mimeType, bytes } = got.kept
      return { ...about, source: { blob: hash }, mimeType, bytes }
    }),
  )
}

/** In a group such a word is meant for the others. */
async function choiceOf(options: InboxOptions, source: Source, event: IncomingMessage): Promise<NewChoice | null> {
  const choice = event.group === null ? choiceIn(event.text) : null
  if (choice === null || !(await options.choicesCount(source.customerId, source.channel))) return null
  const type = choice === 'out' ? 'contact.opted_out' : 'contact.opted_in'
  const data = { person: personOf(event.from), contactId: null, channel: source.channel, source: 'keyword' as const }
  return { type, data, id: options.mint() as EventId, correlationId: null }
}

/** A line that is paired has no use for another sign-up code of WhatsApp: whoever asked for it wants to take it over. */
function isPaired(options: InboxOptions, { customerId, lineId }: Source): Promise<boolean> {
  return options.ledger.isConnected({ customerId, lineId, channel: 'whatsapp' })
}

/** Our own send coming back proves it: whatever was uncertain about it no longer is. */
async function receiveEcho(options: InboxOptions, source: Source, event: IncomingMessage, ref: string): Promise<void> {
  const messageId = messageOfRef(ref)
  if (messageId === null) return
  const message = await options.ledger.message(source.customerId, messageId)
  if (message === null || message.lineId !== source.lineId) return
  // Settled before under this very id, and nothing is running or waiting for proof: there is nothing left to prove.
  const isSettled = message.providerId === event.providerId && !message.pending
  const roster = event.group === null ? null : rosterIn(source, event, event.group)
  if (isSettled && roster === null) return
  const other = roster === null && message.to !== null ? [memberOf(message.to as Handle)] : []
  const conversation = await options.ledger.ensureConversation({
    customerId: source.customerId,
    lineId: source.lineId,
    channel: source.channel,
    chat: event.chat,
    id: options.mint() as ConversationId,
    handle: other[0]?.handle ?? null,
    isGroup: roster !== null,
    name: roster?.name ?? null,
    participants: roster?.participants ?? other,
    unheard: roster !== null && roster.participants === null,
  })
  // The answer to the send may have made it, and that says nothing of the group.
  if (roster !== null && conversation.unheard === true)
    await options.ledger.changeConversation(
      answer({ customerId: source.customerId, of: { id: conversation.id } }, roster),
    )
  if (isSettled) return
  const accepted = { channel: source.channel, providerId: event.providerId, conversation, run: null }
  const { parts } = event
  await options.ledger.change({
    customerId: source.customerId,
    messageId,
    named: {
      ...{ lineId: source.lineId, channel: source.channel, providerId: event.providerId },
      ...(parts !== undefined && parts.length > 1 && { parts }),
    },
    decide: (state) => acceptedChange(state, accepted, options.mint),
  })
}

async function receiveReceipt(
  options: InboxOptions,
  source: Source,
  event: Incoming & { kind: 'receipt' },
): Promise<void> {
  // SMS knows no reading: what a phone calls read is at least delivered.
  const status = source.channel === 'sms' && event.status === 'read' ? 'delivered' : event.status
  const because = event.code === undefined ? {} : { code: event.code }
  const receipt: EarlyReceipt = { status, at: event.at.toISOString(), detail: event.detail, ...because }
  const key = keyOf(source, event.providerId)
  if (event.from !== undefined && (status === 'delivered' || status === 'read'))
    await options.ledger.noteMember({ ...key, handle: event.from, status, at: receipt.at })
  const noted = await options.ledger.noteReceipt(key, receipt)
  if (noted === null) return
  const { messageId, providerId } = noted
  const message = await options.ledger.message(source.customerId, messageId)
  if (message !== null && isKnown(message, status)) return
  const conversationId = message?.conversationId ?? null
  const conversation =
    conversationId === null ? null : await options.ledger.conversation(source.customerId, conversationId)
  await options.ledger.change({
    customerId: source.customerId,
    messageId,
    named: null,
    decide: (state) =>
      isOfEarlierTry(state.message, status, providerId)
        ? null
        : receiptChange(state, receipt, conversation, options.mint),
  })
}

/** Of a group's message everybody sends a receipt: all but the first say what is known. */
function isKnown(message: Message, status: ReceiptStatus): boolean {
  return (status === 'delivered' && message.deliveredAt !== null) || (status === 'read' && message.readAt !== null)
}

/** A retry gives the message another id at the network: that its earlier one failed is known, and may be told again. */
function isOfEarlierTry(message: Message, status: ReceiptStatus, providerId: ProviderMessageId): boolean {
  return status === 'failed' && message.providerId !== providerId
}

/** The sender changed or took back what they had sent us. */
async function receiveRevision(
  options: InboxOptions,
  source: Source,
  event: Incoming & { kind: 'edit' | 'unsend' },
): Promise<void> {
  const messageId = await options.ledger.findMessage(keyOf(source, event.target))
  if (messageId === null) return
  const place = event.chat === undefined ? null : await findConversation(options, source, event.chat)
  if (event.chat !== undefined && place === null) return
  const entry = (status: string) => [{ status, at: event.at.toISOString(), channel: source.channel }]
  await options.ledger.change({
    customerId: source.customerId,
    messageId,
    named: null,
    decide: ({ message }) => {
      if (message.direction !== 'inbound' || (place !== null && place.id !== message.conversationId)) return null
      const text = event.kind === 'edit' ? event.text : null
      if (message.content.text === text) return null
      const content = { ...message.content, text }
      const about = eventMessage({ ...message, content }, null)
      const type = event.kind === 'edit' ? 'message.edited' : 'message.unsent'
      const told = newEvent({ type, data: { message: about } }, message, options.mint)
      return {
        patch: { content },
        entries: entry(event.kind === 'edit' ? 'edited' : 'unsent'),
        attempt: null,
        work: 'keep',
        events: [told],
      }
    },
  })
}
