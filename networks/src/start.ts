/** All networks and their control API, started together and stopped together. */
import { type Network, openControl } from './control.ts'
import type { Ports } from './flags.ts'
import { type Offer, offerAndroid, offerBlueBubbles, offerSmpp, offerTwilio, offerWhatsapp } from './offers.ts'
import { People } from './people.ts'
import type { Clock } from './time.ts'

export interface Running {
  /** Of the control API. */
  url: string
  networks: Readonly<Record<string, Network>>
  stop(): Promise<void>
}

/** `whatsappState`: a file, where what WhatsApp knows is kept. */
export async function startNetworks(ports: Ports, clock: Clock, whatsappState?: string): Promise<Running> {
  const people = new People()
  const offers: Record<string, Offer> = {}
  const stop = async () => {
    for (const { stop: stopOne } of Object.values(offers)) await stopOne()
  }
  try {
    offers.smpp = await offerSmpp({ people, clock, port: ports.smpp })
    offers.twilio = await offerTwilio({ people, clock, port: ports.twilio })
    offers.android = await offerAndroid({ people, clock, port: ports.android })
    offers.whatsapp = await offerWhatsapp({ people, clock, port: ports.whatsapp }, whatsappState)
    offers.bluebubbles = await offerBlueBubbles({ people, clock, port: ports.bluebubbles })
    const networks = Object.fromEntries(Object.entries(offers).map(([name, { network }]) => [name, network]))
    const control = await openControl({ people, clock, networks, port: ports.control })
    return {
      url: control.url,
      networks,
      async stop() {
        await control.stop()
        await stop()
      },
    }
  } catch (error) {
    await stop()
    throw error
  }
}
