/** What the others see of us in a chat besides messages: read, unread, typing; and what we see of them. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Handle } from '../../src/model/ids.ts'
import { type Ask, askerOf } from '../contract/ask.ts'
import { startTestGateway, type TestGateway, until } from '../support/gateway.ts'
import { type Story, tell } from '../support/story.ts'

let gateway: TestGateway
let ask: Ask
let story: Story
let people = 0
let person: Handle
beforeAll(async () => {
  gateway = await startTestGateway()
  ask = await askerOf(gateway)
})
afterAll(async () => {
  await gateway.stop()
  expect(gateway.errors).toEqual([])
})
beforeEach(() => {
  people += 1
  person = `+141555501${20 + people}` as Handle
})

/** A chat of two with somebody new. */
async function chatOn(channel: 'imessage' | 'whatsapp'): Promise<{ id: string; path: string }> {
  story = await tell(gateway)
  const id = await story.send({ to: person, content: { text: 'Hi' }, routing: { preference: [channel] } })
  await gateway.advance(1_000)
  const { conversationId } = await story.get(id)
  story = await tell(gateway)
  return { id: conversationId, path: `/v1/chats/${conversationId}` }
}

function acts(): unknown[] {
  return gateway.network
    .acts()
    .filter(({ chat }) => chat?.includes(person.slice(1)))
    .map(({ verb, what }) => [verb, what])
}

test('a chat of two is read and unread on iMessage, by either name', async () => {
  const { id, path } = await chatOn('imessage')
  const guid = `iMessage;-;${person}`
  const names = { chatId: id, conversationId: id, providerChatGuid: guid }
  expect((await ask(`POST ${path}/read`)).body.data).toEqual({ ...names, read: true })
  for (const name of [guid, encodeURIComponent(guid)])
    expect((await ask(`POST /v1/chats/${name}/unread`)).body.data).toEqual({ ...names, unread: true })
  expect(acts()).toEqual([
    ['markRead', null],
    ['markUnread', null],
    ['markUnread', null],
  ])
  expect(await story.heard()).toEqual([])
})

test('typing is shown, and ends when it is stopped', async () => {
  const { id, path } = await chatOn('whatsapp')
  const start = await ask(`POST ${path}/typing`, { status: 'start' })
  expect(start.body.data).toMatchObject({ chatId: id, typing: true })
  expect((await ask(`POST ${path}/typing`, { status: 'stop' })).body.data).toMatchObject({ chatId: id, typing: false })
  await gateway.pass(11_000)
  // Whatever would still end by itself has come to the network before this does.
  await ask(`POST ${path}/typing`, { status: 'start' })
  await ask(`POST ${path}/typing`, { status: 'stop' })
  expect(acts()).toEqual([
    ['setTyping', true],
    ['setTyping', false],
    ['setTyping', true],
    ['setTyping', false],
  ])
  expect(await story.heard()).toEqual([])
})

test('typing that nobody stops ends after ten seconds, counted from the last start', async () => {
  const { path } = await chatOn('imessage')
  await ask(`POST ${path}/typing`, { status: 'start' })
  await gateway.pass(9_000)
  await ask(`POST ${path}/typing`, { status: 'start' })
  await gateway.pass(9_000)
  await ask(`POST ${path}/read`)
  expect(acts()).toEqual([
    ['setTyping', true],
    ['setTyping', true],
    ['markRead', null],
  ])
  await gateway.pass(1_500)
  await until(async () => acts().length === 4, 'the end of typing')
  expect(acts().at(-1)).toEqual(['setTyping', false])
})

test('they type on WhatsApp', async () => {
  const { id } = await chatOn('whatsapp')
  gateway.network.as(person).types(gateway.customer.line.address, 'whatsapp', true)
  await gateway.advance(1_000)
  expect(await story.heard()).toEqual(['typing.indicator - whatsapp'])
  const [row] = await gateway.database.db.query<{ id: string }>({
    name: '',
    text: `select data #>> '{conversation,id}' as id from events where type = 'typing.indicator' order by seq desc`,
  })
  expect(row?.id).toBe(id)
})
