/** `npm run simulate`: thousands of runs on all cores, or one of them told line by line. */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { faultKinds } from './history.ts'
import { addFaults, type Failure, neverHit, noSum, type Sum, simulateMany } from './many.ts'
import { isPlant, type Plant, plants } from './plants.ts'
import { simulate } from './simulate.ts'

const help = `npm run simulate -- [--seeds 20000] [--from 1] [--plant <name>]
npm run simulate -- --seed <n> [--plant <name>]

Runs the message path in virtual time: several processes, one model of the database, three networks, and faults of
all kinds, each run from a seed. In the end of each run everything is mended, and the promises are checked.

  --seeds    how many runs (20000)
  --from     the first seed (1)
  --seed     one run, told line by line
  --threads  how many at a time (one per core)
  --plant    with a fault planted in the model, which must be found:
${Object.entries(plants)
  .map(([name, what]) => `               ${name.padEnd(20)} ${what}`)
  .join('\n')}
  --help     prints this

Ends with 0 when every promise held, 1 when one was broken or a kind of fault never struck, 2 when called wrongly.
`

interface Task {
  from: number
  seeds: number
  stride: number
  plant: Plant | null
}

type News = { sum: Sum; isDone: boolean }

/** A run leaves nothing behind: with room for many of them, there is little to collect. */
const youngMb = 128

/** Fewer than this need not meet every kind of fault. */
const coverageSeeds = 1_000

function optionsFrom(args: string[]) {
  const { values } = parseArgs({
    args,
    options: {
      seeds: { type: 'string', default: '20000' },
      from: { type: 'string', default: '1' },
      seed: { type: 'string' },
      threads: { type: 'string', default: String(availableParallelism()) },
      plant: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  const whole = (name: string, text: string) => {
    if (!/^\d{1,9}$/.test(text)) throw new TypeError(`--${name} must be a whole number.`)
    return Number(text)
  }
  const { plant = null } = values
  if (plant !== null && !isPlant(plant)) throw new TypeError(`There is no plant "${plant}".`)
  return {
    help: values.help,
    plant,
    seed: values.seed === undefined ? null : whole('seed', values.seed),
    seeds: whole('seeds', values.seeds),
    from: whole('from', values.from),
    threads: Math.max(1, whole('threads', values.threads)),
  }
}

async function main(): Promise<number> {
  let options: ReturnType<typeof optionsFrom>
  try {
    options = optionsFrom(process.argv.slice(2))
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${help}`)
    return 2
  }
  if (options.help) {
    console.log(help)
    return 0
  }
  return options.seed === null ? runMany(options) : runOne(options.seed, options.plant)
}

async function runOne(seed: number, plant: Plant | null): Promise<number> {
  const { history, hash, broken, profile } = await simulate(seed, plant)
  console.log(history.lines.join('\n'))
  console.log(`\nseed ${seed}, ${profile}, ${history.lines.length} lines, hash ${hash}`)
  console.log(broken.length === 0 ? 'every promise held' : broken.map((one) => `broken: ${one}`).join('\n'))
  return broken.length === 0 ? 0 : 1
}

async function runMany(options: {
  seeds: number
  from: number
  threads: number
  plant: Plant | null
}): Promise<number> {
  const { seeds, from, plant } = options
  const startedAt = performance.now()
  const stride = Math.min(options.threads, seeds)
  const sums: Sum[] = Array.from({ length: stride }, noSum)
  const workers = sums.map((_, index) => ({ from: from + index, seeds: seeds - index, stride, plant }))
  const show = (end: string) => process.stdout.write(`\r${lineOf(total(sums), seeds, startedAt)}${end}`)
  await Promise.all(
    workers.map((task, index) =>
      runWorker(task, ({ sum }) => {
        sums[index] = sum
        if (process.stdout.isTTY) show('')
        return sums.some((one) => one.failure !== null)
      }),
    ),
  )
  show('\n')
  return report(total(sums), plant)
}

/** Resolves when the worker is done, or was stopped because another has found something. */
function runWorker(task: Task, hear: (news: News) => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), {
      workerData: task,
      resourceLimits: { maxYoungGenerationSizeMb: youngMb },
    })
    worker.on('message', (news: News) => {
      const isOver = hear(news)
      if (isOver || news.isDone) worker.postMessage('stop')
    })
    worker.on('error', reject)
    worker.on('exit', () => resolve())
  })
}

function total(sums: readonly Sum[]): Sum {
  const all = noSum()
  for (const sum of sums) {
    all.seeds += sum.seeds
    all.virtualMs += sum.virtualMs
    all.messages += sum.messages
    addFaults(all.faults, sum.faults)
    if (sum.failure !== null && (all.failure === null || sum.failure.seed < all.failure.seed)) all.failure = sum.failure
  }
  return all
}

function lineOf(sum: Sum, seeds: number, startedAt: number): string {
  const seconds = (performance.now() - startedAt) / 1_000
  const days = sum.virtualMs / 86_400_000
  return `${sum.seeds} of ${seeds} seeds, ${(sum.seeds / seconds).toFixed(0)}/s, ${days.toFixed(0)} simulated days, ${sum.messages} messages`
}

function report(sum: Sum, plant: Plant | null): number {
  console.log(`\n${faultKinds.map((kind) => `${String(sum.faults[kind]).padStart(9)}  ${kind}`).join('\n')}\n`)
  if (sum.failure !== null) {
    console.log(failureText(sum.failure, plant))
    return 1
  }
  const missing = sum.seeds < coverageSeeds ? [] : neverHit(sum.faults)
  if (missing.length > 0) {
    console.log(`These faults never struck: ${missing.join(', ')}. Make them possible again in profiles.ts.`)
    return 1
  }
  console.log('Every promise held.')
  return 0
}

function failureText({ seed, profile, broken, tail }: Failure, plant: Plant | null): string {
  const again = `npm run simulate -- --seed ${seed}${plant === null ? '' : ` --plant ${plant}`}`
  return `${tail.join('\n')}\n\nseed ${seed} (${profile}) breaks what is promised:\n  ${broken.join('\n  ')}\n\nAgain, in full: ${again}`
}

async function work(task: Task): Promise<void> {
  let isStopped = false
  parentPort?.on('message', () => {
    isStopped = true
    parentPort?.close()
  })
  const tell = (sum: Sum, isDone: boolean) => parentPort?.postMessage({ sum, isDone } satisfies News)
  const sum = await simulateMany({ ...task, progress: (so) => tell(so, false), stopped: () => isStopped })
  if (!isStopped) tell(sum, true)
}

if (isMainThread) process.exitCode = await main()
else await work(workerData as Task)
