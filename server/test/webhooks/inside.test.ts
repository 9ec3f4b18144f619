/** The corpus of hostile URLs through the front door: every call that takes a URL, when it is made, changed and used. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Canaries, openCanaries } from '../egress/canary.ts'
import { legitimateUrls } from '../egress/legitimate.ts'
import { type Vector, vectors } from '../egress/vectors.ts'
import { startTestGateway, type TestGateway, testWebhooks } from '../support/gateway.ts'
import { type Story, tell } from '../support/story.ts'

let gateway: TestGateway
let canaries: Canaries
let story: Story
let current: Vector | null = null
let asked = 0

beforeAll(async () => {
  canaries = await openCanaries()
  gateway = await startTestGateway({
    privateNetworks: 'refused',
    // A public address that nobody answers at is given up soon.
    options: { webhooks: { ...testWebhooks, timeoutMs: 200 } },
    egress: {
      async resolve() {
        const answers = current?.answers ?? []
        const said = answers[Math.min(asked, answers.length - 1)]
        asked += 1
        if (said === undefined) throw new Error('Nobody knows this name.')
        return said
      },
    },
  })
  story = await tell(gateway)
})

afterAll(async () => {
  await gateway.stop()
  await canaries.close()
})

const text = { to: '+15550100199', content: { text: 'hello' } }
/** Every vector has its turn below the door in test/egress; through the door all have theirs with CORPUS=whole. */
const share = process.env.CORPUS === 'whole' ? 1 : 6
const safe = 'https://receiver.shop.test/hook'

/** What each call answered; whatever was taken is used once and removed. */
async function push(vector: Vector, id: string): Promise<number[]> {
  current = vector
  asked = 0
  const made = await story.call('POST', '/v1/webhooks', { url: vector.url, events: ['*'] })
  if (made.status === 201) {
    const tried = await story.call('POST', `/v1/webhooks/${made.body.data.id}/test`)
    expect(tried.body.data.delivered, vector.name).toBe(false)
    await story.call('DELETE', `/v1/webhooks/${made.body.data.id}`)
  }
  asked = 0
  const changed = await story.call('PATCH', `/v1/webhooks/${id}`, { url: vector.url })
  if (changed.status === 200) {
    expect((await story.call('POST', `/v1/webhooks/${id}/test`)).body.data.delivered, vector.name).toBe(false)
    await story.call('PATCH', `/v1/webhooks/${id}`, { url: safe })
  }
  const calls = [
    { ...text, callbackUrl: vector.url },
    { ...text, attachments: [{ type: 'url', url: vector.url }] },
    { ...text, content: { text: 'see', mediaUrls: [vector.url] } },
  ]
  const sent: number[] = []
  for (const call of calls) sent.push((await story.call('POST', '/v1/messages', call)).status)
  return [made.status, changed.status, ...sent]
}

test('no hostile URL gets a connection inside, whichever call it comes with', async () => {
  const made = await story.call('POST', '/v1/webhooks', { url: safe, events: ['message.failed'] })
  expect(made.status, JSON.stringify(made.body)).toBe(201)
  const whole = vectors(canaries.ports)
  expect(whole.length).toBeGreaterThanOrEqual(1_000)
  const corpus = whole.filter((_vector, index) => index % share === 0)
  const statuses = new Map<number, number>()
  for (const vector of corpus) {
    for (const status of await push(vector, made.body.data.id)) statuses.set(status, (statuses.get(status) ?? 0) + 1)
  }
  expect(canaries.connections()).toBe(0)
  expect([...statuses.keys()].filter((status) => ![201, 200, 202, 400].includes(status))).toEqual([])
  expect(statuses.get(400) ?? 0).toBeGreaterThan(3 * corpus.length)
}, 600_000)

test('a hundred legitimate URLs are taken', async () => {
  expect(legitimateUrls.length).toBeGreaterThanOrEqual(100)
  const refused: string[] = []
  for (const vector of legitimateUrls.filter(({ url }) => url === url.trim())) {
    current = vector
    asked = 0
    const made = await story.call('POST', '/v1/webhooks', { url: vector.url, events: ['message.failed'] })
    if (made.status === 201) await story.call('DELETE', `/v1/webhooks/${made.body.data.id}`)
    else refused.push(`${vector.name}: ${vector.url} ${JSON.stringify(made.body)}`)
  }
  expect(refused).toEqual([])
})
