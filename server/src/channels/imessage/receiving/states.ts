/** What became of messages after they were told: delivered, read, refused, corrected, taken back. Each is told once. */
import type { Clock } from '../../../lib/clock.ts'
import type { ErrorCode } from '../../../model/errors.ts'
import type { ProviderMessageId } from '../../../model/ids.ts'
import type { Incoming, ReceiptStatus } from '../../connector.ts'
import type { Row } from '../backend.ts'
import { failureOfRow } from '../row-errors.ts'
import type { Telling } from './telling.ts'
import { chatOf } from './translate.ts'

export interface States {
  /** Tells what is new in this row. What a store refuses is new again the next time. */
  tell(row: Row, telling: Telling): Promise<void>
}

/** What was told of a row. */
export interface Known {
  isDelivered: boolean
  isRead: boolean
  error: number
  editedMs: number
  isUnsent: boolean
}

export const nothingKnown: Known = { isDelivered: false, isRead: false, error: 0, editedMs: 0, isUnsent: false }

export interface News {
  event: Incoming
  /** What is known once it is told. */
  learnt: Partial<Known>
}

/** Of older ones it may be told again, which the gateway takes for the repeat it is. */
const knownMax = 20_000

export function createStates(clock: Pick<Clock, 'now'>): States {
  const known = new Map<string, Known>()
  const learn = (guid: string, learnt: Partial<Known>) => {
    const now = { ...(known.get(guid) ?? nothingKnown), ...learnt }
    known.delete(guid)
    known.set(guid, now)
    const [oldest] = known.keys()
    if (known.size > knownMax && oldest !== undefined) known.delete(oldest)
  }
  return {
    tell: (row, telling) => {
      const newsNow = () => newsIn(row, known.get(row.guid) ?? nothingKnown, clock.now())
      if (newsNow().length === 0) return Promise.resolve()
      // The same row may be asked for from several sides: whoever comes second finds less that is new, or nothing.
      return telling.inTurn(`state of ${row.guid}`, async () => {
        for (const { event, learnt } of newsNow()) {
          await telling.tell(event)
          learn(row.guid, learnt)
        }
      })
    },
  }
}

/** In the order in which it is to be told. */
export function newsIn(row: Row, known: Known, nowMs: number): News[] {
  if (row.tapback !== null || row.change !== null) return []
  return row.isOurs ? receiptsIn(row, known, nowMs) : revisionsIn(row, known, nowMs)
}

/** Of groups it is told that something was delivered, but not when. */
function receiptsIn(row: Row, known: Known, nowMs: number): News[] {
  const { readAt, error } = row
  const deliveredAt = row.deliveredAt ?? readAt ?? (row.isDelivered ? new Date(nowMs) : null)
  const news: News[] = []
  if (deliveredAt !== null && !known.isDelivered)
    news.push({ event: receipt(row, 'delivered', deliveredAt), learnt: { isDelivered: true } })
  if (readAt !== null && !known.isRead) news.push({ event: receipt(row, 'read', readAt), learnt: { isRead: true } })
  // What arrived has arrived, whatever went wrong before.
  if (deliveredAt === null && error !== 0 && error !== known.error) {
    const failed = { ...receipt(row, 'failed', new Date(nowMs)), ...whyOf(error) }
    news.push({ event: failed, learnt: { error } })
  }
  return news
}

function receipt(row: Row, status: ReceiptStatus, at: Date): Incoming & { kind: 'receipt' } {
  return { kind: 'receipt', providerId: row.guid as ProviderMessageId, status, at, detail: null }
}

function revisionsIn(row: Row, known: Known, nowMs: number): News[] {
  const { editedAt, isUnsent, guid, text } = row
  const chat = chatOf(row)
  const about = { target: guid as ProviderMessageId, ...(chat !== null && { chat }), at: editedAt ?? new Date(nowMs) }
  if (isUnsent) return known.isUnsent ? [] : [{ event: { kind: 'unsend', ...about }, learnt: { isUnsent: true } }]
  const editedMs = editedAt?.getTime() ?? 0
  // An older state may be read before a newer one and be told after it.
  if (known.isUnsent || editedMs <= known.editedMs) return []
  return [{ event: { kind: 'edit', ...about, text: text ?? '' }, learnt: { editedMs } }]
}

function whyOf(error: number): { detail: string | null; code: ErrorCode } {
  return { detail: failureOfRow(error)?.message ?? null, code: `imessage_error_${error}` as ErrorCode }
}
