/** One line bound to a loopback SMSC, with a host that keeps what it hears: for tests of SMPP itself. */
import { People } from '../../../networks/src/people.ts'
import { openSmsc, type Smsc, type SmscOptions } from '../../../networks/src/sms/smsc.ts'
import { systemClock as networkClock } from '../../../networks/src/time.ts'
import { newOutgoing, type SpyHost, spyHost } from '../../src/channels/conformance-stage.ts'
import type { Accepted, Connection, Connector, Incoming, LineSettings, Outgoing } from '../../src/channels/connector.ts'
import { createSmppConnector } from '../../src/channels/sms/smpp/provider.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { SendFailure } from '../../src/model/delivery.ts'
import type { Handle, LineId } from '../../src/model/ids.ts'
import { createTestClock, type TestClock } from './test-clock.ts'

export const ours = '+12025550100' as Handle
export const somebody = '+12025550177' as Handle

export interface SmppWorld {
  people: People
  smsc: Smsc
}

export async function openWorld(options: Partial<SmscOptions> = {}): Promise<SmppWorld> {
  const people = new People()
  return { people, smsc: await openSmsc({ people, clock: networkClock, ...options }) }
}

export interface SmppLine {
  settings: LineSettings
  connector: Connector
  connection: Connection
  host: SpyHost
  clock: TestClock
  /** Sends and waits for the answer; a failure is an answer too. */
  send(to: string | Outgoing['to'], text: string, signal?: AbortSignal): Promise<Accepted | SendFailure>
  /** The events of one kind, in the order in which they were heard. */
  heard<Kind extends Incoming['kind']>(kind: Kind): Extract<Incoming, { kind: Kind }>[]
}

export interface LineOptions {
  port: number
  /** Behind the port of the URL. */
  query?: string
  scheme?: 'smpp' | 'smpps'
  hostName?: string
  ca?: string
  address?: string
  secret?: string
  host?: SpyHost
}

/** Not started yet. */
export function lineTo(options: LineOptions): SmppLine {
  const { port, query = '', scheme = 'smpp', hostName = '127.0.0.1', ca, host = spyHost() } = options
  const clock = createTestClock()
  const connector = createSmppConnector({ clock, chance: () => 0.5, ca })
  const settings: LineSettings = {
    id: 'line-1' as LineId,
    address: (options.address ?? ours) as Handle,
    url: `${scheme}://gateway@${hostName}:${port}${query}`,
    secret: options.secret ?? 'secret',
  }
  // A test may give its host another `receive` later on.
  const connection = connector.open(settings, { ...host, receive: (event) => host.receive(event) })
  return {
    ...{ settings, connector, connection, host, clock },
    send: (to, text, signal = new AbortController().signal) => {
      const recipient = typeof to === 'string' ? { handle: to as Handle } : to
      return connection.send(newOutgoing('sms', recipient, { text }), signal).catch((error: unknown) => {
        if (error instanceof SendFailure) return error
        throw error
      })
    },
    heard: (kind) => host.taken.filter((event) => event.kind === kind) as never,
  }
}

/** Polls until it holds; fails with what it is then. */
export async function until(holds: () => boolean, what: string, withinMs = 10_000): Promise<void> {
  const end = systemClock.monotonic() + withinMs
  while (!holds()) {
    if (systemClock.monotonic() > end) throw new Error(`It did not come to this: ${what}`)
    await systemClock.sleep(10)
  }
}
