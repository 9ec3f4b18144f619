/** How many deliveries a second one gateway makes when many wait, beside bare POSTs by the same way out. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Child, startChild } from '../child.ts'
import { median, rate, share } from '../figures.ts'
import { readCpuOf } from '../processes.ts'
import type { Table } from '../report.ts'
import { allRoles, emptyStand, postmasterOf, type Settings, type Stand, startGateway } from '../stand.ts'
import { requestsOf } from '../traffic.ts'
import { addHooks, sendMessages } from './hooks.ts'
import type { PostsSettings } from './posts-process.ts'
import type { ReceiverPlace, Sample, Taken } from './receiver-process.ts'

const warmMs = 2_000
const pollMs = 20
const beginsWithinMs = 15_000
/** So much is filled that this many a second would not run out of it. */
const fillPerSecond = 4_000
/** Queued, sent and delivered. */
const eventsPerMessage = 3
/** Calls that a gateway has under way to one webhook at most. */
const callsPerEndpoint = 8
const counts = [1, 4] as const

interface Drained {
  perSecond: number
  /** Processor time of one delivery, in µs. */
  cpu: { program: number; database: number; receiver: number }
}

interface Pair {
  gateway: Drained
  posts: Drained
}

export async function benchDrain(settings: Settings, stand: Stand): Promise<Table> {
  const rounds = new Map(counts.map((count) => [count, [] as Pair[]]))
  for (let round = 1; round <= settings.rounds; round++) {
    for (const count of counts) {
      const receiver = await startChild('webhooks/receiver-process', { silent: 0 })
      const gateway = await drainRound({ settings, stand, receiver }, { name: `d${round}-${count}`, count })
      const posts = await postsRound(settings, receiver, count)
      await receiver.stop()
      rounds.get(count)?.push({ gateway, posts })
      settings.say(
        `webhooks, round ${round}, ${count} endpoints: ${rate(gateway.perSecond)}/s, bare POSTs ${rate(posts.perSecond)}/s`,
      )
    }
  }
  return tableOf(rounds)
}

function tableOf(rounds: ReadonlyMap<number, readonly Pair[]>): Table {
  const rows = [...rounds].flatMap(([count, pairs]) => {
    const of = (subject: keyof Pair) => pairs.map((pair) => pair[subject])
    const perSecond = (subject: keyof Pair) => median(of(subject).map((one) => one.perSecond))
    const cpu = (subject: keyof Pair) =>
      (['program', 'database', 'receiver'] as const).map(
        (name) => `${Math.round(median(of(subject).map((one) => one.cpu[name])))} µs`,
      )
    const to = count === 1 ? 'one endpoint' : `${count} endpoints`
    const bare = `bare POSTs, ${count * callsPerEndpoint} at once`
    return [
      [
        `gateway, to ${to}`,
        rate(perSecond('gateway')),
        share(perSecond('gateway'), perSecond('posts')),
        ...cpu('gateway'),
      ],
      [bare, rate(perSecond('posts')), '', ...cpu('posts')],
    ]
  })
  return {
    title: 'Deliveries per second',
    columns: ['subject', 'per second', 'of bare POSTs', 'CPU of program', 'CPU of database', 'CPU of receiver'],
    rows,
    notes: [
      'A backlog of whole message lives (queued, sent, delivered) is filled while nobody delivers, then drained by a gateway with all roles.',
      'Bare POSTs send one of these deliveries again and again by the same egress function: no database, no signing, nothing kept.',
      'Receiver, gateway and database share the machine; the receiver is a process of its own and answers 200.',
    ],
  }
}

interface Run {
  settings: Settings
  stand: Stand
  receiver: Child
}

async function drainRound({ settings, stand, receiver }: Run, run: { name: string; count: number }): Promise<Drained> {
  const { port } = await receiver.ask<ReceiverPlace>('place')
  await emptyStand(stand)
  const waiting = await fill({ settings, stand, ...run, port })
  const { child } = await startGateway(settings, stand, { roles: allRoles })
  const cpu = () => ({ ...readCpuOf(child.pid, postmasterOf(stand.dataDir)), receiver: receiverCpu(receiver) })
  const drained = await measure({ receiver, cpu, ms: settings.seconds * 1_000, most: waiting * 0.98 })
  await child.stop()
  return drained
}

/** How many deliveries wait in the end. */
async function fill(to: {
  settings: Settings
  stand: Stand
  name: string
  count: number
  port: number
}): Promise<number> {
  const { settings, stand, name, count } = to
  const senders = stand.senders.slice(0, count)
  const { child, port } = await startGateway(settings, stand, { roles: ['api', 'outbox', 'links'], stamps: true })
  await child.ask('linked')
  const url = (number: number) => `http://127.0.0.1:${to.port}/hooks/${number}`
  await addHooks(
    port,
    senders.map((sender, number) => ({ sender, url: url(number), events: ['*'] })),
  )
  const messages = Math.ceil((fillPerSecond * (warmMs / 1_000 + settings.seconds)) / eventsPerMessage)
  await sendMessages(port, messages, requestsOf(senders, name))
  while ((await child.ask<{ delivered: number }>('seen')).delivered < messages) await sleep(50)
  const waiting = await child.ask<number>('waiting')
  await child.stop()
  return waiting
}

async function postsRound(settings: Settings, receiver: Child, count: number): Promise<Drained> {
  const { port } = await receiver.ask<ReceiverPlace>('place')
  const sample = await receiver.ask<Sample | null>('sample')
  if (sample === null) throw new Error('The receiver was sent nothing.')
  const concurrency = count * callsPerEndpoint
  await receiver.ask('forget')
  const asked: PostsSettings = { url: `http://127.0.0.1:${port}/hooks/0`, concurrency, ...sample }
  const posts = await startChild('webhooks/posts-process', asked)
  const cpu = () => ({ ...readCpuOf(posts.pid, null), receiver: receiverCpu(receiver) })
  const drained = await measure({ receiver, cpu, ms: settings.seconds * 1_000, most: Number.POSITIVE_INFINITY })
  await posts.stop()
  return drained
}

const receiverCpu = ({ pid }: Child) => readCpuOf(pid, null).program

interface Measure {
  receiver: Child
  cpu(): Drained['cpu']
  ms: number
  /** Ends before what was filled is used up. */
  most: number
}

/** From two seconds after the first delivery on. */
async function measure({ receiver, cpu, ms, most }: Measure): Promise<Drained> {
  const look = () => receiver.ask<Taken>('taken')
  const patience = Date.now() + beginsWithinMs
  while ((await look()).all === 0) {
    if (Date.now() > patience) throw new Error('Nothing was delivered.')
    await sleep(pollMs)
  }
  await sleep(warmMs)
  const [first, before] = [await look(), cpu()]
  let last = first
  while (last.at < first.at + ms && last.all < most) {
    await sleep(pollMs)
    last = await look()
  }
  const after = cpu()
  const count = last.all - first.all
  if (count === 0) throw new Error('What was filled did not last until the measurement began.')
  const micros = (name: keyof Drained['cpu']) => ((after[name] - before[name]) * 1e6) / count
  return {
    perSecond: (count * 1_000) / (last.at - first.at),
    cpu: { program: micros('program'), database: micros('database'), receiver: micros('receiver') },
  }
}
