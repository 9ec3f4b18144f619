/** A loopback SMSC that speaks SMPP 3.4: it takes messages to people, reports what became of them, and brings answers. */
import { once } from 'node:events'
import type { AddressInfo, Server } from 'node:net'
import smpp from 'smpp'
import type { Behaviour, People } from '../people.ts'
import type { Clock } from '../time.ts'
import { Deliveries, type Fields } from './smsc/deliveries.ts'
import { type Fate, isTaken, type Submit } from './smsc/fate.ts'
import { Joining } from './smsc/joining.ts'
import { type Heard, heardIn, type Pdu, type Session, saidAs } from './smsc/texts.ts'

export interface SmscOptions {
  people: People
  clock: Clock
  port?: number
  tls?: { key: string; cert: string }
  /** Passwords by system id; everybody else binds with `secret`. */
  accounts?: Readonly<Record<string, string>>
  receipts?: Partial<ReceiptStyle>
  /** Decides about each submit, in the place of the behaviour of the person it is for. */
  fateOf?(submit: Submit): Fate
}

/** How receipts look, which differs from SMSC to SMSC. */
export interface ReceiptStyle {
  /** They come before the answer to the submit they are about. */
  early: boolean
  twice: boolean
  /** So much later, at random: they come in any order. */
  scatteredMs: number
  /** With optional parameters besides the text. */
  tags: boolean
  /** Which of the two writes ids in hexadecimal. */
  hex: 'none' | 'response' | 'receipt'
  /** Instead of what became of the message. */
  stat: string | null
}

export interface Smsc {
  readonly port: number
  stop(): Promise<void>
  /** Somebody writes to a number of ours; held until it is acknowledged, all of it. */
  say(from: string, to: string, text: string, acknowledged?: () => void): void
  /** What is sent to this number goes to those bound as `systemId`. Otherwise to whoever sent from it last, or is there. */
  own(number: string, systemId: string): void
  cutAll(): void
  /** Binds are refused from now on, or no longer. */
  refuse(on: boolean, status?: number): void
  /** Nothing is read or answered any more, as if the other end were gone; or it is again. */
  freeze(on: boolean): void
  /** The next submit takes effect, and its answer never comes. */
  loseNextAnswer(): void
  /** What the next submits are answered with, 0 for those that are taken, null for those that are and hear nothing. */
  answerNext(...statuses: readonly (number | null)[]): void
  readonly receipts: ReceiptStyle
  /** Sessions, deliveries and messages in parts that are still there. */
  leftBehind(): number
  counts(): { submits: number; sessions: number; repeats: number; waiting: number }
}

interface Sent {
  id: string
  from: string
  to: string
  behaviour: Behaviour
}

interface Bound {
  systemId: string
  hears: boolean
}

const status = {
  ok: 0,
  wrongBind: 4,
  alreadyBound: 5,
  passing: 8,
  noSuchNumber: 0x0b,
  wrongPassword: 0x0e,
  throttled: 0x58,
}
const sessionsMax = 200
const textOf = (value: unknown) => (typeof value === 'string' ? value : '')

export async function openSmsc(options: SmscOptions): Promise<Smsc> {
  const center = new Center(options)
  const server = smpp.createServer(options.tls ?? {}, (session) => center.welcome(session))
  // A handshake that fails is the other side's trouble.
  server.on('tlsClientError', () => undefined)
  server.listen(options.port ?? 0, '127.0.0.1')
  await once(server, 'listening')
  return center.asSmsc(server)
}

class Center {
  readonly #options: SmscOptions
  readonly #deliveries: Deliveries
  readonly #joining = new Joining()
  readonly #sessions = new Map<Session, Bound | null>()
  readonly #owners = new Map<string, string>()
  readonly #stop = new AbortController()
  readonly #receipts: ReceiptStyle
  #refused: number | null = null
  #isFrozen = false
  #losesAnswers = 0
  #scripted: (number | null)[] = []
  #submits = 0
  #reference = 0

  constructor(options: SmscOptions) {
    this.#options = options
    const { clock } = options
    this.#deliveries = new Deliveries({ clock, sessionFor: (to) => this.#sessionFor(to) })
    this.#receipts = {
      ...{ early: false, twice: false, scatteredMs: 0, tags: true, hex: 'none', stat: null },
      ...options.receipts,
    }
  }

  asSmsc(server: Server): Smsc {
    return {
      port: (server.address() as AddressInfo).port,
      stop: async () => {
        this.#stop.abort()
        this.#deliveries.stop()
        this.#cutAll()
        server.close()
        await once(server, 'close')
      },
      say: (from, to, text, acknowledged) => this.#say({ from, to, text }, acknowledged),
      own: (number, systemId) => void this.#owners.set(number, systemId),
      cutAll: () => this.#cutAll(),
      refuse: (on, code = status.wrongPassword) => {
        this.#refused = on ? code : null
      },
      freeze: (on) => {
        this.#isFrozen = on
      },
      loseNextAnswer: () => {
        this.#losesAnswers += 1
      },
      answerNext: (...statuses) => void this.#scripted.push(...statuses),
      receipts: this.#receipts,
      leftBehind: () => this.#sessions.size + this.#deliveries.waiting + this.#joining.waiting,
      counts: () => ({
        submits: this.#submits,
        sessions: this.#sessions.size,
        repeats: this.#deliveries.repeats,
        waiting: this.#deliveries.waiting,
      }),
    }
  }

  welcome(session: Session): void {
    // One PDU that cannot be read leaves the package deaf: nothing but a new connection helps.
    session.on('error', () => session.destroy())
    session.on('close', () => void this.#sessions.delete(session))
    session.on('pdu', (pdu: Pdu) => {
      if (!this.#isFrozen && !this.#stop.signal.aborted) this.#take(session, pdu)
    })
    session.socket.setMaxListeners(0)
    // Nothing waits to be sent together with what comes later.
    session.socket.setNoDelay(true)
    if (this.#sessions.size >= sessionsMax || this.#stop.signal.aborted) session.destroy()
    else this.#sessions.set(session, null)
  }

  #cutAll(): void {
    for (const session of [...this.#sessions.keys()]) session.destroy()
  }

  #take(session: Session, pdu: Pdu): void {
    if (pdu.command.startsWith('bind_') && !pdu.command.endsWith('_resp')) this.#bind(session, pdu)
    else if (pdu.command === 'enquire_link') session.send(pdu.response())
    else if (pdu.command === 'unbind') this.#leave(session, pdu)
    else if (pdu.command === 'submit_sm') this.#submit(session, pdu)
    else if (!pdu.command.endsWith('_resp') && pdu.command !== 'generic_nack') session.send(unknown(pdu))
  }

  #bind(session: Session, pdu: Pdu): void {
    const systemId = textOf(pdu.system_id)
    const isRight = (this.#options.accounts?.[systemId] ?? 'secret') === pdu.password
    const refusal = this.#refused ?? (this.#sessions.get(session) ? status.alreadyBound : null)
    const code = refusal ?? (isRight ? status.ok : status.wrongPassword)
    session.send(pdu.response({ system_id: 'loopback', command_status: code }))
    if (code !== status.ok) return
    this.#sessions.set(session, { systemId, hears: pdu.command !== 'bind_transmitter' })
    this.#deliveries.wake()
  }

  #leave(session: Session, pdu: Pdu): void {
    this.#sessions.set(session, null)
    session.send(pdu.response())
    session.socket.end()
  }

  #submit(session: Session, pdu: Pdu): void {
    const bound = this.#sessions.get(session)
    if (!bound) return void session.send(pdu.response({ command_status: status.wrongBind }))
    this.#submits += 1
    const { people } = this.#options
    const [from, to] = [handleOf(pdu, 'source'), handleOf(pdu, 'dest')]
    if (!this.#owners.has(from) && this.#owners.size < 10_000) this.#owners.set(from, bound.systemId)
    const behaviour = people.behaviourOf(to)
    const heard = heardIn(pdu)
    const fate = this.#options.fateOf?.({ from, to, ...heard })
    if (fate !== undefined) return void this.#meet(session, pdu, { from, to, ...heard }, fate)
    const scripted = this.#scripted.shift()
    const code = scripted === undefined ? this.#refusalOf(behaviour, to, heard) : (scripted ?? status.ok)
    if (code !== status.ok) return void session.send(pdu.response({ command_status: code }))
    const id = this.#arrive({ from, to, ...heard })
    const wantsReceipt = (Number(pdu.registered_delivery) & 1) === 1
    if (wantsReceipt && behaviour.receiptAfterMs !== null) void this.#report({ id, from, to, behaviour })
    if (behaviour.neverAnswers || scripted === null) return
    if (this.#losesAnswers > 0) this.#losesAnswers -= 1
    else void this.#answer(session, pdu, id)
  }

  /** Returns the id of the part. */
  #arrive({ from, to, ...heard }: Submit): string {
    const { people, clock } = this.#options
    const id = String(1_000_000_000 + this.#submits)
    const whole = this.#joining.add(`${from} ${to}`, heard, id)
    if (whole === null) return id
    const { text, ids } = whole
    people.take({ network: 'smpp', id: ids[0] ?? id, parts: ids, from, to, text, media: [], at: clock.now() })
    const behaviour = people.behaviourOf(to)
    if (behaviour.writesBack !== null) void this.#writeBack(to, from, behaviour, text)
    return id
  }

  async #meet(session: Session, pdu: Pdu, submit: Submit, fate: Fate): Promise<void> {
    const { clock, people } = this.#options
    const { status: command_status, early, receipts, receiptAfterMs } = fate
    const id = isTaken(fate) ? this.#arrive(submit) : null
    const behaviour = people.behaviourOf(submit.to)
    const report = () => id !== null && receipts > 0 && this.#tell({ ...submit, id, behaviour }, receipts)
    if (early) report()
    if (fate.answerAfterMs > 0) await clock.sleep(fate.answerAfterMs, this.#stop.signal)
    if (fate.cut !== null) session.destroy()
    else session.send(pdu.response(id === null ? { command_status } : { message_id: id }))
    if (early) return
    if (receiptAfterMs > 0) await clock.sleep(receiptAfterMs, this.#stop.signal)
    report()
  }

  #refusalOf(behaviour: Behaviour, to: string, { text }: Heard): number {
    if (!behaviour.exists) return status.noSuchNumber
    const { failsFirst, throttledFirst } = behaviour
    if (failsFirst + throttledFirst === 0) return status.ok
    const tries = this.#options.people.countTry(to, text)
    if (tries <= failsFirst) return status.passing
    return tries <= failsFirst + throttledFirst ? status.throttled : status.ok
  }

  async #answer(session: Session, pdu: Pdu, id: string): Promise<void> {
    if (this.#receipts.early) await this.#options.clock.sleep(20, this.#stop.signal)
    if (!this.#isFrozen) session.send(pdu.response({ message_id: this.#receipts.hex === 'response' ? hex(id) : id }))
  }

  async #report(sent: Sent): Promise<void> {
    const { early, twice, scatteredMs } = this.#receipts
    const { id, behaviour } = sent
    // A number of the id: in any order, and the same in each run.
    const scatter = scatteredMs === 0 ? 0 : (Number(id) * 7_919) % scatteredMs
    const delay = early ? 0 : (behaviour.receiptAfterMs ?? 0) + scatter
    if (delay > 0) await this.#options.clock.sleep(delay, this.#stop.signal)
    this.#tell(sent, twice ? 2 : 1)
  }

  #tell({ id, from, to, behaviour }: Sent, times: number): void {
    const receipt = this.#receiptFor(id, behaviour)
    const addresses = { ...addressFields('source', to), ...addressFields('destination', from) }
    this.#deliveries.put(`receipt ${id}`, from, Array(times).fill({ ...addresses, ...receipt }))
  }

  #receiptFor(id: string, behaviour: Behaviour): Fields {
    const { tags, hex: hexadecimal, stat: odd } = this.#receipts
    const stat = odd ?? (behaviour.receipt === 'delivered' ? 'DELIVRD' : 'UNDELIV')
    const written = hexadecimal === 'receipt' ? hex(id) : id
    const now = new Date(this.#options.clock.now()).toISOString().replace(/\D/g, '').slice(2, 12)
    const error = stat === 'DELIVRD' ? '000' : '001'
    const delivered = stat === 'DELIVRD' ? '001' : '000'
    const keys = `id:${written} sub:001 dlvrd:${delivered} submit date:${now} done date:${now} stat:${stat} err:${error}`
    const state = { ENROUTE: 1, DELIVRD: 2, EXPIRED: 3, DELETED: 4, UNDELIV: 5, ACCEPTD: 6, UNKNOWN: 7, REJECTD: 8 }[
      stat
    ]
    return {
      ...{ esm_class: 4, data_coding: 0, short_message: Buffer.from(`${keys} text:`, 'latin1') },
      ...(tags && state !== undefined ? { receipted_message_id: written, message_state: state } : {}),
    }
  }

  async #writeBack(from: string, to: string, behaviour: Behaviour, text: string): Promise<void> {
    await this.#options.clock.sleep(behaviour.writesBackAfterMs, this.#stop.signal)
    if (this.#stop.signal.aborted) return
    this.#say({ from, to, text: (behaviour.writesBack ?? '').replace('$text', () => text) })
  }

  #say({ from, to, text }: { from: string; to: string; text: string }, acknowledged?: () => void): void {
    this.#reference += 1
    const addresses = { ...addressFields('source', from), ...addressFields('destination', to) }
    const pieces = saidAs(text, this.#reference).map((said): Fields => ({ ...addresses, ...said }))
    this.#deliveries.put(`said ${from} ${to}`, to, pieces, acknowledged)
    this.#options.people.tell({ what: 'said', network: 'smpp', from, text })
  }

  /** The latest of those who may take it. */
  #sessionFor(to: string): Session | null {
    if (this.#isFrozen) return null
    const owner = this.#owners.get(to)
    const hearing = [...this.#sessions].filter(([, bound]) => bound?.hears === true)
    const own = owner === undefined ? hearing : hearing.filter(([, bound]) => bound?.systemId === owner)
    return own.at(-1)?.[0] ?? null
  }
}

function unknown(pdu: Pdu): Pdu {
  return pdu.response({ command_status: 3 })
}

function hex(id: string): string {
  return BigInt(id).toString(16)
}

function handleOf(pdu: Pdu, side: 'source' | 'dest'): string {
  const digits = textOf(side === 'source' ? pdu.source_addr : pdu.destination_addr)
  const type = side === 'source' ? pdu.source_addr_ton : pdu.dest_addr_ton
  return type === 1 && !digits.startsWith('+') ? `+${digits}` : digits
}

function addressFields(side: 'source' | 'destination', handle: string): Fields {
  const isNumber = handle.startsWith('+')
  const type = isNumber ? 1 : /^\d+$/.test(handle) ? 3 : 5
  const plan = isNumber ? 1 : 0
  const digits = handle.replace(/^\+/, '')
  return side === 'source'
    ? { source_addr_ton: type, source_addr_npi: plan, source_addr: digits }
    : { dest_addr_ton: type, dest_addr_npi: plan, destination_addr: digits }
}
