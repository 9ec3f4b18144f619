/** Somebody with a number and a phone: their LID, their linked devices, and what their phone has been told. */
import { proto } from 'baileys'
import type { Icon } from '../groups/group.ts'
import { type AppState, type AppStateKey, newAppStateKey } from './app-state.ts'
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
  /** Which device of the sender sent it; 0 is the phone. */
  device: number
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

/** What their phone was told of a group that they are in, or were until then. */
export interface Learned {
  group: string
  /** The number of whoever did it. */
  by: string
  what: 'create' | 'add' | 'remove' | 'promote' | 'demote' | 'leave' | 'picture' | 'settings'
}

/** How long messages of a chat stay, and since when. */
export interface Timer {
  /** 0: for good. */
  seconds: number
  at: number
}

/** How somebody appears to those they write to: by number and LID, by LID and number, or by LID alone. */
export type KnownBy = 'number' | 'both' | 'lid'

export interface PartyState {
  number: string
  name: string
  knownBy: KnownBy
  device: DeviceState
  companions: CompanionState[]
  received: (Omit<Received, 'message'> & { message: Uint8Array })[]
  nextDevice: number
  isBanned: boolean
  picture: Icon | null
  timers: [number: string, timer: Timer][]
  appStateKey: AppStateKey
  appState: [collection: string, changes: Buffer[]][]
}

const receivedMax = 5_000
const heardMax = 5_000
const seenMax = 1_000
const learnedMax = 1_000

export class Party {
  readonly number: string
  readonly lidUser: string
  name: string
  knownBy: KnownBy
  isBanned: boolean
  picture: Icon | null
  nextDevice: number
  companions: Companion[]
  /** By the number of the other side. */
  readonly timers: Map<string, Timer>
  readonly appStateKey: AppStateKey
  readonly appState: AppState
  /** So many of the next messages cannot be read here, and are asked for again. */
  unreadable = 0
  isOnline = false
  /** How often something came that was there already: it was confirmed and dropped. */
  repeats = 0
  #device: Device | null = null
  #received: Received[] = []
  /** What was ever received, as far as it is remembered. */
  #known = new Set<string>()
  #heard: Heard[] = []
  #seen: Seen[] = []
  #learned: Learned[] = []

  constructor(number: string, lidUser: string, state?: PartyState) {
    this.number = number
    this.lidUser = lidUser
    if (state !== undefined) this.#device = new Device(state.device)
    this.name = state?.name ?? `Person ${number.slice(-4)}`
    this.knownBy = state?.knownBy ?? 'number'
    this.isBanned = state?.isBanned ?? false
    this.picture = state?.picture ?? null
    this.timers = new Map(state?.timers)
    this.appStateKey = state?.appStateKey ?? newAppStateKey()
    this.appState = new Map(state?.appState)
    this.nextDevice = state?.nextDevice ?? 1
    this.companions = (state?.companions ?? []).map((companion) => new Companion(this, companion))
    for (const { message, ...one } of state?.received ?? [])
      this.take({ ...one, message: proto.Message.decode(message) })
  }

  /** Made when it is first needed: most people are only ever looked up. */
  get device(): Device {
    this.#device ??= new Device()
    return this.#device
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
    const key = keyOf(received)
    if (this.#known.has(key)) {
      this.repeats += 1
      return false
    }
    this.#known.add(key)
    this.#received.push(received)
    if (this.#received.length > receivedMax) {
      this.#received = this.#received.slice(-receivedMax / 2)
      this.#known = new Set(this.#received.map(keyOf))
    }
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

  get learned(): readonly Learned[] {
    return this.#learned
  }

  learn(learned: Learned): void {
    this.#learned.push(learned)
    if (this.#learned.length > learnedMax) this.#learned = this.#learned.slice(-learnedMax / 2)
  }

  /** Null: nobody has written to them, and they to nobody. */
  state(): PartyState | null {
    if (this.#device === null) return null
    const { number, name, knownBy, isBanned, nextDevice, picture } = this
    const companions = this.companions.map((companion) => companion.stateNow())
    const received = this.#received.map(({ message, ...one }) => ({
      ...one,
      message: proto.Message.encode(message).finish(),
    }))
    const known = { number, name, knownBy, isBanned, nextDevice, picture }
    const agreed = { timers: [...this.timers], appStateKey: this.appStateKey, appState: [...this.appState] }
    return { ...known, ...agreed, companions, received, device: this.#device.state() }
  }

  close(): void {
    this.#device?.close()
  }
}

function keyOf({ id, from, chat }: Received): string {
  return `${id} ${from} ${chat}`
}
