/**
 * One bound connection to an SMSC: requests and their answers, a window for submits, and enquiries that notice when
 * nobody is there any more. It ends once and for all with its socket; another one is opened then.
 */
import type { Socket } from 'node:net'
import type { Clock } from '../../../lib/clock.ts'
import type { DisconnectReason } from '../../../model/line.ts'
import type { LinkLog } from '../../connector.ts'
import { type DialOptions, dial, type Trouble } from './dial.ts'
import { hexOf, statusWords } from './failures.ts'
import {
  type Body,
  type Command,
  encode,
  type Frame,
  FrameReader,
  isResponseId,
  type Malformed,
  type Pdu,
  sequenceMax,
  type Tags,
} from './pdu.ts'
import type { SmppSettings } from './settings.ts'

export interface SessionOptions extends DialOptions {
  settings: SmppSettings
  clock: Clock
  log: LinkLog
  as: 'transceiver' | 'transmitter' | 'receiver'
  /** What the SMSC brings. Never rejects; answers when it is safe, or that it has to come again. */
  hear(pdu: Pdu, reply: Reply): void
  /** The SMSC has read everything that was written before this point. */
  proved(point: number): void
}

/** Returns the point at which the answer was written, or null when there is nobody left to answer. */
export type Reply = (status: number) => number | null

/** unsent: the SMSC never saw it. unanswered: it may have. */
export type Outcome = { answer: Pdu } | { unsent: string } | { unanswered: string }

const limitMs = { bind: 10_000, submit: 30_000, enquire: 5_000, unbind: 1_000, drain: 1_000 }
/** Submits that wait for room in the window. */
const queueMax = 1_000
/** Deliveries that have no answer yet: with more of them we stop reading, and TCP tells the SMSC to wait. */
const hearing = { most: 200, few: 100 }
/** Somebody who sends and does not read would have us keep all answers. */
const unreadBytesMax = 1024 * 1024
/** Answers to deliveries that nobody knows to have arrived: with more, or after so long, the SMSC is asked for a sign. */
const unproved = { most: 50, longestMs: 1_000 }
const interfaceVersion = 0x34
const nack = { invalidLength: 0x01, invalidFrame: 0x02, invalidCommand: 0x03 }

const answers = {
  enquire_link: 'enquire_link_resp',
  unbind: 'unbind_resp',
  deliver_sm: 'deliver_sm_resp',
  data_sm: 'data_sm_resp',
} as const satisfies Partial<Record<Command, Command>>

interface Request {
  command: Command
  body: Partial<Body>
  tags?: Tags
  limitMs: number
  inWindow: boolean
  signal?: AbortSignal
  settle(outcome: Outcome): void
  done: AbortController
  /** Null until it is written. */
  written: { sequence: number; point: number } | null
}

export async function openSession(
  options: SessionOptions,
  signal: AbortSignal,
): Promise<{ session: Session } | { trouble: Trouble }> {
  const dialled = await dial(options, signal)
  if ('trouble' in dialled) return dialled
  const session = new Session(options, dialled.socket)
  const stop = () => session.end({ reason: 'stopped', detail: 'It was given up.', refused: false })
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  const trouble = await session.bind()
  signal.removeEventListener('abort', stop)
  if (trouble === null) return { session }
  session.end(trouble)
  return { trouble }
}

export class Session {
  readonly ended: Promise<Trouble>
  readonly #options: SessionOptions
  readonly #socket: Socket
  readonly #reader = new FrameReader()
  readonly #pending = new Map<number, Request>()
  readonly #over = new AbortController()
  /** Aborts when a session that is closing has no submit under way any more. */
  readonly #emptied = new AbortController()
  #queue: Request[] = []
  #tellEnd: (trouble: Trouble) => void = () => undefined
  #sequence = 0
  #inWindow = 0
  #writes = 0
  #heard = 0
  /** Points: of our last answer to a delivery, and the one up to which the SMSC has read everything. */
  #lastAnswer = 0
  #proved = 0
  #sinceProof = 0
  #willProve = false
  #isProving = false
  #isClosing = false

  constructor(options: SessionOptions, socket: Socket) {
    this.#options = options
    this.#socket = socket
    this.ended = new Promise((resolve) => {
      this.#tellEnd = resolve
    })
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('close', () => this.end(lost('close_lost', 'The SMSC closed the connection.')))
    socket.on('error', () => this.end(lost('close_lost', 'The connection to the SMSC broke.')))
  }

  /** Null when the SMSC lets us in. */
  async bind(): Promise<Trouble | null> {
    const { as, settings } = this.#options
    const { systemId, password, systemType } = settings
    const body = { systemId, password, systemType, interfaceVersion }
    const outcome = await this.#request({ command: `bind_${as}`, body, limitMs: limitMs.bind })
    if (!('answer' in outcome)) return this.#over.signal.aborted ? await this.ended : silentBind
    const { status } = outcome.answer
    if (status !== 0) return refusedBind(status)
    void this.#enquire()
    return null
  }

  /** In the order asked for; those beyond the window wait their turn. */
  submit(body: Partial<Body>, tags: Tags, signal: AbortSignal): Promise<Outcome> {
    if (this.#queue.length >= queueMax) return Promise.resolve({ unsent: 'Too many submits wait already.' })
    return this.#request({ command: 'submit_sm', body, tags, limitMs: limitMs.submit, inWindow: true, signal })
  }

  /** Lets what is under way end, for a moment, and takes leave. */
  async close(): Promise<void> {
    this.#isClosing = true
    for (const request of this.#queue.splice(0)) request.settle({ unsent: 'The link was stopped.' })
    await this.#drained()
    if (!this.#over.signal.aborted) await this.#request({ command: 'unbind', body: {}, limitMs: limitMs.unbind })
    this.end({ reason: 'stopped', detail: 'The link was stopped.', refused: false })
  }

  end(trouble: Trouble): void {
    if (this.#over.signal.aborted) return
    this.#over.abort()
    this.#socket.destroy()
    for (const request of this.#queue.splice(0)) request.settle({ unsent: trouble.detail })
    for (const request of [...this.#pending.values()]) request.settle({ unanswered: trouble.detail })
    this.#tellEnd(trouble)
  }

  async #drained(): Promise<void> {
    const enough = AbortSignal.any([this.#over.signal, this.#emptied.signal])
    if (this.#inWindow > 0) await this.#options.clock.sleep(limitMs.drain, enough)
  }

  #request(asked: {
    command: Command
    body: Partial<Body>
    tags?: Tags
    limitMs: number
    inWindow?: boolean
    signal?: AbortSignal
  }): Promise<Outcome> {
    const { signal, inWindow = false } = asked
    const isOver = this.#over.signal.aborted || (this.#isClosing && inWindow)
    if (isOver) return Promise.resolve({ unsent: 'The link is not connected.' })
    if (signal?.aborted) return Promise.resolve(givenUpUnsent)
    return new Promise((resolve) => {
      const done = new AbortController()
      const request: Request = { ...asked, inWindow, done, written: null, settle: () => undefined }
      const giveUp = () =>
        request.settle(
          request.written === null ? givenUpUnsent : { unanswered: 'It was given up before an answer came.' },
        )
      request.settle = (outcome) => {
        if (done.signal.aborted) return
        done.abort()
        signal?.removeEventListener('abort', giveUp)
        this.#forget(request)
        resolve(outcome)
      }
      signal?.addEventListener('abort', giveUp, { once: true })
      if (inWindow) this.#queue.push(request)
      else this.#write(request)
      this.#pump()
    })
  }

  #forget({ written, inWindow, done }: Request): void {
    if (written === null) this.#queue = this.#queue.filter((one) => one.done !== done)
    else this.#pending.delete(written.sequence)
    if (written !== null && inWindow) this.#inWindow -= 1
    if (this.#isClosing && this.#inWindow === 0) this.#emptied.abort()
    this.#pump()
  }

  #pump(): void {
    while (!this.#over.signal.aborted && this.#inWindow < this.#options.settings.window) {
      const next = this.#queue.shift()
      if (next === undefined) return
      // Many may be given up at once: the first of them makes room, and the others must not take it.
      if (next.signal?.aborted) next.settle(givenUpUnsent)
      else {
        this.#inWindow += 1
        this.#write(next)
      }
    }
  }

  #write(request: Request): void {
    const sequence = this.#nextSequence()
    this.#pending.set(sequence, request)
    const point = this.#send(encode({ command: request.command, sequence }, request.body, request.tags))
    request.written = { sequence, point }
    const { signal } = request.done
    void this.#options.clock.sleep(request.limitMs, signal).then(() => {
      if (!signal.aborted) request.settle({ unanswered: `No answer came within ${request.limitMs / 1_000} s.` })
    })
  }

  #nextSequence(): number {
    do this.#sequence = this.#sequence >= sequenceMax ? 1 : this.#sequence + 1
    while (this.#pending.has(this.#sequence))
    return this.#sequence
  }

  #send(frame: Buffer): number {
    this.#writes += 1
    this.#socket.write(frame)
    if (this.#socket.writableLength > unreadBytesMax) {
      // Not at once: whoever is writing has yet to note where.
      queueMicrotask(() => this.end(lost('close_unread', 'The SMSC sends, and does not read what it is answered.')))
    }
    return this.#writes
  }

  #read(chunk: Buffer): void {
    for (const frame of this.#reader.push(chunk)) {
      if (this.#over.signal.aborted) return
      this.#take(frame)
    }
  }

  #take(frame: Frame): void {
    if ('pdu' in frame) this.#takePdu(frame.pdu)
    else this.#takeMalformed(frame.malformed)
  }

  #takePdu(pdu: Pdu): void {
    const { command, sequence } = pdu
    if (command === 'deliver_sm' || command === 'data_sm') this.#hear(pdu, answers[command])
    else if (command === 'enquire_link') this.#send(encode({ command: answers[command], sequence }))
    else if (command === 'unbind') this.#unbound(sequence)
    else if (command.endsWith('_resp') || command === 'generic_nack') this.#answered(pdu)
    else this.#send(encode({ command: 'generic_nack', sequence, status: nack.invalidCommand }))
  }

  #takeMalformed({ command, commandId, sequence, why, lost: isLost }: Malformed): void {
    const facts = { channel: 'sms', command: command ?? `0x${hexOf(commandId)}`, why }
    this.#options.log.warn(facts, 'The SMSC sent what cannot be read.')
    if (isLost) {
      this.#send(encode({ command: 'generic_nack', sequence, status: nack.invalidFrame }))
      this.end(lost('close_protocol', `What the SMSC sends is not SMPP. ${why}`))
    } else if (isResponseId(commandId)) {
      this.#pending.get(sequence)?.settle({ unanswered: 'The answer of the SMSC cannot be read.' })
    } else {
      const answer = command !== null && isAnswered(command) ? answers[command] : 'generic_nack'
      const status = command === null ? nack.invalidCommand : nack.invalidLength
      this.#send(encode({ command: answer, sequence, status }))
    }
  }

  #answered(answer: Pdu): void {
    const request = this.#pending.get(answer.sequence)
    if (request === undefined) return
    if (answer.command !== 'generic_nack' && answer.command !== `${request.command}_resp`) return
    if (request.written !== null) {
      this.#proved = Math.max(this.#proved, request.written.point)
      this.#options.proved(request.written.point)
    }
    request.settle({ answer })
  }

  #unbound(sequence: number): void {
    this.#send(encode({ command: 'unbind_resp', sequence }))
    this.end(lost('close_unbind', 'The SMSC ended the bind.'))
  }

  #hear(pdu: Pdu, command: Command): void {
    this.#heard += 1
    if (this.#heard >= hearing.most) this.#socket.pause()
    let isOpen = true
    this.#options.hear(pdu, (status) => {
      if (!isOpen || this.#over.signal.aborted) return null
      isOpen = false
      this.#heard -= 1
      if (this.#heard <= hearing.few) this.#socket.resume()
      const point = this.#send(encode({ command, sequence: pdu.sequence, status }))
      this.#lastAnswer = point
      this.#sinceProof += 1
      if (this.#sinceProof >= unproved.most) void this.#prove()
      if (!this.#willProve) void this.#proveSoon()
      return point
    })
  }

  async #proveSoon(): Promise<void> {
    this.#willProve = true
    while (this.#lastAnswer > this.#proved && !this.#isClosing && !this.#over.signal.aborted) {
      await this.#options.clock.sleep(unproved.longestMs, this.#over.signal)
      if (this.#lastAnswer > this.#proved) await this.#prove()
    }
    this.#willProve = false
  }

  /** Whatever the SMSC answers, it has read all that was written before. */
  async #prove(): Promise<void> {
    if (this.#isProving || this.#isClosing) return
    this.#isProving = true
    this.#sinceProof = 0
    await this.#request({ command: 'enquire_link', body: {}, limitMs: limitMs.enquire })
    this.#isProving = false
  }

  async #enquire(): Promise<void> {
    const { clock, settings } = this.#options
    const over = this.#over.signal
    for (;;) {
      await clock.sleep(settings.enquireEveryMs, over)
      if (over.aborted || this.#isClosing) return
      // While we do not read, an answer could not reach us.
      if (this.#socket.isPaused()) continue
      const outcome = await this.#request({ command: 'enquire_link', body: {}, limitMs: limitMs.enquire })
      if ('answer' in outcome || this.#socket.isPaused()) continue
      this.end(lost('close_enquire', 'The SMSC does not answer any more.'))
    }
  }
}

const givenUpUnsent: Outcome = { unsent: 'It was given up before it was sent.' }

function isAnswered(command: Command): command is keyof typeof answers {
  return command in answers
}

const silentBind: Trouble = {
  reason: 'close_bind_timeout',
  detail:
    'The SMSC took the connection and did not answer the bind within 10 s. Check that SMPP is spoken on this port.',
  refused: false,
}

function refusedBind(status: number): Trouble {
  const reason: DisconnectReason = `close_bind_0x${hexOf(status)}`
  const advice = 'Check the system id, the password, and how many binds the provider allows.'
  return { reason, detail: `The SMSC refused the bind (${statusWords(status)}). ${advice}`, refused: true }
}

function lost(reason: DisconnectReason, detail: string): Trouble {
  return { reason, detail, refused: false }
}
