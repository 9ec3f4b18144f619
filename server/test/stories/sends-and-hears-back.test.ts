/** A message goes out, is delivered and read; the other person answers. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Handle } from '../../src/model/ids.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { tell } from '../support/story.ts'

let gateway: TestGateway
beforeAll(async () => {
  gateway = await startTestGateway()
})
afterAll(async () => {
  await gateway.stop()
  expect(gateway.errors).toEqual([])
})

test('a message is accepted, sent and delivered, and tells so once each', async () => {
  const story = await tell(gateway)
  const id = await story.send({ to: '+14155550199', content: { text: 'Hello' }, metadata: { order: 7 } })
  await gateway.settled()
  await gateway.advance(1_000)
  const message = await story.get(id)
  expect(message).toMatchObject({
    id,
    status: 'delivered',
    channel: 'imessage',
    to: '+14155550199',
    metadata: { order: 7 },
    fallbackTriggered: false,
  })
  expect(message.timeline.map((entry: { status: string }) => entry.status)).toEqual(['queued', 'sent', 'delivered'])
  expect(await story.heard()).toEqual([
    'message.queued queued -',
    'message.sent sent imessage',
    'message.delivered delivered imessage',
  ])
  expect(gateway.network.received().at(-1)).toMatchObject({ to: '+14155550199', text: 'Hello', channel: 'imessage' })
})

test('a read receipt follows where the person sends one', async () => {
  const story = await tell(gateway)
  const id = await story.send({ to: '+14155550100', content: { text: 'Read me' } })
  await gateway.settled()
  await gateway.advance(1_000)
  await gateway.advance(5_000)
  expect((await story.get(id)).status).toBe('read')
  expect(await story.heard()).toEqual([
    'message.queued queued -',
    'message.sent sent imessage',
    'message.delivered delivered imessage',
    'message.read read imessage',
  ])
})

test('what somebody writes arrives once, however often the network tells it', async () => {
  const story = await tell(gateway)
  const person = gateway.network.as('+14155550177' as Handle)
  await person.says(gateway.customer.line.address, 'whatsapp', 'Anybody there?', { providerId: 'twice' as never })
  await person.says(gateway.customer.line.address, 'whatsapp', 'Anybody there?', { providerId: 'twice' as never })
  await gateway.advance(1_000)
  expect(await story.heard()).toEqual(['message.inbound received whatsapp'])
  const list = await story.call('GET', '/v1/messages?from=%2B14155550177')
  expect(list.body.data.messages).toHaveLength(1)
  const [inbound] = list.body.data.messages
  expect(inbound).toMatchObject({
    direction: 'inbound',
    status: 'received',
    content: { text: 'Anybody there?' },
    to: gateway.customer.line.address,
  })

  const answer = { chatId: inbound.conversationId, content: { text: 'Yes' }, replyTo: inbound.id }
  const reply = await story.call('POST', '/v1/messages', answer)
  expect(reply.status).toBe(202)
  expect(reply.body.data).toMatchObject({ conversationId: inbound.conversationId })
  expect(reply.body.data).not.toHaveProperty('to')
  await gateway.settled()
  await gateway.advance(1_000)
  expect(gateway.network.received().at(-1)).toMatchObject({
    ...{ to: '+14155550177', channel: 'whatsapp', text: 'Yes' },
    replyTo: { providerId: 'twice', fromMe: false, text: 'Anybody there?' },
  })
})

test('a scheduled message waits for its time and can be cancelled until then', async () => {
  const story = await tell(gateway)
  const at = (ms: number) => new Date(gateway.clock.now() + ms).toISOString()
  const id = await story.send({ to: '+14155550199', content: { text: 'Later' }, scheduledAt: at(3_600_000) })
  const dropped = await story.send({ to: '+14155550199', content: { text: 'Never' }, scheduledAt: at(3_600_000) })
  const cancelled = await story.call('DELETE', `/v1/messages/${dropped}/schedule`)
  expect(cancelled.body.data).toMatchObject({ id: dropped, status: 'cancelled' })
  const before = gateway.network.received().length
  await gateway.advance(3_500_000)
  expect(gateway.network.received()).toHaveLength(before)
  expect((await story.get(id)).status).toBe('scheduled')
  await gateway.advance(200_000)
  await gateway.advance(1_000)
  expect((await story.get(id)).status).toBe('delivered')
  expect(await story.heard()).toEqual([
    'message.scheduled scheduled -',
    'message.scheduled scheduled -',
    'message.schedule_cancelled cancelled -',
    'message.queued queued -',
    'message.sent sent imessage',
    'message.delivered delivered imessage',
  ])
  expect((await story.call('DELETE', `/v1/messages/${id}/schedule`)).body.error.code).toBe('NOT_SCHEDULED')
})
