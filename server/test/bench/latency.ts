/** How long a request takes to its answer, and its message to the network, at parts of the load that can be sustained. */
import { setTimeout as sleep } from 'node:timers/promises'
import { gatewayRound } from './accept.ts'
import type { Child } from './child.ts'
import { medianSpread, ms, rate, type Spread, spreadOf } from './figures.ts'
import { answerTimes, type OpenRun, openLoop, windowedLoop } from './load.ts'
import type { Table } from './report.ts'
import { allRoles, emptyStand, type Settings, type Stand, startGateway } from './stand.ts'
import { requestsOf } from './traffic.ts'

const connections = 128
const windowMax = 1_500
const warmMs = 2_000
const arrivalWithinMs = 10_000

interface Measured {
  answer: Spread
  /** From when the request was due. */
  network: Spread
  /** What was not yet at the network when the load ended. */
  behind: number
}

export async function benchLatency(settings: Settings, stand: Stand, known: number | null): Promise<Table[]> {
  const acceptPerSecond = known ?? (await gatewayRound({ settings, stand, name: 'rate' }, 'whole')).perSecond
  const sustained = await sustainedRate(settings, stand)
  settings.say(`latency: the whole walk sustains ${rate(sustained)} messages/s`)
  const loads = [
    { name: '10 % of the whole walk', perSecond: sustained * 0.1 },
    { name: '80 % of the whole walk', perSecond: sustained * 0.8 },
    { name: '80 % of what is accepted', perSecond: acceptPerSecond * 0.8 },
  ]
  const rounds = new Map(loads.map(({ name }) => [name, [] as Measured[]]))
  for (let round = 1; round <= settings.rounds; round++) {
    for (const { name, perSecond } of loads) {
      const measured = await openRound(settings, stand, {
        name: `l${round}-${name.length}-${Math.round(perSecond)}`,
        perSecond,
      })
      rounds.get(name)?.push(measured)
      settings.say(
        `latency, round ${round}, ${name}: answer p99 ${ms(measured.answer.p99)}, network p99 ${ms(measured.network.p99)}`,
      )
    }
  }
  return [
    {
      title: 'From request to answer and to network',
      columns: ['load', 'per second', 'answer p50', 'p99', 'p99.9', 'network p50', 'p99', 'p99.9'],
      rows: loads.map(({ name, perSecond }) => {
        const measured = rounds.get(name) ?? []
        const answer = medianSpread(measured.map((one) => one.answer))
        const network = medianSpread(measured.map((one) => one.network))
        const keptUp = measured.every(({ behind }) => behind < perSecond / 2)
        const ofNetwork = keptUp ? [network.p50, network.p99, network.p999].map(ms) : ['backlog', 'backlog', 'backlog']
        return [name, rate(perSecond), ms(answer.p50), ms(answer.p99), ms(answer.p999), ...ofNetwork]
      }),
      notes: [
        `The whole walk (accept, send, echo, delivery receipt, all stored) sustains ${rate(sustained)} messages a second here.`,
        'Requests are due at a constant rate and every wait counts from then, also that for a free connection; medians of the rounds.',
        '"network" is the moment the connector is handed the message. More than the whole walk sustains makes a backlog, not a latency.',
      ],
    },
  ]
}

/** At most so many messages are anywhere between their request and their stored delivery receipt. */
async function sustainedRate(settings: Settings, stand: Stand): Promise<number> {
  const { child, port } = await fresh(settings, stand)
  const request = requestsOf(stand.senders, 'sustained')
  const finished = async () => (await child.ask<{ delivered: number }>('seen')).delivered
  const run = { warmMs: warmMs + 1_000, ms: settings.seconds * 1_000, windowMax, finished }
  const perSecond = await windowedLoop({ port, connections, request, expected: 202 }, run)
  await child.stop()
  return perSecond
}

async function openRound(
  settings: Settings,
  stand: Stand,
  load: { name: string; perSecond: number },
): Promise<Measured> {
  const { child, port } = await fresh(settings, stand)
  const request = requestsOf(stand.senders, load.name)
  const run = { perSecond: load.perSecond, warmMs, ms: settings.seconds * 1_000 }
  const answered = await openLoop({ port, connections, request, expected: 202 }, run)
  const before = await child.ask<{ arrived: number }>('seen')
  // Those on their way belong to the figure; a backlog is not waited for to its end.
  for (let waitedMs = 0; waitedMs < arrivalWithinMs; waitedMs += 100) {
    if ((await child.ask<{ arrived: number }>('seen')).arrived >= answered.dueAt.length) break
    await sleep(100)
  }
  const network = networkTimes(answered, new Map(await child.ask<[number, number][]>('arrivals')))
  await child.stop()
  return { answer: answerTimes(answered), network, behind: answered.dueAt.length - before.arrived }
}

function networkTimes({ dueAt, first }: OpenRun, arrivals: ReadonlyMap<number, number>): Spread {
  const counted = dueAt.subarray(first)
  return spreadOf(counted.map((due, index) => (arrivals.get(first + index) ?? Number.POSITIVE_INFINITY) - due))
}

async function fresh(settings: Settings, stand: Stand): Promise<{ child: Child; port: number }> {
  await emptyStand(stand)
  const { child, port } = await startGateway(settings, stand, { roles: allRoles, stamps: true })
  await child.ask('linked')
  return { child, port }
}
