/** How long from a request to the receiver, and whether endpoints that never answer make it longer for the others. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Child, startChild } from '../child.ts'
import { median, medianSpread, ms, type Spread, spreadOf } from '../figures.ts'
import { answerTimes, type OpenRun, openLoop } from '../load.ts'
import type { Table } from '../report.ts'
import { allRoles, emptyStand, type Settings, type Stand, startGateway } from '../stand.ts'
import { requestsOf, type Sender } from '../traffic.ts'
import { addHooks, type Listener, removeHooks, sendMessages } from './hooks.ts'
import type { ReceiverPlace } from './receiver-process.ts'

const messagesPerSecond = 100
const warmMessages = 3_000
const warmMs = 3_000
const connections = 64
const silentEndpoints = 50
const pendingEach = 200
const arrivalWithinMs = 10_000
const emptyWithinMs = 60_000

const phases = ['before', 'stranger', 'sameServer', 'own', 'after'] as const
type Phase = (typeof phases)[number]

const names: Record<Phase, string> = {
  before: 'without silent endpoints',
  stranger: `another customer has ${silentEndpoints} silent endpoints, ${pendingEach} deliveries waiting for each`,
  sameServer: 'the same, at the very server that answers the others',
  own: `the same customers have ${silentEndpoints} silent endpoints, which hear of every message too`,
  after: 'without them again',
}

interface Measured {
  answer: Spread
  receiver: Spread
}

type Round = Record<Phase, Measured>

export async function benchNeighbours(settings: Settings, stand: Stand): Promise<Table> {
  const rounds: Round[] = []
  for (let round = 1; round <= settings.rounds; round++) {
    rounds.push(await neighbourRound(settings, stand, `n${round}`))
    const said = phases.map((phase) => {
      const { p50, p99 } = (rounds.at(-1) as Round)[phase].receiver
      return `${phase} p50 ${ms(p50)} p99 ${ms(p99)}`
    })
    settings.say(`webhooks, round ${round}, silent endpoints: ${said.join(', ')}`)
  }
  return tableOf(rounds)
}

function tableOf(rounds: readonly Round[]): Table {
  const rowOf = (phase: Phase) => {
    const answer = medianSpread(rounds.map((round) => round[phase].answer))
    const receiver = medianSpread(rounds.map((round) => round[phase].receiver))
    const spread = [receiver.p50, receiver.p99, receiver.p999].map(ms)
    const ofAnswer = median(rounds.map((round) => round[phase].receiver.p99 / round[phase].answer.p99))
    const ofWithout = median(rounds.map((round) => p99Ratio(round, phase)))
    return [names[phase], ms(answer.p50), ms(answer.p99), ...spread, factor(ofAnswer), factor(ofWithout)]
  }
  const deliveries = 3 * messagesPerSecond
  return {
    title: 'From request to receiver',
    columns: ['load', 'answer p50', 'p99', 'receiver p50', 'p99', 'p99.9', 'p99 of answer', 'p99 of without'],
    rows: phases.map(rowOf),
    notes: [
      `${messagesPerSecond} messages a second of three customers, each with one webhook for all events: about ${deliveries} deliveries a second to one receiver. Requests are due at a constant rate and every wait counts from then, up to the arrival of "message.queued".`,
      'A silent endpoint takes the connection and the request and never answers. All rows are phases of one run in one process; "p99 of without" compares with the mean of the first and the last, and in those two rows shows what the machine itself moves; "p99 of answer" compares with the answers of the same phase, which a busy machine delays as well.',
    ],
  }
}

function p99Ratio(round: Round, phase: Phase): number {
  const p99 = (one: Phase) => round[one].receiver.p99
  return p99(phase) / ((p99('before') + p99('after')) / 2)
}

const factor = (value: number) => `${value.toFixed(2)} x`

interface Field {
  settings: Settings
  name: string
  gateway: Child
  port: number
  receiver: Child
  place: ReceiverPlace
  healthy: readonly Sender[]
  stranger: Sender
}

async function neighbourRound(settings: Settings, stand: Stand, name: string): Promise<Round> {
  await emptyStand(stand)
  const receiver = await startChild('webhooks/receiver-process', { silent: silentEndpoints })
  const { child: gateway, port } = await startGateway(settings, stand, { roles: allRoles, stamps: true })
  await gateway.ask('linked')
  const place = await receiver.ask<ReceiverPlace>('place')
  const [stranger, ...healthy] = stand.senders
  if (stranger === undefined) throw new Error('There is nobody to send as.')
  const field: Field = { settings, name, gateway, port, receiver, place, healthy, stranger }
  const url = (number: number) => `http://127.0.0.1:${place.port}/hooks/${number}`
  const hooks = healthy.map((sender, number) => ({ sender, url: url(number), events: ['*'] }))
  await addHooks(port, hooks)
  // A program that has just started compiles while it answers.
  await sendMessages(port, warmMessages, requestsOf(healthy, `${name}warm`))
  await emptied(gateway)
  const before = await loadRound(field, 'before')
  const besides = {
    stranger: await besideSilent(field, 'stranger'),
    sameServer: await besideSilent(field, 'sameServer'),
    own: await besideSilent(field, 'own'),
  }
  const after = await loadRound(field, 'after')
  await gateway.stop()
  await receiver.stop()
  return { before, ...besides, after }
}

async function besideSilent(field: Field, phase: 'stranger' | 'sameServer' | 'own'): Promise<Measured> {
  const { gateway, port, receiver, healthy, stranger, name } = field
  const owners = phase === 'own' ? healthy : [stranger]
  const hooks = await addHooks(port, silentListeners(field.place, owners, phase === 'sameServer'))
  if (phase !== 'own') await sendMessages(port, pendingEach, requestsOf(owners, `${name}${phase}fill`))
  const measured = await loadRound(field, phase)
  if ((await receiver.ask<number>('held')) === 0) throw new Error('No silent endpoint was called.')
  await removeHooks(port, hooks)
  await emptied(gateway)
  return measured
}

/** They hear of "message.queued" only, so that each has one delivery per message. */
function silentListeners(place: ReceiverPlace, owners: readonly Sender[], sameServer: boolean): Listener[] {
  return place.silent.flatMap((silentPort, number): Listener[] => {
    const sender = owners[number % owners.length]
    const url = sameServer
      ? `http://127.0.0.1:${place.port}${place.silentPath}${number}`
      : `http://127.0.0.1:${silentPort}/hook`
    return sender === undefined ? [] : [{ sender, url, events: ['message.queued'] }]
  })
}

async function emptied(gateway: Child): Promise<void> {
  for (let waitedMs = 0; waitedMs < emptyWithinMs; waitedMs += 100) {
    if ((await gateway.ask<number>('waiting')) === 0) return
    await sleep(100)
  }
  throw new Error('Deliveries still wait that should have been made or cancelled.')
}

async function loadRound({ settings, port, receiver, healthy, name }: Field, phase: Phase): Promise<Measured> {
  await receiver.ask('forget')
  const request = requestsOf(healthy, `${name}${phase}`)
  const run = { perSecond: messagesPerSecond, warmMs, ms: 4_000 * settings.seconds }
  const answered = await openLoop({ port, connections, request, expected: 202 }, run)
  const { queuedAt, repeated } = await arrivals(receiver, answered.dueAt.length)
  if (repeated > 0) throw new Error(`${repeated} deliveries came twice.`)
  return { answer: answerTimes(answered), receiver: receiverTimes(answered, new Map(queuedAt)) }
}

interface Arrivals {
  queuedAt: [number, number][]
  repeated: number
}

async function arrivals(receiver: Child, count: number): Promise<Arrivals> {
  for (let waitedMs = 0; waitedMs < arrivalWithinMs; waitedMs += 100) {
    const found = await receiver.ask<Arrivals>('arrivals')
    if (found.queuedAt.length >= count) return found
    await sleep(100)
  }
  return receiver.ask<Arrivals>('arrivals')
}

function receiverTimes({ dueAt, first }: OpenRun, arrivedAt: ReadonlyMap<number, number>): Spread {
  const counted = dueAt.subarray(first)
  return spreadOf(counted.map((due, index) => (arrivedAt.get(first + index) ?? Number.POSITIVE_INFINITY) - due))
}
