/** Lines, keys and customers change while messages are on their way: nothing is stranded, nobody keeps what was taken away. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Handle } from '../../src/model/ids.ts'
import { startTestGateway, type TestGateway, until } from '../support/gateway.ts'
import { tell } from '../support/story.ts'

let gateway: TestGateway
beforeAll(async () => {
  gateway = await startTestGateway()
})
afterAll(async () => {
  await gateway.stop()
})

test('what waits to be sent from a number that is removed fails and says why', async () => {
  const story = await tell(gateway)
  const { admin } = gateway.gateway
  const spare = await admin.addNumber(gateway.customer.id, {
    address: '+15550100300' as Handle,
    provider: 'sandbox',
    line: null,
  })
  const at = new Date(gateway.clock.now() + 3_600_000).toISOString()
  const id = await story.send({ to: '+14155550199', from: '+15550100300', content: { text: 'Later' }, scheduledAt: at })
  await admin.removeNumber(gateway.customer.id, spare.id)
  await gateway.pass(6_000)
  await until(async () => (await story.get(id)).status === 'failed', 'housekeeping to find the message')
  expect((await story.get(id)).errorCode).toBe('ADDRESS_NOT_AUTHORIZED')
  const refused = await story.call('POST', '/v1/messages', {
    to: '+14155550199',
    from: '+15550100300',
    content: { text: 'Now' },
  })
  expect(refused).toMatchObject({ status: 403, body: { error: { code: 'ADDRESS_NOT_AUTHORIZED' } } })
  const rest = (await story.heard()).filter((event) => !event.startsWith('line.status'))
  expect(rest).toEqual(['message.scheduled scheduled -', 'message.failed failed -'])
})

test('a revoked key is refused at once', async () => {
  const { admin } = gateway.gateway
  const { id, key } = await admin.createKey({
    name: 'short',
    customer: { id: gateway.customer.id },
    scopes: ['read'],
    expiresAt: null,
  })
  const ask = () => fetch(`${gateway.url}/v1/numbers`, { headers: { authorization: `Bearer ${key}` } })
  expect((await ask()).status).toBe(200)
  await admin.revokeKey(id)
  expect((await ask()).status).toBe(401)
})

test('a key that has expired is refused', async () => {
  const { admin } = gateway.gateway
  const { key } = await admin.createKey({
    name: 'brief',
    customer: { id: gateway.customer.id },
    scopes: ['read'],
    expiresAt: new Date(gateway.clock.now() + 60_000),
  })
  const ask = () => fetch(`${gateway.url}/v1/numbers`, { headers: { authorization: `Bearer ${key}` } })
  expect((await ask()).status).toBe(200)
  await gateway.pass(61_000)
  expect((await ask()).status).toBe(401)
})

test('what a network sends is kept even where a database could not keep it as it is', async () => {
  const story = await tell(gateway)
  await gateway.network
    .as('+14155550188' as Handle)
    .says(gateway.customer.line.address, 'sms', 'half \ud800 and \0 nothing')
  await gateway.advance(1_000)
  const list = await story.call('GET', '/v1/messages?from=%2B14155550188')
  expect(list.body.data.messages[0].content.text).toBe('half \ufffd and  nothing')
  const heard = (await story.heard()).filter((event) => !event.startsWith('line.status'))
  expect(heard).toEqual(['message.inbound received sms'])
})

test('usage is counted from the log, once', async () => {
  await gateway.pass(6_000)
  const today = new Date(gateway.clock.now()).toISOString().slice(0, 10)
  const counted = async () =>
    (
      await gateway.gateway.admin.usage({
        customerId: gateway.customer.id,
        from: today,
        to: today,
        limit: 100,
        offset: 0,
      })
    ).rows
  await until(async () => (await counted()).some((row) => row.event === 'message.inbound'), 'usage to be counted')
  await gateway.pass(6_000)
  expect((await counted()).filter((row) => row.event === 'message.inbound')).toEqual([
    { customerId: gateway.customer.id, day: today, event: 'message.inbound', channel: 'sms', count: 1 },
  ])
})
