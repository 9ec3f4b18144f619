/** A network whose answers a test writes down beforehand: for what the gateway makes of answers. */

import type { Accepted, Connector, Host, Incoming, Outgoing, Providers } from '../../src/channels/connector.ts'
import { inMemoryCapabilities } from '../../src/channels/inmemory/capabilities.ts'
import { type Channel, channels } from '../../src/model/channel.ts'
import type { SendFailure } from '../../src/model/delivery.ts'

export type Scripted = Accepted | SendFailure | Promise<Accepted>

export interface ScriptedNetwork {
  providers: Providers
  /** What the next sends are answered, in order; after that nothing may be sent. */
  answer(...answers: Scripted[]): void
  /** How long the next messages are told to wait for their turn, in order; after that none waits. */
  wait(...ms: number[]): void
  /** What was handed over on each channel, in order. */
  readonly sent: readonly { channel: Channel; message: Outgoing }[]
  /** The network tells a line something. */
  tell(line: string, channel: Channel, event: Incoming): Promise<void>
}

/** `patienceMs`: how long a send may take, where that is not what is usual. */
export function scriptNetwork({ patienceMs }: { patienceMs?: number } = {}): ScriptedNetwork {
  const answers: Scripted[] = []
  const waits: number[] = []
  const sent: { channel: Channel; message: Outgoing }[] = []
  const hosts = new Map<string, Host>()
  const connectorOf = (channel: Channel): Connector => ({
    channel,
    capabilities: inMemoryCapabilities[channel],
    open: ({ address }, host) => ({
      capabilities: inMemoryCapabilities[channel],
      actions: {},
      start: async () => {
        hosts.set(`${address} ${channel}`, host)
        host.setState({ status: 'connected', identity: channel, warnings: [], since: new Date(0).toISOString() })
      },
      stop: async () => host.setState({ status: 'off' }),
      reach: async () => 'yes',
      turn: () => waits.shift() ?? 0,
      ...(patienceMs !== undefined && { patienceMs: () => patienceMs }),
      send: async (message) => {
        sent.push({ channel, message })
        const answer = answers.shift()
        if (answer === undefined) throw new Error('The script is over, and something was sent.')
        if (answer instanceof Error) throw answer
        return answer
      },
    }),
  })
  return {
    providers: new Map([['sandbox', new Map(channels.map((channel) => [channel, connectorOf(channel)]))]]),
    answer: (...more) => void answers.push(...more),
    wait: (...more) => void waits.push(...more),
    sent,
    async tell(line, channel, event) {
      const host = hosts.get(`${line} ${channel}`)
      if (host === undefined) throw new Error(`${line} does not listen on ${channel}.`)
      await host.receive(event)
    },
  }
}
