/** One client's connection: the handshake, then stanzas one after the other, as slow and as silent as the link is made. */
import { decodeBinaryNode, encodeBinaryNode, type proto } from 'baileys'
import type { WebSocket } from 'ws'
import type { Clock } from '../../time.ts'
import { attribute, type BinaryNode, server, stanza } from './nodes.ts'
import { framed, Noise, type NoiseIdentity } from './noise.ts'

/** How the link is; shared by all connections. */
export interface Link {
  /** Every stanza is so late, in both directions. */
  lateMs: number
  /** Nothing is read or answered. */
  isSilent: boolean
  /** Each connection breaks at so many stanzas, and that one is lost; 0: never. */
  breaksAt: number
}

/** Who a client says it is, proven by the key it holds. */
export interface Introduction {
  clientKey: Buffer
  payload: proto.ClientPayload
}

export interface ConnectionOptions {
  socket: WebSocket
  identity: NoiseIdentity
  clock: Clock
  link: Link
  opened(connection: Connection): void
  took(connection: Connection, node: BinaryNode): Promise<void>
  closed(connection: Connection): void
}

const waitingMax = 5_000
const answerMs = 10_000
const handshakeMs = 20_000
const isOpen = 1

export class Connection {
  readonly #options: ConnectionOptions
  readonly #noise: Noise
  readonly #asked = new Map<string, (answer: BinaryNode) => void>()
  readonly #end = new AbortController()
  #stage: 'hello' | 'finish' | 'open' = 'hello'
  #introduction: Introduction | null = null
  #reading: Promise<void> = Promise.resolve()
  #toRead = 0
  #writing: Promise<void> = Promise.resolve()
  #toWrite = 0
  #count = 0
  #taken = 0

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.#noise = new Noise(options.identity)
    const { socket } = options
    socket.on('message', (data: Buffer) => this.#queue(data))
    socket.on('error', () => socket.terminate())
    socket.on('close', () => {
      this.#end.abort()
      options.closed(this)
    })
    void options.clock.sleep(handshakeMs, this.#end.signal).then(() => {
      if (this.#stage !== 'open') this.cut()
    })
  }

  get introduction(): Introduction {
    if (this.#introduction === null) throw new Error('The handshake is not over.')
    return this.#introduction
  }

  /** False when nobody is there any more. */
  send(node: BinaryNode): boolean {
    if (this.#options.socket.readyState !== isOpen || this.#toWrite >= waitingMax) return false
    const { clock, link } = this.#options
    if (link.lateMs === 0 && this.#toWrite === 0) return this.#write(node)
    this.#toWrite += 1
    const due = clock.now() + link.lateMs
    this.#writing = this.#writing.then(async () => {
      await clock.sleep(Math.max(0, due - clock.now()), this.#end.signal)
      this.#toWrite -= 1
      this.#write(node)
    })
    return true
  }

  /** Asks the client and waits for its answer. */
  ask(content: BinaryNode): Promise<BinaryNode> {
    this.#count += 1
    const id = `s${this.#count}`
    return new Promise((resolve, reject) => {
      const over = new AbortController()
      const give = (error: string) => {
        this.#asked.delete(id)
        over.abort()
        reject(new Error(error))
      }
      this.#end.signal.addEventListener('abort', () => give('The client went away.'), {
        once: true,
        signal: over.signal,
      })
      void this.#options.clock.sleep(answerMs, over.signal).then(() => {
        if (!over.signal.aborted) give('The client did not answer.')
      })
      this.#asked.set(id, (answer) => {
        over.abort()
        resolve(answer)
      })
      if (!this.send(stanza('iq', { id, from: server, type: 'set', xmlns: 'md' }, [content])))
        give('The client is gone.')
    })
  }

  answer(request: BinaryNode, content?: BinaryNode[]): void {
    const id = attribute(request, 'id') ?? ''
    this.send(stanza('iq', { id, from: attribute(request, 'to') ?? server, type: 'result' }, content))
  }

  refuse(request: BinaryNode, code: number, text: string): void {
    const attributes = { id: attribute(request, 'id') ?? '', from: attribute(request, 'to') ?? server, type: 'error' }
    this.send(stanza('iq', attributes, [stanza('error', { code: String(code), text })]))
  }

  /** Says why, and hangs up once that is out. */
  dismiss(reason: BinaryNode): void {
    this.send(reason)
    void this.#writing.then(() => this.#options.socket.close())
  }

  cut(): void {
    this.#options.socket.terminate()
  }

  #write(node: BinaryNode): boolean {
    const { socket, link } = this.#options
    if (socket.readyState !== isOpen) return false
    if (!link.isSilent) socket.send(framed(this.#noise.encrypt(encodeBinaryNode(node))))
    return true
  }

  #queue(data: Buffer): void {
    this.#toRead += 1
    if (this.#toRead > waitingMax) return void this.cut()
    this.#reading = this.#reading
      .then(() => this.#read(data))
      // Whoever sends what cannot be read is not served any further.
      .catch(() => this.cut())
      .finally(() => {
        this.#toRead -= 1
      })
  }

  async #read(data: Buffer): Promise<void> {
    const { link, clock, socket } = this.#options
    if (this.#end.signal.aborted || link.isSilent) return
    if (link.lateMs > 0) await clock.sleep(link.lateMs, this.#end.signal)
    for (const frame of this.#noise.frames(data)) {
      if (this.#stage === 'hello') {
        socket.send(framed(this.#noise.greet(frame)))
        this.#stage = 'finish'
      } else if (this.#stage === 'finish') {
        this.#introduction = this.#noise.finish(frame)
        this.#stage = 'open'
        this.#options.opened(this)
      } else await this.#take(await decodeBinaryNode(this.#noise.decrypt(frame)))
    }
  }

  async #take(node: BinaryNode): Promise<void> {
    const { breaksAt } = this.#options.link
    this.#taken += 1
    if (breaksAt > 0 && this.#taken >= breaksAt) return this.cut()
    if (this.#end.signal.aborted) return
    const id = attribute(node, 'id') ?? ''
    const waiting = this.#asked.get(id)
    const isAnswer = node.tag === 'iq' && /^(?:result|error)$/.test(attribute(node, 'type') ?? '')
    if (isAnswer && waiting !== undefined) {
      this.#asked.delete(id)
      waiting(node)
    } else if (!isAnswer) await this.#options.took(this, node)
  }
}
