/** Webhooks as the server keeps and calls them: no signature, no second try, no order, and nobody waits for an answer. */
import { badRequest } from '../http/envelope.ts'

export interface Webhook {
  readonly id: number
  readonly url: string
  readonly events: readonly string[]
  readonly created: string
}

const values = [
  ...['*', 'new-message', 'updated-message', 'message-send-error', 'group-name-change', 'group-icon-changed'],
  ...['group-icon-removed', 'participant-removed', 'participant-added', 'participant-left'],
  ...['chat-read-status-changed', 'typing-indicator', 'scheduled-message-error', 'server-update', 'new-server'],
  ...['new-findmy-location', 'hello-world', 'incoming-facetime', 'ft-call-status-changed', 'imessage-alias-removed'],
  ...['theme-backup-created', 'theme-backup-updated', 'theme-backup-deleted'],
  ...['settings-backup-created', 'settings-backup-updated', 'settings-backup-deleted'],
]
const webhooksMax = 100
const underWayMax = 5_000

/** All of them, a share that is drawn from a seed, or none. */
export type Lost = 'all' | { share: number; seed?: number } | null

export class Webhooks {
  readonly #registered = new Map<number, Webhook>()
  readonly #stopped = new AbortController()
  #lastId = 0
  #lost: Lost = null
  #dice = 0
  #underWay = 0

  get registered(): readonly Webhook[] {
    return [...this.#registered.values()]
  }

  get underWay(): number {
    return this.#underWay
  }

  /** One that is known stays as it was, whatever events are asked for now. */
  register(url: string, events: readonly unknown[], at: number): Webhook {
    for (const event of events) {
      if (typeof event !== 'string') throw badRequest('Webhook events must be strings!')
      if (!values.includes(event))
        throw badRequest(`Invalid webhook event: ${event}! Webhook must be one of: ${values}`)
    }
    const known = this.registered.find((one) => one.url === url)
    if (known !== undefined) return known
    if (this.#registered.size >= webhooksMax) throw badRequest('Too many webhooks')
    this.#lastId += 1
    const created = new Date(at).toISOString()
    const webhook = { id: this.#lastId, url, events: events.map(String), created }
    this.#registered.set(webhook.id, webhook)
    return webhook
  }

  remove(id: number): void {
    this.#registered.delete(id)
  }

  lose(lost: Lost): void {
    this.#lost = lost
    this.#dice = lost !== null && lost !== 'all' ? (lost.seed ?? 1) : 0
  }

  tell(type: string, data: unknown): void {
    const body = JSON.stringify({ type, data })
    for (const { url, events } of this.registered) {
      if (!events.includes('*') && !events.includes(type)) continue
      if (!this.#isLost() && this.#underWay < underWayMax) void this.#post(url, body)
    }
  }

  stop(): void {
    this.#stopped.abort()
  }

  async #post(url: string, body: string): Promise<void> {
    this.#underWay += 1
    try {
      const headers = { 'content-type': 'application/json', 'user-agent': 'axios/1.7.4' }
      const reply = await fetch(url, { method: 'POST', headers, body, signal: this.#stopped.signal })
      await reply.arrayBuffer()
    } catch {
      // As the real one does: what was not taken is gone.
    } finally {
      this.#underWay -= 1
    }
  }

  #isLost(): boolean {
    if (this.#lost === null || this.#lost === 'all') return this.#lost !== null
    // The same seed loses the same webhooks: the generator Mulberry32.
    this.#dice = (this.#dice + 0x6d2b79f5) | 0
    const once = Math.imul(this.#dice ^ (this.#dice >>> 15), 1 | this.#dice)
    const twice = (once + Math.imul(once ^ (once >>> 7), 61 | once)) ^ once
    return ((twice ^ (twice >>> 14)) >>> 0) / 4_294_967_296 < this.#lost.share
  }
}
