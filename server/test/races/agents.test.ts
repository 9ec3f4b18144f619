/** A gateway that is killed or frozen while an agent answers: the text is answered all the same, once, by it or by another. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, expect, test } from 'vitest'
import type { Plan } from '../crash/boundary.ts'
import { agentKey } from '../support/agent-story.ts'
import { until } from '../support/gateway.ts'
import { held, type ModelStub, openModelStub, saying } from '../support/model-stub.ts'
import { openPair, type Pair } from './pair.ts'

const line = '+12025550170'
const dir = mkdtempSync(join(tmpdir(), 'switchboard-agents-'))
const undo: (() => Promise<void>)[] = []
let number = 0

afterEach(async () => {
  for (const each of undo.splice(0).reverse()) await each()
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

interface Scene {
  pair: Pair
  model: ModelStub
}

/** So many gateways, whose line has an agent. */
async function open(processes: number, plans: readonly Plan[] = []): Promise<Scene> {
  number += 1
  const model = await openModelStub()
  undo.push(model.close)
  const place = join(dir, String(number))
  const settings = { 'allow-private-networks': 'true' }
  const pair = await openPair({ dir: place, processes, lines: [line], dedupes: ['whatsapp'], plans, settings })
  undo.push(pair.close)
  const url = pair.urls.map((each) => each()).find((each) => each !== null)
  const ask = async (method: string, path: string, body?: object) => {
    const headers = { authorization: `Bearer ${pair.customer.token}`, 'content-type': 'application/json' }
    const answer = await fetch(`${url}${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) })
    const text = await answer.text()
    expect(answer.status, text).toBeLessThan(300)
    return JSON.parse(text)
  }
  const { id } = await ask('POST', '/api/v1/agents', {
    ...{ name: 'Bakery', system_prompt: 'You answer for a bakery.', base_url: model.url },
    ...{ model: 'test-model', api_key: agentKey },
  })
  const [session] = (await ask('GET', '/api/v1/session/all')).data
  await ask('PUT', `/api/v1/session/${session.id}/agents/${id}`, {})
  return { pair, model }
}

const says = ({ pair }: Scene, from: string) =>
  pair.outside.say({ line, channel: 'whatsapp', from, text: 'Are you open?' })
const got = ({ pair }: Scene, to: string) => pair.outside.effects.filter((effect) => effect.to === to).length

async function states({ pair }: Scene): Promise<string[]> {
  const rows = await pair.behind.db.query<{ state: string }>({ name: '', text: 'select state from agent_turns' })
  return rows.map(({ state }) => state)
}

/** Nothing is left to be done, for agents and for the outbox. */
async function quiet(scene: Scene): Promise<void> {
  await until(async () => {
    const all = await states(scene)
    return all.length > 0 && all.every((state) => state === 'done')
  }, 'the turns to be done')
  expect(await scene.pair.drain()).toBe(0)
}

const person = '+13035550171'

test.each<Plan & { asked: number }>([
  { name: 'inbound-store', nth: 1, side: 'after', asked: 1 },
  { name: 'agent-chats-claim', nth: 1, side: 'after', asked: 1 },
  { name: 'agent-turns-keep-reply', nth: 1, side: 'before', asked: 2 },
  { name: 'agent-turns-keep-reply', nth: 1, side: 'after', asked: 1 },
  { name: 'messages-accept', nth: 1, side: 'after', asked: 1 },
  { name: 'agent-turns-end', nth: 1, side: 'before', asked: 1 },
])('one that is killed $side $name and started again answers once', { timeout: 60_000 }, async ({ asked, ...plan }) => {
  // The polls before anybody has written are crossings too.
  const isPolled = plan.name === 'agent-chats-claim'
  const scene = await open(1, isPolled ? [] : [plan])
  const [victim] = scene.pair.victims
  says(scene, person)
  if (isPolled) {
    await until(async () => (await states(scene)).includes('working'), 'the chat to be claimed')
    await victim?.kill('SIGKILL')
  } else await victim?.ended()
  await victim?.start({ plan: null })
  await quiet(scene)
  expect(got(scene, person)).toBe(1)
  expect(await states(scene)).toEqual(['done'])
  if (!isPolled) expect(scene.model.asked.length).toBe(asked)
  expect(scene.pair.said()).not.toContain(agentKey)
})

test('one is killed while the model thinks: the other answers, and does not wait for the lease to end', {
  timeout: 60_000,
}, async () => {
  const scene = await open(2)
  const { pair, model } = scene
  const thinking = held(saying('Too late.'))
  model.answer(thinking.reacting)
  says(scene, person)
  await until(async () => model.asked.length === 1, 'the model to be asked')
  const [row] = await pair.behind.db.query<{ nth: number }>({
    name: '',
    text: 'select (select count(*)::int from nodes n where n.number < c.holder) as nth from agent_chats c',
  })
  model.answer('Yes, until six.')
  await pair.victims[row?.nth ?? 0]?.kill('SIGKILL')
  thinking.release()
  await quiet(scene)
  expect(got(scene, person)).toBe(1)
  expect(model.asked).toHaveLength(2)
})

test('one freezes for longer than its lease before it keeps the answer: another answers, and it sends nothing', {
  timeout: 90_000,
}, async () => {
  const scene = await open(2, [{ name: 'agent-turns-keep-reply', nth: 1, side: 'before', signal: 'SIGSTOP' }])
  const { pair } = scene
  const [frozen] = pair.victims
  let asker = person
  // Whoever claims a chat first has it: until it is the one that freezes.
  for (let nth = 0; !isFrozen(frozen?.pid() ?? 0); nth++) {
    expect(nth).toBeLessThan(20)
    asker = `+1303555${2_000 + nth}`
    says(scene, asker)
    await until(async () => got(scene, asker) > 0 || isFrozen(frozen?.pid() ?? 0), 'an answer, or none')
  }
  await pair.behind.advance(121_000)
  await until(async () => got(scene, asker) === 1, 'the other to answer')
  frozen?.signal('SIGCONT')
  const claims = async () => (await frozen?.counts())?.['agent-chats-claim'] ?? 0
  const before = await claims()
  await until(async () => (await claims()) > before + 1, 'it to go on')
  await quiet(scene)
  expect(got(scene, asker)).toBe(1)
})

function isFrozen(pid: number): boolean {
  return /^State:\tT/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
}
