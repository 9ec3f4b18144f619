/** Settings → the connectors in use, and what each provider of a line can do. */
import type { Clock } from '../lib/clock.ts'
import { type Capabilities, type Channel, channels } from '../model/channel.ts'
import type { Connector } from './connector.ts'
import { createInMemoryConnector } from './inmemory/connector.ts'
import { createNetwork } from './inmemory/network.ts'

export interface Registry {
  connectors: ReadonlyMap<Channel, Connector>
  /** Which channels a line of a provider has. */
  providers: Readonly<Record<string, readonly Channel[]>>
  capabilities: Readonly<Partial<Record<Channel, Capabilities>>>
  stop(): Promise<void>
}

/** Connectors that are handed in take the place of all others. */
export function createRegistry(options: {
  clock: Clock
  sandbox: boolean
  connectors: ReadonlyMap<Channel, Connector> | null
}): Registry {
  if (options.connectors !== null) return registryOf(options.connectors, async () => {})
  if (!options.sandbox) return registryOf(new Map(), async () => {})
  const network = createNetwork({ clock: options.clock, seed: options.clock.now(), keep: 10_000 })
  const connectors = new Map(channels.map((channel) => [channel, createInMemoryConnector(network, channel)]))
  return registryOf(connectors, network.stop)
}

function registryOf(connectors: ReadonlyMap<Channel, Connector>, stop: () => Promise<void>): Registry {
  const capabilities = Object.fromEntries(
    [...connectors].map(([channel, connector]) => [channel, connector.capabilities]),
  )
  return { connectors, providers: connectors.size === 0 ? {} : { sandbox: [...connectors.keys()] }, capabilities, stop }
}
