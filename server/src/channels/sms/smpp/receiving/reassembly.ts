/**
 * Parts of long messages until all are there. An SMSC must not be kept waiting for the others, so each part is kept in
 * the vault before it is acknowledged, and taken up again after a restart.
 */
import { createHash } from 'node:crypto'
import type { Clock } from '../../../../lib/clock.ts'
import type { ProviderMessageId } from '../../../../model/ids.ts'
import type { LinkLog, Vault } from '../../../connector.ts'
import type { Place, Written } from '../content.ts'
import { mint } from './heard.ts'

export interface Part {
  from: string
  to: string
  place: Place
  written: Written
}

/** All of a message, or as much of it as came. */
export interface Joined {
  id: ProviderMessageId
  from: string
  to: string
  pieces: readonly Written[]
}

export interface ReassemblyOptions {
  clock: Clock
  vault: Vault
  log: LinkLog
  /** Resolves once it is durable. */
  deliver(joined: Joined): Promise<void>
}

interface Open {
  name: string
  id: ProviderMessageId
  from: string
  to: string
  total: number
  openedAtMs: number
  parts: Map<number, Written>
}

/** After so long what is there is handed on. */
const waitMs = 5 * 60_000
const lookEveryMs = 15_000
/** Beyond these the oldest is handed on as it is. */
const limits = { messages: 200, bytes: 512 * 1024 }
const indexName = 'parts'

export class Reassembly {
  readonly #options: ReassemblyOptions
  /** In the order in which they were begun. */
  #open = new Map<string, Open>()
  #writes: Promise<unknown> = Promise.resolve()

  constructor(options: ReassemblyOptions) {
    this.#options = options
  }

  /** Takes up what was there when the link was stopped. */
  async load(): Promise<void> {
    const { vault } = this.#options
    const open = new Map<string, Open>()
    for (const name of readNames(await vault.get(indexName))) {
      const message = readOpen(name, await vault.get(name))
      if (message !== null) open.set(name, message)
    }
    this.#open = open
  }

  /** Hands on what waited for too long, until the signal aborts. */
  async watch(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options
    for (;;) {
      await clock.sleep(lookEveryMs, signal)
      if (signal.aborted) return
      for (const message of [...this.#open.values()]) {
        if (message.openedAtMs + waitMs > clock.now()) continue
        const kept = (error: unknown) => log.warn({ channel: 'sms', error }, 'Parts of a message were not taken yet.')
        await this.#handOn(message).catch(kept)
      }
    }
  }

  /** Whether other parts of its message wait for it. */
  isOpen(part: Part): boolean {
    return this.#open.has(nameOf(part))
  }

  /**
   * Resolves once this part may be acknowledged; rejects when it has to come again. `whole` is awaited before a message
   * is told that this part makes whole.
   */
  async take(part: Part, whole: () => Promise<void> = async () => undefined): Promise<void> {
    const name = nameOf(part)
    const { place, written } = part
    const own: Written = { dataCoding: written.dataCoding, octets: Uint8Array.from(written.octets) }
    const known = this.#open.get(name)
    const before = known?.parts.get(place.sequence)
    // The reference was used again before the first message with it was whole.
    if (known !== undefined && before !== undefined && !isSame(before, own)) await this.#handOn(known)
    const message = this.#open.get(name) ?? (await this.#begin(name, part))
    if (message.parts.has(place.sequence) && message.parts.size < place.total) return this.#kept(message, place)
    message.parts.set(place.sequence, own)
    try {
      if (message.parts.size === place.total) {
        await whole()
        await this.#finish(message)
      } else await this.#store({ [name]: bytesOf(message), [indexName]: this.#index() })
    } catch (error) {
      message.parts.delete(place.sequence)
      if (message.parts.size === 0) this.#open.delete(name)
      throw error
    }
  }

  /** It came again, maybe while it was still being written. */
  async #kept(message: Open, { sequence }: Place): Promise<void> {
    await this.#writes
    if (!message.parts.has(sequence)) throw new Error('This part could not be kept.')
  }

  async #begin(name: string, { from, to, place }: Part): Promise<Open> {
    for (const oldest of this.#open.values()) {
      if (this.#open.size < limits.messages && this.#bytes() < limits.bytes) break
      await this.#handOn(oldest)
    }
    const { total } = place
    const message: Open = { name, id: mint(), from, to, total, openedAtMs: this.#options.clock.now(), parts: new Map() }
    this.#open.set(name, message)
    return message
  }

  /** As far as it came; what is missing is not told of in its text. */
  async #handOn(message: Open): Promise<void> {
    const facts = { channel: 'sms', parts: message.parts.size, of: message.total }
    this.#options.log.warn(facts, 'A long message came in part only; it is handed on as far as it came.')
    await this.#finish(message)
  }

  async #finish(message: Open): Promise<void> {
    const inOrder = [...message.parts].sort(([one], [other]) => one - other).map(([, written]) => written)
    await this.#options.deliver({ id: message.id, from: message.from, to: message.to, pieces: inOrder })
    if (this.#open.get(message.name) === message) this.#open.delete(message.name)
    await this.#store({ [message.name]: null, [indexName]: this.#index() }).catch((error: unknown) => {
      // It comes up again after a restart, and is known by its id.
      this.#options.log.warn({ channel: 'sms', error }, 'The parts of a whole message could not be removed.')
    })
  }

  /** One after the other, so that an older index never comes last. */
  #store(entries: Readonly<Record<string, Uint8Array | null>>): Promise<void> {
    const done = this.#writes.then(() => this.#options.vault.put(entries))
    this.#writes = done.catch(() => undefined)
    return done
  }

  #index(): Uint8Array | null {
    return this.#open.size === 0 ? null : Buffer.from(JSON.stringify([...this.#open.keys()]))
  }

  #bytes(): number {
    let sum = 0
    for (const { parts } of this.#open.values()) for (const { octets } of parts.values()) sum += octets.length
    return sum
  }
}

function nameOf({ from, to, place }: Part): string {
  const key = JSON.stringify([from, to, place.reference, place.total])
  return `part/${createHash('sha256').update(key).digest('hex').slice(0, 32)}`
}

function isSame(one: Written, other: Written): boolean {
  return one.dataCoding === other.dataCoding && Buffer.compare(one.octets, other.octets) === 0
}

type Saved = Pick<Open, 'id' | 'from' | 'to' | 'total' | 'openedAtMs'> & { parts: [number, number, string][] }

function bytesOf({ id, from, to, total, openedAtMs, parts }: Open): Uint8Array {
  const saved: Saved = {
    ...{ id, from, to, total, openedAtMs },
    parts: [...parts].map(([sequence, { dataCoding, octets }]) => [
      sequence,
      dataCoding,
      Buffer.from(octets).toString('base64'),
    ]),
  }
  return Buffer.from(JSON.stringify(saved))
}

function readNames(bytes: Uint8Array | null): string[] {
  return parsed<string[]>(bytes) ?? []
}

function readOpen(name: string, bytes: Uint8Array | null): Open | null {
  const saved = parsed<Saved>(bytes)
  if (saved === null) return null
  const { parts, ...rest } = saved
  const read = parts.map(([sequence, dataCoding, octets]): [number, Written] => [
    sequence,
    { dataCoding, octets: Buffer.from(octets, 'base64') },
  ])
  return { name, ...rest, parts: new Map(read) }
}

function parsed<T>(bytes: Uint8Array | null): T | null {
  try {
    return bytes === null ? null : (JSON.parse(Buffer.from(bytes).toString()) as T)
  } catch {
    // Nothing of ours looks like that; a line must not stay away because of it.
    return null
  }
}
