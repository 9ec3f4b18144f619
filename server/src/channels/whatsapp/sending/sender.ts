/** Hands messages to WhatsApp one part after the other, and waits for the server's word on each: only that is "sent". */
import { type AnyMessageContent, type BinaryNode, generateWAMessage, type WAMessage } from 'baileys'
import { SendFailure } from '../../../model/delivery.ts'
import { sealing } from '../keys/repository.ts'
import { ackOf } from '../receiving/acks.ts'
import type { Up } from '../session/session.ts'
import type { Part } from './contents.ts'
import { failureOf, refusalOf, unanswered } from './failures.ts'

type Answer = { error: string | null } | 'none'

const what = 'take the message'

/** New outreach is what this is about: repeating it makes the restriction worse. */
const restricted = '463'
const stale = '479'

export class Sender {
  /** By the id of the message. */
  readonly #waiting = new Map<string, { ended: Promise<unknown>; answer(answer: Answer): void }>()
  /** Connections whose end is waited for, once for all messages: what waits on a promise stays with it. */
  readonly #watched = new WeakMap<Promise<unknown>, { isOver: boolean }>()

  answered(node: BinaryNode): void {
    const ack = ackOf(node)
    if (ack !== null) this.#waiting.get(ack.id)?.answer(ack)
  }

  /** All parts or a failure. When the first of them are out and one is refused, that is said with the failure. */
  async send(up: Up, jid: string, parts: readonly Part[], signal: AbortSignal): Promise<void> {
    for (const [nth, part] of parts.entries()) {
      try {
        if (signal.aborted) throw nth === 0 ? notBegun() : unanswered()
        await this.#hand(up, jid, await readied(up, jid, part), signal)
      } catch (error) {
        if (nth === 0 || !(error instanceof SendFailure) || error.kind !== 'refused') throw error
        throw new SendFailure(error.kind, error.code, error.message, { scope: error.scope, partly: true })
      }
    }
  }

  /** Something small about another message, with an id of its own. */
  async say(
    up: Up,
    jid: string,
    { content, id, signal }: { content: AnyMessageContent; id: string; signal: AbortSignal },
  ): Promise<void> {
    const message = await generateWAMessage(jid, content, {
      ...{ userJid: up.live.identity, messageId: id },
      upload: () => Promise.reject(new Error('There is nothing to upload.')),
    })
    await this.#hand(up, jid, message, signal)
  }

  /** Kept before it leaves: whoever cannot read it asks again. */
  async #hand({ live, ground }: Up, jid: string, message: WAMessage, signal: AbortSignal): Promise<void> {
    const id = message.key.id ?? ''
    const content = message.message
    if (!content) throw new SendFailure('refused', 'CONTENT_NOT_SUPPORTED', 'There is nothing to send.')
    if (signal.aborted) throw notBegun()
    await ground.sent.keep(id, content)
    const answer = this.#answerTo(id, live.ended, signal)
    const sealed = { hasBegun: false }
    try {
      const relaying = sealing
        .run(sealed, () => live.socket.relayMessage(jid, content, { messageId: id }))
        .then(() => answer)
      // Its queries wait a minute for a server that says nothing; an aborted send waits no longer.
      refuse(await Promise.race([answer, relaying]))
    } catch (error) {
      // Its questions come before the message: when the connection is gone by then, nothing has left.
      throw failureOf(error, { what, ...(!sealed.hasBegun && { harmless: true }) })
    } finally {
      this.#waiting.delete(id)
    }
  }

  #answerTo(id: string, ended: Promise<unknown>, signal: AbortSignal): Promise<Answer> {
    return new Promise<Answer>((resolve) => {
      const none = () => resolve('none')
      this.#waiting.set(id, { ended, answer: resolve })
      signal.addEventListener('abort', none, { once: true })
      if (signal.aborted || this.#watch(ended).isOver) none()
    })
  }

  #watch(ended: Promise<unknown>): { isOver: boolean } {
    const known = this.#watched.get(ended)
    if (known !== undefined) return known
    const watched = { isOver: false }
    this.#watched.set(ended, watched)
    void ended.then(() => {
      watched.isOver = true
      for (const one of this.#waiting.values()) if (one.ended === ended) one.answer('none')
    })
    return watched
  }
}

function refuse(answer: Answer): void {
  if (answer === 'none') throw unanswered()
  const { error } = answer
  if (error === null) return
  if (error === restricted) {
    const why =
      'WhatsApp does not let this number write to new people for now (463). It lasts hours; do not send again.'
    throw new SendFailure('refused', 'WHATSAPP_RATE_LIMITED', why)
  }
  if (error === stale) throw new SendFailure('refused', 'WHATSAPP_REJECTED', 'WhatsApp did not take the message (479).')
  const code = Number(error) || 0
  if (code >= 500)
    throw new SendFailure(
      'retryable',
      'WHATSAPP_SEND_FAILED',
      `WhatsApp could not take the message just now (${code}).`,
    )
  throw refusalOf(code, { what })
}

function notBegun(): SendFailure {
  return new SendFailure('retryable', 'WHATSAPP_SEND_FAILED', 'There was no time left to send it.')
}

/** Files are uploaded here: nothing of the message has left when that fails. */
async function readied({ live }: Up, jid: string, { content, options }: Part): Promise<WAMessage> {
  try {
    return await generateWAMessage(jid, await content(), {
      ...options,
      userJid: live.identity,
      upload: live.socket.waUploadToServer,
    })
  } catch (error) {
    if (error instanceof SendFailure) throw error
    const why = 'The file could not be handed to WhatsApp.'
    throw new SendFailure('retryable', 'WHATSAPP_SEND_FAILED', why)
  }
}
