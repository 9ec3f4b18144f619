/** Load on an HTTP server: as fast as it answers, at a rate it has no say in, or as much as is finished. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Spread, spreadOf } from './figures.ts'
import { machineMs } from './machine-clock.ts'
import { openWires, type Wire } from './wire.ts'

export interface Load {
  port: number
  connections: number
  /** The text of request number so-and-so. */
  request(number: number): string
  /** Any other status ends the run: a refused request is a figure of something else. */
  expected: number
}

export interface Throughput {
  perSecond: number
  latency: Spread
  /** Processor time per message, in µs. Busy neighbours change it less than the rate. */
  cpuMicros: { program: number; database: number }
}

/** Reads how much processor time was used so far; called at the two ends of what is measured. */
export type ReadCpu = () => { program: number; database: number }

/** Each connection sends its next request as soon as the last was answered. */
export async function closedLoop(load: Load, run: { warmMs: number; ms: number; cpu: ReadCpu }): Promise<Throughput> {
  const { wires, close } = await openWires(load.connections, load.port)
  let before = run.cpu()
  const warm = setTimeout(() => {
    before = run.cpu()
  }, run.warmMs)
  const samples: number[] = []
  const from = machineMs() + run.warmMs
  const until = from + run.ms
  let number = 0
  const drive = (wire: Wire) =>
    new Promise<void>((resolve, reject) => {
      const next = () => {
        const askedAt = machineMs()
        if (askedAt >= until) return resolve()
        wire.ask(load.request(number++), (status, body) => {
          if (status !== load.expected) return reject(new Error(`answered ${status}: ${body}`))
          const answeredAt = machineMs()
          if (answeredAt >= from && answeredAt < until) samples.push(answeredAt - askedAt)
          next()
        })
      }
      next()
    })
  try {
    await Promise.all(wires.map(drive))
  } finally {
    clearTimeout(warm)
    close()
  }
  return throughputOf(samples, run.ms, before, run.cpu())
}

export function throughputOf(
  samples: readonly number[],
  ms: number,
  before: ReturnType<ReadCpu>,
  after: ReturnType<ReadCpu>,
): Throughput {
  const micros = (name: 'program' | 'database') => ((after[name] - before[name]) * 1e6) / samples.length
  return {
    perSecond: (samples.length * 1_000) / ms,
    latency: spreadOf(samples),
    cpuMicros: { program: micros('program'), database: micros('database') },
  }
}

export interface OpenRun {
  /** When each request was due and when it was answered, on the machine's clock. */
  dueAt: Float64Array
  answeredAt: Float64Array
  /** The first request that counts; those before are for warming up. */
  first: number
}

/**
 * Requests are due at fixed times. One that finds no free connection waits, and its wait counts: what a slow answer
 * does to those behind it is not left out.
 */
export async function openLoop(load: Load, run: { perSecond: number; warmMs: number; ms: number }): Promise<OpenRun> {
  const { wires, close } = await openWires(load.connections, load.port)
  const count = Math.ceil(((run.warmMs + run.ms) * run.perSecond) / 1_000)
  const dueAt = new Float64Array(count)
  const answeredAt = new Float64Array(count)
  const startAt = machineMs() + 5
  for (let number = 0; number < count; number++) dueAt[number] = startAt + (number * 1_000) / run.perSecond
  const free = [...wires]
  let next = 0
  let answered = 0
  let wrong: string | null = null
  const send = (wire: Wire) => {
    const number = next++
    wire.ask(load.request(number), (status, body) => {
      answeredAt[number] = machineMs()
      answered += 1
      if (status !== load.expected) wrong = `answered ${status}: ${body}`
      if (next < count && (dueAt[next] ?? 0) <= machineMs()) send(wire)
      else free.push(wire)
    })
  }
  try {
    while (answered < count && wrong === null) {
      const now = machineMs()
      while (next < count && (dueAt[next] ?? 0) <= now) {
        // In turn: a connection that is never used is closed by the server.
        const wire = free.shift()
        if (wire === undefined) break
        send(wire)
      }
      await sleep(1)
    }
  } finally {
    close()
  }
  if (wrong !== null) throw new Error(wrong)
  return { dueAt, answeredAt, first: Math.floor((run.warmMs * run.perSecond) / 1_000) }
}

/** How long after it was due each counted request had its answer. */
export function answerTimes({ dueAt, answeredAt, first }: OpenRun): Spread {
  return spreadOf(answeredAt.subarray(first).map((at, index) => at - (dueAt[first + index] ?? Number.NaN)))
}

/**
 * Sends only while fewer than `windowMax` messages are unfinished: what then is finished per second is what the whole
 * walk can sustain.
 */
export async function windowedLoop(
  load: Load,
  run: { warmMs: number; ms: number; windowMax: number; finished(): Promise<number> },
): Promise<number> {
  const { wires, close } = await openWires(load.connections, load.port)
  const before = await run.finished()
  const startAt = machineMs()
  const free = [...wires]
  let sent = 0
  let wrong: string | null = null
  let mark: { at: number; finished: number } | null = null
  const send = (wire: Wire) => {
    wire.ask(load.request(sent++), (status, body) => {
      if (status !== load.expected) wrong = `answered ${status}: ${body}`
      free.push(wire)
    })
  }
  try {
    for (;;) {
      const finished = (await run.finished()) - before
      const now = machineMs()
      if (wrong !== null) throw new Error(wrong)
      if (mark === null && now - startAt >= run.warmMs) mark = { at: now, finished }
      if (mark !== null && now - mark.at >= run.ms) return ((finished - mark.finished) * 1_000) / (now - mark.at)
      while (sent - finished < run.windowMax) {
        const wire = free.pop()
        if (wire === undefined) break
        send(wire)
      }
      await sleep(2)
    }
  } finally {
    close()
  }
}
