/** A gateway to be fuzzed, with things of both customers in it so that ids can be right, foreign or wrong. */
import { createHash } from 'node:crypto'
import type { Draft } from '../../src/messaging/draft.ts'
import type { Handle } from '../../src/model/ids.ts'
import type { OpenApi } from '../../src/surfaces/openapi.ts'
import { type TestGateway, until } from '../support/gateway.ts'
import type { FuzzTarget } from './fuzz.ts'
import { type Entry, entriesOf } from './requests.ts'
import type { Meanings } from './values.ts'

const draft: Draft = {
  ...{
    to: '+15550100123',
    conversationId: null,
    from: null,
    attachments: [],
    replyTo: null,
    mentions: [],
    preference: null,
  },
  ...{
    content: { text: 'Something to work on', mediaUrls: [], effect: null, location: null },
    fallback: true,
    scheduledAt: null,
  },
  ...{ idempotencyKey: null, callbackUrl: null, metadata: null, correlationId: 'cor_0' },
}

/** Every operation has messages, lines and keys of its own to change: what one deletes, the next would look for in vain. */
export async function targetOf(test: TestGateway): Promise<FuzzTarget> {
  const { url, apiKey, otherApiKey, adminKey, gateway } = test
  const document = (await (await fetch(`${url}/openapi.json`)).json()) as OpenApi
  const meanings = new Map<string, Meanings>()
  const shops = new Map<string, Shop>()
  let number = 0
  for (const entry of entriesOf(document)) {
    const { operation, path } = entry
    number += 1
    if (path.startsWith('/v1/webhooks')) {
      const shop = await shopOf(test, entry, number)
      shops.set(operation.operationId, shop)
      meanings.set(operation.operationId, { ...shop.meanings, ...(await settingOf(test)) })
      continue
    }
    const chats = path.startsWith('/v1/chats') ? await chatsOf(test, number) : null
    const contacts = path.startsWith('/v1/contacts') ? await contactsOf(test, number) : null
    const linked = path.startsWith('/v1/whatsapp') ? await linkedOf(test, operation.operationId, number) : null
    const files = path.startsWith('/v1/attachments') ? filesOf(test) : null
    const needsLine = path.startsWith('/v1/admin/')
    const spare = needsLine ? await spareOf(test, number) : null
    meanings.set(operation.operationId, {
      ...(await messagesOf(test)),
      ...spare,
      ...(await settingOf(test)),
      ...chats,
      ...contacts,
      ...linked,
      ...files,
    })
  }
  await test.settled()
  const by = await gateway.callers.authenticate(apiKey)
  const { rows } = await gateway.messages.list(by, { limit: 1, after: null, status: 'delivered' })
  const conversation = rows[0]?.conversationId ?? 'none'
  return {
    url,
    document,
    keysOf: (operationId) => ({ apiKey: shops.get(operationId)?.apiKey ?? apiKey, otherApiKey, adminKey }),
    meaningsOf: (operationId) => ({
      chatId: [conversation],
      conversationId: [conversation],
      ...meanings.get(operationId),
    }),
  }
}

async function messagesOf({ gateway, apiKey, otherApiKey, network, customer, clock }: TestGateway): Promise<Meanings> {
  const by = await gateway.callers.authenticate(apiKey)
  const scheduledAt = new Date(clock.now() + 86_400_000).toISOString()
  const variants: readonly Partial<Draft>[] = [
    ...Array.from({ length: 3 }, () => ({})),
    { to: '+15550100177', preference: ['whatsapp'], fallback: false },
    { to: '+14155550106', preference: ['imessage'], fallback: false },
    { scheduledAt },
    { scheduledAt },
  ]
  const submitted = await Promise.all(variants.map((variant) => gateway.messages.submit(by, { ...draft, ...variant })))
  network.as('+15550100188' as Handle).says(customer.line.address, 'whatsapp', 'Hello in there')
  const { rows } = await gateway.messages.list(by, { limit: 5, after: null, direction: 'inbound' })
  const foreign = await gateway.messages.submit(await gateway.callers.authenticate(otherApiKey), draft)
  const own = [...submitted.map(({ message }) => message.id), ...rows.map(({ id }) => id)].map((id) => `msg_${id}`)
  const messages = [...own, ...own, `msg_${foreign.message.id}`, own[0]?.toUpperCase(), submitted[0]?.message.id]
  return { 'messages.id': messages, replyTo: messages }
}

/** Groups and chats of two of every kind, by both of their names, and one of the other customer. */
async function chatsOf(test: TestGateway, number: number): Promise<Meanings> {
  const { gateway, apiKey, otherApiKey, network, customer, url } = test
  const by = await gateway.callers.authenticate(apiKey)
  const people = [1, 2, 3].map((one) => `+1555040${String(number).padStart(3, '0')}${one}`)
  const group = (channel: 'imessage' | 'whatsapp') => ({ channel, from: null, name: 'Fuzz', participants: people })
  const other = await gateway.callers.authenticate(otherApiKey)
  const made = [
    await gateway.chats.createGroup(by, group('whatsapp')),
    await gateway.chats.createGroup(by, group('imessage')),
    await gateway.chats.createGroup(other, group('whatsapp')),
  ]
  network.as(people[0] as Handle).says(customer.line.address, 'whatsapp', 'Hello in there')
  network.as(people[0] as Handle).says(customer.line.address, 'sms', 'Hello in there')
  const names = made.flatMap(({ conversation }) => [conversation.id, conversation.providerChatId])
  const ones = [`${people[0]?.slice(1)}@s.whatsapp.net`, `SMS;-;${people[0]}`, `iMessage;-;${people[0]}`]
  return {
    'chats.chatId': [...names, ...names.slice(0, 4), ...ones, names[0]?.toUpperCase()],
    'participants.participantId': [...people, 'self', '1@lid', `${people[1]?.slice(1)}@s.whatsapp.net`],
    participant: [...people, 'eve@example.com', '+14155550106', customer.line.address],
    participants: [people, [people[0]], ['+14155550106'], ['eve@example.com'], [customer.line.address]],
    imageUrl: [`${url}/health`, 'https://127.0.0.1:1/x.png', 'http://[::1]/x.png'],
    imageBase64: ['iVBORw0KGgo=', 'R0lGODlhAQ==', 'aGVsbG8='],
  }
}

/** A number of its own for each operation, which some of them stop or unlink. Only one that is not linked can be given a code. */
async function linkedOf(test: TestGateway, operationId: string, number: number): Promise<Meanings> {
  const { gateway, network, customer, other, apiKey } = test
  const address = `+1555070${String(number).padStart(3, '0')}1` as Handle
  if (operationId === 'requestWhatsappPairingCode') await network.unpair(address)
  await gateway.admin.addNumber(customer.id, { address, provider: 'sandbox', line: null })
  network.as('+15550100188' as Handle).says(address, 'imessage', 'Your WhatsApp code: 301-774')
  const by = await gateway.callers.authenticate(apiKey)
  const isThere = async () =>
    ['connected', 'pairing'].includes((await gateway.pairing.status(by, address)).state?.status ?? '')
  await until(isThere, `the link for ${operationId}`)
  return {
    'numbers.phoneNumber': [address, address, address.slice(1), ` ${address.slice(1)}`, other.line.address, 'nobody'],
    phoneNumber: [address, '+15550100123', 'nobody'],
    phone: ['+15550100123', '+14155550107', ' 15550100123', 'nobody'],
  }
}

/** Links to a file that came in, to one that is not there, and one that is over. */
function filesOf({ gateway, customer, clock, network }: TestGateway): Meanings {
  const data = Buffer.from('A file to download')
  const attachments = [{ mimeType: 'text/plain', data }]
  network.as('+15550100188' as Handle).says(customer.line.address, 'whatsapp', 'A file', { attachments })
  const hash = createHash('sha256').update(data).digest('hex')
  const file = { customerId: customer.id, hash, mimeType: 'text/plain', filename: 'fuzz "1".txt' }
  const token = (of: typeof file, ms: number) =>
    gateway.media
      .linkTo(of, clock.now() + ms)
      .split('/')
      .at(-1) ?? ''
  return {
    'attachments.token': [
      token(file, 86_400_000),
      token({ ...file, filename: 'ü'.repeat(100) }, 86_400_000),
      token({ ...file, hash: '0'.repeat(64) }, 86_400_000),
      token(file, -1),
    ],
  }
}

/** A few of each customer: what is deleted once is gone. */
async function contactsOf({ gateway, apiKey, otherApiKey }: TestGateway, number: number): Promise<Meanings> {
  const by = await gateway.callers.authenticate(apiKey)
  const other = await gateway.callers.authenticate(otherApiKey)
  const fields = { email: null, firstName: 'Fuzz', lastName: null, company: null, tags: ['fuzz'], metadata: {} }
  const phone = (last: number) => `+1555060${String(number).padStart(3, '0')}${last}` as Handle
  const known = [1, 2, 3, 4, 5, 6].map(phone)
  const made = await gateway.contacts.createMany(
    by,
    known.map((phoneNumber) => ({ ...fields, phoneNumber })),
  )
  const foreign = await gateway.contacts.create(other, { ...fields, phoneNumber: phone(1) })
  const ids = made.flatMap((one) => ('id' in one ? [one.id] : []))
  return {
    'contacts.id': [...ids, ...ids, foreign.id, ids[0]?.toUpperCase()],
    ids: [ids, ids.slice(0, 1), [foreign.id]],
    'contacts.phoneNumber': [...known, '+14155550106', 'nobody'],
    phoneNumber: [...known, ...[7, 8, 9].map(phone), '15550600', 'nobody'],
    email: ['Ada@Example.com', 'nobody'],
    tag: ['fuzz', 'none'],
    search: ['fuzz', '1555060', '%', '_'],
  }
}

/** What the fuzz may revoke, take away or delete: the keys and lines it works with must stay. */
async function spareOf({ gateway }: TestGateway, number: number): Promise<Meanings> {
  const email = `spare-${number}@example.com`
  const { id } = await gateway.admin.createCustomer({ email, name: 'Spare', company: null, requestsPerMinute: null })
  const key = await gateway.admin.createKey({ name: 'spare', customer: { id }, scopes: ['read'], expiresAt: null })
  const address = (last: number) => `+1555020${String(number).padStart(2, '0')}0${last}` as Handle
  const owned = [
    await gateway.admin.addNumber(id, { address: address(1), provider: 'sandbox', line: null }),
    await gateway.admin.addNumber(id, { address: address(2), provider: 'sandbox', line: null }),
  ]
  const line = await gateway.admin.createLine({
    ...{
      name: `spare ${number}`,
      address: address(3),
      email: null,
      provider: 'sandbox',
      channels: ['sms'],
      url: null,
      password: null,
      providers: {},
    },
    ...{ hostType: null, hostInfo: null },
  })
  return {
    'customers.id': [id, id.toUpperCase()],
    'numbers.numberId': owned.map((one) => one.id),
    'keys.id': [key.id],
    'instances.id': [line.id],
    instanceId: [line.id],
    phoneNumber: [3, 1, 4, 5, 6, 7, 8, 9].map(address),
    email: Array.from({ length: 9 }, (_, index) => `guest-${number}-${index}@example.com`),
    customerId: [id],
    customerEmail: [email, 'nobody@example.com'],
  }
}

interface Shop {
  apiKey: string
  meanings: Meanings
}

/**
 * A customer for one operation on webhooks: some of them change all webhooks at once, and what any of them makes should
 * not hear of everything else that is fuzzed. Its webhooks lead to a page of ours that takes no POST, and nowhere else.
 */
async function shopOf(test: TestGateway, { path, operation }: Entry, number: number): Promise<Shop> {
  const { gateway, clock } = test
  const { operationId } = operation
  const name = `shop ${number}`
  const email = `shop-${number}@example.com`
  const { id } = await gateway.admin.createCustomer({ email, name, company: null, requestsPerMinute: null })
  const scopes = ['read', 'manage', 'send'] as const
  const { key } = await gateway.admin.createKey({ name, customer: { id }, scopes, expiresAt: null })
  const by = await gateway.callers.authenticate(key)
  const url = `${test.url}/health`
  const fresh = { url, name, secret: null, dialect: 'textbubbles', ordered: false, asymmetric: true } as const
  const first = await gateway.webhooks.create(by, { ...fresh, events: ['message.scheduled'] })
  const spare = await gateway.webhooks.create(by, { ...fresh, events: ['message.unsent'] })
  const address = `+1555030${String(number).padStart(2, '0')}01` as Handle
  await gateway.admin.addNumber(id, { address, provider: 'sandbox', line: null })
  const ago = (ms: number) => new Date(clock.now() - ms).toISOString()
  const scheduledAt = ago(-86_400_000)
  for (let sent = 0; sent < 4; sent += 1) await gateway.messages.submit(by, { ...draft, scheduledAt })
  const failed = () => gateway.webhooks.deliveries(by, first.id, { status: 'failed', limit: 10, after: null })
  await until(async () => (await failed()).rows.length === 4, `the deliveries for ${operationId}`)
  const range = { since: new Date(ago(60_000)), until: null, events: ['message.unsent'] }
  const job = await gateway.webhooks.replay(by, first.id, range)
  const isBelow = path.includes('{deliveryId}') || path.includes('{jobId}')
  const meanings = {
    'webhooks.id': isBelow ? [first.id] : [first.id, spare.id, first.id.toUpperCase()],
    'deliveries.deliveryId': (await failed()).rows.map((row) => row.id),
    'jobs.jobId': [job.id],
    url: [1, 2, 3, 4, 5, 6, 7, 8, 9].map((one) => `${url}?${one}`),
    since: [ago(60_000), ago(3_600_000), '1970-01-01T00:00:00+14:00', ago(-60_000)],
    until: [ago(0), ago(30_000), ago(120_000), ago(-60_000)],
  }
  return { apiKey: key, meanings }
}

async function settingOf({ customer, other, clock }: TestGateway): Promise<Meanings> {
  const people = [
    '+15550100123',
    '+1 (555) 010-0123',
    '15550100123',
    'ada@example.com',
    '12345-678@g.us',
    'iMessage;+;chat1',
    '+1',
    'nobody',
  ]
  const cursor = (text: string) => Buffer.from(text).toString('base64url')
  return {
    'capabilities.phoneNumber': people,
    to: people,
    address: people,
    from: [customer.line.address, customer.line.address, other.line.address],
    provider: ['sandbox', 'sandbox', 'bluebubbles'],
    type: ['love', '-love', 'like', '🎉', '-', 'url', 'base64'],
    cursor: [cursor('{"v":1,"after":"x"}'), cursor(`{"v":1,"after":"${customer.id}"}`), 'AAAA'],
    lastEventId: ['evt_0199a2c4-7b21-7c02-9a4f-5d0be2a81c33', 'evt_', '0'],
    scheduledAt: [new Date(clock.now() + 3_600_000).toISOString(), '2020-01-01T00:00:00Z', 'tomorrow'],
  }
}
