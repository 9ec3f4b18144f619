/** Somebody known by a name of the network's own turns out to have a number: from then on they are one person under it. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
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
