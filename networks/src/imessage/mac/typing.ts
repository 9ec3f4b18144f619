/** Who is typing: what people are shown of the line, and what the line is told of people. */
import type { Chat } from '../store/rows.ts'
import type { World } from '../world.ts'

const repeatsAfterMs = 5_000

export class Typing {
  readonly #told = new Map<string, { isTyping: boolean; at: number }>()
  readonly #shown = new Set<string>()

  /** The same again is told after a while only. */
  hear({ webhooks, clock }: World, guid: string, isTyping: boolean): void {
    const before = this.#told.get(guid)
    const at = clock.now()
    if (before?.isTyping === isTyping && at - before.at <= repeatsAfterMs) return
    this.#told.set(guid, { isTyping, at })
    webhooks.tell('typing-indicator', { display: isTyping, guid })
  }

  show({ clock, parties, mac }: World, chat: Chat, isTyping: boolean): void {
    if (isTyping) this.#shown.add(chat.guid)
    else this.#shown.delete(chat.guid)
    if (!mac.isRegistered) return
    for (const { address } of chat.participants)
      parties.of(address).noteTyping({ chat: chat.guid, isTyping, at: clock.now() })
  }

  /** Whoever sends does not type any more. */
  endFor(world: World, chat: Chat): void {
    if (this.#shown.has(chat.guid)) this.show(world, chat, false)
  }
}
