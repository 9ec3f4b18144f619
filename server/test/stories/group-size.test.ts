/** A group holds as many people as its network lets into one: when it is made, and when it grows. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Ask, askerOf } from '../contract/ask.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'

let gateway: TestGateway
let ask: Ask
beforeAll(async () => {
  gateway = await startTestGateway()
  ask = await askerOf(gateway)
})
afterAll(async () => {
  await gateway.stop()
  expect(gateway.errors).toEqual([])
})

const person = (nth: number) => `+1415666${String(nth).padStart(4, '0')}`
const people = (count: number) => Array.from({ length: count }, (_, nth) => person(nth))
const make = (channel: string, participants: string[]) =>
  ask('POST /v1/chats/groups', { channel, name: 'Everybody', participants })

test.each([
  ['imessage', 32],
  ['whatsapp', 1_023],
])('on %s a group is made with %i others, and takes nobody else after that', async (channel, most) => {
  // Whoever is named twice is one person all the same.
  const made = await make(channel, channel === 'imessage' ? [...people(most), person(0)] : people(most))
  expect([made.status, made.body.data?.participants.length]).toEqual([201, most])
  const path = `/v1/chats/${made.body.data.conversationId}/participants`
  const full = await ask(`POST ${path}`, { participant: person(most) })
  expect([full.status, full.body.error?.code]).toEqual([400, 'INVALID_REQUEST'])
  expect((await ask(`POST ${path}`, { participant: person(0) })).status).toBe(200)
  expect(gateway.network.group(made.body.data.chatId)?.members).toHaveLength(most + 1)
  expect((await ask(`DELETE ${path}/${person(0)}`)).status).toBe(200)
  expect((await ask(`POST ${path}`, { participant: person(most) })).status).toBe(200)
  await gateway.settled()
})

test.each([
  ['imessage', 33, 'At most 32 besides yourself on this channel.'],
  ['whatsapp', 1_024, 'At most 1023 besides yourself on this channel.'],
  ['whatsapp', 1_025, 'At most 1024.'],
])('on %s a group of %i others is not made', async (channel, count, message) => {
  const before = gateway.network.acts().length
  const { status, body } = await make(channel, people(count))
  expect([status, body.error?.code, body.error?.details]).toEqual([
    400,
    'VALIDATION_ERROR',
    [{ path: 'participants', message }],
  ])
  expect(gateway.network.acts()).toHaveLength(before)
})
