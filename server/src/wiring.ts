/** Wires the rooms by hand, once: from a database and the networks' connectors to a Gateway. */
import { createCallers } from './accounts/callers.ts'
import { createLines } from './accounts/lines.ts'
import { type AgentRoom, createAgentRoom } from './agents/room.ts'
import { createContacts } from './contacts/contacts.ts'
import { createBell, type Rung } from './events/bell.ts'
import { createFollow } from './events/follow.ts'
import { adminOf, eventsOf, linesOf, messagesOf, submittingOf } from './faces.ts'
import type { Gateway } from './gateway.ts'
import { createCommands } from './links/commands.ts'
import { healthReport } from './links/health.ts'
import { Links } from './links/links.ts'
import { createPairing } from './links/pairing.ts'
import { createPresence } from './links/presence.ts'
import { createProviderCalls } from './links/provider-calls.ts'
import { createSessions } from './links/sessions.ts'
import { createMediaRoom } from './media/room.ts'
import { createChats } from './messaging/chats/chats.ts'
import { createInbox } from './messaging/inbox.ts'
import { createLedgers } from './messaging/ledgers.ts'
import { createOutbox, laneLeaseMs, type Outbox } from './messaging/outbox.ts'
import { createReach } from './messaging/reach.ts'
import { actWithin } from './messaging/revise.ts'
import { newEvent } from './messaging/settle.ts'
import { submit } from './messaging/submit.ts'
import { createUpkeep } from './messaging/upkeep.ts'
import { GatewayError } from './model/errors.ts'
import type { GatewayOptions, Parts } from './parts.ts'
import { migrate, readMigrations } from './store/postgres/migrate.ts'
import { assertDurable } from './store/postgres/postgres-settings.ts'
import { createStore } from './store/store.ts'
import { createWebhookRoom, type WebhookRoom } from './webhooks/room.ts'

export function createGateway(options: GatewayOptions): Gateway {
  const parts = build(options)
  return {
    callers: { authenticate: parts.callers.authenticate },
    messages: messagesOf(parts),
    chats: parts.chats,
    contacts: parts.contacts,
    agents: parts.agents.face,
    lines: linesOf(parts),
    pairing: parts.pairing,
    sessions: parts.sessions,
    events: eventsOf(parts),
    media: { download: parts.media.download, linkTo: parts.media.linkTo },
    webhooks: parts.webhooks.face,
    providers: parts.providerCalls,
    admin: adminOf(parts),
    health: () =>
      healthReport({ ...options, lines: parts.store.lines, outbox: options.roles.links ? parts.outbox : null }),
    start: () => start(parts),
    stop: () => stop(parts),
  }
}

function build(options: GatewayOptions): Parts {
  // What rings is heard by what is built later; nothing rings before all of it is there.
  const ground = layGround(options, (ring) => hear(parts, ring))
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
    media: ground.media,
    retentionMs: options.eventRetentionMs,
  })
  const chats = createChats({
    ...options,
    ...store,
    lines: accounts.lines.ofCustomer,
    keepFile: ground.media.keep,
    act: traffic.commands.act,
    told: bell.events,
    onError: ground.fail('chats'),
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
  const pairs = {
    ...options,
    lines: store.lines,
    codes: store.messages.signupCodes,
    commands: traffic.commands,
    changed: bell.changed,
    pairsWith: options.pairsWith ?? (() => ({ provider: 'whatsapp', url: null })),
  }
  const webhooks = buildWebhooks(ground)
  const agents = buildAgents({ ...ground, ...accounts, chats, contacts, webhooks })
  const linking = { pairing: createPairing(pairs), sessions: createSessions(pairs) }
  const parts: Parts = { ...ground, ...accounts, ...traffic, ...linking, upkeep, chats, contacts, webhooks, agents }
  return parts
}

function buildWebhooks({ options, store, bell, presence, media, fail }: Ground): WebhookRoom {
  return createWebhookRoom({
    ...options,
    ...options.webhooks,
    wording: options.wording(media.linkTo),
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

function buildAgents(parts: Ground & Pick<Parts, 'lines' | 'chats' | 'contacts' | 'webhooks'>): AgentRoom {
  const { options, store, ledgers, presence, lines, chats, fail } = parts
  const submitting = submittingOf(parts)
  return createAgentRoom({
    ...options,
    userAgent: options.webhooks.userAgent,
    agents: store.agents,
    agentTurns: store.agentTurns,
    lines: lines.ofCustomer,
    node: presence.node,
    conversation: store.conversations.get,
    closed: ledgers.optOuts.closed,
    winner: store.messages.winner,
    submit: (customerId, draft) => submit(submitting, customerId, draft),
    setTyping: ({ customerId, conversationId: id }, isTyping) =>
      chats.setTyping({ customerId }, { name: { id }, from: null }, isTyping),
    onError: fail('agents'),
  })
}

type Ground = Pick<Parts, 'options' | 'store' | 'ledgers' | 'follow' | 'bell' | 'presence' | 'media'> & {
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
    media: createMediaRoom({ ...options, ...options.media, store: store.files, sign: box.sign }),
    follow: createFollow({ log: store.events, clock }),
    bell: createBell({ clock, ring: store.bell.ring, heard, onError: fail('bell') }),
    presence: createPresence({ db, nodes: store.nodes, bell: store.bell, clock, heard, onError: fail('presence') }),
  }
}

function buildAccounts({ options, store, bell }: Ground): Pick<Parts, 'callers' | 'lines'> {
  const callers = createCallers({ ...options, store: store.callers })
  const lines = createLines({
    ...options,
    store: store.lines,
    changed: () => bell.changed(),
    customerExists: async (id) => (await store.callers.customer(id)) !== null,
    providers: options.providers,
  })
  return { callers, lines }
}

function buildTraffic(ground: Ground): Pick<Parts, 'links' | 'outbox' | 'commands' | 'reach' | 'providerCalls'> {
  const { options, store, ledgers, bell, presence, media } = ground
  const { clock, mint, log } = options
  const inbox = createInbox({
    ledger: ledgers.inbox,
    mint,
    receiveFile: media.receive,
    choicesCount: ledgers.optOuts.counts,
    replied: bell.work,
    chosen: bell.changed,
    told: bell.events,
  })
  const links = new Links({
    ...options,
    ledger: {
      ...store.nodes,
      setLink: ({ id: lineId, ...line }, channel, state, round) =>
        store.lines.setLink({ id: lineId, ...line }, { channel, state, round }, (before, address) =>
          newEvent({ type: 'line.status', data: { lineId, address, channel, state, before } }, null, mint),
        ),
    },
    vault: store.vault,
    inbox,
    lineAt: store.lines.byAddress,
    adopt: async (line, address) => {
      const isOurs = await store.lines.adopt(line, address)
      if (isOurs) bell.changed()
      return isOurs
    },
    node: presence.node,
    rename: presence.renew,
    laneLeaseMs,
    fences: () => outbox.fences(),
    lose: (fences) => outbox.lose(fences),
    moved: () => outbox.wake(),
    told: bell.events,
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
    capabilities: (channel, lineId) => links.capabilities(lineId, channel),
    closed: ledgers.optOuts.closed,
    knownAbsent: reach.knownAbsent,
    learnAbsent: reach.learnAbsent,
    conversations: ledgers.conversations(mint),
    replyTarget: ledgers.replyTarget,
    files: media.prepare,
    onError: (error, facts) => log.error({ err: error, ...facts }, 'the outbox failed'),
  })
  const providerCalls = createProviderCalls({ ...options, line: store.lines.get, inbox, pass: commands.pass })
  return { links, outbox, commands, reach, providerCalls }
}

/** Another part of this process, or another process, says that there is something to look at. */
function hear(parts: Parts, ring: Rung): void {
  const { outbox, follow, commands, callers, lines, links, ledgers, webhooks, options } = parts
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

async function start(parts: Parts): Promise<void> {
  const { options, store, links, outbox, presence, upkeep } = parts
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
  if (options.roles.webhooks) parts.webhooks.start()
  if (!options.roles.links) return
  await links.start()
  outbox.start()
  parts.agents.start()
}

/** Doors close in order: nothing new is claimed, what runs ends, links stop, the process says goodbye. */
async function stop(parts: Parts): Promise<void> {
  const { options, outbox, links, presence, bell, upkeep } = parts
  await parts.agents.stop()
  parts.chats.close()
  parts.sessions.close()
  await outbox.stop()
  await links.stop()
  await links.close()
  await parts.webhooks.stop()
  await upkeep.stop()
  await bell.flushed()
  await presence.stop()
  await options.db.close()
}
