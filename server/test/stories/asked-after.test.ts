/** A network that can be asked what became of a send is asked, and what it says counts like an answer to the send. */
import { afterEach, expect, test } from 'vitest'
import type { NetworkOptions } from '../../src/channels/inmemory/network.ts'
import { joinWithLines, startTestGateway, type TestGateway, until } from '../support/gateway.ts'
import { type Story, tell } from '../support/story.ts'

let gateway: TestGateway
let story: Story

/** Without echoes nothing but the question can prove a send. */
async function start(network: Partial<NetworkOptions> = { echoes: false }): Promise<void> {
  gateway = await startTestGateway({ network })
  story = await tell(gateway)
}

afterEach(async () => {
  await gateway.stop()
  expect(gateway.errors).toEqual([])
})

const someone = '+14155550177'
const strangerToImessage = '+14155550104'
const mute = '+14155550108'
const hello = (to: string) => ({ to, content: { text: 'Hello?' }, routing: { preference: ['imessage', 'sms'] } })

async function hangs(to: string): Promise<string> {
  const id = await story.send(hello(to))
  await until(async () => gateway.network.counts().unanswered === 1, 'the send to be under way')
  return id
}

async function ends(id: string, status: string): Promise<void> {
  await until(async () => (await story.get(id)).status === status, `it to be ${status}`)
}

/** Lines that come and go with their process are told too. */
const heardOfMessages = async () => (await story.heard()).filter((heard) => heard.startsWith('message.'))
const arrived = () => gateway.network.received().map(({ channel, to }) => `${channel} ${to}`)

/** More than a send may take. */
const sendMs = 31_000

test('an answer that never comes is asked for at once, and the message is sent, once', async () => {
  await start()
  gateway.network.failNext({ kind: 'dropAfter', channel: 'imessage', hangs: true })
  const id = await hangs(someone)
  await gateway.pass(sendMs)
  await ends(id, 'delivered')
  expect(arrived()).toEqual([`imessage ${someone}`])
  expect(await story.heard()).toEqual([
    'message.queued queued -',
    'message.sent sent imessage',
    'message.delivered delivered imessage',
  ])
})

test('what a process left behind in mid-send is asked after by the next one', async () => {
  await start()
  gateway.network.failNext({ kind: 'late', channel: 'imessage', ms: 20_000 })
  const id = await hangs(someone)
  const stopping = gateway.gateway.stop()
  await gateway.pass(6_000)
  await stopping
  expect(await heardOfMessages()).toEqual(['message.queued queued -'])
  const next = await joinWithLines(gateway)
  await until(async () => {
    await gateway.pass(1_000)
    return (await story.get(id)).status === 'delivered'
  }, 'it to be delivered')
  await next.stop()
  expect(arrived()).toEqual([`imessage ${someone}`])
  expect(await heardOfMessages()).toEqual([
    'message.queued queued -',
    'message.sent sent imessage',
    'message.delivered delivered imessage',
  ])
})

test('a send that never came to the network is made again', async () => {
  await start()
  gateway.network.failNext({ kind: 'dropBefore', channel: 'imessage', hangs: true })
  const id = await hangs(someone)
  await gateway.pass(sendMs)
  await until(async () => {
    await gateway.pass(1_000)
    return (await story.get(id)).status === 'delivered'
  }, 'it to be delivered')
  expect(arrived()).toEqual([`imessage ${someone}`])
  expect(await story.get(id)).toMatchObject({ channel: 'imessage', fallbackTriggered: false })
})

test('a send that is proved not to have happened falls back', async () => {
  await start()
  gateway.network.failNext({ kind: 'dropAfter', channel: 'imessage', hangs: true })
  const id = await hangs(strangerToImessage)
  await gateway.pass(sendMs)
  await until(async () => {
    await gateway.pass(1_000)
    return (await story.get(id)).status === 'delivered'
  }, 'it to be delivered')
  expect(arrived()).toEqual([`sms ${strangerToImessage}`])
  expect(await story.get(id)).toMatchObject({ channel: 'sms', fallbackTriggered: true })
  expect(await story.heard()).toEqual([
    'message.queued queued -',
    'message.fallback queued sms',
    'message.sent sent sms',
    'message.delivered delivered sms',
  ])
})

test('while it is open it is sent nowhere else, and after 15 minutes nobody knows', async () => {
  await start()
  const id = await hangs(mute)
  await gateway.pass(sendMs)
  for (let minutes = 0; minutes < 14; minutes += 1) {
    await gateway.advance(60_000)
    expect((await story.get(id)).status).toBe('pending')
  }
  await gateway.advance(60_000)
  await ends(id, 'failed')
  expect(await story.get(id)).toMatchObject({ errorCode: 'OUTCOME_UNKNOWN', fallbackTriggered: false })
  expect(arrived()).toEqual([])
  await gateway.advance(60_000)
  expect(await story.heard()).toEqual(['message.queued queued -', 'message.failed unknown imessage'])
})

test('an echo after that still proves it', async () => {
  await start({})
  gateway.network.failNext({ kind: 'late', channel: 'imessage', ms: 17 * 60_000 })
  const id = await hangs(someone)
  await gateway.pass(sendMs)
  await gateway.advance(15 * 60_000)
  await ends(id, 'failed')
  await gateway.advance(2 * 60_000)
  await ends(id, 'delivered')
  expect(await story.heard()).toEqual([
    'message.queued queued -',
    'message.failed unknown imessage',
    'message.sent sent imessage',
    'message.delivered delivered imessage',
  ])
  expect(arrived()).toEqual([`imessage ${someone}`])
})

test('a link that is down is asked again when it is up', async () => {
  await start()
  gateway.network.failNext({ kind: 'dropAfter', channel: 'imessage', hangs: true })
  const id = await hangs(someone)
  gateway.network.disconnect(gateway.customer.line.address, 'imessage', 240_000)
  await gateway.pass(60_000)
  await gateway.pass(120_000)
  expect((await story.get(id)).status).toBe('pending')
  await gateway.pass(61_000)
  await until(async () => {
    await gateway.pass(1_000)
    return (await story.get(id)).status === 'delivered'
  }, 'it to be delivered')
  expect(arrived()).toEqual([`imessage ${someone}`])
})
