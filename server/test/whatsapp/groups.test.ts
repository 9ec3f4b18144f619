/** Groups on WhatsApp: made and changed by us and by others, each change told once, and everybody in them shown as they are known. */
import sharp from 'sharp'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Ask, askerOf } from '../contract/ask.ts'
import { openScene, type Scene, type Somebody, type WhatsappStory } from '../support/whatsapp-story.ts'

let scene: Scene
let story: WhatsappStory
let ask: Ask
let ada: Somebody
let bob: Somebody
let us: string
beforeAll(async () => {
  scene = await openScene()
  ask = await askerOf(scene.gateway)
  ada = scene.somebody('Ada')
  bob = scene.somebody('Bob')
  us = scene.line.address
})
afterAll(async () => {
  await scene.stop()
  expect(scene.gateway.errors).toEqual([])
})
beforeEach(async () => {
  story = await scene.begin()
})

const pathOf = (group: string) => `/v1/chats/${encodeURIComponent(group)}`
const out = (what: string) => [`message.queued ${what}`, `message.sent ${what}`, `message.delivered ${what}`]
const codeOf = async (call: string, body?: unknown) => {
  // Not held against the document: to its judge anything above 500 is a fault.
  const [method = '', path = ''] = call.split(' ')
  const answer = await story.call(method, path, body)
  return [answer.status, answer.body.error?.code ?? null]
}

async function make(name: string, ...people: readonly Somebody[]): Promise<string> {
  const participants = people.map(({ handle }) => handle)
  const { status, body } = await ask('POST /v1/chats/groups', { channel: 'whatsapp', name, participants, from: us })
  expect(status, JSON.stringify(body)).toBe(201)
  return body.data.chatId
}

/** Somebody else's, of which we know because somebody has written there. */
async function madeBy(owner: Somebody, name: string, ...people: readonly Somebody[]): Promise<string> {
  const group = owner.creates(name, us, ...people.map(({ handle }) => handle))
  await owner.says(group, 'Welcome')
  await story.hears('message.inbound Ada: Welcome')
  story = await scene.begin()
  return group
}

interface Member {
  handle: string
  role: string
  admin?: string | null
  isPhoneResolved: boolean
}

const roster = async (group: string): Promise<Member[]> =>
  (await ask(`GET ${pathOf(group)}`)).body.data.chat.participants
const handles = async (group: string) => (await roster(group)).map(({ handle }) => handle)

describe('by us', () => {
  test('a group is made with its people, who are told by WhatsApp, and nobody else is', async () => {
    const participants = [ada.handle, bob.jid]
    const body = { channel: 'whatsapp', name: 'Launch', participants, from: us }
    const made = await ask('POST /v1/chats/groups', body)
    expect(made.status).toBe(201)
    const member = { contactId: null, role: 'member', isPhoneResolved: true, admin: null }
    const others = [ada.jid, bob.jid].map((handle) => ({ handle, ...member }))
    expect(made.body.data).toMatchObject({
      ...{ chatId: expect.stringMatching(/^\d+@g\.us$/), channel: 'whatsapp', name: 'Launch', participants: others },
      chat: { providerChatGuid: made.body.data.chatId, isGroup: true, name: 'Launch' },
    })
    const self = { handle: 'self', contactId: null, role: 'self', isPhoneResolved: true }
    expect(made.body.data.chat.participants).toEqual([...others, self])
    expect(ada.isIn()).toContainEqual({ id: made.body.data.chatId, subject: 'Launch', role: null })
    await story.writes(made.body.data.chatId, 'We are here')
    await story.hears(...out('We are here'))
    expect(bob.received.at(-1)).toMatchObject({ text: 'We are here', chat: made.body.data.chatId, from: us })
  })

  test('it is renamed, told once', async () => {
    const group = await make('Launch', ada)
    const { body } = await ask(`PUT ${pathOf(group)}/name`, { name: 'Launch, third quarter' })
    expect(body.data).toMatchObject({ name: 'Launch, third quarter', chat: { name: 'Launch, third quarter' } })
    expect(ada.isIn()).toContainEqual({ id: group, subject: 'Launch, third quarter', role: null })
    await story.hears('chat.title.changed Launch, third quarter, by us')
    await ada.says(group, 'Nice')
    await story.hears('chat.title.changed Launch, third quarter, by us', 'message.inbound Ada: Nice')
    expect((await story.last('message.inbound')).conversation).toMatchObject({ groupName: 'Launch, third quarter' })
  })

  test('it gets a picture and loses it, each told once, and others see a JPEG', async () => {
    const group = await make('Launch', ada)
    const png = await sharp({ create: { width: 300, height: 300, channels: 3, background: '#2a6' } })
      .png()
      .toBuffer()
    const set = await ask(`POST ${pathOf(group)}/icon`, { imageBase64: png.toString('base64'), mimeType: 'image/png' })
    expect([set.status, set.body.data.photoUrl]).toEqual([200, expect.any(String)])
    await story.hears('chat.photo.changed set, by us')
    expect(ada.learned.at(-1)).toEqual({ group, by: us, what: 'picture' })
    const removed = await ask(`DELETE ${pathOf(group)}/icon`)
    expect([removed.status, removed.body.data.photoUrl]).toEqual([200, null])
    await story.hears('chat.photo.changed set, by us', 'chat.photo.changed removed, by us')
    expect(ada.learned.filter((one) => one.group === group && one.what === 'picture')).toHaveLength(2)
  })

  test('somebody is added and removed, by number or by name, each told once', async () => {
    const group = await make('Launch', ada)
    const path = `${pathOf(group)}/participants`
    const added = await ask(`POST ${path}`, { participant: bob.handle })
    expect(added.body.data.participant).toMatchObject({ handle: bob.jid, isPhoneResolved: true, admin: null })
    await story.hears('chat.participant.added Bob, by us')
    expect((await story.last('chat.participant.added')).chat.participants.map((one: Member) => one.handle)).toEqual([
      ...[ada.jid, bob.jid, 'self'],
    ])
    // Who is in it already is added to nobody.
    expect((await ask(`POST ${path}`, { participant: bob.jid })).status).toBe(200)
    const removed = await ask(`DELETE ${path}/${encodeURIComponent(bob.handle)}`)
    expect(removed.body.data.removedParticipant).toMatchObject({ handle: bob.jid })
    await story.hears('chat.participant.added Bob, by us', 'chat.participant.left Bob, by us')
    expect(bob.isIn().map(({ id }) => id)).not.toContain(group)
    expect(await handles(group)).toEqual([ada.jid, 'self'])
  })

  test('it is left, which is told to nobody here, and from then on nothing goes there', async () => {
    const group = await make('Launch', ada)
    const { body } = await ask(`POST ${pathOf(group)}/leave`)
    expect(body.data).toMatchObject({ providerChatGuid: group, left: true })
    expect(ada.learned.at(-1)).toMatchObject({ group, what: 'leave' })
    await ada.says(group, 'Are you gone?')
    await story.hears()
    expect(await handles(group)).toEqual([ada.jid])
    const id = await story.writes(group, 'One more thing')
    await story.hears('message.queued One more thing', 'message.failed One more thing: CONVERSATION_NOT_FOUND')
    expect((await story.get(id)).errorCode).toBe('CONVERSATION_NOT_FOUND')
    expect(await codeOf(`PUT ${pathOf(group)}/name`, { name: 'Mine' })).toEqual([502, 'CHAT_CHANGE_FAILED'])
    expect(ada.received.map(({ text }) => text)).not.toContain('One more thing')
  })

  test('typing is shown to all of its people', async () => {
    const group = await make('Launch', ada, bob)
    const before = [ada, bob].map(({ seen }) => seen.length)
    expect((await ask(`POST ${pathOf(group)}/typing`, { status: 'start' })).body.data.typing).toBe(true)
    expect((await ask(`POST ${pathOf(group)}/typing`, { status: 'stop' })).body.data.typing).toBe(false)
    const states = () => [ada, bob].map(({ seen }, nth) => seen.slice(before[nth]).map((one) => [one.chat, one.state]))
    const both = [
      [group, 'composing'],
      [group, 'paused'],
    ]
    await expect.poll(states).toEqual([both, both])
    await story.hears()
  })
})

describe('by others', () => {
  test('each change is told once, with who did it and how the group is then', async () => {
    const group = await madeBy(ada, 'Kitchen', bob)
    const carl = scene.somebody('Carl')
    ada.renames(group, 'Garden')
    ada.adds(group, carl.handle)
    ada.showsPicture(
      await sharp({ create: { width: 64, height: 64, channels: 3, background: '#26a' } })
        .jpeg()
        .toBuffer(),
      group,
    )
    ada.showsPicture(null, group)
    ada.removes(group, bob.handle)
    carl.leaves(group)
    await story.hears(
      'chat.title.changed Garden, by Ada',
      'chat.participant.added Carl, by Ada',
      'chat.photo.changed set, by Ada',
      'chat.photo.changed removed, by Ada',
      'chat.participant.left Bob, by Ada',
      'chat.participant.left Carl, by Carl',
    )
    const rosters = (await story.told()).flatMap(({ data }) =>
      data.participant === undefined ? [] : [data.chat.participants.map((one: Member) => one.handle)],
    )
    expect(rosters).toEqual([
      [ada.jid, bob.jid, carl.jid, 'self'],
      [ada.jid, carl.jid, 'self'],
      [ada.jid, 'self'],
    ])
    expect(await handles(group)).toEqual([ada.jid, 'self'])
  })

  test('ranks are shown, and told to nobody', async () => {
    const group = await madeBy(ada, 'Kitchen', bob)
    const ranks = async () => (await roster(group)).map(({ handle, role, admin }) => [handle, role, admin])
    const owner = [ada.jid, 'owner', 'superadmin']
    const self = ['self', 'self', undefined]
    expect(await ranks()).toEqual([owner, [bob.jid, 'member', null], self])
    ada.promotes(group, bob.handle)
    await story.hears()
    expect(await ranks()).toEqual([owner, [bob.jid, 'member', 'admin'], self])
    ada.demotes(group, bob.handle)
    await story.hears()
    expect(await ranks()).toEqual([owner, [bob.jid, 'member', null], self])
  })

  test('we are removed, which is told, and added again, which is told as well', async () => {
    const group = await madeBy(ada, 'Kitchen', bob)
    ada.removes(group, us)
    await story.hears('chat.participant.left us, by Ada')
    await ada.says(group, 'They cannot hear us')
    const id = await story.writes(group, 'Let me in')
    const told = [
      ...['chat.participant.left us, by Ada', 'message.queued Let me in'],
      'message.failed Let me in: CONVERSATION_NOT_FOUND',
    ]
    await story.hears(...told)
    expect((await story.get(id)).status).toBe('failed')
    ada.adds(group, us)
    await ada.says(group, 'Welcome back')
    await story.hears(...told, 'chat.participant.added us, by Ada', 'message.inbound Ada: Welcome back')
    expect(await handles(group)).toEqual([ada.jid, bob.jid, 'self'])
    await story.writes(group, 'Thanks')
    await story.hears(
      ...told,
      ...['chat.participant.added us, by Ada', 'message.inbound Ada: Welcome back'],
      ...out('Thanks'),
    )
  })

  test('a group is known from its first message, with all of its people', async () => {
    const group = ada.creates('Kitchen', us, bob.handle)
    await bob.says(group, 'Hello, all')
    await story.hears('message.inbound Bob: Hello, all')
    const { chat, conversation, sender, from } = await story.last('message.inbound')
    expect([from, sender]).toEqual([bob.handle, { contactId: null, handle: bob.jid }])
    const there = [
      { handle: ada.jid, contactId: null, role: 'owner', isPhoneResolved: true, admin: 'superadmin' },
      { handle: bob.jid, contactId: null, role: 'member', isPhoneResolved: true, admin: null },
      { handle: 'self', contactId: null, role: 'self', isPhoneResolved: true },
    ]
    expect(chat).toMatchObject({ providerChatGuid: group, isGroup: true, name: 'Kitchen' })
    expect(chat.participants).toEqual(expect.arrayContaining(there))
    expect(chat.participants).toHaveLength(there.length)
    expect(conversation).toMatchObject({ groupName: 'Kitchen', participants: chat.participants })
  })

  test('only admins may write or change things, if they say so: then ours is refused and nothing is changed', async () => {
    const group = await madeBy(ada, 'Kitchen', bob)
    const remove = `DELETE ${pathOf(group)}/participants/${encodeURIComponent(bob.handle)}`
    expect(await codeOf(remove)).toEqual([502, 'CHAT_CHANGE_FAILED'])
    ada.locks(group)
    expect(await codeOf(`PUT ${pathOf(group)}/name`, { name: 'Ours' })).toEqual([502, 'CHAT_CHANGE_FAILED'])
    ada.silences(group)
    await story.writes(group, 'May I?')
    await story.hears('message.queued May I?', 'message.failed May I?: WHATSAPP_REJECTED')
    ada.silences(group, false)
    await story.writes(group, 'And now?')
    const told = ['message.queued May I?', 'message.failed May I?: WHATSAPP_REJECTED', ...out('And now?')]
    await story.hears(...told)
    expect(await handles(group)).toEqual([ada.jid, bob.jid, 'self'])
  })
})

describe('people of whom only a LID is known', () => {
  const hidden = (name: string) => {
    const person = scene.somebody(name)
    person.isKnownBy('lid')
    return person
  }

  test('are shown by it in the roster and as senders, until their number comes out', async () => {
    const dora = hidden('Dora')
    const group = await madeBy(ada, 'Kitchen', dora)
    const shown = async () => (await roster(group)).map((one) => [one.handle, one.isPhoneResolved])
    expect(await shown()).toEqual([
      [ada.jid, true],
      [dora.lid, false],
      ['self', true],
    ])
    await dora.says(group, 'Guess who')
    await story.hears('message.inbound Dora@lid: Guess who')
    expect(await story.last('message.inbound')).toMatchObject({ from: null, sender: { handle: dora.lid } })
    dora.isKnownBy('both')
    await dora.says(group, 'It is me')
    await story.hears('message.inbound Dora@lid: Guess who', 'message.inbound Dora: It is me')
    expect(await shown()).toEqual([
      [ada.jid, true],
      [dora.jid, true],
      ['self', true],
    ])
    const { messages } = (await ask(`GET ${pathOf(group)}/messages`)).body.data
    expect(messages.map(({ content }: { content: { text: string } }) => content.text)).toEqual([
      ...['It is me', 'Guess who', 'Welcome'],
    ])
  })

  test('are one person under the number by which they are added, and are removed by either name', async () => {
    const made = await make('Launch', ada, hidden('Eddy'))
    expect((await roster(made)).map(({ isPhoneResolved }) => isPhoneResolved)).toEqual([true, true, true])
    const emil = hidden('Emil')
    const group = await make('Launch', ada)
    const path = `${pathOf(group)}/participants`
    expect((await ask(`POST ${path}`, { participant: emil.handle })).status).toBe(200)
    await story.hears('chat.participant.added Emil, by us')
    expect(await handles(group)).toEqual([ada.jid, emil.jid, 'self'])
    const removed = await ask(`DELETE ${path}/${encodeURIComponent(emil.lid)}`)
    expect([removed.status, emil.isIn().some(({ id }) => id === group)]).toEqual([200, false])
    await story.hears('chat.participant.added Emil, by us', 'chat.participant.left Emil, by us')
  })

  test('write to us and are answered, and are one person with their number once it is known', async () => {
    const fay = hidden('Fay')
    await fay.says(us, 'Do you know me?')
    await story.hears('message.inbound Fay@lid: Do you know me?')
    const { chat, from, sender } = await story.last('message.inbound')
    expect([from, sender.handle, chat.providerChatGuid]).toEqual([null, fay.lid, fay.lid])
    const answer = await story.call('POST', '/v1/messages', { chatId: chat.chatId, content: { text: 'Not yet' } })
    expect(answer.status).toBe(202)
    await story.hears('message.inbound Fay@lid: Do you know me?', ...out('Not yet'))
    expect(fay.received.at(-1)).toMatchObject({ text: 'Not yet', from: us })
    await scene.network.phoneOf(us).learnsNumberOf(fay.handle)
    await fay.says(us, 'And now?')
    const told = ['message.inbound Fay@lid: Do you know me?', ...out('Not yet'), 'message.inbound Fay: And now?']
    await story.hears(...told)
    expect(await story.last('message.inbound')).toMatchObject({ from: fay.handle, chat: { chatId: chat.chatId } })
    await story.writes(fay, 'Now I do')
    await story.hears(...told, ...out('Now I do'))
    const { messages } = (await ask(`GET ${pathOf(fay.jid)}/messages`)).body.data
    expect(messages).toHaveLength(4)
  })
})

describe('people who let only some add them', () => {
  const shy = (name: string) => {
    const person = scene.somebody(name)
    person.mayBeAdded(false)
    return person
  }

  test('are missing from a group that is made with them', async () => {
    const gil = shy('Gil')
    const group = await make('Launch', ada, gil)
    expect(await handles(group)).toEqual([ada.jid, 'self'])
    await story.hears()
  })

  test('are not added, which is said and told to nobody', async () => {
    const group = await make('Launch', ada)
    const answer = await story.call('POST', `${pathOf(group)}/participants`, { participant: shy('Hal').handle })
    expect([answer.status, answer.body.error.code]).toEqual([502, 'CHAT_CHANGE_FAILED'])
    expect(answer.body.error.message).toContain('403')
    await story.hears()
    expect(await handles(group)).toEqual([ada.jid, 'self'])
  })

  test('make no group by themselves', async () => {
    const body = { channel: 'whatsapp', name: 'Nobody', participants: [shy('Ina').handle], from: us }
    expect(await codeOf('POST /v1/chats/groups', body)).toEqual([502, 'CHAT_CHANGE_FAILED'])
    const absent = scene.somebody('Jon')
    scene.people.set(absent.handle, { onWhatsapp: false })
    const group = await make('Launch', ada)
    const add = { participant: absent.handle }
    expect(await codeOf(`POST ${pathOf(group)}/participants`, add)).toEqual([400, 'NO_CHANNEL_AVAILABLE'])
    await story.hears()
  })
})

test('what is not for a group of WhatsApp is refused with its documented code', async () => {
  const group = await make('Launch', ada)
  const unknown = pathOf('120363000000000001@g.us')
  const cases: [string, unknown, number, string][] = [
    ['POST /v1/chats/groups', { channel: 'whatsapp', participants: [ada.handle], from: us }, 400, 'NAME_REQUIRED'],
    [`POST ${pathOf(group)}/read`, undefined, 400, 'CHANNEL_NOT_SUPPORTED'],
    [`POST ${pathOf(group)}/unread`, undefined, 400, 'CHANNEL_NOT_SUPPORTED'],
    [`PUT ${pathOf(group)}/name`, { name: 'x', from: '+15550100100' }, 400, 'FROM_INSTANCE_CANNOT_REACH'],
    [`PUT ${unknown}/name`, { name: 'x' }, 404, 'CONVERSATION_NOT_FOUND'],
    [`POST ${unknown}/leave`, undefined, 404, 'CONVERSATION_NOT_FOUND'],
    [`POST ${unknown}/typing`, { status: 'start' }, 404, 'CONVERSATION_NOT_FOUND'],
  ]
  for (const [call, body, status, code] of cases)
    expect([call, ...(await codeOf(call, body))]).toEqual([call, status, code])
  const id = await story.writes('120363000000000001@g.us', 'Is there anybody?')
  await story.hears('message.queued Is there anybody?', 'message.failed Is there anybody?: CONVERSATION_NOT_FOUND')
  expect((await story.get(id)).errorCode).toBe('CONVERSATION_NOT_FOUND')
})
