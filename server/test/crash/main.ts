/** `npm run crash`: the long forms of the crash tests, with a table at the end. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startServer } from '../support/server.ts'
import { killAtEach, kindsOf, openBench, pointsOf, prepare } from './boundaries.ts'
import { crashLoop, type LoopResult, quantile } from './crash-loop.ts'
import { broken, tally } from './promises.ts'
import type { Over } from './scenes.ts'

const help = `npm run crash [-- options]

Kills the gateway at random while callers send and a network outside misbehaves, then compares what was promised with what happened.

  --kills N            how often to kill the gateway [1000]
  --seed N             the same seed draws the same faults and pauses [from the clock]
  --no-dedupe          a network that takes the same message twice
  --smpp               over the gateway's own SMPP, to an SMSC that takes the same message twice
  --whatsapp           over the gateway's own WhatsApp, to people who decrypt what they get
  --imessage           over the gateway's own iMessage, to Macs that lose answers, with SMS behind it
  --database-kills N   of the kills, how many take the database along [0]
  --boundaries         instead: kill it once before and once after each I/O boundary
  --help               prints this

Ends with 0 when every promise held, 1 when one was broken, 2 when it was called wrongly.
`

interface Given {
  kills: number
  seed: number
  dedupes: boolean
  over: Over | null
  databaseKills: number
  boundaries: boolean
}

function given(): Given | { say: string; code: number } {
  try {
    const { values } = parseArgs({
      options: {
        kills: { type: 'string', default: '1000' },
        seed: { type: 'string', default: String(Date.now() % 1_000_000) },
        'no-dedupe': { type: 'boolean', default: false },
        smpp: { type: 'boolean', default: false },
        whatsapp: { type: 'boolean', default: false },
        imessage: { type: 'boolean', default: false },
        'database-kills': { type: 'string', default: '0' },
        boundaries: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
    if (values.help) return { say: help, code: 0 }
    const [kills, seed, databaseKills] = [values.kills, values.seed, values['database-kills']].map(Number)
    const wrong = [kills, seed, databaseKills].some((one) => !Number.isSafeInteger(one))
    if (wrong) return { say: `Numbers are wanted.\n\n${help}`, code: 2 }
    return {
      kills: kills!,
      seed: seed!,
      databaseKills: databaseKills!,
      dedupes: !values['no-dedupe'] && !values.smpp && !values.imessage,
      over: (['smpp', 'whatsapp', 'imessage'] as const).find((over) => values[over]) ?? null,
      boundaries: values.boundaries,
    }
  } catch (error) {
    return { say: `${(error as Error).message}\n\n${help}`, code: 2 }
  }
}

async function loop({ kills, seed, dedupes, databaseKills, over }: Given): Promise<number> {
  const dir = mkdtempSync(join(tmpdir(), 'switchboard-crash-'))
  const startedAt = performance.now()
  console.log(
    `seed ${seed}, ${kills} kills, the network ${over === null ? '' : `speaks ${over} and `}${dedupes ? 'dedupes' : 'does not dedupe'}; in ${dir}`,
  )
  const result = await crashLoop({
    ...{ dir, kills, seed, dedupes, databaseKills, over },
    progress: (now) => {
      const seconds = (performance.now() - startedAt) / 1000
      const pace = Math.round((now.kills / seconds) * 60)
      process.stdout.write(
        `\r${now.kills} kills (${pace}/min), ${now.accepted} asked, ${now.arrived} arrived, ${Math.round(seconds)} s  `,
      )
    },
  })
  process.stdout.write('\n')
  const violations = broken(result.history)
  console.log(table(result))
  for (const { promise, detail } of violations.slice(0, 40)) console.log(`BROKEN  ${promise}: ${detail}`)
  const isWell = violations.length === 0 && result.fell === 0
  if (isWell) rmSync(dir, { recursive: true, force: true })
  else
    console.log(
      `${violations.length} breaches; repeat with --seed ${seed}. What is left lies in ${dir}.\n${result.said}`,
    )
  return isWell ? 0 : 1
}

function table(result: LoopResult): string {
  const { accepted, delivered, lost, twice, unknown, inbound } = tally(result.history)
  const { restartMs, firstAcceptMs } = result
  const rows: [string, string | number][] = [
    ['kills', result.kills],
    ['of these with the database', result.databaseKills],
    ['died by itself', result.fell],
    ['accepted', accepted],
    ['delivered', delivered],
    ...(result.history.parts === undefined ? [] : [['parts', result.history.parts.length] as [string, number]]),
    ['lost', lost],
    ['sent twice', twice],
    ['unknown, flagged', unknown],
    ['inbound', inbound],
    ...Object.entries(result.figures),
    ['events', result.history.log.length],
    [
      'kill to serving, p50 / p95 / max',
      `${quantile(restartMs, 0.5)} / ${quantile(restartMs, 0.95)} / ${quantile(restartMs, 1)} ms`,
    ],
    [
      'kill to first 202, p50 / p95 / max',
      `${quantile(firstAcceptMs, 0.5)} / ${quantile(firstAcceptMs, 0.95)} / ${quantile(firstAcceptMs, 1)} ms`,
    ],
    ['time', `${Math.round(result.tookMs / 1000)} s`],
  ]
  return rows.map(([name, value]) => `${name.padEnd(36)} ${value}`).join('\n')
}

async function enumerate(): Promise<number> {
  const dir = mkdtempSync(join(tmpdir(), 'switchboard-boundaries-'))
  const server = await startServer(join(dir, 'postgres'))
  const startedAt = performance.now()
  try {
    const ground = await prepare(server.address, join(dir, 'gateways'))
    const bench = openBench(ground.dir, 0)
    const points = await pointsOf(ground, bench).finally(bench.close)
    console.log(`${points.length / 2} boundaries, ${points.length} runs, ${kindsOf(points).length} kinds; in ${dir}`)
    let done = 0
    const outcomes = await killAtEach(ground, points, ({ point, violations }) => {
      done += 1
      process.stdout.write(
        `\r${done} of ${points.length}, ${Math.round((performance.now() - startedAt) / done)} ms each  `,
      )
      for (const { promise, detail } of violations)
        console.log(`\nBROKEN  ${JSON.stringify(point)} ${promise}: ${detail}`)
    })
    process.stdout.write('\n')
    const missed = outcomes.filter((one) => !one.reached)
    const wrong = outcomes.filter((one) => one.violations.length > 0)
    console.log(
      `${outcomes.length} runs, ${missed.length} passed by without coming there, ${wrong.length} broke a promise`,
    )
    console.log(`${Math.round((performance.now() - startedAt) / 1000)} s`)
    return wrong.length === 0 ? 0 : 1
  } finally {
    await server.stop()
  }
}

async function main(): Promise<number> {
  const chosen = given()
  if ('say' in chosen) {
    console.log(chosen.say)
    return chosen.code
  }
  return chosen.boundaries ? enumerate() : loop(chosen)
}

process.exitCode = await main()
