/** How a phone writes: sealed for each device that is to read it, its owner's other devices included, and kept for retries. */
import { randomBytes } from 'node:crypto'
import type { proto } from 'baileys'
import type { Group } from '../groups/group.ts'
import type { Companion } from '../party/companion.ts'
import type { Sealed } from '../party/device.ts'
import type { Party, Received } from '../party/party.ts'
import { type Attributes, attribute, type BinaryNode, child, stanza } from '../wire/nodes.ts'
import { secondsOf, type World } from '../world.ts'

export interface Letter {
  from: Party
  to: Party | Group
  message: proto.IMessage
  id: string
}

/** What a phone still knows when it is asked to send again. */
export type Sent = Map<string, Letter>

const sentMax = 2_000
const keysGiven = new WeakMap<Party, Map<string, Set<Companion>>>()

export class Mail {
  readonly #world: World
  readonly #sent: Sent = new Map()

  constructor(world: World) {
    this.#world = world
  }

  async post(letter: Letter): Promise<void> {
    const { from, to, message, id } = letter
    this.#keep(letter)
    const people = isGroup(to) ? [...to.members.keys()] : [to]
    const received: Received = {
      ...{ id, from: from.number, isOwn: false, device: 0, message, at: this.#world.clock.now() },
      chat: isGroup(to) ? to.id : from.number,
    }
    for (const person of people) if (person !== from) person.take(received)
    if (isGroup(to)) return this.#postToGroup(letter, to)
    for (const companion of ready(to)) await this.#postTo(letter, companion)
    if (to !== from) for (const companion of ready(from)) await this.#postTo(letter, companion)
  }

  /** A device could not read it and asks for it again. */
  async again(companion: Companion, receipt: BinaryNode): Promise<void> {
    const letter = this.#sent.get(attribute(receipt, 'id') ?? '')
    if (letter === undefined) return
    const { to } = letter
    const count = attribute(child(receipt, 'retry'), 'count') ?? '1'
    const message = isGroup(to) ? letter.message : this.#messageFor(letter, companion)
    const sealed = await letter.from.device.seal(companion.jid, message, () => bundleIn(receipt, companion), true)
    companion.give(this.#stanza(letter, companion, [enc(sealed, { count })]))
  }

  async #postTo(letter: Letter, companion: Companion): Promise<void> {
    const message = this.#messageFor(letter, companion)
    const sealed = await letter.from.device.seal(companion.jid, message, () => companion.bundle())
    companion.give(this.#stanza(letter, companion, [enc(sealed)]))
  }

  /** A device that has not the key of this sender yet gets it along with the message. */
  async #postToGroup(letter: Letter, group: Group): Promise<void> {
    const { from, message } = letter
    const { ciphertext, key } = await from.device.sealGroup(group.id, from.lid, message)
    const given = givenBy(from, group.id)
    for (const companion of [...group.members.keys()].flatMap(ready)) {
      const encs = [stanza('enc', { v: '2', type: 'skmsg' }, ciphertext)]
      if (!given.has(companion)) {
        const distribution = { groupId: group.id, axolotlSenderKeyDistributionMessage: key }
        const keyMessage = { senderKeyDistributionMessage: distribution }
        encs.unshift(enc(await from.device.seal(companion.jid, keyMessage, () => companion.bundle())))
        given.add(companion)
      }
      companion.give(this.#stanza(letter, companion, encs))
    }
  }

  /** To a device of the sender's own goes a copy that says whom it was for. */
  #messageFor({ from, to, message }: Letter, companion: Companion): proto.IMessage {
    if (companion.owner !== from || isGroup(to) || to === from) return message
    return { deviceSentMessage: { destinationJid: to.jid, message } }
  }

  #stanza(letter: Letter, companion: Companion, content: BinaryNode[]): BinaryNode {
    const { from, id, message } = letter
    const written = { id, t: String(secondsOf(this.#world)), notify: from.name, ...kindOf(message) }
    return stanza('message', { ...written, ...addressed(letter, companion) }, content)
  }

  #keep(letter: Letter): void {
    const [oldest] = this.#sent.keys()
    if (this.#sent.size >= sentMax && oldest !== undefined) this.#sent.delete(oldest)
    this.#sent.set(letter.id, letter)
  }
}

export function isGroup(to: Party | Group): to is Group {
  return 'members' in to
}

export function newId(): string {
  return `3A${randomBytes(9).toString('hex').toUpperCase()}`
}

/** The attributes under which somebody appears: it depends on what they let others know. */
export function appearance({ knownBy, jid, lid }: Party): Attributes {
  if (knownBy === 'number') return { from: jid, sender_lid: lid }
  return { from: lid, sender_pn: knownBy === 'both' ? jid : undefined, addressing_mode: 'lid' }
}

function addressed({ from, to }: Letter, companion: Companion): Attributes {
  if (isGroup(to)) {
    const number = from.knownBy === 'lid' ? undefined : from.jid
    return { from: to.id, participant: from.lid, participant_pn: number, addressing_mode: 'lid' }
  }
  if (companion.owner !== from || to === from) return appearance(from)
  if (to.knownBy === 'number') return { from: from.jid, recipient: to.jid, recipient_lid: to.lid }
  return { from: from.lid, recipient: to.lid, recipient_pn: to.knownBy === 'both' ? to.jid : undefined }
}

/** A device that has not handed in its keys cannot be written to. */
function ready({ companions }: Party): Companion[] {
  return companions.filter(({ state }) => state.signedKey !== null)
}

function givenBy(from: Party, group: string): Set<Companion> {
  const groups = keysGiven.get(from) ?? new Map<string, Set<Companion>>()
  keysGiven.set(from, groups)
  const given = groups.get(group) ?? new Set()
  groups.set(group, given)
  return given
}

function enc(sealed: Sealed, more: Attributes = {}): BinaryNode {
  return stanza('enc', { v: '2', type: sealed.type, ...more }, sealed.ciphertext)
}

function kindOf(message: proto.IMessage): Attributes {
  if (message.reactionMessage) return { type: 'reaction' }
  if (message.protocolMessage) return { type: 'text', edit: message.protocolMessage.editedMessage ? '1' : '7' }
  const isMedia = [
    'imageMessage',
    'videoMessage',
    'audioMessage',
    'documentMessage',
    'stickerMessage',
    'locationMessage',
  ]
  return { type: isMedia.some((field) => field in message) ? 'media' : 'text' }
}

/** The keys that came with the request, or else those that the server holds. */
function bundleIn(receipt: BinaryNode, companion: Companion): BinaryNode {
  const keys = child(receipt, 'keys')
  const registration = child(receipt, 'registration')
  if (!Array.isArray(keys?.content) || registration === undefined) return companion.bundle()
  return stanza('user', { jid: companion.jid }, [registration, ...keys.content])
}
