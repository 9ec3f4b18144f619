/** An address book: kept by calls, found by search, and known wherever people appear, on every channel, as soon as it changes. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Channel, channels } from '../../src/model/channel.ts'
import type { Handle } from '../../src/model/ids.ts'
import { type Ask, askerOf } from '../contract/ask.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { type Story, type Told, tell } from '../support/story.ts'

let gateway: TestGateway
let ask: Ask
let story: Story
let number = 0
let person: Handle
beforeAll(async () => {
  gateway = await startTestGateway()
  ask = await askerOf(gateway)
})
beforeEach(async () => {
  number += 1
  person = `+1415556${String(1_000 + number)}` as Handle
  // What the test before has sent is delivered by now.
  await gateway.advance(1_000)
  story = await tell(gateway)
})
afterAll(async () => {
  await gateway.stop()
  expect(gateway.errors).toEqual([])
})

const line = () => gateway.customer.line.address

async function create(fields: object = {}): Promise<string> {
  const answer = await ask('POST /v1/contacts', { phoneNumber: person, ...fields })
  expect(answer.status, answer.text).toBe(201)
  return answer.body.data.id
}

async function says(channel: Channel, from: Handle = person): Promise<Told> {
  gateway.network.as(from).says(line(), channel, 'Hello')
  await gateway.advance(1_000)
  const last = (await story.told()).at(-1)
  if (last === undefined) throw new Error('Nothing was told.')
  return last
}

const others = (chat: { participants: { role: string }[] }) => chat.participants.filter(({ role }) => role !== 'self')

test('a contact is created, read, changed and deleted, and no event tells of it', async () => {
  const made = await ask('POST /v1/contacts', {
    phoneNumber: '+1 (415) 555-7001',
    email: 'Grace@Example.com',
    firstName: 'Grace',
    tags: ['regular', 'vegan', 'regular'],
    metadata: { table: 7 },
  })
  const { id, createdAt } = made.body.data
  const contact = {
    id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    phoneNumber: '+14155557001',
    email: 'grace@example.com',
    firstName: 'Grace',
    lastName: null,
    company: null,
    tags: ['regular', 'vegan'],
    metadata: { table: 7 },
    optedOut: false,
    lastContactedAt: null,
    createdAt: expect.any(String),
    updatedAt: createdAt,
  }
  expect([made.status, made.body.data]).toEqual([201, contact])
  expect((await ask(`GET /v1/contacts/${id}`)).body.data).toEqual(contact)

  await gateway.pass(1_000)
  const change = { lastName: 'Okafor', email: null, tags: null, metadata: null }
  const changed = await ask(`PUT /v1/contacts/${id}`, change)
  const after = { ...contact, lastName: 'Okafor', email: null, tags: [], metadata: {}, updatedAt: expect.any(String) }
  expect([changed.status, changed.body.data]).toEqual([200, after])
  expect(changed.body.data.updatedAt > createdAt).toBe(true)
  expect((await ask(`PUT /v1/contacts/${id}`, { phoneNumber: '+14155557001' })).body.data.phoneNumber).toBe(
    '+14155557001',
  )

  expect((await ask(`DELETE /v1/contacts/${id}`)).body.data).toEqual({ id, deleted: true })
  for (const call of [`GET /v1/contacts/${id}`, `DELETE /v1/contacts/${id}`])
    expect((await ask(call)).body.error.code).toBe('NOT_FOUND')
  expect((await ask(`PUT /v1/contacts/${id}`, { company: 'x' })).body.error.code).toBe('NOT_FOUND')
  expect(await story.heard()).toEqual([])
})

test('two contacts never have the same number; two customers may', async () => {
  const id = await create()
  expect((await ask('POST /v1/contacts', { phoneNumber: person })).body.error.code).toBe('CONTACT_EXISTS')
  const other = await ask('POST /v1/contacts', { phoneNumber: '+14155557002' })
  const taken = await ask(`PUT /v1/contacts/${other.body.data.id}`, { phoneNumber: person })
  expect([taken.status, taken.body.error.code]).toEqual([409, 'CONTACT_EXISTS'])
  expect((await ask(`GET /v1/contacts/${other.body.data.id}`)).body.data.phoneNumber).toBe('+14155557002')
  const stranger = await ask('POST /v1/contacts', { phoneNumber: person }, { key: gateway.otherApiKey })
  expect(stranger.status).toBe(201)
  expect(stranger.body.data.id).not.toBe(id)
  const racing = await Promise.all([1, 2, 3, 4].map(() => ask('POST /v1/contacts', { phoneNumber: '+14155557003' })))
  expect(racing.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409])
})

test('contacts are found by parts of what is known of them, by tag, and in pages', async () => {
  const key = gateway.otherApiKey
  const people = [
    { phoneNumber: '+4930100001', firstName: 'Ada', lastName: 'Byron', tags: ['vip'] },
    { phoneNumber: '+4930100002', firstName: 'Bo_b', company: '100% Bikes', tags: ['vip', 'bikes'] },
    { phoneNumber: '+4930100003', email: 'cleo@BIKES.example', tags: ['bikes'] },
  ]
  for (const one of people) expect((await ask('POST /v1/contacts', one, { key })).status).toBe(201)
  const found = async (query: string) => {
    const { body } = await ask(`GET /v1/contacts?${query}`, undefined, { key })
    return body.data.contacts.map(({ phoneNumber }: { phoneNumber: string }) => phoneNumber.slice(-1)).join('')
  }
  expect(await found('search=DA%20BYR')).toBe('1')
  expect(await found('search=bikes')).toBe('32')
  expect(await found('search=%2B493010000')).toBe('321')
  expect(await found('search=+493010000')).toBe('321')
  expect(await found('search=100%25')).toBe('2')
  expect(await found('search=o_b')).toBe('2')
  expect(await found('search=%25')).toBe('2')
  expect(await found('search=nobody')).toBe('')
  expect(await found('tag=vip')).toBe('21')
  expect(await found('tag=VIP')).toBe('')
  expect(await found('tag=bikes&search=bo')).toBe('2')
  const page = await ask('GET /v1/contacts?tag=vip&limit=1&offset=1', undefined, { key })
  expect(page.body.data.pagination).toEqual({ limit: 1, offset: 1, total: 2, hasMore: false })
  const first = await ask('GET /v1/contacts?tag=vip&limit=1', undefined, { key })
  expect(first.body.data.pagination).toEqual({ limit: 1, offset: 0, total: 2, hasMore: true })
  const past = await ask('GET /v1/contacts?tag=vip&offset=50', undefined, { key })
  expect(past.body.data).toMatchObject({
    contacts: [],
    pagination: { limit: 50, offset: 50, total: 2, hasMore: false },
  })
  const deep = await ask('GET /v1/contacts?offset=50001', undefined, { key })
  expect(deep.body.error).toMatchObject({ code: 'VALIDATION_ERROR', message: expect.stringContaining('search') })
})

test('of many at once, each is created or named with its reason', async () => {
  const numbers = ['+14155558001', 'no number', '+14155558002', '+14155558001', '+14155558003']
  const contacts = numbers.map((phoneNumber, index) => ({ phoneNumber, ...(index === 4 && { email: 'nobody' }) }))
  const answer = await ask('POST /v1/contacts/bulk', { contacts })
  const errors = [
    { index: 1, code: 'INVALID_PHONE_NUMBER', error: expect.any(String) },
    { index: 3, code: 'CONTACT_EXISTS', error: expect.any(String) },
    { index: 4, code: 'VALIDATION_ERROR', error: expect.any(String) },
  ]
  expect([answer.status, answer.body.data]).toEqual([200, { created: 2, failed: 3, errors }])
  const { body } = await ask('GET /v1/contacts?search=1415555800')
  const ids = body.data.contacts.map(({ id }: { id: string }) => id)
  expect(ids).toHaveLength(2)
  const gone = await ask('DELETE /v1/contacts/bulk', { ids: [...ids, ids[0], 'nobody', gateway.customer.id] })
  expect(gone.body.data).toEqual({ deleted: 2 })
  expect((await ask('POST /v1/contacts/bulk', { contacts: [{ phoneNumber: '+14155558004' }] })).body.data).toEqual({
    created: 1,
    failed: 0,
  })
  const tooMany = Array.from({ length: 101 }, (_, index) => ({ phoneNumber: `+1415555${8_100 + index}` }))
  expect((await ask('POST /v1/contacts/bulk', { contacts: tooMany })).body.error.code).toBe('VALIDATION_ERROR')
  expect(await story.heard()).toEqual([])
})

test.each(channels)('whoever is a contact is named from their first message on %s', async (channel) => {
  const contactId = await create()
  const { type, data } = await says(channel)
  expect(type).toBe('message.inbound')
  expect(data.sender.contactId).toBe(contactId)
  expect(others(data.chat)).toMatchObject([{ contactId }])
  expect(others(data.conversation)).toMatchObject([{ contactId }])
  expect(await story.heard()).toEqual([`message.inbound received ${channel}`])
})

test.each(channels)('whoever becomes a contact later is named from then on, also on %s', async (channel) => {
  const before = await says(channel)
  expect(before.data.sender.contactId).toBeNull()
  const contactId = await create()
  expect(others((await ask(`GET /v1/chats/${before.data.chat.chatId}`)).body.data.chat)).toMatchObject([{ contactId }])
  expect((await says(channel)).data.sender.contactId).toBe(contactId)
  const { body } = await ask(`PUT /v1/contacts/${contactId}`, { phoneNumber: '+14155559999' })
  expect(body.data.phoneNumber).toBe('+14155559999')
  expect((await says(channel)).data.sender.contactId).toBeNull()
  await ask(`PUT /v1/contacts/${contactId}`, { phoneNumber: person })
  expect((await says(channel)).data.sender.contactId).toBe(contactId)
  await ask(`DELETE /v1/contacts/${contactId}`)
  expect((await says(channel)).data.sender.contactId).toBeNull()
  expect(await story.heard()).toEqual(Array(5).fill(`message.inbound received ${channel}`))
})

test('an e-mail address names somebody as well, in any case', async () => {
  const email = `Friend${number}@Example.com`
  const contactId = await create({ email })
  expect((await says('imessage', email as Handle)).data.sender.contactId).toBe(contactId)
  await ask(`PUT /v1/contacts/${contactId}`, { email: null })
  expect((await says('imessage', email as Handle)).data.sender.contactId).toBeNull()
})

test('whom we write to first is named from the first event that knows the conversation', async () => {
  const contactId = await create()
  await story.send({ to: person, content: { text: 'Hello' } })
  await gateway.settled()
  await gateway.advance(1_000)
  const told = await story.told()
  expect(told.map(({ type }) => type)).toEqual(['message.queued', 'message.sent', 'message.delivered'])
  for (const { data } of told.slice(1)) {
    expect(data.sender).toEqual({ contactId: null, handle: 'self' })
    expect(others(data.chat)).toMatchObject([{ contactId }])
  }
})

test('members of a group are named too, whoever comes and goes', async () => {
  const [ada, bob] = [person, `+1415557${String(1_000 + number)}` as Handle]
  const made = await ask('POST /v1/chats/groups', { channel: 'whatsapp', name: 'Kitchen', participants: [ada] })
  const path = `/v1/chats/${made.body.data.conversationId}`
  const roster = async () => others((await ask(`GET ${path}`)).body.data.chat).map((one) => Object(one).contactId)
  expect(await roster()).toEqual([null])
  const contactId = await create()
  expect(await roster()).toEqual([contactId])
  const { body } = await ask('POST /v1/contacts', { phoneNumber: bob })
  const added = await ask(`POST ${path}/participants`, { participant: bob })
  expect(added.body.data.participant.contactId).toBe(body.data.id)
  await gateway.advance(1_000)
  const [told] = await story.told()
  expect(told?.data.participant.contactId).toBe(body.data.id)
  expect(others(told?.data.chat)).toMatchObject([{ contactId }, { contactId: body.data.id }])
  await ask('DELETE /v1/contacts/bulk', { ids: [contactId, body.data.id] })
  expect(await roster()).toEqual([null, null])
  expect(await story.heard()).toEqual(['chat.participant.added - whatsapp'])
})

test('a contact and a conversation that are made at once know each other', async () => {
  for (let round = 0; round < 10; round += 1) {
    const from = `+1415554${number}${100 + round}` as Handle
    gateway.network.as(from).says(line(), 'sms', 'Hello')
    const made = await ask('POST /v1/contacts', { phoneNumber: from })
    await gateway.settled()
    const { body } = await ask(`GET /v1/messages?from=${encodeURIComponent(from)}`)
    const chat = await ask(`GET /v1/chats/${body.data.messages[0].conversationId}`)
    expect(others(chat.body.data.chat)).toMatchObject([{ contactId: made.body.data.id }])
  }
})

test('a message may bring its contact along, once, and only if it is sent to an address', async () => {
  const named = async (phone: string) =>
    (await ask(`GET /v1/contacts?search=${encodeURIComponent(phone)}`)).body.data.contacts
  const body = { to: person, content: { text: 'Hello' }, createContact: true, idempotencyKey: `meet-${number}` }
  await story.send(body)
  const again = await ask('POST /v1/messages', { ...body, createContact: false })
  expect(again.status).toBe(200)
  await gateway.settled()
  await gateway.advance(1_000)
  const [contact, ...rest] = await named(person)
  expect(rest).toEqual([])
  expect(contact).toMatchObject({ phoneNumber: person, firstName: null, tags: [] })
  const told = await story.told()
  expect(others(told[1]?.data.chat)).toMatchObject([{ contactId: contact.id }])
  expect(await story.heard()).toEqual([
    'message.queued queued -',
    'message.sent sent imessage',
    'message.delivered delivered imessage',
  ])

  await ask(`DELETE /v1/contacts/${contact.id}`)
  await story.send({ chatId: told[1]?.data.chat.chatId, content: { text: 'Hello' }, createContact: true })
  await story.send({ to: 'nobody@example.com', content: { text: 'Hello' }, createContact: true })
  const refused = { to: person, content: { text: 'Hello' }, createContact: true, replyTo: 'nothing' }
  expect((await ask('POST /v1/messages', refused)).status).toBe(404)
  await story.send({ to: person, content: { text: 'Hello' }, createContact: false })
  expect(await named(person)).toEqual([])
  expect(await named('nobody@example.com')).toEqual([])
})

test('an address book that is full takes no more, and messages go out all the same', async () => {
  const { id, apiKey } = gateway.other
  const text = `insert into contacts (customer_id, id, phone_number)
    select $1, gen_random_uuid(), '+88' || n from generate_series(1000001, 1050000) n`
  await gateway.database.db.query({ name: '', text: `delete from contacts where customer_id = $1` }, [id])
  await gateway.database.db.query({ name: '', text }, [id])
  const full = await ask('POST /v1/contacts', { phoneNumber: person }, { key: apiKey })
  expect([full.status, full.body.error.code]).toEqual([409, 'CONFLICT'])
  expect(full.body.error.message).toContain('50000')
  const message = { to: person, content: { text: 'Hello' }, createContact: true }
  expect((await ask('POST /v1/messages', message, { key: apiKey })).status).toBe(202)
  const list = await ask('GET /v1/contacts?limit=1', undefined, { key: apiKey })
  expect(list.body.data.pagination.total).toBe(50_000)
  const last = await ask('GET /v1/contacts?limit=100&offset=49900', undefined, { key: gateway.otherApiKey })
  expect([last.status, last.body.data?.contacts?.length]).toEqual([200, 100])
  expect(last.body.data.pagination).toMatchObject({ total: 50_000, hasMore: false })
})

test('the last time of contact moves with what is sent and what is received', async () => {
  const id = await create()
  const lastContactedAt = async () => {
    // Housekeeping looks every few seconds.
    await gateway.advance(6_000)
    await gateway.advance(6_000)
    return (await ask(`GET /v1/contacts/${id}`)).body.data.lastContactedAt
  }
  expect(await lastContactedAt()).toBeNull()
  await story.send({ to: person, content: { text: 'Hello' } })
  // It reads the log up to the oldest transaction of the whole server, and other tests have theirs.
  await expect.poll(lastContactedAt, { timeout: 10_000 }).toEqual(expect.any(String))
  const sent = await lastContactedAt()
  await gateway.advance(60_000)
  await says('whatsapp')
  await expect.poll(async () => (await lastContactedAt()) > sent, { timeout: 10_000 }).toBe(true)
  const { updatedAt, createdAt } = (await ask(`GET /v1/contacts/${id}`)).body.data
  expect(updatedAt).toBe(createdAt)
})

test('focus and FaceTime are what the network says, asked once a minute', async () => {
  const about = async (what: string) => (await ask(`GET /v1/contacts/${person.slice(1)}/${what}`)).body.data
  gateway.network.setPerson(person, { focus: 'Sleep', facetime: false })
  const focus = { phoneNumber: person, focused: true, focusMode: 'Sleep', focusActive: true }
  expect(await about('focus')).toEqual({ ...focus, cached: false })
  expect(await about('facetime')).toEqual({ phoneNumber: person, available: false, cached: false })
  gateway.network.setPerson(person, { focus: null, facetime: true })
  expect(await about('focus')).toEqual({ ...focus, cached: true })
  expect((await ask(`GET /v1/capabilities/${person}`)).body.data).toMatchObject({
    capabilities: { imessage: true, facetime: false },
    focused: true,
    focusMode: 'Sleep',
  })
  expect(await about('facetime')).toEqual({ phoneNumber: person, available: false, cached: true })
  await gateway.advance(61_000)
  expect(await about('focus')).toEqual({ phoneNumber: person, focused: false, focusActive: false, cached: false })
  expect(await about('facetime')).toEqual({ phoneNumber: person, available: true, cached: false })
  expect((await ask('GET /v1/contacts/nobody/focus')).body.error.code).toBe('INVALID_PHONE_NUMBER')
  expect(await story.heard()).toEqual([])
})

test('nothing can be told of anybody without an iMessage line', async () => {
  const { admin } = gateway.gateway
  const { id } = await admin.createCustomer({
    email: 'eve@example.com',
    name: 'Eve',
    company: null,
    requestsPerMinute: null,
  })
  const scopes = ['read'] as const
  const { key } = await admin.createKey({ name: 'eve', customer: { id }, scopes, expiresAt: null })
  for (const what of ['focus', 'facetime']) {
    const answer = await ask(`GET /v1/contacts/${person}/${what}`, undefined, { key })
    expect([answer.status, answer.body.error.code]).toEqual([400, 'CHANNEL_NOT_SUPPORTED'])
  }
  const refused = await ask('POST /v1/contacts', { phoneNumber: person }, { key })
  expect([refused.status, refused.body.error.code]).toEqual([403, 'FORBIDDEN'])
})
