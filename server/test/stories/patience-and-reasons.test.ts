/** A send takes as long as its network says it may, and a failure is told under the number its network gives it. */
import { afterEach, expect, test } from 'vitest'
import type { Accepted } from '../../src/channels/connector.ts'
import type { ProviderChatId, ProviderMessageId } from '../../src/model/ids.ts'
import { startTestGateway, type TestGateway, until } from '../support/gateway.ts'
import { type ScriptedNetwork, scriptNetwork } from '../support/scripted-line.ts'
import { type Story, tell } from '../support/story.ts'

const to = '+15550100199'
const accepted: Accepted = { providerId: 'one' as ProviderMessageId, chat: `iMessage;-;${to}` as ProviderChatId }
const byImessage = { to, content: { text: 'Hello' }, routing: { preference: ['imessage', 'sms'] } }

let network: ScriptedNetwork
let gateway: TestGateway
let story: Story

async function start(patienceMs?: number): Promise<void> {
  network = scriptNetwork(patienceMs === undefined ? {} : { patienceMs })
  gateway = await startTestGateway({ options: { providers: network.providers } })
  story = await tell(gateway)
}

afterEach(async () => {
  await gateway.stop()
  expect(gateway.errors).toEqual([])
})

async function handedOver(): Promise<{ id: string; answer: (accepted: Accepted) => void }> {
  let answer: (accepted: Accepted) => void = () => undefined
  network.answer(new Promise<Accepted>((resolve) => (answer = resolve)))
  const id = await story.send(byImessage)
  await until(async () => network.sent.length === 1, 'it to be handed over')
  return { id, answer }
}

async function ends(id: string, status: string): Promise<void> {
  await until(async () => (await story.get(id)).status === status, `it to be ${status}`)
}

test('a send that may take ten minutes is waited for so long', async () => {
  await start(600_000)
  const { id, answer } = await handedOver()
  await gateway.pass(590_000)
  answer(accepted)
  await ends(id, 'sent')
  expect(network.sent).toHaveLength(1)
})

test('no send is waited for longer than twenty minutes', async () => {
  await start(3_600_000)
  const { id } = await handedOver()
  await gateway.pass(1_199_000)
  expect((await story.get(id)).status).toBe('pending')
  await gateway.pass(2_000)
  await gateway.settled()
  await gateway.advance(121_000)
  expect(await story.get(id)).toMatchObject({ status: 'failed', errorCode: 'OUTCOME_UNKNOWN' })
  expect(network.sent).toHaveLength(1)
})

const bounced = {
  kind: 'receipt',
  providerId: accepted.providerId,
  status: 'failed',
  at: new Date(0),
  detail: 'Not on iMessage.',
  code: 'imessage_error_22',
} as const
const bounce = () => network.tell(gateway.customer.line.address, 'imessage', bounced)

async function isToldAsNumbered(id: string): Promise<void> {
  await ends(id, 'failed')
  const reason = { errorCode: 'imessage_error_22', errorMessage: 'Not on iMessage.' }
  expect(await story.get(id)).toMatchObject({ ...reason, retryable: false })
  const told = (await story.told()).filter(({ type }) => type === 'message.failed')
  expect(told.map(({ data }) => data)).toMatchObject([{ messageId: id, ...reason }])
}

test('a receipt that numbers the reason fails the message under that number', async () => {
  await start()
  network.answer(accepted)
  const id = await story.send(byImessage)
  await ends(id, 'sent')
  await bounce()
  await isToldAsNumbered(id)
})

test('so does one that comes before the answer to the send', async () => {
  await start()
  const { id, answer } = await handedOver()
  await bounce()
  answer(accepted)
  await isToldAsNumbered(id)
})
