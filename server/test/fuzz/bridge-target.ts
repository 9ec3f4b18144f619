/** The second surface of a gateway to be fuzzed: for every operation a customer of its own, with sessions in every state. */
import type { Caller } from '../../src/gateway.ts'
import type { CustomerId, Handle, LineId } from '../../src/model/ids.ts'
import type { OpenApi } from '../../src/surfaces/openapi.ts'
import { type TestGateway, until } from '../support/gateway.ts'
import type { FuzzTarget } from './fuzz.ts'
import { entriesOf } from './requests.ts'
import type { Meanings } from './values.ts'

interface Guest {
  apiKey: string
  meanings: Meanings
}

export async function bridgeTargetOf(test: TestGateway): Promise<FuzzTarget> {
  const { url, otherApiKey, adminKey } = test
  const document = (await (await fetch(`${url}/api/v1/openapi.json`)).json()) as OpenApi
  const guests = new Map<string, Guest>()
  let number = 0
  for (const { operation } of entriesOf(document)) {
    number += 1
    guests.set(operation.operationId, await guestOf(test, operation.operationId, number))
  }
  await test.settled()
  return {
    ...{ url, document },
    keysOf: (operationId) => ({ apiKey: guests.get(operationId)?.apiKey ?? '', otherApiKey, adminKey }),
    meaningsOf: (operationId) => guests.get(operationId)?.meanings ?? {},
  }
}

async function guestOf(test: TestGateway, operationId: string, number: number): Promise<Guest> {
  const { gateway, network } = test
  const email = `bridge-${number}@example.com`
  const customer = await gateway.admin.createCustomer({ email, name: email, company: null, requestsPerMinute: null })
  const scopes = ['read', 'manage', 'send'] as const
  const asked = { name: 'bridge', customer: { id: customer.id }, scopes, expiresAt: null }
  const { key } = await gateway.admin.createKey({ ...asked, surface: 'whatsbridge' })
  const by = await gateway.callers.authenticate(key)
  const address = `+1555090${String(number).padStart(3, '0')}1` as Handle
  const up = await lineOf(test, customer.id, address)
  const fresh = await Promise.all([1, 2, 3].map((one) => gateway.sessions.create(by, `Session ${one}`)))
  const others = (await gateway.sessions.list(await gateway.callers.authenticate(test.otherApiKey))).map(
    ({ lineId }) => lineId,
  )
  const person = `+1555091${String(number).padStart(3, '0')}1` as Handle
  network.as(person).says(address, 'whatsapp', 'Hello in there')
  const inbound = async () => (await gateway.messages.list(by, { limit: 5, after: null, direction: 'inbound' })).rows
  await until(async () => (await inbound()).length === 1, `a message for ${operationId}`)
  const [message] = await inbound()
  const hook = (path: string) =>
    gateway.webhooks.create(by, {
      ...{ url: `${test.url}/health?${path}`, events: ['message.received'], name: null, secret: null },
      ...{ dialect: 'whatsbridge', ordered: false, asymmetric: false },
    })
  const hooks = [await hook('a'), await hook('b'), await hook('c')]
  const agents = await agentsOf(test, by, up)
  const digits = person.slice(1)
  const unlinked = fresh.map(({ lineId }) => lineId)
  const sessions = needsLink(operationId) ? [up, up, up, unlinked[0]] : [...unlinked, ...unlinked, up]
  const hex = message?.id.replaceAll('-', '').toUpperCase()
  return {
    apiKey: key,
    meanings: {
      'session.id': [...sessions, up.toUpperCase(), others[0]],
      'agents.id': agents,
      'agents.agentId': agents,
      'chats.phone': [digits, digits, person, '14155550107', 'nobody'],
      base_url: [`${test.url}/v1`, `${test.url}/v1`, 'http://10.0.0.1/v1', 'https://models.test/v1?a=b'],
      before: [`false_${digits}@c.us_${hex}`, 'nobody'],
      'webhooks.id': hooks.map(({ id }) => id),
      url: [1, 2, 3, 4, 5].map((one) => `${test.url}/health?${number}-${one}`),
      phone: [digits, digits, person, `+1 (555) ${digits.slice(4)}`, '12345-678@g.us', '14155550107', '0', 'nobody'],
      messageId: [`false_${digits}@c.us_${hex}`, hex, message?.id, `true_${digits}@c.us_${hex}`, 'false_1@c.us_3A30'],
      state: ['typing', 'recording', 'stop'],
    },
  }
}

function needsLink(operationId: string): boolean {
  return operationId.startsWith('send') || operationId.includes('Agent')
}

/** Some for each operation, on the line, since one that is deleted or detached is gone; and one of the other customer. */
async function agentsOf({ gateway, url, otherApiKey }: TestGateway, by: Caller, line: LineId): Promise<string[]> {
  const fields = { name: 'Fuzz', systemPrompt: 'You are fuzzed.', baseUrl: `${url}/v1`, model: 'none', apiKey: null }
  const own: string[] = []
  for (let made = 0; made < 6; made += 1) {
    const { id } = await gateway.agents.create(by, { ...fields, manner: {} })
    await gateway.agents.attach(by, id, line, { isActive: false, isDefault: null })
    own.push(id)
  }
  const other = await gateway.callers.authenticate(otherApiKey)
  const foreign = await gateway.agents.create(other, { ...fields, manner: {} })
  return [...own, ...own, own[0]?.toUpperCase() ?? '', foreign.id]
}

async function lineOf({ gateway }: TestGateway, customer: CustomerId, address: Handle): Promise<LineId> {
  const { id } = await gateway.admin.addNumber(customer, { address, provider: 'sandbox', line: null })
  await until(
    async () => (await gateway.admin.line(id)).links.whatsapp?.status === 'connected',
    `the line ${address} to be connected`,
  )
  return id
}
