/** The network outside: takes messages, remembers every effect, misbehaves as told, and repeats what it says until it is acknowledged. */
import { createHash } from 'node:crypto'
import { createServer, type Server, type Socket } from 'node:net'
import type { Incoming } from '../../src/channels/connector.ts'
import type { Channel } from '../../src/model/channel.ts'
import type { Handle, ProviderChatId, ProviderMessageId } from '../../src/model/ids.ts'
import {
  type Answer,
  type LinkName,
  readLines,
  type Said,
  type SendRequest,
  type VerbRequest,
  writeLine,
} from './wire.ts'

/**
 * busy: nothing happens, try later. absent: this person is not here. refused: never this message. cut: the connection
 * ends and nothing has happened. drop: it has happened, and the connection ends before anybody is told.
 */
export type Fault = 'none' | 'busy' | 'busy-message' | 'absent' | 'refused' | 'cut' | 'drop'

export interface Fate {
  fault: Fault
  delayMs: number
  receipts: readonly ('delivered' | 'read')[]
  echo: boolean
  /** Receipts and the echo come before the answer. */
  early: boolean
}

/** A message that arrived at its recipient. */
export interface Effect {
  channel: Channel
  line: string
  ref: string
  to: string
  hash: string
}

export interface Tried {
  channel: Channel
  ref: string
  fault: Fault
}

export interface Spoken extends LinkName {
  providerId: string
  text: string
  acknowledged: number
}

export interface OutsideOptions {
  dedupes(channel: Channel): boolean
  /** What becomes of a send; `tries` is how often this ref has come before. */
  fateOf(request: SendRequest, tries: number): Fate
  /** Whether an event that was acknowledged is told once more. */
  repeats(): boolean
}

/** Whatever protocol it speaks. */
export interface Network {
  effects: Effect[]
  tried: Tried[]
  spoken: Spoken[]
  /** Somebody writes to a line. */
  say(message: LinkName & { from: string; text: string }): string
  /** Events that nobody has acknowledged yet. */
  unheard(): number
  close(): Promise<void>
}

export interface Outside extends Network {
  port: number
  verbs: VerbRequest[]
  /** Tells a line anything else. */
  tell(link: LinkName, incoming: Incoming): void
}

interface Pending {
  number: number
  link: string
  incoming: Incoming
}

interface State {
  options: OutsideOptions
  outside: Omit<Outside, 'port' | 'close'>
  listeners: Map<string, Socket>
  pending: Map<number, Pending>
  known: Map<string, Answer>
  tries: Map<string, number>
  spokenBy: Map<number, Spoken>
  count: { event: number; message: number }
}

export function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 16)
}

export async function openOutside(options: OutsideOptions): Promise<Outside> {
  const state = stateOf(options)
  const sockets = new Set<Socket>()
  const server: Server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    // A gateway that is killed takes its connections with it; that is the point.
    socket.on('error', () => {})
    socket.on('close', () => {
      sockets.delete(socket)
      for (const [name, listener] of state.listeners) if (listener === socket) state.listeners.delete(name)
    })
    readLines<Said>(socket, (said) => hear(state, socket, said))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The network has no port.')
  return {
    ...state.outside,
    port: address.port,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function stateOf(options: OutsideOptions): State {
  const state: State = {
    options,
    listeners: new Map(),
    pending: new Map(),
    known: new Map(),
    tries: new Map(),
    spokenBy: new Map(),
    count: { event: 0, message: 0 },
    outside: {
      effects: [],
      tried: [],
      verbs: [],
      spoken: [],
      unheard: () => state.pending.size,
      tell: (link, incoming) => void queue(state, link, incoming),
      say: (message) => say(state, message),
    },
  }
  return state
}

function nameOf({ line, channel }: LinkName): string {
  return `${line}/${channel}`
}

function hear(state: State, socket: Socket, said: Said): void {
  if (said.op === 'send') send(state, socket, said)
  else if (said.op === 'verb') {
    state.outside.verbs.push(said)
    writeLine(socket, { taken: true, providerId: '', chat: '' } satisfies Answer)
  } else if (said.op === 'listen') listen(state, socket, said)
  else if (said.op === 'ack') acknowledge(state, said.event)
  else setTimeout(() => deliver(state, state.pending.get(said.event)), 20)
}

/** As real networks do, a second link of a line ends the first. */
function listen(state: State, socket: Socket, link: LinkName): void {
  const name = nameOf(link)
  state.listeners.get(name)?.destroy()
  state.listeners.set(name, socket)
  for (const pending of state.pending.values()) if (pending.link === name) deliver(state, pending)
}

function deliver(state: State, pending: Pending | undefined): void {
  const socket = pending === undefined ? undefined : state.listeners.get(pending.link)
  if (pending === undefined || socket === undefined) return
  writeLine(socket, { event: pending.number, incoming: pending.incoming })
}

function queue(state: State, link: LinkName, incoming: Incoming): number {
  state.count.event += 1
  const pending = { number: state.count.event, link: nameOf(link), incoming }
  state.pending.set(pending.number, pending)
  deliver(state, pending)
  return pending.number
}

function acknowledge(state: State, event: number): void {
  const pending = state.pending.get(event)
  const spoken = state.spokenBy.get(event)
  if (spoken !== undefined) spoken.acknowledged += 1
  if (state.options.repeats()) deliver(state, pending)
  else state.pending.delete(event)
}

function say(state: State, message: LinkName & { from: string; text: string }): string {
  state.count.message += 1
  const { line, channel, from, text } = message
  const providerId = `in-${state.count.message}`
  const spoken: Spoken = { line, channel, providerId, text, acknowledged: 0 }
  state.outside.spoken.push(spoken)
  const event = queue(state, message, {
    kind: 'message',
    ...{
      providerId: providerId as ProviderMessageId,
      chat: chatOf(channel, from),
      from: from as Handle,
      at: new Date(),
    },
    ...{ echoOf: null, text, attachments: [], replyTo: null, group: null },
  })
  state.spokenBy.set(event, spoken)
  return providerId
}

export function chatOf(channel: Channel, handle: string): ProviderChatId {
  return `${channel}:${handle}` as ProviderChatId
}

function send(state: State, socket: Socket, request: SendRequest): void {
  const { channel, ref } = request
  const tries = state.tries.get(ref) ?? 0
  state.tries.set(ref, tries + 1)
  const fate = state.options.fateOf(request, tries)
  state.outside.tried.push({ channel, ref, fault: fate.fault })
  later(fate.delayMs, answering(state, socket, { request, fate }))
}

/** The effect comes at once, and what the gateway is told of it after the delay. */
function answering(state: State, socket: Socket, { request, fate }: { request: SendRequest; fate: Fate }): () => void {
  const { fault } = fate
  if (fault === 'cut') return () => socket.destroy()
  if (fault !== 'none' && fault !== 'drop') return () => writeLine(socket, refusal(fault))
  const { answer, follow } = take(state, request, fate)
  return () => {
    if (fault === 'drop') socket.destroy()
    else writeLine(socket, answer)
    if (!fate.early) follow()
  }
}

function later(ms: number, work: () => void): void {
  if (ms > 0) setTimeout(work, ms)
  else work()
}

function refusal(fault: Fault): Answer {
  if (fault === 'absent') return { taken: false, kind: 'unreachable', scope: 'message' }
  if (fault === 'refused') return { taken: false, kind: 'refused', scope: 'message' }
  return { taken: false, kind: 'retryable', scope: fault === 'busy' ? 'link' : 'message' }
}

/** From here on the recipient has it. */
function take(state: State, request: SendRequest, fate: Fate): { answer: Answer; follow(): void } {
  const { channel, line, ref, to, text } = request
  const before = state.options.dedupes(channel) ? state.known.get(ref) : undefined
  if (before !== undefined) return { answer: before, follow: () => {} }
  state.count.message += 1
  const answer = { taken: true as const, providerId: `out-${state.count.message}`, chat: chatOf(channel, to) }
  state.known.set(ref, answer)
  state.outside.effects.push({ channel, line, ref, to, hash: hashOf(text) })
  const providerId = answer.providerId as ProviderMessageId
  const follow = () => {
    if (fate.echo) {
      queue(state, request, {
        kind: 'message',
        ...{ providerId, chat: answer.chat, from: line as Handle, at: new Date(), echoOf: ref as never, text },
        ...{ attachments: [], replyTo: null, group: null },
      })
    }
    for (const status of fate.receipts)
      queue(state, request, { kind: 'receipt', providerId, status, at: new Date(), detail: null })
  }
  if (fate.early) follow()
  return { answer, follow }
}
