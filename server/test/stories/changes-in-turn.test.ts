/** Changes of one group wait for each other, but nobody waits for longer than the network has, and never too many. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Handle, ProviderChatId } from '../../src/model/ids.ts'
import { startTestGateway, type TestGateway, until } from '../support/gateway.ts'
import { type Answer, type Story, tell } from '../support/story.ts'

const ada = '+14155550177' as Handle

let gateway: TestGateway
let story: Story
let path: string
let guid: ProviderChatId
beforeAll(async () => {
  gateway = await startTestGateway()
})
afterAll(async () => {
  await gateway.stop()
  expect(gateway.errors).toEqual([])
})
beforeEach(async () => {
  story = await tell(gateway)
  const group = { channel: 'whatsapp', name: 'Kitchen', participants: [ada] }
  const { body } = await story.call('POST', '/v1/chats/groups', group)
  path = `/v1/chats/${body.data.conversationId}`
  guid = body.data.chatId
  await gateway.settled()
  gateway.network.failNext({ kind: 'delay', channel: 'whatsapp', ms: 20_000 })
})
afterEach(async () => {
  await gateway.pass(5_000)
  await gateway.settled()
})

const rename = (name: string) => story.call('PUT', `${path}/name`, { name })
const isOut = (name: string) => until(async () => gateway.network.group(guid)?.name === name, 'the change to be out')
const codeOf = ({ status, body }: Answer) => [status, body.error?.code]
const late = [504, 'PROVIDER_TIMEOUT']

/** As many as wait: nobody else is let in while there are so many. */
async function fill(): Promise<{ refused: Answer; waiting: Promise<Answer>[] }> {
  const calls = Array.from({ length: 20 }, (_, nth) => rename(`Waiting ${nth}`))
  const refused = await Promise.any(
    calls.map(async (call) => {
      const answer = await call
      return answer.status === 429 ? answer : Promise.reject(new Error('another answer'))
    }),
  )
  return { refused, waiting: calls }
}

test('whoever waits behind a call without an answer waits for the time of one call, and nothing is done for them', async () => {
  const first = rename('Garden')
  await isOut('Garden')
  const { waiting } = await fill()
  await gateway.pass(16_000)
  expect(codeOf(await first)).toEqual(late)
  const answers = (await Promise.all(waiting)).map(codeOf).filter(([status]) => status !== 429)
  expect(answers).toEqual(Array(19).fill(late))
  expect((await rename('Cellar')).status).toBe(200)
  const acts = gateway.network.acts().filter(({ chat, verb }) => chat === guid && verb === 'renameGroup')
  expect(acts.map(({ what }) => what)).toEqual(['Garden', 'Cellar'])
})

test('each has its time from when it came, and goes on if it is still there when its turn comes', async () => {
  const first = rename('Garden')
  await isOut('Garden')
  await gateway.pass(10_000)
  const { waiting } = await fill()
  await gateway.pass(6_000)
  expect(codeOf(await first)).toEqual(late)
  expect((await Promise.all(waiting)).map(({ status }) => status).sort()).toEqual([...Array(19).fill(200), 429])
})

test('more than twenty at once are too many for one group, and other groups do not mind', async () => {
  const first = rename('Garden')
  await isOut('Garden')
  const { refused } = await fill()
  expect(codeOf(refused)).toEqual([429, 'RATE_LIMIT_EXCEEDED'])
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  const other = await story.call('POST', '/v1/chats/groups', { name: 'Other', participants: [ada] })
  expect((await story.call('PUT', `/v1/chats/${other.body.data.conversationId}/name`, { name: 'Mine' })).status).toBe(
    200,
  )
  await gateway.pass(16_000)
  expect(codeOf(await first)).toEqual(late)
})
