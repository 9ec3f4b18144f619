/** What a phone does when something arrives: it says so, asks again for what it cannot read, and its owner may write back. */

import type { Group } from '../groups/group.ts'
import type { Party } from '../party/party.ts'
import { type Attributes, attribute, stanza } from '../wire/nodes.ts'
import { secondsOf, type World } from '../world.ts'
import { told } from './contents.ts'
import { appearance, type Mail, newId } from './mail.ts'
import type { Arrival } from './outbound.ts'

const retriesMax = 5

export class Arrivals {
  readonly #world: World
  readonly #mail: Mail
  readonly #retries = new Map<string, number>()

  constructor(world: World, mail: Mail) {
    this.#world = world
    this.#mail = mail
  }

  take(arrival: Arrival): void {
    const { background } = this.#world
    if (arrival.message === null) return void background.run(() => this.#askAgain(arrival))
    if (arrival.party === arrival.companion.owner) return
    background.run(() => this.#confirm(arrival))
    if (arrival.isNew) background.run(() => this.#show(arrival))
  }

  /** Says to all devices of the sender that messages were delivered or read. */
  confirm(
    party: Party,
    to: { sender: Party; group: Group | null; chat?: string },
    ids: readonly string[],
    type?: string,
  ): void {
    const [id, ...rest] = ids
    if (id === undefined) return
    const items = rest.map((other) => stanza('item', { id: other }))
    const content = items.length > 0 ? [stanza('list', {}, items)] : undefined
    const from = addressOf(party, to.group, to.chat)
    const attributes = { id, type, t: String(secondsOf(this.#world)), ...from }
    for (const companion of to.sender.companions) companion.give(stanza('receipt', attributes, content))
  }

  async #confirm({ party, companion, id, chat, group, message }: Arrival): Promise<void> {
    const { people, clock, background } = this.#world
    const { receiptAfterMs, receipt, readAfterMs } = people.behaviourOf(party.number)
    if (receiptAfterMs === null || receipt === 'failed') return
    if (receiptAfterMs > 0) await clock.sleep(receiptAfterMs, background.signal)
    const to = { sender: companion.owner, group, chat }
    this.confirm(party, to, [id])
    if (readAfterMs === null || message === null) return
    await clock.sleep(readAfterMs, background.signal)
    if (!background.signal.aborted) this.confirm(party, to, [id], 'read')
  }

  /** Tells whoever watches the people what came, and lets them write back. */
  async #show({ party, companion, id, group, message }: Arrival): Promise<void> {
    const { people, clock, media: host, background } = this.#world
    const { text, media } = told(message ?? {})
    if (text === null && media === null) return
    const from = companion.owner
    const plain = media === null ? null : await host.get(media.kind, media.file)
    const sha256 = Buffer.from(media?.file.fileSha256 instanceof Uint8Array ? media.file.fileSha256 : []).toString(
      'hex',
    )
    const shown = media === null ? [] : [{ mimeType: media.mimeType, bytes: plain?.length ?? 0, sha256 }]
    const named = { network: 'whatsapp', id, parts: [id], from: from.number, to: party.number }
    people.take({ ...named, text, media: shown, at: clock.now() })
    const { writesBack, writesBackAfterMs } = people.behaviourOf(party.number)
    if (writesBack === null || group !== null) return
    await clock.sleep(writesBackAfterMs, background.signal)
    const words = writesBack.replace('$text', () => text ?? '')
    if (background.signal.aborted) return
    await this.#mail.post({ from: party, to: from, message: { conversation: words }, id: newId() })
    people.tell({ what: 'said', network: 'whatsapp', from: party.number, text: words })
  }

  /** The second time with its keys, so that a new session can be begun. */
  async #askAgain({ party, companion, id, chat, group }: Arrival): Promise<void> {
    this.#world.unread.byPhones += 1
    const key = `${party.number} ${id}`
    const count = (this.#retries.get(key) ?? 0) + 1
    if (count > retriesMax) return
    if (this.#retries.size >= 10_000) this.#retries.clear()
    this.#retries.set(key, count)
    const [registration, ...keys] = await party.device.bundle()
    if (registration === undefined) return
    const t = String(secondsOf(this.#world))
    const again = stanza('retry', { count: String(count), id, t, v: '1' })
    const content = [again, registration, ...(count > 1 ? [stanza('keys', {}, keys)] : [])]
    companion.give(stanza('receipt', { id, type: 'retry', t, ...addressOf(party, group, chat) }, content))
  }
}

/** Under the address that the sender used, or else as they are known. */
function addressOf(party: Party, group: Group | null, chat: string | undefined): Attributes {
  if (group !== null) return { from: group.id, participant: party.lid }
  if (chat !== undefined) return { from: chat }
  return { from: attribute(stanza('', appearance(party)), 'from') ?? party.jid }
}
