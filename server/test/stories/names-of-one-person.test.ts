/** Somebody known by a name of the network's own turns out to have a number: from then on they are one person under it. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Handle } from '../../src/model/ids.ts'
import { type Ask, askerOf } from '../contract/ask.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { type Story, tell } from '../support/story.ts'

const ada = '+14155550177' as Handle
const jid = (phone: string) => `${phone.slice(1)}@s.whatsapp.net`

let gateway: TestGateway
let ask: Ask
let story: Story
let us: Handle
let lid: Handle
let phone: Handle
let people = 0
beforeAll(async () => {
  gateway = await startTestGateway()
  ask = await askerOf(gateway)
  us = gateway.customer.line.address
})
afterAll(async () => {
  await gateway.stop()
  expect(gateway.errors).toEqual([])
})
beforeEach(async () => {
  people += 1
  lid = `${88_000 + people}@lid` as Handle
  phone = `+141555501${20 + people}` as Handle
  story = await tell(gateway)
})

const rosterOf = async (chat: string) => {
  const { participants } = (await ask(`GET /v1/chats/${chat}`)).body.data
  return participants.map((one: Record<string, unknown>) => [one.handle, one.isPhoneResolved])
}

const says = async (who: Handle, text: string) => {
  gateway.network.as(who).says(us, 'whatsapp', text)
  await gateway.advance(1_000)
}
const reveals = async (number = phone) => {
  gateway.network.as(lid).reveals(us, 'whatsapp', number)
  await gateway.settled()
}
const chatOf = async (name: string) => {
  const { status, body } = await ask(`GET /v1/chats/${encodeURIComponent(name)}`)
  return status === 200 ? body.data.conversationId : status
}
const sendTo = (to: object) =>
  ask('POST /v1/messages', { ...to, content: { text: 'Hello' }, routing: { preference: ['whatsapp'] } })

test('in a group, in later events and messages, and by every name', async () => {
  const chat = gateway.network.as(ada).createsGroup('whatsapp', 'Kitchen', [us, lid])
  gateway.network.as(lid).in(chat).says('Who am I?')
  await gateway.advance(1_000)
  expect(await rosterOf(chat)).toEqual([
    [lid, false],
    [jid(ada), true],
  ])
  gateway.network.as(lid).reveals(us, 'whatsapp', phone)
  await gateway.settled()
  const known = [
    [jid(phone), true],
    [jid(ada), true],
  ]
  expect(await rosterOf(chat)).toEqual(known)
  // The network goes on calling them by the other name.
  gateway.network.as(lid).in(chat).says('It is me')
  gateway.network.as(lid).in(chat).renames('Garden')
  await gateway.advance(1_000)
  expect(await rosterOf(chat)).toEqual(known)
  const { messages } = (await ask(`GET /v1/chats/${chat}/messages?limit=1`)).body.data
  expect(messages[0]).toMatchObject({ from: phone, content: { text: 'It is me' } })
  const removed = await ask(`DELETE /v1/chats/${chat}/participants/${encodeURIComponent(lid)}`)
  expect(removed.body.data.removedParticipant).toMatchObject({ handle: jid(phone), isPhoneResolved: true })
  await gateway.advance(1_000)
  expect(gateway.network.group(chat)?.members.map(({ handle }) => handle)).not.toContain(lid)
  expect(await story.heard()).toEqual([
    'message.inbound received whatsapp',
    'message.inbound received whatsapp',
    'chat.title.changed - whatsapp',
    'chat.participant.left - whatsapp',
  ])
})

test('their receipts of before and after are theirs', async () => {
  const chat = gateway.network.as(ada).createsGroup('whatsapp', 'Kitchen', [us, lid])
  gateway.network.as(ada).in(chat).says('Who is there?')
  await gateway.advance(1_000)
  const { conversationId: chatId } = (await ask(`GET /v1/chats/${chat}`)).body.data
  const id = await story.send({ chatId, content: { text: 'All of us' } })
  await gateway.advance(1_000)
  const receipts = async () => (await ask(`GET /v1/messages/${id}/receipts`)).body.data.receipts
  const moment = expect.any(String)
  const adas = { handle: jid(ada), deliveredAt: moment, readAt: null }
  expect(await receipts()).toEqual(expect.arrayContaining([adas, { ...adas, handle: lid }]))
  gateway.network.as(lid).reveals(us, 'whatsapp', phone)
  gateway.network.as(lid).reads(us, 'whatsapp', (await story.get(id)).externalId)
  await gateway.settled()
  const now = await receipts()
  expect(now).toHaveLength(2)
  expect(now).toEqual(expect.arrayContaining([adas, { handle: jid(phone), deliveredAt: moment, readAt: moment }]))
})

test('both names in one group become one, with the higher rank', async () => {
  const chat = gateway.network.as(lid).createsGroup('whatsapp', 'Kitchen', [us, phone])
  gateway.network.as(lid).in(chat).says('Twice')
  await gateway.advance(1_000)
  expect(await rosterOf(chat)).toHaveLength(2)
  gateway.network.as(lid).reveals(us, 'whatsapp', phone)
  await gateway.settled()
  const { participants } = (await ask(`GET /v1/chats/${chat}`)).body.data
  expect(participants).toEqual([
    { handle: jid(phone), contactId: null, role: 'owner', isPhoneResolved: true, admin: 'superadmin' },
  ])
  expect(await story.heard()).toEqual(['message.inbound received whatsapp'])
})

test('in a chat of two, also for the next message', async () => {
  gateway.network.as(lid).says(us, 'whatsapp', 'Hello')
  await gateway.advance(1_000)
  gateway.network.as(lid).reveals(us, 'whatsapp', phone)
  await gateway.settled()
  expect(await rosterOf(encodeURIComponent(lid))).toEqual([[jid(phone), true]])
  gateway.network.as(lid).says(us, 'whatsapp', 'Hello again')
  await gateway.advance(1_000)
  const [row] = await gateway.database.db.query<{ roster: { handle: string }[]; from: string }>({
    name: '',
    text: `select data #> '{message,conversation,participants}' as roster, data #>> '{message,from}' as from
      from events where type = 'message.inbound' order by seq desc limit 1`,
  })
  expect(row).toEqual({ roster: [expect.objectContaining({ handle: phone, phoneKnown: true })], from: phone })
})

test('what one line learns is nothing to another customer', async () => {
  const there = gateway.other.line.address
  gateway.network.as(lid).says(us, 'whatsapp', 'Hello')
  gateway.network.as(lid).says(there, 'whatsapp', 'Hello')
  await gateway.advance(1_000)
  gateway.network.as(lid).reveals(us, 'whatsapp', phone)
  await gateway.settled()
  const answer = await ask(`GET /v1/chats/${encodeURIComponent(lid)}`, undefined, { key: gateway.otherApiKey })
  expect(answer.body.data.participants).toEqual([expect.objectContaining({ handle: lid, isPhoneResolved: false })])
})

test('a group that is made with their other name has them under their number, once', async () => {
  await says(lid, 'Hello')
  await reveals()
  const participants = [lid, ada, phone]
  const { body } = await ask('POST /v1/chats/groups', { channel: 'whatsapp', name: 'Kitchen', participants })
  const chat = body.data.chat.providerChatGuid
  expect(gateway.network.group(chat)?.members.map(({ handle }) => handle)).toEqual([phone, ada, us])
  gateway.network.as(phone).in(chat).says('Who else is there?')
  await gateway.advance(1_000)
  expect(await rosterOf(chat)).toEqual([
    [jid(phone), true],
    [jid(ada), true],
  ])
  expect(await story.heard()).toEqual(['message.inbound received whatsapp', 'message.inbound received whatsapp'])
})

describe('there is one chat of two with them', () => {
  const roster = () => [{ handle: jid(phone), isPhoneResolved: true }]
  const texts = async (chat: string) => {
    const { messages } = (await ask(`GET /v1/chats/${encodeURIComponent(chat)}/messages`)).body.data
    return messages.map(({ content }: { content: { text: string } }) => content.text)
  }
  /** All that are listed, of which they are part. */
  const listed = async () => {
    const { chats } = (await ask('GET /v1/chats?limit=100&isGroup=false')).body.data
    const isTheirs = (one: Record<string, unknown>) => one.handle === jid(phone) || one.handle === lid
    return chats.filter((chat: { participants: [] }) => chat.participants.some(isTheirs))
  }
  const events = async (since: number) =>
    (await story.told()).slice(since).map(({ type, data }) => [type, data.conversationId ?? data.conversation?.id])

  test('when the other name was all that was known', async () => {
    await says(lid, 'Hello')
    expect(await chatOf(jid(phone))).toBe(404)
    await reveals()
    const chatId = await chatOf(lid)
    expect(await chatOf(jid(phone))).toBe(chatId)
    const id = await story.send({ to: phone, content: { text: 'Good morning' }, routing: { preference: ['whatsapp'] } })
    await gateway.advance(1_000)
    expect(await story.get(id)).toMatchObject({ status: 'delivered', conversationId: chatId })
    await says(phone, 'From my number')
    await says(lid, 'And from the other name')
    for (const name of [lid, jid(phone), chatId])
      expect(await texts(name)).toEqual(['And from the other name', 'From my number', 'Good morning', 'Hello'])
    const chats = await listed()
    expect(chats).toMatchObject([{ chatId, participants: [...roster(), { handle: 'self' }] }])
    expect(chats[0].participants).toHaveLength(2)
    expect((await events(1)).filter(([type]) => type !== 'message.queued')).toEqual([
      ['message.sent', chatId],
      ['message.delivered', chatId],
      ['message.inbound', chatId],
      ['message.inbound', chatId],
    ])
    expect((await ask(`POST /v1/messages/${id}/reactions`, { type: '👍' })).status).toBe(200)
  })

  test('when both names had one: the older stays, with all messages, and the newer leads there', async () => {
    await says(phone, 'From my number')
    await says(lid, 'From the other name')
    const [older, newer] = [await chatOf(jid(phone)), await chatOf(lid)]
    expect(newer).not.toBe(older)
    await reveals()
    for (const name of [older, newer, lid, jid(phone)]) {
      expect(await chatOf(name)).toBe(older)
      expect(await texts(name)).toEqual(['From the other name', 'From my number'])
    }
    expect(await listed()).toMatchObject([{ chatId: older }])
    const content = { text: 'To the chat by its old id' }
    const { body } = await ask('POST /v1/messages', { chatId: newer, content })
    await gateway.advance(1_000)
    expect(await story.get(body.data.id)).toMatchObject({ status: 'delivered', conversationId: older })
    await says(lid, 'Still me')
    await says(phone, 'Me too')
    expect(await texts(older)).toHaveLength(5)
    const { messages } = (await ask(`GET /v1/chats/${older}/messages`)).body.data
    for (const { id } of messages)
      expect((await ask(`POST /v1/messages/${id}/reactions`, { type: '👍' })).status).toBe(200)
    // The network tells at least once.
    await reveals()
    expect(await listed()).toMatchObject([{ chatId: older }])
  })

  test('also when three names turn out to be one number, one after the other', async () => {
    const third = lid.replace('@lid', '3@lid') as Handle
    await says(third, 'Three')
    await says(lid, 'Two')
    await reveals()
    await says(phone, 'One')
    gateway.network.as(third).reveals(us, 'whatsapp', phone)
    await gateway.settled()
    const chatId = await chatOf(third)
    for (const name of [lid, jid(phone)]) expect(await chatOf(name)).toBe(chatId)
    expect(await texts(chatId)).toEqual(['One', 'Two', 'Three'])
    expect(await listed()).toMatchObject([{ chatId }])
  })

  test('and each line, and each customer, has its own', async () => {
    const key = gateway.otherApiKey
    const there = gateway.other.line.address
    gateway.network.as(phone).says(there, 'whatsapp', 'Hello')
    gateway.network.as(lid).says(there, 'whatsapp', 'Hello')
    await says(lid, 'Hello')
    await reveals()
    const named = async (name: string) =>
      (await ask(`GET /v1/chats/${encodeURIComponent(name)}`, undefined, { key })).body.data.conversationId
    expect(await named(lid)).not.toBe(await named(jid(phone)))
    expect(await chatOf(jid(phone))).toBe(await chatOf(lid))
  })
})

describe('who opted out under one name', () => {
  beforeAll(async () => {
    await ask(`PATCH /v1/admin/customers/${gateway.customer.id}`, { optOutChannels: ['sms', 'whatsapp'] })
  })
  afterAll(async () => {
    await ask(`PATCH /v1/admin/customers/${gateway.customer.id}`, { optOutChannels: ['sms'] })
  })
  const sends = async (to: object) => (await sendTo(to)).status

  test('has opted out under the other, and nobody is told again', async () => {
    await says(lid, 'STOP')
    const chatId = await chatOf(lid)
    expect([await sends({ chatId }), await sends({ to: phone })]).toEqual([403, 202])
    await reveals()
    expect([await sends({ chatId }), await sends({ to: phone })]).toEqual([403, 403])
    const told = (await story.told()).filter(({ type }) => type.startsWith('contact.'))
    expect(told.map(({ type }) => type)).toEqual(['contact.opted_out'])
    // They are heard under either name.
    await says(lid, 'START')
    expect([await sends({ chatId }), await sends({ to: phone })]).toEqual([202, 202])
    // The network tells at least once.
    await reveals()
    expect([await sends({ chatId }), await sends({ to: phone })]).toEqual([202, 202])
  })

  test('the last word counts, whichever name it was said under', async () => {
    await says(lid, 'STOP')
    await says(phone, 'STOP')
    await says(phone, 'START')
    await reveals()
    expect(await sends({ chatId: await chatOf(lid) })).toBe(202)
    const second = `${lid.replace('@lid', '7@lid')}` as Handle
    await says(phone, 'START')
    await says(second, 'STOP')
    gateway.network.as(second).reveals(us, 'whatsapp', phone)
    await gateway.settled()
    expect([await sends({ chatId: await chatOf(second) }), await sends({ to: phone })]).toEqual([403, 403])
  })

  test('for another customer they are still two', async () => {
    await ask(`PATCH /v1/admin/customers/${gateway.other.id}`, { optOutChannels: ['whatsapp'] })
    gateway.network.as(lid).says(gateway.other.line.address, 'whatsapp', 'STOP')
    await says(lid, 'Hello')
    await reveals()
    const key = gateway.otherApiKey
    const body = { to: phone, content: { text: 'Hello' }, routing: { preference: ['whatsapp'] } }
    expect((await ask('POST /v1/messages', body, { key })).status).toBe(202)
    expect(await sends({ to: phone })).toBe(202)
  })

  test('is told of by a number only when it is one', async () => {
    await says(lid, 'STOP')
    await reveals()
    await says(lid, 'START')
    await ask('POST /v1/contacts/opt-out', { phoneNumber: '+14155550999' })
    const told = (await story.told()).filter(({ type }) => type.startsWith('contact.'))
    const rest = { contactId: null, customerId: gateway.customer.id }
    expect(told.map(({ data }) => data)).toEqual([
      { phoneNumber: null, handle: lid, channel: 'whatsapp', source: 'keyword', ...rest },
      { phoneNumber: phone, handle: jid(phone), channel: 'whatsapp', source: 'keyword', ...rest },
      { phoneNumber: '+14155550999', handle: '+14155550999', channel: null, source: 'api', ...rest },
    ])
  })
})
