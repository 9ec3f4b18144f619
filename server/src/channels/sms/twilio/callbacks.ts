/** What the provider tells us by itself: read from the parameters of its requests. */
import type { Handle, ProviderMessageId } from '../../../model/ids.ts'
import type { Incoming, IncomingMedia, ProviderCall, ReceiptStatus } from '../../connector.ts'
import { chatOf, isName } from '../chats.ts'
import { fieldsOf, textOf } from '../rest/api.ts'
import { detailOf } from './failures.ts'
import { bodyHashIn, type Params } from './signature.ts'

/** The event, null when there is nothing to tell, or what is wrong with the request. */
export type Heard = { event: Incoming | null } | { problem: string }

const paramsMax = 256
const bodyBytesMax = 256 * 1024
const mediaMax = 20

/** Those that come before say nothing new; they come late and repeat. */
const statuses: Readonly<Record<string, ReceiptStatus>> = {
  sent: 'sent',
  partially_delivered: 'sent',
  delivered: 'delivered',
  read: 'delivered',
  failed: 'failed',
  undelivered: 'failed',
  canceled: 'failed',
}

/** What stands in the body; null when it is more than the provider ever sends. */
export function paramsOf(call: ProviderCall): Params | null {
  if (call.body.length > bodyBytesMax) return null
  const text = Buffer.from(call.body).toString()
  const pairs = bodyHashIn(call.url) === null ? [...new URLSearchParams(text)] : pairsInJson(text)
  if (pairs.length > paramsMax) return null
  const params = new Map<string, string[]>()
  for (const [name, value] of pairs) {
    const values = params.get(name)
    if (values === undefined) params.set(name, [value])
    else values.push(value)
  }
  return params
}

export function heardStatus(params: Params, now: Date): Heard {
  const id = idIn(params)
  if (id === null) return { problem: 'The MessageSid is missing.' }
  const status = statuses[valueIn(params, 'MessageStatus') || valueIn(params, 'SmsStatus')]
  if (status === undefined) return { event: null }
  const code = valueIn(params, 'ErrorCode')
  const detail = status === 'failed' || code !== '' ? detailOf(code) : null
  return { event: { kind: 'receipt', providerId: id, status, at: now, detail } }
}

export interface Sight {
  /** The line's own number, when only messages to it are its own. */
  number: string | null
  now: Date
  mediaAt(url: string, mimeType: string): IncomingMedia
}

export function heardMessage(params: Params, { number, now, mediaAt }: Sight): Heard {
  const id = idIn(params)
  const from = valueIn(params, 'From')
  if (id === null || !isName(from)) return { problem: 'The MessageSid or the From is missing.' }
  const to = valueIn(params, 'To')
  if (number !== null && to !== '' && to !== number)
    return { problem: 'This address is for the messages of another number.' }
  const count = Math.min(Number(valueIn(params, 'NumMedia')) || 0, mediaMax)
  const attachments = Array.from({ length: count }, (_, at) => {
    const url = valueIn(params, `MediaUrl${at}`)
    return url === '' ? null : mediaAt(url, valueIn(params, `MediaContentType${at}`))
  }).filter((one) => one !== null)
  const text = valueIn(params, 'Body')
  return { event: messageFrom({ id, from, text, attachments, at: now }) }
}

export interface Written {
  id: ProviderMessageId
  from: string
  text: string
  attachments: readonly IncomingMedia[]
  at: Date
}

export function messageFrom({ id, from, text, attachments, at }: Written): Incoming {
  return {
    kind: 'message',
    providerId: id,
    chat: chatOf(from),
    from: from as Handle,
    at,
    echoOf: null,
    text: text === '' ? null : text,
    attachments,
    replyTo: null,
    group: null,
  }
}

function idIn(params: Params): ProviderMessageId | null {
  const id = valueIn(params, 'MessageSid') || valueIn(params, 'SmsSid')
  return isName(id) ? (id as ProviderMessageId) : null
}

function valueIn(params: Params, name: string): string {
  return params.get(name)?.[0] ?? ''
}

function pairsInJson(text: string): [string, string][] {
  try {
    return Object.entries(fieldsOf(JSON.parse(text))).map(([name, value]) => [name, textOf(value)])
  } catch {
    return []
  }
}
