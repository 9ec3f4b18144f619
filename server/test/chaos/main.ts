/** `npm run chaos`: the long form of the chaos tests, with a table at the end. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Memory } from './evidence.ts'
import { breaches, tally } from './judge.ts'
import { type ChaosResult, chaos } from './webhooks.ts'

const help = `npm run chaos -- webhooks [options]

Tells events to receivers that answer with errors, ask for patience, reset, hang, drip, pour, redirect, refuse or have bad
TLS, while the gateway is killed at random; then compares what they got with the log.

  --events N   how many are to be delivered at least, counted once for each webhook [50000]
  --kills N    how often to kill the gateway; the middle one takes the database along [20]
  --seed N     the same seed draws the same faults and pauses [from the clock]
  --help       prints this

Ends with 0 when every promise held, 1 when one was broken, 2 when it was called wrongly.
`

interface Given {
  deliveries: number
  kills: number
  seed: number
}

function given(): Given | { say: string; code: number } {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        events: { type: 'string', default: '50000' },
        kills: { type: 'string', default: '20' },
        seed: { type: 'string', default: String(Date.now() % 1_000_000) },
        help: { type: 'boolean', default: false },
      },
    })
    if (values.help) return { say: help, code: 0 }
    if (positionals.length !== 1 || positionals[0] !== 'webhooks')
      return { say: `There is only: webhooks.\n\n${help}`, code: 2 }
    const [deliveries, kills, seed] = [Number(values.events), Number(values.kills), Number(values.seed)]
    const isRight = [deliveries, kills].every((one) => Number.isSafeInteger(one) && one > 0)
    if (!isRight || !Number.isSafeInteger(seed)) return { say: `Whole numbers are wanted.\n\n${help}`, code: 2 }
    return { deliveries, kills, seed }
  } catch (error) {
    return { say: `${(error as Error).message}\n\n${help}`, code: 2 }
  }
}

const restMs = 180_000

async function run({ deliveries, kills, seed }: Given): Promise<number> {
  const dir = mkdtempSync(join(tmpdir(), 'switchboard-chaos-'))
  const startedAt = performance.now()
  say(`seed ${seed}, ${deliveries} deliveries, ${kills} kills; in ${dir}\n`)
  const result = await chaos({
    ...{ dir, deliveries, kills, seed, restMs },
    progress: (now) => {
      const seconds = Math.round((performance.now() - startedAt) / 1_000)
      say(`\r${now.taken} taken, ${now.kills} kills, at most ${mega(now.peakBytes)}, ${seconds} s  `)
    },
  })
  const found = breaches(result.evidence)
  say(`\n${table(result)}\n`)
  for (const { promise, detail } of found.slice(0, 40)) say(`BROKEN  ${promise}: ${detail}\n`)
  if (found.length === 0) rmSync(dir, { recursive: true, force: true })
  else say(`${found.length} breaches; repeat with --seed ${seed}. What is left lies in ${dir}.\n${result.said}\n`)
  return found.length === 0 ? 0 : 1
}

function table({ evidence, databaseKills, messages, tookMs }: ChaosResult): string {
  const seen = tally(evidence)
  const rows: [string, string | number][] = [
    ['webhooks', seen.webhooks],
    ['messages sent', messages],
    ['events in the log', seen.events],
    ['deliveries to be made', seen.deliveries],
    ['requests that came', seen.requests],
    ['kills, of these with the database', `${evidence.kills}, ${databaseKills}`],
    ['missing', seen.missing],
    ['refused for good, and logged so', seen.refused],
    ['taken twice', `${seen.duplicates} (${(seen.duplicateShare * 100).toFixed(2)} %)`],
    ['statuses that went back', seen.regressions],
    ['out of order, of ordered neighbours', `${seen.disorder} of ${seen.ordered}`],
    ['signatures verified both ways', `${seen.verified} of ${seen.verified + seen.unverified}`],
    ['connections to where redirects lead', evidence.canary],
    ['memory: first third, last third, peak', memoryWords(evidence.memory)],
    ['time', `${Math.round(tookMs / 1_000)} s`],
  ]
  return rows.map(([name, value]) => `${name.padEnd(40)} ${value}`).join('\n')
}

function memoryWords(memory: Memory | null): string {
  if (memory === null) return 'not known on this system'
  return [memory.early, memory.late, memory.peak].map(mega).join(', ')
}

function mega(bytes: number): string {
  return `${Math.round(bytes / 1024 / 1024)} MiB`
}

function say(text: string): void {
  process.stdout.write(text)
}

async function main(): Promise<number> {
  const chosen = given()
  if ('deliveries' in chosen) return run(chosen)
  say(`${chosen.say}\n`)
  return chosen.code
}

process.exitCode = await main()
