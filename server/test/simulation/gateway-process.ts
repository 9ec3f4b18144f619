/** One gateway process: the real message path, wired to the model of the store and to the pretended networks. */
import type { Connection, Connector, Host, Outcome } from '../../src/channels/connector.ts'
import { createBell } from '../../src/events/bell.ts'
import type { Mint } from '../../src/lib/mint.ts'
import { Links } from '../../src/links/links.ts'
import { createPresence } from '../../src/links/presence.ts'
import type { Draft } from '../../src/messaging/draft.ts'
import { createInbox } from '../../src/messaging/inbox.ts'
import { createLedgers } from '../../src/messaging/ledgers.ts'
import { createOutbox, laneLeaseMs, type Outbox } from '../../src/messaging/outbox.ts'
import { createReach } from '../../src/messaging/reach.ts'
import { createRevisions } from '../../src/messaging/revise.ts'
import { type Submitted, submit } from '../../src/messaging/submit.ts'
import type { Channel } from '../../src/model/channel.ts'
import { SendFailure } from '../../src/model/delivery.ts'
import type { CustomerId, LineId, MessageId } from '../../src/model/ids.ts'
import type { Message } from '../../src/model/message.ts'
import type { Db } from '../../src/store/db.ts'
import type { Port } from './port.ts'
import { createStoreModel, type Database, type ModelSession } from './store-model.ts'

export interface GatewayProcess {
  readonly port: Port
  start(): Promise<void>
  submit(customerId: CustomerId, draft: Draft): Promise<Submitted>
  retry(customerId: CustomerId, id: MessageId): Promise<Message>
  cancel(customerId: CustomerId, id: MessageId): Promise<Message>
  /** Its connection for locks and bells breaks. */
  loseSession(): void
  /** Ends it as an operator would. */
  stop(): Promise<void>
  kill(): void
}

export interface ProcessOptions {
  db: Database
  port: Port
  mint: Mint
  connectors: ReadonlyMap<Channel, Connector>
  witness: Witness
}

/** Who sees what passes between the processes and the network. */
export interface Witness {
  calling(ref: string): void
  working(port: Port): void
  /** The network took it, and the process lived to hear so. */
  taken(ref: string, port: Port): void
  /** The network told of a receipt and was answered that it is stored. */
  receipt(providerId: string, status: string): void
}

export function createProcess(options: ProcessOptions): GatewayProcess {
  const { port, mint, db, witness } = options
  const { clock } = port
  const store = createStoreModel(db, port)
  const opened = new Set<Connection>()
  const ledgers = createLedgers(store, clock)
  const claim: typeof ledgers.outbox.claim = async (lanes) => {
    const claimed = await ledgers.outbox.claim(lanes)
    if (claimed.length > 0) witness.working(port)
    return claimed
  }
  const heard = (ring: { lines: readonly unknown[]; changed: boolean }) => {
    if (ring.lines.length > 0 || ring.changed) outbox.wake()
    if (!ring.changed) return
    ledgers.forget()
    links.look()
  }
  const onError = (error: unknown) =>
    port.options.history.say(port.label, `trouble: ${error instanceof Error ? error.message : String(error)}`)
  const bell = createBell({ clock, ring: store.bell.ring, heard, onError })
  const presence = createPresence({
    db: sessionsOf(db, port),
    nodes: store.nodes,
    bell: store.bell,
    clock,
    heard,
    onError,
  })
  const inbox = createInbox({
    ledger: ledgers.inbox,
    mint,
    receiveFile: () => Promise.reject(new Error('not used')),
    choicesCount: ledgers.optOuts.counts,
    replied: () => outbox.wake(),
    chosen: bell.changed,
    told: () => undefined,
  })
  const links = new Links({
    ledger: {
      ...store.nodes,
      setLink: (line, channel, state, round) =>
        store.lines.setLink(line, { channel, state, round }, () => {
          throw new Error('Nobody is told of links here.')
        }),
    },
    vault: store.vault,
    providers: new Map([['sandbox', gatedConnectors(options, opened)]]),
    box: { open: () => Buffer.alloc(0) },
    publicUrl: () => 'http://127.0.0.1:9',
    inbox,
    lineAt: async () => null,
    adopt: async () => false,
    clock,
    node: presence.node,
    rename: presence.renew,
    laneLeaseMs,
    fences: () => outbox.fences(),
    lose: (fences) => outbox.lose(fences),
    moved: () => outbox.wake(),
    told: () => undefined,
    log: {
      info: () => undefined,
      warn: () => undefined,
      error: (facts) => onError('err' in facts ? facts.err : facts),
    },
  })
  const connection = (line: LineId, channel: Channel) => links.connection(line, channel)
  const reach = createReach({ store: store.reach, clock, ask: () => Promise.resolve('unknown') })
  const outbox: Outbox = createOutbox({
    ledger: { ...ledgers.outbox, claim },
    clock,
    mint,
    node: presence.node,
    held: () => links.held(),
    connection,
    told: () => undefined,
    capabilities: (channel) => capabilitiesOf(options, channel),
    closed: ledgers.optOuts.closed,
    knownAbsent: reach.knownAbsent,
    learnAbsent: reach.learnAbsent,
    conversations: ledgers.conversations(mint),
    replyTarget: ledgers.replyTarget,
    files: () => Promise.reject(new Error('not used')),
    onError,
  })
  const revisions = createRevisions({
    clock,
    mint,
    change: ledgers.outbox.change,
    message: store.messages.get,
    conversation: () => Promise.resolve(null),
    act: () => Promise.reject(new Error('not used')),
    told: (message, work) => (work ? bell.work(message.lineId) : undefined),
  })
  const submitting = {
    clock,
    mint,
    accept: ledgers.accept,
    lines: store.lines.ofCustomer,
    linesNow: store.lines.ofCustomer,
    conversation: store.conversations.get,
    conversationIn: () => Promise.resolve(null),
    message: store.messages.get,
    winner: store.messages.winner,
    keepFile: () => Promise.reject(new Error('not used')),
    admit: async () => {},
    closed: ledgers.optOuts.closed,
    meet: async () => {},
    stored: (message: Message) => bell.work(message.lineId),
  }
  return {
    port,
    async start() {
      await presence.start()
      await links.start()
      outbox.start()
    },
    submit: (customerId, draft) => submit(submitting, customerId, draft),
    retry: revisions.retry,
    cancel: revisions.cancel,
    async stop() {
      await outbox.stop()
      await links.stop()
      await links.close()
      await bell.flushed()
      await presence.stop()
    },
    loseSession: () => {
      for (const session of db.sessions) if (session.owner === port) session.lost()
    },
    kill() {
      port.kill()
      for (const session of db.sessions) if (session.owner === port) session.lost()
      // The network sees the connections end; what the dead process would do about it, nobody hears.
      for (const connection of opened) void connection.stop()
    },
  }
}

function capabilitiesOf({ connectors, db }: ProcessOptions, channel: Channel) {
  const connector = connectors.get(channel)
  if (connector === undefined) throw new Error(`There is no connector for ${channel}.`)
  const { capabilities } = connector
  return db.rows.plant === 'resend-uncertain' ? { ...capabilities, dedupesByRef: true } : capabilities
}

/** Of the database only its sessions: everything else goes through the model. */
function sessionsOf({ sessions, rows }: Database, port: Port): Db {
  const session = async (onLost: (error: Error) => void): Promise<ModelSession> => {
    await port.statement('session', () => undefined)
    const forget = (made: ModelSession) => {
      sessions.delete(made)
      const node = made.node === null ? undefined : rows.nodes.get(made.node)
      if (node !== undefined) node.lives = false
    }
    const made: ModelSession = {
      owner: port,
      node: null,
      hear: null,
      query: async () => [],
      onNotification: () => undefined,
      close: async () => forget(made),
      lost: () => {
        forget(made)
        port.enter(() => onLost(new Error('The session ended.')))
      },
    }
    sessions.add(made)
    return made
  }
  return { session } as unknown as Db
}

function gatedConnectors(options: ProcessOptions, opened: Set<Connection>): ReadonlyMap<Channel, Connector> {
  const { port, connectors, witness, db } = options
  const gated = (connector: Connector): Connector => ({
    channel: connector.channel,
    capabilities: connector.capabilities,
    open(line, host) {
      const connection = connector.open(line, gatedHost(port, host, witness))
      opened.add(connection)
      const { capabilities, outcomeOf } = connection
      return {
        capabilities: db.rows.plant === 'resend-uncertain' ? { ...capabilities, dedupesByRef: true } : capabilities,
        actions: connection.actions,
        start: () => port.gated(connection.start()),
        stop: () => port.gated(connection.stop()),
        reach: (handle) => port.gated(connection.reach(handle)),
        send(message, signal) {
          if (port.state === 'dead') return new Promise(() => undefined)
          witness.calling(message.ref)
          witness.working(port)
          port.options.history.say(port.label, `sends ${connector.channel} ${message.ref.slice(24)} ${message.text}`)
          return port.gated(connection.send(message, signal)).then((accepted) => {
            witness.taken(message.ref, port)
            return accepted
          })
        },
        ...(outcomeOf !== undefined && { patienceMs: () => patienceMs, outcomeOf: gatedQuestion(options, outcomeOf) }),
      }
    },
  })
  return new Map([...connectors].map(([channel, connector]) => [channel, gated(connector)]))
}

/** Several times the lease of a lane, which has to be renewed meanwhile. */
const patienceMs = 100_000

function gatedQuestion({ port, db }: ProcessOptions, ask: NonNullable<Connection['outcomeOf']>): typeof ask {
  const { history } = port.options
  const planted = (outcome: Outcome): Outcome => {
    if (outcome.what !== 'open' || db.rows.plant !== 'open-is-no') return outcome
    return { what: 'failed', failure: new SendFailure('unreachable', 'NO_CHANNEL_AVAILABLE', 'It is not there yet.') }
  }
  return (ref) => {
    if (port.state === 'dead') return new Promise(() => undefined)
    return port.gated(ask(ref)).then((outcome) => {
      history.hit(`network says ${outcome.what}`)
      history.say(port.label, `hears that ${ref.slice(24)} is ${outcome.what}`)
      return planted(outcome)
    })
  }
}

function gatedHost(port: Port, host: Host, witness: Witness): Host {
  const receive: Host['receive'] = (event) =>
    new Promise((resolve, reject) => port.enter(() => host.receive(event).then(resolve, reject)))
  return {
    receive: async (event) => {
      await receive(event)
      if (event.kind === 'receipt') witness.receipt(event.providerId, event.status)
    },
    setState: (state) => port.enter(() => host.setState(state)),
    adopt: host.adopt,
    vault: host.vault,
    log: host.log,
    callbackUrl: host.callbackUrl,
  }
}
