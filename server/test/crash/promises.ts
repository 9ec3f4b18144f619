/** What must hold of every run, however often anything died: a pure comparison of what was promised and what was seen. */
import { messageOfRef } from '../../src/model/ids.ts'
import {
  type ApiMessage,
  type Asked,
  type Attempt,
  type History,
  laneOf,
  type Tally,
  type Violation,
} from './history.ts'
import { hashOf } from './outside.ts'

type Check = (seen: Seen) => Violation[]

/** The history with what is looked up over and over. */
interface Seen {
  history: History
  accepted: ReadonlyMap<string, Asked>
  messages: ReadonlyMap<string, ApiMessage>
  effects: ReadonlyMap<string, number>
  attempts: ReadonlyMap<string, readonly Attempt[]>
}

const checks: readonly Check[] = [
  oneMessagePerKey,
  nothingLost,
  nothingTwice,
  nothingInvented,
  nothingChanged,
  noFallbackAfterUnknown,
  receivedOnce,
  eventsOnce,
  eventsForward,
  eventsTellTheStatus,
  timelineForward,
  streamIsTheLog,
  lanesInOrder,
  partsOnce,
  unknownsFlagged,
]

export function broken(history: History): Violation[] {
  const seen = look(history)
  return checks.flatMap((check) => check(seen))
}

export function tally(history: History): Tally {
  const seen = look(history)
  const out = [...seen.accepted.keys()].map((id) => seen.messages.get(id))
  return {
    accepted: seen.accepted.size,
    delivered: [...seen.accepted.keys()].filter((id) => (seen.effects.get(id) ?? 0) > 0).length,
    lost: nothingLost(seen).length,
    twice: nothingTwice(seen).length,
    unknown: out.filter((message) => message?.errorCode === 'OUTCOME_UNKNOWN').length,
    inbound: history.messages.filter((message) => message.direction === 'inbound').length,
  }
}

function look(history: History): Seen {
  const effects = new Map<string, number>()
  for (const effect of history.effects) {
    const id = `msg_${messageOfRef(effect.ref)}`
    effects.set(id, (effects.get(id) ?? 0) + 1)
  }
  const accepted = new Map<string, Asked>()
  for (const asked of history.asked) for (const { id } of asked.answers) if (id !== null) accepted.set(id, asked)
  return {
    history,
    accepted,
    effects,
    messages: new Map(history.messages.map((message) => [message.id, message])),
    attempts: Map.groupBy(history.attempts, (attempt) => attempt.messageId),
  }
}

const violation = (promise: string, detail: string): Violation => ({ promise, detail })

function oneMessagePerKey({ history }: Seen): Violation[] {
  return history.asked.flatMap(({ key, answers }) => {
    const ids = new Set(answers.map((answer) => answer.id))
    const fresh = answers.filter((answer) => answer.status === 202).length
    const odd = answers.filter((answer) => answer.status !== 202 && answer.status !== 200)
    if (ids.size === 1 && !ids.has(null) && fresh <= 1 && odd.length === 0) return []
    return [violation('one key is one message', `${key}: ${JSON.stringify(answers.slice(0, 5))}`)]
  })
}

const out: ReadonlySet<string> = new Set(['sent', 'delivered', 'read', 'unsent'])

/** Accepted and out, or accepted and plainly failed: nothing between, and nothing gone. */
function nothingLost({ accepted, messages, effects, history }: Seen): Violation[] {
  const found = [...accepted.keys()].flatMap((id) => {
    const message = messages.get(id)
    const arrived = (effects.get(id) ?? 0) > 0
    if (message === undefined) return [`${id} was accepted and is gone`]
    if (out.has(message.status)) return arrived ? [] : [`${id} is said to be ${message.status} and never arrived`]
    if (message.status === 'cancelled') return arrived ? [`${id} was cancelled and arrived all the same`] : []
    if (message.status !== 'failed') return [`${id} is still ${message.status}`]
    const unknown = message.errorCode === 'OUTCOME_UNKNOWN' || message.retryCount > 0
    return arrived && !unknown ? [`${id} is said to have failed with ${message.errorCode} and arrived`] : []
  })
  if (history.left > 0) found.push(`${history.left} messages are left in the outbox`)
  return found.map((detail) => violation('nothing is lost', detail))
}

/** A retry that its caller asked for is a new send. */
function nothingTwice({ effects, messages }: Seen): Violation[] {
  return [...effects].flatMap(([id, count]) => {
    const allowed = 1 + (messages.get(id)?.retryCount ?? 0)
    return count > allowed ? [violation('nothing is sent twice', `${id} arrived ${count} times`)] : []
  })
}

function nothingInvented({ history, accepted, messages }: Seen): Violation[] {
  const strangers = history.effects.filter((effect) => !accepted.has(`msg_${messageOfRef(effect.ref)}`))
  const unasked = [...messages.values()].filter((one) => one.direction === 'outbound' && !accepted.has(one.id))
  return [
    ...strangers.map((effect) => violation('nothing is invented', `${effect.ref} arrived and was never accepted`)),
    ...unasked.map((message) => violation('nothing is invented', `${message.id} exists and nobody was told`)),
  ]
}

function nothingChanged({ history, accepted }: Seen): Violation[] {
  return history.effects.flatMap((effect) => {
    const asked = accepted.get(`msg_${messageOfRef(effect.ref)}`)
    if (asked === undefined) return []
    const same = effect.hash === hashOf(asked.text) && asked.lane === laneOf(effect)
    return same
      ? []
      : [violation('nothing is changed', `${effect.ref} went to ${laneOf(effect)} with another text or way`)]
  })
}

/** Not even when a later try on the same channel fails plainly: the earlier one may have arrived. */
function noFallbackAfterUnknown({ attempts }: Seen): Violation[] {
  return [...attempts].flatMap(([id, all]) => {
    const fellBack = all.some(
      (one, at) => isDoubtful(one, all.slice(at + 1)) && all.slice(at + 1).some((later) => isFallbackOf(later, one)),
    )
    return fellBack
      ? [
          violation(
            'no fallback after an unknown',
            `${id}: ${all.map((one) => `${one.channel} ${one.outcome}`).join(', ')}`,
          ),
        ]
      : []
  })
}

/** Nobody has found out since that nothing had gone out. */
function isDoubtful(one: Attempt, later: readonly Attempt[]): boolean {
  const isSame = ({ number, channel, ref }: Attempt) =>
    number === one.number && channel === one.channel && ref === one.ref
  return one.outcome === 'uncertain' && !later.some((other) => isSame(other) && other.outcome !== 'uncertain')
}

/** The end of a ref is its retry generation: a retry that was asked for begins anew. */
function isFallbackOf(later: Attempt, one: Attempt): boolean {
  return later.channel !== one.channel && later.ref.at(-1) === one.ref.at(-1)
}

function receivedOnce({ history, messages }: Seen): Violation[] {
  const inbound = Map.groupBy(
    [...messages.values()].filter((one) => one.direction === 'inbound'),
    (one) => one.externalId,
  )
  const told = Map.groupBy(
    history.log.filter((one) => one.type === 'message.inbound'),
    (one) => one.about,
  )
  const found = history.spoken.flatMap(({ providerId, acknowledged, text }) => {
    const stored = inbound.get(providerId) ?? []
    if (acknowledged === 0) return [`${providerId} was never acknowledged`]
    if (stored.length !== 1) return [`${providerId} is stored ${stored.length} times`]
    const [message] = stored
    if (message?.text !== text) return [`${providerId} says something else now`]
    const events = told.get(message.id)?.length ?? 0
    return events === 1 ? [] : [`${providerId} was told ${events} times`]
  })
  const known = new Set(history.spoken.map((one) => one.providerId))
  for (const id of inbound.keys()) if (id === null || !known.has(id)) found.push(`${id} was received and never said`)
  return found.map((detail) => violation('what was acknowledged is stored once', detail))
}

const rungs = ['message.scheduled', 'message.queued', 'message.sent', 'message.delivered', 'message.read']

function byMessage({ history }: Seen): Map<string, readonly History['log'][number][]> {
  return Map.groupBy(
    history.log.filter((one) => one.about !== null),
    (one) => one.about ?? '',
  )
}

/** A retry begins the ladder anew. */
function eventsOnce(seen: Seen): Violation[] {
  return [...byMessage(seen)].flatMap(([id, events]) => {
    const allowed = 1 + (seen.messages.get(id)?.retryCount ?? 0)
    const counts = [...Map.groupBy(events, (one) => one.type)].filter(
      ([type]) => rungs.includes(type) || type === 'message.failed',
    )
    return counts
      .filter(([, some]) => some.length > allowed)
      .map(([type, some]) => violation('each status is told once', `${id}: ${type} ${some.length} times`))
  })
}

function eventsForward(seen: Seen): Violation[] {
  return [...byMessage(seen)].flatMap(([id, events]) => {
    const retried = (seen.messages.get(id)?.retryCount ?? 0) > 0
    const steps = events.filter((one) => rungs.includes(one.type)).map((one) => rungs.indexOf(one.type))
    const back = steps.some((step, at) => at > 0 && step <= (steps[at - 1] ?? -1))
    const final = events.findIndex((one) => one.type === 'message.failed' && one.errorCode !== 'OUTCOME_UNKNOWN')
    const wentOn = final >= 0 && events.slice(final + 1).some((one) => rungs.includes(one.type))
    if (retried || (!back && !wentOn)) return []
    return [violation('events never go back', `${id}: ${events.map((one) => one.type).join(', ')}`)]
  })
}

const toldAs: Record<string, string> = {
  queued: 'message.queued',
  scheduled: 'message.scheduled',
  sent: 'message.sent',
  delivered: 'message.delivered',
  read: 'message.read',
  failed: 'message.failed',
  cancelled: 'message.schedule_cancelled',
  unsent: 'message.unsent',
  received: 'message.inbound',
}

/** No change without its event, no event without its change. */
function eventsTellTheStatus(seen: Seen): Violation[] {
  const events = byMessage(seen)
  const found = [...seen.messages.values()].flatMap((message) => {
    const types = new Set(events.get(message.id)?.map((one) => one.type))
    const wanted = toldAs[message.status] ?? 'message.queued'
    if (!types.has(wanted))
      return [`${message.id} is ${message.status} and its events are ${[...types].join(', ') || 'none'}`]
    const begun = message.direction === 'inbound' || types.has('message.queued') || types.has('message.scheduled')
    return begun ? [] : [`${message.id} was never told to be queued`]
  })
  for (const id of events.keys()) if (!seen.messages.has(id)) found.push(`${id} is told of and does not exist`)
  return found.map((detail) => violation('a change and its event are one', detail))
}

const ladder = ['scheduled', 'queued', 'sent', 'delivered', 'read']

function timelineForward({ messages }: Seen): Violation[] {
  return [...messages.values()].flatMap((message) => {
    const counts = Map.groupBy(message.timeline, (entry) => entry.status)
    const twice = ladder.filter((status) => (counts.get(status)?.length ?? 0) > 1 + message.retryCount)
    return twice.map((status) => violation('each status is in the timeline once', `${message.id}: ${status}`))
  })
}

/** The stream words only some of the events; of messages it words them all. */
function streamIsTheLog({ history }: Seen): Violation[] {
  if (history.followed === null) return []
  const streamed = history.followed.filter((one) => one.type.startsWith('message.'))
  const logged = history.log.filter((one) => one.type.startsWith('message.'))
  const at = logged.findIndex((one, index) => streamed[index]?.id !== one.id)
  if (at < 0 && streamed.length === logged.length) return []
  const detail = `${streamed.length} streamed, ${logged.length} logged; from ${at} on: ${streamed[at]?.type} ${streamed[at]?.id} for ${logged[at]?.type} ${logged[at]?.id}`
  return [violation('the stream is the log, each event once', detail)]
}

/**
 * Of one lane an earlier message arrives earlier, unless it failed for its own sake and let the others pass, or fell
 * back, or nobody knew what had become of it and it could not be sent again.
 */
function lanesInOrder(seen: Seen): Violation[] {
  const order = new Map(seen.history.asked.map((asked, index) => [asked.key, index]))
  const lanes = Map.groupBy(seen.history.effects, laneOf)
  return [...lanes].flatMap(([lane, effects]) => {
    const found: Violation[] = []
    let last = -1
    for (const effect of effects) {
      const id = `msg_${messageOfRef(effect.ref)}`
      const place = order.get(seen.accepted.get(id)?.key ?? '') ?? -1
      if (place < last && !mayBeLate(seen, id))
        found.push(violation('a lane keeps its order', `${lane}: ${id} came late`))
      last = Math.max(last, place)
    }
    return found
  })
}

function mayBeLate({ attempts, history, messages }: Seen, id: string): boolean {
  const all = attempts.get(id) ?? []
  const own = new Set(
    history.tried.filter((one) => one.fault === 'busy-message' || one.fault === 'absent').map((one) => one.ref),
  )
  const doubtful = all.filter((one) => one.outcome === 'uncertain')
  const passed = all.some((one) => own.has(one.ref)) || doubtful.some((one) => !history.dedupes.includes(one.channel))
  const exhausted = doubtful.length > 4
  return passed || exhausted || (messages.get(id)?.retryCount ?? 0) > 0
}

/** What failed plainly has not arrived in part either, unless it says so: a later part was refused after others were taken. */
function partsOnce({ history, accepted, messages, attempts }: Seen): Violation[] {
  const idOf = new Map([...accepted].map(([id, { key }]) => [key, id]))
  const taken = Map.groupBy(history.parts ?? [], ({ key }) => key)
  return [...taken].flatMap(([key, parts]) => {
    const id = idOf.get(key) ?? ''
    const numbers = parts.map(({ number, of }) => `${number} of ${of}`)
    if (new Set(numbers).size < numbers.length)
      return [violation('no part is sent twice', `${id}: ${numbers.join(', ')}`)]
    const message = messages.get(id)
    const isPlain = message?.status === 'failed' && message.errorCode !== 'OUTCOME_UNKNOWN'
    const saysSo = parts.every(({ of }) => of > parts.length) && attempts.get(id)?.at(-1)?.outcome === 'refused'
    return isPlain && !saysSo ? [violation('what failed plainly did not arrive', `${id}: ${numbers.join(', ')}`)] : []
  })
}

/** Exactly those with an attempt that nobody knows the end of, as long as nothing proved what became of the message. */
function unknownsFlagged({ accepted, messages, attempts }: Seen): Violation[] {
  return [...accepted.keys()].flatMap((id) => {
    const message = messages.get(id)
    if (message === undefined || message.retryCount > 0) return []
    const all = attempts.get(id) ?? []
    const outcomes = all.map(({ outcome }) => outcome)
    const isFlagged = message.errorCode === 'OUTCOME_UNKNOWN'
    const isProved = outcomes.includes('accepted') || out.has(message.status)
    const isUnknown = all.some((one, at) => isDoubtful(one, all.slice(at + 1))) && !isProved
    return isFlagged === isUnknown
      ? []
      : [violation('an unknown outcome is flagged, and nothing else', `${id}: ${message.errorCode}, ${outcomes}`)]
  })
}
