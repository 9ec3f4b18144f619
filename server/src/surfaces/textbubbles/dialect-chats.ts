/** How this surface words changes of a group and FaceTime calls. */
import type { GatewayEvent } from '../../model/event.ts'
import { type LinkTo, linkWorksMs } from '../downloads.ts'
import type { Worded } from './dialect.ts'
import { photoUrlOf, presentChat, presentParticipant, wireHandle } from './present.ts'

export type ChatEvent = Extract<GatewayEvent, { type: `chat.${string}` }>
export type CallEvent = Extract<GatewayEvent, { type: `facetime.${string}` }>

export function wordChat(event: ChatEvent, linkTo: LinkTo): Worded {
  const { conversation, externalId, actor, to, channel } = event.data
  const data = {
    ...(externalId !== null && { externalMessageId: externalId }),
    chatId: conversation.id,
    chat: presentChat(conversation),
    ...whatChanged(event, linkTo),
    ...(actor !== null && { actor: wireHandle(actor, channel) }),
    ...(to !== null && { to }),
    channel,
    customerId: event.customerId,
  }
  return { type: event.type, data }
}

function whatChanged(event: ChatEvent, linkTo: LinkTo): Record<string, unknown> {
  switch (event.type) {
    case 'chat.participant.added':
    case 'chat.participant.left':
      return { participant: presentParticipant(event.data.participant, event.data.channel) }
    case 'chat.title.changed':
      return { name: event.data.name, title: event.data.name }
    case 'chat.photo.changed':
      return wordPhoto(event, linkTo)
  }
}

function wordPhoto(
  { data: { conversation, photo }, at }: ChatEvent & { type: 'chat.photo.changed' },
  linkTo: LinkTo,
): Record<string, unknown> {
  // Counted from the event, so that every attempt to tell it carries the same bytes.
  const photoUrl = photoUrlOf(conversation, { linkTo, untilMs: at.getTime() + linkWorksMs }) ?? photo?.url
  return photoUrl === undefined ? {} : { photoUrl }
}

/** Older consumers look for these fields at the top level, newer ones in `data`; the top level's `timestamp` is the envelope's. */
export function wordCall(event: CallEvent, eventId: string): Worded {
  const { type, customerId } = event
  const { callId: callUuid, person, to, isAudio, isVideo } = event.data
  if (type === 'facetime.incoming') {
    const flat = { eventId, callUuid, caller: person, to, isAudio, isVideo }
    return { type, data: { ...flat, timestamp: Date.parse(event.data.at), customerId }, flat }
  }
  const { status, isOutgoing } = event.data
  const flat = { eventId, callUuid, address: person, to, status, isAudio, isVideo, isOutgoing }
  return { type, data: { ...flat, customerId }, flat }
}
