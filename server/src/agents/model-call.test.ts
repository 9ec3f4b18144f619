/** What leaves the gateway with a question, and nothing else: whatever the library or the environment would add. */
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { failing, type ModelStub, openModelStub, saying, silence } from '../../test/support/model-stub.ts'
import { systemClock } from '../lib/clock.ts'
import { createSafeFetch, type SafeFetch } from '../lib/egress/safe-fetch.ts'
import { createModelCall, type Question } from './model-call.ts'

let model: ModelStub
let egress: SafeFetch
beforeAll(async () => {
  model = await openModelStub()
  egress = createSafeFetch({ clock: systemClock, policy: 'loopback', own: () => [] })
})
afterEach(() => vi.unstubAllEnvs())
afterAll(async () => {
  await egress.close()
  await model.close()
})

const never = new AbortController().signal
const question = (more: Partial<Question> = {}): Question => ({
  ...{ baseUrl: model.url, apiKey: 'key-0123', model: 'small', messages: [{ role: 'user', content: 'Hello' }] },
  ...{ maxTokens: null, temperature: null, ...more },
})
const ask = (more?: Partial<Question>, signal = never) =>
  createModelCall({ egress, userAgent: 'Switchboard/test' })(question(more), signal)

test('a question has four headers and two fields, whatever the environment says', async () => {
  vi.stubEnv('OPENAI_API_KEY', 'sk-environment')
  vi.stubEnv('OPENAI_ORG_ID', 'org-environment')
  vi.stubEnv('OPENAI_PROJECT_ID', 'project-environment')
  vi.stubEnv('OPENAI_BASE_URL', 'http://127.0.0.1:1/v1')
  vi.stubEnv('OPENAI_CUSTOM_HEADERS', 'x-environment: yes')
  model.answer(saying('Hello yourself.', 12))
  expect(await ask()).toEqual({ text: 'Hello yourself.', tokens: 12 })
  const asked = model.asked.at(-1)
  const { host: _host, connection: _connection, 'content-length': _length, ...headers } = asked?.headers ?? {}
  expect(headers).toEqual({
    ...{ accept: 'application/json', 'content-type': 'application/json' },
    ...{ authorization: 'Bearer key-0123', 'user-agent': 'Switchboard/test' },
  })
  expect(JSON.parse(asked?.raw ?? '')).toEqual({ model: 'small', messages: [{ role: 'user', content: 'Hello' }] })
})

test('an agent without a key sends none, not even one of the environment', async () => {
  vi.stubEnv('OPENAI_API_KEY', 'sk-environment')
  await ask({ apiKey: null })
  expect(model.asked.at(-1)?.headers).not.toHaveProperty('authorization')
})

test('limits are passed on when they are set', async () => {
  await ask({ maxTokens: 100, temperature: 0 })
  expect(JSON.parse(model.asked.at(-1)?.raw ?? '')).toMatchObject({ max_tokens: 100, temperature: 0 })
})

test.each(['', '/'])('a base URL may end in "%s"', async (end) => {
  await ask({ baseUrl: `${model.url}${end}` })
  expect(model.asked.at(-1)?.path).toBe('/v1/chat/completions')
})

test.each([
  [undefined, 6],
  [0, 6],
  [-5, 6],
  [Number.MAX_SAFE_INTEGER, 6],
  [7, 7],
])('a server that counts %s tokens has spent %s', async (told, tokens) => {
  model.answer(saying('a'.repeat(19), told))
  expect((await ask()).tokens).toBe(tokens)
})

test('what a server says when it fails is not repeated, and nothing is tried again', async () => {
  model.answer(failing(500, { 'retry-after': '7' }, 'The key is key-0123.'))
  const before = model.asked.length
  const failure = await ask().catch((error: unknown) => error)
  expect(failure).toMatchObject({ name: 'ModelFailure', reason: 'model_down', retryAfterMs: 7_000 })
  expect(String(failure)).not.toContain('key-0123')
  expect(model.asked.length - before).toBe(1)
})

test('a private address is not reached where the operator does not allow it', async () => {
  const strict = createSafeFetch({ clock: systemClock, policy: 'refused', own: () => [] })
  const before = model.asked.length
  const asking = createModelCall({ egress: strict, userAgent: 'x' })(question(), never)
  await expect(asking).rejects.toMatchObject({ reason: 'model_unreachable' })
  expect(model.asked.length).toBe(before)
  await strict.close()
})

test('a question that is given up ends at once', async () => {
  model.answer(silence)
  const before = model.asked.length
  const given = new AbortController()
  const asking = ask({}, given.signal)
  asking.catch(() => {})
  await expect.poll(() => model.asked.length).toBe(before + 1)
  given.abort()
  await expect(asking).rejects.toThrow()
})
