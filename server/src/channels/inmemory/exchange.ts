/** The exchange in the middle: what all parts of the in-memory network share, and how news reaches a line. */
import type { Agenda } from '../../lib/agenda.ts'
import type { Chance } from '../../lib/chance.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Capabilities, Channel } from '../../model/channel.ts'
import type { ClientRef, Handle, ProviderChatId, ProviderMessageId } from '../../model/ids.ts'
import type { OutgoingFile } from '../../model/media/file.ts'
import type { Mention } from '../../model/message.ts'
import type { Accepted, Incoming, Outcome, Outgoing, Quoted } from '../connector.ts'
import type { Verb } from './capabilities.ts'
import type { Faults } from './faults.ts'
import { Mailbox } from './mailbox.ts'
import type { People } from './people.ts'

/** A file as it arrived. `bytes` were counted, whatever the sender said. */
export type ArrivedFile = Omit<OutgoingFile, 'open' | 'linkFor'> & { sha256: string }

/** One message as it arrived, in the order of arrival. */
export interface Received {
  ordinal: number
  at: Date
  channel: Channel
  /** The line's address, or its id while it has none. */
  line: string
  ref: ClientRef
  providerId: ProviderMessageId
  to: Handle | ProviderChatId
  chat: ProviderChatId
  text: string | null
  attachments: readonly ArrivedFile[]
  effect: string | null
  replyTo: Quoted | null
  mentions: readonly Mention[]
  location: Outgoing['location']
}

/** Something other than a message that we did and the others could see. */
export interface Act {
  at: Date
  channel: Channel
  line: string
  verb: Verb
  chat: ProviderChatId | null
  target: ProviderMessageId | null
  /** The reaction, the new text, the name, the member: whatever the verb is about. */
  what: string | boolean | null
}

/** A message of either side, as far as later acts may refer to it. */
export interface NetMessage {
  providerId: ProviderMessageId
  channel: Channel
  chat: ProviderChatId
  /** The line that is on one side of it. */
  line: string
  fromMe: boolean
}

export interface Group {
  chat: ProviderChatId
  channel: Channel
  name: string | null
  members: Map<Handle, 'admin' | 'superadmin' | null>
}

export type CloseReason = 'auth_revoked' | `close_${string}`

/** What is known of a ref, on channels that can be asked. */
export interface Trace {
  outcome: Outcome
  /** It was said that nothing will come under this ref: from then on only the link that was told, or a later one, may send under it. */
  told: { to: LinkEnd; before: number } | null
}

/** What a link lets the network do to it. */
export interface LinkEnd {
  /** Later ones have higher numbers. */
  readonly number: number
  readonly channel: Channel
  readonly line: string
  readonly isPairing: boolean
  readonly isUp: boolean
  readonly unanswered: number
  /** Takes over what comes in for its line. */
  listen(): void
  /** Cuts it; it comes back by itself after so long. */
  drop(ms: number): void
  /** Ends it; only a new start brings it back. */
  close(reason: CloseReason): Promise<void>
  /** Another QR code takes the place of the one that is shown, if any is. */
  renewQr(): void
  /** The phone took this line in: by its QR code, or by the code that was typed there. */
  pair(phone: Handle): Promise<void>
  stop(): Promise<void>
}

/** `strict` once the network was told that this line needs pairing: from then on only the right secret connects. */
export interface Pairing {
  strict: boolean
  secret: string | null
  code: string | null
}

export interface ExchangeOptions {
  clock: Clock
  agenda: Agenda
  faults: Faults
  people: People
  chance: Chance
  capabilities: Readonly<Record<Channel, Capabilities>>
  answerMs: readonly [min: number, max: number]
  /** Whether our own sends come back to us, where the channel does that. */
  echoes: boolean
  /** Where one may ask what became of a send. */
  knowsOutcomes: ReadonlySet<Channel>
  /** How many messages, acts and refs are remembered. */
  keep: number
  laneMax: number
}

/** A network lives as long as its process, so everything it remembers is bounded by `keep`. */
export class Exchange {
  readonly options: ExchangeOptions
  readonly groups = new Map<ProviderChatId, Group>()
  /** Other names of people, and the numbers they have been revealed to have. */
  readonly aliases = new Map<Handle, Handle>()
  readonly messages = new Map<ProviderMessageId, NetMessage>()
  /** The last message of a line into each chat: what "read" is about when nothing is named. */
  readonly lastSent = new Map<string, ProviderMessageId>()
  readonly accepted = new Map<string, Accepted>()
  readonly traces = new Map<string, Trace>()
  readonly tries = new Map<string, { count: number; firstAtMs: number }>()
  readonly #links = new Map<string, LinkEnd[]>()
  readonly #pairings = new Map<string, Pairing>()
  readonly #boxes = new Map<string, Mailbox>()
  readonly #epochMs: number
  #received: Received[] = []
  #acts: Act[] = []
  #ordinal = 0
  #minted = 0
  #overflows = 0
  #numbered = 0

  constructor(options: ExchangeOptions) {
    this.options = options
    // Ids of an earlier run must not come again: the gateway remembers longer than this network does.
    this.#epochMs = Math.floor(options.clock.now())
  }

  get received(): readonly Received[] {
    return this.#received
  }

  get acts(): readonly Act[] {
    return this.#acts
  }

  /** What was lost because nobody took it for too long. */
  get overflows(): number {
    return this.#overflows
  }

  get redeliveries(): number {
    let sum = 0
    for (const box of this.#boxes.values()) sum += box.redeliveries
    return sum
  }

  get undelivered(): number {
    let sum = 0
    for (const box of this.#boxes.values()) sum += box.waiting
    return sum
  }

  now(): Date {
    return new Date(this.options.clock.now())
  }

  mint(prefix: string): ProviderMessageId {
    this.#minted += 1
    return `${prefix}-${this.#epochMs.toString(36)}-${this.#minted.toString(36)}` as ProviderMessageId
  }

  /** Digits only, for ids that are spelled like numbers. */
  mintDigits(): string {
    this.#minted += 1
    return `${this.#epochMs}${String(this.#minted).padStart(5, '0')}`
  }

  /** The number of the next link. */
  numberLink(): number {
    this.#numbered += 1
    return this.#numbered
  }

  get linksNumbered(): number {
    return this.#numbered
  }

  log(entry: Omit<Received, 'ordinal' | 'at'>): void {
    this.#received.push({ ordinal: this.#ordinal++, at: this.now(), ...entry })
    if (this.#received.length > 2 * this.options.keep) this.#received = this.#received.slice(-this.options.keep)
  }

  logAct(act: Omit<Act, 'at'>): void {
    this.#acts.push({ at: this.now(), ...act })
    if (this.#acts.length > 2 * this.options.keep) this.#acts = this.#acts.slice(-this.options.keep)
  }

  remember<Key, Value>(map: Map<Key, Value>, key: Key, value: Value): void {
    map.set(key, value)
    if (map.size <= this.options.keep) return
    for (const oldest of map.keys()) {
      map.delete(oldest)
      return
    }
  }

  note(message: NetMessage): void {
    this.remember(this.messages, message.providerId, message)
    if (message.fromMe)
      this.remember(this.lastSent, chatKey(message.channel, message.line, message.chat), message.providerId)
  }

  /** The box is there from the first mention of the line on; what comes before a link waits in it. */
  box(channel: Channel, line: string): Mailbox {
    const key = lineKey(channel, line)
    const known = this.#boxes.get(key)
    if (known !== undefined) return known
    const { agenda, faults, laneMax } = this.options
    const losesAck = () => faults.strikes('ackLost', { channel, line }) !== null
    const box = new Mailbox({ agenda, losesAck, laneMax })
    this.#boxes.set(key, box)
    return box
  }

  isLine(channel: Channel, handle: string): boolean {
    return this.#boxes.has(lineKey(channel, handle))
  }

  /** Tells a line something now. False, and counted, when its box is full. */
  tell(channel: Channel, line: string, chat: ProviderChatId, event: Incoming): boolean {
    const box = this.box(channel, line)
    const twice = this.options.faults.strikes('duplicate', { channel, line }) !== null
    const fits = box.put(chat, event)
    if (!fits) this.#overflows += 1
    else if (twice) box.put(chat, event)
    return fits
  }

  /** Started links of a line, the newest last. */
  linksOf(channel: Channel, line: string): readonly LinkEnd[] {
    return this.#links.get(lineKey(channel, line)) ?? []
  }

  allLinks(): readonly LinkEnd[] {
    return [...this.#links.values()].flat()
  }

  enlist(link: LinkEnd): void {
    const key = lineKey(link.channel, link.line)
    const others = this.#links.get(key)
    if (others === undefined) this.#links.set(key, [link])
    else others.push(link)
  }

  delist(link: LinkEnd): void {
    const key = lineKey(link.channel, link.line)
    const left = this.linksOf(link.channel, link.line).filter((one) => one !== link)
    if (left.length > 0) this.#links.set(key, left)
    else this.#links.delete(key)
  }

  replaceOthers(newest: LinkEnd): void {
    for (const other of this.linksOf(newest.channel, newest.line)) {
      // Nothing to wait for: only giving up credentials takes time, and these are kept.
      if (other !== newest) void other.close('close_440')
    }
  }

  pairing(line: string): Pairing {
    const known = this.#pairings.get(line)
    if (known !== undefined) return known
    const fresh: Pairing = { strict: false, secret: null, code: null }
    this.#pairings.set(line, fresh)
    return fresh
  }

  unpair(line: string): void {
    this.#pairings.set(line, { strict: true, secret: null, code: null })
  }
}

function lineKey(channel: Channel, line: string): string {
  return `${channel} ${line}`
}

export function chatKey(channel: Channel, line: string, chat: string): string {
  return `${channel} ${line} ${chat}`
}
