/** Groups on iMessage: made and changed by us and by others, each change told once although the Mac tells it twice. */
import sharp from 'sharp'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Person } from '../../../networks/src/imessage/people/person.ts'
import { type ImessageStory, openScene, out, type Scene } from '../support/imessage-story.ts'

let scene: Scene
let story: ImessageStory
let ada: Person
let bob: Person
let carl: Person
let us: string
/** Apple gives the same people the same group: each test has people of its own. */
beforeAll(async () => {
  scene = await openScene()
  us = scene.line.address
})
afterAll(async () => {
  await scene.stop()
  expect(scene.gateway.errors).toEqual([])
  expect(scene.network.breaches).toEqual([])
})
beforeEach(async () => {
  ada = scene.somebody('Ada')
  bob = scene.somebody('Bob')
  carl = scene.somebody('Carl')
  story = await scene.begin()
})

const pathOf = (group: string) => `/v1/chats/${encodeURIComponent(group)}`
const ask = (call: string, body?: unknown) => scene.ask(call, body)
const codeOf = async (call: string, body?: unknown) => {
  // Not held against the document: to its judge anything above 500 is a fault.
  const [method = '', path = ''] = call.split(' ')
  const answer = await story.call(method, path, body)
  return [answer.status, answer.body.error?.code ?? null]
}
const jpegOf = (red: number) =>
  sharp({ create: { width: 64, height: 64, channels: 3, background: { r: red, g: 90, b: 90 } } })
    .jpeg()
    .toBuffer()

async function make(name: string | null, ...people: readonly Person[]): Promise<string> {
  const participants = people.map(({ address }) => address)
  const { status, body } = await ask('POST /v1/chats/groups', {
    ...(name !== null && { name }),
    participants,
    from: us,
  })
  expect(status, JSON.stringify(body)).toBe(201)
  return body.data.chatId
}

/** Somebody else's, of which we know because somebody has written there. */
async function madeBy(owner: Person, ...others: readonly Person[]): Promise<string> {
  const group = owner.startsGroup(
    others.map(({ address }) => address),
    { text: 'Welcome' },
  )
  await story.hears('message.inbound Ada: Welcome')
  story = await scene.begin()
  return group
}

interface Member {
  handle: string
  role: string
  isPhoneResolved: boolean
}

const handles = async (group: string): Promise<string[]> =>
  (await ask(`GET ${pathOf(group)}`)).body.data.chat.participants.map(({ handle }: Member) => handle).sort()
const all = (...people: readonly Person[]) => [...people.map(({ address }) => address), 'self'].sort()
const onMac = (group: string) => scene.network.chats().find(({ guid }) => guid === group)

describe('by us', () => {
  test('a group is made with its people, who see its first message, and nobody is told', async () => {
    const eve = scene.somebody('Eve', 'eve@example.org')
    const participants = [ada, bob, eve].map(({ address }) => address)
    const made = await ask('POST /v1/chats/groups', { name: 'Launch', participants, from: us })
    expect(made.status).toBe(201)
    const { chatId, chat, name } = made.body.data
    expect(chatId).toMatch(/^iMessage;\+;chat\d+$/)
    expect(scene.network.chats().map(({ guid }) => guid)).toContain(chatId)
    expect([name, chat]).toMatchObject(['Launch', { providerChatGuid: chatId, isGroup: true, name: 'Launch' }])
    const member = { contactId: null, role: 'member' }
    expect(chat.participants).toEqual([
      ...[ada, bob].map(({ address: handle }) => ({ handle, ...member, isPhoneResolved: true })),
      { handle: eve.address, ...member, isPhoneResolved: false },
      { handle: 'self', contactId: null, role: 'self', isPhoneResolved: true },
    ])
    for (const one of [ada, bob, eve]) expect(one.received).toMatchObject([{ text: 'Launch', chat: chatId, from: us }])
    await story.hears()
    await story.writes(chatId, 'We are here')
    await story.hears(...out('We are here'))
    for (const one of [ada, bob, eve]) expect(one.received.at(-1)).toMatchObject({ text: 'We are here', chat: chatId })
    eve.says('Hello, all', { to: chatId })
    await story.hears(...out('We are here'), 'message.inbound Eve: Hello, all')
    expect((await story.last('message.inbound')).conversation).toMatchObject({ id: chat.chatId, groupName: 'Launch' })
  })

  test('one without a name begins with a greeting, and one with too few people is refused', async () => {
    const group = await make(null, ada, bob)
    expect(ada.received).toMatchObject([{ text: 'Hi', chat: group }])
    expect((await ask(`GET ${pathOf(group)}`)).body.data.chat.name).toBeNull()
    const alone = { participants: [carl.address], from: us }
    expect(await codeOf('POST /v1/chats/groups', alone)).toEqual([502, 'CHAT_CHANGE_FAILED'])
    scene.people.set('+13037779999', { onImessage: false })
    const absent = { participants: [ada.address, '+13037779999'], from: us }
    const [status, code] = await codeOf('POST /v1/chats/groups', absent)
    expect([status, code]).toEqual([400, 'NO_CHANNEL_AVAILABLE'])
    await story.hears()
  })

  test('it is renamed right after it was made, told once although the Mac tells of its first name later', async () => {
    const group = await make('Launch', ada, bob)
    const { body } = await ask(`PUT ${pathOf(group)}/name`, { name: 'Launch, third quarter 🚀' })
    expect(body.data).toMatchObject({ name: 'Launch, third quarter 🚀', chat: { name: 'Launch, third quarter 🚀' } })
    expect(onMac(group)?.displayName).toBe('Launch, third quarter 🚀')
    await story.hears('chat.title.changed Launch, third quarter 🚀, by us')
    expect(await handles(group)).toEqual(all(ada, bob))
  })

  test('it gets a picture and loses it, each told once', async () => {
    const group = await make('Launch', ada, bob)
    const icon = { imageBase64: (await jpegOf(20)).toString('base64'), mimeType: 'image/jpeg' }
    const set = await ask(`POST ${pathOf(group)}/icon`, icon)
    expect([set.status, set.body.data.photoUrl]).toEqual([200, expect.any(String)])
    expect(onMac(group)?.iconGuid).toEqual(expect.any(String))
    await story.hears('chat.photo.changed set, by us')
    const removed = await ask(`DELETE ${pathOf(group)}/icon`)
    expect([removed.status, removed.body.data.photoUrl]).toEqual([200, null])
    expect(onMac(group)?.iconGuid).toBeNull()
    await story.hears('chat.photo.changed set, by us', 'chat.photo.changed removed, by us')
  })

  test('somebody is added and removed, each told once, and who is there already is added to nobody', async () => {
    const group = await make('Launch', ada, bob)
    const path = `${pathOf(group)}/participants`
    const added = await ask(`POST ${path}`, { participant: carl.address })
    expect(added.body.data.participant).toMatchObject({ handle: carl.address, isPhoneResolved: true })
    await story.hears('chat.participant.added Carl, by us')
    const { chat } = await story.last('chat.participant.added')
    expect(chat.participants.map(({ handle }: Member) => handle).sort()).toEqual(all(ada, bob, carl))
    expect((await ask(`POST ${path}`, { participant: carl.address })).status).toBe(200)
    const removed = await ask(`DELETE ${path}/${encodeURIComponent(carl.address)}`)
    expect(removed.body.data.removedParticipant).toMatchObject({ handle: carl.address })
    await story.hears('chat.participant.added Carl, by us', 'chat.participant.left Carl, by us')
    expect(await handles(group)).toEqual(all(ada, bob))
    expect(onMac(group)?.participants.map(({ address }) => address)).toEqual([ada.address, bob.address])
  })

  test('it is left, and from then on nothing goes there', async () => {
    const group = await make('Launch', ada, bob, carl)
    const { body } = await ask(`POST ${pathOf(group)}/leave`)
    expect(body.data).toMatchObject({ providerChatGuid: group, left: true })
    expect(onMac(group)?.hasLeft).toBe(true)
    ada.says('Are you gone?', { to: group })
    const id = await story.writes(group, 'One more thing')
    await story.hears('message.queued One more thing', 'message.failed One more thing: CONVERSATION_NOT_FOUND')
    expect((await story.get(id)).status).toBe('failed')
    expect(ada.received.map(({ text }) => text)).toEqual(['Launch'])
  })

  test('it is read and typed in', async () => {
    const group = await madeBy(ada, bob)
    expect((await ask(`POST ${pathOf(group)}/read`)).body.data.read).toBe(true)
    expect(ada.readBy).toHaveLength(1)
    expect((await ask(`POST ${pathOf(group)}/typing`, { status: 'start' })).body.data.typing).toBe(true)
    expect(bob.seen.map(({ chat, isTyping }) => [chat, isTyping])).toEqual([[group, true]])
    await story.hears()
  })
})

describe('by others', () => {
  test('a group is known from its first message, with its people', async () => {
    const group = bob.startsGroup([ada.address], { text: 'Hello, all' })
    await story.hears('message.inbound Bob: Hello, all')
    const { chat, conversation, from } = await story.last('message.inbound')
    expect(from).toBe(bob.address)
    expect(chat).toMatchObject({ providerChatGuid: group, isGroup: true })
    expect(chat.participants.map(({ handle }: Member) => handle).sort()).toEqual(all(ada, bob))
    expect(conversation.participants).toEqual(chat.participants)
  })

  test('each change is told once, with who did it and how the group is then', async () => {
    const group = await madeBy(ada, bob)
    const told: string[] = []
    const step = async (change: () => void, line: string, ...there: readonly Person[]) => {
      change()
      told.push(line)
      await story.hears(...told)
      expect(await handles(group)).toEqual(all(...there))
    }
    await step(() => ada.renames(group, 'Garden'), 'chat.title.changed Garden, by Ada', ada, bob)
    await step(() => bob.addsTo(group, carl.address), 'chat.participant.added Carl, by Bob', ada, bob, carl)
    const jpeg = await jpegOf(30)
    await step(() => ada.setsIcon(group, jpeg), 'chat.photo.changed set, by Ada', ada, bob, carl)
    const photo = await story.last('chat.photo.changed')
    expect(Buffer.from(await (await fetch(photo.photoUrl)).arrayBuffer())).toEqual(jpeg)
    await step(() => ada.setsIcon(group, null), 'chat.photo.changed removed, by Ada', ada, bob, carl)
    await step(() => ada.removes(group, bob.address), 'chat.participant.left Bob, by Ada', ada, carl)
    await step(() => carl.leaves(group), 'chat.participant.left Carl, by Carl', ada)
  })

  test('many changes at once are told in their order', async () => {
    const group = await madeBy(ada, bob)
    ada.renames(group, 'One')
    ada.addsTo(group, carl.address)
    bob.renames(group, 'Two')
    ada.removes(group, bob.address)
    ada.renames(group, 'One')
    await story.hears(
      'chat.title.changed One, by Ada',
      'chat.participant.added Carl, by Ada',
      'chat.title.changed Two, by Bob',
      'chat.participant.left Bob, by Ada',
      'chat.title.changed One, by Ada',
    )
    expect(await handles(group)).toEqual(all(ada, carl))
  })

  test('what we change between their changes keeps its order', async () => {
    const group = await madeBy(ada, bob)
    ada.renames(group, 'Theirs')
    await story.hears('chat.title.changed Theirs, by Ada')
    await ask(`PUT ${pathOf(group)}/name`, { name: 'Ours' })
    ada.renames(group, 'Theirs')
    await story.hears(
      'chat.title.changed Theirs, by Ada',
      'chat.title.changed Ours, by us',
      'chat.title.changed Theirs, by Ada',
    )
    expect((await ask(`GET ${pathOf(group)}`)).body.data.chat.name).toBe('Theirs')
  })

  test('we are removed, which is told, and cannot write any more', async () => {
    const group = await madeBy(ada, bob)
    ada.removesLine(group)
    await story.hears('chat.participant.left us, by Ada')
    await story.writes(group, 'Let me in')
    await story.hears(
      'chat.participant.left us, by Ada',
      'message.queued Let me in',
      'message.failed Let me in: CONVERSATION_NOT_FOUND',
    )
  })
})

test('what is not for a group is refused with its documented code', async () => {
  ada.says('Hello')
  await story.hears('message.inbound Ada: Hello')
  const two = pathOf(`iMessage;-;${ada.address}`)
  const unknown = pathOf('iMessage;+;chat000000000000000001')
  const cases: [string, unknown, number, string][] = [
    [`PUT ${two}/name`, { name: 'x' }, 400, 'INVALID_REQUEST'],
    [`POST ${two}/participants`, { participant: bob.address }, 400, 'INVALID_REQUEST'],
    [`POST ${two}/leave`, undefined, 400, 'INVALID_REQUEST'],
    [`PUT ${unknown}/name`, { name: 'x' }, 404, 'CONVERSATION_NOT_FOUND'],
    [`PUT ${two}/name`, { name: 'x', from: '+15550100100' }, 400, 'FROM_INSTANCE_CANNOT_REACH'],
  ]
  for (const [call, body, status, code] of cases)
    expect([call, ...(await codeOf(call, body))]).toEqual([call, status, code])
  await story.hears('message.inbound Ada: Hello')
})
