/** What the gateway promises, as a pure function over what happened: everything that was broken, in words. */
import type { Received } from '../../src/channels/inmemory/exchange.ts'
import { type MessageId, messageOfRef } from '../../src/model/ids.ts'
import { advances, type Message, type Status } from '../../src/model/message.ts'
import type { Request } from './callers.ts'
import { short, type WrittenChange } from './history.ts'
import { messageOf, type Rows, workOfMessage } from './ledger-rows.ts'
import type { Profile } from './profiles.ts'

export interface Evidence {
  profile: Profile['name']
  /** iMessage can be asked what became of a send. */
  knowsOutcomes: boolean
  rows: Rows
  changes: readonly WrittenChange[]
  requests: readonly Request[]
  /** What arrived at the network, in order. */
  effects: readonly Received[]
  /** How often each ref left a process. */
  calls: ReadonlyMap<string, number>
  /** What others wrote to our lines. */
  said: readonly { providerId: string; text: string }[]
  /** Receipts that the network told and got acknowledged, by the provider id they speak of. */
  bounced: ReadonlySet<string>
  /** Refs whose acceptance was heard by a process that lived on, with the database away for seconds at most. */
  heard: readonly string[]
  receipts: readonly { providerId: string; status: string }[]
  undelivered: number
}

type Facts = Evidence & {
  messages: ReadonlyMap<MessageId, Message>
  effectsOf: ReadonlyMap<MessageId, readonly Received[]>
}

export function brokenPromises(evidence: Evidence): string[] {
  const messages = new Map<MessageId, Message>()
  for (const [id, row] of evidence.rows.messages) messages.set(id, messageOf(row, workOfMessage(evidence.rows, id)))
  const effectsOf = new Map<MessageId, Received[]>()
  for (const effect of evidence.effects) {
    const id = messageOfRef(effect.ref)
    if (id === null) continue
    const known = effectsOf.get(id)
    if (known === undefined) effectsOf.set(id, [effect])
    else known.push(effect)
  }
  const facts = { ...evidence, messages, effectsOf }
  const rules = [
    nothingLost,
    nothingTwice,
    nothingInvented,
    fallbackAfterNo,
    outcomesLearnt,
    lanesKept,
    nothingChanged,
    eventsInOrder,
    inboundOnce,
    lanesInOrder,
    nothingStranded,
    newsCounts,
    answersHold,
  ]
  return rules.flatMap((rule) => rule(facts).map((broken) => `${rule.name}: ${broken}`))
}

export function generationOf(ref: string): number {
  return Number.parseInt(ref.slice(33), 36)
}

function outbound({ messages }: Facts): Message[] {
  return [...messages.values()].filter((message) => message.direction === 'outbound')
}

const out: readonly Status[] = ['sent', 'delivered', 'read']

/** 1. Whatever was accepted ends sent with an effect, or failed or cancelled with none, or says that it does not know. */
function nothingLost(facts: Facts): string[] {
  const broken: string[] = []
  for (const request of facts.requests) {
    for (const id of request.ids)
      if (!facts.messages.has(id)) broken.push(`${request.name} was told ${short(id)}, which is not there`)
    const isOut = [...request.ids].every((id) => out.includes(facts.messages.get(id)?.status ?? 'queued'))
    if (request.probe && (request.ids.size === 0 || !isOut)) {
      broken.push(
        `${request.name}, sent when all was well, ended ${[...request.ids].map((id) => facts.messages.get(id)?.status).join() || 'unanswered'}`,
      )
    }
  }
  for (const message of outbound(facts)) {
    const verdict = endOf(facts, message)
    if (verdict !== null) broken.push(`${short(message.id)} ended ${message.status} ${verdict}`)
  }
  return broken
}

function endOf(facts: Facts, message: Message): string | null {
  const effects = facts.effectsOf.get(message.id) ?? []
  const current = effects.filter((effect) => generationOf(effect.ref) === message.retryCount)
  if (out.includes(message.status)) return effects.length === 0 ? 'and never reached the network' : null
  if (message.status === 'cancelled') return effects.length > 0 ? 'and reached the network' : null
  if (message.status === 'unknown') return null
  if (message.status !== 'failed') return 'which is no end'
  const isBounced = current.some((effect) => facts.bounced.has(effect.providerId))
  if (current.length > 0) return isBounced ? null : 'and reached the network'
  const isTried = facts.rows.attempts.some(
    (one) => one.messageId === message.id && generationOf(one.ref) === message.retryCount,
  )
  return isTried ? null : `without a try in generation ${message.retryCount}`
}

/** 2. One effect per message and generation at most, whatever the network does with repeats. */
function nothingTwice({ effectsOf, calls, rows }: Facts): string[] {
  const broken: string[] = []
  for (const [id, effects] of effectsOf) {
    const counts = new Map<number, number>()
    for (const { ref } of effects) counts.set(generationOf(ref), (counts.get(generationOf(ref)) ?? 0) + 1)
    for (const [generation, count] of counts) {
      if (count > 1)
        broken.push(
          `${short(id)} has ${count} effects in generation ${generation}: ${effects.map((one) => one.channel).join()}`,
        )
    }
  }
  for (const [ref, count] of calls) {
    const begun = rows.begun.get(ref) ?? 0
    if (count > begun) broken.push(`${ref} left ${count} times, and was begun ${begun} times`)
    const isDeduped = ref[32] === 'w'
    if (!isDeduped && count > 1 + definiteFailures(rows, ref))
      broken.push(`${ref} was sent again after an uncertain outcome`)
  }
  return broken
}

/** Tries after which the network had said for certain that nothing happened. */
function definiteFailures({ attempts }: Rows, ref: string): number {
  return attempts.filter((one) => one.ref === ref && one.startedAt !== null && one.outcome === 'retryable').length
}

/** 3. Nothing is at the network, or in the store, that nobody asked for. */
function nothingInvented({ effects, messages, requests, said }: Facts): string[] {
  const broken: string[] = []
  for (const { ref } of effects)
    if (!messages.has(messageOfRef(ref) ?? ('' as MessageId)))
      broken.push(`the network has ${ref}, which is no message`)
  const texts = new Map(requests.map((request) => [request.draft.content.text, request]))
  const seen = new Set<string | null>()
  const ids = new Set(said.map((one) => one.providerId))
  for (const message of messages.values()) {
    if (message.direction === 'inbound') {
      if (!ids.has(message.providerId ?? '')) broken.push(`${short(message.id)} came from nobody`)
      continue
    }
    const { text } = message.content
    if (!texts.has(text)) broken.push(`${short(message.id)} was asked for by nobody`)
    if (seen.has(text)) broken.push(`${text} is there more than once`)
    seen.add(text)
  }
  return broken
}

/**
 * Another channel is tried only after a certain no: whatever may be out on one must not go out on a second. Where the
 * network can be asked, its answer closes the very attempt that was in doubt once more.
 */
function fallbackAfterNo({ rows }: Facts): string[] {
  const doubtful = new Map<string, { channel: string; number: number }>()
  return rows.attempts.flatMap(({ messageId, channel, ref, outcome, number }) => {
    const name = `${messageId} ${generationOf(ref)}`
    const before = doubtful.get(name)
    if (outcome === 'uncertain' && before === undefined) doubtful.set(name, { channel, number })
    if (before?.channel === channel && before.number === number && outcome !== 'uncertain') doubtful.delete(name)
    if (before === undefined || before.channel === channel) return []
    return [`${short(messageId)} went on over ${channel} after an uncertain try on ${before.channel}`]
  })
}

/** Falls silent, whatever it is asked. */
const mute = /08$/

/** Where the network knows what became of a send, nobody is told that nobody knows. */
function outcomesLearnt({ knowsOutcomes, messages, rows }: Facts): string[] {
  if (!knowsOutcomes) return []
  const last = new Map(rows.attempts.map((one) => [`${one.messageId} ${generationOf(one.ref)}`, one.channel]))
  return [...messages.values()].flatMap(({ id, status, to, retryCount }) => {
    if (status !== 'unknown' || last.get(`${id} ${retryCount}`) !== 'imessage' || mute.test(to ?? '')) return []
    return [`${short(id)} ended unknown, and the network knew`]
  })
}

/** A send that takes longer than the lease of its lane keeps it, while nothing happens to its process. */
function lanesKept({ profile, rows }: Facts): string[] {
  if (profile !== 'links' && profile !== 'network') return []
  return rows.attempts.flatMap(({ messageId, detail }) =>
    detail?.startsWith('The gateway stopped') === true ? [`${short(messageId)} lost its lane while it was sent`] : [],
  )
}

/** 4. What arrives is what was accepted, at whom it was meant for, on a channel of its route. */
function nothingChanged({ effects, messages }: Facts): string[] {
  return effects.flatMap((effect) => {
    const message = messages.get(messageOfRef(effect.ref) ?? ('' as MessageId))
    if (message === undefined) return []
    const isSame = effect.text === message.content.text && effect.to === message.to && effect.line === message.from
    return isSame && message.route.includes(effect.channel)
      ? []
      : [`${short(message.id)} arrived as ${effect.text} for ${effect.to} on ${effect.channel}`]
  })
}

const rungs = [
  'message.scheduled',
  'message.queued',
  'message.sent',
  'message.delivered',
  'message.read',
  'message.failed',
  'message.schedule_cancelled',
]
const eventOf: Partial<Record<Status, string>> = {
  queued: 'message.queued',
  sent: 'message.sent',
  delivered: 'message.delivered',
  read: 'message.read',
  failed: 'message.failed',
  unknown: 'message.failed',
  cancelled: 'message.schedule_cancelled',
}

/** 5. Each change of a status is told, once, and in an order that never goes back. */
function eventsInOrder({ rows, changes, messages }: Facts): string[] {
  const broken: string[] = []
  const told = new Set<string>()
  const last = new Map<string, Status>()
  for (const { event } of rows.events) {
    if (!('message' in event.data) || !rungs.includes(event.type)) continue
    const { id, status, retryCount } = event.data.message
    if (!messages.has(id)) broken.push(`an event tells of ${short(id)}, which is not there`)
    const name = `${id} ${retryCount} ${status}`
    if (told.has(name)) broken.push(`${short(id)} is told to be ${status} twice in generation ${retryCount}`)
    told.add(name)
    const before = last.get(`${id} ${retryCount}`)
    if (before !== undefined && !advances(before, status))
      broken.push(`${short(id)} is told to be ${status} after ${before}`)
    last.set(`${id} ${retryCount}`, status)
  }
  for (const { messageId, from, to, generation, told: events } of changes) {
    if (from === to) continue
    if (!(events as string[]).includes(eventOf[to] ?? ''))
      broken.push(`${short(messageId)} went from ${from} to ${to} and nobody was told`)
    if (!told.has(`${messageId} ${generation} ${to}`))
      broken.push(`${short(messageId)} is ${to} in generation ${generation}, and the log does not have it`)
  }
  return broken
}

/** 6. Whatever the network got acknowledged is stored once and told once, and every receipt has counted. */
function inboundOnce({ messages, said, rows, undelivered }: Facts): string[] {
  const broken: string[] = undelivered > 0 ? [`${undelivered} are still waiting at the network`] : []
  const stored = new Map<string, number>()
  const told = new Map<string, number>()
  for (const message of messages.values()) {
    if (message.direction === 'inbound')
      stored.set(message.providerId ?? '', (stored.get(message.providerId ?? '') ?? 0) + 1)
  }
  for (const { event } of rows.events) {
    if (event.type === 'message.inbound')
      told.set(event.data.message.externalId ?? '', (told.get(event.data.message.externalId ?? '') ?? 0) + 1)
  }
  for (const { providerId } of said) {
    if (stored.get(providerId) !== 1) broken.push(`${providerId} is stored ${stored.get(providerId) ?? 0} times`)
    if (told.get(providerId) !== 1) broken.push(`${providerId} is told ${told.get(providerId) ?? 0} times`)
  }
  return broken
}

/**
 * 7. Messages of one lane arrive in the order in which they were accepted, whatever happens to the processes; only
 * what was accepted one after the other has an order. A message that fails for its own sake, waits for proof, goes
 * on over another channel, or is scheduled, yields to what is behind it.
 */
function lanesInOrder(facts: Facts): string[] {
  const yielding = new Set(facts.changes.filter((change) => change.yields).map((change) => change.messageId))
  const arrived = new Map<MessageId, number>()
  for (const effect of facts.effects) {
    const id = messageOfRef(effect.ref)
    if (id !== null && !arrived.has(id)) arrived.set(id, effect.ordinal)
  }
  const ordered = facts.requests.flatMap((request) => {
    const message = facts.messages.get([...request.ids][0] ?? ('' as MessageId))
    const place = message === undefined ? undefined : arrived.get(message.id)
    if (message === undefined || place === undefined || request.answeredMs === null) return []
    if (message.scheduledAt !== null || yielding.has(message.id) || message.retryCount > 0) return []
    return [{ message, place, from: request.sentMs, until: request.answeredMs }]
  })
  return ordered.flatMap((one) =>
    ordered
      .filter((other) => other.message.lane === one.message.lane && other.message.lineId === one.message.lineId)
      .filter((other) => one.until < other.from && one.place > other.place)
      .map((other) => `${short(other.message.id)} overtook ${short(one.message.id)} on ${one.message.lane}`),
  )
}

/** 8. In the end nothing is left to do. */
function nothingStranded({ rows }: Facts): string[] {
  const rowsLeft = [...rows.outbox.values()].map((row) => `${short(row.messageId)} is left in the outbox`)
  return [...rowsLeft, ...[...rows.lanes.values()].map((lane) => `lane ${lane.lane} is left`)]
}

const stamps = { delivered: 'deliveredAt', read: 'readAt' } as const

/** What was heard counts: an acceptance is never forgotten for a database that was away for a moment, nor a receipt. */
function newsCounts({ messages, heard, receipts, rows }: Facts): string[] {
  const forgotten = heard.flatMap((ref) => {
    const message = messages.get(messageOfRef(ref) ?? ('' as MessageId))
    const isForgotten =
      message !== undefined && message.status === 'unknown' && generationOf(ref) === message.retryCount
    return isForgotten ? [`${short(message.id)} was taken by the network and ended unknown`] : []
  })
  const named = new Map(
    [...rows.providerIds].map(([name, row]) => [name.slice(name.lastIndexOf(' ') + 1), row.messageId]),
  )
  const ignored = receipts.flatMap(({ providerId, status }) => {
    const message = messages.get(named.get(providerId) ?? ('' as MessageId))
    if (message === undefined || (status !== 'delivered' && status !== 'read')) return []
    return message[stamps[status]] === null ? [`${short(message.id)} was ${status}, and does not say so`] : []
  })
  return [...forgotten, ...ignored]
}

/** 9. One key, one message, one answer; and no answer that is a bug. */
function answersHold({ requests }: Facts): string[] {
  return requests.flatMap((request) => {
    const broken = request.oddities.map((oddity) => `${request.name}: ${oddity}`)
    return request.ids.size > 1 ? [...broken, `${request.name} was told ${request.ids.size} ids`] : broken
  })
}
