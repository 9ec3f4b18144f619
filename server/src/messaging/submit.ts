/** Draft → checked → routed → stored, with its event: what happens before a message is accepted. */
import { createHash } from 'node:crypto'
import type { Clock } from '../lib/clock.ts'
import type { Mint } from '../lib/mint.ts'
import type { Said } from '../media/library.ts'
import type { Channel } from '../model/channel.ts'
import { type Conversation, laneOf, targetOfLane } from '../model/conversation.ts'
import { GatewayError } from '../model/errors.ts'
import { parseRecipient, parseSender, type Recipient } from '../model/handle.ts'
import type { ConversationId, CustomerId, Handle, LineId, MessageId, ProviderChatId } from '../model/ids.ts'
import type { Line } from '../model/line.ts'
import type { KeptFile } from '../model/media/file.ts'
import type { Attachment, Content, Message } from '../model/message.ts'
import { routeWithout } from '../model/opt-out.ts'
import { routeFor } from '../model/route.ts'
import type { AcceptOutcome, NewMessage } from '../store/messages.ts'
import type { Draft } from './draft.ts'
import { newEvent } from './settle.ts'

export interface SubmitOptions {
  clock: Clock
  mint: Mint
  accept(message: NewMessage): Promise<AcceptOutcome>
  lines(customerId: CustomerId): Promise<readonly Line[]>
  /** The same, as they are at this moment. */
  linesNow(customerId: CustomerId): Promise<readonly Line[]>
  conversation(customerId: CustomerId, id: ConversationId): Promise<Conversation | null>
  /** The conversation the customer has in this chat: on the line that is named if there is one, else where it was begun. */
  conversationIn(customerId: CustomerId, chat: ProviderChatId, line: LineId | null): Promise<Conversation | null>
  message(customerId: CustomerId, id: MessageId): Promise<Message | null>
  /** The message that has this idempotency key already. */
  winner(
    customerId: CustomerId,
    idempotencyKey: string,
  ): Promise<{ message: Message; fingerprint: string | null } | null>
  keepFile(customerId: CustomerId, bytes: Uint8Array, said: Said): Promise<Pick<KeptFile, 'hash' | 'mimeType'>>
  /** Refuses what the gateway may not reach for this message. */
  admit(
    customerId: CustomerId,
    destinations: { callbackUrl: string | null; urls: readonly { path: string; url: string }[] },
  ): Promise<void>
  /** Of these channels, those on which nothing may be sent to this person. */
  closed(customerId: CustomerId, handle: Handle, channels: readonly Channel[]): Promise<readonly Channel[]>
  /** Makes a contact of whoever is none yet. Never fails: the message counts. */
  meet(customerId: CustomerId, handle: Handle): Promise<void>
  stored(message: Message): void
}

export type Submitted = { message: Message; repeated: boolean }

const scheduleMaxMs = 30 * 86_400_000
const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

function isUuid(text: string): boolean {
  return uuidPattern.test(text)
}

export async function submit(options: SubmitOptions, customerId: CustomerId, draft: Draft): Promise<Submitted> {
  const fingerprint = fingerprintOf(draft)
  try {
    const message = await compose(options, { customerId, draft, fingerprint })
    await meetRecipient(options, message, draft)
    const outcome = await options.accept(message)
    if (!outcome.stored) return repeatOf(outcome, fingerprint)
    options.stored(outcome.message)
    return { message: outcome.message, repeated: false }
  } catch (error) {
    // What was accepted once stays accepted, even if it could not be composed again by now (a passed schedule, a line that is gone).
    if (!(error instanceof GatewayError) || draft.idempotencyKey === null || error.code === 'SERVICE_UNAVAILABLE')
      throw error
    const winner = await options.winner(customerId, draft.idempotencyKey)
    if (winner === null) throw error
    return repeatOf(winner, fingerprint)
  }
}

function repeatOf(winner: { message: Message; fingerprint: string | null }, fingerprint: string): Submitted {
  if (winner.fingerprint !== fingerprint) {
    throw new GatewayError(
      'IDEMPOTENCY_KEY_REUSED',
      'This idempotency key was used for a different message. Use a new key, or repeat the first request unchanged.',
    )
  }
  return { message: winner.message, repeated: true }
}

/** The same request gives the same print, whatever the order of its metadata. The key and the correlation id are not part of it. */
function fingerprintOf(draft: Draft): string {
  const { idempotencyKey: _key, correlationId: _correlation, createContact: _contact, attachments, ...rest } = draft
  const files = attachments.map((file) =>
    'base64' in file ? { ...file, base64: createHash('sha256').update(file.base64).digest('base64') } : file,
  )
  const text = JSON.stringify({ ...rest, files }, (_name, value: unknown) =>
    value !== null && typeof value === 'object' && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  )
  return createHash('sha256').update(text).digest('base64url')
}

interface Asked {
  customerId: CustomerId
  draft: Draft
  fingerprint: string
}

function urlsOf(draft: Draft): { path: string; url: string }[] {
  const media = draft.content.mediaUrls.map((url, index) => ({ path: `content.mediaUrls[${index}]`, url }))
  const files = draft.attachments.flatMap((file, index) =>
    'url' in file ? [{ path: `attachments[${index}].url`, url: file.url }] : [],
  )
  return [...media, ...files]
}

/** Whom, from which line, over which channels. */
interface Placed {
  line: Line
  lane: string
  to: string
  route: readonly [Channel, ...Channel[]]
  conversation: Conversation | null
}

async function compose(options: SubmitOptions, asked: Asked): Promise<NewMessage> {
  const { customerId, draft, fingerprint } = asked
  await options.admit(customerId, { callbackUrl: draft.callbackUrl, urls: urlsOf(draft) })
  const lines = await linesFor(options, customerId, draft.from)
  const named = draft.from === null ? null : lineNamed(lines, draft.from)
  const asFar =
    draft.conversationId === null
      ? await placeByAddress(options, { customerId, lines, named, draft })
      : await placeByConversation(options, lines, named, { customerId, conversationId: draft.conversationId })
  const placed = await withoutClosed(options, customerId, asFar)
  const scheduledAt = draft.scheduledAt === null ? null : checkSchedule(draft.scheduledAt, options.clock.now())
  const content = await contentOf(options, customerId, draft)
  const from = fromOf(placed.line, placed.route[0], draft.from)
  const id = options.mint() as MessageId
  const about = {
    id,
    lineId: placed.line.id,
    externalId: null,
    from,
    to: placed.to,
    text: content.text,
    channel: null,
    status: scheduledAt === null ? ('queued' as const) : ('scheduled' as const),
    metadata: draft.metadata,
    conversation: placed.conversation,
    retryCount: 0,
  }
  const told =
    scheduledAt === null
      ? ({ type: 'message.queued', data: { message: about } } as const)
      : ({ type: 'message.scheduled', data: { message: about, scheduledAt } } as const)
  return {
    customerId,
    id,
    lineId: placed.line.id,
    conversationId: placed.conversation?.id ?? null,
    from,
    to: placed.to,
    content,
    metadata: draft.metadata,
    route: placed.route,
    idempotencyKey: draft.idempotencyKey,
    fingerprint,
    callbackUrl: draft.callbackUrl,
    correlationId: draft.correlationId,
    scheduledAt,
    lane: placed.lane,
    event: newEvent(told, draft, options.mint),
  }
}

/** Whoever opted out is not written to where that counts; other channels may be left. */
async function withoutClosed(options: SubmitOptions, customerId: CustomerId, placed: Placed): Promise<Placed> {
  const target = targetOfLane(placed.lane)
  if (!('handle' in target)) return placed
  const closed = await options.closed(customerId, target.handle, placed.route)
  if (closed.length === 0) return placed
  const route = routeWithout(placed.route, closed)
  if (route !== null) return { ...placed, route }
  throw new GatewayError(
    'RECIPIENT_OPTED_OUT',
    'The recipient asked to get no more messages. They can opt in again by writing START, or you can record that they did.',
  )
}

/** Before the message is stored, so that what is told of it knows them already. */
async function meetRecipient(options: SubmitOptions, message: NewMessage, draft: Draft): Promise<void> {
  const target = targetOfLane(message.lane)
  if (draft.createContact === true && draft.conversationId === null && 'handle' in target)
    await options.meet(message.customerId, target.handle)
}

/** A line whose number became known a moment ago is not among what is remembered under it. */
async function linesFor(options: SubmitOptions, customerId: CustomerId, from: string | null): Promise<readonly Line[]> {
  const known = await options.lines(customerId)
  return from === null || lineAt(known, from) !== undefined ? known : options.linesNow(customerId)
}

function lineAt(lines: readonly Line[], from: string): Line | undefined {
  const handle = parseSender(from)
  return handle === null ? undefined : lines.find((one) => one.address === handle || one.email === handle)
}

export function lineNamed(lines: readonly Line[], from: string): Line {
  const line = lineAt(lines, from)
  if (line === undefined) {
    throw new GatewayError(
      'ADDRESS_NOT_AUTHORIZED',
      'The address in "from" is none of yours. GET /v1/numbers lists those you may send from.',
    )
  }
  return line
}

function defaultLine(lines: readonly Line[]): Line {
  const line = lines.find((one) => one.isDefault)
  if (line === undefined) {
    throw new GatewayError(
      'NO_DEFAULT_ADDRESS',
      'You have no default number. Name one in "from", or have one assigned to you.',
    )
  }
  return line
}

interface AskedByAddress {
  customerId: CustomerId
  lines: readonly Line[]
  named: Line | null
  draft: Draft
}

async function placeByAddress(options: SubmitOptions, asked: AskedByAddress): Promise<Placed> {
  const { lines, named, draft } = asked
  const parsed = draft.to === null ? null : parseRecipient(draft.to)
  if (parsed === null) {
    throw new GatewayError(
      'INVALID_PHONE_NUMBER',
      'The recipient must be a phone number in E.164 form (+14155550100), an e-mail address, or the id of a group chat.',
    )
  }
  const { recipient, pinned } = directly(parsed)
  const known = recipient.kind === 'chat' ? await groupOf(options, asked, recipient.chat) : null
  const line = known?.line ?? named ?? defaultLine(lines)
  const route = routeFor({
    recipient: pinned ?? recipient,
    preference: draft.preference,
    fallback: draft.fallback,
    lineChannels: line.channels,
    lineNamed: named !== null,
  })
  if (!route.ok) throw new GatewayError(route.code, route.detail)
  const to = recipient.kind === 'chat' ? recipient.chat : recipient.handle
  const lane = recipient.kind === 'chat' ? laneOf({ chat: recipient.chat }) : laneOf({ handle: recipient.handle })
  return { line, lane, to, route: route.channels, conversation: known?.conversation ?? null }
}

/** A group stays on its line; null while none of the customer's lines is known to be in it. */
async function groupOf(
  options: SubmitOptions,
  { customerId, lines, named }: AskedByAddress,
  chat: ProviderChatId,
): Promise<{ conversation: Conversation; line: Line } | null> {
  const conversation = await options.conversationIn(customerId, chat, named?.id ?? null)
  const line = lines.find(({ id }) => id === conversation?.lineId)
  if (conversation === null || line === undefined) return null
  if (named !== null && named.id !== line.id) throw elsewhere()
  return { conversation, line }
}

function elsewhere(): GatewayError {
  return new GatewayError(
    'FROM_INSTANCE_CANNOT_REACH',
    'This chat belongs to another of your numbers. Leave out "from", or name that number.',
  )
}

/** A chat that is only one person is sent to as that person, on the channel the chat names. */
function directly(parsed: Recipient): { recipient: Recipient; pinned: Recipient | null } {
  if (parsed.kind !== 'chat' || !parsed.chat.startsWith('iMessage;-;')) return { recipient: parsed, pinned: null }
  const inner = parseRecipient(parsed.chat.slice('iMessage;-;'.length))
  return inner === null ? { recipient: parsed, pinned: null } : { recipient: inner, pinned: parsed }
}

async function placeByConversation(
  options: SubmitOptions,
  lines: readonly Line[],
  named: Line | null,
  asked: { customerId: CustomerId; conversationId: string },
): Promise<Placed> {
  const conversation = isUuid(asked.conversationId)
    ? await options.conversation(asked.customerId, asked.conversationId as ConversationId)
    : null
  if (conversation === null) throw new GatewayError('CONVERSATION_NOT_FOUND', 'There is no such chat.')
  const line = lines.find((one) => one.id === conversation.lineId)
  if (line === undefined || (named !== null && named.id !== line.id)) throw elsewhere()
  if (conversation.isGroup && conversation.channel === 'sms')
    throw new GatewayError('GROUP_SMS_UNSUPPORTED', 'SMS has no groups. Send to each member instead.')
  const other = conversation.participants[0]
  if (conversation.providerChatId === null || (!conversation.isGroup && other === undefined)) {
    throw new GatewayError('CONVERSATION_NOT_READY', 'The network has not named this chat yet. Try again in a moment.')
  }
  const to: Handle | string = conversation.isGroup || other === undefined ? conversation.providerChatId : other.handle
  return { line, lane: laneOf({ conversation }), to, route: [conversation.channel], conversation }
}

/** The line's address on the channel that is tried first: iMessage lines may be known by e-mail. */
function fromOf(line: Line, first: Channel, asked: string | null): string | null {
  const handle = asked === null ? null : parseSender(asked)
  if (handle !== null) return handle
  return line.address ?? (first === 'imessage' ? line.email : null) ?? line.email
}

const isoPattern = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})$/

function checkSchedule(text: string, now: number): string {
  const at = isoPattern.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(at)) {
    throw new GatewayError(
      'INVALID_SCHEDULED_AT',
      'scheduledAt must be a date and time with its offset, such as 2026-06-01T09:00:00Z.',
    )
  }
  if (at <= now)
    throw new GatewayError('SCHEDULED_IN_PAST', 'scheduledAt must lie in the future. Leave it out to send now.')
  if (at > now + scheduleMaxMs)
    throw new GatewayError('SCHEDULED_TOO_FAR', 'scheduledAt may lie at most 30 days ahead.')
  return new Date(at).toISOString()
}

async function contentOf(options: SubmitOptions, customerId: CustomerId, draft: Draft): Promise<Content> {
  const replyTo = draft.replyTo === null ? null : await checkReply(options, customerId, draft.replyTo)
  const untilMs = draft.scheduledAt === null ? null : Date.parse(draft.scheduledAt)
  const attachments: Attachment[] = []
  for (const file of draft.attachments) {
    const { mimeType, filename, voiceNote } = file
    const id = options.mint()
    if ('url' in file) attachments.push({ id, source: { url: file.url }, mimeType, filename, bytes: null, voiceNote })
    else {
      const bytes = Buffer.from(file.base64, 'base64')
      const kept = await options.keepFile(customerId, bytes, { mimeType, filename, untilMs })
      attachments.push({
        id,
        source: { blob: kept.hash },
        mimeType: mimeType ?? kept.mimeType,
        filename,
        bytes: bytes.length,
        voiceNote,
      })
    }
  }
  const mentions = draft.mentions.map(({ address, start, length }) => ({ handle: address as Handle, start, length }))
  return { ...draft.content, attachments, replyTo, mentions }
}

async function checkReply(options: SubmitOptions, customerId: CustomerId, text: string): Promise<MessageId> {
  const id = text.startsWith('msg_') ? text.slice('msg_'.length) : text
  const message = isUuid(id) ? await options.message(customerId, id as MessageId) : null
  if (message === null) throw new GatewayError('REPLY_NOT_FOUND', 'The message in "replyTo" does not exist.')
  return message.id
}
