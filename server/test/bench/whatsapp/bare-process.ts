/** The library by itself, for comparison: its sockets, its own transactions, keys in memory, nothing kept and nothing translated. */
import { setTimeout as sleep } from 'node:timers/promises'
import {
  Browsers,
  generateMessageIDV2,
  initAuthCreds,
  makeWASocket,
  type SignalDataSet,
  type SignalDataTypeMap,
  type WASocket,
} from 'baileys'
import { mendLibrary } from '../../../src/channels/whatsapp/library/mends.ts'
import { quietLogger } from '../../../src/channels/whatsapp/library/quiet-logger.ts'
import { trusting } from '../../../src/channels/whatsapp/library/trust.ts'
import { answerAs } from '../child.ts'
import type { Numbered, SendRun, SessionsSettings } from './accounts.ts'
import { greetAll, sendFor } from './sending-loop.ts'

const silent = () => {}
const logger = quietLogger({ info: silent, warn: silent, error: silent })

await answerAs<SessionsSettings>(async ({ lineUrl }) => {
  mendLibrary()
  const root = Buffer.from(new URL(lineUrl).searchParams.get('noiseRoot') ?? '', 'base64url')
  const clients = new Map<string, Client>()
  const lids = new Map<string, string>()
  const all = () => [...clients.values()]
  const sendOne = async (nth: number, to: string, text: string) => all()[nth]?.send(lids.get(to) ?? to, text)
  return {
    answers: {
      code: async ({ number }: Numbered) => {
        const client = new Client(lineUrl, root)
        clients.set(number, client)
        return client.code()
      },
      connected: ({ number }: Numbered) => clients.get(number)?.opened(),
      close: () => undefined,
      lids: (known: readonly (readonly [string, string])[]) => {
        for (const [number, lid] of known) lids.set(number, lid)
      },
      greet: (run: SendRun) => greetAll(run, sendOne),
      send: (run: SendRun) => sendFor(run, sendOne),
      heard: () => all().reduce((sum, { heard }) => sum + heard, 0),
    },
    stop: async () => {
      await Promise.all(all().map((client) => client.close()))
    },
  }
})

class Client {
  heard = 0
  #isOpen = false
  #qr: string | null = null
  readonly #auth = { creds: initAuthCreds(), keys: keysInMemory() }
  readonly #waiting = new Map<string, () => void>()
  readonly #connect: () => WASocket
  #socket: WASocket

  constructor(lineUrl: string, root: Buffer) {
    this.#connect = () => trusting(root, () => this.#open(lineUrl))
    this.#socket = this.#connect()
  }

  async code(): Promise<string> {
    while (this.#qr === null) await sleep(5)
    return this.#qr
  }

  async opened(): Promise<void> {
    while (!this.#isOpen) await sleep(5)
  }

  async send(jid: string, text: string): Promise<void> {
    const messageId = generateMessageIDV2()
    const answered = new Promise<void>((resolve) => this.#waiting.set(messageId, resolve))
    await this.#socket.sendMessage(jid, { text }, { messageId })
    await answered
    this.#waiting.delete(messageId)
  }

  async close(): Promise<void> {
    await this.#socket.end(undefined)
  }

  #open(lineUrl: string): WASocket {
    const socket = makeWASocket({
      ...{ auth: this.#auth, waWebSocketUrl: lineUrl, logger, browser: Browsers.macOS('Chrome') },
      ...{ markOnlineOnConnect: false, syncFullHistory: false, emitOwnEvents: false, enableRecentMessageCache: false },
    })
    socket.ws.on('CB:ack,class:message', ({ attrs }: { attrs: { id?: string } }) =>
      this.#waiting.get(attrs.id ?? '')?.(),
    )
    socket.ev.on('creds.update', (part) => void Object.assign(this.#auth.creds, part))
    socket.ev.on('messages.upsert', ({ messages }) => {
      this.heard += messages.filter(({ key, message }) => !key.fromMe && message !== null).length
    })
    socket.ev.on('connection.update', ({ qr, connection, lastDisconnect }) => {
      if (qr !== undefined) this.#qr = qr
      if (connection === 'open') this.#isOpen = true
      const error = lastDisconnect?.error as { output?: { statusCode?: number } } | undefined
      if (connection === 'close' && error?.output?.statusCode === 515) this.#socket = this.#connect()
    })
    return socket
  }
}

function keysInMemory() {
  const kept = new Map<string, unknown>()
  return {
    get: async <Kind extends keyof SignalDataTypeMap>(type: Kind, ids: string[]) => {
      const found: Record<string, SignalDataTypeMap[Kind]> = {}
      for (const id of ids) {
        const value = kept.get(`${type} ${id}`)
        if (value !== undefined) found[id] = value as SignalDataTypeMap[Kind]
      }
      return found
    },
    set: async (data: SignalDataSet) => {
      for (const [type, values] of Object.entries(data))
        for (const [id, value] of Object.entries(values ?? {})) {
          if (value === null) kept.delete(`${type} ${id}`)
          else kept.set(`${type} ${id}`, value)
        }
    },
  }
}
