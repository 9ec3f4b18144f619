/** However changes of callers and of others, their answers, notices and messages cross: one roster, one name, one event each. */
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
import type { Conversation } from '../../src/model/conversation.ts'
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
/** Is in it throughout, and writes. */
const writer = '+14155550170' as Handle
const lineId = mint() as LineId

let database: TestDatabase
let store: Store
beforeAll(async () => {
  database = await createTestDatabase()
  store = createStore(database.db, createSealedBox(Buffer.alloc(32, 7)))
})
afterAll(() => database.drop())

type Change = { do: 'rename'; name: string } | { do: 'add' | 'remove'; who: Handle }
type Asked = ({ by: 'caller' | 'peer' } & Change) | { by: 'peer'; do: 'write'; isRepeated: boolean }

const by = fc.constantFrom('caller' as const, 'peer' as const)
const asked: fc.Arbitrary<Asked> = fc.oneof(
  fc.record({ by, do: fc.constant('rename' as const), name: fc.constantFrom('Kitchen', 'Garden', 'Cellar') }),
  fc.record({ by, do: fc.constantFrom('add' as const, 'remove' as const), who: fc.constantFrom(...people) }),
  fc.record({ by: fc.constant('peer' as const), do: fc.constant('write' as const), isRepeated: fc.boolean() }),
)

/**
 * The group as its network has it, and what of it is on its way to us, whenever the scheduler lets it: changes in order,
 * messages never before what they follow, but as late as can be, and again.
 */
function networkOf(schedule: fc.Scheduler, hear: (event: Incoming) => Promise<void>) {
  let name = 'Kitchen'
  const members = new Set<Handle>([people[0] as Handle])
  const happened: string[] = []
  let last: Promise<void> = Promise.resolve()
  let underWay = 0
  const bring = (run: () => Promise<void>) => {
    underWay += 1
    return run().finally(() => {
      underWay -= 1
    })
  }
  const soon = () => schedule.schedule(Promise.resolve(), 'brought')
  const inTurn = (run: () => Promise<void>) => {
    last = bring(() => last.then(soon).then(run))
  }
  const info = (): ChatInfo => ({
    chat,
    name,
    members: [writer, ...members, us].map((handle) => ({ handle, phoneKnown: true, admin: null })),
  })
  const note = (actor: Handle, change: Extract<Incoming, { kind: 'chat' }>['change'], said: string) => {
    happened.push(said)
    const notice = { providerId: mint() as ProviderMessageId, chat, actor, at: new Date(), change }
    inTurn(() => hear({ kind: 'chat', ...notice }))
  }
  return {
    happened,
    info,
    isQuiet: () => underWay === 0,
    write(isRepeated: boolean) {
      const about = { providerId: mint() as ProviderMessageId, chat, from: writer, at: new Date() }
      const content = { echoOf: null, text: 'Hi', attachments: [], replyTo: null }
      const message = { kind: 'message', ...about, ...content, group: info() } as const
      const come = () => void bring(() => soon().then(() => hear(message)))
      inTurn(async () => {
        come()
        if (isRepeated) come()
      })
    },
    /** What is so already is no change, and nobody hears of it. */
    change(actor: Handle, change: Change): void {
      if (change.do === 'rename' && change.name !== name) {
        name = change.name
        note(actor, { what: 'title', title: name }, `chat.title.changed ${name}`)
      }
      if (change.do === 'add' && !members.has(change.who)) {
        members.add(change.who)
        note(actor, { what: 'joined', member: change.who }, `chat.participant.added ${change.who}`)
      }
      if (change.do === 'remove' && members.delete(change.who))
        note(actor, { what: 'left', member: change.who }, `chat.participant.left ${change.who}`)
    },
  }
}

type Network = ReturnType<typeof networkOf>

const verbs: Record<string, Change['do']> = { renameGroup: 'rename', addMember: 'add', removeMember: 'remove' }

async function act(network: Network, schedule: fc.Scheduler, verb: string, what: string): Promise<void> {
  await schedule.schedule(Promise.resolve(), 'asked')
  const does = verbs[verb]
  if (does === undefined) throw new Error(`${verb} is not for this test`)
  network.change(us, does === 'rename' ? { do: does, name: what } : { do: does, who: what as Handle })
  await schedule.schedule(Promise.resolve(), 'answered')
}

async function newGroup(): Promise<{ customerId: CustomerId; id: ConversationId }> {
  const customerId = mint() as CustomerId
  const text = `insert into customers (id, email, name) values ($1, $2, 'test')`
  await database.db.query({ name: '', text }, [customerId, `${customerId}@test`])
  const id = mint() as ConversationId
  const participants = [writer, people[0] as Handle].map((handle) => memberOf(handle))
  const what = { handle: null, isGroup: true, name: 'Kitchen', participants }
  await store.conversations.ensure({ customerId, lineId, channel: 'whatsapp', chat, id, ...what })
  return { customerId, id }
}

async function played(changes: readonly Asked[], schedule: fc.Scheduler) {
  const by = await newGroup()
  const inbox = createInbox({
    ledger: createLedgers(store, systemClock).inbox,
    mint,
    receiveFile: () => Promise.reject(new Error('not used')),
    choicesCount: async () => false,
    replied: () => undefined,
    chosen: () => undefined,
    told: () => undefined,
  })
  const source = { customerId: by.customerId, lineId, address: us, channel: 'whatsapp' } as const
  const network = networkOf(schedule, (event) => inbox.receive(source, event))
  const line: Line = {
    ...{ id: lineId, customerId: by.customerId, name: 'line', address: us, email: null, channels: ['whatsapp'] },
    ...{ provider: 'sandbox', providers: {}, isDefault: true, status: 'active', links: {} },
  }
  const chats = createChats({
    ...{ clock: systemClock, mint, conversations: store.conversations, chats: store.chats, aliases: store.aliases },
    lines: async () => [line],
    providers: new Map(),
    egress: { request: () => Promise.reject(new Error('not used')) },
    keepFile: () => Promise.reject(new Error('not used')),
    onError: () => undefined,
    act: (_link, verb, ...args) => act(network, schedule, verb, String(args[1])),
    told: () => undefined,
  })
  const at = { name: { id: by.id }, from: null }
  const one = async (change: Asked) => {
    if (change.by === 'peer') {
      await schedule.schedule(Promise.resolve(), 'peer')
      return change.do === 'write' ? network.write(change.isRepeated) : network.change(writer, change)
    }
    if (change.do === 'rename') await chats.rename(by, at, change.name)
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

interface Told {
  line: string
  chat: Conversation
}

async function heard(customerId: CustomerId): Promise<Told[]> {
  return database.db.query<Told>(
    {
      name: '',
      text: `select concat_ws(' ', type, coalesce(data ->> 'name', data #>> '{participant,handle}')) as line,
          data -> 'conversation' as chat from events
        where customer_id = $1 and type like 'chat.%' order by xid, seq`,
    },
    [customerId],
  )
}

const stateOf = ({ name, participants }: Pick<Conversation, 'name' | 'participants'>) => ({
  name,
  members: participants.map(({ handle }) => handle as string).sort(),
})

/** What somebody knows who knew the group at first and has heard all events since; each of them must be news to them. */
function replayed(told: readonly Told[]) {
  let now = { name: 'Kitchen', members: [writer, people[0] as Handle].map(String).sort() }
  for (const { line, chat: after } of told) {
    const [type, what = ''] = line.split(' ')
    const others = now.members.filter((one) => one !== what)
    if (type === 'chat.title.changed') now = { ...now, name: what }
    if (type === 'chat.participant.added') now = { ...now, members: [...others, what].sort() }
    if (type === 'chat.participant.left') now = { ...now, members: others }
    expect(stateOf(after)).toEqual(now)
  }
  return now
}

test('any interleaving', async () => {
  const property = fc.asyncProperty(fc.array(asked, { maxLength: 10 }), fc.scheduler(), async (changes, schedule) => {
    const { by, network, failures } = await played(changes, schedule)
    expect(failures).toEqual([])
    const known = await store.conversations.get(by.customerId, by.id)
    const { name, members } = network.info()
    const others = members.map(({ handle }) => handle as string).filter((handle) => handle !== us)
    const truth = { name, members: others.sort() }
    expect(known && stateOf(known)).toEqual(truth)
    const told = await heard(by.customerId)
    const happenedBut = (isOther: (line: string) => boolean) => network.happened.filter((line) => !isOther(line)).sort()
    expect(replayed(told)).toEqual(truth)
    const lines = told.map(({ line }) => line)
    const isName = (line: string) => line.startsWith('chat.title.changed ')
    expect(lines.filter((line) => !isName(line)).sort()).toEqual(happenedBut(isName))
    // Where others name a group while we do, a name that did not last may be told twice or not at all; never the last one.
    if (new Set(changes.filter((one) => one.do === 'rename').map((one) => one.by)).size < 2)
      expect(lines.filter(isName).sort()).toEqual(happenedBut((line) => !isName(line)))
  })
  await fc.assert(property, { numRuns: 150 })
}, 60_000)
