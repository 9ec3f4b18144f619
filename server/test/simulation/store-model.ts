/** The store as one process sees it: the model's statements, each with its delays and failures. */
import type { Channel } from '../../src/model/channel.ts'
import type { LineId, MessageId } from '../../src/model/ids.ts'
import type { Line } from '../../src/model/line.ts'
import type { BellStore, Ring } from '../../src/store/bell.ts'
import type { AliasStore } from '../../src/store/chats/aliases.ts'
import type { ConversationStore } from '../../src/store/conversations.ts'
import type { Session } from '../../src/store/db.ts'
import type { InboundStore } from '../../src/store/inbound.ts'
import type { LineStore, StoredLine } from '../../src/store/lines.ts'
import type { MessageStore } from '../../src/store/messages.ts'
import type { NodeStore } from '../../src/store/nodes.ts'
import type { OutboxStore } from '../../src/store/outbox.ts'
import type { OptOutStore } from '../../src/store/people/opt-outs.ts'
import type { ReachStore } from '../../src/store/reach.ts'
import type { Store } from '../../src/store/store.ts'
import type { VaultStore } from '../../src/store/vault.ts'
import { createChangeModel } from './change-model.ts'
import { epochMs } from './clock.ts'
import { short } from './history.ts'
import * as inbound from './ledger-inbound.ts'
import * as outbox from './ledger-outbox.ts'
import type { LineRow, Rows } from './ledger-rows.ts'
import type { Locks } from './locks.ts'
import type { Port } from './port.ts'

/** A connection of its own: its end is how others learn of a death. */
export interface ModelSession extends Session {
  owner: Port
  node: number | null
  hear: ((ring: Ring) => void) | null
  lost(): void
}

export interface Database {
  rows: Rows
  locks: Locks
  sessions: Set<ModelSession>
}

export function createStoreModel(db: Database, port: Port): Store {
  const model = {
    messages: messageStore(db, port),
    outbox: outboxStore(db, port),
    changes: createChangeModel(db, port),
    inbound: inboundStore(db, port),
    conversations: conversationStore(db, port),
    aliases: aliasStore(port),
    // Nothing here reads who of a group has what; that it is written is all that can go wrong.
    receipts: { note: () => port.statement('member receipts', () => undefined) },
    optOuts: optOutStore(db, port),
    nodes: nodeStore(db, port),
    lines: lineStore(db, port),
    reach: reachStore(port),
    bell: bellStore(db, port),
    vault: vaultStore(db, port),
  }
  // What the message path never calls is not there.
  return model as unknown as Store
}

function messageStore({ rows }: Database, port: Port): Pick<MessageStore, 'accept' | 'get' | 'getMany' | 'winner'> {
  return {
    async accept(batch) {
      const stored = await port.statement('accept', (nowMs) => {
        const fresh = outbox.acceptRows(rows, batch, nowMs)
        for (const message of fresh) {
          if (message !== null)
            port.options.history.say(port.label, `accept ${short(message.id)} ${message.lane} ${message.status}`)
        }
        return fresh
      })
      if (stored.every((one) => one !== null)) return outbox.outcomesOf(rows, batch, stored)
      return port.statement('winners', () => outbox.outcomesOf(rows, batch, stored))
    },
    getMany: (keys) =>
      port.statement('get', () => keys.map(({ customerId, id }) => outbox.readMessageById(rows, customerId, id))),
    get: (customerId, id) => port.statement('get', () => outbox.readMessageById(rows, customerId, id)),
    winner: (customerId, key) => port.statement('winner', () => outbox.winnerOf(rows, customerId, key)),
  }
}

function outboxStore({ rows }: Database, port: Port): Pick<OutboxStore, 'claim' | 'begin' | 'finish'> {
  const { history, chance, scheduler } = port.options
  return {
    async claim(options) {
      const sight = (nowMs: number) => ({ nowMs, lanes: outbox.sightLanes(rows, options, nowMs) })
      const take = (seen: ReturnType<typeof sight>) => {
        const claimed = outbox.takeLanes(rows, options, seen.lanes, seen.nowMs)
        for (const { lane, fence, heads } of claimed) {
          history.say(
            port.label,
            `claim ${lane} fence ${fence}: ${heads.map((head) => short(head.message.id)).join(' ') || 'empty'}`,
          )
        }
        return claimed
      }
      if (!chance.happens(port.options.faults.slow)) return port.statement('claim', (nowMs) => take(sight(nowMs)))
      const seen = await port.statement('claim begins', sight)
      if (seen.lanes.length > 0) history.hit('stale claim')
      await new Promise<void>((resolve) => scheduler.after(chance.between(1, 50), resolve))
      return port.statement('claim', () => take(seen))
    },
    begin: (batch) =>
      port.statement('begin', (nowMs) => {
        const granted = outbox.beginRows(rows, batch, nowMs)
        for (const { seq, fence, tries } of batch) {
          history.say(
            port.label,
            `begin row ${seq} fence ${fence} try ${tries + 1}: ${granted.has(seq) ? 'granted' : 'refused'}`,
          )
        }
        return granted
      }),
    finish: (batch) =>
      port.statement('finish', (nowMs) => {
        for (const { key, fence, holdMs } of batch)
          history.say(port.label, `finish ${key.lane} fence ${fence} hold ${holdMs}`)
        return outbox.finishRows(rows, batch, nowMs)
      }),
  }
}

function inboundStore({ rows, locks }: Database, port: Port): InboundStore {
  const { history } = port.options
  const findMessage: InboundStore['findMessage'] = (key) => port.statement('find', () => inbound.findMessage(rows, key))
  return {
    store: (batch) =>
      port.statement('store inbound', (nowMs) => {
        const fresh = inbound.storeInbound(rows, batch, nowMs)
        for (const { id, providerId } of batch)
          history.say(port.label, `inbound ${providerId} as ${short(id)}: ${fresh.has(id) ? 'new' : 'known'}`)
        return fresh
      }),
    async noteReceipt(key, receipt) {
      const noted = (messageId: MessageId | null) =>
        messageId === null ? null : { messageId, providerId: key.providerId }
      const known = await findMessage(key)
      if (known !== null) return noted(known)
      const names = [`p:${inbound.providerName(key, 'outbound')}`]
      const note = () => {
        history.say(port.label, `receipt ${receipt.status} for ${key.providerId} noted`)
        inbound.noteEarly(rows, key, receipt)
      }
      await port.statement('note', note, { take: (taken) => locks.take(names, taken), give: () => locks.give(names) })
      return noted(await findMessage(key))
    },
    findMessage,
    findMany: (keys) =>
      port.statement('find', () =>
        keys.map((key) => {
          const messageId = inbound.findMessage(rows, key)
          return messageId === null ? null : { messageId, parts: null }
        }),
      ),
    tell: (customerId, event) =>
      port.statement('tell', (nowMs) => {
        rows.events.push({ customerId, atMs: nowMs, event })
      }),
    tellOnce: (customerId, event, once) =>
      port.statement('tell once', (nowMs) => inbound.tellOnce(rows, { customerId, event, ...once }, nowMs)),
    // Links keep no state here, so none is known to be up.
    isConnected: () => port.statement('link state', () => false),
  }
}

function conversationStore({ rows }: Database, port: Port): ConversationStore {
  const findByChat: ConversationStore['findByChat'] = (key) =>
    port.statement('find chat', () => inbound.conversationByChat(rows, key))
  return {
    get: (customerId, id) => port.statement('get chat', () => inbound.conversationById(rows, customerId, id)),
    findByChat,
    async ensure(fresh) {
      const known = await findByChat(fresh)
      if (known !== null) return known
      const made = await port.statement('make chat', () => inbound.insertConversation(rows, fresh))
      if (made !== null) return made
      const winner = await findByChat(fresh)
      if (winner === null) throw new Error(`Conversation ${fresh.id} was neither made nor found.`)
      return winner
    },
    // Its row is locked throughout, so to everybody else it happens at once.
    change: (request) => port.statement('change chat', (nowMs) => inbound.changeConversation(rows, request, nowMs)),
    forgetTold: () => port.statement('forget', (nowMs) => inbound.forgetTold(rows, nowMs)),
  }
}

function optOutStore({ rows }: Database, port: Port): OptOutStore {
  return {
    choose: (customerId, event) => port.statement('choose', (nowMs) => inbound.choose(rows, customerId, event, nowMs)),
    store: (message, event) =>
      port.statement('store choice', (nowMs) => {
        port.options.history.say(port.label, `inbound ${message.providerId} says ${event.type}`)
        return inbound.storeChoice(rows, message, event, nowMs)
      }),
    standing: (customerId) =>
      port.statement('opt-outs', () => ({ channels: ['sms'], people: inbound.optedOut(rows, customerId) })),
    optedOut: (asked) =>
      port.statement('opted out', () =>
        asked.map(({ customerId, person }) => inbound.optedOut(rows, customerId).includes(person)),
      ),
  }
}

/** Nobody here goes by two names. */
function aliasStore(port: Port): Pick<AliasStore, 'phonesOf'> {
  return { phonesOf: () => port.statement('aliases', () => new Map()) }
}

function nodeStore({ rows }: Database, port: Port): NodeStore {
  const { history } = port.options
  return {
    async register(session) {
      const number = await port.statement('register', (nowMs) => inbound.registerNode(rows, nowMs))
      const node = rows.nodes.get(number)
      if (node !== undefined) node.lives = false
      await port.statement('lock', () => {
        const own = session as ModelSession
        own.node = number
        const row = rows.nodes.get(number)
        if (row !== undefined) row.lives = true
        history.say(port.label, `lives as node ${number}`)
      })
      return number
    },
    beat: (node) => port.statement('beat', (nowMs) => inbound.beatNode(rows, node, nowMs)),
    async renewLanes(node, fences, ms) {
      if (fences.length === 0) return new Set()
      return port.statement('renew lanes', (nowMs) => {
        const kept = inbound.renewLanes(rows, { node, fences, ms }, nowMs)
        history.hit('lane lease loss', fences.length - kept.size)
        return kept
      })
    },
    renewLines: (node, ms) => port.statement('renew lines', (nowMs) => inbound.renewLines(rows, { node, ms }, nowMs)),
    async takeLines(node, ms) {
      return port.statement('take lines', (nowMs) => {
        const taken = inbound.takeLines(rows, { node, ms }, nowMs)
        for (const { id, epoch } of taken) {
          history.say(port.label, `takes line ${short(id)} epoch ${epoch}`)
          if (epoch > 1) history.hit('line lease loss')
        }
        return taken
      })
    },
    releaseLine: (node, line) => port.statement('release line', () => inbound.releaseLine(rows, node, line)),
    bury: (node, leaseMs) =>
      port.statement('bury', (nowMs) => {
        const buried = inbound.buryNodes(rows, { node, leaseMs }, nowMs)
        if (buried.length > 0) history.say(port.label, `buries ${buried.join(' ')}`)
        return buried
      }),
    leave: (node) => port.statement('leave', () => inbound.leaveNode(rows, node)),
  }
}

function lineStore({ rows }: Database, port: Port): Pick<LineStore, 'ofCustomer' | 'setLink'> {
  return {
    ofCustomer: (customerId) =>
      port.statement('lines', () =>
        [...rows.lines.values()].filter((line) => line.customerId === customerId).map(storedLine),
      ),
    setLink: (line, { channel, state }) =>
      port.statement('link', () => {
        port.options.history.say(port.label, `link ${short(line.id)} ${channel} ${state.status}`)
        return rows.lines.get(line.id)?.epoch === line.epoch
      }),
  }
}

function reachStore(port: Port): ReachStore {
  return { reached: async () => new Map(), setReached: () => port.statement('reached', () => undefined) }
}

function storedLine(row: LineRow): StoredLine {
  const line: Line = {
    id: row.id,
    customerId: row.customerId,
    name: row.address,
    address: row.address,
    email: null,
    channels: row.channels,
    provider: 'sandbox',
    providers: {},
    isDefault: row.id.endsWith('1'),
    status: 'active',
    links: {},
  }
  return {
    ...line,
    url: null,
    secret: null,
    channelProviders: {},
    linkOrders: {},
    linkPasts: {},
    hostType: null,
    hostInfo: null,
    createdAt: new Date(epochMs),
    own: false,
    checkedAt: null,
  }
}

function bellStore({ sessions }: Database, port: Port): BellStore {
  const { chance, history } = port.options
  return {
    ring: (ring) =>
      port.statement('ring', () => {
        for (const { hear } of sessions) {
          if (hear === null) continue
          if (chance.happens(port.options.faults.errorBefore)) history.hit('bell lost')
          else hear(ring)
        }
      }),
    listen: async (session, hear) => {
      const own = session as ModelSession
      own.hear = hear
    },
  }
}

function vaultStore({ rows }: Database, port: Port): VaultStore {
  const name = (link: { lineId: LineId; channel: Channel }, key: string) => `${link.lineId} ${link.channel} ${key}`
  return {
    get: (link, key) => port.statement('vault get', () => rows.vault.get(name(link, key)) ?? null),
    getAll: (link, keys) =>
      port.statement('vault get', () => {
        const found = keys.flatMap((key) => {
          const value = rows.vault.get(name(link, key))
          return value === undefined ? [] : [[key, value] as const]
        })
        return new Map(found)
      }),
    keys: (link, prefix) =>
      port.statement('vault keys', () => {
        const start = name(link, prefix)
        const own = [...rows.vault.keys()].filter((key) => key.startsWith(start)).sort()
        return own.map((key) => key.slice(start.length - prefix.length))
      }),
    put: (link, entries) =>
      port.statement('vault put', (nowMs) => {
        const line = rows.lines.get(link.lineId)
        if (line?.epoch !== link.epoch || line.leaseUntilMs <= nowMs)
          throw new Error('The link is held by somebody else.')
        for (const [key, value] of Object.entries(entries)) {
          if (value === null) rows.vault.delete(name(link, key))
          else rows.vault.set(name(link, key), value)
        }
      }),
  }
}
