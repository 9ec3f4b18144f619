/** A linked device as the server knows it: its keys, its connection, and the stanzas it has not acknowledged yet. */
import { randomInt } from 'node:crypto'
import { encodeBigEndian } from 'baileys'
import type { Connection } from '../wire/connection.ts'
import { attribute, type BinaryNode, children, firstChild, octets, server, stanza } from '../wire/nodes.ts'
import type { Party } from './party.ts'

/** Everything a restart must not lose. */
export interface CompanionState {
  device: number
  noiseKey: Buffer
  identity: Buffer
  registrationId: number
  signedKey: BinaryNode | null
  /** Number and key of each, one behind the other: there are hundreds, and of many accounts they would be most of the memory. */
  preKeys: Buffer
  waiting: BinaryNode[]
  hasHistory: boolean
  /** The numbers of those whose devices it has looked up. */
  knows: string[]
}

const waitingMax = 10_000
const preKeysMax = 1_000
const idBytes = 3
const preKeyBytes = idBytes + 32
/** With so many left, a device is asked for more. */
const preKeysLow = 4
const keyType = Buffer.from([5])

export class Companion {
  readonly owner: Party
  readonly state: CompanionState
  connection: Connection | null = null
  /** It said that somebody looks at it: only then does it hear who is typing. */
  isAvailable = false
  /** The people whose presence it asked for. */
  readonly watches = new Set<Party>()
  readonly knows: Set<string>
  readonly #waiting = new Map<string, BinaryNode>()

  constructor(owner: Party, state: CompanionState) {
    this.owner = owner
    this.state = state
    this.knows = new Set(state.knows)
    for (const node of state.waiting) this.#waiting.set(keyOf(node), node)
  }

  get jid(): string {
    return `${this.owner.lidUser}:${this.state.device}@lid`
  }

  get waiting(): number {
    return this.#waiting.size
  }

  /** Sent now if it is there, and again when it comes back, until it is acknowledged. */
  give(node: BinaryNode): void {
    const [oldest] = this.#waiting.keys()
    if (this.#waiting.size >= waitingMax && oldest !== undefined) this.#waiting.delete(oldest)
    this.#waiting.set(keyOf(node), node)
    this.connection?.send(node)
  }

  /** Said to whoever is there, and to nobody else. */
  mention(node: BinaryNode): void {
    this.connection?.send(node)
  }

  /** What it has not acknowledged, in order. */
  unacknowledged(): BinaryNode[] {
    return [...this.#waiting.values()]
  }

  /** An acknowledgement, or a receipt, which acknowledges messages as well. */
  settle(node: BinaryNode): void {
    if (node.tag === 'ack') return void this.#waiting.delete(keyOfAck(node))
    for (const id of receiptIds(node)) this.#waiting.delete(`message ${id}`)
  }

  /** What others need to begin a session with it; its prekeys are used up one by one. */
  bundle(jid: string = this.jid): BinaryNode {
    const { registrationId, identity, signedKey } = this.state
    const preKey = this.#takePreKey()
    if (preKey !== undefined && this.preKeysLeft === preKeysLow) this.give(preKeysLeft(preKeysLow))
    return stanza('user', { jid }, [
      stanza('registration', {}, encodeBigEndian(registrationId)),
      stanza('type', {}, keyType),
      stanza('identity', {}, identity),
      ...(signedKey === null ? [] : [signedKey]),
      ...(preKey === undefined ? [] : [preKey]),
    ])
  }

  get preKeysLeft(): number {
    return this.state.preKeys.length / preKeyBytes
  }

  /** What it hands in beyond what is kept takes the place of the oldest. */
  addPreKeys(keys: readonly BinaryNode[]): void {
    const added = keys.map((key) => {
      const [id, value] = [octets(key, 'id'), octets(key, 'value')]
      if (id.length !== idBytes || value.length !== preKeyBytes - idBytes) throw new Error('That is not a prekey.')
      return Buffer.concat([id, value])
    })
    this.state.preKeys = Buffer.from(Buffer.concat([this.state.preKeys, ...added]).subarray(-preKeysMax * preKeyBytes))
  }

  #takePreKey(): BinaryNode | undefined {
    const { preKeys } = this.state
    if (preKeys.length === 0) return undefined
    this.state.preKeys = preKeys.subarray(preKeyBytes)
    const [id, value] = [preKeys.subarray(0, idBytes), preKeys.subarray(idBytes, preKeyBytes)]
    return stanza('key', {}, [stanza('id', {}, id), stanza('value', {}, value)])
  }

  stateNow(): CompanionState {
    return { ...this.state, waiting: this.unacknowledged(), knows: [...this.knows] }
  }
}

export function receiptIds(receipt: BinaryNode): string[] {
  const list = firstChild(receipt)
  const rest = list?.tag === 'list' ? children(list, 'item').map((item) => attribute(item, 'id')) : []
  return [attribute(receipt, 'id'), ...rest].filter((id) => id !== null)
}

function preKeysLeft(value: number): BinaryNode {
  const attributes = { from: server, type: 'encrypt', id: `prekeys${randomInt(2 ** 40)}` }
  return stanza('notification', attributes, [stanza('count', { value: String(value) })])
}

function keyOf({ tag, attrs: { id, from, participant = '', type = '' } }: BinaryNode): string {
  return tag === 'message' ? `message ${id}` : `${tag} ${id} ${from} ${participant} ${type}`
}

function keyOfAck({ attrs: { class: tag, id, to, participant = '', type = '' } }: BinaryNode): string {
  return tag === 'message' ? `message ${id}` : `${tag} ${id} ${to} ${participant} ${type}`
}
