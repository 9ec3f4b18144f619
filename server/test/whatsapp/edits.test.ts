/** What people do to messages afterwards: correct them, take them back, and have them disappear; each only with what is theirs. */
import { proto } from 'baileys'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { until } from '../support/gateway.ts'
import { openScene, type Scene, type Somebody, successor, type WhatsappStory } from '../support/whatsapp-story.ts'

let scene: Scene
let story: WhatsappStory
let ada: Somebody
let bob: Somebody
let us: string
let group: string
const undo: (() => Promise<void>)[] = []
beforeAll(async () => {
  scene = await openScene()
  ada = scene.somebody('Ada')
  bob = scene.somebody('Bob')
  us = scene.line.address
  group = ada.creates('Kitchen', bob.handle, us)
})
afterAll(async () => {
  for (const step of undo) await step()
  await scene.stop()
  expect(scene.gateway.errors).toEqual([])
})
beforeEach(async () => {
  story = await scene.begin()
})

const out = (what: string) => [`message.queued ${what}`, `message.sent ${what}`, `message.delivered ${what}`]
const { MESSAGE_EDIT, REVOKE } = proto.Message.ProtocolMessage.Type

/** They write, and it is here. */
async function heard(person: Somebody, to: string, text: string) {
  const id = await person.says(to, text)
  await until(async () => (await story.heard()).at(-1)?.endsWith(`: ${text}`) === true, `"${text}"`)
  const { messageId } = await story.last('message.inbound')
  story = await scene.begin()
  return { id, messageId }
}

const textOf = async (messageId: string) => (await story.get(messageId)).content.text

describe('people', () => {
  test('correct what they wrote, in a chat of two and in a group, as often as they like', async () => {
    for (const place of [us, group]) {
      const { id, messageId } = await heard(ada, place, 'At nine')
      await ada.edits(place, id, 'At ten')
      await story.hears('message.edited At ten')
      expect(await story.last('message.edited')).toMatchObject({ messageId, channel: 'whatsapp', text: 'At ten' })
      await ada.edits(place, id, 'At eleven')
      await story.hears('message.edited At ten', 'message.edited At eleven')
      expect(await textOf(messageId)).toBe('At eleven')
      story = await scene.begin()
    }
  })

  test('take back what they wrote, in a chat of two and in a group', async () => {
    for (const place of [us, group]) {
      const { id, messageId } = await heard(ada, place, 'Oh no')
      await ada.revokes(place, id)
      await story.hears('message.unsent whatsapp')
      expect(await story.last('message.unsent')).toMatchObject({ messageId, channel: 'whatsapp' })
      story = await scene.begin()
    }
  })

  test('change nothing in what others wrote in a group, and nothing of ours', async () => {
    const adas = await heard(ada, group, 'I said so')
    const ours = await story.writes(group, 'And so did we')
    await story.hears(...out('And so did we'))
    const { externalId } = await story.get(ours)
    story = await scene.begin()
    const keys: proto.IMessageKey[] = [
      { remoteJid: group, fromMe: true, id: adas.id, participant: bob.lid },
      { remoteJid: group, fromMe: false, id: adas.id, participant: ada.lid },
      { remoteJid: group, fromMe: true, id: externalId, participant: bob.lid },
      { remoteJid: group, fromMe: false, id: externalId, participant: scene.network.person(us).lid },
      { remoteJid: group, fromMe: false, id: externalId },
    ]
    for (const key of keys) {
      const editedMessage = { conversation: 'I never did' }
      await bob.posts(group, {
        protocolMessage: { key, type: MESSAGE_EDIT, editedMessage, timestampMs: Date.parse('2026-01-01') },
      })
      await bob.posts(group, { protocolMessage: { key, type: REVOKE } })
    }
    await story.hears()
    expect(await textOf(adas.messageId)).toBe('I said so')
    expect(await story.get(ours)).toMatchObject({ status: 'delivered', content: { text: 'And so did we' } })
  })

  test('change nothing of ours in a chat of two, whoever they say has written it', async () => {
    const ours = await story.writes(ada, 'Signed')
    await story.hears(...out('Signed'))
    const { externalId: id } = await story.get(ours)
    for (const fromMe of [true, false]) {
      const key = { remoteJid: scene.network.person(us).jid, fromMe, id }
      await ada.posts(us, { protocolMessage: { key, type: MESSAGE_EDIT, editedMessage: { conversation: 'Forged' } } })
      await ada.posts(us, { protocolMessage: { key, type: REVOKE } })
    }
    await story.hears(...out('Signed'))
    expect(await story.get(ours)).toMatchObject({ status: 'delivered', content: { text: 'Signed' } })
  })

  test('change nothing of what others wrote to us, though they know how it is called', async () => {
    const bobs = await heard(bob, us, 'Between us')
    const key = { remoteJid: scene.network.person(us).jid, fromMe: true, id: bobs.id }
    await ada.posts(us, { protocolMessage: { key, type: MESSAGE_EDIT, editedMessage: { conversation: 'Forged' } } })
    await ada.posts(us, { protocolMessage: { key, type: REVOKE } })
    await story.hears()
    expect(await textOf(bobs.messageId)).toBe('Between us')
  })

  test('who are admins take back what others wrote in their group', async () => {
    const bobs = await heard(bob, group, 'Buy my watches')
    const key = { remoteJid: group, fromMe: false, id: bobs.id, participant: bob.lid }
    await ada.posts(group, { protocolMessage: { key, type: REVOKE } })
    await story.hears('message.unsent whatsapp')
    expect(await story.last('message.unsent')).toMatchObject({ messageId: bobs.messageId })
  })
})

test('corrections and taking back of our own are not offered on WhatsApp', async () => {
  const id = await story.writes(ada, 'Final')
  await story.hears(...out('Final'))
  for (const [method, path, body] of [
    ['PUT', `/v1/messages/${id}`, { text: 'Not final' }],
    ['POST', `/v1/messages/${id}/unsend`, undefined],
  ] as const) {
    const { status, body: answer } = await story.call(method, path, body)
    expect([status, answer.error.code]).toEqual([400, 'CHANNEL_NOT_SUPPORTED'])
  }
  await story.hears(...out('Final'))
})

describe('messages that disappear', () => {
  const day = 86_400
  const last = (person: Somebody) => person.received.at(-1)
  const writes = async (to: Somebody | string, text: string) => {
    await story.writes(to, text)
    await until(async () => (await story.heard()).includes(`message.delivered ${text}`), `"${text}"`)
  }
  test('do so from when somebody sets it, until they set it back; a setting is no message', async () => {
    const carl = scene.somebody('Carl')
    await writes(carl, 'Stays')
    expect(last(carl)?.expiration).toBe(0)
    await carl.setsDisappearing(us, day)
    await carl.says(us, 'From now on')
    await story.hears(...out('Stays'), 'message.inbound Carl: From now on')
    await writes(carl, 'Goes')
    expect(last(carl)).toMatchObject({ text: 'Goes', expiration: day })
    await carl.setsDisappearing(us, 0)
    await carl.says(us, 'No more')
    await story.hears(
      ...[...out('Stays'), 'message.inbound Carl: From now on', ...out('Goes')],
      'message.inbound Carl: No more',
    )
    await writes(carl, 'Stays again')
    expect(last(carl)).toMatchObject({ text: 'Stays again', expiration: 0 })
  })

  test('are known from any message of theirs, and an older word never counts against a newer one', async () => {
    const dora = scene.somebody('Dora')
    const at = Math.floor(scene.gateway.clock.now() / 1_000)
    const says = (text: string, expiration: number, since: number) =>
      dora.posts(us, {
        extendedTextMessage: { text, contextInfo: { expiration, ephemeralSettingTimestamp: since } },
      })
    await says('A week', 7 * day, at - 100)
    await until(async () => (await story.heard()).includes('message.inbound Dora: A week'), 'it')
    await writes(dora, 'One')
    expect(last(dora)?.expiration).toBe(7 * day)
    await says('Of old', day, at - 200)
    await until(async () => (await story.heard()).includes('message.inbound Dora: Of old'), 'it')
    await writes(dora, 'Two')
    expect(last(dora)?.expiration).toBe(7 * day)
    await says('Of late', day, at - 50)
    await until(async () => (await story.heard()).includes('message.inbound Dora: Of late'), 'it')
    await writes(dora, 'Three')
    expect(last(dora)?.expiration).toBe(day)
  })

  test('do so in a group as its people set it', async () => {
    await writes(group, 'All stays')
    expect(last(bob)).toMatchObject({ text: 'All stays', expiration: 0 })
    ada.setsExpiration(group, day)
    await story.hears(...out('All stays'))
    await writes(group, 'All goes')
    expect(last(bob)).toMatchObject({ text: 'All goes', expiration: day })
    ada.setsExpiration(group, 0)
    await story.hears(...out('All stays'), ...out('All goes'))
    await writes(group, 'All stays again')
    expect(last(bob)).toMatchObject({ text: 'All stays again', expiration: 0 })
  })

  test('still do after the gateway was started anew', async () => {
    const emil = scene.somebody('Emil')
    await emil.setsDisappearing(us, 3 * day)
    await emil.says(us, 'Keep it short')
    await story.hears('message.inbound Emil: Keep it short')
    const next = await successor(scene)
    undo.push(next.stop)
    await writes(emil, 'As you like')
    expect(last(emil)).toMatchObject({ text: 'As you like', expiration: 3 * day })
    await emil.posts(us, {
      extendedTextMessage: {
        text: 'Of old',
        contextInfo: { expiration: day, ephemeralSettingTimestamp: 1_600_000_000 },
      },
    })
    await until(async () => (await story.heard()).includes('message.inbound Emil: Of old'), 'it')
    await writes(emil, 'As you said')
    expect(last(emil)).toMatchObject({ text: 'As you said', expiration: 3 * day })
  })
})
