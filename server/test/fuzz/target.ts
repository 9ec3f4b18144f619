/** A gateway to be fuzzed, with things of both customers in it so that ids can be right, foreign or wrong. */
import type { Draft } from '../../src/messaging/draft.ts'
import type { Handle } from '../../src/model/ids.ts'
import type { OpenApi } from '../../src/surfaces/openapi.ts'
import type { TestGateway } from '../support/gateway.ts'
import type { FuzzTarget } from './fuzz.ts'
import { entriesOf } from './requests.ts'
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
  let number = 0
  for (const { operation, path } of entriesOf(document)) {
    number += 1
    const needsLine = path.startsWith('/v1/admin/')
    const spare = needsLine ? await spareOf(test, number) : null
    meanings.set(operation.operationId, { ...(await messagesOf(test)), ...spare, ...(await settingOf(test)) })
  }
  await test.settled()
  const by = await gateway.callers.authenticate(apiKey)
  const { rows } = await gateway.messages.list(by, { limit: 1, after: null, status: 'delivered' })
  const conversation = rows[0]?.conversationId ?? 'none'
  return {
    url,
    document,
    keys: { apiKey, otherApiKey, adminKey },
    meaningsOf: (operationId) => ({
      ...meanings.get(operationId),
      chatId: [conversation],
      conversationId: [conversation],
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
