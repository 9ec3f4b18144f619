/** Wires the rooms by hand, once: from a database and the networks' connectors to a Gateway. */

import { type Callers, createCallers } from './accounts/callers.ts'
import { createLines, type Lines } from './accounts/lines.ts'
import type { Connector } from './channels/connector.ts'
import { type Bell, createBell, type Rung } from './events/bell.ts'
import { createFollow } from './events/follow.ts'
import type { Gateway } from './gateway.ts'
import type { Clock } from './lib/clock.ts'
import type { Log } from './lib/log.ts'
import type { Mint } from './lib/mint.ts'
import type { SealedBox } from './lib/sealed-box.ts'
import { type Commands, createCommands } from './links/commands.ts'
import { Links } from './links/links.ts'
import { createPresence, type Presence } from './links/presence.ts'
import type { Blobs } from './media/blobs.ts'
import { createInbox } from './messaging/inbox.ts'
import { createLedgers, type Ledgers } from './messaging/ledgers.ts'
import { createOutbox, laneLeaseMs, type Outbox } from './messaging/outbox.ts'
import { createReach, type Reach } from './messaging/reach.ts'
import { createRevisions } from './messaging/revise.ts'
import { newEvent } from './messaging/settle.ts'
import { submit } from './messaging/submit.ts'
import { createUpkeep } from './messaging/upkeep.ts'
import type { Channel } from './model/channel.ts'
import { GatewayError } from './model/errors.ts'
import type { CustomerId } from './model/ids.ts'
import { healthOf } from './model/line.ts'
import type { Db } from './store/db.ts'
import { migrate, readMigrations } from './store/postgres/migrate.ts'
import { assertDurable } from './store/postgres/postgres-settings.ts'
import { createStore, type Store } from './store/store.ts'

export interface GatewayOptions {
  db: Db
  clock: Clock
  mint: Mint
  log: Log
  box: SealedBox
  blobs: Blobs
  connectors: ReadonlyMap<Channel, Connector>
  /** Which channels a line of a provider has. */
  providers: Readonly<Record<string, readonly Channel[]>>
  roles: { links: boolean }
  keyPrefix: string
  requestsPerMinute: number
  eventRetentionMs: number
  allowUnsafeDatabase: boolean
}

/** Everything that lives as long as the gateway does. */
interface House {
  options: GatewayOptions
  store: Store
  bell: Bell
  callers: Callers
  lines: Lines
  links: Links
  ledgers: Ledgers
  outbox: Outbox
  presence: Presence
  follow: ReturnType<typeof createFollow>
  upkeep: ReturnType<typeof createUpkeep>
  commands: Commands
  reach: Reach
}

export function createGateway(options: GatewayOptions): Gateway {
  const house = build(options)
  return {
    callers: { authenticate: house.callers.authenticate },
    messages: messagesOf(house),
    lines: linesOf(house),
    events: eventsOf(house),
    admin: adminOf(house),
    health: () => healthReport(house),
    start: () => start(house),
    stop: () => stop(house),
  }
}

function build(options: GatewayOptions): House {
  // What rings is heard by what is built later; nothing rings before all of it is there.
  const ground = layGround(options, (ring) => hear(house, ring))
  const accounts = buildAccounts(ground)
  const traffic = buildTraffic(ground)
  const { store, ledgers, bell } = ground
  const upkeep = createUpkeep({
    ...options,
    store: store.upkeep,
    outbox: store.outbox,
    change: ledgers.outbox.change,
    told: bell.events,
    callers: accounts.callers,
    commands: { clean: store.commands.clean, serve: traffic.commands.serve },
    retentionMs: options.eventRetentionMs,
  })
  const house: House = { ...ground, ...accounts, ...traffic, upkeep }
  return house
}

type Ground = Pick<House, 'options' | 'store' | 'ledgers' | 'follow' | 'bell' | 'presence'> & {
  fail(doing: string): (error: unknown) => void
}

function layGround(options: GatewayOptions, heard: (ring: Rung) => void): Ground {
  const { clock, log, db, box } = options
  const store = createStore(db, box)
  const fail = (doing: string) => (error: unknown) =>
    log.error({ err: error, doing }, 'something failed in the background')
  return {
    options,
    store,
    fail,
    ledgers: createLedgers(store, clock),
    follow: createFollow({ log: store.events, clock }),
    bell: createBell({ clock, ring: store.bell.ring, heard, onError: fail('bell') }),
    presence: createPresence({ db, nodes: store.nodes, bell: store.bell, clock, heard, onError: fail('presence') }),
  }
}

function buildAccounts({ options, store, bell }: Ground): Pick<House, 'callers' | 'lines'> {
  const callers = createCallers({ ...options, store: store.callers })
  const lines = createLines({
    ...options,
    store: store.lines,
    changed: () => bell.changed(),
    customerExists: async (id) => (await store.callers.customer(id)) !== null,
    providers: new Map(Object.entries(options.providers)),
  })
  return { callers, lines }
}

function buildTraffic(ground: Ground): Pick<House, 'links' | 'outbox' | 'commands' | 'reach'> {
  const { options, store, ledgers, bell, presence } = ground
  const { clock, mint, log } = options
  const links = new Links({
    ...options,
    ledger: { ...store.nodes, setLink: store.lines.setLink },
    vault: store.vault,
    inbox: createInbox({ ledger: ledgers.inbox, mint, told: bell.events }),
    node: presence.node,
    rename: presence.renew,
    laneLeaseMs,
    fences: () => outbox.fences(),
    lose: (fences) => outbox.lose(fences),
    moved: () => outbox.wake(),
    changed: async (line, channel, state) => {
      const data = { lineId: line.id, address: line.address, channel, state }
      await store.inbound.tell(line.customerId, newEvent({ type: 'line.status', data }, null, mint))
      bell.events(line.customerId)
    },
  })
  const held = () => links.held()
  const connection: Links['connection'] = (line, channel) => links.connection(line, channel)
  const onError = ground.fail('commands')
  const commands = createCommands({
    store: store.commands,
    clock,
    mint,
    held,
    connection,
    ring: bell.commands,
    onError,
  })
  const reach = createReach({ store: store.reach, clock, ask: commands.reach })
  const outbox: Outbox = createOutbox({
    ledger: ledgers.outbox,
    clock,
    mint,
    held,
    connection,
    node: presence.node,
    told: bell.events,
    capabilities: (channel) => options.connectors.get(channel)?.capabilities ?? null,
    knownAbsent: reach.knownAbsent,
    learnAbsent: reach.learnAbsent,
    conversations: ledgers.conversations(mint),
    replyTarget: ledgers.replyTarget,
    onError: (error, facts) => log.error({ err: error, ...facts }, 'the outbox failed'),
  })
  return { links, outbox, commands, reach }
}

/** Another part of this process, or another process, says that there is something to look at. */
function hear(house: House, ring: Rung): void {
  const { outbox, follow, commands, callers, lines, links, options } = house
  if (ring.lines.length > 0 || ring.changed) outbox.wake()
  for (const customer of ring.customers) follow.wake(customer)
  const failed = (error: unknown) =>
    options.log.error({ err: error }, 'what other processes asked could not be looked up')
  if (ring.commands) void commands.serve().catch(failed)
  if (!ring.changed) return
  callers.forget()
  lines.forget()
  links.look()
}

function messagesOf(house: House): Gateway['messages'] {
  const { options, store, ledgers, bell, lines } = house
  const revisions = createRevisions({
    clock: options.clock,
    mint: options.mint,
    change: ledgers.outbox.change,
    message: store.messages.get,
    conversation: (message) =>
      message.conversationId === null
        ? Promise.resolve(null)
        : store.conversations.get(message.customerId, message.conversationId),
    act: (link, verb, ...args) => house.commands.act(link, verb, ...args),
    told: (message, work) => {
      bell.events(message.customerId)
      if (work) bell.work(message.lineId)
    },
  })
  const submitting = {
    clock: options.clock,
    mint: options.mint,
    accept: ledgers.accept,
    lines: lines.ofCustomer,
    conversation: store.conversations.get,
    message: store.messages.get,
    winner: store.messages.winner,
    keepBytes: options.blobs.put,
    stored: (message: { customerId: CustomerId; lineId: Parameters<Bell['work']>[0] }) => {
      bell.work(message.lineId)
      bell.events(message.customerId)
    },
  }
  return {
    submit: (by, draft) => submit(submitting, by.customerId, draft),
    get: async (by, id) => {
      const message = await store.messages.get(by.customerId, id)
      if (message === null) throw new GatewayError('NOT_FOUND', 'There is no such message.')
      return message
    },
    list: (by, filter) => store.messages.list(by.customerId, filter),
    remove: (by, id) => revisions.remove(by.customerId, id),
    retry: (by, id) => revisions.retry(by.customerId, id),
    cancel: (by, id) => revisions.cancel(by.customerId, id),
    edit: (by, id, text, fallbackText) => revisions.edit(by.customerId, id, { text, fallbackText }),
    unsend: (by, id) => revisions.unsend(by.customerId, id),
    react: (by, id, reaction) => revisions.react(by.customerId, id, reaction),
    markRead: (by, id) => revisions.markRead(by.customerId, id),
  }
}

function linesOf(house: House): Gateway['lines'] {
  const { store, lines } = house
  return {
    list: (by) => store.lines.ofCustomer(by.customerId),
    reach: async (by, handle) => {
      const known = await lines.ofCustomer(by.customerId)
      const line = known.find((one) => one.isDefault) ?? known[0]
      if (line === undefined)
        throw new GatewayError(
          'NO_DEFAULT_ADDRESS',
          'You have no number to reach anybody from. Have one assigned to you.',
        )
      return house.reach.reachability(by.customerId, line, handle)
    },
  }
}

function eventsOf(house: House): Gateway['events'] {
  const { store, follow } = house
  return {
    async *follow(by, from, signal) {
      const after = from.after ?? (await store.events.end())
      yield* follow.follow(by.customerId, { after, types: from.types }, signal)
    },
    cursorOf: (by, event) => store.events.cursorOf(by.customerId, event),
    end: store.events.end,
  }
}

function adminOf(house: House): Gateway['admin'] {
  const { callers, lines, bell, store } = house
  return {
    createCustomer: callers.createCustomer,
    customers: callers.customers,
    customer: callers.customer,
    createKey: callers.createKey,
    keys: callers.keys,
    revokeKey: async (id) => {
      const key = await callers.revokeKey(id)
      bell.changed()
      return key
    },
    createLine: lines.create,
    lines: lines.page,
    line: lines.get,
    changeLine: lines.change,
    removeLine: lines.remove,
    addNumber: lines.addNumber,
    numbers: lines.numbers,
    removeNumber: lines.removeNumber,
    makeDefault: lines.makeDefault,
    usage: async (filter) => {
      const rows = await store.upkeep.usage({ ...filter, limit: filter.limit + 1 })
      const shown = rows.slice(0, filter.limit).map((row) => ({
        customerId: row.customer_id,
        day: row.day,
        event: row.event,
        channel: row.channel,
        count: row.count,
      }))
      return { rows: shown, hasMore: rows.length > filter.limit }
    },
  }
}

const outboxQuietMs = 10_000

async function healthReport(house: House): Promise<Awaited<ReturnType<Gateway['health']>>> {
  const { options, store, outbox } = house
  const links = {
    imessage: { health: 'unknown', lines: 0 },
    sms: { health: 'unknown', lines: 0 },
    whatsapp: { health: 'unknown', lines: 0 },
  } as const
  const report: Awaited<ReturnType<Gateway['health']>> = {
    database: true,
    outbox: !options.roles.links || options.clock.monotonic() - outbox.lastClaimAt() < outboxQuietMs,
    links: { imessage: { ...links.imessage }, sms: { ...links.sms }, whatsapp: { ...links.whatsapp } },
  }
  try {
    for (const line of await store.lines.summary()) {
      const health = healthOf({ channels: [line.channel], links: { [line.channel]: line.state } })
      const sum = report.links[line.channel]
      sum.lines += line.lines
      if (sum.health === 'unknown' || health === 'unhealthy') sum.health = health
    }
  } catch (error) {
    options.log.error({ err: error }, 'the database did not answer a health check')
    report.database = false
  }
  return report
}

async function start(house: House): Promise<void> {
  const { options, store, links, outbox, presence, upkeep } = house
  const session = await options.db.session((error) =>
    options.log.error({ err: error }, 'the database went away during start'),
  )
  try {
    await assertDurable((text) => session.query({ name: '', text }), { allowUnsafe: options.allowUnsafeDatabase })
    const applied = await migrate(session, await readMigrations())
    if (applied.length > 0) options.log.info({ migrations: applied }, 'database migrated')
  } finally {
    await session.close()
  }
  const check = await store.callers.keepSetting('master-key-check', options.box.check)
  if (check !== options.box.check)
    throw new GatewayError(
      'FORBIDDEN',
      'MASTER_KEY is not the key this database was written with. Give the gateway the key it had before.',
    )
  await presence.start()
  await upkeep.start()
  if (!options.roles.links) return
  await links.start()
  outbox.start()
}

/** Doors close in order: nothing new is claimed, what runs ends, links stop, the process says goodbye. */
async function stop(house: House): Promise<void> {
  const { options, outbox, links, presence, bell, upkeep } = house
  await outbox.stop()
  await links.stop()
  await links.close()
  await upkeep.stop()
  await bell.flushed()
  await presence.stop()
  await options.db.close()
}
