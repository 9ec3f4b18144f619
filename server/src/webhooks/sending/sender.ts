/** One delivery from its turn to its outcome: worded, sent, judged, written. */
import { createBatch } from '../../lib/batch.ts'
import type { Clock } from '../../lib/clock.ts'
import { GatewayError } from '../../model/errors.ts'
import type { DeactivationReason } from '../../model/webhook.ts'
import type { Ended, Fared, HeldWebhook, WebhookQueueStore } from '../../store/webhooks/queue.ts'
import type { Wording } from '../wording.ts'
import { type AttemptOptions, attempt } from './attempt.ts'
import type { Endpoint, Flight } from './endpoint.ts'
import { type Verdict, verdictOf } from './verdict.ts'

export interface SenderOptions extends AttemptOptions {
  clock: Clock
  queue: Pick<WebhookQueueStore, 'finish'>
  wording: Wording
  scheduleMs: readonly number[]
  /** From 0 up to 1. */
  chance(): number
  /** A receiver was given up: its owner is told, and others forget what they kept of it. */
  deactivated(webhook: HeldWebhook, reason: DeactivationReason): Promise<void>
  onError(error: unknown): void
}

const exhaustedMax = 3

export class Sender {
  readonly #options: SenderOptions
  readonly #finish: (one: { ended: Ended; fared: Fared | null }) => Promise<void>

  constructor(options: SenderOptions) {
    this.#options = options
    this.#finish = createBatch<{ ended: Ended; fared: Fared | null }, void>({
      clock: options.clock,
      run: async (batch) => {
        const fared = new Map(batch.flatMap((one) => (one.fared === null ? [] : [[one.fared.webhookId, one.fared]])))
        await options.queue.finish(
          batch.map((one) => one.ended),
          [...fared.values()],
        )
        return batch.map(() => undefined)
      },
      rowsMax: 100,
      inFlightMax: 1,
      waitingMax: Number.POSITIVE_INFINITY,
      overloaded: () => new Error('Nothing is refused here.'),
      // One outcome that cannot be written is no reason to forget the others, and send them all again.
      isolates: (error) => !(error instanceof GatewayError),
    })
  }

  /** Null: given up because the process stops; somebody will do it again. */
  async send({ endpoint, delivery }: Flight, signal: AbortSignal): Promise<Landing | null> {
    const { wording, scheduleMs, clock } = this.#options
    const { webhook } = endpoint
    if (delivery.event === null) return lostEvent
    const worded = wording.event(webhook.dialect, delivery.event)
    if (worded === null) return { verdict: { do: 'delivered' }, outcome: 'unheard', tried: null, fine: null }
    const { dialect, secrets, asymmetric } = webhook
    const called = await attempt(this.#options, {
      ...{ url: delivery.url ?? webhook.url, dialect, asymmetric, worded },
      secrets: secrets.filter(({ until }) => until === null || Date.parse(until) > clock.now()),
      correlationId: delivery.event.correlationId,
      attempt: delivery.attempts + 1,
      signal,
    })
    if (called === null) return null
    const trial = { tries: delivery.tries, scheduleMs, chance: this.#options.chance(), now: clock.now() }
    const verdict = verdictOf(called.answer, trial)
    const outcome = verdict.do === 'giveUp' ? 'failed' : verdict.do
    const fine = verdict.do === 'delivered' || called.answer?.status === 429 || isRefusal(verdict)
    return { verdict, outcome, tried: called.tried, fine }
  }

  /** A bug of ours: it is tried again like a failure, and says nothing against the receiver. */
  broken({ delivery }: Flight, error: unknown): Landing {
    this.#options.onError(error)
    const { scheduleMs, clock } = this.#options
    const verdict = verdictOf(null, { tries: delivery.tries, scheduleMs, chance: 0.5, now: clock.now() })
    const tried = {
      durationMs: 0,
      responseStatus: null,
      responseExcerpt: null,
      error: 'The gateway failed to send it.',
    }
    return { verdict, outcome: verdict.do === 'giveUp' ? 'failed' : 'again', tried, fine: null }
  }

  async settle({ endpoint, delivery }: Flight, landing: Landing): Promise<void> {
    const { clock } = this.#options
    const { verdict, outcome, tried } = landing
    const reason = this.#judge(endpoint, landing)
    const afterMs = verdict.do === 'again' ? verdict.afterMs : 0
    if (verdict.do === 'again' && verdict.pauseMs > 0) endpoint.pause(clock.monotonic() + verdict.pauseMs)
    const ended = { delivery, fence: endpoint.webhook.fence, outcome, afterMs, tried }
    await this.#finish({ ended, fared: endpoint.news(clock.monotonic()) })
    if (reason === null || endpoint.lost) return
    await this.#options.deactivated(endpoint.webhook, reason)
  }

  /** A callback is one message's and has nobody to switch it on again, so it is never switched off. */
  #judge(endpoint: Endpoint, { verdict, outcome, fine }: Landing): DeactivationReason | null {
    if (outcome === 'delivered') endpoint.countDelivered()
    if (verdict.do !== 'giveUp' || endpoint.webhook.kind === 'callback' || fine === null) return null
    if (verdict.why === 'gone') return 'gone'
    if (verdict.why !== 'exhausted') return null
    return endpoint.countExhausted() >= exhaustedMax ? 'exhausted' : null
  }
}

export interface Landing {
  verdict: Verdict
  outcome: Ended['outcome']
  tried: Ended['tried']
  /** Of the receiver; null when nothing was asked of it. */
  fine: boolean | null
}

const lostEvent: Landing = {
  verdict: { do: 'giveUp', why: 'refused' },
  outcome: 'failed',
  tried: { durationMs: 0, responseStatus: null, responseExcerpt: null, error: 'The event is no longer kept.' },
  fine: null,
}

function isRefusal(verdict: Verdict): boolean {
  return verdict.do === 'giveUp' && verdict.why !== 'exhausted'
}
