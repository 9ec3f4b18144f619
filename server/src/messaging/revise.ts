/** What a caller does to a message that exists: edit, unsend, react, read, retry, cancel, delete. */
import type { Actions, Target } from '../channels/connector.ts'
import type { Clock } from '../lib/clock.ts'
import type { Mint } from '../lib/mint.ts'
import type { Channel } from '../model/channel.ts'
import type { Conversation } from '../model/conversation.ts'
import { SendFailure } from '../model/delivery.ts'
import { type CallCode, GatewayError } from '../model/errors.ts'
import type { CustomerId, LineId, MessageId } from '../model/ids.ts'
import { type Message, mayRetry } from '../model/message.ts'
import type { Change, ChangeOutcome, ChangeRequest, State } from '../store/changes.ts'
import { eventMessage, newEvent, type Untold } from './settle.ts'

export interface ReviseOptions {
  clock: Clock
  mint: Mint
  change(request: ChangeRequest): Promise<ChangeOutcome>
  message(customerId: CustomerId, id: MessageId): Promise<Message | null>
  conversation(message: Message): Promise<Conversation | null>
  /** Runs one verb on the line's link, wherever it is held. */
  act<Verb extends RevisionVerb>(
    link: { lineId: LineId; channel: Channel },
    verb: Verb,
    ...args: Parameters<Actions[Verb]>
  ): Promise<unknown>
  /** Events were written; `work` also: there is something to send. */
  told(message: Message, work: boolean): void
}

export type RevisionVerb = 'edit' | 'unsend' | 'react' | 'markRead'

export function createRevisions(options: ReviseOptions) {
  return { ...decisions(options), ...verbs(options) }
}

async function read(options: ReviseOptions, customerId: CustomerId, id: MessageId): Promise<Message> {
  const message = await options.message(customerId, id)
  if (message === null) throw notFound()
  return message
}

/** Refusals thrown by the decision reach the caller; nothing is changed then. */
async function decide(
  options: ReviseOptions,
  key: { customerId: CustomerId; messageId: MessageId },
  decision: (state: State) => Change,
): Promise<Message> {
  const outcome = await options.change({ ...key, named: null, decide: decision })
  if (outcome === null) throw notFound()
  return outcome.after
}

/** What the database alone can do. */
function decisions(options: ReviseOptions) {
  const { mint, told } = options
  const turn = async (customerId: CustomerId, messageId: MessageId, decision: (state: State, mint: Mint) => Change) =>
    decide(options, { customerId, messageId }, (state) => decision(state, mint))
  return {
    async retry(customerId: CustomerId, id: MessageId): Promise<Message> {
      const message = await turn(customerId, id, retryChange)
      told(message, true)
      return message
    },
    async cancel(customerId: CustomerId, id: MessageId): Promise<Message> {
      const message = await turn(customerId, id, cancelChange)
      told(message, false)
      return message
    },
    async remove(customerId: CustomerId, id: MessageId): Promise<Message> {
      const message = await turn(customerId, id, removeChange)
      told(message, false)
      return message
    },
  }
}

/** What the network has to do first. */
function verbs(options: ReviseOptions) {
  const { mint } = options
  const link = (message: Message, channel: Channel) => ({ lineId: message.lineId, channel })
  return {
    async edit(
      customerId: CustomerId,
      id: MessageId,
      revision: { text: string; fallbackText: string | null },
    ): Promise<Message> {
      const message = await read(options, customerId, id)
      const { target, channel } = await revisable(options, message)
      const { text, fallbackText } = revision
      try {
        await actWithin(options.clock, { code: 'EDIT_FAILED', channel }, () =>
          options.act(link(message, channel), 'edit', target, text, fallbackText),
        )
      } catch (error) {
        await tellRefusedEdit(options, message, error)
        throw error
      }
      const after = await decide(options, { customerId, messageId: id }, (state) => editChange(state, text, mint))
      options.told(after, false)
      return after
    },
    async unsend(customerId: CustomerId, id: MessageId): Promise<Message> {
      const message = await read(options, customerId, id)
      const { target, channel } = await revisable(options, message)
      await actWithin(options.clock, { code: 'UNSEND_FAILED', channel }, () =>
        options.act(link(message, channel), 'unsend', target),
      )
      const after = await decide(options, { customerId, messageId: id }, (state) =>
        state.message.status === 'unsent' ? nothing() : moved(state, 'unsent', { type: 'message.unsent' }, mint),
      )
      options.told(after, false)
      return after
    },
    async react(customerId: CustomerId, id: MessageId, reaction: string): Promise<void> {
      const message = await read(options, customerId, id)
      const channel = channelOf(message)
      const target = await targetOf(options, message, channel)
      const wanted = reaction.startsWith('-') ? null : reaction
      if (channel === 'imessage') checkTapback(reaction)
      const code = channel === 'whatsapp' ? 'WHATSAPP_REACTION_FAILED' : 'REACTION_FAILED'
      await actWithin(options.clock, { code, channel }, () =>
        options.act(link(message, channel), 'react', target, wanted),
      )
    },
    async markRead(customerId: CustomerId, id: MessageId): Promise<void> {
      const message = await read(options, customerId, id)
      if (message.direction === 'outbound')
        throw new GatewayError('INVALID_STATUS', 'Only messages you received can be marked as read.')
      const channel = channelOf(message)
      const target = await targetOf(options, message, channel)
      await actWithin(options.clock, { code: 'READ_FAILED', channel }, () =>
        options.act(link(message, channel), 'markRead', target.chat, target.providerId),
      )
    },
  }
}

/** Only a refusal is told: after a silence the network may have done it. */
async function tellRefusedEdit(options: ReviseOptions, message: Message, error: unknown): Promise<void> {
  if (!(error instanceof GatewayError) || error.code !== 'EDIT_FAILED') return
  const refusal = { errorCode: error.code, errorMessage: error.message }
  const key = { customerId: message.customerId, messageId: message.id }
  options.told(await decide(options, key, (state) => editFailedChange(state, refusal, options.mint)), false)
}

const tapbacks: readonly string[] = ['love', 'like', 'dislike', 'laugh', 'emphasize', 'question']

function checkTapback(reaction: string): void {
  if (tapbacks.includes(reaction.replace(/^-/, ''))) return
  const message = `must be one of ${tapbacks.join(', ')}, with a leading - to take it back`
  throw new GatewayError('VALIDATION_ERROR', `On iMessage a reaction ${message}.`, {
    details: [{ path: 'type', message }],
  })
}

function notFound(): GatewayError {
  return new GatewayError('NOT_FOUND', 'There is no such message.')
}

function nothing(): Change {
  return { patch: {}, entries: [], attempt: null, work: 'keep', events: [] }
}

function retryChange({ message, now }: State, mint: Mint): Change {
  if (message.deletedAt !== null) throw notFound()
  const [channel, ...rest] = message.route
  if (!mayRetry(message.status) || message.direction !== 'outbound' || channel === undefined) {
    throw new GatewayError('INVALID_STATUS', 'Only a message that has failed can be retried.')
  }
  const retryCount = message.retryCount + 1
  const about = eventMessage({ ...message, status: 'queued', channel: null, providerId: null, retryCount }, null)
  return {
    patch: {
      status: 'queued',
      retryCount,
      channel: null,
      providerId: null,
      errorCode: null,
      errorMessage: null,
      fallbackTriggered: false,
    },
    entries: [{ status: 'queued', at: now.toISOString(), channel: null }],
    attempt: null,
    work: { dueAt: now, channel, rest, tries: 0, confirming: false, holds: false, doubtful: false },
    events: [newEvent({ type: 'message.queued', data: { message: about } }, message, mint)],
  }
}

function cancelChange(state: State, mint: Mint): Change {
  const { message } = state
  if (message.deletedAt !== null) throw notFound()
  if (message.status !== 'scheduled')
    throw new GatewayError('NOT_SCHEDULED', 'Only a message that is still scheduled can be cancelled.')
  return { ...moved(state, 'cancelled', { type: 'message.schedule_cancelled' }, mint), work: 'done' }
}

function editChange({ message, now }: State, text: string, mint: Mint): Change {
  const content = { ...message.content, text }
  const about = eventMessage({ ...message, content }, null)
  return {
    ...nothing(),
    patch: { content },
    entries: [{ status: 'edited', at: now.toISOString(), channel: message.channel }],
    events: [newEvent({ type: 'message.edited', data: { message: about } }, message, mint)],
  }
}

function editFailedChange(
  { message, now }: State,
  refusal: { errorCode: string; errorMessage: string },
  mint: Mint,
): Change {
  const data = { message: eventMessage(message, null), ...refusal }
  return {
    ...nothing(),
    entries: [{ status: 'edit_failed', at: now.toISOString(), channel: message.channel }],
    events: [newEvent({ type: 'message.edit_failed', data }, message, mint)],
  }
}

/** What is scheduled is not sent any more; what is on its way goes its way unseen. */
function removeChange(state: State, mint: Mint): Change {
  const { message, now } = state
  if (message.deletedAt !== null) throw new GatewayError('ALREADY_DELETED', 'This message is deleted already.')
  const scheduled = message.status === 'scheduled'
  const deleted: Untold = { type: 'message.deleted', data: { message: eventMessage(message, null) } }
  return {
    patch: scheduled ? { status: 'cancelled', deletedAt: now } : { deletedAt: now },
    entries: [{ status: 'deleted', at: now.toISOString(), channel: null }],
    attempt: null,
    work: scheduled ? 'done' : 'keep',
    events: [newEvent(deleted, message, mint)],
  }
}

function moved(
  state: State,
  status: 'unsent' | 'cancelled',
  event: { type: 'message.unsent' | 'message.schedule_cancelled' },
  mint: Mint,
): Change {
  const { message, now } = state
  const about = eventMessage({ ...message, status }, null)
  const told: Untold =
    event.type === 'message.unsent'
      ? { type: event.type, data: { message: about } }
      : { type: event.type, data: { message: about, scheduledAt: message.scheduledAt?.toISOString() ?? null } }
  return {
    patch: { status },
    entries: [{ status, at: now.toISOString(), channel: message.channel }],
    attempt: null,
    work: 'keep',
    events: [newEvent(told, message, mint)],
  }
}

function channelOf(message: Message): Channel {
  if (message.channel === null)
    throw new GatewayError(
      'MISSING_EXTERNAL_ID',
      'The message has not been sent on any channel yet. Wait for message.sent.',
    )
  return message.channel
}

/** Edits and retractions need a message of ours that is out and still stands. */
async function revisable(options: ReviseOptions, message: Message): Promise<{ target: Target; channel: Channel }> {
  if (message.status === 'unsent') throw new GatewayError('ALREADY_UNSENT', 'This message was unsent already.')
  if (message.channel !== null && message.channel !== 'imessage') {
    throw new GatewayError(
      'CHANNEL_NOT_SUPPORTED',
      `Messages on ${message.channel} cannot be changed after they were sent.`,
    )
  }
  if (message.direction === 'inbound' || !['sent', 'delivered', 'read'].includes(message.status)) {
    throw new GatewayError('INVALID_STATUS', 'Only a message that you sent and that is out can be changed.')
  }
  const channel = channelOf(message)
  return { target: await targetOf(options, message, channel), channel }
}

async function targetOf(options: ReviseOptions, message: Message, channel: Channel): Promise<Target> {
  if (channel === 'sms')
    throw new GatewayError('CHANNEL_NOT_SUPPORTED', 'SMS knows no reactions, read marks or changes.')
  if (message.providerId === null)
    throw new GatewayError('MISSING_EXTERNAL_ID', 'The network has not named this message yet. Wait for message.sent.')
  const conversation = await options.conversation(message)
  const chat = conversation?.providerChatId ?? null
  if (chat === null) {
    throw new GatewayError(
      channel === 'whatsapp' ? 'MISSING_WHATSAPP_JID' : 'MISSING_EXTERNAL_ID',
      'The network has not named the chat of this message.',
    )
  }
  return { chat, providerId: message.providerId, fromMe: message.direction === 'outbound' }
}

const verbTimeoutMs = 15_000

/** A verb has a deadline, and its failure the code of the call. */
export async function actWithin<Result>(
  clock: Clock,
  call: { code: CallCode; channel: Channel },
  run: () => Promise<Result>,
): Promise<Result> {
  try {
    return await inTime(clock, run)
  } catch (error) {
    throw error instanceof SendFailure ? asRefusal(error, call) : error
  }
}

export async function inTime<Result>(clock: Clock, run: () => Promise<Result>): Promise<Result> {
  const done = new AbortController()
  const late = clock.sleep(verbTimeoutMs, done.signal).then((): never => {
    throw new GatewayError('PROVIDER_TIMEOUT', 'The network did not answer in time. It may have done it all the same.')
  })
  try {
    return await Promise.race([run(), late])
  } finally {
    done.abort()
    late.catch(() => undefined)
  }
}

function asRefusal(failure: SendFailure, call: { code: CallCode; channel: Channel }): GatewayError {
  if (failure.scope === 'link' && call.channel === 'whatsapp')
    return new GatewayError('WHATSAPP_NOT_CONNECTED', 'The WhatsApp link of this number is not connected.')
  if (failure.kind === 'unreachable' && failure.code === 'NO_CHANNEL_AVAILABLE')
    return new GatewayError('NO_CHANNEL_AVAILABLE', failure.message)
  if (failure.code === 'CONVERSATION_NOT_FOUND')
    return new GatewayError('INVALID_STATUS', 'To its network this number is in no such chat, or not any more.')
  if (failure.code === 'PROVIDER_TIMEOUT') return new GatewayError('PROVIDER_TIMEOUT', failure.message)
  return new GatewayError(call.code, failure.message)
}
