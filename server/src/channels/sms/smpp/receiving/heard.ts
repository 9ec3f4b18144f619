/**
 * Messages from people carry no id in SMPP, so they get one here: a new one each, but the same when the SMSC delivers
 * again what we did not acknowledge, or what we did and cannot know whether it heard so.
 */
import { createHash, randomUUID } from 'node:crypto'
import type { Clock } from '../../../../lib/clock.ts'
import type { ProviderMessageId } from '../../../../model/ids.ts'
import { type Pdu, tag } from '../pdu.ts'
import type { Journal } from './journal.ts'

export interface Delivery {
  readonly id: ProviderMessageId
  readonly mark: string
  /** It is safe with us: another one need only be acknowledged. */
  taken: boolean
  /** The session it came over, as long as that may still hear our answer; null when it may come again. */
  carrier: object | null
  leftAtMs: number
  /** Heard by a process that is gone, which may have taken it or not. */
  readonly isFromBefore: boolean
}

/**
 * What we took counts as a repeat for so long after its session ended. After that, people who write the same again
 * are more likely than an SMSC that missed our acknowledgement; and told twice is better than lost.
 */
const repeatsForMs = 60_000
/** What is older is forgotten: told twice at worst, never lost. */
const keptMax = 10_000

export class Heard {
  readonly #clock: Pick<Clock, 'monotonic' | 'sleep'>
  readonly #journal: Journal | null
  readonly #deliveries = new Set<Delivery>()
  readonly #byMark = new Map<string, Delivery[]>()
  /** Where each acknowledgement was written of which nobody knows yet whether it arrived. */
  readonly #acknowledged = new Map<Delivery, number>()

  constructor(clock: Pick<Clock, 'monotonic' | 'sleep'>, journal: Journal | null = null) {
    this.#clock = clock
    this.#journal = journal
  }

  /** Takes up what a process that is gone had heard. */
  async load(): Promise<void> {
    const here = new Set([...this.#deliveries].map(({ id }) => id))
    for (const { id, mark } of (await this.#journal?.load()) ?? []) {
      if (here.has(id)) continue
      const leftAtMs = this.#clock.monotonic()
      this.#add({ id, mark, taken: false, carrier: null, leftAtMs, isFromBefore: true })
    }
  }

  /** Forgets what does not come again any more, until the signal aborts. */
  async watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#clock.sleep(repeatsForMs, signal)
      this.#tidy(this.#deliveries)
    }
  }

  /** Resolves once it would be known again by another process too. */
  async keep(delivery: Delivery): Promise<void> {
    await this.#journal?.keep(delivery)
  }

  /** What this is: one that came before, unless that one is still under way, or something new. */
  open(pdu: Pdu, carrier: object): Delivery {
    const mark = markOf(pdu)
    this.#tidy(this.#byMark.get(mark) ?? [])
    const known = this.#byMark.get(mark)?.find((one) => one.carrier === null)
    if (known !== undefined) {
      known.carrier = carrier
      return known
    }
    return this.#add({ id: mint(), mark, taken: false, carrier, leftAtMs: 0, isFromBefore: false })
  }

  acknowledged(delivery: Delivery, point: number): void {
    this.#acknowledged.set(delivery, point)
  }

  /** The SMSC was told to bring it again. */
  again(delivery: Delivery, carrier: object): void {
    if (delivery.carrier === carrier) delivery.carrier = null
  }

  /** The SMSC has read all that this session wrote before this point. */
  proved(carrier: object, point: number): void {
    for (const [delivery, at] of this.#acknowledged) {
      if (delivery.carrier === carrier && at < point) this.#forget(delivery)
    }
  }

  /** This session is gone: whatever it had not proved to have heard may come again. */
  left(carrier: object): void {
    for (const delivery of this.#deliveries) {
      if (delivery.carrier !== carrier) continue
      delivery.carrier = null
      delivery.leftAtMs = this.#clock.monotonic()
      this.#acknowledged.delete(delivery)
    }
  }

  /** A session is about to be opened: only now may anything come again, however long nobody was there. */
  resume(): void {
    for (const delivery of this.#deliveries) {
      if (delivery.carrier === null) delivery.leftAtMs = this.#clock.monotonic()
    }
  }

  #tidy(deliveries: Iterable<Delivery>): void {
    const now = this.#clock.monotonic()
    for (const one of deliveries) {
      if (one.carrier === null && (one.taken || one.isFromBefore) && one.leftAtMs + repeatsForMs < now)
        this.#forget(one)
    }
  }

  #add(delivery: Delivery): Delivery {
    this.#deliveries.add(delivery)
    this.#byMark.set(delivery.mark, [...(this.#byMark.get(delivery.mark) ?? []), delivery])
    const [oldest] = this.#deliveries
    if (this.#deliveries.size > keptMax && oldest !== undefined) this.#forget(oldest)
    return delivery
  }

  #forget(delivery: Delivery): void {
    this.#journal?.forget(delivery.id)
    this.#deliveries.delete(delivery)
    this.#acknowledged.delete(delivery)
    const others = (this.#byMark.get(delivery.mark) ?? []).filter((one) => one !== delivery)
    if (others.length === 0) this.#byMark.delete(delivery.mark)
    else this.#byMark.set(delivery.mark, others)
  }
}

/** Everything but the sequence number, which differs each time. */
function markOf({ body, tags }: Pdu): string {
  const hash = createHash('sha256')
  const { source, destination, esmClass, dataCoding } = body
  hash.update(JSON.stringify([source, destination, esmClass, dataCoding])).update(body.shortMessage)
  for (const number of [tag.messagePayload, tag.sarReference, tag.sarTotal, tag.sarSequence]) {
    hash.update(`/${number}/`).update(tags.get(number) ?? '')
  }
  return hash.digest('base64')
}

export function mint(): ProviderMessageId {
  return `in-${randomUUID()}` as ProviderMessageId
}
