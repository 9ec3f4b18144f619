/** Settings → the connectors in use, by provider. */
import type { Clock } from '../lib/clock.ts'
import type { SafeFetch } from '../lib/egress/safe-fetch.ts'
import { type Channel, channels } from '../model/channel.ts'
import type { Connector, Icon, Providers } from './connector.ts'
import { createImessageConnector } from './imessage/connector.ts'
import { createInMemoryConnector } from './inmemory/connector.ts'
import { createNetwork } from './inmemory/network.ts'
import { createAndroidConnector } from './sms/android/connector.ts'
import { createSmppConnector } from './sms/smpp/provider.ts'
import { createTwilioConnector } from './sms/twilio/connector.ts'
import { createWhatsappConnector } from './whatsapp/connector.ts'

export interface Registry {
  providers: Providers
  stop(): Promise<void>
}

export interface ProviderTools {
  clock: Clock
  chance(): number
  /** To providers, whose addresses an operator gives: they may be in the operator's own network. */
  http: SafeFetch
  /** To URLs that come from elsewhere, such as those of incoming media. */
  media: SafeFetch
  /** Throws SendFailure for what is no picture. */
  asJpeg(icon: Icon): Promise<Uint8Array>
  /** What takes long to load waits for it: first of all callers are served. */
  ready?: Promise<void>
}

/** Connectors that are handed in take the place of the sandbox's. */
export function createRegistry(
  tools: ProviderTools,
  options: { sandbox: boolean; connectors: ReadonlyMap<Channel, Connector> | null },
): Registry {
  const providers = realProviders(tools)
  if (options.connectors !== null)
    return { providers: new Map([['sandbox', options.connectors], ...providers]), stop: async () => {} }
  if (!options.sandbox) return { providers, stop: async () => {} }
  const network = createNetwork({ clock: tools.clock, seed: tools.clock.now(), keep: 10_000 })
  const connectors = new Map(channels.map((channel) => [channel, createInMemoryConnector(network, channel)]))
  return { providers: new Map([['sandbox', connectors], ...providers]), stop: network.stop }
}

export function realProviders(tools: ProviderTools): Providers {
  const whatsapp = createWhatsappConnector(tools)
  return new Map([
    ...smsProviders(tools),
    ['whatsapp', new Map([['whatsapp', whatsapp]])],
    ['bluebubbles', new Map([['imessage', createImessageConnector(tools)]])],
  ])
}

function smsProviders(tools: Omit<ProviderTools, 'asJpeg'>): Providers {
  const connectors: Readonly<Record<string, Connector>> = {
    smpp: createSmppConnector(tools),
    twilio: createTwilioConnector('twilio', tools),
    signalwire: createTwilioConnector('signalwire', tools),
    android: createAndroidConnector(tools),
  }
  return new Map(Object.entries(connectors).map(([provider, connector]) => [provider, new Map([['sms', connector]])]))
}
