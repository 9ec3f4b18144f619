/** A group stays on the number it was begun from, by whichever of its names it is written to. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Handle, ProviderChatId } from '../../src/model/ids.ts'
import { type Ask, askerOf } from '../contract/ask.ts'
import { startTestGateway, type TestGateway, until } from '../support/gateway.ts'
import { tell } from '../support/story.ts'

const ada = '+14155550177' as Handle
const bob = '+14155550178' as Handle
const second = '+15550100101' as Handle

let gateway: TestGateway
let ask: Ask
let first: Handle
beforeAll(async () => {
  gateway = await startTestGateway()
  ask = await askerOf(gateway)
  first = gateway.customer.line.address
  await gateway.gateway.admin.addNumber(gateway.customer.id, { address: second, provider: 'sandbox', line: null })
  await until(async () => (await gateway.gateway.health()).links.whatsapp.lines === 3, 'the line')
  await gateway.advance(1_000)
})
afterAll(async () => {
  await gateway.stop()
  expect(gateway.errors).toEqual([])
})

interface Group {
  id: string
  guid: ProviderChatId
}

async function groupOf(channel: 'whatsapp' | 'imessage', from: Handle): Promise<Group> {
  const { status, text, body } = await ask('POST /v1/chats/groups', {
    channel,
    name: 'Kitchen',
    participants: [ada, bob],
    from,
  })
  expect(status, text).toBe(201)
  await gateway.settled()
  return { id: body.data.conversationId, guid: body.data.chatId }
}

const refusalOf = async (body: object) => {
  const answer = await ask('POST /v1/messages', { content: { text: 'Hi' }, ...body })
  return [answer.status, answer.body.error?.code]
}

test.each(['whatsapp', 'imessage'] as const)(
  'on %s a message to a group goes out on the number the group is on',
  async (channel) => {
    const group = await groupOf(channel, second)
    const story = await tell(gateway)
    for (const body of [{}, { from: second }, { routing: { preference: [channel] } }]) {
      const id = await story.send({ to: group.guid, content: { text: 'To all' }, ...body })
      expect(await story.get(id)).toMatchObject({ to: group.guid, from: second, conversationId: group.id })
    }
    await gateway.advance(1_000)
    expect((await story.heard()).sort()).toEqual([
      ...Array(3).fill(`message.delivered delivered ${channel}`),
      ...Array(3).fill('message.queued queued -'),
      ...Array(3).fill(`message.sent sent ${channel}`),
    ])
  },
)

test.each(['whatsapp', 'imessage'] as const)('on %s another number cannot write to the group', async (channel) => {
  const group = await groupOf(channel, second)
  const story = await tell(gateway)
  for (const named of [{ to: group.guid }, { chatId: group.id }])
    expect(await refusalOf({ ...named, from: first })).toEqual([400, 'FROM_INSTANCE_CANNOT_REACH'])
  expect(await refusalOf({ to: group.guid, from: '+15550100200' })).toEqual([403, 'ADDRESS_NOT_AUTHORIZED'])
  expect(await refusalOf({ to: group.guid, routing: { preference: ['sms'] } })).toEqual([400, 'NO_CHANNEL_AVAILABLE'])
  await gateway.advance(1_000)
  expect(await story.heard()).toEqual([])
})

test('a group that nothing is known of is written to from the number named, or from the default one', async () => {
  for (const from of [undefined, second]) {
    const answer = await ask('POST /v1/messages', { to: '120363000000000001@g.us', content: { text: 'Hi' }, from })
    expect([answer.status, answer.body.data.from]).toEqual([202, from ?? first])
  }
  await gateway.advance(1_000)
})

test('a group that somebody else has is nobody’s of ours', async () => {
  const group = await groupOf('whatsapp', second)
  const story = await tell(gateway, gateway.other)
  const id = await story.send({ to: group.guid, content: { text: 'Hi' } })
  await gateway.advance(1_000)
  expect(await story.get(id)).toMatchObject({
    from: gateway.other.line.address,
    status: 'failed',
    errorCode: 'CONVERSATION_NOT_FOUND',
  })
})

test('with two own numbers in it, a group is found where it was begun, and each number reaches its own', async () => {
  const begun = await groupOf('whatsapp', second)
  const shared = `/v1/chats/${encodeURIComponent(begun.guid)}`
  expect((await ask(`POST ${shared}/participants`, { participant: first })).status).toBe(200)
  gateway.network.as(ada).in(begun.guid).says('Hello, both of you')
  await gateway.advance(1_000)
  const joined = (await ask(`GET ${shared}?from=${encodeURIComponent(first)}`)).body.data.conversationId
  expect(joined).not.toBe(begun.id)
  expect((await ask(`GET ${shared}`)).body.data.conversationId).toBe(begun.id)
  const story = await tell(gateway)
  for (const [from, line, conversationId] of [
    [undefined, second, begun.id],
    [first, first, joined],
    [second, second, begun.id],
  ]) {
    const id = await story.send({ to: begun.guid, content: { text: 'Hi' }, from })
    expect(await story.get(id)).toMatchObject({ from: line, conversationId })
  }
  await gateway.advance(1_000)
})

test('once its number is gone, the group is found and written to on another one that is in it', async () => {
  const third = '+15550100102' as Handle
  const { id } = gateway.customer
  const added = await gateway.gateway.admin.addNumber(id, { address: third, provider: 'sandbox', line: null })
  await until(async () => (await gateway.gateway.health()).links.whatsapp.lines === 4, 'the line')
  await gateway.advance(1_000)
  const group = await groupOf('whatsapp', third)
  await ask(`POST /v1/chats/${group.id}/participants`, { participant: first })
  gateway.network.as(ada).in(group.guid).says('Hello')
  await gateway.advance(1_000)
  await gateway.gateway.admin.removeNumber(id, added.id)
  const story = await tell(gateway)
  const message = await story.send({ to: group.guid, content: { text: 'Still here' } })
  const { from, conversationId } = await story.get(message)
  expect([from, conversationId === group.id]).toEqual([first, false])
  expect((await ask(`GET /v1/chats/${encodeURIComponent(group.guid)}`)).body.data.conversationId).toBe(conversationId)
})
