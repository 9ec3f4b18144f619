/**
 * Keeps connections for the next request to the same origin, and no more of them than is good for anybody.
 *
 * A connection is made by whoever needs it, under that request's own limits, so that a request that is given up takes
 * its half-made connection along. undici's own pool makes them in the background and keeps origins that never answer.
 */
import type { Socket } from 'node:net'
import { Client } from 'undici'
import { reasonOf } from './deadline.ts'
import { staleConnection } from './trouble.ts'

export interface Link {
  readonly origin: string
  readonly client: Client
  readonly socket: Socket
  /** Nothing was sent on it before. */
  isNew: boolean
}

interface Origin {
  /** Free, in use, and being made. */
  connections: number
  /** The freshest last: it is used first, so that the others can go. */
  idle: Link[]
  waiting: Set<(turn: Link | 'connect') => void>
}

/** Many webhooks may lead to one server, and those of them that hang must leave room for the others. */
const connectionsPerOriginMax = 512
const idleMax = 512
const idleMs = 4_000
/** Receivers announce when they close; a connection is not used in the last second before that. */
const idleMarginMs = 1_000
const headersBytesMax = 16_384

export class Pool {
  readonly #dial: (url: URL, signal: AbortSignal) => Promise<Socket>
  readonly #origins = new Map<string, Origin>()
  readonly #links = new Set<Link>()
  /** Over all origins, the stalest first. */
  readonly #idle = new Set<Link>()

  constructor(dial: (url: URL, signal: AbortSignal) => Promise<Socket>) {
    this.#dial = dial
  }

  /** A free connection, a new one, or the next that comes free. Whoever takes it gives it back or destroys its socket. */
  async take(url: URL, signal: AbortSignal): Promise<Link> {
    if (signal.aborted) throw reasonOf(signal)
    const origin = this.#originOf(url.origin)
    const free = origin.idle.pop()
    if (free !== undefined) {
      this.#idle.delete(free)
      return free
    }
    if (origin.connections < connectionsPerOriginMax) origin.connections += 1
    else {
      const turn = await turnOf(origin, signal)
      if (turn !== 'connect') return turn
    }
    return this.#open(url, signal)
  }

  /** To be used again, unless it is gone. */
  give(link: Link): void {
    if (link.socket.destroyed) return
    link.isNew = false
    const origin = this.#originOf(link.origin)
    const next = shift(origin.waiting)
    if (next === undefined) this.#keep(link, origin)
    else next(link)
  }

  async close(): Promise<void> {
    await Promise.all([...this.#links].map(({ socket }) => closed(socket)))
  }

  #keep(link: Link, origin: Origin): void {
    origin.idle.push(link)
    this.#idle.add(link)
    const [stalest] = this.#idle
    if (this.#idle.size > idleMax && stalest !== undefined) {
      this.#forget(stalest)
      stalest.socket.destroy()
    }
  }

  async #open(url: URL, signal: AbortSignal): Promise<Link> {
    let socket: Socket
    try {
      socket = await this.#dial(url, signal)
    } catch (error) {
      this.#leave(url.origin)
      throw error
    }
    const link: Link = { origin: url.origin, client: clientOn(url.origin, socket), socket, isNew: true }
    this.#links.add(link)
    socket.once('close', () => {
      this.#links.delete(link)
      this.#forget(link)
      this.#leave(link.origin)
    })
    return link
  }

  #originOf(name: string): Origin {
    const known = this.#origins.get(name)
    if (known !== undefined) return known
    const fresh: Origin = { connections: 0, idle: [], waiting: new Set() }
    this.#origins.set(name, fresh)
    return fresh
  }

  #forget(link: Link): void {
    if (!this.#idle.delete(link)) return
    const origin = this.#originOf(link.origin)
    origin.idle = origin.idle.filter((one) => one !== link)
  }

  /** One connection fewer: its place goes to who waits longest. */
  #leave(name: string): void {
    const origin = this.#originOf(name)
    const next = shift(origin.waiting)
    if (next === undefined) origin.connections -= 1
    else next('connect')
    if (origin.connections === 0) this.#origins.delete(name)
  }
}

/** One client per connection: when the connection is gone it makes no other, but fails what was not written yet. */
function clientOn(origin: string, socket: Socket): Client {
  let isGiven = false
  return new Client(origin, {
    connect(_target, done) {
      const isFirst = !isGiven
      isGiven = true
      // The client does not expect to be answered while it asks.
      queueMicrotask(() => (isFirst ? done(null, socket) : done(staleConnection, null)))
    },
    pipelining: 1,
    allowH2: false,
    keepAliveTimeout: idleMs,
    keepAliveMaxTimeout: idleMs,
    keepAliveTimeoutThreshold: idleMarginMs,
    maxHeaderSize: headersBytesMax,
    // The whole request has one limit, which is not the client's.
    headersTimeout: 0,
    bodyTimeout: 0,
  })
}

function turnOf(origin: Origin, signal: AbortSignal): Promise<Link | 'connect'> {
  return new Promise((resolve, reject) => {
    const stops = () => {
      origin.waiting.delete(mine)
      reject(reasonOf(signal))
    }
    const mine = (turn: Link | 'connect') => {
      signal.removeEventListener('abort', stops)
      resolve(turn)
    }
    origin.waiting.add(mine)
    signal.addEventListener('abort', stops, { once: true })
  })
}

function shift<T>(some: Set<T>): T | undefined {
  const [first] = some
  if (first !== undefined) some.delete(first)
  return first
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) return resolve()
    socket.once('close', () => resolve())
    socket.destroy()
  })
}
