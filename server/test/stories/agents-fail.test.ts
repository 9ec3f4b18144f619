/** A model that fails costs an answer and nothing else: what came in is there, is told, and its owner reads why nobody answered. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Handle } from '../../src/model/ids.ts'
import { type AgentScene, agentKey, newAgent, openAgents, posted } from '../support/agent-story.ts'
import { failing, inTurn, openModelStub, type Reacting, raw, saying, silence } from '../support/model-stub.ts'
import { type Story, tell } from '../support/story.ts'

let scene: AgentScene
let story: Story
let person: Handle
beforeAll(async () => {
  scene = await openAgents({}, { manner: { repliesPerMinute: 100 } })
})
beforeEach(async () => {
  person = scene.somebody()
  await scene.gateway.advance(1_000)
  story = await scene.story()
})
afterAll(async () => {
  await scene.close()
  expect(scene.gateway.errors).toEqual([])
})

/** What became of a text that the model reacts to like this. */
async function outcome(reacting: Reacting, stepMs?: number): Promise<object> {
  const { model } = scene
  model.answer(reacting)
  const before = model.asked.length
  await scene.says(person, 'Are you open?')
  expect(await story.heard()).toEqual(['message.inbound received whatsapp'])
  await scene.thought(stepMs)
  const [turn] = await scene.log()
  return { asked: model.asked.length - before, state: turn?.state, reason: turn?.reason, got: scene.got(person) }
}

test('a server that is busy is asked again when it says so, and then answers', async () => {
  const began = scene.gateway.clock.now()
  expect(await outcome(inTurn(failing(429, { 'retry-after': '20' }), saying('Yes.')))).toEqual({
    ...{ asked: 2, state: 'done', reason: null, got: ['Yes.'] },
  })
  expect(scene.gateway.clock.now() - began).toBeGreaterThanOrEqual(21_500)
})

test('another text does not make a busy server be asked sooner', async () => {
  const { model, gateway } = scene
  model.answer(inTurn(failing(429, { 'retry-after': '60' }), saying('Yes, to both.')))
  const before = model.asked.length
  await scene.says(person, 'Are you open?')
  await gateway.pass(2_000)
  await expect.poll(() => model.asked.length - before, { timeout: 5_000, interval: 5 }).toBe(1)
  await expect.poll(async () => (await scene.log())[0]?.state, { timeout: 5_000, interval: 5 }).toBe('pending')
  await scene.says(person, 'And tomorrow?')
  for (let seconds = 0; seconds < 50; seconds += 10) await gateway.pass(10_000)
  expect(model.asked.length - before).toBe(1)
  await scene.thought()
  expect(model.asked.length - before).toBe(2)
  expect(scene.got(person)).toEqual(['Yes, to both.'])
})

test('a server that fails is asked four times and then given up', async () => {
  expect(await outcome(failing(503))).toEqual({ asked: 4, state: 'failed', reason: 'model_down', got: [] })
})

test('a server that is busy for too long is not asked once the text is too old to be answered', async () => {
  const busy = failing(429, { 'retry-after': '86400' })
  expect(await outcome(busy, 61_000)).toEqual({ asked: 3, state: 'skipped', reason: 'too_old', got: [] })
})

test('a server that never answers is given up after a minute each time', async () => {
  const { model, gateway } = scene
  model.answer(silence)
  const before = model.asked.length
  await scene.says(person, 'Are you open?')
  for (let asked = 1; asked <= 4; asked++) {
    await gateway.pass(31_000)
    await expect.poll(() => model.asked.length - before, { timeout: 5_000, interval: 5 }).toBe(asked)
    await gateway.pass(61_000)
    const expected = asked === 4 ? 'failed' : 'pending'
    await expect.poll(async () => (await scene.log())[0]?.state, { timeout: 5_000, interval: 5 }).toBe(expected)
  }
  expect((await scene.log())[0]).toMatchObject({ state: 'failed', reason: 'model_timeout', attempts: 4, replyId: null })
  expect(scene.got(person)).toEqual([])
})

test.each<[string, Reacting, string]>([
  ['a key that is refused', failing(401, {}, `Incorrect API key provided: ${agentKey}`), 'model_refused_key'],
  ['a model that does not exist', failing(404), 'model_refused'],
  ['a request that is refused', failing(400), 'model_refused'],
  ['a redirect', failing(302, { location: 'http://127.0.0.1:9/v1' }), 'model_refused'],
  ['what is no JSON', raw('{"choices": [{'), 'model_garbage'],
  ['a page of HTML', raw('<html>Welcome</html>', 'text/html'), 'model_garbage'],
  ['JSON of another kind', raw('[1, 2, 3]'), 'model_garbage'],
  ['null', raw('null'), 'model_garbage'],
  ['nothing at all', raw(''), 'model_garbage'],
  ['an answer that is no text', saying({ text: 'Hello' }), 'model_garbage'],
  ['an answer without end', raw(JSON.stringify('a'.repeat(2_000_000))), 'model_garbage'],
  ['an empty answer', saying('  \n '), 'model_empty'],
  ['thoughts and no answer', saying('<think>Who is that?</think>\n'), 'model_empty'],
])('%s ends the turn at once', async (_what, reacting, reason) => {
  expect(await outcome(reacting)).toEqual({ asked: 1, state: 'failed', reason, got: [] })
})

test('a server that is away is asked again', async () => {
  const { agent, change } = scene
  const away = await openModelStub()
  await away.close()
  await change({ baseUrl: away.url, apiKey: agentKey })
  expect(await outcome(saying('Nobody hears this.'))).toMatchObject({ asked: 0, state: 'failed', reason: 'model_down' })
  await change({ baseUrl: agent.baseUrl, apiKey: agentKey })
})

test('a very long answer is cut at the end of a sentence', async () => {
  const sentence = 'We have bread of rye, of wheat and of spelt. '
  const { got } = (await outcome(saying(sentence.repeat(5_000)))) as { got: string[] }
  expect(got).toHaveLength(1)
  expect(got[0]?.length).toBeGreaterThan(1_900)
  expect(got[0]?.length).toBeLessThanOrEqual(2_000)
  expect(got[0]?.endsWith('of spelt.')).toBe(true)
})

test('what a model thinks aloud is not sent', async () => {
  expect(await outcome(saying('<think>They want bread.</think>\n\nYes, we are.'))).toMatchObject({
    got: ['Yes, we are.'],
  })
})

test('one chat whose model hangs keeps no other from being answered', async () => {
  const { model, gateway } = scene
  const other = scene.somebody()
  model.answer((asked, response) =>
    asked.messages.at(-1)?.content === 'Slow' ? undefined : saying('Quick.')(asked, response),
  )
  await scene.says(person, 'Slow')
  await scene.says(other, 'Fast')
  await gateway.pass(2_000)
  await expect.poll(() => scene.got(other), { timeout: 5_000, interval: 5 }).toEqual(['Quick.'])
  expect(scene.got(person)).toEqual([])
  model.answer('I am back.')
  await gateway.pass(61_000)
  await scene.thought(5_000)
  expect(scene.got(person)).toEqual(['I am back.'])
})

test('a customer whose model hangs in many chats keeps no other customer from being answered', async () => {
  const { model, gateway } = scene
  const theirs = await openModelStub()
  const agent = await posted(gateway, gateway.other, newAgent(theirs, { name: 'The other' }))
  model.answer(silence)
  const before = model.asked.length
  const people = [...Array(20).keys()].map(() => scene.somebody())
  for (const one of people) await scene.says(one, 'Slow')
  await gateway.pass(2_000)
  await expect.poll(() => model.asked.length - before, { timeout: 5_000, interval: 5 }).toBeGreaterThanOrEqual(8)
  theirs.answer('Quick.')
  gateway.network.as(person).says(gateway.other.line.address, 'whatsapp', 'Fast')
  const stored = async () => (await (await tell(gateway, gateway.other)).call('GET', '/v1/messages')).body.data.messages
  await expect.poll(async () => (await stored()).length, { timeout: 5_000, interval: 5 }).toBe(1)
  await gateway.pass(2_000)
  await expect.poll(() => scene.got(person), { timeout: 5_000, interval: 5 }).toEqual(['Quick.'])
  expect(model.asked.length - before).toBeLessThan(16)
  model.answer('I am back.')
  await gateway.pass(61_000)
  await scene.thought(5_000)
  expect(people.map((one) => scene.got(one))).toEqual(people.map(() => ['I am back.']))
  await gateway.gateway.agents.remove(await gateway.gateway.callers.authenticate(gateway.otherApiKey), agent.id)
  await theirs.close()
})
