/** The connector of the network outside: what it says crosses a socket, and each crossing is a boundary where a run may be killed. */
import { connect, type Socket } from 'node:net'
import type {
  Accepted,
  Actions,
  Connection,
  Connector,
  Host,
  Incoming,
  Outgoing,
} from '../../src/channels/connector.ts'
import { inMemoryCapabilities } from '../../src/channels/inmemory/capabilities.ts'
import { type Channel, channels } from '../../src/model/channel.ts'
import { SendFailure } from '../../src/model/delivery.ts'
import type { LineId, ProviderChatId, ProviderMessageId } from '../../src/model/ids.ts'
import type { Boundary } from './boundary.ts'
import { type Caller, createCaller, type LinkName, NotConnected, readLines, type Told, writeLine } from './wire.ts'

export interface OutsideConnectorOptions {
  port: number
  dedupes: readonly Channel[]
  cross: Boundary['cross']
}

export function createOutsideConnectors(options: OutsideConnectorOptions): ReadonlyMap<Channel, Connector> {
  const caller = createCaller(options.port)
  return new Map(channels.map((channel) => [channel, connectorOf(options, caller, channel)]))
}

function connectorOf(options: OutsideConnectorOptions, caller: Caller, channel: Channel): Connector {
  const capabilities = { ...inMemoryCapabilities[channel], dedupesByRef: options.dedupes.includes(channel) }
  return {
    channel,
    capabilities,
    open: (line, host): Connection => {
      const link: LinkName = { line: line.address ?? line.id, channel }
      const ear = createEar(options, link, { host, line: line.id })
      return {
        capabilities,
        actions: actionsOf(options, caller, link),
        start: ear.start,
        stop: ear.stop,
        reach: async () => 'unknown',
        send: (message) => send({ options, caller, link }, message),
      }
    },
  }
}

interface Way {
  options: OutsideConnectorOptions
  caller: Caller
  link: LinkName
}

async function send({ options, caller, link }: Way, message: Outgoing): Promise<Accepted> {
  const to = 'handle' in message.to ? message.to.handle : message.to.chat
  const request = { op: 'send' as const, ...link, ref: message.ref, to, text: message.text ?? '' }
  const answer = await options.cross(`send ${link.channel}`, () => caller.call(request)).catch(asFailure)
  if (answer.taken) return { providerId: answer.providerId as ProviderMessageId, chat: answer.chat as ProviderChatId }
  const code =
    answer.kind === 'unreachable'
      ? 'NO_CHANNEL_AVAILABLE'
      : answer.kind === 'refused'
        ? 'CONTENT_NOT_SUPPORTED'
        : 'SERVICE_UNAVAILABLE'
  throw new SendFailure(answer.kind, code, 'The network said no.', { scope: answer.scope })
}

function asFailure(error: unknown): never {
  if (error instanceof NotConnected)
    throw new SendFailure('retryable', 'SERVICE_UNAVAILABLE', error.message, { scope: 'link' })
  throw new SendFailure('uncertain', 'PROVIDER_TIMEOUT', 'The connection was lost before the answer.', {
    scope: 'link',
  })
}

function actionsOf(options: OutsideConnectorOptions, caller: Caller, link: LinkName): Partial<Actions> {
  const act = async (verb: string, target: string, what: string | null) => {
    await options.cross(`verb ${verb}`, () => caller.call({ op: 'verb', ...link, verb, target, what })).catch(asFailure)
  }
  return {
    react: (target, reaction) => act('react', target.providerId, reaction),
    edit: (target, text) => act('edit', target.providerId, text),
    unsend: (target) => act('unsend', target.providerId, null),
    markRead: (chat, message) => act('read', message ?? chat, null),
  }
}

const reconnectMs = 50

/** Listens to what the network says of one link, and acknowledges what the gateway has kept. */
function createEar(options: OutsideConnectorOptions, link: LinkName, to: { host: Host; line: LineId }) {
  let socket: Socket | null = null
  let stopped = true
  const { host } = to

  async function hear({ event, incoming }: Told, from: Socket): Promise<void> {
    const name = `receive ${incoming.kind === 'message' && incoming.echoOf !== null ? 'echo' : incoming.kind}`
    try {
      await options.cross(name, () => host.receive(revived(incoming)))
    } catch {
      return writeLine(from, { op: 'nack', event })
    }
    writeLine(from, { op: 'ack', event })
    await options.cross(`${name} acknowledged`, async () => {})
  }

  function listen(): void {
    const fresh = connect({ port: options.port, host: '127.0.0.1', noDelay: true })
    socket = fresh
    fresh.once('connect', () => {
      writeLine(fresh, { op: 'listen', ...link })
      host.setState({ status: 'connected', identity: link.line, warnings: [], since: new Date().toISOString() })
    })
    fresh.on('error', () => {})
    fresh.once('close', () => {
      if (!stopped && socket === fresh) setTimeout(() => !stopped && socket === fresh && listen(), reconnectMs)
    })
    readLines<Told>(fresh, (told) => void hear(told, fresh))
  }

  return {
    start: async () => {
      stopped = false
      listen()
    },
    stop: async () => {
      stopped = true
      socket?.destroy()
      socket = null
    },
  }
}

/** JSON knows no dates. */
function revived(incoming: Incoming): Incoming {
  return 'at' in incoming ? { ...incoming, at: new Date(incoming.at) } : incoming
}
