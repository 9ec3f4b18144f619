/** What must hold of every run, whatever receivers did and however often the gateway died: a pure comparison of logs. */
import type { Arrival, Breach, Evidence, Hook, LoggedEvent, Settled } from './evidence.ts'

export interface Tally {
  webhooks: number
  /** Told to webhooks, in the log. */
  events: number
  /** That were to be made, without the receiver that can take none. */
  deliveries: number
  requests: number
  missing: number
  /** Taken by their receiver once more than once. */
  duplicates: number
  duplicateShare: number
  /** Refused by a receiver that refuses, and logged as failed. */
  refused: number
  regressions: number
  /** Neighbours that arrived in a conversation of an ordered webhook, and those of them in the wrong order. */
  ordered: number
  disorder: number
  verified: number
  unverified: number
}

/** The evidence with what is looked up over and over. */
interface Seen {
  evidence: Evidence
  place: ReadonlyMap<string, number>
  arrivals: ReadonlyMap<string, readonly Arrival[]>
  /** By webhook, then by event. */
  taken: ReadonlyMap<string, ReadonlyMap<string, number>>
  settled: ReadonlyMap<string, ReadonlyMap<string, Settled>>
}

type Check = (seen: Seen) => Breach[]

/** Calls that may be under way to one webhook. */
const windowMax = 8
const memoryMax = 512 * 1024 * 1024
/** Below it a process merely warms up; above it the end of a run is held against its beginning. */
const memoryWarm = 256 * 1024 * 1024
const growthMax = 1.5
/** The breaker opens after ten, of which a kill may take some along. */
const hopelessTriesMin = 5

const checks: readonly Check[] = [
  nothingMissing,
  nothingGivenUp,
  nothingClaimed,
  nothingInvented,
  oneIdOneBody,
  repeatsWereUnderWay,
  statusesForward,
  messagesInOrder,
  conversationsInOrder,
  everySignature,
  nobodyFollows,
  hopelessWaits,
  memoryFlat,
]

/** `duplicatesMax`: of all deliveries, those that may come twice. */
export function breaches(evidence: Evidence, duplicatesMax = 0.01): Breach[] {
  const seen = look(evidence)
  return [...checks.flatMap((check) => check(seen)), ...fewDuplicates(seen, duplicatesMax)]
}

export function tally(evidence: Evidence): Tally {
  const seen = look(evidence)
  const { log, arrivals } = evidence
  const hooks = able(evidence)
  const deliveries = hooks.length * log.length
  const duplicates = duplicatesOf(seen)
  const unverified = arrivals.filter((one) => !one.standard || !one.stamped).length
  return {
    ...{ webhooks: evidence.hooks.length, events: log.length, deliveries, requests: arrivals.length },
    missing: nothingMissing(seen).length,
    duplicates,
    duplicateShare: deliveries === 0 ? 0 : duplicates / deliveries,
    refused: hooks.flatMap(({ name }) => [...(seen.settled.get(name)?.values() ?? [])]).filter(isFailed).length,
    regressions: statusesForward(seen).length,
    ordered: pairsIn(seen).length,
    disorder: conversationsInOrder(seen).length,
    ...{ verified: arrivals.length - unverified, unverified },
  }
}

function look(evidence: Evidence): Seen {
  const arrivals = Map.groupBy(evidence.arrivals, ({ hook }) => hook)
  const taken = new Map(
    [...arrivals].map(([hook, all]) => {
      const counts = new Map<string, number>()
      for (const { event, fine } of all) if (fine) counts.set(event, (counts.get(event) ?? 0) + 1)
      return [hook, counts]
    }),
  )
  const settled = new Map(
    [...Map.groupBy(evidence.deliveries, ({ hook }) => hook)].map(([hook, all]) => {
      return [hook, new Map(all.map((one) => [one.event, one]))]
    }),
  )
  return { evidence, arrivals, taken, settled, place: new Map(evidence.log.map(({ id }, at) => [id, at])) }
}

/** Those whose receiver takes what it gets, sooner or later. */
function able({ hooks }: Evidence): Hook[] {
  return hooks.filter(({ kind }) => kind !== 'distrusted')
}

function isFailed({ status }: Settled): boolean {
  return status === 'failed'
}

const breach = (promise: string) => (detail: string) => ({ promise, detail })

/** Taken by its receiver, or told to its owner as failed. */
function nothingMissing({ evidence, taken, settled }: Seen): Breach[] {
  const found = able(evidence).flatMap(({ name }) => {
    const gone = evidence.log.filter(({ id }) => {
      const status = settled.get(name)?.get(id)?.status
      return (taken.get(name)?.get(id) ?? 0) === 0 && status !== 'failed'
    })
    return gone.map(({ id, type }) => {
      return `${type} ${id} never came to ${name}; it is ${settled.get(name)?.get(id)?.status ?? 'in no list'}`
    })
  })
  return found.map(breach('nothing is missing'))
}

/** Only a receiver that refuses for good may miss something. */
function nothingGivenUp({ evidence, settled }: Seen): Breach[] {
  const found = able(evidence).flatMap(({ name, kind }) => {
    const ends = kind === 'refuses' ? ['delivered', 'failed'] : ['delivered']
    const others = [...(settled.get(name)?.values() ?? [])].filter(({ status }) => !ends.includes(status))
    return others.map(({ event, status, attempts }) => `${event} to ${name} is ${status} after ${attempts} attempts`)
  })
  return found.map(breach('nothing is given up'))
}

function nothingClaimed({ evidence, taken, settled }: Seen): Breach[] {
  const found = evidence.hooks.flatMap(({ name }) => {
    const said = [...(settled.get(name)?.values() ?? [])].filter(({ status }) => status === 'delivered')
    const untrue = said.filter(({ event }) => (taken.get(name)?.get(event) ?? 0) === 0)
    return untrue.map(({ event }) => `${event} is said to be delivered to ${name}, which took it never`)
  })
  return found.map(breach('nothing is claimed that was not'))
}

function nothingInvented({ evidence, place, settled }: Seen): Breach[] {
  const strangers = evidence.arrivals.filter(({ event }) => !place.has(event))
  const unlisted = evidence.arrivals.filter(({ hook, event }) => place.has(event) && !settled.get(hook)?.has(event))
  return [
    ...strangers.map(({ hook, event, type }) => `${type} ${event || 'without an id'} came to ${hook} and is in no log`),
    ...unlisted.map(({ hook, event }) => `${event} came to ${hook}, where it has no delivery`),
  ].map(breach('nothing is invented'))
}

/** At all receivers: they speak the same dialect. */
function oneIdOneBody({ evidence }: Seen): Breach[] {
  const found = [...Map.groupBy(evidence.arrivals, ({ event }) => event)].flatMap(([event, all]) => {
    const ids = new Set(all.map(({ id }) => id))
    const bodies = new Set(all.map(({ hash }) => hash))
    if (ids.size === 1 && ids.has(event) && bodies.size === 1) return []
    return [`${event} came under ${[...ids].join(', ')} and with ${bodies.size} bodies`]
  })
  return found.map(breach('a repeat has the same id and the same bytes'))
}

function duplicatesOf({ taken }: Seen): number {
  return [...taken.values()].reduce((sum, counts) => sum + repeatsIn(counts), 0)
}

function repeatsIn(counts: ReadonlyMap<string, number> = new Map()): number {
  return [...counts.values()].reduce((sum, count) => sum + count - 1, 0)
}

function fewDuplicates(seen: Seen, share: number): Breach[] {
  const { evidence } = seen
  const [count, all] = [duplicatesOf(seen), able(evidence).length * evidence.log.length]
  if (count <= all * share) return []
  return [breach(`at most ${share * 100} % comes twice`)(`${count} of ${all} came once more`)]
}

/** What nobody had written down yet when the gateway was killed is told again, and nothing else. */
function repeatsWereUnderWay(seen: Seen): Breach[] {
  const { evidence, taken } = seen
  const most = evidence.kills * windowMax
  const found = able(evidence).flatMap(({ name }) => {
    const count = repeatsIn(taken.get(name))
    return count <= most ? [] : [`${count} came to ${name} once more, in ${evidence.kills} kills`]
  })
  return found.map(breach(`a kill repeats at most ${windowMax} deliveries of a webhook`))
}

const ladder = ['message.scheduled', 'message.queued', 'message.sent', 'message.delivered', 'message.read']
const rungOf = new Map([...ladder, 'message.failed'].map((type, rung) => [type, rung]))

/** Also not for a moment: a retry of an older status after a newer one has come is a regression. */
function statusesForward({ evidence, arrivals, place }: Seen): Breach[] {
  const found = evidence.hooks.flatMap(({ name }) => {
    const statuses = (arrivals.get(name) ?? []).filter(({ type }) => rungOf.has(type))
    const about = Map.groupBy(statuses, ({ event }) => evidence.log[place.get(event) ?? -1]?.message ?? null)
    return [...about].flatMap(([message, all]) => {
      if (message === null) return []
      const steps = all.map(({ type }) => rungOf.get(type) ?? 0)
      return isRising(steps) ? [] : [`${message} at ${name}: ${all.map(({ type }) => type).join(', ')}`]
    })
  })
  return found.map(breach('no status goes back'))
}

function isRising(steps: readonly number[]): boolean {
  return steps.every((step, at) => at === 0 || step >= (steps[at - 1] ?? 0))
}

function messagesInOrder(seen: Seen): Breach[] {
  const loose = seen.evidence.hooks.filter(({ ordered }) => !ordered)
  return loose
    .flatMap((hook) => steps(seen, hook, ({ message }) => message))
    .flatMap(lateIn)
    .map(breach('what is told of a message keeps its order'))
}

function conversationsInOrder(seen: Seen): Breach[] {
  return pairsIn(seen).flatMap(lateIn).map(breach('an ordered webhook keeps the order of each conversation'))
}

function pairsIn(seen: Seen): Step[] {
  return seen.evidence.hooks
    .filter(({ ordered }) => ordered)
    .flatMap((hook) => steps(seen, hook, ({ thread, message }) => thread ?? message))
}

interface Step {
  hook: string
  lane: string
  before: LoggedEvent
  after: LoggedEvent
  isLate: boolean
}

function lateIn({ isLate, hook, lane, before, after }: Step): string[] {
  return isLate ? [`${lane} at ${hook}: ${after.type} ${after.id} after ${before.type} ${before.id}`] : []
}

/** Neighbours as they arrived, repeats included, lane by lane. */
function steps({ arrivals, place, evidence }: Seen, { name }: Hook, laneOf: (event: LoggedEvent) => string | null) {
  const last = new Map<string, number>()
  return (arrivals.get(name) ?? []).flatMap(({ event }): Step[] => {
    const at = place.get(event) ?? -1
    const after = evidence.log[at]
    const lane = after === undefined ? null : laneOf(after)
    if (after === undefined || lane === null) return []
    const previous = last.get(lane)
    const before = previous === undefined ? undefined : evidence.log[previous]
    last.set(lane, at)
    return previous === undefined || before === undefined
      ? []
      : [{ hook: name, lane, before, after, isLate: at < previous }]
  })
}

function everySignature({ evidence }: Seen): Breach[] {
  return evidence.arrivals
    .filter(({ standard, stamped }) => !standard || !stamped)
    .map(({ hook, event, standard }) => `${event} at ${hook} fails ${standard ? 'X-Signature' : 'standardwebhooks'}`)
    .map(breach('every signature holds'))
}

function nobodyFollows({ evidence }: Seen): Breach[] {
  if (evidence.canary === 0) return []
  return [breach('no redirect is followed')(`${evidence.canary} connections came to where redirects lead`)]
}

/** It gets nothing, its owner can see what was tried, and its deliveries are not spent in a hurry. */
function hopelessWaits({ evidence, arrivals, settled }: Seen): Breach[] {
  const found = evidence.hooks.flatMap(({ name, kind }) => {
    if (kind !== 'distrusted') return []
    const all = [...(settled.get(name)?.values() ?? [])]
    const tries = all.reduce((sum, { attempts }) => sum + attempts, 0)
    const odd = all.filter(({ status }) => status !== 'pending' && status !== 'failed')
    return [
      ...((arrivals.get(name)?.length ?? 0) > 0 ? [`${name} was spoken to`] : []),
      ...odd.map(({ event, status }) => `${event} to ${name} is ${status}`),
      ...(all.length === evidence.log.length ? [] : [`${all.length} of ${evidence.log.length} are listed for ${name}`]),
      ...(tries >= hopelessTriesMin ? [] : [`${name} was tried ${tries} times`]),
    ]
  })
  return found.map(breach('a receiver with bad TLS gets nothing, and waits'))
}

function memoryFlat({ evidence: { memory } }: Seen): Breach[] {
  if (memory === null) return []
  const { peak, early, late } = memory
  const isFlat = peak <= memoryMax && late <= Math.max(memoryWarm, early * growthMax)
  const mega = (bytes: number) => `${Math.round(bytes / 1024 / 1024)} MiB`
  return isFlat ? [] : [breach('memory stays flat')(`${mega(early)}, then ${mega(late)}, at most ${mega(peak)}`)]
}
