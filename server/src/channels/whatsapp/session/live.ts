/** One connection to WhatsApp, from its making to its end: what it says of itself, and what may be asked of it. */
import { type ConnectionState, jidDecode, type WASocket } from 'baileys'
import type { Clock } from '../../../lib/clock.ts'
import type { Handle } from '../../../model/ids.ts'
import type { DisconnectReason } from '../../../model/line.ts'
import type { LinkLog } from '../../connector.ts'
import { isPaired } from '../keys/credentials.ts'
import type { WhatsappSettings } from '../line.ts'
import type { Ground } from './ground.ts'
import { type Caches, openSocket, type SocketParts, type Taps } from './socket.ts'

/** What happens while it lives. */
export type Moment =
  | { kind: 'code'; qr: string; isFirst: boolean }
  /** A phone has linked this device; the server asks for a new connection. */
  | { kind: 'paired' }
  | { kind: 'open'; identity: string }

export interface End {
  code: number
  isPaired: boolean
  /** Set where we ended it ourselves, for good. */
  reason: DisconnectReason | null
}

export interface LiveParts {
  ground: Ground
  settings: WhatsappSettings
  caches: Caches
  log: LinkLog
  clock: Clock
  group: SocketParts['group']
  /** The line's from now on, if it has none; false: this phone is not to be linked with this line. */
  adopt(number: Handle): Promise<boolean>
  moments(moment: Moment): void
  taps: Pick<Taps, 'answered' | 'receipt' | 'notice' | 'chatState'>
}

const closeWithinMs = 2_000

export class Live {
  readonly socket: WASocket
  readonly ended: Promise<End>
  readonly #parts: LiveParts
  #end: (end: End) => void = () => {}
  #codes = 0
  #reason: DisconnectReason | null = null
  #isOver = false

  constructor(parts: LiveParts) {
    this.#parts = parts
    this.ended = new Promise((resolve) => {
      this.#end = resolve
    })
    const { ground, settings, caches, log, group, taps } = parts
    this.socket = openSocket(
      { ...ground, settings, caches, log, group, sent: (id) => ground.sent.find(id) },
      {
        ...taps,
        changed: (state) => this.#changed(state),
        // A write that fails is repeated; one that cannot be made any more has ended the link.
        credentialsChanged: () => void ground.writer.save().catch(() => {}),
      },
    )
  }

  /** Whether there is a code to scan, and so a server to ask for another one. */
  get isShowing(): boolean {
    return this.#codes > 0
  }

  /** By which WhatsApp knows us: with the number of the device. */
  get identity(): string {
    return this.#parts.ground.credentials.me?.id ?? ''
  }

  async pairingCode(phone: Handle): Promise<string> {
    return this.socket.requestPairingCode(phone.replace(/^\+/, ''))
  }

  async logOut(): Promise<void> {
    // The connection may break before the server has heard of it: the phone shows the device until then.
    await this.socket.logout().catch((error: unknown) => this.#parts.log.warn({ err: error }, 'could not log out'))
    await this.close()
  }

  /** The other side may have gone silent: it is given a moment to close as well. */
  async close(): Promise<void> {
    const raw = rawSocketOf(this.socket)
    const closed = new AbortController()
    const late = this.#parts.clock.sleep(closeWithinMs, closed.signal).then(() => {
      if (!closed.signal.aborted) raw?.terminate()
    })
    await this.socket.end(undefined)
    await this.ended
    closed.abort()
    await late
  }

  #changed({ qr, connection, isNewLogin, lastDisconnect }: Partial<ConnectionState>): void {
    const { moments, ground, log } = this.#parts
    if (qr !== undefined) {
      this.#codes += 1
      moments({ kind: 'code', qr, isFirst: this.#codes === 1 })
    }
    if (isNewLogin === true) moments({ kind: 'paired' })
    if (connection === 'open')
      this.#opened().catch((error: unknown) => {
        // Whose phone it is could not be stored: the connection ends, and is made anew.
        log.error({ err: error }, 'the number of a phone that was linked could not be kept')
        void this.socket.end(undefined)
      })
    if (connection !== 'close') return
    this.#isOver = true
    const error = lastDisconnect?.error as { output?: { statusCode?: number } } | undefined
    this.#end({ code: error?.output?.statusCode ?? 0, isPaired: isPaired(ground.credentials), reason: this.#reason })
  }

  /** Another phone than the line's own is let go again at once. */
  async #opened(): Promise<void> {
    const { settings, adopt, moments, log } = this.#parts
    const number = `+${jidDecode(this.identity)?.user ?? ''}` as Handle
    const isOurs = settings.number === null ? await adopt(number) : settings.number === number
    if (this.#isOver) return
    if (isOurs) {
      moments({ kind: 'open', identity: this.identity })
      return
    }
    log.warn({}, 'the phone that was linked has another number than the line, or that of another; it is logged out')
    this.#reason = 'phone_number_mismatch'
    void this.logOut()
  }
}

/** What the library keeps to itself: only this ends at once. */
function rawSocketOf({ ws }: WASocket): { terminate(): void } | null {
  const { socket } = ws as unknown as { socket: { terminate(): void } | null }
  return socket
}
