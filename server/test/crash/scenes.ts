/** What a crash loop sends over: the network outside on all channels, or an SMSC that the gateway's own connector binds to. */
import type { Chance } from '../../src/lib/chance.ts'
import { type Channel, channels } from '../../src/model/channel.ts'
import type { History } from './history.ts'
import type { Orders } from './orders.ts'
import { type Fate, type Network, openOutside } from './outside.ts'
import type { PlaceOf } from './site.ts'
import { openSmppOutside, textWith } from './smpp-outside.ts'

export interface Scene {
  network: Network
  orders: Orders
  placeOf?: PlaceOf
  /** People write on these. */
  channels: readonly Channel[]
  routes: readonly (readonly Channel[])[]
  /** The clock is moved so far at each kill, for the lanes that wait. */
  advanceMs: number
  /** It is killed at most so long after it has accepted something, which is often in the middle of what it sends. */
  livesMs: number
  /** Unlike any other. */
  textOf(key: string, to: string, chance: Chance): string
  /** What somebody writes to us, unlike anything else. */
  wordOf(number: number, chance: Chance): string
  /** The history with the names that the gateway uses. */
  named(history: History): History
}

export interface SceneOptions {
  smpp: boolean
  dedupes: boolean
  lines: readonly string[]
  chance: Chance
  isHealed(): boolean
}

export function openScene(options: SceneOptions): Promise<Scene> {
  return options.smpp ? openSmppScene(options) : openPlainScene(options)
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
    ...{ network, channels, routes, advanceMs: 4_000, livesMs: 250 },
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
    ...{ network, placeOf: network.placeOf, channels: ['sms'], routes: [['sms']], advanceMs: 20_000, livesMs: 1_000 },
    orders: { port: 0, dedupes: [], plan: null, real: true },
    textOf: textWith,
    wordOf: (number, words) => (words.happens(0.7) ? `word ${number}` : `word ${number} `.repeat(30)),
    named: network.named,
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
