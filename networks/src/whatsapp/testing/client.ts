/** A WhatsApp client for the tests: the package `baileys` as it is, with its checks in force and its log silent. */
import { Agent } from 'node:https'
import {
  type AuthenticationState,
  type BaileysEventMap,
  Browsers,
  Curve,
  type GroupMetadata,
  generateSignalPubKey,
  initAuthCreds,
  makeWASocket,
  type proto,
  WA_CERT_DETAILS,
  type WAMessage,
  type WASocket,
} from 'baileys'
import { verifySignature } from 'libsignal/src/curve.js'
import { afterEach, beforeEach, expect } from 'vitest'
import { People } from '../../people.ts'
import { systemClock } from '../../time.ts'
import type { Store } from '../keeping.ts'
import { Keys } from '../party/keys.ts'
import { mendSignal } from '../party/signal-fixes.ts'
import { openWhatsapp, type Whatsapp } from '../whatsapp.ts'

const silent = {
  level: 'silent',
  child: () => silent,
  trace: () => {},
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
}

/** In baileys 7.0.0-rc14 every signature is valid: it waits for an error that libsignal does not throw. */
Curve.verify = (key, message, signature) => {
  try {
    return verifySignature(generateSignalPubKey(key), message, signature)
  } catch {
    return false
  }
}

mendSignal()

/** A fresh network for each test; afterwards nothing of it may be left. */
export function freshNetwork() {
  const clients: Client[] = []
  const all = { network: undefined as Whatsapp | undefined, people: new People() }
  const there = (): Whatsapp => {
    if (all.network === undefined) throw new Error('The network is open during tests only.')
    return all.network
  }
  const open = async (options: { state?: Store; port?: number } = {}) => {
    all.network = await openWhatsapp({ people: all.people, clock: systemClock, ...options })
    return all.network
  }
  const stop = async () => {
    await there().stop()
    await expect.poll(() => there().leftBehind()).toBe(0)
  }
  beforeEach(async () => {
    all.people = new People()
    await open()
  })
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.close()
    await stop()
  })
  return {
    get network() {
      return there()
    },
    get people() {
      return all.people
    },
    /** Stops this one, and opens another. */
    async reopen(options: { state?: Store; port?: number }) {
      await stop()
      return open(options)
    },
    open,
    client(): Client {
      const made = new Client(reachOf(there()))
      clients.push(made)
      return made
    },
  }
}

/** What a client must know of a network, and how a phone there is held to a QR code. */
export interface Reach {
  socketUrl: string
  noiseRoot: Buffer<ArrayBuffer>
  caCertificate: string
  scan(number: string, qr: string): Promise<unknown>
}

/** As a line of the gateway reads it. */
export function trustIn(lineUrl: string): Omit<Reach, 'scan'> {
  const { searchParams } = new URL(lineUrl)
  const decoded = (name: string) => Buffer.from(searchParams.get(name) ?? '', 'base64url')
  return { socketUrl: lineUrl, noiseRoot: decoded('noiseRoot'), caCertificate: decoded('ca').toString() }
}

const reachOf = (network: Whatsapp): Reach => ({
  ...network,
  scan: (number, qr) => network.phoneOf(number).scan(qr),
})

export class Client {
  readonly #reach: Reach
  readonly auth: AuthenticationState = { creds: initAuthCreds(), keys: new Keys() }
  /** The code each connection ended with. */
  readonly closes: number[] = []
  readonly qrs: string[] = []
  readonly messages: WAMessage[] = []
  readonly events: {
    [Name in keyof BaileysEventMap]: { name: Name; data: BaileysEventMap[Name] }
  }[keyof BaileysEventMap][] = []
  readonly sent = new Map<string, proto.IMessage>()
  /** The server's word on each message: '' when it took it, otherwise what it refused it with. */
  readonly acks = new Map<string, string>()
  /** Groups it believes to know: it does not ask for these before it sends. */
  readonly groups = new Map<string, GroupMetadata>()
  isOpen = false
  socket: WASocket

  constructor(reach: Reach) {
    this.#reach = reach
    this.socket = this.connect()
  }

  connect(network: Reach = this.#reach): WASocket {
    WA_CERT_DETAILS.PUBLIC_KEY = network.noiseRoot
    const socket = makeWASocket({
      auth: this.auth,
      waWebSocketUrl: network.socketUrl,
      logger: silent,
      browser: Browsers.macOS('Chrome'),
      markOnlineOnConnect: false,
      fetchAgent: new Agent({ ca: network.caCertificate }),
      retryRequestDelayMs: 10,
      cachedGroupMetadata: async (jid) => this.groups.get(jid),
      getMessage: async ({ id }) => this.sent.get(id ?? ''),
    })
    this.socket = socket
    socket.ws.on('CB:ack,class:message', ({ attrs }: { attrs: Record<string, string> }) =>
      this.acks.set(attrs.id ?? '', attrs.error ?? ''),
    )
    socket.ev.process((batch) => this.#hear(batch))
    return socket
  }

  #hear(batch: Partial<BaileysEventMap>): void {
    for (const [name, data] of Object.entries(batch)) this.events.push({ name, data } as (typeof this.events)[number])
    if (batch['creds.update']) Object.assign(this.auth.creds, batch['creds.update'])
    for (const message of batch['messages.upsert']?.messages ?? []) this.messages.push(message)
    const { qr, connection, lastDisconnect } = batch['connection.update'] ?? {}
    if (qr !== undefined) this.qrs.push(qr)
    if (connection === 'open') this.isOpen = true
    if (connection !== 'close') return
    this.isOpen = false
    const error = lastDisconnect?.error as { output?: { statusCode?: number } } | undefined
    const code = error?.output?.statusCode ?? 0
    this.closes.push(code)
    if (code === 515) this.connect()
  }

  /** Every time this came, in order. */
  all<Name extends keyof BaileysEventMap>(name: Name): BaileysEventMap[Name][] {
    return this.events.flatMap((event) => (event.name === name ? [event.data as BaileysEventMap[Name]] : []))
  }

  /** Linked by QR and at work: history told, prekeys handed in. */
  async link(number: string): Promise<this> {
    await expect.poll(() => this.qrs.length).toBeGreaterThan(0)
    await this.#reach.scan(number, this.qrs.at(-1) ?? '')
    await this.ready()
    return this
  }

  async ready(): Promise<void> {
    await expect.poll(() => this.isOpen && this.all('messaging-history.set').length > 0).toBe(true)
  }

  async send(
    to: string,
    content: Parameters<WASocket['sendMessage']>[1],
    more?: Parameters<WASocket['sendMessage']>[2],
  ) {
    const message = await this.socket.sendMessage(to, content, more)
    const id = message?.key.id ?? ''
    if (message?.message) this.sent.set(id, message.message)
    return id
  }

  async message(id: string): Promise<WAMessage> {
    const find = () => this.messages.find(({ key }) => key.id === id)
    await expect.poll(find).toBeDefined()
    const found = find()
    if (found === undefined) throw new Error('It did not come.')
    return found
  }

  /** The furthest that was ever heard of a message: 0 refused, 1 sent, 3 delivered, 4 read. */
  status(id: string): number {
    const updates = this.all('messages.update').flat()
    const told = updates.filter(({ key }) => key.id === id).map(({ update }) => Number(update.status ?? -1))
    const echoed = this.messages.filter(({ key }) => key.id === id).map(({ status }) => Number(status ?? -1))
    return told.includes(0) ? 0 : Math.max(-1, ...told, ...echoed)
  }

  async close(): Promise<void> {
    await this.socket.end(undefined)
  }
}
