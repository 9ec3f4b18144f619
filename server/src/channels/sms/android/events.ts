/** What the phone tells us by itself: whether it is the phone, and what it says. */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { Readable } from 'node:stream'
import type { Handle, ProviderMessageId } from '../../../model/ids.ts'
import type { Incoming, IncomingMedia, ProviderCall, ReceiptStatus } from '../../connector.ts'
import { chatOf, isName, mimeTypeOf } from '../chats.ts'
import { fieldsOf, textOf } from '../rest/api.ts'
import { detailOf } from './failures.ts'
import { senderOf } from './numbers.ts'
import type { AndroidSettings } from './settings.ts'

type Fields = Readonly<Record<string, unknown>>

/** The event, null when it is none of ours to tell, or what is wrong with it. */
export type Heard = { event: Incoming | null } | { problem: string }

const skewMaxMs = 5 * 60_000
const attachmentsMax = 20
export const bodyBytesMax = 24 * 1024 * 1024

/** Each try is signed when it is made, so a late one is no repeat of an old call. */
export function isSigned(call: ProviderCall, signingKey: string, now: number): boolean {
  const { 'x-signature': given = '', 'x-timestamp': timestamp = '' } = call.headers
  if (!/^\d{1,12}$/.test(timestamp) || Math.abs(now - Number(timestamp) * 1_000) > skewMaxMs) return false
  const right = createHmac('sha256', signingKey).update(call.body).update(timestamp).digest()
  const left = Buffer.from(/^[\da-f]{64}$/i.test(given) ? given : '', 'hex')
  return left.length === right.length && timingSafeEqual(left, right)
}

export function heard(call: ProviderCall, settings: AndroidSettings, now: Date): Heard {
  const told = fieldsOf(parsed(call.body))
  const id = textOf(told.id)
  if (!isName(id)) return { problem: 'The id of the event is missing.' }
  const payload = fieldsOf(told.payload)
  if (isOfAnother(settings, textOf(told.deviceId), textOf(payload.simNumber))) return { event: null }
  const what = textOf(told.event)
  if (what === 'sms:received')
    return heardMessage({ id, payload, text: textOf(payload.message), media: [] }, settings, now)
  if (what === 'mms:downloaded') {
    const text = textOf(payload.body) || textOf(payload.subject)
    return heardMessage({ id, payload, text, media: mediaIn(payload) }, settings, now)
  }
  const receipt = receipts[what]
  // Among the others is that an MMS is there to be downloaded: it is told again when that is done.
  return receipt === undefined ? { event: null } : heardReceipt(receipt, payload, now)
}

const receipts: Readonly<Record<string, { status: ReceiptStatus; at: string }>> = {
  'sms:sent': { status: 'sent', at: 'sentAt' },
  'sms:delivered': { status: 'delivered', at: 'deliveredAt' },
  'sms:failed': { status: 'failed', at: 'failedAt' },
  'sms:cancelled': { status: 'failed', at: 'cancelledAt' },
}

function heardReceipt({ status, at }: { status: ReceiptStatus; at: string }, payload: Fields, now: Date): Heard {
  const id = textOf(payload.messageId)
  if (!isName(id)) return { problem: 'The id of the message is missing.' }
  const detail = status === 'failed' ? detailOf(textOf(payload.reason)) : null
  return {
    event: { kind: 'receipt', providerId: id as ProviderMessageId, status, at: dateOf(payload[at], now), detail },
  }
}

interface Written {
  id: string
  payload: Fields
  text: string
  media: readonly IncomingMedia[]
}

/** The id of the event, not of the message: that one is a hash of its words, and people repeat themselves. */
function heardMessage({ id, payload, text, media }: Written, settings: AndroidSettings, now: Date): Heard {
  const from = senderOf(textOf(payload.sender) || textOf(payload.phoneNumber), settings.number)
  if (from === '' || from.length > 64) return { problem: 'The sender is missing.' }
  const event: Incoming = {
    kind: 'message',
    providerId: id as ProviderMessageId,
    chat: chatOf(from),
    from: from as Handle,
    at: dateOf(payload.receivedAt, now),
    echoOf: null,
    text: text === '' ? null : text,
    attachments: media,
    replyTo: null,
    group: null,
  }
  return { event }
}

function mediaIn(payload: Fields): IncomingMedia[] {
  const list = Array.isArray(payload.attachments) ? payload.attachments.slice(0, attachmentsMax) : []
  return list.map(fieldsOf).flatMap((one) => {
    // The phone gives no bytes for what it could not read.
    if (typeof one.data !== 'string') return []
    const data = Buffer.from(one.data, 'base64')
    const filename = textOf(one.name).slice(0, 200)
    return {
      mimeType: mimeTypeOf(textOf(one.contentType)),
      filename: filename === '' ? null : filename,
      bytes: data.length,
      voiceNote: false,
      open: async () => Readable.from([data]),
    }
  })
}

/** One phone may hold the SIMs of several lines, and one server may hold several phones: each line hears of all. */
function isOfAnother({ device, sim }: AndroidSettings, deviceId: string, simNumber: string): boolean {
  if (device !== null && deviceId !== '' && deviceId !== device) return true
  return sim !== null && simNumber !== '' && simNumber !== String(sim)
}

function dateOf(value: unknown, now: Date): Date {
  const ms = Date.parse(textOf(value))
  return Number.isNaN(ms) ? now : new Date(ms)
}

function parsed(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString())
  } catch {
    return undefined
  }
}
