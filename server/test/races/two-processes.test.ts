/** Two gateways on one database: when one is killed or frozen the other goes on in its place, in order and without a repeat. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { seededChance } from '../../src/lib/chance.ts'
import type { Plan } from '../crash/boundary.ts'
import { type Asked, laneOf } from '../crash/history.ts'
import { pause } from '../crash/insist.ts'
import { broken } from '../crash/promises.ts'
import { openPair, type Pair } from './pair.ts'

const lines = ['+15550100101', '+15550100102', '+15550100103', '+15550100104'] as const
const seed = Math.floor(Math.random() * 1_000_000)
const undo: (() => Promise<void> | void)[] = []

afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

/** On a network that takes the same message twice, so that nothing hides. */
async function open(plans: readonly Plan[] = []): Promise<Pair> {
  const dir = mkdtempSync(join(tmpdir(), 'switchboard-pair-'))
  undo.push(() => rmSync(dir, { recursive: true, force: true }))
  const chance = seededChance(seed)
  const fateOf = () => ({
    fault: 'none' as const,
    delayMs: chance.between(1, 20),
    receipts: ['delivered' as const],
    echo: false,
    early: false,
  })
  const pair = await openPair({ dir, processes: 2, lines, dedupes: [], fateOf, plans })
  undo.push(pair.close)
  return pair
}

interface Traffic {
  asked: Asked[]
  stop(): Promise<void>
}

/** Callers that send to whichever gateway is there, each to recipients of its own. */
function traffic(pair: Pair): Traffic {
  const asked: Asked[] = []
  const over = { now: false }
  const callers = [...Array(6).keys()].map((number) => send(pair, number, { asked, over }))
  return {
    asked,
    async stop() {
      over.now = true
      await Promise.all(callers)
    },
  }
}

interface Road {
  asked: Asked[]
  over: { now: boolean }
}

async function send(pair: Pair, caller: number, { asked, over }: Road): Promise<void> {
  const chance = seededChance(`${seed}/${caller}`)
  for (let number = 0; !over.now; number++) {
    const recipient = chance.between(0, 7)
    const line = lines[recipient % lines.length] ?? lines[0]
    const to = `+1415555${1000 + caller * 10 + recipient}`
    const key = `${caller}-${number}`
    const body = { to, from: line, content: { text: key }, routing: { preference: ['sms'] }, idempotencyKey: key }
    const answers: Asked['answers'][number][] = []
    asked.push({ key, lane: laneOf({ line, to }), text: key, answers })
    // A gateway that is frozen takes connections and never answers: callers time out and ask the other.
    const reply = await pair.client.insist(() => choose(pair, chance.next()), {
      ...{ method: 'POST', path: '/v1/messages', token: pair.customer.token, body, withinMs: 500 },
    })
    answers.push({ status: reply.status, id: String(reply.body.id) })
    await pause(chance.between(2, 12))
  }
}

function choose(pair: Pair, draw: number): string | null {
  const living = pair.urls.map((url) => url()).filter((url) => url !== null)
  return living[Math.floor(draw * living.length)] ?? null
}

/** Which lines the process holds that registered in this order. */
async function holders(pair: Pair): Promise<Map<number, string[]>> {
  const text = 'select holder, address from lines where holder is not null order by holder, address'
  const rows = await pair.behind.db.query<{ holder: number; address: string }>({ name: '', text })
  const byHolder = Map.groupBy(rows, (row) => row.holder)
  return new Map([...byHolder].map(([holder, some]) => [holder, some.map((row) => row.address)]))
}

/** How long it takes until something sent from here on arrives over each of these lines. */
async function untilHeardFrom(pair: Pair, wanted: readonly string[]): Promise<number> {
  const startedAt = performance.now()
  const from = pair.outside.effects.length
  const heard = () => new Set(pair.outside.effects.slice(from).map((effect) => effect.line))
  while (!wanted.every((line) => heard().has(line))) {
    if (performance.now() - startedAt > 20_000) throw new Error('The survivor has not taken over within 20 s.')
    await pause(5)
  }
  return performance.now() - startedAt
}

async function settled(pair: Pair, { asked }: Traffic): Promise<void> {
  expect(await pair.drain()).toBe(0)
  expect(broken(await pair.history(asked)), `seed ${seed}\n${pair.said()}`).toEqual([])
}

test('one is killed: the other takes its lines at once, nothing is sent twice, lanes stay in order', {
  timeout: 60_000,
}, async () => {
  const pair = await open()
  const held = await holders(pair)
  expect([...held.values()].map((some) => some.length)).toEqual([2, 2])
  const busy = traffic(pair)
  await untilHeardFrom(pair, lines)
  await pair.victims[0]?.kill('SIGKILL')
  const tookMs = await untilHeardFrom(pair, held.get(Math.min(...held.keys())) ?? [])
  process.stdout.write(`the lines of a killed process were served again after ${Math.round(tookMs)} ms\n`)
  await busy.stop()
  expect(busy.asked.length).toBeGreaterThan(50)
  await settled(pair, busy)
})

const moments: readonly Plan[] = [
  { name: 'outbox-begin', nth: 40, side: 'after', signal: 'SIGSTOP' },
  { name: 'send sms', nth: 40, side: 'after', signal: 'SIGSTOP' },
  { name: 'commit after change-apply', nth: 40, side: 'before', signal: 'SIGSTOP' },
  // Here it holds the locks of its lanes, and the survivor has to wait until the database ends its transaction.
  { name: 'commit after outbox-finish', nth: 40, side: 'before', signal: 'SIGSTOP' },
]

test.each(moments)(
  'one freezes $side $name for longer than its leases: its stale work changes nothing',
  { timeout: 90_000 },
  async (plan) => {
    const pair = await open([plan])
    const held = await holders(pair)
    const [frozen] = pair.victims
    const busy = traffic(pair)
    await untilFrozen(frozen?.pid() ?? 0)
    // As long as a line's lease, by the database's clock: nobody may still count on the frozen one.
    await pair.behind.advance(16_000)
    const tookMs = await untilHeardFrom(pair, held.get(Math.min(...held.keys())) ?? [])
    process.stdout.write(`the lines of a frozen process were served again after 16 s and ${Math.round(tookMs)} ms\n`)
    frozen?.signal('SIGCONT')
    await pause(2_500)
    await busy.stop()
    await settled(pair, busy)
  },
)

/** T in proc(5): stopped. */
async function untilFrozen(pid: number): Promise<void> {
  const giveUpAt = performance.now() + 20_000
  while (!readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') T ')) {
    if (performance.now() > giveUpAt) throw new Error('It never came to where it should freeze.')
    await pause(5)
  }
}
