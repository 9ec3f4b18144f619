/** Messages a second out and in, on one session and on a hundred, beside the library by itself. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Child, startChild } from '../child.ts'
import { median, rate, share } from '../figures.ts'
import { machineMs } from '../machine-clock.ts'
import { cpuSecondsOf } from '../processes.ts'
import type { Table } from '../report.ts'
import type { Settings } from '../stand.ts'
import { peopleEach, peopleOf, type SendResult, type SendRun, type SessionsSettings } from './accounts.ts'
import { linkAll } from './linking.ts'
import { type Linked, numbersOf } from './memory.ts'
import type { Said } from './network-process.ts'

const warmMs = 1_000
const bareSet = 7
/** Under way at once over all sessions. */
const windowAll = 100

type Subject = 'ours' | 'bare'

interface Side {
  child: Child
  numbers: readonly string[]
}

interface Figure {
  perSecond: number
  /** Processor time of each message, in µs. */
  cpu: number
  networkCpu: number
  lost: number
}

export async function benchRates(linked: Linked, network: Child, counts: readonly number[]): Promise<Table> {
  const { settings } = linked
  const most = Math.max(...counts)
  const sides: Record<Subject, Side> = {
    ours: await ourSide(linked, most),
    bare: await bareSide(settings, linked.place, network, most),
  }
  const rows: string[][] = []
  for (const count of counts) {
    for (const way of ['out', 'in'] as const) {
      const found: Record<Subject, Figure[]> = { ours: [], bare: [] }
      for (let round = 1; round <= settings.rounds; round++) {
        for (const subject of ['bare', 'ours'] as const) {
          const measured = { settings, network, side: sides[subject], count }
          found[subject].push(await (way === 'out' ? outRound(measured) : inRound(measured)))
        }
        const said = (['ours', 'bare'] as const).map((one) => `${one} ${rate(found[one].at(-1)?.perSecond ?? 0)}/s`)
        settings.say(`whatsapp ${way}, ${count} sessions, round ${round} of ${settings.rounds}: ${said.join(', ')}`)
      }
      rows.push(rowOf(`${way}, ${count} ${count === 1 ? 'session' : 'sessions'}`, found))
    }
  }
  await sides.ours.child.ask('keep')
  for (const { child } of Object.values(sides)) await child.stop()
  return {
    title: 'WhatsApp messages a second',
    columns: ['way', 'connector', 'of the library', 'CPU', 'library alone', 'CPU', 'CPU of network', 'failed or lost'],
    rows,
    notes: [
      `Texts to and from ${peopleEach} people for each session, with whom sessions have begun; at most ${windowAll} under way, at most 10 on one session. Out: until the network has acknowledged it. In: until the event is received. Medians of ${settings.rounds} interleaved rounds.`,
      'The connector keeps what it sends, journals what it decrypts and commits before anything leaves, here into a vault in memory; the library alone keeps its keys in a map and forgets the rest. The network opens and seals every message for the other side in a process of its own, which is the limit where its processor time is the larger.',
    ],
  }
}

function rowOf(name: string, { ours, bare }: Record<Subject, Figure[]>): string[] {
  const of = (figures: readonly Figure[], what: keyof Figure) => median(figures.map((one) => one[what]))
  const micros = (figures: readonly Figure[], what: 'cpu' | 'networkCpu') => `${Math.round(of(figures, what))} µs`
  const lost = [...ours, ...bare].reduce((sum, one) => sum + one.lost, 0)
  const [our, their] = [of(ours, 'perSecond'), of(bare, 'perSecond')]
  return [
    ...[name, rate(our), share(our, their), micros(ours, 'cpu'), rate(their), micros(bare, 'cpu')],
    ...[micros(ours, 'networkCpu'), String(lost)],
  ]
}

async function ourSide({ settings, place, numbers }: Linked, count: number): Promise<Side> {
  const child = await startChild('whatsapp/sessions-process', place, settings.nodeFlags)
  const some = numbers.slice(0, count)
  await child.ask('fetch', some)
  await child.ask('start', some)
  await child.ask('greet', { sessions: count, peopleEach })
  return { child, numbers: some }
}

async function bareSide(settings: Settings, place: SessionsSettings, network: Child, count: number): Promise<Side> {
  const child = await startChild('whatsapp/bare-process', place)
  const numbers = numbersOf(bareSet, count)
  await linkAll({ network, sessions: child }, numbers, settings.say)
  const people = numbers.flatMap((_, nth) => peopleOf(nth, peopleEach))
  await child.ask('lids', await network.ask<[string, string][]>('lids', people))
  await child.ask('greet', { sessions: count, peopleEach })
  return { child, numbers }
}

interface Measured {
  settings: Settings
  network: Child
  side: Side
  count: number
}

async function outRound({ settings, network, side: { child }, count }: Measured): Promise<Figure> {
  const window = Math.max(1, Math.min(10, Math.floor(windowAll / count)))
  const ms = settings.seconds * 1_000
  const run: SendRun = { sessions: count, peopleEach, window, warmMs, ms }
  const cpuBefore = [cpuSecondsOf([child.pid]), cpuSecondsOf([network.pid])]
  const { perSecond, failed } = await child.ask<SendResult>('send', run)
  const cpu = [cpuSecondsOf([child.pid]), cpuSecondsOf([network.pid])]
  // The warm-up is in the processor time as well, at the same rate.
  const all = (perSecond * (ms + warmMs)) / 1_000
  const micros = (nth: number) => (((cpu[nth] ?? 0) - (cpuBefore[nth] ?? 0)) * 1e6) / all
  return { perSecond, cpu: micros(0), networkCpu: micros(1), lost: failed }
}

/** People write as long as not too much of it is on its way. */
async function inRound({ settings, network, side: { child, numbers }, count }: Measured): Promise<Figure> {
  const some = numbers.slice(0, count)
  const windowMax = Math.min(windowAll, 10 * count)
  const heardBefore = await child.ask<number>('heard')
  const heard = async () => (await child.ask<number>('heard')) - heardBefore
  let said = 0
  const next = (): Said => {
    const nth = said % some.length
    const from = peopleOf(nth, peopleEach)[Math.floor(said / some.length) % peopleEach] ?? ''
    said += 1
    return { from, to: some[nth] ?? '', text: `${said} It has arrived.` }
  }
  const startAt = machineMs()
  let mark: { at: number; heard: number; cpu: readonly number[] } | null = null
  for (;;) {
    const there = await heard()
    const now = machineMs()
    const cpu = () => [cpuSecondsOf([child.pid]), cpuSecondsOf([network.pid])]
    if (mark === null && now - startAt >= warmMs) mark = { at: now, heard: there, cpu: cpu() }
    if (mark !== null && now - mark.at >= settings.seconds * 1_000) {
      const since = cpu().map(
        (seconds, nth) => ((seconds - (mark?.cpu[nth] ?? 0)) * 1e6) / (there - (mark?.heard ?? 0)),
      )
      const perSecond = ((there - mark.heard) * 1_000) / (now - mark.at)
      return { perSecond, cpu: since[0] ?? 0, networkCpu: since[1] ?? 0, lost: await lostOf(said, heard) }
    }
    const room = windowMax - (said - there)
    if (room > 0) await network.ask('say', Array.from({ length: Math.min(room, 20) }, next))
    else await sleep(1)
  }
}

/** What has not come after five quiet seconds will not come. */
async function lostOf(said: number, heard: () => Promise<number>): Promise<number> {
  let there = await heard()
  for (let waitedMs = 0; waitedMs < 5_000 && there < said; waitedMs += 50) {
    await sleep(50)
    const now = await heard()
    if (now > there) waitedMs = 0
    there = now
  }
  return said - there
}
