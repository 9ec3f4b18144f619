/** A number whose own provider knows only SMS gets WhatsApp from the provider for that, if this gateway has it. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Connector } from '../../src/channels/connector.ts'
import { createInMemoryConnector } from '../../src/channels/inmemory/connector.ts'
import { createNetwork, type Network } from '../../src/channels/inmemory/network.ts'
import { type Channel, channels } from '../../src/model/channel.ts'
import type { Handle } from '../../src/model/ids.ts'
import { startTestGateway, type TestGateway, until } from '../support/gateway.ts'
import { type Story, tell } from '../support/story.ts'
import { createTestClock } from '../support/test-clock.ts'

let gateway: TestGateway
let network: Network
let story: Story
const providers = new Map<string, ReadonlyMap<Channel, Connector>>()
const number = '+15550100300' as Handle

beforeAll(async () => {
  network = createNetwork({ clock: createTestClock(), seed: 1, answerMs: [0, 0] })
  const only = (...some: Channel[]) =>
    new Map(some.map((channel) => [channel, createInMemoryConnector(network, channel)]))
  providers.set('sandbox', only(...channels))
  providers.set('carrier', only('sms'))
  gateway = await startTestGateway({ options: { providers } })
  for (const address of [number, '55501' as Handle])
    await gateway.gateway.admin.addNumber(gateway.customer.id, { address, provider: 'carrier', line: null })
  story = await tell(gateway)
})
afterAll(async () => {
  await gateway.stop()
  await network.stop()
  expect(gateway.errors).toEqual([])
})

const call = async (method: string, step: string) =>
  (await story.call(method, `/v1/whatsapp/numbers/${number}${step}`)).body
const lineOf = async () => {
  const lines = await gateway.gateway.admin.numbers(gateway.customer.id)
  return lines.find(({ address }) => address === number)
}

test('without such a provider it cannot be had', async () => {
  expect(await call('POST', '/enable')).toMatchObject({ error: { code: 'CHANNEL_NOT_SUPPORTED' } })
  expect(await call('POST', '/pairing-code')).toMatchObject({ error: { code: 'CHANNEL_NOT_SUPPORTED' } })
  expect(await call('GET', '/check?phone=14155550199')).toMatchObject({ error: { code: 'WHATSAPP_NOT_CONNECTED' } })
  expect(await lineOf()).toMatchObject({ channels: ['sms'], providers: {} })
})

test('a short code has no WhatsApp and is in no list', async () => {
  const { body } = await story.call('GET', '/v1/whatsapp')
  expect(body.data.map((one: { phoneNumber: string }) => one.phoneNumber)).toEqual(['+15550100100', number])
  expect((await story.call('GET', '/v1/whatsapp/numbers/55501/status')).body.error.code).toBe('NUMBER_NOT_OWNED')
})

test('with one it is linked beside SMS, which does not notice', async () => {
  const connectedSince = async () => {
    const state = (await lineOf())?.links.sms
    return state?.status === 'connected' ? state.since : null
  }
  await until(async () => (await connectedSince()) !== null, 'SMS to be connected')
  const before = await connectedSince()
  await network.unpair(number)
  providers.set('whatsapp', new Map([['whatsapp', createInMemoryConnector(network, 'whatsapp')]]))
  expect(await call('POST', '/enable')).toMatchObject({ data: { phoneNumber: number, status: 'connecting' } })
  await until(async () => (await call('GET', '/qr')).data.qrCode !== null, 'a QR code')
  await network.scan(number)
  await until(async () => (await call('GET', '/status')).data.status === 'connected', 'WhatsApp to be connected')
  expect(await lineOf()).toMatchObject({ channels: ['sms', 'whatsapp'], providers: { whatsapp: 'whatsapp' } })
  const id = await story.send({
    to: '+14155550199',
    from: number,
    content: { text: 'Hi' },
    routing: { preference: ['whatsapp'] },
  })
  await until(async () => (await story.get(id)).sentAt !== undefined, 'the message to be sent')
  expect(await story.get(id)).toMatchObject({ channel: 'whatsapp' })
  expect(await call('DELETE', '')).toMatchObject({ data: { status: 'not_enabled', removed: true } })
  await until(async () => (await lineOf())?.links.whatsapp?.status === 'disconnected', 'WhatsApp to be gone')
  expect([(await lineOf())?.channels, await connectedSince()]).toEqual([['sms'], before])
})
