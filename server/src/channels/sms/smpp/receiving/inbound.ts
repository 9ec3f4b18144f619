/** What one session brings: told to the gateway in the order of each sender, and acknowledged once that is durable. */
import { Readable } from 'node:stream'
import type { Clock } from '../../../../lib/clock.ts'
import type { Handle, ProviderMessageId } from '../../../../model/ids.ts'
import type { Host, Incoming, IncomingMedia } from '../../../connector.ts'
import { chatOf } from '../../chats.ts'
import { handleOf } from '../addresses.ts'
import { contentOf, readAll } from '../content.ts'
import type { Pdu } from '../pdu.ts'
import type { Reply } from '../session.ts'
import type { IdFormat } from '../settings.ts'
import type { Delivery, Heard } from './heard.ts'
import type { Joined, Reassembly } from './reassembly.ts'
import { comparableId, isReceipt, type Receipt, receiptOf } from './receipts.ts'

export interface InboundOptions {
  clock: Clock
  host: Host
  heard: Heard
  reassembly: Reassembly
  idFormat: IdFormat
}

/** command_status of our answers. `again`: temporary application error. */
const status = { taken: 0, noSender: 0x0a, again: 0x64 }

/** The messages of one sender, or the receipts of one message. */
interface Lane {
  tail: Promise<void>
  waiting: number
  /** Rises when something was not taken: what came after it has to come again after it. */
  epoch: number
}

export class Inbound {
  readonly #options: InboundOptions
  readonly #lanes = new Map<string, Lane>()

  constructor(options: InboundOptions) {
    this.#options = options
  }

  hear(pdu: Pdu, reply: Reply): void {
    const { heard } = this.#options
    const receipt = isReceipt(pdu) ? receiptOf(pdu) : null
    const name = receipt === null ? `from ${pdu.body.source}` : `receipt ${receipt.id}`
    const lane = this.#lanes.get(name) ?? { tail: Promise.resolve(), waiting: 0, epoch: 0 }
    this.#lanes.set(name, lane)
    lane.waiting += 1
    const { epoch } = lane
    // Known by now whether it came before: what is under way on this session is nothing that came again.
    const delivery = receipt === null ? heard.open(pdu, this) : null
    const work = () =>
      delivery === null ? this.#receipt(receipt ?? receiptOf(pdu), pdu, reply) : this.#message(pdu, delivery, reply)
    lane.tail = lane.tail.then(async () => {
      const isTaken = lane.epoch === epoch && (await this.#try(work))
      if (!isTaken) {
        lane.epoch += 1
        if (delivery !== null) heard.again(delivery, this)
        reply(status.again)
      }
      lane.waiting -= 1
      if (lane.waiting === 0) this.#lanes.delete(name)
    })
  }

  async #try(work: () => Promise<void>): Promise<boolean> {
    try {
      await work()
      return true
    } catch (error) {
      this.#options.host.log.warn({ channel: 'sms', error }, 'An event was not taken; it will be delivered again.')
      return false
    }
  }

  async #receipt(receipt: Receipt, { body }: Pdu, reply: Reply): Promise<void> {
    const { clock, host, idFormat } = this.#options
    if (receipt.id === null)
      host.log.warn({ channel: 'sms' }, 'A receipt names no message; nothing can be done with it.')
    else {
      const providerId = comparableId(receipt.id, 'receipt', idFormat) as ProviderMessageId
      const at = timeOf(receipt, clock.now())
      // Most SMSCs write receipts the other way round than the message, and some do not.
      const to = [
        handleOf({ ton: body.destinationTon, digits: body.destination }),
        handleOf({ ton: body.sourceTon, digits: body.source }),
      ]
      await host.receive({ kind: 'receipt', providerId, status: receipt.status, at, detail: receipt.detail, to })
    }
    reply(status.taken)
  }

  async #message(pdu: Pdu, delivery: Delivery, reply: Reply): Promise<void> {
    const { source, sourceTon } = pdu.body
    const to = handleOf({ ton: pdu.body.destinationTon, digits: pdu.body.destination })
    const { clock, heard, host, reassembly } = this.#options
    const from = handleOf({ ton: sourceTon, digits: source })
    if (from === '') {
      host.log.warn({ channel: 'sms' }, 'A message names no sender; it is refused.')
      reply(status.noSender)
      return
    }
    const { written, place } = contentOf(pdu)
    if (delivery.taken) host.log.info({ channel: 'sms' }, 'A message came again that is safe already.')
    else if (place === null) {
      await heard.keep(delivery)
      await host.receive(messageOf({ id: delivery.id, from, to, pieces: [written] }, clock))
    } else {
      const part = { from, to, place, written }
      // Only a part that made its message whole is known from before: without that message it has been told.
      const isTold = delivery.isFromBefore && !reassembly.isOpen(part)
      if (!isTold) await reassembly.take(part, () => heard.keep(delivery))
    }
    delivery.taken = true
    const point = reply(status.taken)
    if (point !== null) heard.acknowledged(delivery, point)
  }
}

export function messageOf({ id, from, to, pieces }: Joined, clock: Pick<Clock, 'now'>): Incoming {
  const content = readAll(pieces)
  return {
    kind: 'message',
    providerId: id,
    chat: chatOf(from),
    from: from as Handle,
    to: [to as Handle],
    at: new Date(clock.now()),
    echoOf: null,
    text: 'text' in content ? content.text : null,
    attachments: 'text' in content ? [] : [fileOf(content.binary)],
    replyTo: null,
    group: null,
  }
}

/** Octets that nobody called text, such as settings and cards of phones. */
function fileOf(octets: Uint8Array): IncomingMedia {
  const bytes = Buffer.from(octets)
  return {
    mimeType: 'application/octet-stream',
    filename: null,
    bytes: bytes.length,
    voiceNote: false,
    open: async () => Readable.from([bytes], { objectMode: false }),
  }
}

/** SMSCs write their own local time and do not say where they are: one that is not about now is not believed. */
function timeOf({ doneAt }: Receipt, nowMs: number): Date {
  const agoMs = nowMs - (doneAt?.getTime() ?? 0)
  return doneAt !== null && agoMs >= 0 && agoMs < believedMs ? doneAt : new Date(nowMs)
}

const believedMs = 10 * 60_000
