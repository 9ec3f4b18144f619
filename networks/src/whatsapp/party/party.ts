/** Somebody with a number and a phone: their LID, their linked devices, and what their phone has been told. */
import type { proto } from 'baileys'
import { Companion, type CompanionState } from './companion.ts'
import { Device, type DeviceState } from './device.ts'

export interface Received {
  id: string
  /** The number of whoever wrote it. */
  from: string
  /** The number of the other side, or the group's id. */
  chat: string
  /** The phone's own account wrote it, on a linked device. */
  isOwn: boolean
  message: proto.IMessage
  at: number
}

export interface Heard {
  /** Whose linked device told them. */
  from: string
  id: string
  what: 'delivered' | 'read' | 'played'
}

/** What a linked device let somebody see. */
export interface Seen {
  from: string
  chat: string
  state: 'composing' | 'recording' | 'paused'
}

/** How somebody appears to those they write to: by number and LID, by LID and number, or by LID alone. */
export type KnownBy = 'number' | 'both' | 'lid'

export interface PartyState {
  number: string
  name: string
  knownBy: KnownBy
  device: DeviceState
  companions: CompanionState[]
  nextDevice: number
  isBanned: boolean
}

const receivedMax = 5_000
const heardMax = 5_000
const seenMax = 1_000

export class Party {
  readonly number: string
  readonly lidUser: string
  readonly device: Device
  name: string
  knownBy: KnownBy
  isBanned: boolean
  nextDevice: number
  companions: Companion[]
  /** So many of the next messages cannot be read here, and are asked for again. */
  unreadable = 0
  isOnline = false
  #received: Received[] = []
  #heard: Heard[] = []
  #seen: Seen[] = []

  constructor(number: string, lidUser: string, state?: PartyState) {
    this.number = number
    this.lidUser = lidUser
    this.device = new Device(state?.device)
    this.name = state?.name ?? `Person ${number.slice(-4)}`
    this.knownBy = state?.knownBy ?? 'number'
    this.isBanned = state?.isBanned ?? false
    this.nextDevice = state?.nextDevice ?? 1
    this.companions = (state?.companions ?? []).map((companion) => new Companion(this, companion))
  }

  get user(): string {
    return this.number.slice(1)
  }

  get jid(): string {
    return `${this.user}@s.whatsapp.net`
  }

  get lid(): string {
    return `${this.lidUser}@lid`
  }

  get received(): readonly Received[] {
    return this.#received
  }

  get heard(): readonly Heard[] {
    return this.#heard
  }

  /** False when it is there already: a phone shows a message that comes twice once. */
  take(received: Received): boolean {
    const { id, from, chat } = received
    const isThere = this.#received.some((one) => one.id === id && one.from === from && one.chat === chat)
    if (isThere) return false
    this.#received.push(received)
    if (this.#received.length > receivedMax) this.#received = this.#received.slice(-receivedMax / 2)
    return true
  }

  hear(heard: Heard): void {
    this.#heard.push(heard)
    if (this.#heard.length > heardMax) this.#heard = this.#heard.slice(-heardMax / 2)
  }

  get seen(): readonly Seen[] {
    return this.#seen
  }

  see(seen: Seen): void {
    this.#seen.push(seen)
    if (this.#seen.length > seenMax) this.#seen = this.#seen.slice(-seenMax / 2)
  }

  state(): PartyState {
    const { number, name, knownBy, isBanned, nextDevice } = this
    const companions = this.companions.map((companion) => companion.stateNow())
    return { number, name, knownBy, isBanned, nextDevice, companions, device: this.device.state() }
  }
}
