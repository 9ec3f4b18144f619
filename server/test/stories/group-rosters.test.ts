/** Who is in a group is known from whatever tells of it first, is as its network has it, and no stale word undoes it. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { ChatChange, ChatInfo, Incoming } from '../../src/channels/connector.ts'
import type { Peer } from '../../src/channels/inmemory/peers.ts'
import type { Channel } from '../../src/model/channel.ts'
import type { Handle, ProviderChatId, ProviderMessageId } from '../../src/model/ids.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { type Story, tell } from '../support/story.ts'

const ada = '+14155550177' as Handle
const bob = '+14155550178' as Handle
const cleo = '+14155550179' as Handle

let gateway: TestGateway
let us: Handle
let person: Peer
let story: Story
beforeAll(async () => {
  gateway = await startTestGateway()
  us = gateway.customer.line.address
  person = gateway.network.as(ada)
})
afterAll(async () => {
  await gateway.stop()
  expect(gateway.errors).toEqual([])
})
beforeEach(async () => {
  gateway.network.faults.set({})
  story = await tell(gateway)
})

/** A group of Ada, Bob and us, of which we have not heard. */
function unheardGroup(channel: Channel): ProviderChatId {
  return person.createsGroup(channel, 'Kitchen', [us, bob])
}

async function group(channel: Channel = 'whatsapp'): Promise<ProviderChatId> {
  const chat = unheardGroup(channel)
  person.in(chat).says('Welcome')
  await gateway.advance(61_000)
  story = await tell(gateway)
  return chat
}

async function write(chat: ProviderChatId): Promise<void> {
  await story.send({ to: chat, content: { text: 'To all' } })
  await gateway.advance(1_000)
}

/** As the answer to a send leaves it, if no echo comes. */
async function writeWithoutEcho(chat: ProviderChatId): Promise<void> {
  await write(chat)
  const text = `update conversations set unheard = true, name = null, participants = '[]' where provider_chat_id = $1`
  await gateway.database.db.query({ name: '', text }, [chat])
}

const writes = [
  ['whatsapp', 'with an echo', write],
  ['imessage', 'with an echo', write],
  ['imessage', 'without an echo', writeWithoutEcho],
] as const

const path = (chat: ProviderChatId) => `/v1/chats/${encodeURIComponent(chat)}`
const plain = (handle: string) => handle.replace(/^(\d+)@s\.whatsapp\.net$/, '+$1')

interface Shown {
  name: string | null
  participants: { handle: string; role: string; admin?: string | null }[]
}

const rosterOf = ({ name, participants }: Shown) => [name, ...participants.map(({ handle }) => plain(handle)).sort()]

async function shown(chat: ProviderChatId): Promise<(string | null)[]> {
  const { status, body } = await story.call('GET', path(chat))
  expect(status).toBe(200)
  return rosterOf(body.data.chat)
}

/** What was told of groups, with whom or what it is about, and the group after it. */
async function told(): Promise<unknown[]> {
  await gateway.advance(1_000)
  const news = (await story.told()).filter(({ type }) => type.startsWith('chat.'))
  return news.map(({ type, data }) => [type, data.name ?? plain(data.participant.handle), rosterOf(data.chat)])
}

/** As the network would tell if it told less, more, or late. */
function tellRaw(chat: ProviderChatId, event: Incoming): void {
  gateway.network.exchange.tell('whatsapp', us, chat, event)
}

let count = 0
const fresh = () => `raw-${++count}` as ProviderMessageId

function raw(chat: ProviderChatId, group: Partial<Omit<ChatInfo, 'members'>> & { members: readonly Handle[] }) {
  const members = group.members.map((handle) => ({ handle, phoneKnown: true, admin: null }))
  const about = { providerId: fresh(), chat, from: ada, at: new Date(gateway.clock.now()), echoOf: null }
  const said = { text: 'Hi', attachments: [], replyTo: null }
  return { kind: 'message', ...about, ...said, group: { chat, name: 'Kitchen', ...group, members } } as const
}

function notice(chat: ProviderChatId, change: ChatChange): Incoming {
  return { kind: 'chat', providerId: fresh(), chat, actor: ada, at: new Date(gateway.clock.now()), change }
}

const whole = [ada, bob, 'self']

test.each(writes)('a group on %s that we wrote to first, %s, is shown as it is', async (channel, _how, writing) => {
  const chat = unheardGroup(channel)
  await writing(chat)
  expect(await shown(chat)).toEqual(['Kitchen', ...whole])
  person.in(chat).renames('Garden')
  person.in(chat).says('Hi')
  expect(await told()).toEqual([['chat.title.changed', 'Garden', ['Garden', ...whole]]])
})

test.each(writes)(
  'nobody joins a group on %s that we wrote to first, %s, when it writes to us',
  async (channel, _how, writing) => {
    const chat = unheardGroup(channel)
    await writing(chat)
    person.in(chat).renames('Garden')
    person.in(chat).says('Hi')
    expect((await told()).length).toBe(1)
    expect(await shown(chat)).toEqual(['Garden', ...whole])
  },
)

test.each(writes)(
  'members of a group on %s that we wrote to first, %s, are changed like any',
  async (channel, _how, writing) => {
    const chat = unheardGroup(channel)
    await writing(chat)
    expect((await story.call('DELETE', `${path(chat)}/participants/${bob}`)).status).toBe(200)
    expect((await story.call('POST', `${path(chat)}/participants`, { participant: cleo })).status).toBe(200)
    person.in(chat).says('Hi')
    expect(await told()).toEqual([
      ['chat.participant.left', bob, ['Kitchen', ada, 'self']],
      ['chat.participant.added', cleo, ['Kitchen', ada, cleo, 'self']],
    ])
  },
)

test('who leaves a group of which we know nothing is told all the same', async () => {
  const chat = unheardGroup('imessage')
  await writeWithoutEcho(chat)
  gateway.network.as(bob).in(chat).leaves()
  person.in(chat).adds(cleo)
  person.in(chat).says('Hi')
  expect((await told()).map((one) => (one as string[]).slice(0, 2))).toEqual([
    ['chat.participant.left', bob],
    ['chat.participant.added', cleo],
  ])
  expect(await shown(chat)).toEqual(['Kitchen', ada, cleo, 'self'])
})

test('a network that does not say who is in a group keeps nobody from reading it', async () => {
  const chat = unheardGroup('imessage')
  await writeWithoutEcho(chat)
  gateway.network.failNext({ kind: 'refused', channel: 'imessage' })
  expect(await shown(chat)).toEqual([null, 'self'])
  expect(await shown(chat)).toEqual(['Kitchen', ...whole])
})

test('a group whose first message does not say who is in it is asked', async () => {
  const chat = unheardGroup('whatsapp')
  tellRaw(chat, raw(chat, { members: [bob] }))
  await gateway.settled()
  expect(await shown(chat)).toEqual(['Kitchen', ...whole])
  tellRaw(chat, raw(chat, { members: [ada, bob] }))
  expect(await told()).toEqual([])
})

test('an echo that comes before the answer to the send tells who is in the group', async () => {
  const chat = unheardGroup('whatsapp')
  gateway.network.faults.set({ early: 1 })
  await write(chat)
  gateway.network.faults.set({})
  person.in(chat).says('Hi')
  expect(await told()).toEqual([])
  expect(await shown(chat)).toEqual(['Kitchen', ...whole])
})

test('a message from before a change does not undo it', async () => {
  const chat = await group()
  const late = raw(chat, { members: [ada, bob] })
  person.in(chat).adds(cleo)
  person.in(chat).renames('Garden')
  await gateway.settled()
  tellRaw(chat, late)
  await gateway.advance(61_000)
  // Nor does it when it comes again.
  tellRaw(chat, late)
  expect(await told()).toEqual([
    ['chat.participant.added', cleo, ['Kitchen', ada, bob, cleo, 'self']],
    ['chat.title.changed', 'Garden', ['Garden', ada, bob, cleo, 'self']],
  ])
  expect(await shown(chat)).toEqual(['Garden', ada, bob, cleo, 'self'])
})

test('a change of which no notice ever comes is told by a message, once', async () => {
  const chat = await group()
  for (const _ of [1, 2]) tellRaw(chat, raw(chat, { members: [ada, cleo] }))
  expect(await told()).toEqual([
    ['chat.participant.added', cleo, ['Kitchen', ada, bob, cleo, 'self']],
    ['chat.participant.left', bob, ['Kitchen', ada, cleo, 'self']],
  ])
})

test('a message that tells of nobody, or not of its sender, tells nothing of who is in the group', async () => {
  const chat = await group()
  tellRaw(chat, raw(chat, { members: [] }))
  tellRaw(chat, raw(chat, { members: [bob, cleo] }))
  tellRaw(chat, raw(chat, { members: [us] }))
  expect(await told()).toEqual([])
  expect(await shown(chat)).toEqual(['Kitchen', ...whole])
})

test('a network may list ourselves: we are in the roster once', async () => {
  const chat = unheardGroup('whatsapp')
  tellRaw(chat, raw(chat, { members: [us, ada, bob] }))
  await gateway.settled()
  tellRaw(chat, raw(chat, { members: [ada, us, bob, cleo] }))
  expect(await told()).toEqual([['chat.participant.added', cleo, ['Kitchen', ada, bob, cleo, 'self']]])
  expect(await shown(chat)).toEqual(['Kitchen', ada, bob, cleo, 'self'])
})

test('while we are out of a group we are not in its roster', async () => {
  const chat = await group()
  person.in(chat).removes(us)
  expect(await told()).toEqual([['chat.participant.left', 'self', ['Kitchen', ada, bob]]])
  expect(await shown(chat)).toEqual(['Kitchen', ada, bob])
  person.in(chat).adds(us)
  expect((await told()).at(-1)).toEqual(['chat.participant.added', 'self', ['Kitchen', ...whole]])
  story = await tell(gateway)
  expect((await story.call('POST', `${path(chat)}/leave`)).status).toBe(200)
  expect(await told()).toEqual([])
  expect(await shown(chat)).toEqual(['Kitchen', ada, bob])
  person.in(chat).adds(us)
  person.in(chat).removes(us)
  expect((await told()).map((one) => (one as string[])[0])).toEqual(['chat.participant.added', 'chat.participant.left'])
})

test('when leaving is refused, and we are then removed, that is told', async () => {
  const chat = await group()
  gateway.network.failNext({ kind: 'refused', channel: 'whatsapp' })
  expect((await story.call('POST', `${path(chat)}/leave`)).status).toBe(502)
  expect(await shown(chat)).toEqual(['Kitchen', ...whole])
  person.in(chat).removes(us)
  expect(await told()).toEqual([['chat.participant.left', 'self', ['Kitchen', ada, bob]]])
})

test('a rank is shown at once, and nobody is told', async () => {
  const chat = await group()
  const ranks = async () => {
    const { body } = await story.call('GET', path(chat))
    const { participants } = body.data.chat as Shown
    return Object.fromEntries(participants.map(({ handle, role, admin }) => [plain(handle), `${role} ${admin}`]))
  }
  const before = { [ada]: 'owner superadmin', [bob]: 'member null', self: 'self undefined' }
  person.in(chat).promotes(bob)
  await gateway.settled()
  expect(await ranks()).toEqual({ ...before, [bob]: 'member admin' })
  // A message from before it does not undo it.
  tellRaw(chat, raw(chat, { members: [ada, bob] }))
  await gateway.settled()
  expect(await ranks()).toMatchObject({ [bob]: 'member admin' })
  person.in(chat).demotes(bob)
  await gateway.settled()
  expect(await ranks()).toMatchObject({ [bob]: 'member null' })
  tellRaw(chat, notice(chat, { what: 'rank', member: us, admin: 'admin' }))
  tellRaw(chat, notice(chat, { what: 'rank', member: cleo, admin: 'admin' }))
  expect(await told()).toEqual([])
})

test('after the answer a name is the caller’s, whatever others named it meanwhile', async () => {
  const chat = await group()
  const rename = async (name: string) => (await story.call('PUT', `${path(chat)}/name`, { name })).body.data.chat.name
  person.in(chat).renames('Garden')
  await gateway.settled()
  expect([await rename('Cellar'), await rename('Garden')]).toEqual(['Cellar', 'Garden'])
  await gateway.settled()
  person.in(chat).renames('Attic')
  person.in(chat).renames('Garden')
  expect((await told()).map((one) => (one as string[])[1])).toEqual(['Garden', 'Cellar', 'Garden', 'Attic', 'Garden'])
  expect((await shown(chat))[0]).toBe('Garden')
})
