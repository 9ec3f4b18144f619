/** Wires the rooms by hand, once: from a database and the networks' connectors to a Gateway. */

import { type Callers, createCallers } from './accounts/callers.ts'
import { createLines, type Lines } from './accounts/lines.ts'
import type { Connector } from './channels/connector.ts'
import { type ContactsRoom, createContacts } from './contacts/contacts.ts'
import { type Bell, createBell, type Rung } from './events/bell.ts'
import { createFollow } from './events/follow.ts'
import type { Gateway } from './gateway.ts'
import type { Clock } from './lib/clock.ts'
import type { SafeFetch } from './lib/egress/safe-fetch.ts'
import type { Log } from './lib/log.ts'
import type { Mint } from './lib/mint.ts'
import type { SealedBox } from './lib/sealed-box.ts'
import { type Commands, createCommands } from './links/commands.ts'
import { healthReport } from './links/health.ts'
import { Links } from './links/links.ts'
import { createPresence, type Presence } from './links/presence.ts'
import type { Blobs } from './media/blobs.ts'
import { createChats } from './messaging/chats/chats.ts'
import { createInbox } from './messaging/inbox.ts'
import { createLedgers, type Ledgers } from './messaging/ledgers.ts'
import { createOutbox, laneLeaseMs, type Outbox } from './messaging/outbox.ts'
import { createReach, type Reach } from './messaging/reach.ts'
import { actWithin, createRevisions } from './messaging/revise.ts'
import { newEvent } from './messaging/settle.ts'
import { submit } from './messaging/submit.ts'
import { createUpkeep } from './messaging/upkeep.ts'
import type { Channel } from './model/channel.ts'
import { GatewayError } from './model/errors.ts'
import type { Message } from './model/message.ts'
import type { Db } from './store/db.ts'
import { migrate, readMigrations } from './store/postgres/migrate.ts'
import { assertDurable } from './store/postgres/postgres-settings.ts'
import { createStore, type Store } from './store/store.ts'
import { createWebhookRoom, type WebhookRoom } from './webhooks/room.ts'
import type { Wording } from './webhooks/wording.ts'

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
  /** The way out to URLs that callers chose. Closed by whoever opened it. */
  egress: SafeFetch
  /** How the surfaces word events for webhooks. */
  wording: Wording
  roles: { links: boolean; webhooks: boolean }
  webhooks: { scheduleMs: readonly number[]; timeoutMs: number; userAgent: string; chance(): number }
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
  webhooks: WebhookRoom
  chats: ReturnType<typeof createChats>
  contacts: ContactsRoom
}

export function createGateway(options: GatewayOptions): Gateway {
  const house = build(options)
  return {
    callers: { authenticate: house.callers.authenticate },
    messages: messagesOf(house),
    chats: house.chats,
    contacts: house.contacts,
    lines: linesOf(house),
    events: eventsOf(house),
    webhooks: house.webhooks.face,
    admin: adminOf(house),
    health: () =>
      healthReport({ ...options, lines: house.store.lines, outbox: options.roles.links ? house.outbox : null }),
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
    ...store,
    store: store.upkeep,
    change: ledgers.outbox.change,
    told: bell.events,
    callers: accounts.callers,
    commands: { clean: store.commands.clean, serve: traffic.commands.serve },
    retentionMs: options.eventRetentionMs,
  })
  const chats = createChats({
    ...options,
    ...store,
    lines: accounts.lines.ofCustomer,
    act: traffic.commands.act,
    told: bell.events,
  })
  const contacts = createContacts({
    ...options,
    ...store,
    lines: accounts.lines.ofCustomer,
    ask: (link, verb, handle) =>
      actWithin(options.clock, { code: 'SERVICE_UNAVAILABLE', ...link }, () =>
        traffic.commands.act(link, verb, handle),
      ),
    changed: bell.changed,
    told: bell.events,
    onError: ground.fail('contacts'),
  })
  const house: House = { ...ground, ...accounts, ...traffic, upkeep, chats, contacts, webhooks: buildWebhooks(ground) }
  return house
}

function buildWebhooks({ options, store, bell, presence, fail }: Ground): WebhookRoom {
  return createWebhookRoom({
    ...options,
    ...options.webhooks,
    store: store.webhooks,
    callbacks: store.callbacks,
    queue: store.webhookQueue,
    log: store.webhookLog,
    jobs: store.webhookJobs,
    node: presence.node,
    changed: bell.changed,
    told: bell.events,
    onError: fail('webhooks'),
  })
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
    inbox: createInbox({
      ledger: ledgers.inbox,
      mint,
      choicesCount: ledgers.optOuts.counts,
      chosen: bell.changed,
      told: bell.events,
    }),
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
    closed: ledgers.optOuts.closed,
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
  const { outbox, follow, commands, callers, lines, links, ledgers, webhooks, options } = house
  if (ring.lines.length > 0 || ring.changed) outbox.wake()
  for (const customer of ring.customers) follow.wake(customer)
  webhooks.told(ring.customers)
  const failed = (error: unknown) =>
    options.log.error({ err: error }, 'what other processes asked could not be looked up')
  if (ring.commands) void commands.serve().catch(failed)
  if (!ring.changed) return
  callers.forget()
  lines.forget()
  ledgers.forget()
  webhooks.changed()
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
    admit: house.webhooks.admit,
    closed: ledgers.optOuts.closed,
    meet: house.contacts.meet,
    stored: ({ customerId, lineId, callbackUrl }: Message) => {
      bell.work(lineId)
      bell.events(customerId)
      if (callbackUrl !== null) house.webhooks.calls(customerId)
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
    reach: async (by, handle) => house.reach.reachability(by.customerId, await lines.ofCustomer(by.customerId), handle),
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
    usage: store.upkeep.usage,
  }
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
  if (options.roles.webhooks) house.webhooks.start()
  if (!options.roles.links) return
  await links.start()
  outbox.start()
}

/** Doors close in order: nothing new is claimed, what runs ends, links stop, the process says goodbye. */
async function stop(house: House): Promise<void> {
  const { options, outbox, links, presence, bell, upkeep } = house
  house.chats.close()
  await outbox.stop()
  await links.stop()
  await links.close()
  await house.webhooks.stop()
  await upkeep.stop()
  await bell.flushed()
  await presence.stop()
  await options.db.close()
}
