/** The model of the store as a ledger that answers at once: what the differential test compares with PostgreSQL. */
import { createHash } from 'node:crypto'
import { channels } from '../../src/model/channel.ts'
import type { CustomerId, Handle, LineId } from '../../src/model/ids.ts'
import * as inbound from './ledger-inbound.ts'
import * as outbox from './ledger-outbox.ts'
import { createRows, dateOf, messageOf, never, type Rows, workOfMessage } from './ledger-rows.ts'
import type { Ledger } from './sides.ts'

export interface KnownLine {
  id: LineId
  customerId: CustomerId
  address: Handle
}

export function createModelLedger(lines: readonly KnownLine[]): Ledger {
  const rows = createRows(null)
  let nowMs = 0
  for (const line of lines) rows.lines.set(line.id, { ...line, channels, holder: null, epoch: 0, leaseUntilMs: never })
  return {
    accept: async (batch) => outbox.outcomesOf(rows, batch, outbox.acceptRows(rows, batch, nowMs)),
    claim: async (options) => outbox.takeLanes(rows, options, outbox.sightLanes(rows, options, nowMs), nowMs),
    begin: async (batch) => outbox.beginRows(rows, batch, nowMs),
    finish: async (batch) => outbox.finishRows(rows, batch, nowMs),
    async change(request) {
      const state = outbox.lockRow(rows, request, nowMs)
      if (state === null) return null
      const decided = { request, state, change: request.decide(state) }
      if (!outbox.applyChanges(rows, [decided], nowMs)) throw new Error('A conflict with nobody else there.')
      return outbox.changeOutcome(decided)
    },
    message: async (customerId, id) => outbox.readMessageById(rows, customerId, id),
    storeInbound: async (batch) => inbound.storeInbound(rows, batch, nowMs),
    storeChoice: async (message, event) => inbound.storeChoice(rows, message, event, nowMs),
    choose: async (customerId, event) => inbound.choose(rows, customerId, event, nowMs),
    optedOut: async (customerId) => inbound.optedOut(rows, customerId),
    async noteReceipt(key, receipt) {
      const known = inbound.findMessage(rows, key)
      if (known === null) inbound.noteEarly(rows, key, receipt)
      const messageId = known ?? inbound.findMessage(rows, key)
      return messageId === null ? null : { messageId, providerId: key.providerId }
    },
    find: async (key) => inbound.findMessage(rows, key),
    async ensureConversation(fresh) {
      const known = inbound.conversationByChat(rows, fresh) ?? inbound.insertConversation(rows, fresh)
      if (known === null) throw new Error('It is neither there nor can it be made.')
      return known
    },
    changeConversation: async (request) => inbound.changeConversation(rows, request, nowMs),
    tellOnce: async (customerId, event, once) => inbound.tellOnce(rows, { customerId, event, ...once }, nowMs),
    forgetTold: async () => inbound.forgetTold(rows, nowMs),
    register: async () => inbound.registerNode(rows, nowMs),
    async die(node) {
      const row = rows.nodes.get(node)
      if (row !== undefined) row.lives = false
    },
    beat: async (node) => inbound.beatNode(rows, node, nowMs),
    bury: async (node, leaseMs) => inbound.buryNodes(rows, { node, leaseMs }, nowMs),
    renewLanes: async (node, fences, ms) => inbound.renewLanes(rows, { node, fences, ms }, nowMs),
    renewLines: async (node, ms) => inbound.renewLines(rows, { node, ms }, nowMs),
    takeLines: async (node, ms) => inbound.takeLines(rows, { node, ms }, nowMs),
    releaseLine: async (node, line) => inbound.releaseLine(rows, node, line),
    leave: async (node) => inbound.leaveNode(rows, node),
    async advance(ms) {
      nowMs += ms
    },
    end: async () => undefined,
    dump: async (fence) => dumpOf(rows, fence),
  }
}

/** Its customer, and its key as the database keeps it. */
function recentOf(name: string): [customer: string, key: string] {
  const space = name.indexOf(' ')
  return [
    name.slice(0, space),
    createHash('sha256')
      .update(name.slice(space + 1))
      .digest('hex'),
  ]
}

const instant = (ms: number | null) => (ms === null || ms === never ? null : dateOf(ms).toISOString())

function dumpOf(rows: Rows, fence: (number: number | null) => string | null): object {
  return {
    messages: [...rows.messages.values()]
      .map((row) => messageOf(row, workOfMessage(rows, row.message.id)))
      .sort((one, other) => (one.id < other.id ? -1 : 1)),
    outbox: [...rows.outbox.values()].map((row) => ({
      lane: row.lane,
      message: row.messageId,
      due: instant(row.dueMs),
      channel: row.channel,
      rest: [...row.rest],
      tries: row.tries,
      confirming: row.confirming,
      holds: row.holds,
      doubtful: row.doubtful,
      waits: row.waits,
      run: fence(row.run),
      started: instant(row.runStartedMs),
      asked: instant(row.askedSinceMs),
    })),
    lanes: [...rows.lanes.values()]
      .map((row) => ({
        lane: row.lane,
        next: instant(row.nextMs),
        hold: instant(row.holdUntilMs),
        lease: instant(row.leaseUntilMs),
        fence: fence(row.fence),
        holder: row.holder,
      }))
      .sort((one, other) => (one.lane < other.lane ? -1 : 1)),
    events: rows.events.map(({ atMs, event }) => ({
      at: instant(atMs),
      id: event.id,
      type: event.type,
      data: JSON.parse(JSON.stringify(event.data)) as unknown,
    })),
    conversations: [...rows.conversations.values()].map(
      ({ id, name, participants, unheard, absent, photo = null }) => ({
        ...{ id, name, participants, unheard: unheard === true, absent: absent === true, photo },
        recent: rows.echoes.get(id) ?? null,
      }),
    ),
    recent: [...rows.recent].map(([name, row]) => [...recentOf(name), instant(row.expiresMs)].join(' ')).sort(),
    attempts: rows.attempts
      .map(
        (one) =>
          `${one.messageId} ${one.number} ${one.channel} ${one.ref} ${one.outcome} ${one.code} ${one.startedAt?.toISOString() ?? null}`,
      )
      .sort(),
    names: [...rows.providerIds]
      .map(([name, row]) => `${name} ${row.messageId} ${JSON.stringify(row.early.map((one) => one.status))}`)
      .sort(),
    nodes: [...rows.nodes]
      .map(([number, row]) => ({ number, seen: instant(row.seenMs) }))
      .sort((one, other) => one.number - other.number),
    lines: [...rows.lines.values()].map(({ id, holder, epoch, leaseUntilMs }) => ({
      id,
      holder,
      epoch,
      lease: instant(leaseUntilMs),
    })),
  }
}
