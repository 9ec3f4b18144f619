/** The Mac changes while a line runs over it: what it can do then is offered, and the rest comes back without a restart. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Person } from '../../../networks/src/imessage/people/person.ts'
import { until } from '../support/gateway.ts'
import { type ImessageStory, openScene, out, type Scene } from '../support/imessage-story.ts'

let scene: Scene
let story: ImessageStory
let ada: Person
beforeAll(async () => {
  scene = await openScene()
  ada = scene.somebody('Ada')
})
afterAll(async () => {
  await scene.stop()
  expect(scene.gateway.errors).toEqual([])
})
beforeEach(async () => {
  story = await scene.begin()
})

const chat = () => `/v1/chats/${encodeURIComponent(`iMessage;-;${ada.address}`)}`
const codeOf = async (method: string, path: string, body?: unknown) => {
  const answer = await story.call(method, path, body)
  return [answer.status, answer.body.error?.code ?? null]
}
const ourHealth = async () => {
  const numbers: { phoneNumber: string; healthStatus: string }[] = (await scene.ask('GET /v1/numbers')).body.data
  return numbers.find(({ phoneNumber }) => phoneNumber === scene.line.address)?.healthStatus
}

/** The Mac is looked at once a minute. */
async function becomes(healthStatus: string, warnings: readonly string[] = []): Promise<void> {
  await until(async () => {
    await scene.gateway.pass(5_000)
    const health = await scene.health()
    return health.healthStatus === healthStatus && health.warnings.join() === warnings.join()
  }, `the line to be ${healthStatus}`)
  expect(await ourHealth()).toBe(healthStatus)
}

const seen = async (person: Person) =>
  (await scene.ask(`GET /v1/capabilities/${encodeURIComponent(person.address)}`)).body.data

describe('without the private API', () => {
  test('messages go out plain, verbs say that they cannot, and all of it comes back', async () => {
    ada.says('Before')
    await story.hears('message.inbound Ada: Before')
    const before = await story.last('message.inbound')
    const bob = scene.somebody('Bob')
    bob.focuses(true)
    bob.says('I am here')
    await story.hears('message.inbound Ada: Before', 'message.inbound Bob: I am here')
    expect(await seen(bob)).toMatchObject({ capabilities: { imessage: true, facetime: true }, focused: true })

    scene.network.mac.privateApi = false
    await becomes('degraded', ['Private API is disabled'])
    story = await scene.begin()
    const id = await story.writes(ada, 'Plain', { effect: 'slam', replyTo: before.messageId })
    await story.hears(...out('Plain'))
    expect(ada.received.at(-1)).toMatchObject({ text: 'Plain', effect: null, replyTo: null })
    const unable = [400, 'CHANNEL_NOT_SUPPORTED']
    expect(await codeOf('PUT', `/v1/messages/${id}`, { text: 'x' })).toEqual(unable)
    expect(await codeOf('POST', `/v1/messages/${id}/unsend`)).toEqual(unable)
    expect(await codeOf('POST', `/v1/messages/${id}/reactions`, { type: 'love' })).toEqual(unable)
    expect(await codeOf('POST', `${chat()}/typing`, { status: 'start' })).toEqual(unable)
    expect(await codeOf('POST', `${chat()}/read`)).toEqual(unable)
    expect(await codeOf('POST', `${chat()}/unread`)).toEqual(unable)
    const participants = [ada.address, bob.address]
    expect(await codeOf('POST', '/v1/chats/groups', { participants, from: scene.line.address })).toEqual(unable)
    const carl = scene.somebody('Carl')
    expect(await seen(carl)).toMatchObject({ capabilities: { facetime: false }, focused: false })
    ada.says('Still heard')
    await story.hears(...out('Plain'), 'message.inbound Ada: Still heard')

    scene.network.mac.privateApi = true
    await becomes('healthy')
    story = await scene.begin()
    await story.writes(ada, 'With a bang', { effect: 'slam', replyTo: before.messageId })
    await story.hears(...out('With a bang'))
    expect(ada.received.at(-1)).toMatchObject({ effect: expect.stringContaining('impact'), replyTo: { part: 0 } })
    expect(await codeOf('POST', `/v1/messages/${before.messageId}/reactions`, { type: 'love' })).toEqual([200, null])
    expect(await codeOf('POST', `${chat()}/read`)).toEqual([200, null])
  })

  test('whose helper is away for a moment, messages wait for it and keep what they have', async () => {
    scene.network.mac.helperConnected = false
    await becomes('degraded', ['Private API helper is not connected'])
    await story.writes(ada, 'In a moment', { effect: 'loud' })
    await scene.gateway.pass(10_000)
    expect(await story.heard()).toEqual(['message.queued In a moment'])
    scene.network.mac.helperConnected = true
    await becomes('healthy')
    await until(async () => {
      await scene.gateway.pass(5_000)
      return ada.received.at(-1)?.text === 'In a moment'
    }, 'it to go out')
    await story.hears(...out('In a moment'))
    expect(ada.received.at(-1)?.effect).toContain('loud')
  })
})

test('on macOS 12 nothing is edited, taken back or unread, and the rest goes on', async () => {
  scene.network.mac.macos = '12.7.6'
  await scene.gateway.pass(61_000)
  const id = await story.writes(ada, 'On twelve')
  await story.hears(...out('On twelve'))
  const unable = [400, 'CHANNEL_NOT_SUPPORTED']
  await until(async () => (await codeOf('PUT', `/v1/messages/${id}`, { text: 'x' })).join() === unable.join(), 'a no')
  expect(await codeOf('POST', `/v1/messages/${id}/unsend`)).toEqual(unable)
  expect(await codeOf('POST', `${chat()}/unread`)).toEqual(unable)
  expect(await codeOf('POST', `${chat()}/typing`, { status: 'start' })).toEqual([200, null])
  scene.network.mac.macos = '14.6.1'
  await scene.gateway.pass(61_000)
  await until(async () => (await codeOf('POST', `${chat()}/unread`))[0] === 200, 'the verbs to be back')
  await story.hears(...out('On twelve'))
})

test('on macOS 26, where chats are called otherwise, they are for callers what they were', async () => {
  ada.says('Before')
  await story.hears('message.inbound Ada: Before')
  const before = (await story.last('message.inbound')).chat.chatId
  scene.network.mac.macos = '26.0'
  await scene.gateway.pass(61_000)
  const [dora, eve] = [scene.somebody('Dora'), scene.somebody('Eve')]
  await story.writes(dora, 'Hello')
  dora.says('Hi')
  await story.hearsOf('message.inbound Ada: Before', ...out('Hello'), 'message.inbound Dora: Hi')
  expect(scene.network.chats().map(({ guid }) => guid)).toContain(`any;-;${dora.address}`)
  expect((await story.last('message.inbound')).chat.providerChatGuid).toBe(`iMessage;-;${dora.address}`)
  story = await scene.begin()
  const participants = [dora.address, eve.address]
  const made = await scene.ask('POST /v1/chats/groups', { participants, name: 'Tahoe', from: scene.line.address })
  expect([made.status, made.body.data.chatId]).toEqual([201, expect.stringMatching(/^iMessage;\+;/)])
  await story.writes(made.body.data.chatId, 'All of us')
  await story.hears(...out('All of us'))
  await story.writes(ada, 'After')
  await story.hears(...out('All of us'), ...out('After'))
  expect((await story.last('message.sent')).chat.chatId).toBe(before)
  scene.network.mac.macos = '14.6.1'
  await scene.gateway.pass(61_000)
})

test('without an account, or without iCloud, the operator is warned', async () => {
  scene.network.mac.account = null
  await becomes('degraded', ['No iMessage account detected'])
  scene.network.mac.icloudAccount = null
  await becomes('degraded', ['No iMessage account detected', 'No iCloud account detected'])
  Object.assign(scene.network.mac, { account: 'line@icloud.example', icloudAccount: 'line@icloud.example' })
  await becomes('healthy')
})

describe('without the server', () => {
  test('the line is unhealthy; messages wait, go out once when it is back, and what came meanwhile is told', async () => {
    await scene.network.cut()
    const id = await story.writes(ada, 'Through the storm')
    await becomes('unhealthy')
    ada.says('Are you there?')
    expect((await story.get(id)).status).toMatch(/queued|pending/)
    await scene.network.mend()
    await becomes('healthy')
    await until(async () => {
      await scene.gateway.pass(5_000)
      return (await story.get(id)).status === 'delivered'
    }, 'it to be delivered')
    await story.hearsOf(...out('Through the storm'), 'message.inbound Ada: Are you there?')
    expect(ada.received.filter(({ text }) => text === 'Through the storm')).toHaveLength(1)
  })

  test('with another password than ours the line is unhealthy until the operator puts it right', async () => {
    scene.network.faults.refuse(true)
    await becomes('unhealthy')
    const test = await scene.ask(`POST /v1/admin/instances/${scene.line.id}/test`)
    expect(test.body.data).toMatchObject({ ok: false, results: [{ channel: 'imessage', ok: false }] })
    expect(test.text).not.toContain(scene.network.password)
    await story.writes(ada, 'Later')
    expect(ada.received.at(-1)?.text).not.toBe('Later')
    scene.network.faults.refuse(false)
    await becomes('healthy')
    await until(async () => {
      await scene.gateway.pass(5_000)
      return ada.received.at(-1)?.text === 'Later'
    }, 'it to go out')
    await story.hears(...out('Later'))
  })
})

test('settings that cannot work are refused in words, and those that can are tried out', async () => {
  const make = (more: object) =>
    scene.ask('POST /v1/admin/instances', {
      ...{ name: 'x', phoneNumber: '+12025550199', provider: 'bluebubbles', channels: ['imessage'], ...more },
    })
  const { url, password } = scene.network
  for (const [settings, path] of [
    [{ url: `${url}?password=${password}`, password }, 'url'],
    [{ url: 'ftp://127.0.0.1', password }, 'url'],
    [{ url: `${url}?pollEvery=never`, password }, 'url'],
    [{ url }, 'password'],
  ] as const) {
    const { status, body } = await make(settings)
    expect([status, body.error.code, body.error.details[0].path]).toEqual([400, 'VALIDATION_ERROR', path])
  }
  const made = await make({ url, password: 'another' })
  expect(made.status).toBe(201)
  const { id } = made.body.data
  expect((await scene.ask(`POST /v1/admin/instances/${id}/test`)).body.data.ok).toBe(false)
  await scene.ask(`PATCH /v1/admin/instances/${id}`, { password })
  const tried = await scene.ask(`POST /v1/admin/instances/${id}/test`)
  expect(tried.body.data).toMatchObject({ ok: true, results: [{ channel: 'imessage', ok: true }] })
  expect(tried.text + made.text).not.toContain(password)
  expect((await scene.ask(`DELETE /v1/admin/instances/${id}`)).status).toBe(200)
})
