/** Callers that send, receivers that answer badly, and a gateway that is killed at random moments in between. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Chance, seededChance } from '../../src/lib/chance.ts'
import { type Channel, channels } from '../../src/model/channel.ts'
import { pause } from '../crash/insist.ts'
import type { Fate } from '../crash/outside.ts'
import { postmasterOf, saidIn } from '../crash/victim.ts'
import { type Canaries, openCanaries } from '../egress/canary.ts'
import { deliveriesIn, eventCount, logIn, restOf } from './collect.ts'
import { type Evidence, type Hook, kinds } from './evidence.ts'
import { oneOf } from './manners.ts'
import { type MemoryWatch, watchMemory } from './memory.ts'
import { openReceivers, type Receivers } from './receivers.ts'
import { openStand, type Stand } from './stand.ts'
import { waitUntil } from './waiting.ts'

export interface ChaosOptions {
  dir: string
  /** Deliveries that are to be made, at least: each event counts once for each webhook. */
  deliveries: number
  /** Spread over the whole; the middle one takes the database along, in the middle of a burst. */
  kills: number
  seed: number
  /** How long everything may take to come to rest once nobody sends any more. */
  restMs: number
  progress?(now: Progress): void
}

export interface Progress {
  taken: number
  wanted: number
  kills: number
  peakBytes: number
}

export interface ChaosResult {
  evidence: Evidence
  /** Of all kills. */
  databaseKills: number
  messages: number
  tookMs: number
  said: string
}

interface Site {
  options: ChaosOptions
  chance: Chance
  stand: Stand
  receivers: Receivers
  canaries: Canaries
  memory: MemoryWatch
  hooks: readonly Hook[]
  messages: number
  kills: number
  databaseKills: number
  /** The killer waits for many messages at once. */
  wantsBurst: boolean
  /** They are being sent. */
  bursting: boolean
  /** Nobody sends any more. */
  over: boolean
}

const lines = ['+15550100101', '+15550100102'] as const
const minuteMs = 60_000
const peopleCount = 24
/** The most between two messages: the machine that runs all of it has something to spare. */
const stepMs = 700
const burst = 30
/** As long as so many wait, nobody sends. */
const backlogMax = 2_500
const killPauseMs = 1_000
/** Short, so that the twenty attempts that are allowed take seconds; enough of them that none is used up. */
const webhookSchedule = [...Array(20).keys()].map((step) => `${100 + 10 * step}ms`).join()

export async function chaos(options: ChaosOptions): Promise<ChaosResult> {
  const startedAt = performance.now()
  const undo: (() => Promise<void> | void)[] = []
  try {
    const site = await open(options, undo)
    undo.push(() => {
      site.over = true
    })
    const sending = send(site).finally(() => {
      site.over = true
    })
    await Promise.all([sending, speak(site), kill(site)])
    await rest(site)
    const evidence = await evidenceOf(site)
    const { databaseKills, messages, stand } = site
    return { evidence, databaseKills, messages, tookMs: performance.now() - startedAt, said: saidIn(stand.home) }
  } finally {
    for (const step of undo.reverse()) await step()
  }
}

async function open(options: ChaosOptions, undo: (() => Promise<void> | void)[]): Promise<Site> {
  mkdirSync(options.dir, { recursive: true, mode: 0o700 })
  const chance = seededChance(options.seed)
  const canaries = await openCanaries()
  undo.push(canaries.close)
  const hosts = ['127.0.0.1', 'localhost', '[::1]']
  const forbidden = canaries.ports.flatMap((port) => hosts.map((host) => `http://${host}:${port}/inside`))
  const receivers = await openReceivers(chance.fork('receivers'), forbidden)
  undo.push(receivers.close)
  const trusted = join(options.dir, 'trusted.pem')
  writeFileSync(trusted, receivers.trusted)
  const fates = chance.fork('network')
  const stand = await openStand({
    ...{ dir: options.dir, database: null, lines, webhookSchedule, webhookTimeout: '500ms', trusted },
    fateOf: () => draw(fates),
  })
  undo.push(stand.close)
  const memory = watchMemory(stand.victim.pid)
  undo.push(() => void memory.stop())
  const hooks = await subscribe(stand, receivers)
  return {
    ...{ options, chance, stand, receivers, canaries, memory, hooks },
    ...{ messages: 0, kills: 0, databaseKills: 0, wantsBurst: false, bursting: false, over: false },
  }
}

/** Every kind of receiver has one webhook of each mode. */
async function subscribe(stand: Stand, receivers: Receivers): Promise<Hook[]> {
  const hooks: Hook[] = []
  for (const kind of kinds) {
    for (const ordered of [false, true]) {
      const name = ordered ? `${kind}-ordered` : kind
      const { id, secret } = await stand.subscribe({ url: receivers.urlOf(kind, name), name, ordered })
      receivers.know(name, secret)
      hooks.push({ id, name, kind, ordered })
    }
  }
  return hooks
}

/** Mostly well, and soon: it is the receivers that misbehave here. */
function draw(chance: Chance): Fate {
  const roll = chance.next()
  return {
    fault: roll < 0.03 ? 'absent' : roll < 0.05 ? 'refused' : 'none',
    receipts: chance.happens(0.85) ? ['delivered', 'read'] : ['delivered'],
    delayMs: chance.happens(0.3) ? chance.between(1, 30) : 0,
    echo: chance.happens(0.2),
    early: chance.happens(0.3),
  }
}

function able(hooks: readonly Hook[]): Hook[] {
  return hooks.filter(({ kind }) => kind !== 'distrusted')
}

const routes: readonly (readonly Channel[])[] = [['imessage', 'sms'], ['whatsapp', 'sms'], ['whatsapp'], ['sms']]
const person = (number: number) => `+1415555${1000 + number}`

/** One at a time, and now and then many at once, until the log holds enough for everybody. */
async function send(site: Site): Promise<void> {
  const chance = site.chance.fork('callers')
  const { stand, hooks, options } = site
  const wanted = Math.ceil(options.deliveries / able(hooks).length)
  while ((await asked(site, () => eventCount(stand.behind.db))) < wanted) {
    const many = site.wantsBurst || chance.happens(0.005)
    site.bursting = many
    site.wantsBurst = false
    await Promise.all([...Array(many ? burst : 1).keys()].map(() => sendOne(site, chance)))
    site.bursting = false
    tell(site)
    await pause(chance.between(0, stepMs))
    await waitUntil(async () => (await asked(site, () => left(site))).deliveries < backlogMax, {
      ...{ what: `fewer than ${backlogMax} deliveries to wait`, limitMs: 5 * minuteMs, everyMs: 50 },
    })
  }
}

async function sendOne(site: Site, chance: Chance): Promise<void> {
  const { stand } = site
  site.messages += 1
  const number = chance.between(0, peopleCount - 1)
  const body = {
    to: person(number),
    from: lines[number % lines.length],
    content: { text: `message ${site.messages}` },
    routing: { preference: oneOf(chance, routes), fallback: true },
    idempotencyKey: `key-${site.messages}`,
  }
  const ask = { method: 'POST' as const, path: '/v1/messages', token: stand.customer.token, body }
  const { status } = await stand.client.insist(stand.victim.url, ask)
  if (status !== 202 && status !== 200) throw new Error(`A message was answered with ${status}.`)
}

/** The same people write back now and then. */
async function speak(site: Site): Promise<void> {
  const chance = site.chance.fork('people')
  const { outside } = site.stand
  while (!site.over) {
    const number = chance.between(0, peopleCount - 1)
    const line = lines[number % lines.length] ?? lines[0]
    if (outside.unheard() < 20)
      outside.say({ line, channel: oneOf(chance, channels), from: person(number), text: 'so' })
    await pause(chance.between(50, 500))
  }
}

/** A database that was killed refuses for a moment. */
async function asked<Result>(site: Site, ask: () => Promise<Result>): Promise<Result> {
  const giveUpAt = performance.now() + 60_000
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      if (performance.now() > giveUpAt)
        throw new Error(`The database is gone: ${saidIn(site.stand.home)}`, { cause: error })
      await pause(50)
    }
  }
}

function left({ stand, hooks }: Site): Promise<{ deliveries: number; busy: boolean }> {
  const hopeless = hooks.filter(({ kind }) => kind === 'distrusted').map(({ id }) => id)
  return restOf(stand.behind.db, hopeless)
}

/** Half of the time in the midst of work: something has just arrived. */
function momentOf(chance: Chance): number {
  return chance.between(0, chance.happens(0.5) ? 20 : killPauseMs)
}

/** At moments that are spread over the whole run by how much has arrived. */
async function kill(site: Site): Promise<void> {
  const { options, receivers, stand } = site
  const chance = site.chance.fork('killer')
  const share = (0.9 * options.deliveries) / options.kills
  for (let strike = 0; strike < options.kills; strike++) {
    const at = share * (strike + chance.next())
    const what = `${Math.round(at)} deliveries, at which to kill the gateway`
    await waitUntil(() => receivers.taken() >= at || site.over, { what, limitMs: 30 * minuteMs, everyMs: 2 })
    const withDatabase = strike === Math.floor(options.kills / 2)
    if (withDatabase) {
      site.wantsBurst = true
      await waitUntil(() => site.bursting || site.over, { what: 'a burst', limitMs: 5 * minuteMs, everyMs: 1 })
    }
    await pause(withDatabase ? chance.between(0, 60) : momentOf(chance))
    await stand.victim.kill('SIGKILL')
    site.kills += 1
    if (withDatabase) {
      process.kill(postmasterOf(stand.home), 'SIGKILL')
      site.databaseKills += 1
    }
    await restart(site, chance)
    tell(site)
  }
}

/** Some die again while they start. */
async function restart(site: Site, chance: Chance): Promise<void> {
  const { stand } = site
  if (chance.happens(0.2)) {
    const starting = stand.victim.start()
    await pause(chance.between(50, 400))
    await stand.victim.kill('SIGKILL')
    site.kills += 1
    await starting
  }
  await stand.restart()
}

function tell({ options, receivers, kills, memory }: Site): void {
  options.progress?.({ taken: receivers.taken(), wanted: options.deliveries, kills, peakBytes: memory.peak() })
}

/**
 * Nobody sends any more; what is still to be done has its time. What is left then, the judge finds. A message whose
 * fate is unknown may wait for minutes: it has told what it had to tell so far.
 */
async function rest(site: Site): Promise<void> {
  const giveUpAt = performance.now() + site.options.restMs
  for (let quiet = 0; quiet < 3 && performance.now() < giveUpAt; ) {
    const { deliveries, busy } = await asked(site, () => left(site))
    quiet = deliveries === 0 && !busy && site.stand.outside.unheard() === 0 ? quiet + 1 : 0
    tell(site)
    await pause(100)
  }
}

/** All of it of one moment: the gateway stands still meanwhile. */
async function evidenceOf({ stand, hooks, receivers, canaries, memory, kills }: Site): Promise<Evidence> {
  const { db } = stand.behind
  stand.victim.signal('SIGSTOP')
  try {
    return {
      hooks,
      kills,
      log: await logIn(db),
      arrivals: [...receivers.arrivals],
      deliveries: await deliveriesIn(db, hooks),
      canary: canaries.connections(),
      memory: memory.stop(),
    }
  } finally {
    stand.victim.signal('SIGCONT')
  }
}
