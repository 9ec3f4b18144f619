/** Callers that repeat, a network that misbehaves, and a gateway that is killed at random moments in between. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Chance, seededChance } from '../../src/lib/chance.ts'
import type { Channel } from '../../src/model/channel.ts'
import { socketDirOf } from '../../src/store/postgres/cluster.ts'
import { connectionTo } from '../../src/store/postgres/reach.ts'
import { type Follower, follow } from './follower.ts'
import { type Asked, type History, laneOf } from './history.ts'
import { type Client, createClient, pause } from './insist.ts'
import { type Over, openScene, type Scene } from './scenes.ts'
import { type Behind, type Customer, collect, connectedLines, drain, dueInMs, furnish, openBehind } from './site.ts'
import { createVictim, fellIn, postmasterOf, saidIn, type Victim } from './victim.ts'

export interface LoopOptions {
  dir: string
  kills: number
  /** Of the kills, those that take the database along. */
  databaseKills: number
  seed: number
  dedupes: boolean
  /** Over a connector of the gateway's own instead, which dedupes what it can. */
  over?: Over | null
  /** Stop killing after this, whatever is left. */
  forMs?: number
  progress?(now: Progress): void
}

export interface Progress {
  kills: number
  accepted: number
  arrived: number
}

export interface LoopResult {
  history: History
  kills: number
  databaseKills: number
  /** From a kill to the process that serves again, and to the first accepted message, each sorted. */
  restartMs: readonly number[]
  firstAcceptMs: readonly number[]
  /** How often the gateway died without being killed. */
  fell: number
  tookMs: number
  /** What the network has counted besides. */
  figures: Readonly<Record<string, number>>
  said: string
}

const lines = ['+15550100101', '+15550100102', '+15550100103'] as const
const clientCount = 8
const lanesPerClient = 24

interface Site {
  options: LoopOptions
  chance: Chance
  victim: Victim
  scene: Scene
  client: Client
  behind: Behind
  customer: Customer
  follower: Follower
  asked: (Asked & { answers: { status: number; id: string | null }[] })[]
  acceptedAt: number[]
  /** Nobody sends any more. */
  over: { now: boolean }
  /** Faults have ended. */
  healed: { now: boolean }
}

export async function crashLoop(options: LoopOptions): Promise<LoopResult> {
  const startedAt = performance.now()
  const undo: Undo = []
  try {
    const site = await open(options, undo)
    undo.push(() => {
      site.over.now = true
    })
    const working = Promise.all([...[...Array(clientCount).keys()].map((number) => send(site, number)), speak(site)])
    // Heard at once, so that a caller that gives up ends the run and not the process.
    const killed = await Promise.race([
      killAtRandom(site),
      working.then(() => Promise.reject(new Error('Nobody sends any more.'))),
    ])
    site.over.now = true
    await working
    site.healed.now = true
    const left = await drain(site.behind, site.scene.network, site.scene)
    await caughtUp(site)
    const { customer, client, behind, scene, asked, follower } = site
    const collected = await collect({
      customer,
      client,
      url: site.victim.url,
      behind,
      outside: scene.network,
      dedupes: scene.orders.dedupes,
      asked,
      followed: follower.followed,
      left,
    })
    return {
      history: scene.named(collected),
      ...killed,
      fell: fellIn(dirOf(options)),
      tookMs: performance.now() - startedAt,
      figures: scene.figures?.() ?? {},
      said: saidIn(dirOf(options)),
    }
  } finally {
    for (const step of undo.reverse()) await step()
  }
}

function dirOf(options: LoopOptions): string {
  return join(options.dir, 'gateway')
}

/** Steps back, in the order they were made. */
type Undo = (() => Promise<void> | void)[]

async function open(options: LoopOptions, undo: Undo): Promise<Site> {
  mkdirSync(options.dir, { recursive: true, mode: 0o700 })
  const chance = seededChance(options.seed)
  const healed = { now: false }
  const { dedupes, over = null } = options
  const scene = await openScene({ over, dedupes, lines, chance, isHealed: () => healed.now })
  undo.push(scene.network.close)
  const dir = dirOf(options)
  const victim = createVictim({ dir, databaseUrl: null, orders: scene.orders })
  undo.push(victim.stop)
  if ((await victim.start()) === false) throw new Error(`The gateway did not start: ${saidIn(dir)}`)
  const client = createClient()
  undo.push(client.close)
  const customer = await furnish(client, victim.url, lines, scene.placeOf)
  const behind = openBehind(connectionTo(socketDirOf(join(dir, 'postgres'))))
  undo.push(behind.close)
  await scene.link?.(behind)
  await connectedLines(behind, lines.length, scene.linksMax ?? scene.channels.length)
  const follower = follow(victim.url, customer.token)
  undo.push(follower.stop)
  await follower.connected()
  const site: Site = {
    ...{ options, chance, victim, scene, client, behind, customer, follower, healed },
    ...{ asked: [], acceptedAt: [], over: { now: false } },
  }
  // The stream can be resumed once it has told anything.
  await sendOne(site, { key: 'first', line: lines[0], to: '+14155550000', route: scene.routes[0] ?? ['sms'] })
  while (follower.followed.length === 0) await pause(10)
  return site
}

interface Order {
  key: string
  line: string
  to: string
  route: readonly Channel[]
}

async function sendOne(site: Site, { key, line, to, route }: Order): Promise<void> {
  const text = site.scene.textOf(key, to, site.chance)
  const entry = { key, lane: laneOf({ line, to }), text, answers: [] as Asked['answers'][number][] }
  site.asked.push(entry)
  const body = {
    to,
    from: line,
    content: { text },
    routing: { preference: route, fallback: true },
    idempotencyKey: key,
  }
  const ask = { method: 'POST' as const, path: '/v1/messages', token: site.customer.token, body }
  const times = site.chance.happens(0.05) ? 2 : 1
  for (let time = 0; time < times; time++) {
    const reply = await site.client.insist(site.victim.url, ask)
    entry.answers.push({ status: reply.status, id: typeof reply.body.id === 'string' ? reply.body.id : null })
    site.acceptedAt.push(performance.now())
  }
}

/** Each client has recipients of its own, so that the order in which it sends to one of them is the order that counts. */
async function send(site: Site, client: number): Promise<void> {
  const chance = site.chance.fork(`client ${client}`)
  const { routes, aheadMax, network } = site.scene
  for (let number = 0; !site.over.now; number++) {
    while (site.asked.length - network.effects.length > aheadMax && !site.over.now) await pause(20)
    // A third of everything goes to one recipient.
    const lane = chance.happens(0.3) ? 0 : chance.between(1, lanesPerClient - 1)
    const to = `+1415555${String(1000 + client * 100 + lane)}`
    const line = lines[lane % lines.length] ?? lines[0]
    await sendOne(site, { key: `c${client}-${number}`, line, to, route: routes[lane % routes.length] ?? ['sms'] })
    if (chance.happens(0.5)) await pause(chance.between(0, 10))
  }
}

/** People wait for nobody, but a gateway that is dead most of the time could not keep up with them. */
const unheardMax = 60

async function speak(site: Site): Promise<void> {
  const chance = site.chance.fork('people')
  const { scene } = site
  const { channels, network } = scene
  for (let number = 0; !site.over.now; number++) {
    const line = lines[chance.between(0, lines.length - 1)] ?? lines[0]
    const channel = channels[chance.between(0, channels.length - 1)] ?? 'sms'
    while (network.unheard() > unheardMax && !site.over.now) await pause(20)
    network.say({ line, channel, from: `+1628555${1000 + chance.between(0, 50)}`, text: scene.wordOf(number, chance) })
    await pause(chance.between(2, scene.breathMs ?? 30))
  }
}

type Killed = Pick<LoopResult, 'kills' | 'databaseKills' | 'restartMs' | 'firstAcceptMs'>

async function killAtRandom(site: Site): Promise<Killed> {
  const { options, victim } = site
  const chance = site.chance.fork('killer')
  const giveUpAt = performance.now() + (options.forMs ?? Number.POSITIVE_INFINITY)
  const killed = { kills: 0, databaseKills: 0, restartMs: [] as number[], firstAcceptMs: [] as number[] }
  const every =
    options.databaseKills === 0 ? Number.POSITIVE_INFINITY : Math.ceil(options.kills / options.databaseKills)
  while (killed.kills < options.kills && performance.now() < giveUpAt) {
    await moment(site, chance)
    const killedAt = performance.now()
    await victim.kill('SIGKILL')
    killed.kills += 1
    const withDatabase = killed.kills % every === every - 1 && killed.databaseKills < options.databaseKills
    if (withDatabase) killed.databaseKills += Number(killDatabase(options, chance.happens(0.5) ? 'SIGKILL' : 'SIGQUIT'))
    // Held lanes wait for the clock, which is moved while nobody looks at it. A database that is still recovering from its own death keeps its time.
    else await skip(site).catch(() => {})
    const startMs = await start(site, chance)
    if (startMs === null) {
      killed.kills += 1
      continue
    }
    if (!withDatabase) killed.restartMs.push(performance.now() - killedAt)
    void firstAccept(site, killedAt).then((ms) => !withDatabase && ms !== null && killed.firstAcceptMs.push(ms))
    options.progress?.({ kills: killed.kills, accepted: site.asked.length, arrived: site.scene.network.effects.length })
  }
  await untilServing(site)
  return { ...killed, restartMs: sorted(killed.restartMs), firstAcceptMs: sorted(killed.firstAcceptMs) }
}

async function skip({ behind, scene }: Site): Promise<void> {
  const waitMs = scene.skipsWaits ? await dueInMs(behind) : 0
  await behind.advance(Math.max(scene.advanceMs, waitMs))
}

/** False when it was not there: the start that should have brought it back was killed as well. */
function killDatabase(options: LoopOptions, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(postmasterOf(dirOf(options)), signal)
  } catch {
    return false
  }
}

/** Some die as soon as they serve; most have had something to do by then. */
async function moment(site: Site, chance: Chance): Promise<void> {
  const { arrivalMs, network, livesMs } = site.scene
  const done = () => (arrivalMs === undefined ? site.acceptedAt.length : network.effects.length)
  const [before, waitUntil] = [done(), performance.now() + (arrivalMs ?? 1_000)]
  const worked = chance.happens(0.75)
  while (worked && done() === before && performance.now() < waitUntil) await pause(2)
  await pause(chance.between(0, livesMs))
}

/** Now and then it is killed while it starts; then there is nothing to time. */
async function start(site: Site, chance: Chance): Promise<number | null> {
  const { victim } = site
  const starting = victim.start()
  if (chance.happens(0.1)) {
    await pause(chance.between(50, 400))
    await victim.kill('SIGKILL')
    await starting
    return null
  }
  const startMs = await starting
  if (startMs === false) throw new Error(`The gateway did not start again: ${saidIn(dirOf(site.options))}`)
  return startMs
}

async function untilServing(site: Site): Promise<void> {
  const { victim } = site
  if (victim.url() === null && (await victim.start()) === false)
    throw new Error(`The gateway did not start again: ${saidIn(dirOf(site.options))}`)
}

/** Null when the next kill came first. */
async function firstAccept(site: Site, killedAt: number): Promise<number | null> {
  const before = site.acceptedAt.length
  const url = site.victim.url()
  while (site.acceptedAt.length === before) {
    if (site.victim.url() !== url || site.over.now) return null
    await pause(2)
  }
  return (site.acceptedAt[before] ?? 0) - killedAt
}

function sorted(numbers: readonly number[]): number[] {
  return numbers.toSorted((a, b) => a - b)
}

export function quantile(ordered: readonly number[], share: number): number {
  return Math.round(ordered[Math.min(ordered.length - 1, Math.floor(ordered.length * share))] ?? 0)
}

/** The stream is allowed a moment to tell what was written last. */
async function caughtUp({ behind, follower }: Site): Promise<void> {
  const giveUpAt = performance.now() + 5_000
  const text = `select 'evt_' || id as id from events where type like 'message.%' order by xid desc, seq desc limit 1`
  while (performance.now() < giveUpAt) {
    const [last] = await behind.db.query<{ id: string }>({ name: '', text })
    if (follower.followed.some((one) => one.id === last?.id)) return
    await pause(20)
  }
}
