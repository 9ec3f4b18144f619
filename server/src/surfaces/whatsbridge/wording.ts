/** Events in this surface's words, as the bodies of its webhooks: how a session is, and what people wrote to it. */
import type { EventData, GatewayEvent } from '../../model/event.ts'
import { stageOf } from '../../model/line.ts'
import type { Attachment } from '../../model/message.ts'
import type { Worded, Wording } from '../../webhooks/wording.ts'
import { type FileLinks, type LinkTo, linkOf, linkWorksMs } from '../downloads.ts'
import { wireMessageId, wirePerson } from './ids.ts'
import { statusOf } from './present.ts'

/** Its own dialect; the others are worded by `others`. */
export const whatsbridgeWording = (linkTo: LinkTo, others: Wording): Wording => ({
  event(dialect, event) {
    if (dialect !== 'whatsbridge') return others.event(dialect, event)
    const body = bodyOf(event, linkTo)
    return body === null ? null : worded(`evt_${event.id}`, body)
  },
  test(dialect, test) {
    if (dialect !== 'whatsbridge') return others.test(dialect, test)
    const message = 'This is a test of your webhook.'
    return worded(`evt_test_${test.id}`, { event: 'webhook.test', message, timestamp: test.at.toISOString() })
  },
})

interface Body {
  event: string
  [field: string]: unknown
}

function worded(id: string, body: Body): Worded {
  return { id, type: body.event, body: Buffer.from(JSON.stringify(body)) }
}

/** Null: there is no word for it here. */
function bodyOf(event: GatewayEvent, linkTo: LinkTo): Body | null {
  if (event.type === 'line.status') return statusBody(event.data, event.at)
  if (event.type === 'message.inbound' && event.data.message.channel === 'whatsapp') return messageBody(event, linkTo)
  return null
}

function statusBody({ lineId, channel, state, before }: EventData['line.status'], at: Date): Body | null {
  if (channel !== 'whatsapp' || before === undefined) return null
  return {
    event: 'session.status_changed',
    session_id: lineId,
    old_status: statusOf(stageOf(before)),
    new_status: statusOf(stageOf(state)),
    timestamp: at.toISOString(),
  }
}

function messageBody({ data, customerId, at }: GatewayEvent & { type: 'message.inbound' }, linkTo: LinkTo): Body {
  const { message } = data
  const { conversation } = message
  const from = message.from ?? ''
  const group = conversation?.isGroup === true ? conversation.providerChatId : null
  // Counted from the event, so that every attempt to tell it carries the same bytes.
  const links = { linkTo, customerId, untilMs: at.getTime() + linkWorksMs }
  return {
    event: 'message.received',
    session_id: message.lineId,
    message: {
      id: wireMessageId('inbound', group ?? from, message.id),
      from: wirePerson(from),
      ...(group !== null && { group }),
      ...contentOf(data, links),
      timestamp: at.toISOString(),
    },
  }
}

function contentOf(data: EventData['message.inbound'], links: FileLinks): { type: string; content: unknown } {
  const { message, attachments, location } = data
  const [file] = attachments
  if (location !== undefined) return { type: 'location', content: location }
  if (file === undefined) return { type: 'text', content: message.text ?? '' }
  const content = {
    url: linkOf(file, links),
    mimetype: file.mimeType ?? 'application/octet-stream',
    filename: file.filename,
    ...(message.text !== null && { caption: message.text }),
  }
  return { type: kindOf(file), content }
}

const kinds: ReadonlySet<string> = new Set(['image', 'video', 'audio'])

function kindOf({ mimeType }: Attachment): string {
  const [kind = ''] = (mimeType ?? '').split('/')
  return kinds.has(kind) ? kind : 'document'
}
