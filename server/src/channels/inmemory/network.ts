/** The phone company in memory: three channels, their people and their faults; all time from a clock, all chance from a seed. */
import { Agenda } from '../../lib/agenda.ts'
import { seededChance } from '../../lib/chance.ts'
import type { Clock } from '../../lib/clock.ts'
import { type Capabilities, type Channel, channels } from '../../model/channel.ts'
import type { Handle, ProviderChatId } from '../../model/ids.ts'
import type { ChatInfo } from '../connector.ts'
import { inMemoryCapabilities, traits } from './capabilities.ts'
import { infoOf } from './chats.ts'
import { type Act, Exchange, type Received } from './exchange.ts'
import { createFaults, type Faults, type Script } from './faults.ts'
import { magicOf } from './magic.ts'
import { type Peer, peerAs } from './peers.ts'
import { type Behaviour, createPeople } from './people.ts'

export interface NetworkOptions {
  clock: Clock
  seed: number | string
  /** What differs from the usual, per channel. */
  capabilities?: Partial<Record<Channel, Partial<Capabilities>>>
  /** What everybody does who has no number of their own for it. */
  everybody?: Partial<Behaviour>
  /** How long an answer takes when nothing is wrong; [0, 0] answers at once. */
  answerMs?: readonly [min: number, max: number]
  /** False: our own sends do not come back to us, on no channel. */
  echoes?: boolean
  /** Channels that can be asked what became of a send; iMessage if not given. */
  knowsOutcomes?: readonly Channel[]
  keep?: number
  laneMax?: number
}

export interface Network {
  /** What the connectors of this network speak to. */
  readonly exchange: Exchange
  readonly faults: Faults
  capabilitiesOf(channel: Channel): Capabilities
  person(handle: Handle): { handle: Handle; behaviour: Behaviour }
  setPerson(handle: Handle, behaviour: Partial<Behaviour>): void
  /** To act as somebody else. */
  as(handle: Handle): Peer
  failNext(script: Script): void
  /** Messages of ours, in the order in which they arrived. */
  received(): readonly Received[]
  /** Reactions, edits, typing and the like: what else we did. */
  acts(): readonly Act[]
  group(chat: ProviderChatId): ChatInfo | null
  /** From now on this line must be paired; a link that is up loses its credentials. */
  unpair(line: string): Promise<void>
  /** The phone scans the QR code that the line shows. A line that has a number is scanned by it if none is named. */
  scan(line: string, phone?: Handle): Promise<void>
  /** The QR code that the line shows is over, and another one takes its place. */
  renewQr(line: string): void
  /** The phone types the code that the line asked for. */
  enterCode(line: string, code: string, phone?: Handle): Promise<void>
  /** Cuts the line's link; it comes back by itself. */
  disconnect(line: string, channel: Channel, ms: number): void
  counts(): {
    undelivered: number
    redeliveries: number
    overflows: number
    scheduled: number
    /** Of the scheduled, those whose time has come. */
    due: number
    unanswered: number
  }
  /** Resolves when nothing is under way any more. Calls that hang are not under way. */
  drained(): Promise<void>
  /** Stops every link, fails what hangs and forgets what was to come. */
  stop(): Promise<void>
}

export function createNetwork(options: NetworkOptions): Network {
  const { clock, seed, everybody = {} } = options
  const chance = seededChance(seed)
  const agenda = new Agenda(clock)
  const faults = createFaults(chance.fork('faults'))
  const people = createPeople((handle) => magicOf(handle)?.behaviour ?? null, everybody)
  const exchange = new Exchange({
    clock,
    agenda,
    faults,
    people,
    chance: chance.fork('answers'),
    capabilities: withOverrides(options.capabilities ?? {}),
    answerMs: options.answerMs ?? [2, 20],
    echoes: options.echoes ?? true,
    knowsOutcomes: new Set(options.knowsOutcomes ?? ['imessage']),
    keep: options.keep ?? 100_000,
    laneMax: options.laneMax ?? 10_000,
  })
  return {
    exchange,
    faults,
    capabilitiesOf: (channel) => exchange.options.capabilities[channel],
    person: (handle) => ({ handle, behaviour: people.behaviourOf(handle) }),
    setPerson: people.set,
    as: (handle) => peerAs(exchange, handle),
    failNext: faults.failNext,
    received: () => exchange.received,
    acts: () => exchange.acts,
    group: (chat) => {
      const group = exchange.groups.get(chat)
      return group === undefined ? null : infoOf(group, '')
    },
    ...pairingOf(exchange),
    disconnect: (line, channel, ms) => {
      for (const link of exchange.linksOf(channel, line)) link.drop(ms)
    },
    counts: () => ({
      undelivered: exchange.undelivered,
      redeliveries: exchange.redeliveries,
      overflows: exchange.overflows,
      scheduled: agenda.size,
      due: agenda.due,
      unanswered: exchange.allLinks().reduce((sum, link) => sum + link.unanswered, 0),
    }),
    drained: () => agenda.idle(),
    stop: async () => {
      for (const link of exchange.allLinks()) await link.stop()
      agenda.clear()
    },
  }
}

function pairingOf(exchange: Exchange): Pick<Network, 'unpair' | 'scan' | 'renewQr' | 'enterCode'> {
  const pairing = channels.filter((channel) => traits[channel].pairs)
  const linksOf = (line: string) => pairing.flatMap((channel) => exchange.linksOf(channel, line))
  const scan = async (line: string, phone = line as Handle) => {
    const link = linksOf(line).find((one) => one.isPairing)
    if (link === undefined) throw new Error(`${line} shows no QR code`)
    await link.pair(phone)
  }
  return {
    unpair: async (line) => {
      exchange.unpair(line)
      for (const link of linksOf(line)) await link.close('auth_revoked')
    },
    scan,
    renewQr: (line) => {
      for (const link of linksOf(line)) link.renewQr()
    },
    enterCode: async (line, code, phone) => {
      if (exchange.pairing(line).code !== code) throw new Error(`${line} did not ask for the code ${code}`)
      await scan(line, phone)
    },
  }
}

function withOverrides(overrides: Partial<Record<Channel, Partial<Capabilities>>>): Record<Channel, Capabilities> {
  const made = (channel: Channel) => ({ ...inMemoryCapabilities[channel], ...overrides[channel] })
  return { imessage: made('imessage'), whatsapp: made('whatsapp'), sms: made('sms') }
}
