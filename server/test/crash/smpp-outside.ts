/** The network outside as an SMSC: what becomes of each submit is drawn, and whose text it was is read in the text. */
import { People } from '../../../networks/src/people.ts'
import { openSmsc } from '../../../networks/src/sms/smsc.ts'
import { systemClock } from '../../../networks/src/time.ts'
import type { Chance } from '../../src/lib/chance.ts'
import type { History, Part } from './history.ts'
import { keyed, keyIn, withRefs } from './keyed-texts.ts'
import { type Fault, hashOf, type Network, type Spoken } from './outside.ts'
import type { Place } from './site.ts'

/** Short, or of two or three parts, each with the key in it, in either alphabet. */
export function textWith(key: string, to: string, chance: Chance): string {
  const start = keyed(key, to)
  const tail = chance.happens(0.2) ? ' 🙂' : ''
  if (chance.happens(0.7)) return `${start}${tail}`
  const length = (tail === '' ? 160 : 70) * chance.between(1, 2)
  return `${start}${` <${key}>`.repeat(Math.ceil(length / (key.length + 3)))}${tail}`
}

interface Draw {
  share: number
  fault: Fault
  status: number
}

/** Mostly well. What ends the connection takes a window full of submits with it, so that is rare. */
const draws: readonly Draw[] = [
  { share: 0.005, fault: 'busy', status: 0x58 },
  { share: 0.005, fault: 'busy', status: 0x14 },
  { share: 0.01, fault: 'busy-message', status: 0x08 },
  { share: 0.01, fault: 'absent', status: 0x0b },
  { share: 0.005, fault: 'refused', status: 0x45 },
  { share: 0.003, fault: 'cut', status: 0 },
  { share: 0.005, fault: 'drop', status: 0 },
]
const well: Omit<Draw, 'share'> = { fault: 'none', status: 0 }

function drawn(chance: Chance): Omit<Draw, 'share'> {
  let roll = chance.next()
  for (const draw of draws) {
    if (roll < draw.share) return draw
    roll -= draw.share
  }
  return well
}

export interface SmppOutside extends Network {
  /** Where a line binds, as an operator says it. */
  placeOf(line: string): Place
  /** The history with the names that the gateway uses. */
  named(history: History): History
}

export interface SmppOutsideOptions {
  lines: readonly string[]
  chance: Chance
  isHealed(): boolean
}

export async function openSmppOutside({ lines, chance, isHealed }: SmppOutsideOptions): Promise<SmppOutside> {
  const people = new People()
  const parts: Part[] = []
  const outside: Pick<Network, 'effects' | 'tried' | 'spoken'> = { effects: [], tried: [], spoken: [] }
  const smsc = await openSmsc({
    people,
    clock: systemClock,
    fateOf: ({ text, place }) => {
      const { fault, status } = isHealed() ? well : drawn(chance)
      const key = keyIn(text)
      outside.tried.push({ channel: 'sms', ref: key, fault })
      const isTaken = fault === 'none' || fault === 'drop'
      if (isTaken) parts.push({ key, of: place?.total ?? 1, number: place?.sequence ?? 1 })
      const early = chance.happens(0.3)
      const cut = fault === 'cut' ? ('untaken' as const) : fault === 'drop' ? ('taken' as const) : null
      return {
        ...{ status, cut, early, receiptAfterMs: chance.happens(0.5) ? chance.between(1, 200) : 0 },
        answerAfterMs: early || chance.happens(0.3) ? chance.between(2, 40) : 0,
        receipts: chance.happens(0.3) ? 0 : chance.happens(0.1) ? 2 : 1,
      }
    },
  })
  people.listen((told) => {
    if (told.what !== 'arrived') return
    const { from, to, text } = told.message
    const said = text ?? ''
    outside.effects.push({ channel: 'sms', line: from, ref: keyIn(said), to, hash: hashOf(said) })
  })
  for (const line of lines) smsc.own(line, systemIdOf(line))
  return {
    ...outside,
    say({ line, channel, from, text }) {
      const providerId = `said-${outside.spoken.length + 1}`
      const spoken: Spoken = { line, channel, providerId, text, acknowledged: 0 }
      outside.spoken.push(spoken)
      smsc.say(from, line, text, () => {
        spoken.acknowledged += 1
      })
      return providerId
    },
    unheard: () => smsc.counts().waiting,
    close: () => smsc.stop(),
    placeOf: (line) => ({
      ...{ provider: 'smpp', channels: ['sms'] },
      url: `smpp://${systemIdOf(line)}@127.0.0.1:${smsc.port}?perSecond=10000`,
      password: 'secret',
    }),
    named: (history) => named(history, parts),
  }
}

function systemIdOf(line: string): string {
  return `bind${line.slice(-4)}`
}

/** Texts are unlike each other, so each tells whose it is: out by its key, in by all of it. */
function named(history: History, parts: readonly Part[]): History {
  const said = new Map(history.spoken.map(({ text, providerId }) => [text, providerId]))
  return {
    ...withRefs(history),
    messages: history.messages.map((message) =>
      message.direction === 'outbound'
        ? message
        : { ...message, externalId: said.get(message.text) ?? `something else: ${message.text}` },
    ),
    parts,
  }
}
