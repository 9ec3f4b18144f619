/** A caller need not know which process holds a line: a process without lines sends, reacts and asks through the one that has them. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Caller, Draft, Gateway } from '../../src/gateway.ts'
import type { Handle, MessageId } from '../../src/model/ids.ts'
import { joinWithoutLines, startTestGateway, type TestGateway, until } from '../support/gateway.ts'

let holder: TestGateway
let other: { gateway: Gateway; stop(): Promise<void> }
let by: Caller

beforeAll(async () => {
  holder = await startTestGateway()
  other = await joinWithoutLines(holder)
  by = await other.gateway.callers.authenticate(holder.apiKey)
})
afterAll(async () => {
  await other.stop()
  await holder.stop()
  expect(holder.errors).toEqual([])
})

const draft: Draft = {
  to: '+14155550199',
  conversationId: null,
  from: null,
  content: { text: 'Hi', mediaUrls: [], effect: null, location: null },
  attachments: [],
  replyTo: null,
  mentions: [],
  preference: null,
  fallback: true,
  scheduledAt: null,
  idempotencyKey: null,
  callbackUrl: null,
  metadata: null,
  correlationId: 'cor_0',
}

async function sent(): Promise<MessageId> {
  const { message } = await other.gateway.messages.submit(by, draft)
  // The other process is woken by the bell, not by its poll: that would take half a second.
  await until(async () => (await other.gateway.messages.get(by, message.id)).sentAt !== null, 'the message to be sent')
  return message.id
}

test('what one process accepts, the holder of the line sends', async () => {
  await sent()
  expect(holder.network.received().at(-1)).toMatchObject({ to: '+14155550199', text: 'Hi' })
})

test('a verb is run once by the holder and its answer comes back', async () => {
  const id = await sent()
  await other.gateway.messages.react(by, id, 'love')
  expect(holder.network.acts().filter((act) => act.verb === 'react')).toMatchObject([
    { what: 'love', channel: 'imessage' },
  ])
  expect(await other.gateway.lines.reach(by, '+14155550104' as Handle)).toMatchObject({
    channels: { imessage: false, sms: true },
  })
})

test('a refusal comes back as the refusal it is', async () => {
  const { message } = await other.gateway.messages.submit(by, { ...draft, preference: ['sms'] })
  await until(async () => (await other.gateway.messages.get(by, message.id)).sentAt !== null, 'the message to be sent')
  await expect(other.gateway.messages.react(by, message.id, 'love')).rejects.toMatchObject({
    code: 'CHANNEL_NOT_SUPPORTED',
  })
})
