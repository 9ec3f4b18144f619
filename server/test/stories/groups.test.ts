/** A customer makes a group and changes it: each change is made on the network, told once, and shows the group as it is then. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { GatewayEvent } from '../../src/model/event.ts'
import type { Handle, ProviderChatId } from '../../src/model/ids.ts'
import { wordEvent } from '../../src/surfaces/textbubbles/dialect.ts'
import { type Ask, askerOf } from '../contract/ask.ts'
import { startTestGateway, type TestGateway, until } from '../support/gateway.ts'
import { type Story, tell } from '../support/story.ts'

const ada = '+14155550177' as Handle
const bob = '+14155550178' as Handle
const cleo = '+14155550179' as Handle
const jid = (phone: string) => `${phone.slice(1)}@s.whatsapp.net`
const picture = Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.alloc(100)]).toString('base64')

let gateway: TestGateway
let ask: Ask
let story: Story
beforeAll(async () => {
  gateway = await startTestGateway()
  ask = await askerOf(gateway)
})
afterAll(async () => {
  await gateway.stop()
  expect(gateway.errors).toEqual([])
})

interface Made {
  id: string
  guid: ProviderChatId
  path: string
}

async function make(body: object = {}): Promise<Made> {
  const answer = await ask('POST /v1/chats/groups', {
    channel: 'whatsapp',
    name: 'Kitchen',
    participants: [ada, bob],
    ...body,
  })
  expect(answer.status, answer.text).toBe(201)
  const { conversationId: id, chatId: guid } = answer.body.data
  return { id, guid, path: `/v1/chats/${encodeURIComponent(guid)}` }
}

let group: Made
beforeEach(async () => {
  group = await make()
  await gateway.settled()
  story = await tell(gateway)
})

async function told(): Promise<{ type: string; data: Record<string, unknown> }[]> {
  await gateway.advance(1_000)
  const count = (await story.heard()).length
  const rows = await gateway.database.db.query<GatewayEvent>(
    {
      name: '',
      text: `select id, type, at, data, customer_id as "customerId" from events where customer_id = $1
      order by xid desc, seq desc limit $2`,
    },
    [gateway.customer.id, count],
  )
  return rows
    .reverse()
    .map((event) => ({ type: event.type, data: wordEvent(event, gateway.gateway.media.linkTo)?.data ?? {} }))
}

const handles = (chat: unknown) =>
  (chat as { participants: { handle: string }[] }).participants.map((one) => one.handle).sort()
const handleOf = (one: { handle: string }) => one.handle
const codeOf = async (call: string, body?: unknown) => {
  const answer = await ask(call, body)
  return [answer.status, answer.body.error?.code]
}

test('a group is made once, with both shapes of the answer, and nobody is told', async () => {
  const { status, body } = await ask('POST /v1/chats/groups', {
    channel: 'whatsapp',
    name: 'Garden',
    participants: [ada, ' +1 (415) 555-0178', jid(bob), bob],
  })
  expect(status).toBe(201)
  const roster = [ada, bob].map((one) => ({
    handle: jid(one),
    contactId: null,
    role: 'member',
    isPhoneResolved: true,
    admin: null,
  }))
  const self = { handle: 'self', contactId: null, role: 'self', isPhoneResolved: true }
  expect(body.data).toEqual({
    chat: {
      chatId: body.data.conversationId,
      providerChatGuid: body.data.chatId,
      channel: 'whatsapp',
      isGroup: true,
      name: 'Garden',
      participants: [...roster, self],
    },
    createdAt: expect.any(String),
    chatId: expect.stringMatching(/@g\.us$/),
    conversationId: expect.any(String),
    channel: 'whatsapp',
    name: 'Garden',
    participants: roster,
  })
  expect(gateway.network.group(body.data.chatId)?.name).toBe('Garden')
  expect(await told()).toEqual([])
})

test('a group on iMessage needs no name, and takes e-mail addresses', async () => {
  const { body } = await ask('POST /v1/chats/groups', { participants: [ada, 'Eve@Example.com'] })
  expect(body.data.chat).toMatchObject({ channel: 'imessage', name: null })
  expect(body.data.participants).toEqual([
    { handle: ada, contactId: null, role: 'member', isPhoneResolved: true },
    { handle: 'eve@example.com', contactId: null, role: 'member', isPhoneResolved: false },
  ])
})

test('it is found by either name, encoded or not, and in the list', async () => {
  const byId = (await ask(`GET /v1/chats/${group.id}`)).body.data
  expect(byId).toMatchObject({ chat: { chatId: group.id, name: 'Kitchen' }, chatId: group.guid, photoUrl: null })
  expect((await ask(`GET /v1/chats/${group.guid}`)).body.data).toEqual(byId)
  expect((await ask(`GET ${group.path}`)).body.data).toEqual(byId)
  expect((await ask(`GET /v1/chats/${group.id.toUpperCase()}`)).body.data).toEqual(byId)
  const imessage = await make({ channel: 'imessage' })
  for (const name of [imessage.guid, encodeURIComponent(imessage.guid)])
    expect((await ask(`GET /v1/chats/${name}`)).body.data.chat.chatId).toBe(imessage.id)
  const first = (await ask('GET /v1/chats?limit=1')).body.data
  expect(first.chats).toEqual([expect.objectContaining({ chatId: imessage.id })])
  const { body } = await ask(`GET /v1/chats?limit=1&isGroup=true&cursor=${first.pagination.nextCursor}`)
  expect(body.data.chats).toEqual([{ ...byId.chat, photoUrl: null }])
  expect((await ask('GET /v1/chats?isGroup=false')).body.data.chats).toEqual([])
  expect((await ask('GET /v1/chats?channel=sms')).body.data.chats).toEqual([])
})

test('a new name is told once, though the network tells it too', async () => {
  const { status, body } = await ask(`PUT ${group.path}/name`, { name: 'Garden' })
  expect([status, body.data.name, body.data.chat.name]).toEqual([200, 'Garden', 'Garden'])
  expect(gateway.network.group(group.guid)?.name).toBe('Garden')
  expect(await told()).toEqual([
    {
      type: 'chat.title.changed',
      data: expect.objectContaining({
        chatId: group.id,
        chat: body.data.chat,
        name: 'Garden',
        title: 'Garden',
        to: gateway.customer.line.address,
        channel: 'whatsapp',
        customerId: gateway.customer.id,
      }),
    },
  ])
})

test('somebody is added, and removed by any of their names', async () => {
  const { body } = await ask(`POST ${group.path}/participants`, { participant: cleo })
  expect(body.data.participant).toMatchObject({ handle: jid(cleo), role: 'member', isPhoneResolved: true })
  const gone = await ask(`DELETE ${group.path}/participants/${encodeURIComponent(jid(ada))}`)
  expect(gone.body.data.removedParticipant.handle).toBe(jid(ada))
  await ask(`DELETE /v1/chats/${group.id}/participants/${bob}`)
  const events = await told()
  expect(events.map(({ type }) => type)).toEqual([
    'chat.participant.added',
    'chat.participant.left',
    'chat.participant.left',
  ])
  expect(events.map(({ data }) => (data.participant as { handle: string }).handle)).toEqual([cleo, ada, bob].map(jid))
  expect(events.map(({ data }) => handles(data.chat))).toEqual([
    [jid(ada), jid(bob), jid(cleo), 'self'],
    [jid(bob), jid(cleo), 'self'],
    [jid(cleo), 'self'],
  ])
  expect(gateway.network.group(group.guid)?.members.map(({ handle }) => handle)).toEqual([
    gateway.customer.line.address,
    cleo,
  ])
})

test('whoever is in it already is added to nobody, and nobody is told', async () => {
  expect((await ask(`POST ${group.path}/participants`, { participant: jid(ada) })).status).toBe(200)
  expect(await told()).toEqual([])
})

test('a picture is set and removed', async () => {
  const set = await ask(`POST ${group.path}/icon`, { imageBase64: picture, mimeType: 'image/png', filename: 'a.png' })
  expect(set.body.data).toEqual({ chat: expect.objectContaining({ chatId: group.id }), photoUrl: expect.any(String) })
  const removed = await ask(`DELETE ${group.path}/icon`)
  expect(removed.body.data.photoUrl).toBeNull()
  const events = await told()
  expect(events.map(({ type }) => type)).toEqual(['chat.photo.changed', 'chat.photo.changed'])
  expect(events.map(({ data }) => data.photoUrl)).toEqual([expect.any(String), null])
  const verbs = gateway.network.acts().filter(({ chat }) => chat === group.guid)
  expect(verbs.map(({ verb }) => verb).slice(-2)).toEqual(['setGroupIcon', 'removeGroupIcon'])
})

test('we leave, and nobody is told', async () => {
  const { body } = await ask(`POST ${group.path}/leave`)
  expect(body.data).toEqual({
    chatId: group.id,
    conversationId: group.id,
    providerChatGuid: group.guid,
    left: true,
  })
  expect(gateway.network.group(group.guid)?.members.map(({ handle }) => handle)).toEqual([ada, bob])
  expect(await told()).toEqual([])
})

test('a message goes into it, on the line and the channel it has', async () => {
  const id = await story.send({ chatId: group.id, content: { text: 'To all' }, routing: { preference: ['sms'] } })
  await gateway.advance(1_000)
  expect(await story.heard()).toEqual([
    'message.queued queued -',
    'message.sent sent whatsapp',
    'message.delivered delivered whatsapp',
  ])
  gateway.network.as(ada).in(group.guid).says('Heard')
  await gateway.advance(1_000)
  const { body } = await ask(`GET ${group.path}/messages?limit=1`)
  expect(body.data.messages).toEqual([expect.objectContaining({ direction: 'inbound', content: { text: 'Heard' } })])
  const next = await ask(`GET ${group.path}/messages?cursor=${body.data.pagination.nextCursor}`)
  expect(next.body.data.messages.map((one: { id: string }) => one.id)).toEqual([id])
  expect(next.body.data.pagination.hasMore).toBe(false)
})

test('the first of a group to receive or read a message counts for all, and each can be looked up', async () => {
  gateway.network.setPerson(ada, { deliveredAfterMs: null })
  const id = await story.send({ chatId: group.id, content: { text: 'To all' } })
  await gateway.advance(1_000)
  const providerId = (await story.get(id)).externalId
  gateway.network.as(bob).reads(gateway.customer.line.address, 'whatsapp', providerId)
  gateway.network.as(ada).receives(gateway.customer.line.address, 'whatsapp', providerId)
  gateway.network.as(ada).reads(gateway.customer.line.address, 'whatsapp', providerId)
  await gateway.advance(1_000)
  gateway.network.setPerson(ada, { deliveredAfterMs: 150 })
  expect(await story.heard()).toEqual([
    'message.queued queued -',
    'message.sent sent whatsapp',
    'message.delivered delivered whatsapp',
    'message.read read whatsapp',
  ])
  const { body } = await ask(`GET /v1/messages/${id}/receipts`)
  const moment = expect.stringMatching(/^2.*Z$/)
  expect(body.data).toEqual({
    messageId: id,
    receipts: [
      { handle: jid(bob), deliveredAt: moment, readAt: moment },
      { handle: jid(ada), deliveredAt: moment, readAt: moment },
    ],
  })
})

test('a receipt that comes before the answer to the send is kept for the message', async () => {
  gateway.network.faults.set({ early: 1 })
  const id = await story.send({ chatId: group.id, content: { text: 'To all' } })
  await gateway.advance(1_000)
  gateway.network.faults.set({})
  expect((await ask(`GET /v1/messages/${id}/receipts`)).body.data.receipts.map(handleOf).sort()).toEqual([
    jid(ada),
    jid(bob),
  ])
})

test('of two there is one receipt, of what is not out yet none, and inbound messages have none', async () => {
  const direct = await story.send({ to: ada, content: { text: 'To you' }, routing: { preference: ['whatsapp'] } })
  gateway.network.setPerson(bob, { deliveredAfterMs: null })
  const lost = await story.send({ to: bob, content: { text: 'To you' }, routing: { preference: ['whatsapp'] } })
  await gateway.advance(1_000)
  gateway.network.setPerson(bob, { deliveredAfterMs: 150 })
  expect((await ask(`GET /v1/messages/${direct}/receipts`)).body.data.receipts).toEqual([
    { handle: jid(ada), deliveredAt: (await story.get(direct)).deliveredAt, readAt: null },
  ])
  expect((await ask(`GET /v1/messages/${lost}/receipts`)).body.data.receipts).toEqual([])
  gateway.network.as(ada).in(group.guid).says('Heard')
  await gateway.advance(1_000)
  const { body } = await ask(`GET ${group.path}/messages?limit=1`)
  expect((await ask(`GET /v1/messages/${body.data.messages[0].id}/receipts`)).body.data.receipts).toEqual([])
})

test('what a message tells of its group before the notice does is told once', async () => {
  gateway.network.as(ada).in(group.guid).adds(cleo)
  gateway.network.as(ada).in(group.guid).renames('Garden')
  gateway.network.as(cleo).in(group.guid).says('Hello')
  await gateway.advance(1_000)
  expect(await story.heard()).toEqual([
    'chat.participant.added - whatsapp',
    'chat.title.changed - whatsapp',
    'message.inbound received whatsapp',
  ])
})

test('ranks are shown and not told', async () => {
  const theirs = gateway.network.as(ada).createsGroup('whatsapp', 'Plans', [gateway.customer.line.address, bob])
  gateway.network.as(ada).in(theirs).says('Welcome')
  await gateway.advance(1_000)
  const { body } = await ask(`GET /v1/chats/${theirs}`)
  expect(body.data.participants).toEqual([
    expect.objectContaining({ handle: jid(bob), role: 'member', admin: null }),
    expect.objectContaining({ handle: jid(ada), role: 'owner', admin: 'superadmin' }),
  ])
})

test('what is not for this chat is refused, and nothing happens', async () => {
  const text = { text: 'Hi' }
  await story.send({ to: ada, content: text, routing: { preference: ['whatsapp'] } })
  await story.send({ to: ada, content: text, routing: { preference: ['sms'] } })
  await gateway.advance(1_000)
  story = await tell(gateway)
  const before = gateway.network.acts().length
  const direct = `/v1/chats/${encodeURIComponent(jid(ada))}`
  const sms = `/v1/chats/${encodeURIComponent(`SMS;-;${ada}`)}`
  const cases: [string, unknown, number, string][] = [
    [`PUT ${direct}/name`, { name: 'No' }, 400, 'INVALID_REQUEST'],
    [`POST ${direct}/participants`, { participant: bob }, 400, 'INVALID_REQUEST'],
    [`DELETE ${direct}/participants/${bob}`, undefined, 400, 'INVALID_REQUEST'],
    [`POST ${direct}/icon`, { imageBase64: picture }, 400, 'INVALID_REQUEST'],
    [`DELETE ${direct}/icon`, undefined, 400, 'INVALID_REQUEST'],
    [`POST ${direct}/leave`, undefined, 400, 'INVALID_REQUEST'],
    [`POST ${direct}/read`, undefined, 400, 'CHANNEL_NOT_SUPPORTED'],
    [`POST ${direct}/unread`, undefined, 400, 'CHANNEL_NOT_SUPPORTED'],
    [`POST ${sms}/read`, undefined, 400, 'CHANNEL_NOT_SUPPORTED'],
    [`POST ${sms}/typing`, { status: 'start' }, 400, 'CHANNEL_NOT_SUPPORTED'],
    [`PUT ${group.path}/name`, { name: 'No', from: '+15550100999' }, 400, 'FROM_INSTANCE_CANNOT_REACH'],
    [`DELETE ${group.path}/icon?from=%2B15550100200`, undefined, 400, 'FROM_INSTANCE_CANNOT_REACH'],
    [`POST ${group.path}/leave`, { from: '+15550100200' }, 400, 'FROM_INSTANCE_CANNOT_REACH'],
    [`PUT ${group.path}/name`, { name: ' ' }, 400, 'VALIDATION_ERROR'],
    [`POST ${group.path}/icon`, {}, 400, 'VALIDATION_ERROR'],
    [`POST ${group.path}/icon`, { imageBase64: picture, imageUrl: 'https://a.test/b.png' }, 400, 'INVALID_REQUEST'],
    [`POST ${group.path}/icon`, { imageBase64: 'aGVsbG8=' }, 400, 'VALIDATION_ERROR'],
    [`POST ${group.path}/participants`, { participant: 'eve@example.com' }, 400, 'INVALID_PHONE_NUMBER'],
    [`POST ${group.path}/participants`, { participant: '+14155550107' }, 400, 'NO_CHANNEL_AVAILABLE'],
    [`POST ${group.path}/participants`, { participant: '+15550100100' }, 400, 'INVALID_REQUEST'],
    [`DELETE ${group.path}/participants/${cleo}`, undefined, 404, 'NOT_FOUND'],
    [`DELETE ${group.path}/participants/self`, undefined, 400, 'INVALID_REQUEST'],
    ['POST /v1/chats/groups', { channel: 'whatsapp', participants: [ada] }, 400, 'NAME_REQUIRED'],
    ['POST /v1/chats/groups', { channel: 'sms', name: 'No', participants: [ada] }, 400, 'GROUP_SMS_UNSUPPORTED'],
    ['POST /v1/chats/groups', { participants: ['nobody'] }, 400, 'INVALID_PHONE_NUMBER'],
    ['POST /v1/chats/groups', { participants: ['+15550100100'] }, 400, 'INVALID_REQUEST'],
    ['POST /v1/chats/groups', { participants: [] }, 400, 'VALIDATION_ERROR'],
    ['POST /v1/chats/groups', { participants: [ada], from: '+15550100200' }, 403, 'ADDRESS_NOT_AUTHORIZED'],
    ['GET /v1/chats/nobody', undefined, 404, 'CONVERSATION_NOT_FOUND'],
  ]
  for (const [call, body, status, code] of cases)
    expect([call, ...(await codeOf(call, body))]).toEqual([call, status, code])
  expect(gateway.network.acts().length).toBe(before)
  expect(await told()).toEqual([])
})

test('a chat the network has not named cannot be changed yet', async () => {
  const text = `update conversations set provider_chat_id = null where id = $1`
  await gateway.database.db.query({ name: '', text }, [group.id])
  expect(await codeOf(`PUT /v1/chats/${group.id}/name`, { name: 'Garden' })).toEqual([409, 'CONVERSATION_NOT_READY'])
  expect((await ask(`GET /v1/chats/${group.id}`)).body.data).toMatchObject({ chatId: null, name: 'Kitchen' })
})

test('what the network refuses, or does not answer, changes nothing here', async () => {
  // Not held against the document: to the judge of the fuzz anything above 500 is a fault.
  const rename = async (name: string) => {
    const answer = await story.call('PUT', `${group.path}/name`, { name })
    return [answer.status, answer.body.error?.code]
  }
  gateway.network.failNext({ kind: 'refused', channel: 'whatsapp' })
  expect(await rename('Garden')).toEqual([502, 'CHAT_CHANGE_FAILED'])
  gateway.network.failNext({ kind: 'dropBefore', channel: 'whatsapp', hangs: false })
  const waiting = rename('Garden')
  await until(async () => gateway.network.faults.waiting().length === 0, 'the call to be lost')
  await gateway.pass(20_000)
  expect(await waiting).toEqual([504, 'PROVIDER_TIMEOUT'])
  gateway.network.failNext({ kind: 'dropAfter', channel: 'whatsapp', hangs: false })
  const done = rename('Cellar')
  await until(async () => gateway.network.faults.waiting().length === 0, 'the answer to be lost')
  await gateway.pass(20_000)
  expect(await done).toEqual([504, 'PROVIDER_TIMEOUT'])
  // It was done all the same, and the network says so.
  await gateway.settled()
  expect(await story.heard()).toEqual(['chat.title.changed - whatsapp'])
  expect((await ask(`GET ${group.path}`)).body.data.name).toBe('Cellar')
})

test('a WhatsApp number that is not connected says so', async () => {
  gateway.network.disconnect(gateway.customer.line.address, 'whatsapp', 1_000)
  expect(await codeOf(`PUT ${group.path}/name`, { name: 'Garden' })).toEqual([400, 'WHATSAPP_NOT_CONNECTED'])
  await gateway.pass(2_000)
  await until(async () => (await codeOf(`PUT ${group.path}/name`, { name: 'Garden' }))[0] === 200, 'the link')
})

test('a picture is fetched from where it is, if it is one', async () => {
  const pictures = createServer((request, response) => {
    if (request.url === '/moved') return response.writeHead(302, { location: '/logo.png' }).end()
    if (request.url === '/gone') return response.writeHead(404).end()
    if (request.url === '/large') return response.end(Buffer.alloc(5 * 1024 * 1024 + 1))
    if (request.url === '/page') return response.setHeader('content-type', 'image/png').end('<html>')
    return response.end(Buffer.from(picture, 'base64'))
  })
  await new Promise<void>((resolve) => pictures.listen(0, '127.0.0.1', resolve))
  const at = `http://127.0.0.1:${(pictures.address() as AddressInfo).port}`
  for (const path of ['/logo.png', '/moved'])
    expect((await ask(`POST ${group.path}/icon`, { imageUrl: `${at}${path}` })).status).toBe(200)
  const away = ['http://10.0.0.1/logo.png', 'http://169.254.169.254/latest', 'https://user:word@images.test/a.png']
  for (const imageUrl of [`${at}/gone`, `${at}/large`, `${at}/page`, ...away]) {
    const { status, body } = await ask(`POST ${group.path}/icon`, { imageUrl })
    expect([status, body.error.code, body.error.details?.[0]?.path]).toEqual([400, 'VALIDATION_ERROR', 'imageUrl'])
  }
  await new Promise((resolve) => pictures.close(resolve))
  expect((await told()).map(({ type }) => type)).toEqual(['chat.photo.changed', 'chat.photo.changed'])
})

test('two numbers of one customer in one group have a conversation each, and keep theirs', async () => {
  const { id } = gateway.customer
  const second = '+15550100101' as Handle
  await gateway.gateway.admin.addNumber(id, { address: second, provider: 'sandbox', line: null })
  await until(async () => (await gateway.gateway.health()).links.whatsapp.lines === 3, 'the line')
  await gateway.advance(1_000)
  const named = await ask('POST /v1/chats/groups', {
    channel: 'whatsapp',
    name: 'Both',
    participants: [ada],
    from: second,
  })
  expect(named.body.data.chat.name).toBe('Both')
  const shared = encodeURIComponent(named.body.data.chatId)
  expect((await ask(`GET /v1/chats/${shared}?from=${second}`)).body.data.conversationId).toBe(
    named.body.data.conversationId,
  )
  expect(await codeOf(`GET /v1/chats/${shared}?from=${gateway.customer.line.address}`)).toEqual([
    400,
    'FROM_INSTANCE_CANNOT_REACH',
  ])
  await ask(`POST /v1/chats/${shared}/participants`, { participant: gateway.customer.line.address })
  gateway.network.as(ada).in(named.body.data.chatId).says('Hello, both of you')
  await gateway.advance(1_000)
  const conversationAt = async (from: string) =>
    (await ask(`GET /v1/chats/${shared}?from=${from}`)).body.data.conversationId
  const first = await conversationAt(gateway.customer.line.address)
  expect(first).not.toBe(named.body.data.conversationId)
  expect(await conversationAt(second)).toBe(named.body.data.conversationId)
  // Called by the group's own name, it is the number that made it: one that is added later takes nothing over.
  expect((await ask(`GET /v1/chats/${shared}`)).body.data.conversationId).toBe(named.body.data.conversationId)
  // The one change is told for each of the two conversations.
  story = await tell(gateway)
  await ask(`PUT /v1/chats/${shared}/name?from=${second}`, { name: 'Both of us' })
  await gateway.advance(1_000)
  expect(await story.heard()).toEqual(['chat.title.changed - whatsapp', 'chat.title.changed - whatsapp'])
})
