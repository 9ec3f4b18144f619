/** When a channel cannot reach somebody, the next one is tried; when nobody knows what happened, nothing is sent twice. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestGateway, type TestGateway, until } from '../support/gateway.ts'
import { tell } from '../support/story.ts'

let gateway: TestGateway
beforeAll(async () => {
  // Nothing but an echo or a receipt tells what became of a send.
  gateway = await startTestGateway({ network: { knowsOutcomes: [] } })
})
afterAll(async () => {
  await gateway.stop()
})

const sentTo = (to: string) => gateway.network.received().filter((one) => one.to === to)

test('a stranger to iMessage gets an SMS', async () => {
  const story = await tell(gateway)
  const id = await story.send({ to: '+14155550104', content: { text: 'Hello' } })
  await gateway.settled()
  await gateway.advance(1_000)
  expect(await story.get(id)).toMatchObject({ status: 'delivered', channel: 'sms', fallbackTriggered: true })
  expect(await story.heard()).toEqual([
    'message.queued queued -',
    'message.fallback queued sms',
    'message.sent sent sms',
    'message.delivered delivered sms',
  ])
})

test('without fallback the first channel is all there is', async () => {
  const story = await tell(gateway)
  const id = await story.send({ to: '+14155550104', content: { text: 'Hello' }, routing: { fallback: false } })
  await gateway.settled()
  expect(await story.get(id)).toMatchObject({ status: 'failed', errorCode: 'NO_CHANNEL_AVAILABLE' })
  expect(await story.heard()).toEqual(['message.queued queued -', 'message.failed failed imessage'])
})

test('what fails for a moment is tried again on the same channel', async () => {
  const story = await tell(gateway)
  const id = await story.send({ to: '+14155550105', content: { text: 'Hello' }, routing: { preference: ['imessage'] } })
  await gateway.settled()
  expect((await story.get(id)).status).toBe('pending')
  await gateway.advance(5_100)
  await gateway.advance(30_100)
  await gateway.advance(1_000)
  expect((await story.get(id)).status).toBe('delivered')
  expect(sentTo('+14155550105')).toHaveLength(1)
})

test('an answer that never comes is an outcome nobody knows: no second send, no fallback, and it says so', async () => {
  const story = await tell(gateway)
  const id = await story.send({ to: '+14155550108', content: { text: 'Hello?' } })
  await until(async () => gateway.network.counts().unanswered === 1, 'the send to be under way')
  await gateway.pass(31_000)
  await gateway.settled()
  expect((await story.get(id)).status).toBe('pending')
  await gateway.advance(121_000)
  expect(await story.get(id)).toMatchObject({
    status: 'failed',
    errorCode: 'OUTCOME_UNKNOWN',
    fallbackTriggered: false,
  })
  expect(await story.heard()).toEqual(['message.queued queued -', 'message.failed unknown imessage'])
  const retried = await story.call('POST', `/v1/messages/${id}/retry`)
  expect(retried.status).toBe(202)
  expect(retried.body.data).toMatchObject({ id, status: 'queued', retryCount: 1 })
})
