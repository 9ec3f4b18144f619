/** What networks tell besides messages and what becomes of them: reactions, typing, kept voice notes, calls, changes of groups. */
import type { Incoming, IncomingPhoto } from '../channels/connector.ts'
import { type ChatChange, isOurs, memberOf, ownName, type Photo, ranked } from '../model/chat-change.ts'
import type { Conversation, Participant } from '../model/conversation.ts'
import type { Handle, ProviderChatId, ProviderMessageId } from '../model/ids.ts'
import type { ProviderKey } from '../store/inbound.ts'
import { chatChange, noticeKeptMs } from './chat-changes.ts'
import { joinNames } from './chats/names.ts'
import type { InboxOptions, Source } from './inbox.ts'
import { newEvent, type Untold } from './settle.ts'

type Notice = Exclude<Incoming, { kind: 'message' | 'receipt' | 'edit' | 'unsend' }>
type NoticeOf<Kind extends Notice['kind']> = Extract<Notice, { kind: Kind }>

export async function receiveNotice(options: InboxOptions, source: Source, notice: Notice): Promise<void> {
  if (notice.kind === 'reaction') await receiveReaction(options, source, notice)
  else if (notice.kind === 'typing') await receiveTyping(options, source, notice)
  else if (notice.kind === 'audioKept') await receiveAudioKept(options, source, notice)
  else if (notice.kind === 'facetime') await receiveCall(options, source, notice)
  else if (notice.kind === 'chat') await receiveChatChange(options, source, notice)
  else await joinNames(options, source, notice)
}

export function keyOf(source: Source, providerId: ProviderMessageId): ProviderKey {
  return { customerId: source.customerId, lineId: source.lineId, channel: source.channel, providerId }
}

/** Networks tell at least once, and an event is all the trace that these leave: `parts` say what makes two the same. */
async function tellOnce(
  options: InboxOptions,
  source: Source,
  event: Untold,
  parts: readonly (string | null)[],
): Promise<void> {
  const key = JSON.stringify([event.type, source.lineId, source.channel, ...parts])
  const told = newEvent(event, null, options.mint)
  await options.ledger.tellOnce(source.customerId, told, { key, forMs: noticeKeptMs })
}

/** SMS knows no reactions: there they are texts, and come as messages. */
async function receiveReaction(options: InboxOptions, source: Source, event: NoticeOf<'reaction'>): Promise<void> {
  if (source.channel === 'sms') return
  const target = await options.ledger.findMessage(keyOf(source, event.target))
  const message = target === null ? null : await options.ledger.message(source.customerId, target)
  const conversation = await findConversation(options, source, event.chat)
  const data = {
    target,
    targetExternalId: event.target,
    preview: message?.content.text ?? null,
    from: event.from,
    to: ownName(source),
    channel: source.channel,
    reaction: event.reaction,
    conversation,
  }
  const parts = [event.target, event.from, event.reaction, event.at.toISOString()]
  await tellOnce(options, source, { type: 'message.reaction', data }, parts)
}

async function receiveTyping(options: InboxOptions, source: Source, event: NoticeOf<'typing'>): Promise<void> {
  const conversation = await findConversation(options, source, event.chat)
  const data = { channel: source.channel, from: event.from, typing: event.typing, conversation }
  await options.ledger.tell(source.customerId, newEvent({ type: 'typing.indicator', data }, null, options.mint))
}

async function receiveAudioKept(options: InboxOptions, source: Source, event: NoticeOf<'audioKept'>): Promise<void> {
  const target = await options.ledger.findMessage(keyOf(source, event.target))
  const data = {
    target,
    targetExternalId: event.target,
    externalId: event.providerId,
    from: event.from,
    to: ownName(source),
    channel: source.channel,
  }
  const parts = [event.target, event.from, event.providerId ?? event.at.toISOString()]
  await tellOnce(options, source, { type: 'message.audio_kept', data }, parts)
}

/** That a call comes in has an event of its own, and is a status of the call as well. */
async function receiveCall(options: InboxOptions, source: Source, event: NoticeOf<'facetime'>): Promise<void> {
  const { callId, person, status, isAudio, isVideo, isOutgoing } = event
  const at = event.at.toISOString()
  const call = { channel: source.channel, callId, person, to: ownName(source), isAudio, isVideo }
  const parts = [callId, status, at]
  if (status === 'incoming' && !isOutgoing)
    await tellOnce(options, source, { type: 'facetime.incoming', data: { ...call, at } }, parts)
  await tellOnce(options, source, { type: 'facetime.status_changed', data: { ...call, status, isOutgoing } }, parts)
}

async function receiveChatChange(options: InboxOptions, source: Source, event: NoticeOf<'chat'>): Promise<void> {
  const { customerId, lineId, channel } = source
  const request = chatChange(
    {
      of: { customerId, of: { lineId, channel, chat: event.chat } },
      change: await changeOf(options, source, event),
      origin: 'network',
      actor: isOurs(source, event.actor) ? ('self' as Handle) : event.actor,
      to: ownName(source),
      notice: { id: event.providerId ?? event.at.toISOString(), externalId: event.providerId },
    },
    options.mint,
  )
  await options.ledger.changeConversation(request)
}

async function changeOf(options: InboxOptions, us: Source, { chat, change }: NoticeOf<'chat'>): Promise<ChatChange> {
  if (change.what === 'title') return change
  if (change.what === 'photo') {
    const { photo } = change
    return { what: 'photo', photo: photo === 'removed' ? photo : await captured(options, us, { chat, photo }) }
  }
  const member: Participant = memberOf(change.member)
  const one = isOurs(us, change.member) ? { ...member, role: 'self' as const } : member
  return change.what === 'rank'
    ? { what: 'rank', member: ranked(member, change.admin) }
    : { what: change.what, member: one }
}

/** Its bytes are had at once, unless we have them or have no such group; and without them it is told all the same. */
async function captured(
  options: InboxOptions,
  source: Source,
  { chat, photo: { mark, url, open } }: { chat: ProviderChatId; photo: IncomingPhoto },
): Promise<Photo> {
  const photo = { mark, url }
  if (open === undefined) return photo
  const conversation = await findConversation(options, source, chat)
  if (conversation === null) return photo
  const { photo: shown } = conversation
  if (mark !== null && shown?.mark === mark) return { ...photo, file: { hash: shown.hash, mimeType: shown.mimeType } }
  const file = { mimeType: 'application/octet-stream', filename: null, bytes: null, open }
  const got = await options.receiveFile(source.customerId, file).catch(() => null)
  return got === null || 'note' in got
    ? photo
    : { ...photo, file: { hash: got.kept.hash, mimeType: got.kept.mimeType } }
}

export function findConversation(
  options: InboxOptions,
  source: Source,
  chat: ProviderChatId,
): Promise<Conversation | null> {
  const { customerId, lineId, channel } = source
  return options.ledger.findConversation({ customerId, lineId, channel, chat })
}
