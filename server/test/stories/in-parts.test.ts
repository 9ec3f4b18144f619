/** A message that its network carries as several, is told to wait for, or has to wait its turn for. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Accepted, ReceiptStatus } from '../../src/channels/connector.ts'
import { SendFailure } from '../../src/model/delivery.ts'
import type { ProviderChatId, ProviderMessageId } from '../../src/model/ids.ts'
import { startTestGateway, type TestGateway, until } from '../support/gateway.ts'
import { type ScriptedNetwork, scriptNetwork } from '../support/scripted-line.ts'
import { type Story, tell } from '../support/story.ts'

const to = '+15550100199'
const chat = `SMS;-;${to}` as ProviderChatId
const id = (text: string) => text as ProviderMessageId
const bySms = { to, content: { text: 'in three parts' }, routing: { preference: ['sms'] } }

let network: ScriptedNetwork
let gateway: TestGateway
let story: Story

beforeEach(async () => {
  network = scriptNetwork()
  gateway = await startTestGateway({ options: { providers: network.providers } })
  story = await tell(gateway)
})

afterEach(async () => {
  await gateway.stop()
  expect(gateway.errors).toEqual([])
})

const parts = (...names: string[]): Accepted => ({ providerId: id(names[0] ?? ''), chat, parts: names.map(id) })

function receipt(name: string, status: ReceiptStatus = 'delivered'): Promise<void> {
  return network.tell(gateway.customer.line.address, 'sms', {
    kind: 'receipt',
    providerId: id(name),
    status,
    at: new Date(),
    detail: null,
  })
}

async function statusOf(message: string): Promise<string> {
  return (await story.get(message)).status
}

async function sent(message: object = bySms): Promise<string> {
  const made = await story.send(message)
  await until(async () => (await statusOf(made)) === 'sent', 'it to be sent')
  return made
}

const started = ['message.queued queued -', 'message.sent sent sms']
const delivered = [...started, 'message.delivered delivered sms']

test('it is delivered when the last of its parts is, whichever that be, and told so once', async () => {
  network.answer(parts('a', 'b', 'c'))
  const message = await sent()
  await receipt('c')
  await receipt('a')
  await receipt('c')
  expect(await statusOf(message)).toBe('sent')
  expect(await story.heard()).toEqual(started)
  await receipt('b')
  await receipt('a')
  expect(await story.heard()).toEqual(delivered)
  expect(await story.get(message)).toMatchObject({ status: 'delivered', externalId: 'a' })
})

test('all parts told of at the same moment make one delivery', async () => {
  const names = Array.from({ length: 12 }, (_, index) => `part ${index}`)
  network.answer(parts(...names))
  await sent()
  await Promise.all([...names, ...names].map((name) => receipt(name)))
  expect(await story.heard()).toEqual(delivered)
})

test('an echo proves all of its parts, so that one of them is not taken for the whole', async () => {
  network.answer(new SendFailure('uncertain', 'PROVIDER_TIMEOUT', 'Nobody answered.'))
  const message = await story.send(bySms)
  await until(async () => network.sent.length === 1, 'it to be handed over')
  const echoOf = network.sent[0]?.message.ref ?? null
  await network.tell(gateway.customer.line.address, 'sms', {
    ...{ kind: 'message', providerId: id('a'), parts: [id('a'), id('b')], chat, from: gateway.customer.line.address },
    ...{ at: new Date(), echoOf, text: 'in three parts', attachments: [], replyTo: null, group: null },
  })
  await until(async () => (await statusOf(message)) === 'sent', 'it to be sent')
  await receipt('a')
  expect(await statusOf(message)).toBe('sent')
  await receipt('b')
  expect(await story.heard()).toEqual(delivered)
})

test('receipts that come before the answer to the send are not lost', async () => {
  let answer: (accepted: Accepted) => void = () => undefined
  network.answer(new Promise<Accepted>((resolve) => (answer = resolve)))
  const message = await story.send(bySms)
  await until(async () => network.sent.length === 1, 'it to be handed over')
  await receipt('b')
  await receipt('a')
  answer(parts('a', 'b', 'c'))
  await until(async () => (await statusOf(message)) === 'sent', 'it to be sent')
  await receipt('c')
  expect(await story.heard()).toEqual(delivered)
})

test('all receipts before the answer deliver it with the answer', async () => {
  let answer: (accepted: Accepted) => void = () => undefined
  network.answer(new Promise<Accepted>((resolve) => (answer = resolve)))
  const message = await story.send(bySms)
  await until(async () => network.sent.length === 1, 'it to be handed over')
  for (const name of ['b', 'a', 'c']) await receipt(name)
  answer(parts('a', 'b', 'c'))
  await until(async () => (await statusOf(message)) === 'delivered', 'it to be delivered')
  expect(await story.heard()).toEqual(delivered)
})

test('one part that failed fails it, and the others change nothing', async () => {
  network.answer(parts('a', 'b', 'c'))
  const message = await sent()
  await receipt('a')
  await receipt('c', 'failed')
  expect(await story.get(message)).toMatchObject({ status: 'failed', errorCode: 'SMS_SEND_FAILED' })
  await receipt('b')
  expect(await story.heard()).toEqual([...started, 'message.failed failed sms'])
})

test('a part that is refused after another went out fails it at once, and it is sent on no other channel', async () => {
  network.answer(new SendFailure('refused', 'SMS_REJECTED', 'The second part was refused.', { partly: true }))
  const message = await story.send({ ...bySms, routing: { preference: ['sms', 'imessage'] } })
  await until(async () => (await statusOf(message)) === 'failed', 'it to fail')
  expect(await story.get(message)).toMatchObject({ errorCode: 'SMS_REJECTED', fallbackTriggered: false })
  expect(network.sent.map(({ channel }) => channel)).toEqual(['sms'])
})

test('being told to wait costs no try, however often, and keeps the order', async () => {
  const busy = () => new SendFailure('retryable', 'RATE_LIMIT_EXCEEDED', 'Wait.', { throttled: true, scope: 'link' })
  network.answer(...Array.from({ length: 9 }, busy))
  const failing = new SendFailure('retryable', 'SMS_SEND_FAILED', 'It did not work.', { scope: 'link' })
  network.answer(failing, failing, failing, failing, { providerId: id('one'), chat }, { providerId: id('two'), chat })
  const first = await story.send({ ...bySms, content: { text: 'first' } })
  const second = await story.send({ ...bySms, content: { text: 'second' } })
  await until(async () => {
    await gateway.advance(600_000)
    return (await statusOf(second)) === 'sent'
  }, 'both to be sent')
  expect(await statusOf(first)).toBe('sent')
  const texts = network.sent.map(({ message }) => message.text)
  expect(texts).toEqual([...Array.from({ length: 14 }, () => 'first'), 'second'])
})

test('whoever has to wait for a turn is not tried before it, and that costs no try', async () => {
  network.wait(40_000, 5_000)
  network.answer({ providerId: id('one'), chat })
  const message = await story.send(bySms)
  const attempts = async () => {
    const text = 'select count(*)::int as count from attempts where customer_id = $1'
    return (await gateway.database.db.query<{ count: number }>({ name: '', text }, [gateway.customer.id]))[0]?.count
  }
  await gateway.settled()
  await gateway.pass(30_000)
  await gateway.settled()
  expect([await attempts(), network.sent.length]).toEqual([0, 0])
  await gateway.pass(11_000)
  await gateway.settled()
  expect([await attempts(), network.sent.length]).toEqual([0, 0])
  await gateway.pass(6_000)
  await until(async () => (await statusOf(message)) === 'sent', 'it to be sent')
  expect([await attempts(), network.sent.length]).toEqual([1, 1])
})
