/** Several processes, and one that stands in for another: what the Mac has is told once, whoever is called and whoever was away. */
import { afterEach, expect, test } from 'vitest'
import { seededChance } from '../../src/lib/chance.ts'
import { until } from '../support/gateway.ts'
import { openScene, out, type Scene } from '../support/imessage-story.ts'
import { joins, type Process } from '../support/processes.ts'

const undo: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

async function opened(settings: Record<string, string | number> = {}): Promise<Scene> {
  const scene = await openScene({ settings })
  undo.push(async () => {
    await scene.stop()
    expect(scene.gateway.errors).toEqual([])
  })
  return scene
}

async function joined(scene: Scene, links: boolean): Promise<Process> {
  const process = await joins(scene.gateway, { links })
  undo.push(() => process.stop())
  return process
}

/** The first stops, and lets go of the line; another one is there to take it. */
async function takesOver({ gateway, line }: Scene, next: Process): Promise<void> {
  await until(async () => {
    await gateway.pass(500)
    return (await next.gateway.admin.line(line.id)).links.imessage?.status === 'connected'
  }, 'the line to be taken over')
}

interface Listed {
  from: string
  conversationId: string
  content: { text: string }
}

/** All that came in, over HTTP, the oldest first. */
async function inboxOver(url: string, apiKey: string): Promise<Listed[]> {
  const all: Listed[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const query = new URLSearchParams({ direction: 'inbound', limit: '100', ...(cursor !== '' && { cursor }) })
    const answer = await fetch(`${url}/v1/messages?${query}`, { headers: { authorization: `Bearer ${apiKey}` } })
    const { data } = (await answer.json()) as {
      data: { messages: Listed[]; pagination: { nextCursor: string | null } }
    }
    all.push(...data.messages)
    cursor = data.pagination.nextCursor
  }
  return all.reverse()
}

test('a call of the Mac that reaches a process without the line is passed on, and told once at once', async () => {
  // Asking by itself would find it ten minutes later.
  const scene = await opened({ pollEvery: 600 })
  const ada = scene.somebody('Ada')
  const second = await joined(scene, false)
  const story = await scene.begin()
  const [webhook] = scene.network.webhooks()
  const { pathname } = new URL(webhook?.url ?? '')
  scene.network.faults.loseWebhooks('all')
  const guid = ada.says('Who hears me?')
  const call = () =>
    fetch(`${second.url}${pathname}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ type: 'new-message', data: { guid } }),
    })
  expect((await call()).status).toBe(200)
  await until(async () => (await story.heard()).length > 0, 'the message to be told')
  expect((await call()).status).toBe(200)
  scene.network.faults.loseWebhooks(null)
  await story.hears('message.inbound Ada: Who hears me?')
  ada.edits(guid, 'Who heard me?')
  await story.hears('message.inbound Ada: Who hears me?', 'message.edited Who heard me?')
})

test('what is asked of a process without the line is done by the one that has it', async () => {
  const scene = await opened()
  const ada = scene.somebody('Ada')
  const second = await joined(scene, false)
  const story = await scene.begin()
  const answer = await fetch(`${second.url}/v1/messages`, {
    method: 'POST',
    headers: { authorization: `Bearer ${scene.gateway.apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ to: ada.address, from: scene.line.address, content: { text: 'By the other' } }),
  })
  expect(answer.status).toBe(202)
  await story.hears(...out('By the other'))
  expect(ada.received.map(({ text }) => text)).toEqual(['By the other'])
})

test('a minute without a gateway, a thousand messages, half of the calls lost: each message once, in order, nothing old as new', {
  timeout: 180_000,
}, async () => {
  const scene = await opened()
  const { gateway, network } = scene
  const seed = process.env.SEED ?? 'downtime'
  const dice = seededChance(seed).next
  const people = Array.from({ length: 20 }, (_, nth) => scene.somebody(`Person ${nth}`))
  const story = await scene.begin()
  for (const person of people) person.says('long ago')
  const [ada, ...others] = people
  const group = ada?.startsGroup(
    others.slice(0, 2).map(({ address }) => address),
    { text: 'long ago' },
  )
  await until(async () => (await story.told()).length === people.length + 1, 'all of them to be known')
  const written: { chat: string; text: string }[] = []
  const write = (count: number) => {
    for (let nth = 0; nth < count; nth += 1) {
      const at = Math.floor(dice() * people.length)
      const person = people[at]
      if (person === undefined || group === undefined) throw new Error('There is nobody there.')
      const isInGroup = at < 3 && dice() < 0.5
      const text = `message ${written.length}`
      person.says(text, isInGroup ? { to: group } : {})
      written.push({ chat: isInGroup ? group : person.address, text })
    }
  }
  network.faults.loseWebhooks({ share: 0.5, seed: 7 })
  write(50)
  await gateway.gateway.stop()
  write(600)
  network.faults.backfill(
    people.flatMap(({ address: from }) =>
      Array.from({ length: 10 }, (_, nth) => ({ from, text: `old ${nth}`, agoMs: (nth + 1) * 86_400_000 })),
    ),
  )
  write(100)
  await gateway.pass(60_000)
  const next = await joined(scene, true)
  write(150)
  await takesOver(scene, next)
  write(100)
  const count = async () => {
    await gateway.pass(5_000)
    return (await inboxOver(next.url, gateway.apiKey)).length
  }
  const early = people.length + 1
  await expect.poll(count, { timeout: 120_000, interval: 200 }).toBe(written.length + early)
  // Whatever would come twice has come by then.
  await gateway.pass(400_000)
  people[0]?.says('at last')
  await expect.poll(count, { timeout: 30_000 }).toBe(written.length + early + 1)
  const inbox = (await inboxOver(next.url, gateway.apiKey)).filter(({ content }) => content.text.startsWith('message'))
  const conversations = new Map<string, string[]>()
  const groupIds = new Set<string>()
  for (const { conversationId, from, content } of inbox) {
    const told = conversations.get(conversationId) ?? []
    conversations.set(conversationId, [...told, content.text])
    const isIn = written[Number(content.text.split(' ')[1])]
    if (isIn?.chat === group) groupIds.add(conversationId)
    else expect(isIn?.chat, `seed ${seed}`).toBe(from)
  }
  const expected = Map.groupBy(written, ({ chat }) => chat)
  const texts = [...expected.values()].map((some) => some.map(({ text }) => text).join())
  expect([...conversations.values()].map((some) => some.join()).sort(), `seed ${seed}`).toEqual(texts.sort())
  expect(groupIds.size).toBe(1)
})

test('a message that was under way when its process went is sent once, and told by the next', async () => {
  const scene = await opened()
  const { gateway, network } = scene
  const ada = scene.somebody('Ada')
  const story = await scene.begin()
  await story.writes(ada, 'First')
  await story.hears(...out('First'))
  network.faults.nextSends({ kind: 'timesOut', rowAfterMs: 20_000 })
  const id = await story.writes(ada, 'Between two')
  await until(async () => network.requests().some(({ body }) => body.includes('Between two')), 'it to be asked for')
  const next = await joined(scene, true)
  const stopping = gateway.gateway.stop()
  // Whoever stops waits half a minute for what is under way.
  await until(async () => {
    await gateway.pass(5_000)
    return (await next.gateway.admin.line(scene.line.id)).links.imessage?.status === 'connected'
  }, 'the line to be taken over')
  await stopping
  await until(async () => {
    await gateway.pass(5_000)
    return (await story.get(id)).status === 'delivered'
  }, 'it to be delivered')
  await gateway.pass(300_000)
  ada.says('Got it')
  await until(async () => (await story.heard()).length === 7, 'the answer')
  expect(await story.heard()).toEqual([...out('First'), ...out('Between two'), 'message.inbound Ada: Got it'])
  expect(ada.received.map(({ text }) => text)).toEqual(['First', 'Between two'])
})
