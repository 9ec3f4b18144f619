/** STOP and START are confirmed once where nobody else does it, also to somebody who has just opted out. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Handle, ProviderChatId, ProviderMessageId } from '../../src/model/ids.ts'
import { startTestGateway, type TestGateway, until } from '../support/gateway.ts'
import { type ScriptedNetwork, scriptNetwork } from '../support/scripted-line.ts'
import { type Story, tell } from '../support/story.ts'

const person = '+15550100199'
const chat = `SMS;-;${person}` as ProviderChatId

let network: ScriptedNetwork
let gateway: TestGateway
let story: Story
let count = 0

beforeEach(async () => {
  network = scriptNetwork()
  gateway = await startTestGateway({ options: { providers: network.providers } })
  story = await tell(gateway)
})

afterEach(async () => {
  await gateway.stop()
  expect(gateway.errors).toEqual([])
})

async function says(
  text: string,
  how: { confirmsChoice?: true; id?: string } = { confirmsChoice: true },
): Promise<void> {
  count += 1
  const { id = `in-${count}`, ...rest } = how
  await network.tell(gateway.customer.line.address, 'sms', {
    kind: 'message',
    ...{ providerId: id as ProviderMessageId, chat, from: person as Handle, at: new Date(), echoOf: null, text },
    ...{ attachments: [], replyTo: null, group: null, ...rest },
  })
}

const accept = (id: string) => network.answer({ providerId: id as ProviderMessageId, chat })
const said = () => network.sent.map(({ channel, message }) => `${channel} ${message.text?.split('.')[0]}`)

async function told(...events: string[]): Promise<void> {
  await until(async () => (await story.heard()).length >= events.length, `${events.length} events`)
  expect(await story.heard()).toEqual(events)
}

const inbound = 'message.inbound received sms'
const reply = ['message.queued queued -', 'message.sent sent sms']

test('STOP is confirmed, another STOP is not, START is confirmed again', async () => {
  accept('one')
  await says('STOP')
  await told(inbound, 'contact.opted_out - sms', ...reply)
  await says('STOP')
  await says('Stop.', { confirmsChoice: true, id: 'in-1' })
  accept('two')
  await says('START')
  await told(
    ...[inbound, 'contact.opted_out - sms', ...reply],
    ...[inbound, inbound, 'contact.opted_in - sms', ...reply],
  )
  await says('START')
  await gateway.settled()
  expect(said()).toEqual([
    'sms You are unsubscribed and will get no more messages from this number',
    'sms You are subscribed again',
  ])
})

test('nothing else goes to whoever got the confirmation', async () => {
  accept('one')
  await says('STOP')
  await told(inbound, 'contact.opted_out - sms', ...reply)
  const answer = await story.call('POST', '/v1/messages', {
    to: person,
    content: { text: 'Please stay' },
    routing: { preference: ['sms'] },
  })
  expect(answer.body.error.code).toBe('RECIPIENT_OPTED_OUT')
})

test('a provider that confirms it by itself is left to do so, and YES from somebody who never left is just a word', async () => {
  await says('STOP', {})
  await told(inbound, 'contact.opted_out - sms')
  await says('START', {})
  await says('YES')
  await told(inbound, 'contact.opted_out - sms', inbound, 'contact.opted_in - sms', inbound)
  expect(network.sent).toEqual([])
})

test('the same STOP told again by its network is confirmed once', async () => {
  accept('one')
  await Promise.all(Array.from({ length: 5 }, () => says('STOP', { confirmsChoice: true, id: 'the same' })))
  await told(inbound, 'contact.opted_out - sms', ...reply)
  expect(said()).toHaveLength(1)
})
