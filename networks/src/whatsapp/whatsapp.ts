/** A WhatsApp on this machine: clients link themselves to phones here, and write to people who really decrypt. */
import { createServer, type Server } from 'node:http'
import { BufferJSON } from 'baileys'
import { type WebSocket, WebSocketServer } from 'ws'
import { close, listen } from '../listening.ts'
import type { People } from '../people.ts'
import type { Clock } from '../time.ts'
import { Linking } from './accounts/linking.ts'
import { letIn, unlink } from './accounts/login.ts'
import { answerQuery } from './accounts/queries.ts'
import { type Faults, noFaults, simpleFaults } from './faults.ts'
import type { GroupState } from './groups/group.ts'
import { Groups } from './groups/groups.ts'
import { keepUp, type Store } from './keeping.ts'
import { openMediaHost } from './media/host.ts'
import { Arrivals } from './messages/arrivals.ts'
import { Calls } from './messages/calls.ts'
import { told } from './messages/contents.ts'
import { Mail } from './messages/mail.ts'
import { takeMessage } from './messages/outbound.ts'
import { tellMapping } from './messages/peer.ts'
import { type Shown, show } from './messages/shown.ts'
import { takeChatState, takePresence, takeReceipt } from './messages/stanzas.ts'
import type { Companion } from './party/companion.ts'
import { Directory } from './party/directory.ts'
import type { Party, PartyState } from './party/party.ts'
import { createPerson, type Person } from './person.ts'
import { type Certificate, selfSigned } from './wire/certificate.ts'
import { Connection } from './wire/connection.ts'
import { type BinaryNode, stanza } from './wire/nodes.ts'
import { createNoiseIdentity, type NoiseIdentity } from './wire/noise.ts'
import { Background, CannotBeDone, secondsOf, type Unread, type World } from './world.ts'

export interface WhatsappOptions {
  people: People
  clock: Clock
  /** 0 picks a free one. */
  port?: number
  /** It is read at the start and kept up to date from then on: whoever is killed goes on from there. */
  state?: Store
}

/** The phone of an account: what its owner does in its settings. */
export interface Phone {
  /** The text of a QR code that a device shows now. */
  scan(qr: string): Promise<void>
  /** The eight characters that a device shows. */
  enterCode(code: string): Promise<void>
  /** All linked devices are logged out. */
  unlink(): void
  /** It has learned which number is behind somebody's LID, and tells its devices: until then they may know the LID alone. */
  learnsNumberOf(number: string): Promise<void>
  readonly devices: number
}

export interface Whatsapp {
  readonly port: number
  readonly socketUrl: string
  /** All that a line of the gateway needs to know: the socket's, and behind it the root, the media host and its certificate. */
  readonly lineUrl: string
  readonly mediaHost: string
  /** What a client must trust instead of WhatsApp's own root. */
  readonly noiseRoot: Buffer<ArrayBuffer>
  /** What a client must trust to fetch media. */
  readonly caCertificate: string
  phoneOf(number: string): Phone
  person(number: string): Person
  /** What a phone shows. */
  received(number: string): readonly Shown[]
  readonly faults: Faults
  stop(): Promise<void>
  /** Connections, codes and work under way that are still there. */
  leftBehind(): number
  /** Stanzas that linked devices have not acknowledged yet. */
  waiting(): number
  /** How often a message could not be read and was asked for again: on phones, and on the devices linked to them. */
  readonly unread: Readonly<Unread>
}

interface State {
  identity: NoiseIdentity
  certificate: Certificate
  mediaPort: number
  parties: PartyState[]
  groups: GroupState[]
}

const connectionsMax = 2_000
const messageBytesMax = 2 * 1_024 * 1_024

export async function openWhatsapp(options: WhatsappOptions): Promise<Whatsapp> {
  const { people, clock, port = 0, state } = options
  const saved = state?.load()
  const before: State | null = saved ? JSON.parse(saved, BufferJSON.reviver) : null
  const certificate = before?.certificate ?? selfSigned(clock.now())
  const faults = noFaults()
  const media = await openMediaHost(certificate, faults, before?.mediaPort)
  const directory = new Directory(people, before?.parties)
  const groups = new Groups(before?.groups ?? [], directory)
  const world = {
    people,
    clock,
    directory,
    groups,
    media,
    faults,
    background: new Background(),
    calls: new Calls(),
    unread: { byPhones: 0, byDevices: 0 },
  }
  const center = new Center(world, before?.identity ?? createNoiseIdentity(secondsOf(world)))
  try {
    const server = createServer((_request, response) => response.writeHead(404).end())
    const listening = await listen(server, port)
    center.listenTo(server)
    return center.asWhatsapp({ server, port: listening, certificate, state })
  } catch (error) {
    await media.stop()
    throw error
  }
}

class Center {
  readonly #world: World
  readonly #identity: NoiseIdentity
  readonly #linking: Linking
  readonly #mail: Mail
  readonly #arrivals: Arrivals
  readonly #connections = new Map<Connection, Companion | null>()

  constructor(world: World, identity: NoiseIdentity) {
    this.#world = world
    this.#identity = identity
    this.#linking = new Linking(world)
    this.#mail = new Mail(world)
    this.#arrivals = new Arrivals(world, this.#mail)
  }

  listenTo(server: Server): void {
    const sockets = new WebSocketServer({
      server,
      path: '/ws/chat',
      maxPayload: messageBytesMax,
      perMessageDeflate: false,
    })
    sockets.on('connection', (socket: WebSocket) => this.#welcome(socket))
  }

  asWhatsapp(open: { server: Server; port: number; certificate: Certificate; state?: Store }): Whatsapp {
    const { server, port, certificate, state } = open
    const { background, media, directory, clock } = this.#world
    const caCertificate = certificate.cert
    const text = () => JSON.stringify(this.#state(certificate), BufferJSON.replacer)
    if (state !== undefined) void keepUp(state, clock, background.signal, text)
    const socketUrl = `ws://127.0.0.1:${port}/ws/chat`
    const noiseRoot = Buffer.from(this.#identity.root.public)
    return {
      port,
      socketUrl,
      lineUrl: lineUrlOf({ socketUrl, noiseRoot, mediaHost: media.host, caCertificate }),
      mediaHost: media.host,
      noiseRoot,
      caCertificate,
      phoneOf: (number) => this.#phone(this.#party(number)),
      person: (number) =>
        createPerson({ world: this.#world, mail: this.#mail, arrivals: this.#arrivals }, this.#party(number)),
      received: (number) => this.#party(number).received.map((one) => show(this.#world, one)),
      faults: this.#faults(),
      stop: async () => {
        background.stop()
        for (const connection of this.#connections.keys()) connection.cut()
        await Promise.all([close(server), media.stop()])
        state?.save(text())
        for (const party of directory.everybody) party.close()
      },
      leftBehind: () => this.#connections.size + this.#linking.waiting + background.underWay,
      waiting: () =>
        directory.everybody.flatMap(({ companions }) => companions).reduce((sum, { waiting }) => sum + waiting, 0),
      unread: this.#world.unread,
    }
  }

  #state(certificate: Certificate): State {
    const { directory, groups, media } = this.#world
    return {
      ...{ identity: this.#identity, certificate, mediaPort: media.port },
      parties: directory.everybody.flatMap((party) => party.state() ?? []),
      groups: groups.state(),
    }
  }

  #party(number: string): Party {
    const party = this.#world.directory.byNumber(number)
    if (party === null) throw new CannotBeDone('Nobody on WhatsApp has this number.')
    return party
  }

  #phone(party: Party): Phone {
    return {
      scan: async (qr) => void (await this.#linking.scan(party, qr)),
      enterCode: async (code) => void (await this.#linking.enterCode(party, code)),
      unlink: () => {
        for (const companion of [...party.companions]) unlink(this.#world, companion)
      },
      learnsNumberOf: (number) => tellMapping(this.#world, party, this.#party(number)),
      get devices() {
        return party.companions.length
      },
    }
  }

  #welcome(socket: WebSocket): void {
    const { clock, faults, background } = this.#world
    if (faults.refusesConnections || this.#connections.size >= connectionsMax || background.signal.aborted)
      return void socket.terminate()
    const connection = new Connection({
      ...{ socket, clock, identity: this.#identity, link: faults.link },
      opened: (opened) => void this.#connections.set(opened, letIn(this.#world, this.#linking, opened)),
      took: (from, node) => this.#take(from, node),
      closed: (closed) => this.#forget(closed),
    })
    this.#connections.set(connection, null)
  }

  #forget(connection: Connection): void {
    const companion = this.#connections.get(connection)
    this.#connections.delete(connection)
    this.#linking.forget(connection)
    if (companion?.connection === connection) companion.connection = null
  }

  async #take(connection: Connection, node: BinaryNode): Promise<void> {
    const known = this.#connections.get(connection) ?? null
    // A connection that was replaced or logged out is not heard any more.
    const companion = known?.connection === connection ? known : null
    const [world, mail] = [this.#world, this.#mail]
    if (node.tag === 'iq') return answerQuery({ world, linking: this.#linking, connection, companion, request: node })
    if (companion === null) return
    const said = { world, mail, connection, companion, node }
    if (node.tag === 'message') return takeMessage({ ...said, arrived: (arrival) => this.#arrivals.take(arrival) })
    if (node.tag === 'receipt') return takeReceipt(said)
    if (node.tag === 'ack') companion.settle(node)
    else if (node.tag === 'call') world.calls.take(said)
    else if (node.tag === 'presence') takePresence(said)
    else if (node.tag === 'chatstate') takeChatState(said)
  }

  #faults(): Faults {
    const { faults } = this.#world
    const cutAll = () => {
      for (const connection of this.#connections.keys()) connection.cut()
    }
    // Assigned, not spread: what is counted must be looked up when it is asked for.
    return Object.assign(simpleFaults(faults), {
      cutAll,
      // What was lost in the silence cannot be made up for: whoever is connected has to come again.
      freeze(isOn: boolean) {
        faults.link.isSilent = isOn
        if (!isOn) cutAll()
      },
      loseFile: (urlOrId: string, isForGood = false) => this.#loseFile(urlOrId, isForGood),
      ban: (number: string, isOn = true) => {
        const party = this.#party(number)
        party.isBanned = isOn
        if (isOn) this.#endStream(party, 403)
      },
      endStream: (number: string, code: number) => this.#endStream(this.#party(number), code),
    })
  }

  #loseFile(urlOrId: string, isForGood: boolean): void {
    const { directory, media } = this.#world
    const holders = directory.everybody.flatMap(({ received }) => received.filter(({ id }) => id === urlOrId))
    const named = holders.map(({ message }) => told(message).media?.file.directPath).find((path) => path)
    const path = URL.canParse(urlOrId) ? new URL(urlOrId).pathname : named
    if (typeof path !== 'string' || !media.lose(path, isForGood)) throw new CannotBeDone('There is no such file here.')
  }

  #endStream({ companions }: Party, code: number): void {
    for (const { connection } of companions) connection?.dismiss(stanza('stream:error', { code: String(code) }))
  }
}

type Trust = Pick<Whatsapp, 'socketUrl' | 'noiseRoot' | 'mediaHost' | 'caCertificate'>

function lineUrlOf({ socketUrl, noiseRoot, mediaHost, caCertificate }: Trust): string {
  const ca = Buffer.from(caCertificate).toString('base64url')
  return `${socketUrl}?noiseRoot=${noiseRoot.toString('base64url')}&mediaHost=${mediaHost}&ca=${ca}`
}
