/** The whole walk of an SMS, from the request to the SMSC that has it, beside the same walk over the in-memory network. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Child, startChild } from '../child.ts'
import { median, medianSpread, ms, rate, type Spread, share, spreadOf } from '../figures.ts'
import { type OpenRun, openLoop, windowedLoop } from '../load.ts'
import type { Table } from '../report.ts'
import { allRoles, emptyStand, type Settings, type Stand, startGateway } from '../stand.ts'
import { requestsOf, type Sender } from '../traffic.ts'
import type { Arrivals, SmscSettings } from './smsc-process.ts'

const connections = 128
const windowMax = 1_500
const warmMs = 2_000
const arrivalWithinMs = 10_000
const names = { memory: 'over the in-memory network', smpp: 'over SMPP, 20 binds' }

type Subject = keyof typeof names

interface Round {
  perSecond: number
  network: Spread
  lost: number
  doubled: number
}

interface Place {
  settings: Settings
  stand: Stand
  smsc: Child
  senders: Readonly<Record<Subject, readonly Sender[]>>
}

export async function benchWalk(settings: Settings, stand: Stand): Promise<Table> {
  const smsc = await startChild('sms/smsc-process', { silent: '+14156009999' } satisfies SmscSettings)
  const senders = { memory: stand.senders, smpp: await smppSenders(settings, stand, smsc) }
  const place: Place = { settings, stand, smsc, senders }
  const rounds: Record<Subject, Round[]> = { memory: [], smpp: [] }
  let loadPerSecond = 0
  for (let round = 1; round <= settings.rounds; round++) {
    for (const subject of ['smpp', 'memory'] as const) {
      const perSecond = await sustained(place, subject, `s${round}-${subject}`)
      // The same for all, so that their latencies can be compared.
      if (loadPerSecond === 0) loadPerSecond = Math.max(10, Math.round(perSecond / 4))
      const walked = await timed(place, subject, { name: `l${round}-${subject}`, perSecond: loadPerSecond })
      rounds[subject].push({ perSecond, ...walked })
      settings.say(
        `sms, round ${round}, ${names[subject]}: ${rate(perSecond)} messages/s, network p99 ${ms(walked.network.p99)}`,
      )
    }
  }
  await smsc.stop()
  return tableOf(rounds, loadPerSecond)
}

function tableOf(rounds: Record<Subject, Round[]>, loadPerSecond: number): Table {
  const perSecond = (subject: Subject) => median(rounds[subject].map((round) => round.perSecond))
  const rowOf = (subject: Subject) => {
    const network = medianSpread(rounds[subject].map((round) => round.network))
    const other = medianSpread(rounds.memory.map((round) => round.network))
    const ratios = subject === 'memory' ? ['', ''] : [share(perSecond(subject), perSecond('memory'))]
    const sum = (of: 'lost' | 'doubled') => String(rounds[subject].reduce((all, round) => all + round[of], 0))
    const latency = [ms(network.p50), ms(network.p99)]
    const slower = subject === 'memory' ? [] : [`${(network.p99 / other.p99).toFixed(2)} x`]
    const [first = '', second = slower[0] ?? ''] = ratios
    return [names[subject], rate(perSecond(subject)), first, ...latency, second, sum('lost'), sum('doubled')]
  }
  return {
    title: 'From request to SMSC',
    columns: ['way', 'per second', 'of in-memory', 'network p50', 'p99', 'p99 of in-memory', 'lost', 'doubled'],
    rows: [rowOf('smpp'), rowOf('memory')],
    notes: [
      `Sustained with at most ${windowMax} messages, three parts each over SMPP, between their request and the network; a receipt of each comes 150 ms later and is stored meanwhile. Medians of the rounds.`,
      `The times are from when a request was due, at ${rate(loadPerSecond)} messages a second over both. The SMSC is a process of its own; the in-memory network is part of the gateway.`,
    ],
  }
}

async function smppSenders(settings: Settings, stand: Stand, smsc: Child): Promise<Sender[]> {
  const { port } = await smsc.ask<{ port: number }>('place')
  const { child } = await startGateway(settings, stand, { roles: allRoles })
  const senders = await child.ask<Sender[]>('furnishSmpp', { senders: stand.senders, port })
  await child.stop()
  return senders
}

interface Started {
  child: Child
  port: number
  /** How many different messages the network has. */
  arrived(): Promise<Arrivals>
  arrivals(): Promise<ReadonlyMap<number, number>>
}

async function fresh({ settings, stand, smsc }: Place, subject: Subject): Promise<Started> {
  await emptyStand(stand)
  await smsc.ask('forget')
  const { child, port } = await startGateway(settings, stand, { roles: allRoles, stamps: true })
  await child.ask('linked')
  const network = subject === 'smpp' ? smsc : child
  return {
    ...{ child, port },
    arrived: async () => ({ doubled: 0, ...(await network.ask<Partial<Arrivals> & { arrived: number }>('seen')) }),
    arrivals: async () => new Map(await network.ask<[number, number][]>('arrivals')),
  }
}

async function sustained(place: Place, subject: Subject, name: string): Promise<number> {
  const { child, port, arrived } = await fresh(place, subject)
  const request = requestsOf(place.senders[subject], name, ['sms'])
  const finished = async () => (await arrived()).arrived
  const run = { warmMs: warmMs + 1_000, ms: place.settings.seconds * 1_000, windowMax, finished }
  const perSecond = await windowedLoop({ port, connections, request, expected: 202 }, run)
  await child.stop()
  return perSecond
}

async function timed(
  place: Place,
  subject: Subject,
  load: { name: string; perSecond: number },
): Promise<Omit<Round, 'perSecond'>> {
  const { child, port, arrived, arrivals } = await fresh(place, subject)
  const request = requestsOf(place.senders[subject], load.name, ['sms'])
  const run = { perSecond: load.perSecond, warmMs, ms: place.settings.seconds * 1_000 }
  const answered = await openLoop({ port, connections, request, expected: 202 }, run)
  const asked = answered.dueAt.length
  for (let waitedMs = 0; waitedMs < arrivalWithinMs && (await arrived()).arrived < asked; waitedMs += 100)
    await sleep(100)
  const { arrived: there, doubled } = await arrived()
  const network = networkTimes(answered, await arrivals())
  await child.stop()
  return { network, lost: asked - there, doubled }
}

function networkTimes({ dueAt, first }: OpenRun, arrivals: ReadonlyMap<number, number>): Spread {
  const counted = dueAt.subarray(first)
  return spreadOf(counted.map((due, index) => (arrivals.get(first + index) ?? Number.POSITIVE_INFINITY) - due))
}
