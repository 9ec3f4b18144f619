/** A whole gateway with a hundred WhatsApp lines: its memory, its return after a restart, and the whole walk out and in. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Child } from '../child.ts'
import { median, megabytes, rate, share } from '../figures.ts'
import { windowedLoop } from '../load.ts'
import { machineMs } from '../machine-clock.ts'
import type { Memory } from '../processes.ts'
import type { Table } from '../report.ts'
import { allRoles, emptyStand, type Settings, type Stand, startGateway } from '../stand.ts'
import { bodyOf, requestsOf, type Sender } from '../traffic.ts'
import { peopleEach, peopleOf } from './accounts.ts'
import type { WhatsappOrder } from './lines.ts'

const warmMs = 3_000
const windowMax = 500
const connections = 64

interface Place {
  settings: Settings
  stand: Stand
  network: Child
  senders: readonly Sender[]
  count: number
}

export async function benchGateway(settings: Settings, stand: Stand, network: Child, count: number): Promise<Table[]> {
  const measured = { ...settings, nodeFlags: [...settings.nodeFlags, '--expose-gc'] }
  const { lineUrl } = await network.ask<{ lineUrl: string }>('place')
  const furnished = async (from: number, until: number): Promise<Sender[]> => {
    const { child } = await startGateway(measured, stand, { roles: allRoles })
    const order: WhatsappOrder = { senders: stand.senders, lineUrl, from, until }
    const senders = await child.ask<Sender[]>('furnishWhatsapp', order)
    await linkThem({ child, network, count: until }, settings.say)
    await child.stop()
    return senders
  }
  const place: Place = { settings: measured, stand, network, senders: [], count: 1 }
  // What the first line costs is everything that is there once: it is not the price of a line.
  await furnished(0, 1)
  const { child } = await started(place)
  const one = await child.ask<Memory>('memory')
  await child.stop()
  const senders = await furnished(1, count)
  const whole = { ...place, senders, count }
  return [await back(whole, one), await walks(whole)]
}

async function linkThem(
  { child, network, count }: { child: Child; network: Child; count: number },
  say: (text: string) => void,
): Promise<void> {
  let told = 0
  for (let linked = 0; linked < count; linked = await child.ask<number>('whatsappLinked')) {
    const codes = await child.ask<[string, string][]>('codes')
    // A code that has just run out is replaced by another, which is there the next time.
    for (const [number, qr] of codes.slice(0, 10)) await network.ask('scan', { number, qr }).catch(() => undefined)
    if (codes.length === 0) await sleep(200)
    if (linked < told + 25) continue
    told = linked
    say(`whatsapp: ${linked} of ${count} lines of a gateway linked`)
  }
}

async function started(place: Place): Promise<{ child: Child; port: number; tookMs: number }> {
  const began = machineMs()
  const { child, port } = await startGateway(place.settings, place.stand, { roles: allRoles, stamps: true })
  while ((await child.ask<number>('whatsappLinked')) < place.count) await sleep(20)
  return { child, port, tookMs: machineMs() - began }
}

async function back(place: Place, one: Memory): Promise<Table> {
  const { settings, count } = place
  const times: number[] = []
  const full: Memory[] = []
  for (let round = 1; round <= settings.rounds; round++) {
    const { child, tookMs } = await started(place)
    times.push(tookMs)
    if (round === 1) full.push(await child.ask<Memory>('memory'))
    await child.stop()
    settings.say(
      `whatsapp, gateway, round ${round} of ${settings.rounds}: ${count} lines back in ${Math.round(tookMs)} ms`,
    )
  }
  const rss = full[0]?.rss ?? Number.NaN
  const each = `${((rss - one.rss) / (count - 1) / 1_048_576).toFixed(2)} MiB`
  const seconds = [median(times), Math.min(...times), Math.max(...times)].map((ms) => `${(ms / 1_000).toFixed(1)} s`)
  return {
    title: `A gateway with ${count} WhatsApp lines`,
    columns: [
      'lines',
      'RSS with one',
      'RSS with all',
      'each further one',
      'back after a restart',
      'fastest',
      'slowest',
    ],
    rows: [[String(count), megabytes(one.rss), megabytes(rss), each, ...seconds]],
    notes: [
      'The gateway as in production with its PostgreSQL, the network in another process. Back: from starting the process, with its database, to the last line being connected. Memory after forced collections.',
    ],
  }
}

type Subject = 'out' | 'in' | 'memory'

const names: Record<Subject, string> = {
  out: 'out over WhatsApp: from request to the phone that decrypts it',
  in: 'in over WhatsApp: from the phone that writes to the stored message',
  memory: 'out over the in-memory network',
}

async function walks(place: Place): Promise<Table> {
  const { settings, stand } = place
  const rounds: Record<Subject, number[]> = { out: [], in: [], memory: [] }
  for (let round = 1; round <= settings.rounds; round++) {
    await emptyStand(stand)
    const { child, port } = await started(place)
    await child.ask('linked')
    rounds.out.push(await outOver(place, port, `w${round}`))
    rounds.in.push(await inOver(place, child))
    const request = requestsOf(stand.senders, `m${round}`, ['sms'])
    const finished = async () => (await child.ask<{ arrived: number }>('seen')).arrived
    const run = { warmMs, ms: settings.seconds * 1_000, windowMax, finished }
    rounds.memory.push(await windowedLoop({ port, connections, request, expected: 202 }, run))
    await child.stop()
    const said = (Object.keys(names) as Subject[]).map((one) => `${one} ${rate(rounds[one].at(-1) ?? 0)}/s`)
    settings.say(`whatsapp, gateway, round ${round} of ${settings.rounds}: ${said.join(', ')}`)
  }
  const of = (subject: Subject) => median(rounds[subject])
  return {
    title: 'The whole walk of a WhatsApp message',
    columns: ['way', 'per second', 'of in-memory'],
    rows: (Object.keys(names) as Subject[]).map((one) => [
      names[one],
      rate(of(one)),
      one === 'memory' ? '' : share(of(one), of('memory')),
    ]),
    notes: [
      `${place.count} lines, ${peopleEach} people each; at most ${windowMax} messages under way out and 100 in; receipts come and are stored meanwhile. Keys, journal and what was sent are committed to PostgreSQL with each message. The network, which opens or seals each message for the other side, shares the machine.`,
    ],
  }
}

async function outOver({ settings, network, senders }: Place, port: number, name: string): Promise<number> {
  await network.ask('forget')
  const lines = senders.flatMap((sender) => sender.lines.map((line) => ({ sender, line })))
  const request = (number: number): string => {
    const nth = number % lines.length
    const { sender, line } = lines[nth] ?? {}
    if (sender === undefined || line === undefined) throw new Error('There is nobody to send as.')
    const to = peopleOf(nth, peopleEach)[Math.floor(number / lines.length) % peopleEach] ?? ''
    const body = bodyOf({ sender, line, to, text: `${number} It has left the depot.`, key: `${name}-${number}` }, [
      'whatsapp',
    ])
    return (
      `POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${sender.apiKey}\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    )
  }
  const finished = async () => (await network.ask<{ arrived: number }>('seen')).arrived
  const run = { warmMs: 2 * warmMs, ms: settings.seconds * 1_000, windowMax, finished }
  return windowedLoop({ port, connections, request, expected: 202 }, run)
}

async function inOver({ settings, network, senders }: Place, child: Child): Promise<number> {
  const addresses = senders.flatMap(({ lines }) => lines.map(({ address }) => address))
  const before = await child.ask<number>('heard')
  const began = machineMs()
  let said = 0
  let mark: { at: number; heard: number } | null = null
  for (;;) {
    const there = (await child.ask<number>('heard')) - before
    const now = machineMs()
    if (mark === null && now - began >= warmMs) mark = { at: now, heard: there }
    if (mark !== null && now - mark.at >= settings.seconds * 1_000)
      return ((there - mark.heard) * 1_000) / (now - mark.at)
    const room = Math.max(0, 100 - (said - there))
    const next = Array.from({ length: room }, () => {
      const nth = said % addresses.length
      const from = peopleOf(nth, peopleEach)[Math.floor(said / addresses.length) % peopleEach] ?? ''
      said += 1
      return { from, to: addresses[nth] ?? '', text: `${said} It has arrived.` }
    })
    if (next.length > 0) await network.ask('say', next)
    await sleep(10)
  }
}
