/** Agents over HTTP: made, changed, attached and watched by their owner alone, and their keys shown to nobody. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type AgentScene, agentKey, openAgents } from '../support/agent-story.ts'
import { failing } from '../support/model-stub.ts'
import { type Story, tell } from '../support/story.ts'
import { dumpOf } from '../whatsapp/key-material.ts'

let scene: AgentScene
let mine: Story['call']
let theirs: Story['call']
let session: string
beforeAll(async () => {
  scene = await openAgents()
  mine = (await tell(scene.gateway)).call
  theirs = (await tell(scene.gateway, scene.gateway.other)).call
  session = scene.gateway.customer.line.id
})
afterAll(async () => {
  await scene.close()
  expect(scene.gateway.errors).toEqual([])
})

const asked = (more: object = {}) => ({
  ...{ name: 'Baker', system_prompt: 'You bake.', base_url: scene.model.url, model: 'small' },
  ...more,
})

async function made(more: object = {}): Promise<string> {
  const { status, body } = await mine('POST', '/api/v1/agents', asked(more))
  expect(status, JSON.stringify(body)).toBe(201)
  return body.id
}

test('an agent is made with the usual limits, read, changed and deleted', async () => {
  const { status, body } = await mine('POST', '/api/v1/agents', asked({ api_key: agentKey, replies_per_day: 7 }))
  expect(status).toBe(201)
  expect(body).toEqual({
    ...{ id: expect.any(String), name: 'Baker', system_prompt: 'You bake.', provider: 'openai-compatible' },
    ...{ base_url: scene.model.url, model: 'small', has_api_key: true, api_key_end: 'WXYZ' },
    ...{ is_active: false, is_default: false, session_ids: [], sessions: [] },
    ...{ max_tokens: null, temperature: null, max_reply_chars: 2_000, pause_minutes: 60 },
    ...{ handover_keywords: ['human', 'agent'], handover_notice: null },
    ...{ replies_per_minute: 6, replies_per_day: 7, tokens_per_day: 500_000 },
    ...{ created_at: expect.any(String), updated_at: expect.any(String) },
  })
  expect(Math.abs(Date.parse(body.created_at) - scene.gateway.clock.now())).toBeLessThan(60_000)
  const path = `/api/v1/agents/${body.id}`
  expect((await mine('GET', path)).body).toEqual(body)
  const change = { model: 'large', temperature: 0.2, handover_notice: 'One moment.', api_key: null }
  const changed = await mine('PATCH', path, change)
  expect(changed.status).toBe(200)
  const after = { model: 'large', temperature: 0.2, handover_notice: 'One moment.', has_api_key: false }
  expect(changed.body).toEqual({ ...body, ...after, api_key_end: null, updated_at: expect.any(String) })
  const ids = async () => (await mine('GET', '/api/v1/agents')).body.data.map(({ id }: { id: string }) => id)
  expect(await ids()).toContain(body.id)
  expect((await mine('DELETE', path)).body).toMatchObject({ success: true })
  expect(await ids()).not.toContain(body.id)
  for (const method of ['GET', 'DELETE']) expect((await mine(method, path)).status).toBe(404)
})

test('one agent of a session is its default, and the session shows all of them', async () => {
  const [first, second] = [await made({ name: 'First' }), await made({ name: 'Second' })]
  const at = (id: string) => `/api/v1/session/${session}/agents/${id}`
  const shown = async () =>
    (await mine('GET', `/api/v1/session/${session}`)).body.ai_agents.filter(({ id }: { id: string }) =>
      [first, second].includes(id),
    )
  const put = await mine('PUT', at(first), { is_default: true })
  expect(put.body).toMatchObject({
    ...{ is_active: true, is_default: true, session_ids: [session] },
    sessions: [{ session_id: session, is_active: true, is_default: true }],
  })
  await mine('PUT', at(second), {})
  expect(await shown()).toEqual([
    { id: first, name: 'First', is_active: true, is_default: true },
    { id: second, name: 'Second', is_active: true, is_default: false },
  ])
  await mine('PUT', at(second), { is_active: false, is_default: true })
  expect(await shown()).toEqual([
    { id: first, name: 'First', is_active: true, is_default: false },
    { id: second, name: 'Second', is_active: false, is_default: true },
  ])
  expect((await mine('DELETE', at(second))).status).toBe(200)
  expect((await mine('DELETE', at(second))).status).toBe(404)
  await mine('DELETE', `/api/v1/agents/${first}`)
  expect(await shown()).toEqual([])
})

test('another customer finds none of it', async () => {
  const id = await made()
  const calls: [string, string, object?][] = [
    ['GET', `/api/v1/agents/${id}`],
    ['PATCH', `/api/v1/agents/${id}`, { name: 'Theirs' }],
    ['DELETE', `/api/v1/agents/${id}`],
    ['GET', `/api/v1/agents/${id}/log`],
    ['PUT', `/api/v1/session/${scene.gateway.other.line.id}/agents/${id}`, {}],
    ['DELETE', `/api/v1/session/${scene.gateway.other.line.id}/agents/${id}`],
    ['PUT', `/api/v1/session/${session}/agents/${id}`, {}],
    ['GET', `/api/v1/session/${session}/chats/14155550101/agent`],
  ]
  for (const [method, path, body] of calls)
    expect([path, (await theirs(method, path, body)).status]).toEqual([path, 404])
  expect((await theirs('GET', '/api/v1/agents')).body).toEqual({ data: [] })
  expect((await mine('PUT', `/api/v1/session/${scene.gateway.other.line.id}/agents/${id}`, {})).status).toBe(404)
  expect((await mine('GET', `/api/v1/agents/${id}`)).body.name).toBe('Baker')
})

test.each<[string, object, string]>([
  ['a name of blanks', { name: '  ' }, 'name'],
  ['no URL', { base_url: 'models' }, 'base_url'],
  ['a query in the URL', { base_url: 'https://models.test/v1?key=1' }, 'base_url'],
  ['a URL with a password', { base_url: 'https://ada:secret@models.test/v1' }, 'base_url'],
  ['a private address', { base_url: 'http://10.0.0.1/v1' }, 'base_url'],
  ['a key with a line break', { api_key: 'a\nb' }, 'api_key'],
  ['a temperature that is too high', { temperature: 3 }, 'temperature'],
  ['replies that are too long', { max_reply_chars: 5_000 }, 'max_reply_chars'],
  ['another provider', { provider: 'other' }, 'provider'],
])('%s is refused', async (_what, more, field) => {
  const { status, body } = await mine('POST', '/api/v1/agents', asked(more))
  expect(status).toBe(422)
  expect(Object.keys(body.details)).toEqual([field])
})

test('a key does not follow to another server unless it is given again', async () => {
  const path = `/api/v1/agents/${await made({ api_key: agentKey })}`
  const elsewhere = scene.model.url.replace('127.0.0.1', 'localhost')
  const refused = await mine('PATCH', path, { base_url: elsewhere })
  expect([refused.status, Object.keys(refused.body.details)]).toEqual([422, ['api_key']])
  expect((await mine('PATCH', path, { base_url: `${scene.model.url}/other` })).status).toBe(200)
  expect((await mine('PATCH', path, { base_url: elsewhere, api_key: 'another-key-0123' })).body.api_key_end).toBe(
    '0123',
  )
})

test('its owner reads why nobody answered, and lets it answer again', async () => {
  const person = scene.somebody()
  const at = `/api/v1/session/${session}/chats/${person.slice(1)}/agent`
  await mine('PUT', `/api/v1/session/${session}/agents/${scene.agent.id}`, { is_default: true })
  expect((await mine('GET', at)).status).toBe(404)
  await scene.says(person, 'human')
  await scene.thought()
  const until = expect.any(String)
  expect((await mine('GET', at)).body).toEqual({ paused: true, reason: 'handover', until })
  const phone = person.slice(1)
  expect((await mine('GET', '/api/v1/agents/pauses')).body).toEqual({
    data: [{ session_id: session, phone, reason: 'handover', until }],
  })
  expect((await mine('DELETE', at)).status).toBe(200)
  expect((await mine('GET', at)).body).toEqual({ paused: false, reason: null, until: null })
  scene.model.answer('Welcome back.')
  await scene.says(person, 'Hello?')
  await scene.thought()
  const { body } = await mine('GET', `/api/v1/agents/${scene.agent.id}/log?limit=1`)
  expect(body).toMatchObject({
    data: [
      {
        ...{ session_id: session, phone, state: 'done', reason: null, attempts: 1 },
        message_id: expect.stringMatching(new RegExp(`^false_${phone}@c\\.us_[0-9A-F]{32}$`)),
        reply_id: expect.stringMatching(new RegExp(`^true_${phone}@c\\.us_[0-9A-F]{32}$`)),
      },
    ],
    has_more: true,
  })
  const before = encodeURIComponent(body.data[0].message_id)
  const next = await mine('GET', `/api/v1/agents/${scene.agent.id}/log?before=${before}`)
  expect(next.body).toMatchObject({ data: [{ state: 'skipped', reason: 'handover', reply_id: null }], has_more: false })
})

test('a key is in no answer, no dump of the database and no log, even if the server repeats it', async () => {
  const person = scene.somebody()
  scene.model.answer(failing(401, {}, `Incorrect API key provided: ${agentKey}`))
  await scene.says(person, 'Hello?')
  await scene.thought()
  const answers = [
    await mine('GET', '/api/v1/agents'),
    await mine('GET', `/api/v1/agents/${scene.agent.id}`),
    await mine('GET', `/api/v1/agents/${scene.agent.id}/log`),
    await mine('GET', `/api/v1/session/${session}`),
  ]
  expect(answers[2]?.body.data[0]).toMatchObject({ state: 'failed', reason: 'model_refused_key' })
  expect(scene.model.asked.at(-1)?.headers.authorization).toBe(`Bearer ${agentKey}`)
  const bodies = JSON.stringify(answers.map(({ body }) => body))
  for (const text of [bodies, await dumpOf(scene.gateway.database.db), JSON.stringify(scene.gateway.errors)])
    expect(text).not.toContain(agentKey)
  expect(scene.model.asked.at(-1)?.raw).not.toContain(agentKey)
})
