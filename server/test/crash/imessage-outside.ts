/** The network outside as a Mac for each line, with SMS behind it: answers that are lost, calls that never come, servers that are away. */
import { type ImessageNetwork, openImessage } from '../../../networks/src/imessage/imessage.ts'
import { People } from '../../../networks/src/people.ts'
import { openSmsc } from '../../../networks/src/sms/smsc.ts'
import type { Chance } from '../../src/lib/chance.ts'
import { systemClock } from '../../src/lib/clock.ts'
import type { Db } from '../../src/store/db.ts'
import type { History } from './history.ts'
import { pause } from './insist.ts'
import { keyIn, withRefs } from './keyed-texts.ts'
import { hashOf, type Network, type Spoken } from './outside.ts'
import type { Behind, Place } from './site.ts'

export interface ImessageOutside extends Network {
  placeOf(line: string): Place
  /** The database tells what the Macs never hear: what was taken of what people wrote. */
  link(behind: Behind): Promise<void>
  /** The history with the names that the gateway uses. */
  named(history: History): History
  figures(): Readonly<Record<string, number>>
}

export interface ImessageOutsideOptions {
  lines: readonly string[]
  chance: Chance
  isHealed(): boolean
}

/** By the machine's clock, the time in which the gateway is dead included. */
const knownWithinMs = 60_000

export async function openImessageOutside(options: ImessageOutsideOptions): Promise<ImessageOutside> {
  const people = new People()
  const waits = { lockMs: 5, rowMs: 10, watchMs: 10 }
  const macs = new Map<string, ImessageNetwork>()
  for (const line of options.lines)
    macs.set(line, await openImessage({ people, clock: systemClock, mac: { aliases: [line] }, waits }))
  const smsc = await openSmsc({ people, clock: systemClock })
  for (const line of options.lines) smsc.own(line, systemIdOf(line))
  const outside: Pick<Network, 'effects' | 'tried' | 'spoken'> = { effects: [], tried: [], spoken: [] }
  people.listen((told) => {
    if (told.what !== 'arrived') return
    const { network, from, to, text } = told.message
    const channel = network === 'imessage' ? 'imessage' : 'sms'
    // On a Mac the line is the account that wrote.
    const line = channel === 'sms' ? from : (lineOf(macs, from) ?? from)
    outside.effects.push({ channel, line, ref: keyIn(text ?? ''), to, hash: hashOf(text ?? '') })
  })
  const over = new AbortController()
  const working: Promise<void>[] = []
  const taken: Taken = { inbound: 0, unknown: 0, doubts: new Map(), lastedMs: [] }
  return {
    ...outside,
    say({ line, channel, from, text }) {
      const providerId = macs.get(line)?.person(from).says(text) ?? 'no such line'
      const spoken: Spoken = { line, channel, providerId, text, acknowledged: 1 }
      outside.spoken.push(spoken)
      return providerId
    },
    unheard: () => outside.spoken.length - taken.inbound,
    async close() {
      over.abort()
      await Promise.all(working)
      for (const mac of macs.values()) await mac.stop()
      await smsc.stop()
    },
    placeOf: (line) => ({
      ...{ provider: 'bluebubbles', channels: ['imessage', 'sms'] },
      url: `${macs.get(line)?.url}?perSecond=100&newPerDay=0&pollEvery=1&lostAfter=15`,
      password: macs.get(line)?.password ?? '',
      providers: {
        sms: { provider: 'smpp', url: `smpp://${systemIdOf(line)}@127.0.0.1:${smsc.port}`, password: 'secret' },
      },
    }),
    async link({ db }) {
      working.push(watch(db, taken, over.signal))
      for (const mac of macs.values())
        working.push(misbehave(mac, { ...options, arrived: () => outside.effects.length }, over.signal))
    },
    named: (history) => withRefs(history),
    figures: () => ({
      'ends that nobody heard': taken.lastedMs.length + taken.doubts.size,
      'of these known within a minute': taken.lastedMs.filter((ms) => ms <= knownWithinMs).length,
      'given up as unknown over iMessage': taken.unknown,
      'known after, at the slowest, in ms': Math.round(Math.max(0, ...taken.lastedMs)),
    }),
  }
}

function systemIdOf(line: string): string {
  return `bind${line.slice(-4)}`
}

function lineOf(macs: ReadonlyMap<string, ImessageNetwork>, alias: string): string | undefined {
  return [...macs].find(([, mac]) => mac.mac.aliases.includes(alias))?.[0]
}

interface Taken {
  inbound: number
  /** Messages of whose end over iMessage the gateway says that it is unknown. */
  unknown: number
  /** Since when it was seen that nobody knew the end of a send. */
  doubts: Map<string, number>
  /** How long that lasted. */
  lastedMs: number[]
}

const counting = {
  name: '',
  text: `select (select count(*) from messages where direction = 'inbound')::int as inbound,
    (select count(*) from messages where error_code = 'OUTCOME_UNKNOWN' and channel = 'imessage')::int as unknown,
    (select coalesce(json_agg(a.ref || ' ' || a.number), '[]') from attempts a join messages m on m.id = a.message_id
      where a.channel = 'imessage' and a.outcome = 'uncertain' and m.sent_at is null and not exists (
        select from attempts b where b.message_id = a.message_id and b.ref = a.ref and b.number = a.number
          and b.outcome <> 'uncertain')) as doubtful`,
}

async function watch(db: Db, taken: Taken, over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    // The database is killed along with the gateway now and then.
    const rows = await db.query<{ inbound: number; unknown: number; doubtful: string[] }>(counting).catch(() => [])
    for (const { inbound, unknown, doubtful } of rows) {
      Object.assign(taken, { inbound, unknown })
      const now = performance.now()
      for (const one of doubtful) if (!taken.doubts.has(one)) taken.doubts.set(one, now)
      for (const [one, since] of taken.doubts) {
        if (doubtful.includes(one)) continue
        taken.doubts.delete(one)
        taken.lastedMs.push(now - since)
      }
    }
    await pause(100)
  }
}

/** Mostly well. What is lost, late or away is so for a moment. */
async function misbehave(
  mac: ImessageNetwork,
  { chance, isHealed, arrived }: ImessageOutsideOptions & { arrived(): number },
  over: AbortSignal,
): Promise<void> {
  const fates = chance.fork(mac.url)
  mac.faults.loseWebhooks({ share: 0.3 })
  mac.quirks.mixesGuids = true
  let next = arrived() + fates.between(5, 30)
  while (!isHealed() && !over.aborted) {
    await pause(20)
    if (arrived() < next) continue
    next = arrived() + fates.between(5, 30)
    const roll = fates.next()
    if (roll < 0.35) mac.faults.loseNextAnswer()
    else if (roll < 0.5) mac.faults.nextSends({ kind: 'errorAtOnce', code: 4 })
    else if (roll < 0.65) mac.faults.nextSends({ kind: 'timesOut', rowAfterMs: fates.between(200, 3_000) })
    else if (roll < 0.8) mac.faults.restart(20)
    else {
      await mac.cut()
      await pause(fates.between(50, 600))
      await mac.mend()
    }
  }
  mac.faults.loseWebhooks(null)
}
