/** The long form of the fuzz: `npm run fuzz -- --requests 5000 --seed 42 --operation sendMessage`. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startTestGateway } from '../support/gateway.ts'
import { startServer } from '../support/server.ts'
import { bridgeTargetOf } from './bridge-target.ts'
import { fuzz, type Outcome } from './fuzz.ts'
import { targetOf } from './target.ts'

const help = `Fuzzes a gateway of its own, operation by operation, from the OpenAPI document.

  --requests N     requests per operation (5000)
  --seed N         repeats a run (drawn, and printed)
  --operation ID   only this one
  --surface NAME   textbubbles (the default) or whatsbridge
  --parallel N     operations at the same time (4)
  --help           this text`

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '5000' },
    seed: { type: 'string' },
    operation: { type: 'string' },
    surface: { type: 'string', default: 'textbubbles' },
    parallel: { type: 'string', default: '4' },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) console.log(help)
else process.exitCode = await run()

async function run(): Promise<number> {
  const requests = counted('requests', values.requests)
  const parallel = counted('parallel', values.parallel)
  const seed = values.seed === undefined ? Date.now() & 0x7fffffff : counted('seed', values.seed)
  const home = await mkdtemp(join(tmpdir(), 'switchboard-fuzz-'))
  const server = await startServer(join(home, 'postgres'))
  const gateway = await startTestGateway({ server: server.address, egress: { resolve: async () => [] } })
  try {
    console.log(`seed ${seed}, ${requests} requests per operation, ${gateway.url}`)
    const startedMs = performance.now()
    const target = values.surface === 'whatsbridge' ? bridgeTargetOf : targetOf
    const outcomes = await fuzz(await target(gateway), {
      requests,
      seed,
      operation: values.operation ?? null,
      parallel,
      onDone: tell,
    })
    const failed = outcomes.filter(({ failure }) => failure !== null).length
    const total = outcomes.flatMap(({ statuses }) => Object.values(statuses)).reduce((sum, count) => sum + count, 0)
    console.log(
      `${total} requests to ${outcomes.length} operations in ${Math.round((performance.now() - startedMs) / 1000)} s: ${failed} failed, ${gateway.errors.length} errors logged`,
    )
    for (const error of gateway.errors.slice(0, 5)) console.log(error)
    return failed > 0 || gateway.errors.length > 0 ? 1 : 0
  } finally {
    await gateway.stop()
    await server.stop()
    await rm(home, { recursive: true, force: true })
  }
}

function counted(name: string, text: string): number {
  const count = Number(text)
  if (Number.isSafeInteger(count) && count > 0) return count
  throw new Error(`--${name} takes a whole number above 0, not ${text}.`)
}

function tell({ operationId, statuses, slowestMs, failure }: Outcome): void {
  const counts = Object.entries(statuses).map(([status, count]) => `${status}×${count}`)
  console.log(
    `${failure === null ? 'ok  ' : 'FAIL'} ${operationId.padEnd(26)} slowest ${String(Math.round(slowestMs)).padStart(4)} ms  ${counts.join(' ')}`,
  )
  if (failure === null) return
  console.log(
    `     ${failure.problem}\n     ${failure.curl}\n     again with --seed ${failure.seed} --operation ${operationId} (path ${failure.path})`,
  )
}
