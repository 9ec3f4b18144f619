/** However the answers to a caller's changes and their echoes cross, one roster, one name and one event per change are left. */
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ChatInfo, Incoming } from '../../src/channels/connector.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { createMint } from '../../src/lib/mint.ts'
import { createSealedBox } from '../../src/lib/sealed-box.ts'
import { createChats } from '../../src/messaging/chats/chats.ts'
import { createInbox } from '../../src/messaging/inbox.ts'
import { createLedgers } from '../../src/messaging/ledgers.ts'
import { memberOf } from '../../src/model/chat-change.ts'
import type {
  ConversationId,
  CustomerId,
  Handle,
  LineId,
  ProviderChatId,
  ProviderMessageId,
} from '../../src/model/ids.ts'
import type { Line } from '../../src/model/line.ts'
import { createStore, type Store } from '../../src/store/store.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { until } from '../support/gateway.ts'

const mint = createMint(systemClock)
const us = '+15550100100' as Handle
const chat = '12025550100@g.us' as ProviderChatId
const people = ['+14155550177', '+14155550178', '+14155550179'] as Handle[]
const lineId = mint() as LineId

let database: TestDatabase
let store: Store
beforeAll(async () => {
  database = await createTestDatabase()
  store = createStore(database.db, createSealedBox(Buffer.alloc(32, 7)))
})
afterAll(() => database.drop())

type Asked = { do: 'rename'; name: string } | { do: 'add' | 'remove'; who: Handle } | { do: 'hear' }

const asked: fc.Arbitrary<Asked> = fc.oneof(
  fc.record({ do: fc.constant('rename' as const), name: fc.constantFrom('Kitchen', 'Garden', 'Cellar') }),
  fc.record({ do: fc.constantFrom('add' as const, 'remove' as const), who: fc.constantFrom(...people) }),
  fc.record({ do: fc.constant('hear' as const) }),
)

/** The group as its network has it, and what of it is on its way to us: in order, and whenever the scheduler lets it. */
function networkOf(schedule: fc.Scheduler, hear: (event: Incoming) => Promise<void>) {
  let name = 'Kitchen'
  const members = new Set<Handle>([people[0] as Handle])
  const happened: string[] = []
  let last: Promise<void> = Promise.resolve()
  let underWay = 0
  const bring = (event: Incoming) => {
    underWay += 1
    last = last
      .then(() => schedule.schedule(Promise.resolve(), 'brought'))
      .then(() => hear(event))
      .finally(() => {
        underWay -= 1
      })
  }
  const info = (): ChatInfo => ({
    chat,
    name,
    members: [...members].map((handle) => ({ handle, phoneKnown: true, admin: null })),
  })
  const note = (change: Extract<Incoming, { kind: 'chat' }>['change'], said: string) => {
    happened.push(said)
    bring({ kind: 'chat', providerId: mint() as ProviderMessageId, chat, actor: us, at: new Date(), change })
  }
  return {
    happened,
    info,
    isQuiet: () => underWay === 0,
    message() {
      const about = { providerId: mint() as ProviderMessageId, chat, from: people[0] as Handle, at: new Date() }
      const content = { echoOf: null, text: 'Hi', attachments: [], replyTo: null }
      bring({ kind: 'message', ...about, ...content, group: info() })
    },
    async act(verb: string, what: string): Promise<void> {
      await schedule.schedule(Promise.resolve(), 'asked')
      if (verb === 'renameGroup' && what !== name) {
        name = what
        note({ what: 'title', title: name }, `chat.title.changed ${name}`)
      }
      const who = what as Handle
      if (verb === 'addMember' && !members.has(who)) {
        members.add(who)
        note({ what: 'joined', member: who }, `chat.participant.added ${who}`)
      }
      if (verb === 'removeMember' && members.delete(who))
        note({ what: 'left', member: who }, `chat.participant.left ${who}`)
      await schedule.schedule(Promise.resolve(), 'answered')
    },
  }
}

async function newGroup(): Promise<{ customerId: CustomerId; id: ConversationId }> {
  const customerId = mint() as CustomerId
  const text = `insert into customers (id, email, name) values ($1, $2, 'test')`
  await database.db.query({ name: '', text }, [customerId, `${customerId}@test`])
  const id = mint() as ConversationId
  const participants = [memberOf(people[0] as Handle)]
  const what = { handle: null, isGroup: true, name: 'Kitchen', participants }
  await store.conversations.ensure({ customerId, lineId, channel: 'whatsapp', chat, id, ...what })
  return { customerId, id }
}

async function played(changes: readonly Asked[], schedule: fc.Scheduler) {
  const by = await newGroup()
  const inbox = createInbox({
    ledger: createLedgers(store, systemClock).inbox,
    mint,
    choicesCount: async () => false,
    chosen: () => undefined,
    told: () => undefined,
  })
  const source = { customerId: by.customerId, lineId, address: us, channel: 'whatsapp' } as const
  const network = networkOf(schedule, (event) => inbox.receive(source, event))
  const line: Line = {
    ...{ id: lineId, customerId: by.customerId, name: 'line', address: us, email: null, channels: ['whatsapp'] },
    ...{ provider: 'sandbox', isDefault: true, status: 'active', links: {} },
  }
  const chats = createChats({
    ...{ clock: systemClock, mint, conversations: store.conversations, chats: store.chats, aliases: store.aliases },
    lines: async () => [line],
    connectors: new Map(),
    egress: { request: () => Promise.reject(new Error('not used')) },
    blobs: { put: () => Promise.reject(new Error('not used')) },
    act: (_link, verb, ...args) => network.act(verb, String(args[1])),
    told: () => undefined,
  })
  const at = { name: { id: by.id }, from: null }
  const one = async (change: Asked) => {
    if (change.do === 'hear') network.message()
    else if (change.do === 'rename') await chats.rename(by, at, change.name)
    else if (change.do === 'add') await chats.addParticipant(by, at, change.who)
    // Who is not in it cannot be removed.
    else await chats.removeParticipant(by, at, change.who).catch(() => undefined)
  }
  let left = changes.length
  const failures: unknown[] = []
  for (const change of changes)
    void one(change)
      .catch((error: unknown) => failures.push(error))
      .finally(() => {
        left -= 1
      })
  await until(async () => {
    while (schedule.count() > 0) await schedule.waitOne()
    return left === 0 && network.isQuiet() && schedule.count() === 0
  }, 'everything to have come through')
  return { by, network, failures }
}

async function heard(customerId: CustomerId): Promise<string[]> {
  const rows = await database.db.query<{ line: string }>(
    {
      name: '',
      text: `select concat_ws(' ', type, coalesce(data ->> 'name', data #>> '{participant,handle}')) as line from events
        where customer_id = $1 and type like 'chat.%' order by xid, seq`,
    },
    [customerId],
  )
  return rows.map(({ line }) => line)
}

test('any interleaving', async () => {
  const property = fc.asyncProperty(fc.array(asked, { maxLength: 8 }), fc.scheduler(), async (changes, schedule) => {
    const { by, network, failures } = await played(changes, schedule)
    expect(failures).toEqual([])
    const known = await store.conversations.get(by.customerId, by.id)
    const { name, members } = network.info()
    expect(known?.name).toBe(name)
    expect(known?.participants.map(({ handle }) => handle).sort()).toEqual(members.map(({ handle }) => handle).sort())
    expect((await heard(by.customerId)).sort()).toEqual(network.happened.toSorted())
  })
  await fc.assert(property, { numRuns: 100 })
}, 60_000)
