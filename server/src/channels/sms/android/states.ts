/** Asks the phone what became of messages: its own calls may not reach us. */
import type { Clock } from '../../../lib/clock.ts'
import { orAborted } from '../../../lib/egress/deadline.ts'
import { EgressError } from '../../../lib/egress/trouble.ts'
import type { ProviderMessageId } from '../../../model/ids.ts'
import type { Host, ReceiptStatus } from '../../connector.ts'
import { type Api, fieldsOf, textOf } from '../rest/api.ts'
import { detailOf } from './failures.ts'

export interface States {
  /** Is asked about until its end is known, or for long enough. */
  add(id: ProviderMessageId): void
  /** Until the signal aborts. */
  keepAsking(signal: AbortSignal): Promise<void>
}

export interface StatesOptions {
  clock: Clock
  api: Api
  host: Pick<Host, 'receive' | 'log'>
}

interface Open {
  id: ProviderMessageId
  dueMs: number
  asked: number
  told: ReceiptStatus | null
}

const firstMs = 60_000
const longestMs = 3_600_000
const timesMax = 20
const openMax = 1_000
const roundMs = 15_000
const perRoundMax = 50

const statuses: Readonly<Record<string, ReceiptStatus>> = {
  Sent: 'sent',
  Delivered: 'delivered',
  Failed: 'failed',
  Cancelled: 'failed',
}

export function createStates({ clock, api, host }: StatesOptions): States {
  const open = new Map<string, Open>()

  const ask = async (one: Open, signal: AbortSignal) => {
    const { status, json } = await api.get(`/messages/${encodeURIComponent(one.id)}`, signal)
    if (status === 404) return void open.delete(one.id)
    if (status !== 200) return
    const told = fieldsOf(json)
    const now = statuses[textOf(told.state)]
    if (now === undefined || now === one.told) return
    const [recipient] = Array.isArray(told.recipients) ? told.recipients.map(fieldsOf) : []
    const detail = now === 'failed' ? detailOf(textOf(recipient?.error)) : null
    await host.receive({ kind: 'receipt', providerId: one.id, status: now, at: new Date(clock.now()), detail })
    one.told = now
    if (now !== 'sent') open.delete(one.id)
  }
  return {
    add(id) {
      open.set(id, { id, dueMs: clock.monotonic() + firstMs, asked: 0, told: null })
      const [oldest] = open.keys()
      if (open.size > openMax && oldest !== undefined) open.delete(oldest)
    },
    async keepAsking(signal) {
      while (!signal.aborted) {
        const due = [...open.values()].filter(({ dueMs }) => dueMs <= clock.monotonic()).slice(0, perRoundMax)
        for (const one of due) {
          if (signal.aborted) return
          one.asked += 1
          one.dueMs = clock.monotonic() + Math.min(firstMs * 2 ** one.asked, longestMs)
          if (one.asked >= timesMax) open.delete(one.id)
          // The store may be stuck, and stopping must not wait for it.
          await orAborted(signal, ask(one, signal)).catch((error: unknown) => {
            const facts = error instanceof EgressError ? { trouble: error.trouble } : { err: error }
            if (!signal.aborted) host.log.warn(facts, 'Asking for the state of a message has failed.')
          })
        }
        await clock.sleep(roundMs, signal)
      }
    },
  }
}
