/** One run from one seed: a while of traffic and trouble, then everything is mended, comes to rest, and is judged. */

import type { Channel } from '../../src/model/channel.ts'
import { channels } from '../../src/model/channel.ts'
import type { Handle, ProviderChatId } from '../../src/model/ids.ts'
import { draftOf, meddle, type Request, send } from './callers.ts'
import type { GatewayProcess } from './gateway-process.ts'
import type { FaultCount, History } from './history.ts'
import type { Plant } from './plants.ts'
import type { Port } from './port.ts'
import { brokenPromises } from './promises.ts'
import { createWorld, isAtRest, startProcess, type World } from './world.ts'

export interface Outcome {
  seed: number
  profile: string
  broken: readonly string[]
  hash: string
  history: History
  faults: FaultCount
  /** How much time went by in the run. */
  virtualMs: number
  messages: number
}

/** Longer than everything that anybody waits for: schedules, retries, proofs. */
const longestMs = 30 * 86_400_000
const stepsMax = 400_000

interface Script {
  world: World
  requests: Request[]
  said: { providerId: string; text: string }[]
  groups: Map<Channel, ProviderChatId>
}

export async function simulate(seed: number, plant: Plant | null = null): Promise<Outcome> {
  const world = createWorld(seed, plant)
  const script: Script = { world, requests: [], said: [], groups: new Map() }
  const { scheduler, chance, history } = world
  const activeMs = chance.between(2_000, chance.happens(0.25) ? 60_000 : 12_000)
  world.scheduler.after(0, () => {
    peopleMove(script)
    planTraffic(script, activeMs)
    planTrouble(world, activeMs)
  })
  scheduler.after(activeMs + 1_000, () => mend(world))
  const broken = [...(await settle(world, 'active'))]
  retryLeftovers(script)
  broken.push(...(await settle(world, 'retries')))
  probe(script)
  broken.push(...(await settle(world, 'probes')))
  countNetworkFaults(world)
  broken.push(...brokenPromises(evidenceOf(script)))
  for (const one of broken) history.say('broken', one)
  return {
    seed,
    profile: world.profile.name,
    broken,
    hash: history.hash(),
    history,
    faults: history.faults,
    virtualMs: scheduler.nowMs(),
    messages: world.db.rows.messages.size,
  }
}

/** Lets time run until nothing is left that could happen. */
async function settle(world: World, phase: string): Promise<string[]> {
  const { scheduler, history } = world
  const untilMs = scheduler.nowMs() + longestMs
  let over: string | null = null
  await scheduler.run(() => {
    if (scheduler.nowMs() > untilMs) over = `${phase}: time went by without coming to rest`
    if (scheduler.steps() > stepsMax) over = `${phase}: no rest after ${stepsMax} steps`
    return over !== null || isAtRest(world)
  })
  history.say('world', `${phase} at rest`)
  return over === null ? [] : [over]
}

const people = ['+14155550171', '+14155550172', '+14155550173'] as Handle[]
const oddPeople = ['04', '05', '06', '07', '08', '29', '30'].map((ending) => `+141555501${ending}` as Handle)
const bouncing = '+14155550181' as Handle
const writers = ['+14155550191', '+14155550192'] as Handle[]

function peopleMove({ world, groups }: Script): void {
  const { network, lines } = world
  network.setPerson(bouncing, { bouncesWith: 'SMS_SEND_FAILED' })
  network.setPerson(people[1]!, { deliveredAfterMs: null })
  network.setPerson(people[2]!, { deliveredAfterMs: world.chance.between(1_000, 60_000) })
  for (const channel of ['imessage', 'whatsapp'] as const) {
    groups.set(channel, network.as(writers[0]!).createsGroup(channel, 'the group', [lines[0]!.address, writers[1]!]))
  }
}

const preferences: readonly (readonly Channel[] | null)[] = [
  null,
  ['imessage', 'sms'],
  ['whatsapp'],
  ['whatsapp'],
  ['whatsapp', 'sms'],
  ['whatsapp', 'imessage', 'sms'],
  ['imessage'],
  ['sms'],
]

function planTraffic(script: Script, activeMs: number): void {
  const { world } = script
  const { chance, scheduler } = world
  const count = chance.between(4, 16)
  for (let index = 0; index < count; index += 1) {
    scheduler.after(chance.between(0, activeMs), () => {
      const request = askFor(script, `r${index}`)
      void send(world, request, 8)
      if (chance.happens(0.3)) burst(script, request, index)
    })
  }
  for (let index = chance.between(0, 4); index > 0; index -= 1) {
    scheduler.after(chance.between(0, activeMs), () => writeToUs(script, `in${index}`))
  }
  if (!world.profile.oddCallers) return
  for (let index = chance.between(1, 4); index > 0; index -= 1) {
    scheduler.after(chance.between(1_000, activeMs), () => meddleWithOne(world))
  }
}

/** One after the other to the same person, each sent when the one before was answered: their order counts. */
function burst(script: Script, first: Request, index: number): void {
  const { world } = script
  void (async () => {
    for (let follower = 1; follower <= world.chance.between(1, 4); follower += 1) {
      await world.clock.sleep(world.chance.between(1, 400))
      const request = newRequest(world, `r${index}.${follower}`, { ...first.draft, scheduledAt: null })
      script.requests.push(request)
      await send(world, request, 8)
    }
  })()
}

function askFor(script: Script, name: string): Request {
  const { world, groups } = script
  const { chance, lines, profile, clock } = world
  const line = lines[chance.between(0, lines.length - 1)]!
  const crowd = profile.oddPeople ? [...people, ...oddPeople, bouncing] : people
  const group = chance.happens(0.1) ? [...groups][chance.between(0, groups.size - 1)] : undefined
  const isScheduled = chance.happens(0.15)
  const aheadMs = chance.happens(0.3) ? chance.between(1, 72) * 3_600_000 : chance.between(1_000, 60_000)
  const draft = draftOf({
    text: name,
    to: group?.[1] ?? crowd[chance.between(0, crowd.length - 1)]!,
    from: group === undefined ? line.address : lines[0]!.address,
    preference: group === undefined ? preferences[chance.between(0, preferences.length - 1)]! : null,
    fallback: chance.happens(0.8),
    key: null,
    scheduledAt: isScheduled ? new Date(clock.now() + aheadMs).toISOString() : null,
  })
  const request = newRequest(world, name, draft)
  script.requests.push(request)
  return request
}

function newRequest(world: World, name: string, draft: Request['draft'], probe = false): Request {
  const idempotencyKey = world.chance.happens(0.85) ? `key-${name}` : null
  return {
    name,
    draft: { ...draft, content: { ...draft.content, text: name }, idempotencyKey },
    sentMs: world.scheduler.nowMs(),
    answeredMs: null,
    ids: new Set(),
    refusal: null,
    oddities: [],
    probe,
  }
}

function writeToUs({ world, said }: Script, text: string): void {
  const { chance, lines, network, history } = world
  const line = lines[chance.between(0, lines.length - 1)]!
  const channel = channels[chance.between(0, channels.length - 1)]!
  const from = writers[chance.between(0, writers.length - 1)]!
  const providerId = network.as(from).says(line.address, channel, text)
  history.say('network', `${from} writes ${text} as ${providerId}`)
  said.push({ providerId, text })
}

function meddleWithOne(world: World): void {
  const { chance, db } = world
  const ids = [...db.rows.messages.values()]
    .filter(({ message }) => message.direction === 'outbound')
    .map(({ message }) => message.id)
  const id = ids[chance.between(0, ids.length - 1)]
  const ended = [...db.rows.messages.values()].find(
    ({ message }) => message.status === 'failed' || message.status === 'unknown',
  )
  if (ended !== undefined && chance.happens(0.5)) void meddle(world, ended.message.id, 'retry')
  else if (id !== undefined) void meddle(world, id, chance.happens(0.5) ? 'retry' : 'cancel')
}

type Strike = (gateway: GatewayProcess) => void

function planTrouble(world: World, activeMs: number): void {
  const { profile, scheduler, chance, faults, history, network, lines } = world
  const { processes: trouble, database } = profile
  const often = (max: number, strike: () => void) => {
    for (let index = chance.between(0, max); index > 0; index -= 1) scheduler.after(chance.between(0, activeMs), strike)
  }
  const strikes: Strike[] = []
  const befalls = (max: number, strike: Strike) => {
    for (let index = chance.between(0, max); index > 0; index -= 1) {
      if (chance.happens(0.5)) scheduler.after(chance.between(0, activeMs), () => strike(oneOf(world)))
      else strikes.push(strike)
    }
  }
  often(database.aways, () => {
    const awayMs = chance.between(200, chance.happens(0.2) ? 40_000 : 4_000)
    faults.awayUntilMs = scheduler.nowMs() + awayMs
    world.longestAwayMs = Math.max(world.longestAwayMs, awayMs)
    history.say('world', `the database is away until ${faults.awayUntilMs}`)
  })
  often(trouble.disconnects, () => {
    const line = lines[chance.between(0, lines.length - 1)]!
    const channel = channels[chance.between(0, channels.length - 1)]!
    history.hit('network disconnect')
    history.say('network', `cuts ${channel} of ${line.address}`)
    network.disconnect(line.address, channel, chance.between(100, 30_000))
  })
  befalls(trouble.crashes, (gateway) => crash(world, gateway))
  befalls(trouble.stops, (gateway) => stop(world, gateway))
  befalls(trouble.pauses, (gateway) => pause(world, gateway))
  befalls(trouble.sessionLosses, (gateway) => {
    history.hit('session loss')
    history.say(gateway.port.label, 'loses its session')
    gateway.loseSession()
  })
  befalls(trouble.clockJumps, ({ port }) => {
    history.hit('clock jump')
    port.wallErrorMs = chance.between(-86_400_000, 86_400_000)
    history.say(port.label, `has its wall clock wrong by ${port.wallErrorMs}`)
  })
  world.onWork = (port) => whileWorking(world, port, strikes)
}

/** Trouble does most harm between two steps of one message: half of it waits for such a moment. */
function whileWorking(world: World, port: Port, strikes: Strike[]): void {
  const { chance, scheduler, processes, profile } = world
  if (strikes.length > 0 && chance.happens(0.3)) {
    const strike = strikes.shift()
    const gateway = processes.find((one) => one.port === port)
    if (strike !== undefined && gateway !== undefined)
      scheduler.after(chance.happens(0.5) ? 0 : chance.between(0, 25), () => strike(gateway))
  }
  // A request that is refused may share a transaction with the settling of a send.
  if (profile.oddCallers && chance.happens(0.05)) scheduler.after(chance.between(2, 20), () => meddleWithOne(world))
}

function oneOf({ chance, processes }: World): GatewayProcess {
  return processes[chance.between(0, processes.length - 1)]!
}

function crash(world: World, gateway: GatewayProcess): void {
  const { chance, history, scheduler, processes } = world
  const place = processes.indexOf(gateway)
  if (gateway.port.state === 'dead') return
  history.hit('crash')
  history.say(gateway.port.label, 'crashes')
  gateway.kill()
  scheduler.after(chance.between(100, chance.happens(0.2) ? 30_000 : 3_000), () => restart(world, place))
}

/** As for an update: it ends what it is doing, within reason, and the next one takes over. */
function stop(world: World, gateway: GatewayProcess): void {
  const { history, scheduler, processes } = world
  const place = processes.indexOf(gateway)
  if (gateway.port.state !== 'running') return
  history.hit('stop')
  history.say(gateway.port.label, 'is told to stop')
  const end = () => {
    gateway.kill()
    restart(world, place)
  }
  void gateway.stop().then(end, end)
  // Whoever stops it does not wait for ever.
  scheduler.after(15_000, end)
}

function restart(world: World, place: number): void {
  const gone = world.processes[place]
  if (gone === undefined || gone.port.state !== 'dead') return
  world.history.hit('restart')
  startProcess(world, place, Number(gone.port.label.split('.')[1] ?? 0) + 1)
}

/** Stands still like a process whose memory is being swept, or whose machine sleeps; often longer than its leases. */
function pause(world: World, { port }: GatewayProcess): void {
  const { chance, history, scheduler } = world
  if (port.state !== 'running') return
  history.hit('pause')
  history.say(port.label, 'stands still')
  port.pause()
  scheduler.after(chance.between(500, chance.happens(0.7) ? 60_000 : 6_000), () => port.resume())
}

/** Everything works again: nobody is dead, nobody stands still, nothing is lost any more. */
function mend(world: World): void {
  const { faults, network, history, processes } = world
  history.say('world', 'all is mended')
  Object.assign(faults, { errorBefore: 0, errorAfter: 0, slow: 0, awayUntilMs: 0 })
  network.faults.set({})
  world.onWork = () => undefined
  for (const [place, { port }] of processes.entries()) {
    port.resume()
    port.wallErrorMs = 0
    restart(world, place)
  }
}

/** Half of what has failed is sent again, because its sender says so. */
function retryLeftovers({ world }: Script): void {
  const { chance, db } = world
  for (const { message } of db.rows.messages.values()) {
    const isOver = message.status === 'failed' || message.status === 'unknown'
    if (isOver && chance.happens(0.5))
      world.scheduler.after(chance.between(0, 5_000), () => void meddle(world, message.id, 'retry'))
  }
}

/** Whatever has happened: now that all is well, a message goes through on every channel of every line. */
function probe(script: Script): void {
  const { world, requests } = script
  for (const line of world.lines) {
    for (const channel of channels) {
      const wanted = {
        text: '',
        to: '+14155550199',
        from: line.address,
        preference: [channel],
        fallback: false,
        key: null,
        scheduledAt: null,
      }
      const request = newRequest(world, `probe ${line.address} ${channel}`, draftOf(wanted), true)
      requests.push(request)
      void send(world, request, 3)
    }
  }
}

function evidenceOf({ world, requests, said }: Script) {
  const { db, history, network, calls, profile, knowsOutcomes } = world
  const effects = network.received()
  const bounced = new Set(
    effects.filter((effect) => effect.to === bouncing).map((effect) => effect.providerId as string),
  )
  return {
    profile: profile.name,
    knowsOutcomes,
    rows: db.rows,
    changes: history.changes,
    requests,
    effects,
    calls,
    said,
    bounced,
    heard: heardFor(world),
    receipts: world.receipts,
    undelivered: network.counts().undelivered,
  }
}

/** Longer than this without a database, and the lease of the lane decides. */
const awayMaxMs = 5_000

function heardFor({ profile, taken, longestAwayMs }: World): string[] {
  if (profile.name === 'processes' || profile.name === 'storm' || longestAwayMs > awayMaxMs) return []
  return taken.flatMap(({ ref, port }) => (port.state === 'running' ? [ref] : []))
}

const counted = {
  delay: 'network delay',
  dropBefore: 'network drop before',
  dropAfter: 'network drop after',
  late: 'network late',
  early: 'network early',
  duplicate: 'network duplicate',
  reorder: 'network reorder',
  ackLost: 'network lost ack',
  disconnect: 'network disconnect',
  retryable: 'network busy',
  refused: 'network refusal',
} as const

function countNetworkFaults({ network, history }: World): void {
  const hits = network.faults.hits()
  for (const [kind, name] of Object.entries(counted)) history.hit(name, hits[kind as keyof typeof counted])
}
