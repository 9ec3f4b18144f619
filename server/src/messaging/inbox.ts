/** What a network told us → stored facts and events, once. Resolves when durable; rejects when it must be told again. */
import type { Incoming, IncomingMessage } from '../channels/connector.ts'
import type { Mint } from '../lib/mint.ts'
import type { Channel } from '../model/channel.ts'
import type { Conversation, Participant } from '../model/conversation.ts'
import type { NewEvent } from '../model/event.ts'
import {
  type ConversationId,
  type CustomerId,
  type Handle,
  type LineId,
  type MessageId,
  messageOfRef,
  type ProviderMessageId,
} from '../model/ids.ts'
import type { Attachment, Content, Message } from '../model/message.ts'
import { storable } from '../model/text.ts'
import type { ChangeOutcome, ChangeRequest, EarlyReceipt } from '../store/changes.ts'
import type { ConversationKey, NewConversation } from '../store/conversations.ts'
import type { NewInbound, ProviderKey } from '../store/inbound.ts'
import { acceptedChange, eventMessage, newEvent, receiptChange } from './settle.ts'

/** What the inbox needs of the store; the simulation has a model of exactly this. */
export interface InboxLedger {
  store(message: NewInbound): Promise<boolean>
  noteReceipt(key: ProviderKey, receipt: EarlyReceipt): Promise<MessageId | null>
  findMessage(key: ProviderKey): Promise<MessageId | null>
  change(request: ChangeRequest): Promise<ChangeOutcome>
  tell(customerId: CustomerId, event: NewEvent): Promise<void>
  message(customerId: CustomerId, id: MessageId): Promise<Message | null>
  conversation(customerId: CustomerId, id: ConversationId): Promise<Conversation | null>
  findConversation(key: ConversationKey): Promise<Conversation | null>
  ensureConversation(fresh: NewConversation): Promise<Conversation>
  setRoster(
    key: ConversationKey,
    name: string | null,
    participants: readonly Participant[],
  ): Promise<Conversation | null>
}

/** The link an event came through. */
export interface Source {
  customerId: CustomerId
  lineId: LineId
  address: Handle | null
  channel: Channel
}

export interface InboxOptions {
  ledger: InboxLedger
  mint: Mint
  told(customerId: CustomerId): void
}

export interface Inbox {
  receive(source: Source, event: Incoming): Promise<void>
}

export function createInbox(options: InboxOptions): Inbox {
  return {
    async receive(source, told) {
      const event = cleaned(told)
      if (event.kind === 'message') await receiveMessage(options, source, event)
      else if (event.kind === 'receipt') await receiveReceipt(options, source, event)
      else if (event.kind === 'reaction') await receiveReaction(options, source, event)
      else if (event.kind === 'typing') await receiveTyping(options, source, event)
      else if (event.kind === 'edit' || event.kind === 'unsend') await receiveRevision(options, source, event)
      else if (event.kind === 'chat') await receiveChatChange(options, source, event)
      // 'handle' joins two names of one person; participants are joined when contacts exist.
      options.told(source.customerId)
    },
  }
}

/** A text that the database refuses would be delivered again for ever. */
function cleaned(event: Incoming): Incoming {
  if (event.kind === 'message') {
    const attachments = event.attachments.map((file) => ({
      ...file,
      filename: file.filename === null ? null : storable(file.filename),
    }))
    const group =
      event.group === null
        ? null
        : { ...event.group, name: event.group.name === null ? null : storable(event.group.name) }
    return { ...event, text: event.text === null ? null : storable(event.text), attachments, group }
  }
  if (event.kind === 'receipt') return { ...event, detail: event.detail === null ? null : storable(event.detail) }
  if (event.kind === 'reaction')
    return { ...event, reaction: event.reaction === null ? null : storable(event.reaction) }
  if (event.kind === 'edit') return { ...event, text: storable(event.text) }
  if (event.kind === 'chat' && event.change.what === 'title')
    return { ...event, change: { ...event.change, title: storable(event.change.title) } }
  return event
}

export function memberOf(handle: Handle, phoneKnown = handle.startsWith('+')): Participant {
  return { handle, contactId: null, role: 'member', admin: null, phoneKnown }
}

function keyOf(source: Source, providerId: ProviderMessageId): ProviderKey {
  return { customerId: source.customerId, lineId: source.lineId, channel: source.channel, providerId }
}

async function conversationOf(options: InboxOptions, source: Source, event: IncomingMessage): Promise<Conversation> {
  const { group } = event
  const participants =
    group === null
      ? [memberOf(event.from)]
      : group.members.map((member) => ({ ...memberOf(member.handle, member.phoneKnown), admin: member.admin }))
  const key = { customerId: source.customerId, lineId: source.lineId, channel: source.channel, chat: event.chat }
  const conversation = await options.ledger.ensureConversation({
    ...key,
    id: options.mint() as ConversationId,
    handle: group === null ? event.from : null,
    isGroup: group !== null,
    name: group?.name ?? null,
    participants,
  })
  if (group === null || sameRoster(conversation, group.name, participants)) return conversation
  return (await options.ledger.setRoster(key, group.name, participants)) ?? conversation
}

function sameRoster(conversation: Conversation, name: string | null, participants: readonly Participant[]): boolean {
  if (conversation.name !== name || conversation.participants.length !== participants.length) return false
  const known = new Set(conversation.participants.map((one) => one.handle))
  return participants.every((one) => known.has(one.handle))
}

async function receiveMessage(options: InboxOptions, source: Source, event: IncomingMessage): Promise<void> {
  if (event.echoOf !== null) return receiveEcho(options, source, event, event.echoOf)
  const conversation = await conversationOf(options, source, event)
  const id = options.mint() as MessageId
  const replyTo = event.replyTo === null ? null : await options.ledger.findMessage(keyOf(source, event.replyTo))
  const attachments = event.attachments.map(
    (media): Attachment => ({
      id: options.mint(),
      source: null,
      mimeType: media.mimeType,
      filename: media.filename,
      bytes: media.bytes,
      voiceNote: media.voiceNote,
    }),
  )
  const content: Content = {
    text: event.text,
    mediaUrls: [],
    attachments,
    replyTo,
    mentions: [],
    effect: null,
    location: null,
  }
  const message = {
    id,
    lineId: source.lineId,
    externalId: event.providerId,
    from: event.from,
    to: source.address,
    text: event.text,
    channel: source.channel,
    status: 'received' as const,
    metadata: null,
    conversation,
    retryCount: 0,
  }
  const reply = event.replyTo === null ? null : { messageId: replyTo, externalId: event.replyTo }
  await options.ledger.store({
    customerId: source.customerId,
    id,
    lineId: source.lineId,
    conversationId: conversation.id,
    channel: source.channel,
    providerId: event.providerId,
    from: event.from,
    to: source.address,
    content,
    event: newEvent({ type: 'message.inbound', data: { message, replyTo: reply, attachments } }, null, options.mint),
  })
}

/** Our own send coming back proves it: whatever was uncertain about it no longer is. */
async function receiveEcho(options: InboxOptions, source: Source, event: IncomingMessage, ref: string): Promise<void> {
  const messageId = messageOfRef(ref)
  if (messageId === null) return
  const message = await options.ledger.message(source.customerId, messageId)
  if (message === null || message.lineId !== source.lineId) return
  // Settled before under this very id, and nothing is running or waiting for proof: there is nothing left to prove.
  if (message.providerId === event.providerId && !message.pending) return
  const other = event.group === null && message.to !== null ? [memberOf(message.to as Handle)] : []
  const conversation = await options.ledger.ensureConversation({
    customerId: source.customerId,
    lineId: source.lineId,
    channel: source.channel,
    chat: event.chat,
    id: options.mint() as ConversationId,
    handle: other[0]?.handle ?? null,
    isGroup: event.group !== null,
    name: event.group?.name ?? null,
    participants: other,
  })
  const accepted = { channel: source.channel, providerId: event.providerId, conversation, run: null }
  await options.ledger.change({
    customerId: source.customerId,
    messageId,
    named: { lineId: source.lineId, channel: source.channel, providerId: event.providerId },
    decide: (state) => acceptedChange(state, accepted, options.mint),
  })
}

async function receiveReceipt(
  options: InboxOptions,
  source: Source,
  event: Incoming & { kind: 'receipt' },
): Promise<void> {
  const receipt: EarlyReceipt = { status: event.status, at: event.at.toISOString(), detail: event.detail }
  const messageId = await options.ledger.noteReceipt(keyOf(source, event.providerId), receipt)
  if (messageId === null) return
  const message = await options.ledger.message(source.customerId, messageId)
  const conversationId = message?.conversationId ?? null
  const conversation =
    conversationId === null ? null : await options.ledger.conversation(source.customerId, conversationId)
  await options.ledger.change({
    customerId: source.customerId,
    messageId,
    named: null,
    decide: (state) =>
      isOfEarlierTry(state.message, event) ? null : receiptChange(state, receipt, conversation, options.mint),
  })
}

/** A retry gives the message another id at the network: that its earlier one failed is known, and may be told again. */
function isOfEarlierTry(message: Message, event: Incoming & { kind: 'receipt' }): boolean {
  return event.status === 'failed' && message.providerId !== event.providerId
}

async function receiveReaction(
  options: InboxOptions,
  source: Source,
  event: Incoming & { kind: 'reaction' },
): Promise<void> {
  const target = await options.ledger.findMessage(keyOf(source, event.target))
  const message = target === null ? null : await options.ledger.message(source.customerId, target)
  const conversation = await findConversation(options, source, event.chat)
  await options.ledger.tell(
    source.customerId,
    newEvent(
      {
        type: 'message.reaction',
        data: {
          target,
          targetExternalId: event.target,
          preview: message?.content.text ?? null,
          from: event.from,
          to: source.address,
          channel: source.channel,
          reaction: event.reaction,
          conversation,
        },
      },
      null,
      options.mint,
    ),
  )
}

async function receiveTyping(
  options: InboxOptions,
  source: Source,
  event: Incoming & { kind: 'typing' },
): Promise<void> {
  const conversation = await findConversation(options, source, event.chat)
  const data = { channel: source.channel, from: event.from, typing: event.typing, conversation }
  await options.ledger.tell(source.customerId, newEvent({ type: 'typing.indicator', data }, null, options.mint))
}

/** The sender changed or took back what they had sent us. */
async function receiveRevision(
  options: InboxOptions,
  source: Source,
  event: Incoming & { kind: 'edit' | 'unsend' },
): Promise<void> {
  const messageId = await options.ledger.findMessage(keyOf(source, event.target))
  if (messageId === null) return
  const entry = (status: string) => [{ status, at: event.at.toISOString(), channel: source.channel }]
  await options.ledger.change({
    customerId: source.customerId,
    messageId,
    named: null,
    decide: ({ message }) => {
      if (message.direction !== 'inbound') return null
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

async function receiveChatChange(
  options: InboxOptions,
  source: Source,
  event: Incoming & { kind: 'chat' },
): Promise<void> {
  const conversation = await findConversation(options, source, event.chat)
  if (conversation === null) return
  const { change } = event
  const key = { customerId: source.customerId, lineId: source.lineId, channel: source.channel, chat: event.chat }
  if (change.what === 'title') await options.ledger.setRoster(key, change.title, conversation.participants)
  if (change.what === 'joined' || change.what === 'left') {
    const others = conversation.participants.filter((one) => one.handle !== change.member)
    await options.ledger.setRoster(
      key,
      conversation.name,
      change.what === 'joined' ? [...others, memberOf(change.member)] : others,
    )
  }
}

function findConversation(
  options: InboxOptions,
  source: Source,
  chat: ConversationKey['chat'],
): Promise<Conversation | null> {
  return options.ledger.findConversation({
    customerId: source.customerId,
    lineId: source.lineId,
    channel: source.channel,
    chat,
  })
}
