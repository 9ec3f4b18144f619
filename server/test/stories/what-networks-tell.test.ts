/** Reactions, receipts, kept voice notes, calls and refused edits: each told once, and on each channel only what it knows. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Incoming } from '../../src/channels/connector.ts'
import type { Channel } from '../../src/model/channel.ts'
import type { Handle, ProviderChatId } from '../../src/model/ids.ts'
import { startTestGateway, type TestGateway, until } from '../support/gateway.ts'
import { tell } from '../support/story.ts'

let gateway: TestGateway
beforeAll(async () => {
  gateway = await startTestGateway()
})
afterAll(async () => {
  await gateway.stop()
  expect(gateway.errors).toEqual([])
})

const person = (number: string) => gateway.network.as(number as Handle)
const line = () => gateway.customer.line.address

/** The network tells what it should not, or tells it once more. */
function tellRaw(channel: Channel, event: Incoming): void {
  gateway.network.exchange.tell(channel, line(), 'raw' as ProviderChatId, event)
}

async function lastData(): Promise<Record<string, unknown> | undefined> {
  const text = 'select data from events where customer_id = $1 order by xid desc, seq desc limit 1'
  const [row] = await gateway.database.db.query<{ data: Record<string, unknown> }>({ name: '', text }, [
    gateway.customer.id,
  ])
  return row?.data
}

async function sent(to: string, channel: Channel) {
  const story = await tell(gateway)
  const id = await story.send({ to, content: { text: 'Hello' }, routing: { preference: [channel] } })
  await gateway.settled()
  await gateway.advance(1_000)
  const { externalId } = await story.get(id)
  return { id, target: externalId, story: await tell(gateway) }
}

test('SMS is never read: what a phone calls so is delivered at most', async () => {
  gateway.network.setPerson('+14155550190' as Handle, { deliveredAfterMs: null })
  const { id, target, story } = await sent('+14155550190', 'sms')
  const at = new Date(gateway.clock.now())
  tellRaw('sms', { kind: 'receipt', providerId: target, status: 'read', at, detail: null })
  await gateway.advance(1_000)
  expect(await story.heard()).toEqual(['message.delivered delivered sms'])
  expect((await story.get(id)).status).toBe('delivered')
})

test('SMS has no reactions', async () => {
  const { target, story } = await sent('+14155550191', 'sms')
  const reaction = { from: '+14155550191' as Handle, reaction: 'love', at: new Date(gateway.clock.now()) }
  tellRaw('sms', { kind: 'reaction', target, chat: 'raw' as ProviderChatId, ...reaction })
  await gateway.advance(1_000)
  expect(await story.heard()).toEqual([])
})

test('a reaction is told once, however often the network tells it, and each new one again', async () => {
  const from = '+14155550192'
  const { id, target, story } = await sent(from, 'whatsapp')
  const at = new Date(gateway.clock.now())
  const chat = '14155550192@s.whatsapp.net' as ProviderChatId
  const reacts = (reaction: string | null, seconds: number) =>
    tellRaw('whatsapp', {
      ...{ kind: 'reaction', target, chat, from: from as Handle, reaction },
      at: new Date(at.getTime() + seconds * 1_000),
    })
  reacts('👍', 0)
  reacts('👍', 0)
  await gateway.settled()
  await gateway.advance(3_600_000)
  reacts('👍', 0)
  await gateway.settled()
  expect(await story.heard()).toEqual(['message.reaction - whatsapp'])
  expect(await lastData()).toMatchObject({ target: id.replace('msg_', ''), reaction: '👍', preview: 'Hello' })
  reacts(null, 5)
  reacts('👍', 9)
  reacts('👍', 9)
  await gateway.advance(1_000)
  expect(await story.heard()).toHaveLength(3)
})

test('a voice note that somebody keeps is told with the message it was', async () => {
  const { id, target, story } = await sent('+14155550193', 'imessage')
  gateway.network.failNext({ kind: 'duplicate', channel: 'imessage' })
  person('+14155550193').keepsAudio(line(), 'imessage', target)
  await gateway.advance(1_000)
  expect(await story.heard()).toEqual(['message.audio_kept - imessage'])
  expect(await lastData()).toMatchObject({
    target: id.replace('msg_', ''),
    targetExternalId: target,
    externalId: expect.any(String),
    from: '+14155550193',
    to: line(),
  })
})

test('a call rings once, and each of its turns is told', async () => {
  const story = await tell(gateway)
  const caller = person('+14155550194')
  gateway.network.failNext({ kind: 'duplicate', channel: 'imessage' })
  caller.calls(line(), 'imessage', { callId: 'call-1', status: 'incoming' })
  caller.calls(line(), 'imessage', { callId: 'call-1', status: 'answered' })
  caller.calls(line(), 'imessage', { callId: 'call-1', status: 'disconnected' })
  await gateway.advance(1_000)
  expect(await story.heard()).toEqual([
    'facetime.incoming - imessage',
    'facetime.status_changed - imessage',
    'facetime.status_changed - imessage',
    'facetime.status_changed - imessage',
  ])
  expect(await lastData()).toMatchObject({
    ...{ callId: 'call-1', person: '+14155550194', to: line(), status: 'disconnected' },
    ...{ isAudio: false, isVideo: true, isOutgoing: false },
  })
  expect(() => caller.calls(line(), 'whatsapp', { callId: 'call-2', status: 'incoming' })).toThrow('whatsapp has no')
})

test('a call of our own rings nowhere here', async () => {
  const story = await tell(gateway)
  person('+14155550194').calls(line(), 'imessage', { callId: 'call-3', status: 'incoming', isOutgoing: true })
  await gateway.advance(1_000)
  expect(await story.heard()).toEqual(['facetime.status_changed - imessage'])
})

test('an edit that the network refuses is told, and the message stays as it was', async () => {
  const { id, story } = await sent('+14155550195', 'imessage')
  gateway.network.failNext({ kind: 'refused', channel: 'imessage' })
  const answer = await story.call('PUT', `/v1/messages/${id}`, { text: 'Goodbye' })
  expect(answer.body.error.code).toBe('EDIT_FAILED')
  expect(await story.heard()).toEqual(['message.edit_failed delivered imessage'])
  expect(await lastData()).toMatchObject({ errorCode: 'EDIT_FAILED', message: { text: 'Hello' } })
  const message = await story.get(id)
  expect(message.content.text).toBe('Hello')
  expect(message.timeline.at(-1)).toMatchObject({ status: 'edit_failed', channel: 'imessage' })
})

test('an edit of which nobody knows the outcome is not told as failed', async () => {
  const { id, story } = await sent('+14155550196', 'imessage')
  gateway.network.failNext({ kind: 'dropAfter', channel: 'imessage', hangs: false })
  const asked = story.call('PUT', `/v1/messages/${id}`, { text: 'Goodbye' })
  await until(async () => gateway.network.counts().unanswered > 0, 'the edit to be under way')
  await gateway.pass(1_000)
  expect((await asked).body.error.code).toBe('PROVIDER_TIMEOUT')
  expect(await story.heard()).toEqual([])
})
