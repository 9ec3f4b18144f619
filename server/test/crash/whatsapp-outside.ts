/** The network outside as WhatsApp: people who decrypt and confirm, links that are cut, and answers that are lost. */
import { People } from '../../../networks/src/people.ts'
import { openWhatsapp, type Whatsapp } from '../../../networks/src/whatsapp/whatsapp.ts'
import type { Chance } from '../../src/lib/chance.ts'
import { systemClock } from '../../src/lib/clock.ts'
import type { History } from './history.ts'
import { pause } from './insist.ts'
import { keyIn, withRefs } from './keyed-texts.ts'
import { hashOf, type Network, type Spoken } from './outside.ts'
import type { Behind, Place } from './site.ts'

export interface WhatsappOutside extends Network {
  placeOf(line: string): Place
  /** The phones of the lines scan what those show. */
  link(behind: Behind): Promise<void>
  /** The history with the names that the gateway uses. */
  named(history: History): History
  figures(): Readonly<Record<string, number>>
}

export interface WhatsappOutsideOptions {
  lines: readonly string[]
  chance: Chance
  isHealed(): boolean
}

/** What a device has acknowledged lies in the journal of its link, and is the gateway's a moment later. */
const quietMs = 1_000

export async function openWhatsappOutside(options: WhatsappOutsideOptions): Promise<WhatsappOutside> {
  const people = new People()
  const network = await openWhatsapp({ people, clock: systemClock })
  const outside: Pick<Network, 'effects' | 'tried' | 'spoken'> = { effects: [], tried: [], spoken: [] }
  const reached = new Set<string>()
  people.listen((told) => {
    if (told.what !== 'arrived') return
    const { from, to, text } = told.message
    reached.add(to)
    outside.effects.push({ channel: 'whatsapp', line: from, ref: keyIn(text ?? ''), to, hash: hashOf(text ?? '') })
  })
  const over = new AbortController()
  let misbehaving = Promise.resolve()
  const speech = speechOn(network, outside.spoken)
  let busyAt = 0
  return {
    ...outside,
    say: speech.say,
    unheard() {
      const waiting = network.waiting() + speech.underWay()
      if (waiting > 0) busyAt = performance.now()
      return waiting > 0 ? waiting : Number(performance.now() - busyAt < quietMs)
    },
    async close() {
      over.abort()
      await misbehaving
      await network.stop()
    },
    placeOf: () => ({ provider: 'whatsapp', channels: ['whatsapp'], url: network.lineUrl }),
    async link(behind) {
      await linkAll(network, behind, options.lines)
      misbehaving = misbehave(network, { ...options, arrived: () => outside.effects.length }, over.signal)
    },
    named: (history) => withRefs({ ...history, spoken: speech.heard() }),
    figures: () => ({
      'came again under a used id': [...reached].reduce((sum, one) => sum + network.person(one).repeats, 0),
      'asked again by phones': network.unread.byPhones,
      'asked again by the gateway': network.unread.byDevices,
    }),
  }
}

function speechOn(network: Whatsapp, spoken: Spoken[]) {
  const speakers = new Map<Spoken, string>()
  let underWay = 0
  const confirmed = () => {
    const persons = [...new Set(speakers.values())].map((from) => [from, network.person(from).heard] as const)
    return new Map(persons.map(([from, heard]) => [from, new Set(heard.map(({ id }) => id))]))
  }
  return {
    underWay: () => underWay,
    say({ line, channel, from, text }: Parameters<Network['say']>[0]): string {
      const one: Spoken = { line, channel, providerId: `said-${spoken.length + 1}`, text, acknowledged: 0 }
      spoken.push(one)
      speakers.set(one, from)
      underWay += 1
      void network
        .person(from)
        .says(line, text)
        .then((id) => {
          one.providerId = id
          underWay -= 1
        })
      return one.providerId
    },
    /** With what the phones of those who wrote know of it. */
    heard(): Spoken[] {
      const ids = confirmed()
      return spoken.map((one) => {
        const isHeard = ids.get(speakers.get(one) ?? '')?.has(one.providerId)
        return { ...one, acknowledged: Number(isHeard) }
      })
    },
  }
}

/** Now and then among what arrives: an answer that is lost keeps its chat waiting for as long as the gateway lives. */
async function misbehave(
  network: Whatsapp,
  { chance, isHealed, arrived }: WhatsappOutsideOptions & { arrived(): number },
  over: AbortSignal,
): Promise<void> {
  let next = arrived() + chance.between(5, 30)
  while (!isHealed() && !over.aborted) {
    await pause(20)
    if (arrived() < next) continue
    next = arrived() + chance.between(5, 30)
    if (chance.happens(0.6)) network.faults.cutAll()
    else network.faults.loseNextAnswer()
  }
  // Whoever still waits for an answer that was lost hears of it.
  network.faults.cutAll()
}

/** Resolves when all of them have been scanned. */
export async function linkAll(network: Whatsapp, { db }: Pick<Behind, 'db'>, lines: readonly string[]): Promise<void> {
  const text = `select l.address, k.state ->> 'qr' as qr from links k join lines l on l.id = k.line_id
    where k.state ->> 'status' = 'pairing'`
  const waiting = new Set(lines)
  while (waiting.size > 0) {
    for (const { address, qr } of await db.query<{ address: string; qr: string }>({ name: '', text })) {
      if (!waiting.delete(address)) continue
      await network.phoneOf(address).scan(qr)
    }
    await pause(20)
  }
}
