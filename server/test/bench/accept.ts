/** How many messages a second are accepted durably, beside what the framework and the database could do at most. */
import { startChild } from './child.ts'
import type { ConstantSettings } from './constant-process.ts'
import type { DirectRun } from './direct-process.ts'
import { median, medianSpread, ms, rate, share } from './figures.ts'
import { closedLoop, type Throughput } from './load.ts'
import { readCpuOf } from './processes.ts'
import type { Table } from './report.ts'
import { allRoles, emptyStand, postmasterOf, type Settings, type Stand, startGateway } from './stand.ts'
import { requestsOf } from './traffic.ts'
import { askOnce, openWire } from './wire.ts'

const connections = 64
const warmMs = 2_000

type Subject = 'whole' | 'accept' | 'constant' | 'single' | 'batched'

const names: Record<Subject, string> = {
  whole: 'gateway, all roles: also sends and takes receipts meanwhile',
  accept: 'gateway, role api: accepts only',
  constant: '(a) the framework answers a constant',
  single: '(b) the statement driven directly, one for each message',
  batched: '(b) the statement driven directly, gathered like the gateway does',
}

export interface AcceptResult {
  tables: readonly Table[]
  /** Messages a second with all roles at work. */
  perSecond: number
}

export async function benchAccept(settings: Settings, stand: Stand): Promise<AcceptResult> {
  const sample = await sampleAnswer(settings, stand)
  const rounds: Record<Subject, Throughput[]> = { whole: [], accept: [], constant: [], single: [], batched: [] }
  for (let round = 1; round <= settings.rounds; round++) {
    // Side by side in every round, so that whatever else the machine does meanwhile meets all of them.
    const run = { settings, stand, name: `r${round}` }
    rounds.accept.push(await gatewayRound(run, 'accept'))
    rounds.constant.push(await constantRound(run, sample))
    rounds.whole.push(await gatewayRound(run, 'whole'))
    for (const [subject, result] of Object.entries(await directRounds(run))) rounds[subject as Subject].push(result)
    const said = (Object.keys(names) as Subject[]).map(
      (subject) => `${subject} ${rate(rounds[subject].at(-1)?.perSecond ?? 0)}/s`,
    )
    settings.say(`accept, round ${round} of ${settings.rounds}: ${said.join(', ')}`)
  }
  return { tables: [tableOf(rounds)], perSecond: median(rounds.whole.map(({ perSecond }) => perSecond)) }
}

function tableOf(rounds: Record<Subject, Throughput[]>): Table {
  const perSecond = (subject: Subject) => median(rounds[subject].map((round) => round.perSecond))
  const rowOf = (subject: Subject) => {
    const latency = medianSpread(rounds[subject].map((round) => round.latency))
    const shares = (['constant', 'single', 'batched'] as const).map((other) =>
      subject === 'whole' || subject === 'accept' ? share(perSecond(subject), perSecond(other)) : '',
    )
    const cpu = (['program', 'database'] as const).map(
      (name) => `${Math.round(median(rounds[subject].map((round) => round.cpuMicros[name])))} µs`,
    )
    return [names[subject], rate(perSecond(subject)), ms(latency.p50), ms(latency.p99), ...shares, ...cpu]
  }
  return {
    title: 'Durable accepts per second',
    columns: [
      'subject',
      'per second',
      'p50',
      'p99',
      'of (a)',
      'of (b) single',
      'of (b) gathered',
      'CPU of program',
      'CPU of database',
    ],
    rows: (Object.keys(names) as Subject[]).map(rowOf),
    notes: [
      `${connections} connections (callers for b), each sending its next request when the last was answered; medians of ${rounds.whole.length} interleaved rounds.`,
      'Client, server and database share the machine; 5,000 recipients over 20 lines of 4 customers; fsync and synchronous_commit are on.',
      'The people of the sandbox network answer with an echo and, after 150 ms, a delivery receipt.',
    ],
  }
}

interface Round {
  settings: Settings
  stand: Stand
  name: string
}

export async function gatewayRound({ settings, stand, name }: Round, subject: 'whole' | 'accept'): Promise<Throughput> {
  await emptyStand(stand)
  const { child, port } = await startGateway(settings, stand, { roles: subject === 'whole' ? allRoles : ['api'] })
  if (subject === 'whole') await child.ask('linked')
  const request = requestsOf(stand.senders, `${name}-${subject}`)
  const cpu = () => readCpuOf(child.pid, postmasterOf(stand.dataDir))
  const result = await closedLoop(
    { port, connections, request, expected: 202 },
    { warmMs, ms: settings.seconds * 1_000, cpu },
  )
  await child.stop()
  return result
}

/** The answer that the constant is to be as large as. */
async function sampleAnswer(settings: Settings, stand: Stand): Promise<ConstantSettings> {
  const { child, port } = await startGateway(settings, stand, { roles: ['api'] })
  const wire = await openWire(port, () => {})
  const { status, head, body } = await askOnce(wire, requestsOf(stand.senders, 'sample')(0))
  wire.close()
  await child.stop()
  const own = new Set(['content-length', 'date', 'connection', 'keep-alive'])
  const headers = head
    .split('\r\n')
    .slice(1)
    .map((line): [string, string] => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)])
  return { status, headers: Object.fromEntries(headers.filter(([name]) => !own.has(name.toLowerCase()))), body }
}

async function constantRound({ settings, stand, name }: Round, sample: ConstantSettings): Promise<Throughput> {
  const child = await startChild('constant-process', sample)
  const { port } = await child.ask<{ port: number }>('place')
  const request = requestsOf(stand.senders, name)
  const result = await closedLoop(
    { port, connections, request, expected: sample.status },
    { warmMs, ms: settings.seconds * 1_000, cpu: () => readCpuOf(child.pid, null) },
  )
  await child.stop()
  return result
}

async function directRounds({ settings, stand, name }: Round): Promise<{ single: Throughput; batched: Throughput }> {
  const child = await startChild('direct-process', { dataDir: stand.dataDir })
  const drive = async (batched: boolean) => {
    await child.ask('empty')
    const run: DirectRun = {
      senders: stand.senders,
      run: `${name}-${batched}`,
      callers: connections,
      batched,
      warmMs,
      ms: settings.seconds * 1_000,
    }
    return child.ask<Throughput>('accept', run)
  }
  const result = { single: await drive(false), batched: await drive(true) }
  await child.stop()
  return result
}
