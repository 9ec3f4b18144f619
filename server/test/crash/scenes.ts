/** What a crash loop sends over: the network outside on all channels, or what the gateway's own connectors speak to. */
import type { Chance } from '../../src/lib/chance.ts'
import { type Channel, channels } from '../../src/model/channel.ts'
import type { History } from './history.ts'
import { openImessageOutside } from './imessage-outside.ts'
import { keyed } from './keyed-texts.ts'
import type { Orders } from './orders.ts'
import { type Fate, type Network, openOutside } from './outside.ts'
import type { Behind, PlaceOf } from './site.ts'
import { openSmppOutside, textWith } from './smpp-outside.ts'
import { openWhatsappOutside } from './whatsapp-outside.ts'

export interface Scene {
  network: Network
  orders: Orders
  placeOf?: PlaceOf
  /** Lines that need it are linked to their phones. */
  link?(behind: Behind): Promise<void>
  /** People write on these. */
  channels: readonly Channel[]
  /** Links of each line, where it has more than people write on. */
  linksMax?: number
  routes: readonly (readonly Channel[])[]
  /** The clock is moved so far at each kill, for the lanes that wait. */
  advanceMs: number
  /** Or to when the first of them has waited long enough, where all of them may be in doubt at once. */
  skipsWaits?: boolean
  /** It is killed at most so long after it has accepted something, which is often in the middle of what it sends. */
  livesMs: number
  /** Not before something has arrived since the last kill, where it takes a while to be linked again; but after so long. */
  arrivalMs?: number
  /** Lines keep their holders when the clock is moved at the end: to link anew takes longer than there is time for. */
  keepsLines?: boolean
  /** At the end the clock is not moved for what is due sooner. */
  sparesMs?: number
  /** How long everything may take to end. */
  drainMs?: number
  /** People pause at most so long between what they write. */
  breathMs?: number
  /** Callers wait when they are so many messages ahead of what has arrived. */
  aheadMax: number
  /** Unlike any other. */
  textOf(key: string, to: string, chance: Chance): string
  /** What somebody writes to us, unlike anything else. */
  wordOf(number: number, chance: Chance): string
  /** The history with the names that the gateway uses. */
  named(history: History): History
  /** What else the network has counted. */
  figures?(): Readonly<Record<string, number>>
}

/** The gateway's own connectors; otherwise the network outside takes the place of them all. */
export type Over = 'smpp' | 'whatsapp' | 'imessage'

export interface SceneOptions {
  over: Over | null
  dedupes: boolean
  lines: readonly string[]
  chance: Chance
  isHealed(): boolean
}

export function openScene(options: SceneOptions): Promise<Scene> {
  if (options.over === 'smpp') return openSmppScene(options)
  if (options.over === 'imessage') return openImessageScene(options)
  return options.over === 'whatsapp' ? openWhatsappScene(options) : openPlainScene(options)
}

async function openPlainScene({ dedupes, chance, isHealed }: SceneOptions): Promise<Scene> {
  const fates = chance.fork('network')
  const repeats = chance.fork('repeats')
  const network = await openOutside({
    dedupes: () => dedupes,
    fateOf: () => (isHealed() ? calm : draw(fates)),
    repeats: () => !isHealed() && repeats.happens(0.03),
  })
  return {
    ...{ network, channels, routes, ...{ advanceMs: 4_000, livesMs: 250, aheadMax: Number.POSITIVE_INFINITY } },
    orders: { port: network.port, dedupes: dedupes ? channels : [], plan: null },
    textOf: (key, to) => `${key} to ${to}`,
    wordOf: (number) => `word ${number}`,
    named: (history) => history,
  }
}

/** What is in doubt keeps its lane waiting for two minutes: without longer strides hardly anything else would happen. */
async function openSmppScene({ lines, chance, isHealed }: SceneOptions): Promise<Scene> {
  const network = await openSmppOutside({ lines, chance: chance.fork('network'), isHealed })
  return {
    ...{ network, placeOf: network.placeOf, channels: ['sms'], routes: [['sms']] },
    ...{ advanceMs: 20_000, livesMs: 1_000, aheadMax: Number.POSITIVE_INFINITY },
    orders: { port: 0, dedupes: [], plan: null, real: true },
    textOf: textWith,
    wordOf: (number, words) => (words.happens(0.7) ? `word ${number}` : `word ${number} `.repeat(30)),
    named: network.named,
  }
}

/** A phone drops what it has, so that what is in doubt is sent again at once. */
async function openWhatsappScene({ lines, chance, isHealed }: SceneOptions): Promise<Scene> {
  const network = await openWhatsappOutside({ lines, chance: chance.fork('network'), isHealed })
  const { placeOf, link, named, figures } = network
  return {
    ...{ network, placeOf, link, named, figures, channels: ['whatsapp'], routes: [['whatsapp']] },
    ...{
      advanceMs: 20_000,
      skipsWaits: true,
      livesMs: 600,
      arrivalMs: 8_000,
      aheadMax: 10,
      breathMs: 400,
      keepsLines: true,
    },
    orders: { port: 0, dedupes: ['whatsapp'], plan: null, real: true },
    textOf: keyed,
    wordOf: (number) => `word ${number}`,
  }
}

/** Nothing is sent twice there by sending it again: what is in doubt is looked for. */
async function openImessageScene({ lines, chance, isHealed }: SceneOptions): Promise<Scene> {
  const network = await openImessageOutside({ lines, chance: chance.fork('network'), isHealed })
  const { placeOf, link, named, figures } = network
  return {
    ...{ network, placeOf, link, named, figures, channels: ['imessage'], routes: [['imessage', 'sms'], ['imessage']] },
    ...{ linksMax: 2, advanceMs: 4_000, livesMs: 600, arrivalMs: 4_000, aheadMax: 40, breathMs: 60, keepsLines: true },
    ...{ sparesMs: 6_000, drainMs: 120_000 },
    orders: { port: 0, dedupes: [], plan: null, real: true },
    textOf: keyed,
    wordOf: (number) => `word ${number}`,
  }
}

const routes: readonly (readonly Channel[])[] = [
  ['imessage', 'sms'],
  ['whatsapp', 'sms'],
  ['whatsapp'],
  ['sms'],
  ['imessage'],
]

const calm: Fate = { fault: 'none', delayMs: 0, receipts: ['delivered'], echo: false, early: false }

/** Mostly well; each way of going wrong often enough to meet every kill. */
function draw(chance: Chance): Fate {
  const roll = chance.next()
  const fault =
    roll < 0.02
      ? 'busy'
      : roll < 0.03
        ? 'busy-message'
        : roll < 0.05
          ? 'absent'
          : roll < 0.06
            ? 'cut'
            : roll < 0.09
              ? 'drop'
              : 'none'
  const receipts = chance.happens(0.7)
    ? chance.happens(0.5)
      ? (['delivered', 'read'] as const)
      : (['delivered'] as const)
    : []
  return {
    fault,
    receipts,
    delayMs: chance.happens(0.3) ? chance.between(1, 40) : 0,
    echo: chance.happens(0.3),
    early: chance.happens(0.3),
  }
}
