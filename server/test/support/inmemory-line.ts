/** One line on the in-memory network, connected, with a host that keeps what it hears: for tests of the network itself. */
import { newOutgoing, type SpyHost, spyHost } from '../../src/channels/conformance-stage.ts'
import type { Accepted, Connection, Incoming, Outgoing } from '../../src/channels/connector.ts'
import { createInMemoryConnector } from '../../src/channels/inmemory/connector.ts'
import { createNetwork, type Network, type NetworkOptions } from '../../src/channels/inmemory/network.ts'
import type { Channel } from '../../src/model/channel.ts'
import { SendFailure } from '../../src/model/delivery.ts'
import type { Handle, LineId } from '../../src/model/ids.ts'
import { createHandClock, type HandClock } from './hand-clock.ts'

export interface World {
  clock: HandClock
  network: Network
  /** Lets everything happen that is under way. */
  settle(): Promise<void>
  line(channel: Channel, address?: Handle | null, host?: SpyHost): Promise<TestLine>
}

export interface TestLine {
  address: Handle
  host: SpyHost
  connection: Connection
  /** Sends and waits for the answer; a failure is an answer too. */
  send(to: Handle | Outgoing['to'], what?: Partial<Outgoing>): Promise<Accepted | SendFailure>
  /** The events of one kind, in the order in which they were heard. */
  heard<Kind extends Incoming['kind']>(kind: Kind): Extract<Incoming, { kind: Kind }>[]
}

export function createWorld(options: Partial<NetworkOptions> = {}): World {
  const clock = createHandClock()
  const network = createNetwork({ clock, seed: 'a test', ...options })
  let lines = 0
  return {
    clock,
    network,
    settle: () => clock.during(network.drained()),
    line: async (channel, address, host = spyHost()) => {
      lines += 1
      const own = address === undefined ? (`+1202777${String(lines).padStart(4, '0')}` as Handle) : address
      const connection = createInMemoryConnector(network, channel).open(
        { id: `line-${lines}` as LineId, address: own, url: null, secret: null },
        host,
      )
      await clock.during(connection.start())
      const send: TestLine['send'] = async (to, what) => {
        const target = typeof to === 'string' ? { handle: to } : to
        const answer = connection.send(newOutgoing(channel, target, what), new AbortController().signal)
        return clock.during(answer.catch(failureOnly))
      }
      const heard: TestLine['heard'] = (kind) => host.taken.filter((event) => event.kind === kind) as never
      return { address: own ?? ('' as Handle), host, connection, send, heard }
    },
  }
}

/** For sends that must be accepted. */
export function accepted(answer: Accepted | SendFailure): Accepted {
  if (answer instanceof SendFailure) throw answer
  return answer
}

function failureOnly(error: unknown): SendFailure {
  if (error instanceof SendFailure) return error
  throw error
}
