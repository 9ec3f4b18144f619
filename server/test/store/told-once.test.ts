/** One change of a group is told once, by whoever comes first: the caller who made it or the network that echoes it. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../src/lib/clock.ts'
import { createMint } from '../../src/lib/mint.ts'
import { asking, chatChange, refused } from '../../src/messaging/chat-changes.ts'
import { type ChatChange, memberOf, type Origin } from '../../src/model/chat-change.ts'
import type {
  ConversationId,
  CustomerId,
  EventId,
  Handle,
  LineId,
  MessageId,
  ProviderMessageId,
} from '../../src/model/ids.ts'
import { createConversationStore, type NewConversation } from '../../src/store/conversations.ts'
import { createInboundStore } from '../../src/store/inbound.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'

const mint = createMint(systemClock)
const title = (name: string): ChatChange => ({ what: 'title', title: name })
const ada = memberOf('+14155550177' as Handle)
const bob = memberOf('77@lid' as Handle)

let database: TestDatabase
let chat: NewConversation
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())

beforeEach(async () => {
  const customerId = mint() as CustomerId
  await plain(`insert into customers (id, email, name) values ($1, $2, 'test')`, [customerId, `${customerId}@test`])
  chat = {
    customerId,
    id: mint() as ConversationId,
    lineId: mint() as LineId,
    channel: 'whatsapp',
    chat: '12025550100@g.us' as NewConversation['chat'],
    handle: null,
    isGroup: true,
    name: 'Kitchen',
    participants: [ada],
  }
  await createConversationStore(database.db).ensure(chat)
})

const plain = <Row>(text: string, values: readonly unknown[]) => database.db.query<Row>({ name: '', text }, values)

/** A caller names the conversation by its id, a network by its own name for it; notices are told apart by their time. */
async function tell(origin: Origin, change: ChatChange, notice = mint()): Promise<boolean | null> {
  const { customerId, id, lineId, channel } = chat
  const of = origin === 'caller' ? { id } : { lineId, channel, chat: chat.chat }
  const named = origin === 'caller' ? null : { id: notice, externalId: null }
  const news = { of: { customerId, of }, change, origin, actor: null, to: null, notice: named }
  const outcome = await createConversationStore(database.db).change(chatChange(news, mint))
  return outcome?.told ?? null
}

/** Before the network answers a caller, and when it refuses. */
async function ask(what: 'asking' | 'refused', change: ChatChange): Promise<void> {
  const of = { customerId: chat.customerId, of: { id: chat.id } }
  await createConversationStore(database.db).change((what === 'asking' ? asking : refused)(of, change))
}

async function heard(): Promise<string[]> {
  const rows = await plain<{ line: string }>(
    `select concat_ws(' ', type, coalesce(data ->> 'name', data #>> '{participant,handle}')) as line from events
    where customer_id = $1 order by xid, seq`,
    [chat.customerId],
  )
  return rows.map(({ line }) => line)
}

async function now() {
  const { customerId, id } = chat
  const known = await createConversationStore(database.db).get(customerId, id)
  return { name: known?.name, members: known?.participants.map(({ handle }) => handle) }
}

test('the echo of what a caller did is not told, and neither is what a caller did after its echo', async () => {
  expect([await tell('caller', title('Garden')), await tell('network', title(' Garden'))]).toEqual([true, false])
  expect([await tell('network', title('Cellar')), await tell('caller', title('Cellar'))]).toEqual([true, false])
  expect(await heard()).toEqual(['chat.title.changed Garden', 'chat.title.changed Cellar'])
})

test('an older echo does not undo a newer change', async () => {
  await tell('caller', title('Garden'))
  await tell('caller', title('Cellar'))
  expect([await tell('network', title('Garden')), await tell('network', title('Cellar'))]).toEqual([false, false])
  expect(await now()).toMatchObject({ name: 'Cellar' })
  expect(await heard()).toEqual(['chat.title.changed Garden', 'chat.title.changed Cellar'])
})

test('what a caller does again after its first echo was told before it is told again, and its echo is not', async () => {
  expect([await tell('network', title('Garden')), await tell('caller', title('Garden'))]).toEqual([true, false])
  expect([await tell('caller', title('Cellar')), await tell('caller', title('Garden'))]).toEqual([true, true])
  expect(await tell('caller', title('Attic'))).toBe(true)
  for (const echo of ['Cellar', 'Garden', 'Attic']) expect(await tell('network', title(echo))).toBe(false)
  expect(await now()).toMatchObject({ name: 'Attic' })
})

test('what others change back and forth after a caller counts, however soon', async () => {
  await tell('caller', title('Garden'))
  for (const name of ['Garden', 'Cellar', 'Garden']) await tell('network', title(name))
  await tell('caller', { what: 'joined', member: bob })
  for (const what of ['joined', 'left', 'joined'] as const) await tell('network', { what, member: bob })
  expect(await now()).toEqual({ name: 'Garden', members: [ada.handle, bob.handle] })
  expect(await heard()).toEqual([
    ...['Garden', 'Cellar', 'Garden'].map((name) => `chat.title.changed ${name}`),
    ...['added', 'left', 'added'].map((what) => `chat.participant.${what} ${bob.handle}`),
  ])
})

test('and so does what a caller changes back and forth after others', async () => {
  await tell('network', title('Garden'))
  expect([await tell('caller', title('Cellar')), await tell('caller', title('Garden'))]).toEqual([true, true])
  await tell('network', { what: 'left', member: ada })
  for (const what of ['joined', 'left'] as const) expect(await tell('caller', { what, member: ada })).toBe(true)
  expect(await now()).toEqual({ name: 'Garden', members: [] })
})

test('a change that was asked for is told with its echo if that comes first, and what came between stays', async () => {
  await ask('asking', title('Garden'))
  expect(await tell('network', title('Garden'))).toBe(true)
  expect(await tell('network', title('Cellar'))).toBe(true)
  expect(await tell('caller', title('Garden'))).toBe(false)
  expect(await now()).toMatchObject({ name: 'Cellar' })
})

test('what was asked for and refused is nobody’s echo', async () => {
  const leaving: ChatChange = { what: 'left', member: { ...ada, role: 'self' } }
  await ask('asking', leaving)
  await ask('refused', leaving)
  expect(await tell('network', leaving)).toBe(true)
  await tell('network', { ...leaving, what: 'joined' })
  await ask('asking', leaving)
  expect([await tell('network', leaving), await tell('caller', leaving)]).toEqual([false, false])
})

test('when both change it at once, it is in the end what its network made of it', async () => {
  await ask('asking', title('Garden'))
  await tell('caller', title('Garden'))
  // Made before ours, told after the answer to ours.
  await tell('network', title('Cellar'))
  await tell('network', title('Garden'))
  expect(await now()).toMatchObject({ name: 'Garden' })
  expect(await heard()).toEqual(['Garden', 'Cellar', 'Garden'].map((name) => `chat.title.changed ${name}`))
})

test('an echo that comes late, and a repeat of one, tell nothing and change nothing', async () => {
  await tell('caller', title('Garden'))
  expect(await tell('network', title('Garden'), 'n1')).toBe(false)
  await tell('caller', title('Cellar'))
  await database.advance(61_000)
  expect(await tell('network', title('Cellar'))).toBe(false)
  expect(await tell('network', title('Garden'), 'n1')).toBe(false)
  expect(await now()).toMatchObject({ name: 'Cellar' })
  expect(await heard()).toEqual(['chat.title.changed Garden', 'chat.title.changed Cellar'])
})

test('back and forth by one of them is told each time, however fast', async () => {
  for (const name of ['Garden', 'Kitchen', 'Garden']) expect(await tell('network', title(name))).toBe(true)
  for (const change of ['left', 'joined', 'left'] as const)
    expect(await tell('caller', { what: change, member: ada })).toBe(true)
  expect(await now()).toEqual({ name: 'Garden', members: [] })
})

test('after a minute the other may do the same again', async () => {
  await tell('caller', { what: 'left', member: ada })
  await tell('caller', { what: 'joined', member: ada })
  expect(await tell('network', { what: 'left', member: ada })).toBe(false)
  await database.advance(60_000)
  expect(await tell('network', { what: 'left', member: ada })).toBe(true)
  expect(await now()).toMatchObject({ members: [] })
})

test('photos are told once per minute and picture, and each notice once', async () => {
  const photo = (mark: string): ChatChange => ({ what: 'photo', photo: { mark, url: null } })
  const told = [
    await tell('caller', photo('a')),
    await tell('network', photo('a')),
    await tell('network', photo('b'), 'n1'),
    await tell('network', photo('b'), 'n1'),
    await tell('caller', photo('b')),
    await tell('network', { what: 'photo', photo: 'removed' }),
  ]
  expect(told).toEqual([true, false, true, false, false, true])
  for (const mark of ['c', 'd']) expect(await tell('caller', photo(mark))).toBe(true)
  for (const mark of ['c', 'd']) expect(await tell('network', photo(mark))).toBe(false)
  for (const mark of ['e', 'f', 'e']) expect(await tell('network', photo(mark))).toBe(true)
})

test('whoever of the two has the bytes of a photo, it is shown; and so is the last one told of', async () => {
  const photo = (mark: string, hash?: string): ChatChange => ({
    what: 'photo',
    photo: { mark, url: null, ...(hash !== undefined && { file: { hash, mimeType: 'image/png' } }) },
  })
  const shown = async () => {
    const known = await createConversationStore(database.db).get(chat.customerId, chat.id)
    return known?.photo?.hash ?? null
  }
  const steps: [Origin, ChatChange, boolean, string | null][] = [
    ['network', photo('a'), true, null],
    ['caller', photo('a', 'h-a'), false, 'h-a'],
    ['caller', photo('b', 'h-b'), true, 'h-b'],
    ['network', photo('b'), false, 'h-b'],
    ['network', photo('c', 'h-c'), true, 'h-c'],
    ['network', photo('d'), true, null],
    ['caller', photo('e', 'h-e'), true, 'h-e'],
    ['caller', photo('f', 'h-f'), true, 'h-f'],
    ['network', photo('e', 'h-e'), false, 'h-f'],
    ['network', title('Garden'), true, 'h-f'],
    ['caller', { what: 'photo', photo: 'removed' }, true, null],
    ['network', { what: 'photo', photo: 'removed' }, false, null],
  ]
  for (const [origin, change, told, now] of steps) {
    const seen = [await tell(origin, change), await shown()]
    expect(seen, `${origin} ${JSON.stringify(change)}`).toEqual([told, now])
  }
})

test('of two that tell at once, one does', async () => {
  for (let round = 0; round < 20; round++) {
    const change = title(`Round ${round}`)
    const told = await Promise.all([tell('caller', change), tell('network', change), tell('network', change, 'same')])
    expect(told.filter(Boolean)).toHaveLength(1)
  }
  expect(await heard()).toHaveLength(20)
})

test('several changes at once are all made', async () => {
  const members = Array.from({ length: 8 }, (_, place) => memberOf(`+1415555010${place}` as Handle))
  await Promise.all(members.map((member) => tell('network', { what: 'joined', member })))
  await tell('network', { what: 'joined', member: bob })
  expect((await now()).members?.sort()).toEqual([ada, ...members, bob].map(({ handle }) => handle).sort())
  expect(await heard()).toHaveLength(9)
})

test('nobody is told of a chat that is not there, that is no group, or that is somebody else’s', async () => {
  const conversations = createConversationStore(database.db)
  const mine = chat
  chat = { ...mine, id: mint() as ConversationId }
  expect(await tell('caller', title('Garden'))).toBeNull()
  chat = { ...mine, customerId: mint() as CustomerId }
  expect([await tell('caller', title('Garden')), await tell('network', title('Garden'))]).toEqual([null, null])
  const person = '14155550177@s.whatsapp.net' as NewConversation['chat']
  chat = { ...mine, id: mint() as ConversationId, chat: person, isGroup: false }
  await conversations.ensure(chat)
  expect(await tell('network', title('Garden'))).toBe(false)
  expect(await heard()).toEqual([])
})

test('a notice is told once a day, also when it comes twice at the same time; then it is forgotten', async () => {
  const inbound = createInboundStore(database.db)
  const once = { key: 'a reaction', forMs: 86_400_000 }
  const event = () => {
    const data = { channel: 'whatsapp' as const, from: ada.handle, typing: true, conversation: null }
    return { id: mint() as EventId, type: 'typing.indicator' as const, correlationId: null, data }
  }
  const told = () => inbound.tellOnce(chat.customerId, event(), once)
  expect((await Promise.all(Array.from({ length: 5 }, told))).filter(Boolean)).toHaveLength(1)
  await database.advance(86_399_000)
  expect(await told()).toBe(false)
  await database.advance(1_000)
  expect(await told()).toBe(true)
  expect(await heard()).toHaveLength(2)
  const conversations = createConversationStore(database.db)
  await conversations.forgetTold(1_000)
  const left = () => plain(`select from recent_events where customer_id = $1`, [chat.customerId])
  expect(await left()).toHaveLength(1)
  await database.advance(86_400_000)
  while ((await conversations.forgetTold(1)) === 1) expect(await left()).not.toHaveLength(2)
  expect(await left()).toEqual([])
})

test('what is told is on its way to whoever subscribed, and what is not told is not', async () => {
  const { customerId, id, lineId } = chat
  const subscribe = `insert into webhooks (customer_id, id, url, events) values ($1, $2, 'https://shop.test', '{*}')`
  await plain(subscribe, [customerId, mint()])
  const queued = async () => {
    const text = 'select event_type from webhook_queue where customer_id = $1 order by xid, seq'
    return (await plain<{ event_type: string }>(text, [customerId])).map((row) => row.event_type)
  }
  await tell('caller', title('Garden'))
  await tell('network', title('Garden'))
  const inbound = createInboundStore(database.db)
  const data = {
    channel: 'imessage',
    callId: 'c',
    person: ada.handle,
    to: null,
    isAudio: true,
    isVideo: false,
  } as const
  const call = { type: 'facetime.incoming' as const, correlationId: null, data: { ...data, at: '2026-01-01' } }
  for (const _ of [1, 2])
    await inbound.tellOnce(customerId, { ...call, id: mint() as EventId }, { key: 'a call', forMs: 1_000 })
  const content = { mediaUrls: [], attachments: [], replyTo: null, mentions: [], effect: null, location: null }
  const message = { customerId, lineId, conversationId: id, channel: 'sms' as const, from: ada.handle, to: null }
  const withheld = { ...message, id: mint() as MessageId, providerId: 'p1' as ProviderMessageId, event: null }
  await inbound.store([{ ...withheld, content: { ...content, text: 'Your code is 482139' } }])
  expect(await queued()).toEqual(['chat.title.changed', 'facetime.incoming'])
  expect(await heard()).toHaveLength(2)
})
