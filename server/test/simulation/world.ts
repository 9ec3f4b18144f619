/** A small world in virtual time: one ledger, one network, a few gateway processes that come and go. */
import type { Connector } from '../../src/channels/connector.ts'
import { createInMemoryConnector } from '../../src/channels/inmemory/connector.ts'
import { createNetwork, type Network } from '../../src/channels/inmemory/network.ts'
import { type Chance, seededChance } from '../../src/lib/chance.ts'
import type { Clock } from '../../src/lib/clock.ts'
import type { Mint } from '../../src/lib/mint.ts'
import { type Channel, channels } from '../../src/model/channel.ts'
import type { CustomerId, Handle, LineId } from '../../src/model/ids.ts'
import { countingMint, createClock } from './clock.ts'
import { createProcess, type GatewayProcess } from './gateway-process.ts'
import { createHistory, type History } from './history.ts'
import { createRows, never } from './ledger-rows.ts'
import { createLocks } from './locks.ts'
import type { Plant } from './plants.ts'
import { type DatabaseFaults, Port } from './port.ts'
import { type Profile, profileOf } from './profiles.ts'
import { createScheduler, type Scheduler } from './scheduler.ts'
import type { Database } from './store-model.ts'

export interface World {
  readonly scheduler: Scheduler
  readonly clock: Clock
  readonly chance: Chance
  readonly history: History
  readonly profile: Profile
  readonly network: Network
  readonly db: Database
  readonly faults: DatabaseFaults
  readonly mint: Mint
  readonly customerId: CustomerId
  readonly lines: readonly { id: LineId; address: Handle }[]
  /** One place per process; what stands there may be dead. */
  readonly processes: GatewayProcess[]
  /** How often each ref left a process. */
  readonly calls: Map<string, number>
  /** Which process heard that the network took a ref. */
  readonly taken: { ref: string; port: Port }[]
  readonly receipts: { providerId: string; status: string }[]
  /** iMessage can be asked what became of a send. */
  readonly knowsOutcomes: boolean
  /** The longest time the database was away. */
  longestAwayMs: number
  /** A process has claimed a lane, or a send leaves it. */
  onWork(port: Port): void
}

export function createWorld(seed: number, plant: Plant | null): World {
  const chance = seededChance(seed)
  const db: Database = { rows: createRows(plant), locks: createLocks(), sessions: new Set() }
  const processes: GatewayProcess[] = []
  const scheduler: Scheduler = createScheduler({
    quietUntil: () => quietUntil(db, processes, scheduler.nowMs()),
    skipped: (ms) => keepLeases(db, ms),
  })
  const clock = createClock({ scheduler })
  const profile = profileOf(chance)
  const history = createHistory(() => scheduler.nowMs())
  const outcomes = seededChance(`${seed}/outcomes`)
  const knowsOutcomes = outcomes.happens(0.5)
  const network = createNetwork({
    clock,
    knowsOutcomes: knowsOutcomes ? ['imessage'] : [],
    echoes: !knowsOutcomes || outcomes.happens(0.5),
    seed: `${seed}/network`,
    everybody: { readAfterMs: chance.happens(0.5) ? 2_000 : null },
  })
  const world: World = {
    scheduler,
    clock,
    chance,
    history,
    profile,
    network,
    db,
    processes,
    mint: countingMint(),
    calls: new Map(),
    taken: [],
    receipts: [],
    knowsOutcomes,
    longestAwayMs: 0,
    onWork: () => undefined,
    faults: { ...profile.database, awayUntilMs: 0 },
    customerId: '00000000-0000-7000-8000-00000000c001' as CustomerId,
    lines: Array.from({ length: chance.between(1, 2) }, (_, index) => ({
      id: `00000000-0000-7000-8000-00000000000${index + 1}` as LineId,
      address: `+1212555000${index + 1}` as Handle,
    })),
  }
  for (const { id, address } of world.lines) {
    db.rows.lines.set(id, {
      id,
      customerId: world.customerId,
      address,
      channels,
      holder: null,
      epoch: 0,
      leaseUntilMs: never,
    })
  }
  network.faults.set(profile.network)
  history.say('world', `seed ${seed}, ${profile.name}`)
  const count = chance.between(1, 3)
  for (let place = 0; place < count; place += 1) startProcess(world, place, 0)
  return world
}

/** Starts one where there is none, and goes on trying until it is up. */
export function startProcess(world: World, place: number, life: number): void {
  const { scheduler, chance, history, faults, db, mint, network, calls } = world
  const label = `g${place + 1}${life === 0 ? '' : `.${life}`}`
  const port = new Port({ label, scheduler, chance: chance.fork(label), history, faults })
  const connectors = new Map<Channel, Connector>(
    channels.map((channel) => [channel, createInMemoryConnector(network, channel)]),
  )
  const started = createProcess({
    db,
    port,
    mint,
    connectors,
    witness: {
      calling: (ref) => void calls.set(ref, (calls.get(ref) ?? 0) + 1),
      working: (by) => world.onWork(by),
      taken: (ref, by) => void world.taken.push({ ref, port: by }),
      receipt: (providerId, status) => void world.receipts.push({ providerId, status }),
    },
  })
  world.processes[place] = started
  history.say(label, 'starts')
  started.start().catch((error: unknown) => {
    history.say(label, `could not start: ${String(error)}`)
    started.kill()
    scheduler.after(1_000, () => {
      if (world.processes[place] === started) startProcess(world, place, life + 1)
    })
  })
}

/**
 * Until when polls would find nothing: everybody is up, every line is held, and no lane is due. Time that is skipped
 * so is taken out of leases and heartbeats too, for they would have been renewed.
 */
function quietUntil({ rows }: Database, processes: readonly GatewayProcess[], nowMs: number): number {
  if (processes.some(({ port }) => port.state !== 'running')) return nowMs
  if (rows.nodes.size !== processes.length || [...rows.nodes.values()].some((node) => !node.lives)) return nowMs
  for (const line of rows.lines.values()) {
    if (line.holder === null || !rows.nodes.has(line.holder) || line.leaseUntilMs <= nowMs) return nowMs
  }
  let nextMs = Number.POSITIVE_INFINITY
  for (const lane of rows.lanes.values()) {
    nextMs = Math.min(nextMs, lane.leaseUntilMs > nowMs ? lane.leaseUntilMs : lane.nextMs)
  }
  return nextMs
}

function keepLeases({ rows }: Database, ms: number): void {
  for (const node of rows.nodes.values()) node.seenMs += ms
  for (const line of rows.lines.values()) line.leaseUntilMs += ms
}

/** Nothing is on its way, and nothing waits for its time: what is left now stays. */
export function isAtRest({ scheduler, db, processes }: World): boolean {
  if (scheduler.nextWorkMs() !== Number.POSITIVE_INFINITY) return false
  return quietUntil(db, processes, scheduler.nowMs()) === Number.POSITIVE_INFINITY
}
