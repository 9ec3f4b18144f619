/** iMessage through the whole gateway: what callers say arrives on people's phones, and what people do is told, each once. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Person } from '../../../networks/src/imessage/people/person.ts'
import { until } from '../support/gateway.ts'
import { type ImessageStory, openScene, out, type Scene } from '../support/imessage-story.ts'

let scene: Scene
let story: ImessageStory
let ada: Person
let bob: Person
beforeAll(async () => {
  scene = await openScene()
  ada = scene.somebody('Ada')
  bob = scene.somebody('Bob')
})
afterAll(async () => {
  await scene.stop()
  expect(scene.gateway.errors).toEqual([])
})
beforeEach(async () => {
  story = await scene.begin()
})

const chatWith = (person: Person) => `/v1/chats/${encodeURIComponent(`iMessage;-;${person.address}`)}`
const shown = (person = ada) => person.received.at(-1)
const codeOf = (answer: { status: number; body: { error?: { code: string } } }) => [
  answer.status,
  answer.body.error?.code ?? null,
]

/** Somebody has written, and it has been told: its id here. */
async function inboundFrom(person: Person, text: string): Promise<{ id: string; guid: string }> {
  const guid = person.says(text)
  await expect.poll(async () => (await story.told()).map(({ data }) => data.externalMessageId)).toContain(guid)
  return { id: (await story.last('message.inbound')).messageId, guid }
}

describe('texts', () => {
  test.each(['Hello', 'Grüße aus Köln 🙂', 'שלום עולם', '👩‍👩‍👧‍👦👍🏽', 'two\nlines, “quoted” and $(not) `run`'])(
    'arrive as they were written and are delivered: %s',
    async (text) => {
      const id = await story.writes(ada, text)
      await story.hears(...out(text))
      expect(shown()).toMatchObject({ text, from: scene.line.address, files: [], effect: null, replyTo: null })
      const message = await story.get(id)
      expect(message).toMatchObject({ status: 'delivered', channel: 'imessage', fallbackTriggered: false })
      expect(message.externalId).toBe(shown()?.guid)
    },
  )

  test('go to somebody who never wrote, and their answer comes back into the same chat', async () => {
    const carl = scene.somebody('Carl')
    const id = await story.writes(carl, 'Do you know me?')
    await story.hears(...out('Do you know me?'))
    carl.says('No 🤷')
    await story.hears(...out('Do you know me?'), 'message.inbound Carl: No 🤷')
    const inbound = await story.last('message.inbound')
    expect(inbound).toMatchObject({ from: carl.address, to: scene.line.address, channel: 'imessage', attachments: [] })
    expect(inbound.chat).toMatchObject({ providerChatGuid: `iMessage;-;${carl.address}`, isGroup: false, name: null })
    expect(inbound.conversation.id).toBe((await story.get(id)).conversationId)
  })

  test('go to and come from an e-mail address, into one chat', async () => {
    const eve = scene.somebody('Eve', 'eve@example.com')
    const id = await story.writes('Eve@Example.com', 'By mail')
    await story.hears(...out('By mail'))
    expect(shown(eve)).toMatchObject({ text: 'By mail', from: scene.line.address })
    eve.says('It came')
    await story.hears(...out('By mail'), 'message.inbound Eve: It came')
    const inbound = await story.last('message.inbound')
    expect(inbound).toMatchObject({ from: 'eve@example.com', conversationId: (await story.get(id)).conversationId })
    expect(inbound.chat.participants).toContainEqual(
      expect.objectContaining({ handle: 'eve@example.com', role: 'member', isPhoneResolved: false }),
    )
  })

  test('that somebody reads are told as read', async () => {
    const dora = scene.somebody('Dora')
    const id = await story.writes(dora, 'Read this')
    await story.hears(...out('Read this'))
    dora.reads()
    await story.hears(...out('Read this'), 'message.read Read this')
    expect(await story.get(id)).toMatchObject({ status: 'read', readAt: expect.any(String) })
  })

  test('written on the Mac itself are told to nobody, and neither is what comes by SMS there', async () => {
    scene.network.owner.says(ada.address, 'From the Mac')
    ada.says('By SMS', { service: 'SMS' })
    await story.hears()
    expect(shown()).toMatchObject({ text: 'From the Mac' })
  })
})

describe('answers', () => {
  test('refer to the message they answer, in both directions', async () => {
    const first = await inboundFrom(ada, 'Which one?')
    await story.writes(ada, 'The green one', { replyTo: first.id })
    await story.hears('message.inbound Ada: Which one?', ...out('The green one'))
    expect(shown()?.replyTo).toEqual({ guid: first.guid, part: 0 })
    const ours = shown()?.guid ?? ''
    ada.says('Thanks', { replyTo: ours })
    await story.hears('message.inbound Ada: Which one?', ...out('The green one'), 'message.inbound Ada: Thanks')
    const { parentMessageId } = await story.last('message.inbound')
    expect((await story.get(parentMessageId)).externalId).toBe(ours)
  })

  test.each([
    ['slam', 'com.apple.MobileSMS.expressivesend.impact'],
    ['loud', 'com.apple.MobileSMS.expressivesend.loud'],
    ['gentle', 'com.apple.MobileSMS.expressivesend.gentle'],
    ['invisibleInk', 'com.apple.MobileSMS.expressivesend.invisibleink'],
    ['echo', 'com.apple.messages.effect.CKEchoEffect'],
    ['spotlight', 'com.apple.messages.effect.CKSpotlightEffect'],
    ['balloons', 'com.apple.messages.effect.CKHappyBirthdayEffect'],
    ['confetti', 'com.apple.messages.effect.CKConfettiEffect'],
    ['love', 'com.apple.messages.effect.CKHeartEffect'],
    ['lasers', 'com.apple.messages.effect.CKLasersEffect'],
    ['fireworks', 'com.apple.messages.effect.CKFireworksEffect'],
  ])('with the effect %s arrive with what Apple calls it', async (effect, apples) => {
    await story.writes(ada, `With ${effect}`, { effect })
    await story.hears(...out(`With ${effect}`))
    expect(shown()).toMatchObject({ text: `With ${effect}`, effect: apples })
  })

  test('in a group name people, and to one person they do not', async () => {
    const group = ada.startsGroup([bob.address])
    await story.hears('message.inbound Ada: Hello')
    const mentions = [{ address: bob.address, start: 0, length: 3 }]
    await story.writes(group, 'Bob, look', { mentions })
    await story.hears('message.inbound Ada: Hello', ...out('Bob, look'))
    expect(shown(bob)).toMatchObject({ text: 'Bob, look', chat: group, mentions })
    await story.writes(ada, 'Bob, look', { mentions })
    await story.hears('message.inbound Ada: Hello', ...out('Bob, look'), ...out('Bob, look'))
    expect(shown()).toMatchObject({ text: 'Bob, look', mentions: [] })
  })
})

describe('tapbacks', () => {
  test('of ours are shown, on their messages and on our own, and told to nobody', async () => {
    const theirs = await inboundFrom(ada, 'Look at this')
    const count = ada.reactions.length
    const react = (id: string, type: string) => story.call('POST', `/v1/messages/${id}/reactions`, { type })
    for (const type of ['love', 'like', 'dislike', 'laugh', 'emphasize', 'question', '-question'])
      expect((await react(theirs.id, type)).status).toBe(200)
    const given = ada.reactions.slice(count).map(({ guid, reaction }) => [guid, reaction])
    expect(given).toEqual(
      ['love', 'like', 'dislike', 'laugh', 'emphasize', 'question', '-question'].map((one) => [theirs.guid, one]),
    )
    const refused = await react(theirs.id, '🎉')
    expect(codeOf(refused)).toEqual([400, 'VALIDATION_ERROR'])
    const ours = await story.writes(ada, 'And this')
    await story.hears('message.inbound Ada: Look at this', ...out('And this'))
    expect((await react(ours, 'laugh')).status).toBe(200)
    expect(shown()?.reactions).toEqual(['laugh'])
    await story.hears('message.inbound Ada: Look at this', ...out('And this'))
  })

  test('of theirs are told by name, any emoji too, and that they took them back', async () => {
    const id = await story.writes(ada, 'Do you like it?')
    await story.hears(...out('Do you like it?'))
    const guid = shown()?.guid ?? ''
    const told = [...out('Do you like it?')]
    for (const type of ['love', 'like', 'dislike', 'laugh', 'emphasize', 'question'] as const) {
      ada.reacts(guid, type)
      told.push(`message.reaction Ada: ${type} to Do you like it?`)
    }
    await story.hears(...told)
    const { reaction, from, to, channel } = await story.last('message.reaction')
    expect(reaction).toMatchObject({ type: 'question', targetMessageId: id, targetExternalId: guid })
    expect([from, to, channel]).toEqual([ada.address, scene.line.address, 'imessage'])
    ada.reacts(guid, '🎉')
    await story.hears(...told, 'message.reaction Ada: emoji to null')
    expect((await story.last('message.reaction')).reaction).toMatchObject({ type: 'emoji', emoji: '🎉' })
    ada.reacts(guid, '🎉', true)
    await story.hears(...told, 'message.reaction Ada: emoji to null', 'message.reaction Ada: remove to Do you like it?')
  })
})

describe('what was said', () => {
  test('is edited and taken back by us, told once', async () => {
    const id = await story.writes(ada, 'Tomorow')
    await story.hears(...out('Tomorow'))
    const edited = await story.call('PUT', `/v1/messages/${id}`, { text: 'Tomorrow' })
    expect([edited.status, edited.body.data.content.text]).toEqual([200, 'Tomorrow'])
    expect(shown()?.edits).toEqual(['Tomorrow'])
    await story.hears(...out('Tomorow'), 'message.edited Tomorrow')
    const unsent = await story.call('POST', `/v1/messages/${id}/unsend`)
    expect([unsent.status, unsent.body.data.status]).toEqual([200, 'unsent'])
    expect(shown()?.isUnsent).toBe(true)
    await story.hears(...out('Tomorow'), 'message.edited Tomorrow', 'message.unsent Tomorrow')
    expect(codeOf(await story.call('POST', `/v1/messages/${id}/unsend`))).toEqual([409, 'ALREADY_UNSENT'])
  })

  test('that the Mac does not edit is not said to be edited', async () => {
    const id = await story.writes(ada, 'As it is')
    await story.hears(...out('As it is'))
    scene.network.quirks.ignoresEdits = true
    // The server waits 43 s for what does not come; callers hear sooner that nobody knows.
    const editing = story.call('PUT', `/v1/messages/${id}`, { text: 'Otherwise' })
    await expect.poll(() => scene.network.requests().at(-1)?.path).toContain('/edit')
    await scene.gateway.pass(13_000)
    expect(codeOf(await editing)).toEqual([504, 'PROVIDER_TIMEOUT'])
    await until(async () => {
      await scene.gateway.pass(5_000)
      return scene.network.busy === 0
    }, 'the server to give up')
    scene.network.quirks.ignoresEdits = false
    expect((await story.get(id)).content.text).toBe('As it is')
    expect(shown()).toMatchObject({ text: 'As it is', edits: [] })
    expect((await story.heard()).filter((line) => line.startsWith('message.edited'))).toEqual([])
  })

  test('is edited and taken back by them, told once', async () => {
    const { id, guid } = await inboundFrom(ada, 'Seven')
    ada.edits(guid, 'Eight')
    await story.hears('message.inbound Ada: Seven', 'message.edited Eight')
    expect((await story.get(id)).content.text).toBe('Eight')
    ada.unsends(guid)
    // What was taken back is gone here as well.
    await story.hears('message.inbound Ada: Seven', 'message.edited Eight', 'message.unsent imessage')
    const { content, timeline } = await story.get(id)
    expect([content.text ?? null, timeline.at(-1).status]).toEqual([null, 'unsent'])
  })
})

test('that we type is shown and ends, that we read is seen, and a chat is unread again', async () => {
  const { guid } = await inboundFrom(ada, 'Are you there?')
  const typing = (status: string) => story.call('POST', `${chatWith(ada)}/typing`, { status })
  const before = ada.seen.length
  expect((await typing('start')).body.data.typing).toBe(true)
  const seen = () => ada.seen.slice(before).map(({ isTyping }) => isTyping)
  expect(seen()).toEqual([true])
  // To stop typing makes BlueBubbles 1.9.9 start again: phones let it fade by themselves.
  expect((await typing('stop')).body.data.typing).toBe(false)
  expect(seen()).toEqual([true])
  expect(ada.readBy).not.toContain(guid)
  expect((await story.call('POST', `${chatWith(ada)}/read`)).body.data.read).toBe(true)
  expect(ada.readBy).toContain(guid)
  expect((await story.call('POST', `${chatWith(ada)}/unread`)).body.data.unread).toBe(true)
  const next = await inboundFrom(ada, 'Hello?')
  expect((await story.call('POST', `/v1/messages/${next.id}/read`)).status).toBe(200)
  expect(ada.readBy).toContain(next.guid)
  ada.types()
  await story.hears('message.inbound Ada: Are you there?', 'message.inbound Ada: Hello?')
})

test('what is not known here is refused with its documented code', async () => {
  const unknown = '/v1/chats/iMessage%3B-%3B%2B13035550199'
  expect(codeOf(await story.call('POST', `${unknown}/read`))).toEqual([404, 'CONVERSATION_NOT_FOUND'])
  expect(codeOf(await story.call('POST', `${unknown}/typing`, { status: 'start' }))).toEqual([
    ...[404, 'CONVERSATION_NOT_FOUND'],
  ])
  const answer = await story.call('POST', '/v1/messages', { to: ada.address, content: { text: 'x' }, effect: 'boom' })
  expect(codeOf(answer)).toEqual([400, 'VALIDATION_ERROR'])
  await story.hears()
})
