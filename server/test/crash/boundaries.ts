/** Each crossing of a fixed walk, killed once before it and once after it: what random moments miss. */
import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { ServerAddress } from '../support/server.ts'
import { templateName, withSession } from '../support/server.ts'
import type { Plan } from './boundary.ts'
import type { Asked, Violation } from './history.ts'
import { createClient } from './insist.ts'
import { openOutside } from './outside.ts'
import { broken } from './promises.ts'
import { type Customer, collect, connectedLines, drain, furnish, openBehind } from './site.ts'
import { createVictim, hasEnded, spawnGateway, urlOf, type Victim } from './victim.ts'
import { type Walk, walkChanges, walkFate, walkIn, walkInDoubt, walkLine, walkOut } from './walks.ts'

export const walks: Readonly<Record<string, Walk>> = {
  out: walkOut,
  doubt: walkInDoubt,
  changes: walkChanges,
  in: walkIn,
}

/** A database with one customer, to be copied for each run. */
export interface Ground {
  server: ServerAddress
  dir: string
  database: string
  customer: Customer
}

export interface Point {
  walk: string
  plan: Plan
}

export interface Outcome {
  point: Point
  /** False: the run went by without coming to this crossing. */
  reached: boolean
  violations: readonly Violation[]
  ms: number
}

const dedupes = ['whatsapp'] as const

export async function prepare(server: ServerAddress, dir: string): Promise<Ground> {
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const database = `crash_${randomBytes(4).toString('hex')}`
  await withSession(server, (query) => query(`create database ${database} template ${templateName}`))
  const place = join(dir, 'ground')
  const victim = createVictim({
    dir: place,
    databaseUrl: urlOf(server, database),
    orders: { port: 1, dedupes, plan: null },
  })
  if ((await victim.start()) === false) throw new Error(`The gateway did not start; see ${place}.log.`)
  const client = createClient()
  try {
    const customer = await furnish(client, victim.url, [walkLine])
    return { server, dir, database, customer }
  } finally {
    client.close()
    await victim.stop()
  }
}

/** Processes that have booted before they are needed, and one that outlives the runs. */
export interface Bench {
  slot: number
  /** For the part that is killed. */
  fresh(): ChildProcess
  /** For the part after it. */
  survivor(): ChildProcess
  close(): void
}

export function openBench(dir: string, slot: number): Bench {
  const log = join(dir, `slot-${slot}.log`)
  let next = spawnGateway(log)
  let lasting = spawnGateway(log)
  return {
    slot,
    fresh() {
      const taken = next
      next = spawnGateway(log)
      return taken
    },
    survivor() {
      if (hasEnded(lasting)) lasting = spawnGateway(log)
      return lasting
    },
    close() {
      next.kill('SIGKILL')
      lasting.kill('SIGKILL')
    },
  }
}

interface Run {
  ground: Ground
  bench: Bench
  walks: readonly string[]
  /** Asked at each start: where this process is to die. Null: nowhere, and it lasts until the end. */
  next(): Plan | null
  died?(): void
}

interface Ran {
  violations: readonly Violation[]
  /** Crossings until it served, and until the end; only of a run that nobody kills. */
  counts: { ready: Record<string, number>; end: Record<string, number> } | null
}

let runs = 0

async function run({ ground, bench, walks: names, next, died = () => {} }: Run): Promise<Ran> {
  runs += 1
  const database = `${ground.database}_${bench.slot}_${runs}`
  await withSession(ground.server, (query) => query(`create database ${database} template ${ground.database}`))
  const outside = await openOutside({
    dedupes: (channel) => channel === dedupes[0],
    fateOf: walkFate,
    repeats: () => false,
  })
  const client = createClient()
  const behind = openBehind({ ...ground.server, database })
  const first = next()
  let plan = first
  const take = () => (plan === null ? bench.survivor() : bench.fresh())
  const place = { dir: join(ground.dir, `slot-${bench.slot}`), databaseUrl: urlOf(ground.server, database) }
  const victim = createVictim({ ...place, orders: { port: outside.port, dedupes, plan }, take })
  const watch = guard(victim, () => {
    died()
    plan = next()
    return plan
  })
  try {
    await watch.serving
    const calm = first === null
    const ready = calm ? await victim.counts() : {}
    if (calm) await connectedLines(behind, 1)
    const stage = { client, url: victim.url, token: ground.customer.token, outside, behind, asked: [] as Asked[] }
    for (const name of names) await walks[name]?.(stage)
    const left = await drain(behind, outside)
    const end = calm ? await victim.counts() : {}
    const { customer } = ground
    const { asked } = stage
    const history = await collect({
      customer,
      client,
      url: victim.url,
      behind,
      outside,
      dedupes,
      asked,
      followed: null,
      left,
    })
    return { violations: broken(history), counts: calm ? { ready, end } : null }
  } finally {
    watch.leave()
    await victim.rest()
    if (plan !== null) await victim.kill('SIGKILL')
    client.close()
    await behind.close()
    await outside.close()
    await withSession(ground.server, (query) => query(`drop database ${database} with (force)`))
  }
}

/** Starts the gateway, and again whenever it has died. */
function guard(victim: Victim, next: () => Plan | null) {
  let leaving = false
  const serving = victim.start()
  const loop = async () => {
    await serving
    for (;;) {
      await victim.ended()
      if (leaving) return
      await victim.start({ plan: next() })
    }
  }
  void loop()
  const leave = () => {
    leaving = true
  }
  return { serving, leave }
}

/** What a walk crosses, from a run that nobody kills. A start is only looked at in the first walk: it is the same in all. */
export async function pointsOf(ground: Ground, bench: Bench): Promise<Point[]> {
  const points: Point[] = []
  for (const [at, walk] of Object.keys(walks).entries()) {
    const { counts, violations } = await run({ ground, bench, walks: [walk], next: () => null })
    if (violations.length > 0 || counts === null)
      throw new Error(`The walk "${walk}" fails unkilled: ${JSON.stringify(violations)}`)
    for (const [name, times] of Object.entries(counts.end)) {
      const from = at === 0 ? 1 : (counts.ready[name] ?? 0) + 1
      for (let nth = from; nth <= times; nth++) {
        points.push({ walk, plan: { name, nth, side: 'before' } }, { walk, plan: { name, nth, side: 'after' } })
      }
    }
  }
  return points
}

export function kindsOf(points: readonly Point[]): Plan[] {
  const kinds = new Map(points.map(({ plan }) => [`${plan.name} ${plan.side}`, { ...plan, nth: 1 }]))
  return [...kinds.values()]
}

export async function killAt(ground: Ground, bench: Bench, point: Point): Promise<Outcome> {
  const startedAt = performance.now()
  const plans = [point.plan]
  let reached = false
  const died = () => {
    reached = true
  }
  const { violations } = await run({ ground, bench, walks: [point.walk], next: () => plans.shift() ?? null, died })
  return { point, reached, violations, ms: performance.now() - startedAt }
}

export interface Sweep {
  /** Those it died at, in their order. */
  kills: readonly Plan[]
  violations: readonly Violation[]
}

const killsPerSweep = 30

/** One run of all walks in which each restart is killed again, at the next kind that waits in `kinds`. */
export async function sweep(ground: Ground, bench: Bench, kinds: Plan[]): Promise<Sweep> {
  const kills: Plan[] = []
  let current: Plan | null = null
  const next = () => {
    current = kills.length < killsPerSweep ? (kinds.shift() ?? null) : null
    return current
  }
  const died = () => {
    if (current !== null) kills.push(current)
  }
  const { violations } = await run({ ground, bench, walks: Object.keys(walks), next, died })
  // The walks were over before they came there: another sweep begins with it.
  if (current !== null) kinds.unshift(current)
  return { kills, violations }
}

/** Two at a time: one waits for the database while the other computes. */
export async function killAtEach(
  ground: Ground,
  points: readonly Point[],
  tell: (outcome: Outcome) => void,
): Promise<Outcome[]> {
  const waiting = [...points]
  const outcomes: Outcome[] = []
  const work = async (slot: number) => {
    const bench = openBench(ground.dir, slot)
    try {
      for (let point = waiting.shift(); point !== undefined; point = waiting.shift()) {
        const outcome = await killAt(ground, bench, point)
        outcomes.push(outcome)
        tell(outcome)
      }
    } finally {
      bench.close()
    }
  }
  await Promise.all([work(1), work(2)])
  return outcomes
}
