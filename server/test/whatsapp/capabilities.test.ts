/** What WhatsApp carries besides files, both ways: each line of the table in the documentation, through real HTTP and on real phones. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { until } from '../support/gateway.ts'
import { openScene, type Scene, type Somebody, type WhatsappStory } from '../support/whatsapp-story.ts'

let scene: Scene
let story: WhatsappStory
let ada: Somebody
let bob: Somebody
let us: string
/** Ada's, with Bob and us. */
let group: string

beforeAll(async () => {
  scene = await openScene()
  ada = scene.somebody('Ada')
  bob = scene.somebody('Bob')
  us = scene.line.address
  group = ada.creates('Kitchen', bob.handle, us)
  story = await scene.begin()
  await ada.says(us, 'Hello')
  await ada.says(group, 'Hello, both')
  await story.hears('message.inbound Ada: Hello', 'message.inbound Ada: Hello, both')
})
afterAll(async () => {
  await scene.stop()
  expect(scene.gateway.errors).toEqual([])
})
beforeEach(async () => {
  story = await scene.begin()
})

const out = (what: string) => [`message.queued ${what}`, `message.sent ${what}`, `message.delivered ${what}`]
const shown = (person: Somebody) => person.received.filter(({ kind }) => kind !== 'reaction').at(-1)

test('a text goes out as it is written and comes in as it is written', async () => {
  const text = 'Grüße aus Köln 🙂\n*no* _markup_ https://example.com'
  const id = await story.writes(ada, text)
  await story.hears(...out(text))
  expect(shown(ada)).toMatchObject({ kind: 'text', text, from: us, mentions: [], quotes: null, expiration: 0 })
  expect((await story.get(id)).externalId).toBe(shown(ada)?.id)
  const theirs = await ada.says(us, text)
  await story.hears(...out(text), `message.inbound Ada: ${text}`)
  expect(await story.last('message.inbound')).toMatchObject({
    ...{ from: ada.handle, to: us, channel: 'whatsapp', text, externalMessageId: theirs },
    ...{ attachments: [], parentMessageId: null, customerId: scene.gateway.customer.id },
    sender: { contactId: null, handle: ada.jid },
    chat: { channel: 'whatsapp', isGroup: false, providerChatGuid: ada.jid },
  })
})

describe('reactions', () => {
  const react = (id: string, type: string) => story.call('POST', `/v1/messages/${id}/reactions`, { type })
  const seen = () => ada.received.flatMap(({ reaction }) => reaction ?? [])

  test('of ours are shown as their emoji, one after the other, and taken back', async () => {
    const id = await story.writes(ada, 'What do you think?')
    await story.hears(...out('What do you think?'))
    const { externalId: to } = await story.get(id)
    const words = ['love', 'like', 'dislike', 'laugh', 'emphasize', 'question', '🔥', '-🔥', 'love', '-love']
    for (const word of words) {
      const { status, body } = await react(id, word)
      expect([status, body.data]).toEqual([200, { messageId: id, reaction: word }])
    }
    const emojis = ['❤️', '👍', '👎', '😂', '‼️', '❓', '🔥', null, '❤️', null]
    await expect.poll(seen).toEqual(emojis.map((emoji) => ({ to, emoji })))
    await story.hears(...out('What do you think?'))
  })

  test('of ours find the message of somebody else, in a group too', async () => {
    const direct = await ada.says(us, 'Look')
    await story.hears('message.inbound Ada: Look')
    expect((await react((await story.last('message.inbound')).messageId, 'love')).status).toBe(200)
    await expect.poll(() => seen().at(-1)).toEqual({ to: direct, emoji: '❤️' })
    const there = await bob.says(group, 'And look here')
    await story.hears('message.inbound Ada: Look', 'message.inbound Bob: And look here')
    expect((await react((await story.last('message.inbound')).messageId, 'like')).status).toBe(200)
    await expect.poll(() => seen().at(-1)).toEqual({ to: there, emoji: '👍' })
    const key = bob.received.at(-1)?.message.reactionMessage?.key
    // As Bob's phone knows its own: by his name and ours in one key.
    expect(key).toMatchObject({ id: there, participant: bob.lid, fromMe: false })
  })

  test('of theirs are told when they are added, changed and taken back', async () => {
    const id = await story.writes(ada, 'And you?')
    await story.hears(...out('And you?'))
    const { externalId } = await story.get(id)
    const told = out('And you?')
    for (const emoji of ['👍', '🔥', null]) {
      await ada.reacts(us, externalId, emoji)
      told.push(`message.reaction Ada: ${emoji ?? 'remove'} to And you?`)
      await story.hears(...told)
    }
    expect((await story.told()).at(-2)?.data).toEqual({
      reaction: {
        ...{ type: '🔥', emoji: '🔥', content: 'And you?' },
        ...{ targetMessageId: id, targetExternalId: externalId },
      },
      ...{ from: ada.handle, to: us, channel: 'whatsapp', customerId: scene.gateway.customer.id },
    })
  })

  test('in a group are of whoever reacts, to whosever message', async () => {
    const id = await story.writes(group, 'All of you?')
    await story.hears(...out('All of you?'))
    await ada.reacts(group, (await story.get(id)).externalId, '👍')
    await bob.reacts(group, (await story.get(id)).externalId, '👎')
    const adas = await ada.says(group, 'Mine')
    await bob.reacts(group, adas, '😂')
    await ada.reacts(group, adas, '❤️', true)
    await story.hears(
      ...out('All of you?'),
      'message.reaction Ada: 👍 to All of you?',
      'message.reaction Bob: 👎 to All of you?',
      'message.inbound Ada: Mine',
      'message.reaction Bob: 😂 to Mine',
      'message.reaction Ada: ❤️ to Mine',
    )
  })
})

describe('replies', () => {
  test('quote what they answer on the phone, ours and theirs', async () => {
    const first = await story.writes(ada, 'Which colour?')
    await story.hears(...out('Which colour?'))
    const { externalId } = await story.get(first)
    await story.writes(ada, 'I mean this one', { replyTo: first })
    await story.hears(...out('Which colour?'), ...out('I mean this one'))
    const quoted = () => shown(ada)?.message.extendedTextMessage?.contextInfo?.quotedMessage
    const words = () => quoted()?.conversation ?? quoted()?.extendedTextMessage?.text
    expect([shown(ada)?.quotes, words()]).toEqual([externalId, 'Which colour?'])
    const theirs = await ada.says(us, 'Red', { quoting: ada.received.find(({ id }) => id === externalId) })
    await story.hears(...out('Which colour?'), ...out('I mean this one'), 'message.inbound Ada: Red')
    const inbound = await story.last('message.inbound')
    expect(inbound).toMatchObject({
      parentMessageId: first,
      replyTo: { messageId: first, externalMessageId: externalId },
    })
    expect(await story.get(inbound.messageId)).toMatchObject({ parentMessageId: first })
    await story.writes(ada, 'Red it is', { replyTo: inbound.messageId })
    const before = [...out('Which colour?'), ...out('I mean this one'), 'message.inbound Ada: Red']
    await story.hears(...before, ...out('Red it is'))
    expect([shown(ada)?.quotes, words()]).toEqual([theirs, 'Red'])
  })

  test('in a group name whoever wrote what is answered', async () => {
    const bobs = await bob.says(group, 'Who cooks?')
    await story.hears('message.inbound Bob: Who cooks?')
    const { messageId } = await story.last('message.inbound')
    await story.writes(group, 'We do', { replyTo: messageId })
    await story.hears('message.inbound Bob: Who cooks?', ...out('We do'))
    expect(shown(ada)?.message.extendedTextMessage?.contextInfo).toMatchObject({
      ...{ stanzaId: bobs, participant: bob.lid, quotedMessage: { conversation: 'Who cooks?' } },
    })
    await ada.says(group, 'Good', { quoting: ada.received.find(({ id }) => id === bobs) })
    await story.hears('message.inbound Bob: Who cooks?', ...out('We do'), 'message.inbound Ada: Good')
    expect(await story.last('message.inbound')).toMatchObject({ replyTo: { messageId } })
  })

  test('to what nobody here knows are told without it', async () => {
    const stranger = scene.somebody('Stranger')
    await stranger.posts(us, {
      extendedTextMessage: { text: 'About that', contextInfo: { stanzaId: 'GONE', quotedMessage: {} } },
    })
    await story.hears('message.inbound Stranger: About that')
    expect(await story.last('message.inbound')).toMatchObject({
      parentMessageId: null,
      replyTo: { messageId: null, externalMessageId: 'GONE' },
    })
  })
})

describe('mentions', () => {
  test('in a group are shown to whom they name; in a chat of two they are dropped', async () => {
    const text = '@Bob and Ada, come here'
    const mentions = [
      { address: bob.handle, start: 0, length: 4 },
      { address: ada.handle, start: 9, length: 3 },
    ]
    await story.writes(group, text, { mentions })
    await story.hears(...out(text))
    expect(shown(ada)).toMatchObject({ mentions: [bob.handle, ada.handle] })
    // Phones put the name in the place of what stands before the @ of a JID.
    const [bobs, adas] = [bob.lid.split('@')[0], ada.lid.split('@')[0]]
    expect(shown(ada)?.text).toBe(`@${bobs} and @${adas}, come here`)
    await story.writes(ada, text, { mentions })
    await story.hears(...out(text), ...out(text))
    expect(shown(ada)).toMatchObject({ text, mentions: [], chat: us })
  })

  test('of us come in as the text that they stand in', async () => {
    await ada.says(group, `@${us.slice(1)} come too`, { mentioning: [us] })
    await story.hears('message.inbound Ada: @12025550150 come too')
  })
})

test('a group that exists is written to by its WhatsApp name and by its id here, and heard from', async () => {
  await ada.says(group, 'Is anybody there?')
  await story.hears('message.inbound Ada: Is anybody there?')
  const { chat } = await story.last('message.inbound')
  expect(chat).toMatchObject({ providerChatGuid: group, isGroup: true, name: 'Kitchen' })
  await story.writes(group, 'By name')
  const answer = await story.call('POST', '/v1/messages', { chatId: chat.chatId, content: { text: 'By id' } })
  expect(answer).toMatchObject({ status: 202, body: { data: { conversationId: chat.chatId } } })
  await until(async () => (await story.heard()).length === 7, 'both to be delivered')
  for (const person of [ada, bob])
    expect(person.received.slice(-2)).toMatchObject([
      { text: 'By name', chat: group, from: us },
      { text: 'By id', chat: group, from: us },
    ])
  const unknown = scene.somebody('Dora').creates('Elsewhere', us)
  const first = await story.writes(unknown, 'Nobody has written here yet')
  await until(async () => (await story.get(first)).status === 'delivered', 'it to be delivered')
  expect((await story.get(first)).to).toBe(unknown)
})

describe('typing', () => {
  const chatWith = async (chat: string) => {
    const { body } = await story.call('GET', `/v1/chats/${encodeURIComponent(chat)}`)
    return `/v1/chats/${body.data.conversationId}/typing`
  }

  test('of ours is seen by whom we write to, in a group too', async () => {
    for (const chat of [ada.jid, group]) {
      const path = await chatWith(chat)
      const before = ada.seen.length
      for (const [status, typing] of [
        ['start', true],
        ['stop', false],
      ]) {
        const { body } = await story.call('POST', path, { status })
        expect(body.data).toMatchObject({ providerChatGuid: chat, typing })
      }
      const place = chat === group ? group : us
      await expect
        .poll(() => ada.seen.slice(before))
        .toEqual([
          { from: us, chat: place, state: 'composing' },
          { from: us, chat: place, state: 'paused' },
        ])
    }
    await story.hears()
  })

  test('of ours is over after ten seconds when nobody stops it', async () => {
    const path = await chatWith(ada.jid)
    const before = ada.seen.length
    await story.call('POST', path, { status: 'start' })
    await scene.gateway.pass(11_000)
    await expect.poll(() => ada.seen.slice(before).map(({ state }) => state)).toEqual(['composing', 'paused'])
  })
})

describe('typing of theirs', () => {
  const markOnline = async (isOn: boolean) => {
    const { gateway, network, line } = scene
    const { links } = await gateway.gateway.admin.line(line.id)
    const since = links.whatsapp?.status === 'connected' ? links.whatsapp.since : ''
    const url = `${network.lineUrl}&markOnline=${isOn ? 'on' : 'off'}`
    await gateway.gateway.admin.changeLine(line.id, { url })
    await until(async () => {
      const { whatsapp } = (await gateway.gateway.admin.line(line.id)).links
      return whatsapp?.status === 'connected' && whatsapp.since !== since
    }, 'the line to be connected anew')
  }

  test('is told while a line shows itself online, of those it is in conversation with and of groups', async () => {
    await markOnline(true)
    // With this the linked device learns what its account is called, without which nobody is online.
    await scene.network.person(us).says(bob.handle, 'From the phone')
    await ada.says(us, 'Wait')
    await story.hears('message.inbound Ada: Wait')
    await expect
      .poll(async () => {
        ada.types(us)
        return (await story.heard()).at(-1)
      })
      .toBe('typing.indicator Ada')
    await scene.gateway.settled()
    story = await scene.begin()
    ada.types(us)
    ada.types(us, 'paused')
    ada.types(us, 'recording')
    await story.hears('typing.indicator Ada', 'typing.indicator Ada')
    bob.types(group)
    await story.hears('typing.indicator Ada', 'typing.indicator Ada', 'typing.indicator Bob')
    const [first, , third] = await story.told()
    expect(first?.data).toMatchObject({
      ...{ state: 'composing', from: ada.handle, channel: 'whatsapp', customerId: scene.gateway.customer.id },
      ...{ sender: { handle: ada.jid }, chat: { providerChatGuid: ada.jid } },
    })
    expect(third?.data).toMatchObject({ from: bob.handle, chat: { providerChatGuid: group } })
    await markOnline(false)
    ada.types(us)
    bob.types(group)
    await story.hears('typing.indicator Ada', 'typing.indicator Ada', 'typing.indicator Bob')
  })
})

test('a place is shown on the map, after the text', async () => {
  const { gateway } = scene.gateway
  const by = await gateway.callers.authenticate(scene.gateway.apiKey)
  const location = { title: 'Central Park', latitude: 40.78, longitude: -73.97 }
  // No call of this dialect names a place; another one does.
  await gateway.messages.submit(by, {
    ...{ to: ada.handle, conversationId: null, from: us, attachments: [], replyTo: null, mentions: [] },
    content: { text: 'Here', mediaUrls: [], effect: null, location },
    ...{ preference: ['whatsapp'], fallback: true, scheduledAt: null, idempotencyKey: null, callbackUrl: null },
    ...{ metadata: null, correlationId: 'cor_0' },
  })
  await story.hears(...out('Here'))
  expect(ada.received.slice(-2)).toMatchObject([
    { kind: 'text', text: 'Here' },
    { kind: 'location', location: { latitude: 40.78, longitude: -73.97, name: 'Central Park' } },
  ])
  await ada.posts(us, { locationMessage: { degreesLatitude: 1.5, degreesLongitude: 2.5, name: 'Café' } })
  await story.hears(...out('Here'), 'message.inbound Ada: Café\nhttps://maps.google.com/?q=1.5,2.5')
})

test('what only iMessage has is left out, and the rest goes', async () => {
  const id = await story.writes(ada, 'Hooray', { effect: 'confetti', messageType: 'carousel' })
  await story.hears(...out('Hooray'))
  expect(shown(ada)).toMatchObject({ kind: 'text', text: 'Hooray' })
  expect(await story.get(id)).toMatchObject({ status: 'delivered', channel: 'whatsapp' })
})
