/** What is said while an agent thinks, who turns out to be whom meanwhile, and limits that many chats reach at once. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Caller } from '../../src/gateway.ts'
import type { Handle } from '../../src/model/ids.ts'
import { type AgentScene, openAgents } from '../support/agent-story.ts'
import { held, saying } from '../support/model-stub.ts'

let scene: AgentScene
let by: Caller
beforeAll(async () => {
  scene = await openAgents()
  by = await scene.gateway.gateway.callers.authenticate(scene.gateway.apiKey)
})
beforeEach(() => scene.renew())
afterAll(async () => {
  await scene.close()
  expect(scene.gateway.errors).toEqual([])
})

const line = () => scene.gateway.customer.line
const thinks = (count: number) =>
  expect.poll(() => scene.model.asked.length, { timeout: 5_000, interval: 5 }).toBe(count)
const told = () => scene.model.asked.at(-1)?.messages.slice(1)

let people = 0
/** Known by a name of the network's alone. */
function nameless(): Handle {
  people += 1
  return `${99_000 + people}@lid` as Handle
}

async function reveals(lid: Handle): Promise<Handle> {
  const phone = `+1415558${1_000 + people}` as Handle
  scene.gateway.network.as(lid).reveals(line().address, 'whatsapp', phone)
  await scene.gateway.settled()
  return phone
}

test('what was asked while the model thought is answered knowing what was answered before', async () => {
  const { model, gateway } = scene
  const person = scene.somebody()
  const thinking = held(saying('A loaf is 4 euros.'))
  model.answer(thinking.reacting)
  await scene.says(person, 'What is a loaf?')
  await gateway.pass(2_000)
  await thinks(1)
  await scene.says(person, 'And do you have rolls?')
  model.answer('Yes, for 1 euro.')
  thinking.release()
  await scene.thought()
  expect(scene.got(person)).toEqual(['A loaf is 4 euros.', 'Yes, for 1 euro.'])
  expect(told()).toEqual([
    { role: 'user', content: 'What is a loaf?' },
    { role: 'assistant', content: 'A loaf is 4 euros.' },
    { role: 'user', content: 'And do you have rolls?' },
  ])
})

test('what came in while an answer could not be sent gets its own', async () => {
  const { model, gateway } = scene
  const person = scene.somebody()
  await scene.says(person, 'What is a loaf?')
  // As a process leaves it that is killed between the answer and its sending.
  const text = `update agent_turns set reply = 'A loaf is 4 euros.', tokens = 5 where ended_at is null`
  await gateway.database.db.query({ name: '', text })
  await scene.says(person, 'And do you have rolls?')
  model.answer('Yes, for 1 euro.')
  await scene.thought()
  expect(scene.got(person)).toEqual(['A loaf is 4 euros.', 'Yes, for 1 euro.'])
  expect(told()).toEqual([
    { role: 'user', content: 'What is a loaf?' },
    { role: 'assistant', content: 'A loaf is 4 euros.' },
    { role: 'user', content: 'And do you have rolls?' },
  ])
})

test('two chats that turn out to be with one person have one agent, which knows both', async () => {
  const { model, gateway } = scene
  const lid = nameless()
  const phone = `+1415558${1_000 + people}` as Handle
  await scene.says(phone, 'I am Ada.')
  await scene.thought()
  model.answer('Hello, how can I help?')
  gateway.network.as(lid).says(line().address, 'whatsapp', 'Who am I?')
  await gateway.settled()
  expect(await reveals(lid)).toBe(phone)
  await scene.thought()
  expect(told()?.at(-1)).toMatchObject({ role: 'user', content: expect.stringContaining('Who am I?') })
  expect((await scene.log())[0]).toMatchObject({ state: 'done' })
})

test('a chat that was handed over stays so when they turn out to have a number', async () => {
  const { gateway, model } = scene
  const lid = nameless()
  const phone = `+1415558${1_000 + people}` as Handle
  await scene.says(phone, 'Hello')
  await scene.thought()
  gateway.network.as(lid).says(line().address, 'whatsapp', 'human')
  await gateway.settled()
  await scene.thought()
  expect((await scene.log())[0]).toMatchObject({ reason: 'handover' })
  await reveals(lid)
  const asked = model.asked.length
  await scene.says(phone, 'Are you there?')
  await scene.thought()
  expect((await scene.log())[0]).toMatchObject({ reason: 'paused' })
  expect(model.asked.length).toBe(asked)
  expect(await gateway.gateway.agents.pauseWith(by, line().id, phone)).toMatchObject({ reason: 'handover' })
})

test('so many answers a day are not passed by chats that are answered at once', async () => {
  const { model, gateway } = scene
  await scene.change({ manner: { repliesPerDay: 2 } })
  const crowd = Array.from({ length: 6 }, () => scene.somebody())
  const thinking = held(saying('Here is the bakery.'))
  model.answer(thinking.reacting)
  for (const person of crowd) await scene.says(person, 'Hello?')
  await gateway.pass(2_000)
  await thinks(2)
  thinking.release()
  await scene.thought()
  expect(crowd.flatMap((person) => scene.got(person))).toHaveLength(2)
  const reasons = (await scene.log()).map(({ reason, state }) => reason ?? state)
  expect(reasons.filter((one) => one === 'done')).toHaveLength(2)
  expect(reasons.filter((one) => one === 'replies_per_day')).toHaveLength(4)
})

test('a key that cannot be opened any more fails its turns, and each of them once', async () => {
  const own = await openAgents()
  const { db } = own.gateway.database
  await db.query({ name: '', text: `update agents set api_key = '\\x00' where api_key is not null` })
  await own.says(own.somebody(), 'Hello?')
  await own.thought(10_000)
  expect(await own.log()).toMatchObject([{ state: 'failed', reason: 'gateway_failed', attempts: 4 }])
  expect(own.model.asked).toEqual([])
  expect(own.gateway.errors.length).toBeGreaterThan(0)
  await own.close()
})
