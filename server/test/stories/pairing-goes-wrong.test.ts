/** WhatsApp does not do what a customer asks of a link: they hear what it was, and nothing is changed half. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Actions, Connector, Host } from '../../src/channels/connector.ts'
import { inMemoryCapabilities } from '../../src/channels/inmemory/capabilities.ts'
import { createInMemoryConnector } from '../../src/channels/inmemory/connector.ts'
import { createNetwork, type Network } from '../../src/channels/inmemory/network.ts'
import { channels } from '../../src/model/channel.ts'
import { type FailureKind, SendFailure } from '../../src/model/delivery.ts'
import type { ErrorCode } from '../../src/model/errors.ts'
import type { Handle } from '../../src/model/ids.ts'
import type { LinkState } from '../../src/model/line.ts'
import { startTestGateway, type TestGateway, until } from '../support/gateway.ts'
import { type Story, tell } from '../support/story.ts'
import { createTestClock } from '../support/test-clock.ts'

const number = '+15550100300' as Handle
const pairing: LinkState = { status: 'pairing', qr: 'code', expiresAt: '2026-01-01T00:05:00Z' }
const connected: LinkState = { status: 'connected', identity: 'us', warnings: [], since: '2026-01-01T00:00:00Z' }

/** A network of one link that is as the test says, and does what the test says. */
const outside: { host: Host | null; actions: Partial<Actions>; reach: 'yes' | 'no' | 'unknown'; starts: number } = {
  host: null,
  actions: {},
  reach: 'unknown',
  starts: 0,
}
const scripted: Connector = {
  channel: 'whatsapp',
  capabilities: inMemoryCapabilities.whatsapp,
  open: (_line, host) => {
    outside.host = host
    return {
      capabilities: inMemoryCapabilities.whatsapp,
      actions: outside.actions,
      start: async () => {
        outside.starts += 1
        host.setState({ status: 'connecting' })
      },
      stop: async () => host.setState({ status: 'disconnected', reason: 'stopped', retryAt: null }),
      reach: async () => outside.reach,
      send: () => Promise.reject(new SendFailure('retryable', 'WHATSAPP_NOT_CONNECTED', 'no', { scope: 'link' })),
    }
  },
}

let gateway: TestGateway
let network: Network
let story: Story
beforeAll(async () => {
  network = createNetwork({ clock: createTestClock(), seed: 1, answerMs: [0, 0] })
  const sandbox = new Map(channels.map((channel) => [channel, createInMemoryConnector(network, channel)]))
  const providers = new Map([
    ['sandbox', sandbox],
    ['scripted', new Map([['whatsapp' as const, scripted]])],
  ])
  gateway = await startTestGateway({ options: { providers } })
  await gateway.gateway.admin.addNumber(gateway.customer.id, { address: number, provider: 'scripted', line: null })
  story = await tell(gateway)
})
afterAll(async () => {
  await gateway.stop()
  await network.stop()
  expect(gateway.errors).toEqual([])
})

const call = (method: string, step: string) => story.call(method, `/v1/whatsapp/numbers/${number}${step}`)
const status = async () => (await call('GET', '/status')).body.data
const refusal = async (method: string, step: string) => {
  const { status: answered, body } = await call(method, step)
  return [answered, body.error?.code]
}
/** Before the process that holds the line has heard of it, only the order is there. */
async function enabled(): Promise<unknown> {
  const before = outside.starts
  const answer = await call('POST', '/enable')
  await until(async () => outside.starts > before, 'the link to be started')
  return answer.body.data
}
async function is(state: LinkState, word: string): Promise<void> {
  outside.host?.setState(state)
  await until(async () => (await status()).status === word, word)
}
const fails =
  (kind: FailureKind, code: ErrorCode, scope: 'link' | 'message' = 'message') =>
  () =>
    Promise.reject(new SendFailure(kind, code, 'It would not.', { scope }))

beforeEach(async () => {
  await until(async () => outside.host !== null, 'the link to be opened')
  await is({ status: 'connecting' }, 'connecting')
})

test('a code is waited for, but not for ever', async () => {
  const answer = refusal('POST', '/pairing-code')
  let answered = false
  void answer.then(() => {
    answered = true
  })
  await until(async () => {
    await gateway.pass(1_000)
    return answered
  }, 'an answer')
  expect(await answer).toEqual([504, 'PROVIDER_TIMEOUT'])
})

test('a link that gets ready while somebody waits gives the code', async () => {
  outside.actions.requestPairingCode = async (phone) => `FOR${phone.slice(-4)}X`
  const answer = call('POST', '/pairing-code')
  await is(pairing, 'qr_pending')
  expect((await answer).body.data).toMatchObject({ code: 'FOR0300X', phoneNumber: number })
})

test('whoever waits for a code hears that the link was switched off meanwhile', async () => {
  await is({ status: 'disconnected', reason: 'terminal_403', retryAt: null }, 'disconnected')
  const answer = refusal('POST', '/pairing-code')
  await until(async () => (await status()).status === 'connecting', 'the link to be switched on')
  await call('POST', '/disconnect')
  expect(await answer).toEqual([409, 'CONFLICT'])
  await enabled()
})

test.each<[string, () => Promise<never>, [number, ErrorCode]]>([
  ['asked too often', fails('refused', 'WHATSAPP_RATE_LIMITED'), [429, 'WHATSAPP_RATE_LIMITED']],
  ['not for this phone', fails('refused', 'WHATSAPP_REJECTED'), [502, 'WHATSAPP_REJECTED']],
  ['no longer waiting', fails('refused', 'CONFLICT'), [409, 'CONFLICT']],
  ['cut in between', fails('retryable', 'WHATSAPP_NOT_CONNECTED', 'link'), [400, 'WHATSAPP_NOT_CONNECTED']],
])('a code that WhatsApp would not give: %s', async (_, requestPairingCode, expected) => {
  outside.actions.requestPairingCode = requestPairingCode
  await is(pairing, 'qr_pending')
  expect(await refusal('POST', '/pairing-code')).toEqual(expected)
})

test('credentials that could not be erased leave everything as it was', async () => {
  outside.actions.forgetPairing = fails('retryable', 'SERVICE_UNAVAILABLE')
  await is(connected, 'connected')
  for (const [method, step] of [
    ['POST', '/reset-auth'],
    ['DELETE', ''],
  ] as const)
    expect(await refusal(method, step)).toEqual([503, 'SERVICE_UNAVAILABLE'])
  expect(await status()).toMatchObject({ status: 'connected', jid: 'us', disconnectReason: null })
})

test('what WhatsApp does not say about somebody is told as that', async () => {
  await is(connected, 'connected')
  outside.reach = 'unknown'
  expect(await refusal('GET', '/check?phone=14155550199')).toEqual([504, 'PROVIDER_TIMEOUT'])
  outside.reach = 'no'
  expect((await call('GET', '/check?phone=14155550199')).body.data).toEqual({ exists: false })
})

test.each<[LinkState, string]>([
  [{ status: 'disconnected', reason: 'terminal_403', retryAt: null }, 'terminal_403'],
  [{ status: 'disconnected', reason: 'reconnect_exhausted', retryAt: null }, 'reconnect_exhausted'],
  [{ status: 'disconnected', reason: 'close_428', retryAt: '2999-01-01T00:00:00Z' }, 'close_428'],
])('a link that ended is started anew when it is enabled: %j', async (state, disconnectReason) => {
  await is(state, 'disconnected')
  expect(await status()).toMatchObject({ status: 'disconnected', disconnectReason })
  expect(await enabled()).toEqual({ phoneNumber: number, status: 'connecting', disconnectReason })
  await is(connected, 'connected')
  expect(await status()).toMatchObject({ disconnectReason: null })
})
