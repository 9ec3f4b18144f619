/** The gateway as it runs in production, in a process of its own that also tells the bench what it sees. */
import type { Connector } from '../../src/channels/connector.ts'
import { createInMemoryConnector } from '../../src/channels/inmemory/connector.ts'
import { createNetwork } from '../../src/channels/inmemory/network.ts'
import { compose, type Running } from '../../src/compose.ts'
import { readConfig } from '../../src/config.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { type Channel, channels } from '../../src/model/channel.ts'
import type { CustomerId, Handle } from '../../src/model/ids.ts'
import type { Db } from '../../src/store/db.ts'
import { type Answers, answerAs } from './child.ts'
import { assertSafe, countHeard, countWaiting, versionOf } from './database.ts'
import { machineMs } from './machine-clock.ts'
import { settledMemory } from './processes.ts'
import { customersCount, linesPerCustomer, numberIn, type Sender } from './traffic.ts'
import { codesOf, countLinked, furnishWhatsapp, type WhatsappOrder } from './whatsapp/lines.ts'

export interface GatewaySettings {
  /** As on the command line of the gateway. */
  flags: readonly string[]
  /** Notes when a message arrives at the network and when its delivery receipt is stored. */
  stamps: boolean
}

interface Seen {
  sentAt: Map<number, number>
  arrived: number
  delivered: number
}

await answerAs<GatewaySettings>(async ({ flags, stamps }) => {
  const config = readConfig([...flags], {})
  if (!('port' in config)) throw new Error('The flags are no settings.')
  const seen: Seen = { sentAt: new Map(), arrived: 0, delivered: 0 }
  const network = stamps ? createNetwork({ clock: systemClock, seed: 1, keep: 10_000 }) : null
  let db: Db | null = null
  const running = await compose(config, {
    wrapDb: (opened) => {
      db = opened
      return opened
    },
    ...(network === null
      ? {}
      : {
          connectors: new Map(
            channels.map((channel) => [channel, stamping(createInMemoryConnector(network, channel), seen)]),
          ),
        }),
  })
  if (db === null) throw new Error('The gateway opened no database.')
  return {
    answers: answersOf(running, db, seen),
    async stop() {
      await running.stop()
      await network?.stop()
    },
  }
})

function stamping(connector: Connector, seen: Seen): Connector {
  return {
    ...connector,
    open(line, host) {
      const connection = connector.open(line, {
        ...host,
        async receive(event) {
          await host.receive(event)
          if (event.kind === 'receipt' && event.status === 'delivered') seen.delivered += 1
        },
      })
      return {
        ...connection,
        send(message, signal) {
          seen.arrived += 1
          const number = numberIn(message.text)
          if (!seen.sentAt.has(number)) seen.sentAt.set(number, machineMs())
          return connection.send(message, signal)
        },
      }
    },
  }
}

function answersOf(running: Running, db: Db, seen: Seen): Answers {
  return {
    place: async () => {
      await assertSafe(db)
      return { port: Number(new URL(running.url || 'http://localhost:0').port), version: await versionOf(db) }
    },
    furnish: () => furnish(running),
    furnishSmpp: (input) => furnishSmpp(running, input as { senders: Sender[]; port: number }),
    furnishWhatsapp: (input) => furnishWhatsapp(running, input as WhatsappOrder),
    codes: () => codesOf(running),
    whatsappLinked: () => countLinked(running),
    memory: settledMemory,
    heard: () => countHeard(db),
    linked: () => linked(running),
    seen: () => ({ arrived: seen.arrived, delivered: seen.delivered }),
    link: (input) => linkTo(running, input as { customerId: CustomerId; hash: string }),
    arrivals: () => [...seen.sentAt],
    waiting: () => countWaiting(db),
  }
}

function linkTo({ gateway }: Running, { customerId, hash }: { customerId: CustomerId; hash: string }): string {
  const file = { customerId, hash, mimeType: 'application/zip', filename: null }
  return gateway.media.linkTo(file, systemClock.now() + 600_000)
}

async function furnish({ gateway }: Running): Promise<Sender[]> {
  const senders: Sender[] = []
  for (let number = 0; number < customersCount; number++) {
    const email = `bench-${number}@example.com`
    const { id } = await gateway.admin.createCustomer({ email, name: email, company: null, requestsPerMinute: null })
    const { key } = await gateway.admin.createKey({
      name: 'bench',
      customer: { id },
      scopes: ['send', 'read', 'manage'],
      expiresAt: null,
    })
    const lines: { id: string; address: string }[] = []
    for (let line = 0; line < linesPerCustomer; line++) {
      const address = `+1555020${String(number * 100 + line).padStart(4, '0')}` as Handle
      const added = await gateway.admin.addNumber(id, { address, provider: 'sandbox', line: null })
      lines.push({ id: added.id, address })
    }
    senders.push({ customerId: id, apiKey: key, lines })
  }
  return senders
}

/** As many lines again, each bound to the SMSC by itself. */
async function furnishSmpp({ gateway }: Running, to: { senders: Sender[]; port: number }): Promise<Sender[]> {
  const { admin } = gateway
  const senders: Sender[] = []
  for (const [number, sender] of to.senders.entries()) {
    const lines: { id: string; address: string }[] = []
    for (const line of sender.lines.keys()) {
      const address = `+1555021${String(number * 100 + line).padStart(4, '0')}` as Handle
      const url = `smpp://bench${number}${line}@127.0.0.1:${to.port}?perSecond=10000`
      const { id } = await admin.createLine({
        ...{ name: address, address, email: null, provider: 'smpp', channels: ['sms'], url, password: 'secret' },
        ...{ providers: {}, hostType: null, hostInfo: null },
      })
      await admin.addNumber(sender.customerId as CustomerId, { address, provider: 'smpp', line: id })
      lines.push({ id, address })
    }
    senders.push({ ...sender, lines })
  }
  return senders
}

/** Lines are taken by the heartbeat. */
async function linked({ gateway }: Running): Promise<void> {
  const ready = async () => {
    const { links } = await gateway.health()
    return channels.every(
      (channel: Channel) =>
        links[channel].health === 'healthy' && links[channel].lines >= customersCount * linesPerCustomer,
    )
  }
  while (!(await ready())) await systemClock.sleep(50)
}
