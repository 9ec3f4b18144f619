/** From what arrives to what the gateway has: chat by chat in order, and again until it is taken. */
import type { BinaryNode } from 'baileys'
import type { Clock } from '../../lib/clock.ts'
import type { Host, Incoming, IncomingMessage } from '../connector.ts'
import type { Expiries } from './expiries.ts'
import { expiryOf, expiryOfNotice } from './receiving/expiry.ts'
import { type Ear, type Heard, toldBy } from './receiving/heard.ts'
import { type NoticeEar, noticesOf, touches, typingOf } from './receiving/notices.ts'
import { receiptOf } from './receiving/receipts.ts'
import type { Here } from './receiving/stanzas.ts'

export interface HearingParts {
  host: Host
  clock: Clock
  /** The link has been stopped: what is not taken by now is taken after the next start. */
  signal: AbortSignal
  ear: Ear & NoticeEar & Here
  expiries: Expiries
  /** Somebody wrote to us. */
  wrote(message: IncomingMessage): void
  /** What is known of this group may be wrong now. */
  forgetGroup(chat: string): void
}

const pausesMs = [50, 200, 500, 2_000, 10_000, 30_000] as const

export class Hearing {
  readonly #parts: HearingParts
  /** The end of what is under way in each chat. */
  readonly #chats = new Map<string, Promise<void>>()

  constructor(parts: HearingParts) {
    this.#parts = parts
  }

  /** Resolves when all that it says is durable. */
  message(heard: Heard): Promise<void> {
    const { ear, expiries, wrote } = this.#parts
    return this.#inChat(heard.message.key.remoteJid ?? '', async () => {
      const expiry = await expiryOf(heard, ear)
      if (expiry !== null) await expiries.note(expiry)
      for (const event of await toldBy(heard, ear)) {
        await this.#untilTaken(event)
        if (event.kind === 'message') wrote(event)
      }
    })
  }

  /** Rejects only when the link has ended. */
  receipt(node: BinaryNode): Promise<void> {
    return this.#unlessStrange('a receipt', async () => {
      for (const event of receiptOf(node, this.#parts.ear)) await this.#untilTaken(event)
    })
  }

  /** Like `receipt`. */
  notice(node: BinaryNode): Promise<void> {
    return this.#unlessStrange('a notice', () => this.#notice(node))
  }

  async #notice(node: BinaryNode): Promise<void> {
    const { ear, expiries, forgetGroup } = this.#parts
    const touched = touches(node)
    if (touched !== null) forgetGroup(touched)
    const expiry = expiryOfNotice(node, ear)
    if (expiry !== null) await expiries.note(expiry)
    const told = noticesOf(node, ear)
    if (told.length === 0) return
    await this.#inChat(node.attrs.from ?? '', async () => {
      for (const event of told) await this.#untilTaken(event)
    })
  }

  /** Old by the time it could be repeated. */
  async chatState(node: BinaryNode): Promise<void> {
    const { host, ear } = this.#parts
    for (const event of await typingOf(node, ear))
      await host.receive(event).catch((error: unknown) => host.log.warn({ err: error }, 'a typing notice was lost'))
  }

  /** What we cannot make sense of would come again for ever if it were not acknowledged. */
  async #unlessStrange(what: string, work: () => Promise<void>): Promise<void> {
    const { host, signal } = this.#parts
    try {
      await work()
    } catch (error) {
      if (signal.aborted) throw error
      host.log.error({ err: error }, `${what} could not be understood`)
    }
  }

  #inChat(chat: string, work: () => Promise<void>): Promise<void> {
    const turn = (this.#chats.get(chat) ?? Promise.resolve()).then(work)
    const end = turn
      // Who asked hears of it; the next in line only waits.
      .catch(() => {})
      .then(() => {
        if (this.#chats.get(chat) === end) this.#chats.delete(chat)
      })
    this.#chats.set(chat, end)
    return turn
  }

  async #untilTaken(event: Incoming): Promise<void> {
    const { host, clock, signal, ear } = this.#parts
    for (let tries = 0; ; tries++) {
      if (signal.aborted) throw new Error('This link has been stopped.')
      try {
        await host.receive(event)
        ear.pairs.told(event)
        return
      } catch (error) {
        host.log.warn(
          { err: error, kind: event.kind, attempts: tries + 1 },
          'what was heard could not be stored; it is told again',
        )
      }
      await clock.sleep(pausesMs[Math.min(tries, pausesMs.length - 1)] ?? 30_000, signal)
    }
  }
}
