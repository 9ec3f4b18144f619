/** An agent answers whoever writes to its line by WhatsApp, from what was said in that chat and nothing else. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type AgentScene, agentKey, openAgents } from '../support/agent-story.ts'
import { held, saying } from '../support/model-stub.ts'

let scene: AgentScene
beforeAll(async () => {
  scene = await openAgents()
})
afterAll(async () => {
  await scene.close()
  expect(scene.gateway.errors).toEqual([])
})

test('a text is answered by the model, as an ordinary message that says who wrote it', async () => {
  const { model, agent } = scene
  const person = scene.somebody()
  const story = await scene.story()
  model.answer(saying('We open at eight.', 42))
  await scene.says(person, 'When do you open?')
  await scene.thought()
  expect(scene.got(person)).toEqual(['We open at eight.'])
  const asked = model.asked.at(-1)
  expect(asked).toMatchObject({ path: '/v1/chat/completions', model: 'test-model' })
  expect(asked?.headers.authorization).toBe(`Bearer ${agentKey}`)
  expect(asked?.messages).toEqual([
    { role: 'system', content: 'You answer for a bakery. Opening hours are 8 to 18.' },
    { role: 'user', content: 'When do you open?' },
  ])
  await scene.gateway.advance(1_000)
  expect(await story.heard()).toEqual([
    'message.inbound received whatsapp',
    'message.queued queued -',
    'message.sent sent whatsapp',
    'message.delivered delivered whatsapp',
  ])
  const [turn] = await scene.log()
  expect(turn).toMatchObject({ state: 'done', reason: null, tokens: 42, attempts: 1, agentId: agent.id })
  const reply = await story.get(`msg_${turn?.replyId}`)
  expect(reply).toMatchObject({
    ...{ direction: 'outbound', status: 'delivered', channel: 'whatsapp', to: person },
    metadata: { agent: { id: agent.id, name: 'Bakery' } },
  })
})

test('the model knows what was said before, on both sides, and nothing of what was never sent', async () => {
  const { model } = scene
  const person = scene.somebody()
  model.answer('A loaf is 4 euros.')
  await scene.says(person, 'What is a loaf?')
  await scene.thought()
  model.answer('Then it is 8.')
  await scene.says(person, 'And two?')
  await scene.thought()
  expect(model.asked.at(-1)?.messages.slice(1)).toEqual([
    { role: 'user', content: 'What is a loaf?' },
    { role: 'assistant', content: 'A loaf is 4 euros.' },
    { role: 'user', content: 'And two?' },
  ])
})

test('several texts in a row get one answer together', async () => {
  const { model } = scene
  const person = scene.somebody()
  const before = model.asked.length
  model.answer('Yes, and until six.')
  for (const text of ['Hi', 'Are you open?', 'And until when?']) await scene.says(person, text)
  await scene.thought()
  expect(scene.got(person)).toEqual(['Yes, and until six.'])
  expect(model.asked.length - before).toBe(1)
  expect(model.asked.at(-1)?.messages.at(-1)).toEqual({
    role: 'user',
    content: 'Hi\nAre you open?\nAnd until when?',
  })
  const turns = (await scene.log()).slice(0, 3)
  expect(new Set(turns.map(({ replyId }) => replyId)).size).toBe(1)
  expect(turns.map(({ state }) => state)).toEqual(['done', 'done', 'done'])
})

test('typing is shown while the model thinks', async () => {
  const { model, gateway } = scene
  const person = scene.somebody()
  const thinking = held(saying('Here I am.'))
  model.answer(thinking.reacting)
  const typing = () =>
    gateway.network
      .acts()
      .flatMap(({ verb, chat, what }) =>
        verb === 'setTyping' && chat?.includes(person.slice(1)) === true ? [what] : [],
      )
  const asked = model.asked.length
  await scene.says(person, 'Hello?')
  await gateway.pass(2_000)
  await expect.poll(() => model.asked.length, { timeout: 5_000, interval: 5 }).toBe(asked + 1)
  await expect.poll(typing, { timeout: 5_000, interval: 5 }).toEqual([true])
  expect(scene.got(person)).toEqual([])
  thinking.release()
  await scene.thought()
  expect(scene.got(person)).toEqual(['Here I am.'])
  await expect.poll(typing, { timeout: 5_000, interval: 5 }).toEqual([true, false])
})

test('a text is there for callers at once, however long the model takes', async () => {
  const { model, gateway } = scene
  const person = scene.somebody()
  const story = await scene.story()
  const thinking = held(saying('At last.'))
  model.answer(thinking.reacting)
  await scene.says(person, 'Anybody there?')
  await gateway.pass(2_000)
  expect(await story.heard()).toEqual(['message.inbound received whatsapp'])
  const { body } = await story.call('GET', `/v1/messages?from=${encodeURIComponent(person)}`)
  expect(body.data.messages).toHaveLength(1)
  thinking.release()
  await scene.thought()
  expect(scene.got(person)).toEqual(['At last.'])
})

test('nobody answers a group, our own number, another channel or a one-time code', async () => {
  const { model, gateway } = scene
  const { address } = gateway.customer.line
  const asked = model.asked.length
  const person = scene.somebody()
  const peer = gateway.network.as(person)
  peer.in(peer.createsGroup('whatsapp', 'Kitchen', [address])).says('Is the bakery open?')
  peer.says(address, 'sms', 'By SMS?')
  peer.says(address, 'whatsapp', 'Your verification code is 483920')
  gateway.network.as(address).says(address, 'whatsapp', 'A note to myself')
  const story = await scene.story()
  await gateway.advance(3_000)
  await expect.poll(async () => (await story.heard()).length, { timeout: 5_000, interval: 5 }).toBeGreaterThan(0)
  await scene.thought()
  expect(model.asked.length).toBe(asked)
})
