/** One message out: cut into parts, submitted in order, and what became of the parts as one outcome. */
import type { Clock } from '../../../lib/clock.ts'
import { createPace, type Pace } from '../../../lib/pace.ts'
import { SendFailure } from '../../../model/delivery.ts'
import type { ProviderMessageId } from '../../../model/ids.ts'
import { type SmsText, smsTextOf } from '../../../model/sms-text.ts'
import type { Accepted, Outgoing } from '../../connector.ts'
import { chatOf, handleIn } from '../chats.ts'
import { type Address, addressOf } from './addresses.ts'
import { type Piece, piecesOf } from './content.ts'
import { failureOfStatus } from './failures.ts'
import type { Body, Tags } from './pdu.ts'
import { comparableId } from './receiving/receipts.ts'
import type { Outcome } from './session.ts'
import type { SmppSettings } from './settings.ts'

export interface SenderOptions {
  clock: Clock
  chance(): number
  settings: SmppSettings
  submit(body: Partial<Body>, tags: Tags, signal: AbortSignal): Promise<Outcome>
}

/** A part that has to wait is submitted again for so long, once an earlier one went out. */
const insistMs = 20_000
const againMs = { first: 500, longest: 4_000 }

interface Prepared {
  handle: string
  source: Address
  destination: Address
  text: SmsText
}

export class Sender {
  readonly #options: SenderOptions
  readonly #pace: Pace
  #reference: number
  #throttledInARow = 0

  constructor(options: SenderOptions) {
    const { clock, chance, settings } = options
    this.#options = options
    this.#pace = createPace({ clock, perSecond: settings.perSecond, burst: Math.max(1, settings.perSecond) })
    this.#reference = Math.floor(chance() * 0x10000)
  }

  turn({ ref, text }: Outgoing): number {
    const segments = smsTextOf(text ?? '').parts.length
    // What is refused anyhow need not wait for it.
    return segments > this.#options.settings.segmentsMax ? 0 : this.#pace.turn(ref, segments)
  }

  async send(message: Outgoing, signal: AbortSignal): Promise<Accepted> {
    const prepared = this.#prepare(message)
    const { concat } = this.#options.settings
    this.#reference = (this.#reference + 1) & 0xffff
    const [first, ...rest] = piecesOf(prepared.text, concat, this.#reference)
    const idOf = (id: string, index: number) => this.#idOf(id, `${message.ref}${index === 0 ? '' : `-${index + 1}`}`)
    // Alone, so that when it is refused nothing of the message has gone out.
    const firstId = await this.#submit(prepared, first as Piece, signal)
    if (firstId instanceof SendFailure) throw firstId
    const untilMs = this.#options.clock.monotonic() + insistMs
    const others = await Promise.all(rest.map((piece) => this.#insist(prepared, piece, { untilMs, signal })))
    const failure = failureOfParts(others)
    if (failure !== null) throw failure
    const ids = [firstId, ...others.filter((one) => typeof one === 'string')].map(idOf)
    const chat = chatOf(prepared.handle)
    const parts = [...new Set(ids)]
    const providerId = ids[0] as ProviderMessageId
    return parts.length > 1 ? { providerId, chat, parts } : { providerId, chat }
  }

  #prepare({ to, text, attachments }: Outgoing): Prepared {
    const { settings } = this.#options
    const handle = handleIn(to)
    const destination = addressOf(handle)
    if (destination === null)
      throw new SendFailure('unreachable', 'NO_CHANNEL_AVAILABLE', 'No SMS goes to this address; it is no number.')
    if (attachments.length > 0 || text === null || text === '')
      throw new SendFailure('refused', 'SMS_REJECTED', 'Send a text: SMPP carries nothing else.')
    const { source, segmentsMax } = settings
    if (source === null)
      throw new SendFailure('refused', 'SMS_SENDER_NOT_ALLOWED', 'Give the line a number, short code or name.')
    const cut = smsTextOf(text)
    if (cut.parts.length > segmentsMax) {
      const detail = `The text takes ${cut.parts.length} parts; this line sends at most ${segmentsMax}. Shorten it.`
      throw new SendFailure('refused', 'SMS_TOO_LONG', detail)
    }
    const ton = settings.destinationTon ?? destination.ton
    const npi = settings.destinationNpi ?? destination.npi
    return { handle, source, destination: { ...destination, ton, npi }, text: cut }
  }

  /** The id that the SMSC gave it, or how it failed. */
  async #submit({ source, destination }: Prepared, piece: Piece, signal: AbortSignal): Promise<string | SendFailure> {
    const body: Partial<Body> = {
      ...{ sourceTon: source.ton, sourceNpi: source.npi, source: source.digits },
      ...{ destinationTon: destination.ton, destinationNpi: destination.npi, destination: destination.digits },
      ...piece.body,
      registeredDelivery: 1,
    }
    const outcome = await this.#options.submit(body, piece.tags, signal)
    if ('unsent' in outcome) return new SendFailure('retryable', 'SMS_SEND_FAILED', outcome.unsent, { scope: 'link' })
    if ('unanswered' in outcome) return new SendFailure('uncertain', 'PROVIDER_TIMEOUT', outcome.unanswered)
    const { status, body: answer } = outcome.answer
    if (status === 0) {
      this.#throttledInARow = 0
      return answer.messageId
    }
    const failure = failureOfStatus(status, this.#throttledInARow)
    if (failure.throttled) {
      this.#throttledInARow += 1
      this.#pace.pause(failure.retryAfterMs ?? againMs.first)
    }
    return failure
  }

  async #insist(
    prepared: Prepared,
    piece: Piece,
    { untilMs, signal }: { untilMs: number; signal: AbortSignal },
  ): Promise<string | SendFailure> {
    const { clock } = this.#options
    let pauseMs: number = againMs.first
    for (;;) {
      const outcome = await this.#submit(prepared, piece, signal)
      const leftMs = untilMs - clock.monotonic()
      const mayPass = outcome instanceof SendFailure && outcome.kind === 'retryable'
      if (!mayPass || signal.aborted || leftMs <= 0) return outcome
      await clock.sleep(Math.min(pauseMs, leftMs), signal)
      pauseMs = Math.min(2 * pauseMs, againMs.longest)
    }
  }

  /** Some SMSCs give no id: one is made up, and no receipt will ever name it. */
  #idOf(id: string, ref: string): ProviderMessageId {
    const own = id === '' ? `none-${ref}` : comparableId(id, 'response', this.#options.settings.idFormat)
    return own as ProviderMessageId
  }
}

/** Of the parts behind the first, which was taken. Null when all were. */
function failureOfParts(outcomes: readonly (string | SendFailure)[]): SendFailure | null {
  const failures = outcomes.filter((one) => one instanceof SendFailure)
  const known = failures.find(({ kind }) => kind !== 'uncertain')
  if (known === undefined) return failures[0] ?? null
  const code = known.kind === 'refused' ? known.code : 'SMS_SEND_FAILED'
  const [all, missing] = [outcomes.length + 1, failures.length]
  const detail = `Of ${all} parts, ${missing} did not go out; the others did. ${known.message}`
  return new SendFailure('refused', code, detail, { partly: true })
}
