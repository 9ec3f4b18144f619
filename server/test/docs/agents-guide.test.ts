/** The guide to agents against the gateway: its calls do what it says, its tables have every limit and every reason. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { turnReasons, usualManner } from '../../src/model/agents/agent.ts'
import type { Handle } from '../../src/model/ids.ts'
import { type AgentScene, agentKey, openAgents } from '../support/agent-story.ts'

const guide = readFileSync(new URL('../../../docs/guides/agents.md', import.meta.url), 'utf8')
const blocks = [...guide.matchAll(/```bash\n([\s\S]+?)```/g)].map(([, block = '']) => block)
const bash = promisify(execFile)

let scene: AgentScene
let env: Record<string, string>
beforeAll(async () => {
  scene = await openAgents()
  const { url, apiKey, customer } = scene.gateway
  env = { URL: url, KEY: apiKey, BASE: scene.model.url, MODEL_KEY: agentKey, SESSION: customer.line.id }
})
afterAll(async () => {
  await scene.close()
})

/** What each call of a block was answered with, one after the other. */
async function run(block: string | undefined) {
  const { stdout } = await bash('bash', ['-euc', block ?? 'false'], { env: { ...process.env, ...env } })
  return stdout
    .replaceAll('}{', '}\n{')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}

test('each of its calls does what it says, from the making to the log', async () => {
  const [make, attach, pauses, log] = blocks
  expect(blocks).toHaveLength(4)
  const [made] = await run(make)
  expect(made).toMatchObject({ name: 'Bakery', has_api_key: true, api_key_end: agentKey.slice(-4) })
  env.AGENT = made.id
  expect((await run(attach))[0]).toMatchObject({ is_default: true, session_ids: [env.SESSION] })
  const person = '+14155550123' as Handle
  scene.model.answer('We open at eight.')
  await scene.says(person, 'When do you open?')
  await scene.thought()
  await scene.says(person, 'human')
  await scene.thought()
  expect(scene.got(person)).toEqual(['We open at eight.', 'Somebody will be with you soon.'])
  const [silent, resumed, listed] = await run(pauses)
  expect(silent).toMatchObject({ paused: true, reason: 'handover' })
  expect(resumed.success).toBe(true)
  expect(listed).toEqual({ data: [] })
  const [{ data }] = await run(log)
  expect(data.map((turn: { state: string }) => turn.state)).toEqual(['skipped', 'done'])
})

test('its tables have the limits as they are, and a word for every reason', () => {
  const limits = Object.fromEntries(
    [...guide.matchAll(/^\| `(\w+)` \| (\d+) \|/gm)].map(([, name = '', value]) => [name, Number(value)]),
  )
  expect(limits).toEqual({
    replies_per_minute: usualManner.repliesPerMinute,
    replies_per_day: usualManner.repliesPerDay,
    tokens_per_day: usualManner.tokensPerDay,
    max_reply_chars: usualManner.maxReplyChars,
  })
  const [, table = ''] = /\| `reason` [\s\S]+?---\n?([\s\S]+?)\n\n/.exec(guide) ?? []
  const named = [...table.matchAll(/^\| (`[^|]+`) \|/gm)].flatMap(([, names = '']) =>
    [...names.matchAll(/`(\w+)`/g)].map(([, name = '']) => name),
  )
  expect(named.sort()).toEqual([...turnReasons].sort())
  for (const word of usualManner.handoverKeywords) expect(guide).toContain(`\`${word}\``)
})
