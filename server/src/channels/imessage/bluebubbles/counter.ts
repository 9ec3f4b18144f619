/** Where the server calls us: only who knows the address is heard, and what is said is no more than a hint. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { CallStatus } from '../../../model/event.ts'
import type { LineId } from '../../../model/ids.ts'
import type { Note } from '../backend.ts'
import { type Fields, fieldsOf, isTrue, nameOf, parsed } from './json.ts'
import { personOf } from './rows.ts'

export const bodyBytesMax = 1024 * 1024

/** The server signs nothing, so the address itself is the secret. Whoever reads it learns nothing of the password. */
export function topicOf(secret: string, lineId: LineId): string {
  return `event-${createHmac('sha256', secret).update(`webhook of ${lineId}`).digest('hex').slice(0, 40)}`
}

export function isTopic(topic: string, secret: string, lineId: LineId): boolean {
  const [given, right] = [Buffer.from(topic), Buffer.from(topicOf(secret, lineId))]
  return given.length === right.length && timingSafeEqual(given, right)
}

/** Null: nothing that anybody asks about. `nowMs` is for what comes without a time. */
export function noteIn(body: Uint8Array, nowMs: number): Note | null {
  if (body.length > bodyBytesMax) return null
  const { type, data } = fieldsOf(parsed(body))
  if (typeof type !== 'string') return null
  if (newRows.has(type)) return { what: 'rows' }
  if (type === 'updated-message') {
    const guid = nameOf(fieldsOf(data).guid)
    return guid === null ? null : { what: 'changed', guid }
  }
  if (type === 'hello-world') return { what: 'began' }
  if (type === 'imessage-aliases-removed' || type === 'imessage-alias-removed') return { what: 'aliases' }
  if (type === 'incoming-facetime') return ringing(data, nowMs)
  return type === 'ft-call-status-changed' ? callIn(fieldsOf(data), nowMs) : null
}

const newRows: ReadonlySet<string> = new Set([
  ...['new-message', 'message-send-error', 'group-name-change', 'group-icon-changed', 'group-icon-removed'],
  ...['participant-added', 'participant-removed', 'participant-left'],
])

/** What a server without its calling features tells: JSON within JSON, of a call that rings and of nothing after. */
function ringing(data: unknown, nowMs: number): Note | null {
  const { caller, timestamp } = fieldsOf(typeof data === 'string' ? parsed(Buffer.from(data)) : data)
  const person = personOf(caller)
  if (person === null) return null
  const atMs = timeOf(timestamp, nowMs)
  // It has no id. The same call is told with the same words.
  const mark = createHash('sha256').update(`${person} ${atMs}`).digest('hex').slice(0, 32)
  return {
    what: 'call',
    callId: `facetime-${mark}`,
    person,
    status: 'incoming',
    isAudio: true,
    isVideo: true,
    isOutgoing: false,
    atMs,
  }
}

const statuses: readonly CallStatus[] = ['incoming', 'answered', 'disconnected']

/** 1.9.9, PrivateApiFaceTimeStatusHandler.ts: without a time, and with no word about why a call has ended. */
function callIn(data: Fields, nowMs: number): Note | null {
  const status = statuses.find((one) => one === data.status)
  const callId = nameOf(data.uuid)
  const person = personOf(data.address)
  if (status === undefined || callId === null || person === null) return null
  return {
    what: 'call',
    callId,
    person,
    status,
    isAudio: isTrue(data.is_audio),
    isVideo: isTrue(data.is_video),
    isOutgoing: isTrue(data.is_outgoing),
    atMs: nowMs,
  }
}

const dayMs = 86_400_000

function timeOf(value: unknown, nowMs: number): number {
  return typeof value === 'number' && Math.abs(value - nowMs) < dayMs ? Math.round(value) : nowMs
}
