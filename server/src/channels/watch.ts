/** A link over HTTP: proved when it begins and again every minute, given up when that fails, and made again with patience. */
import type { Clock } from '../lib/clock.ts'
import { EgressError } from '../lib/egress/trouble.ts'
import type { Host } from './connector.ts'

export type Proof =
  | { ok: true; warnings: readonly string[] }
  | { ok: false; reason: `close_${string}`; detail: string; retryAfterMs: number | null }

export interface WatchOptions {
  clock: Clock
  /** From 0 up to, not including, 1. */
  chance(): number
  host: Pick<Host, 'setState' | 'log'>
  identity: string
  /** Asks the provider whether all is well; a failure is an answer too. */
  prove(signal: AbortSignal): Promise<Proof>
  /** What goes on for as long as the link is up, and ends with the signal. */
  whileUp(signal: AbortSignal): Promise<void>
}

export interface Watch {
  readonly isUp: boolean
  /** Aborts when the link is stopped; of a link that was not started it is aborted. */
  readonly signal: AbortSignal
  /** Resolves when it is known for the first time how things stand. */
  start(): Promise<void>
  stop(): Promise<void>
  /** Something failed that should not: look at once. */
  doubt(): void
}

interface Run {
  control: AbortController
  isUp: boolean
  nudge: AbortController
  ended: Promise<void>
}

const healthEveryMs = 60_000
const backOffMs = { first: 1_000, longest: 60_000 }

export function createWatch(options: WatchOptions): Watch {
  const { host } = options
  let run: Run | null = null
  return {
    get isUp() {
      return run?.isUp ?? false
    },
    get signal() {
      return run?.control.signal ?? AbortSignal.abort()
    },
    async start() {
      if (run !== null) return
      const settled = Promise.withResolvers<void>()
      run = { control: new AbortController(), isUp: false, nudge: new AbortController(), ended: Promise.resolve() }
      run.ended = keep(options, run, settled.resolve).finally(settled.resolve)
      await settled.promise
    },
    async stop() {
      if (run === null) return
      const ending = run
      run = null
      ending.isUp = false
      ending.control.abort()
      host.setState({ status: 'disconnected', reason: 'stopped', retryAt: null })
      await ending.ended
    },
    doubt: () => run?.nudge.abort(),
  }
}

async function keep(options: WatchOptions, run: Run, settled: () => void): Promise<void> {
  const { clock, host } = options
  const { signal } = run.control
  for (let failures = 0; !signal.aborted; failures += 1) {
    host.setState({ status: 'connecting' })
    let proof = await proofOf(options, signal)
    if (proof.ok && !signal.aborted) {
      failures = 0
      proof = await stayUp(options, run, { warnings: proof.warnings, settled })
    }
    if (signal.aborted || proof.ok) return
    const afterMs = proof.retryAfterMs ?? backOff(failures, options.chance())
    const retryAt = new Date(clock.now() + afterMs).toISOString()
    host.log.warn({ reason: proof.reason, detail: proof.detail }, 'The provider cannot be used; it is tried again.')
    host.setState({ status: 'disconnected', reason: proof.reason, retryAt })
    settled()
    await clock.sleep(afterMs, signal)
  }
}

/** Until a proof fails, which is returned, or the link is stopped. */
async function stayUp(
  options: WatchOptions,
  run: Run,
  begun: { warnings: readonly string[]; settled: () => void },
): Promise<Proof> {
  const { clock, host, identity } = options
  const { signal } = run.control
  const since = new Date(clock.now()).toISOString()
  let proof: Proof = { ok: true, warnings: begun.warnings }
  run.isUp = true
  run.nudge = new AbortController()
  host.setState({ status: 'connected', identity, warnings: begun.warnings, since })
  const up = new AbortController()
  const work = options.whileUp(AbortSignal.any([signal, up.signal])).catch((error: unknown) => {
    host.log.error({ err: error }, 'What a link does while it is up has failed.')
  })
  begun.settled()
  while (proof.ok && !signal.aborted) {
    await clock.sleep(healthEveryMs, AbortSignal.any([signal, run.nudge.signal]))
    if (signal.aborted) break
    // What is doubted from here on may be newer than what the proof finds.
    run.nudge = new AbortController()
    const { warnings }: { warnings: readonly string[] } = proof
    proof = await proofOf(options, signal)
    if (proof.ok && !signal.aborted && proof.warnings.join() !== warnings.join()) {
      host.setState({ status: 'connected', identity, warnings: proof.warnings, since })
    }
  }
  run.isUp = false
  up.abort()
  await work
  return proof
}

async function proofOf({ prove, host }: WatchOptions, signal: AbortSignal): Promise<Proof> {
  try {
    return await prove(signal)
  } catch (error) {
    host.log.error({ err: error }, 'Asking the provider how things stand has failed.')
    return { ok: false, reason: 'close_error', detail: 'Asking the provider has failed.', retryAfterMs: null }
  }
}

/** Between half and all of it, so that many links do not come back in one moment. */
function backOff(failures: number, chance: number): number {
  const ms = Math.min(backOffMs.first * 2 ** Math.min(failures, 20), backOffMs.longest)
  return Math.round(ms * (0.5 + chance / 2))
}

/** What a request that asks how things stand has found. */
export async function proofBy(ask: () => Promise<Proof>): Promise<Proof> {
  try {
    return await ask()
  } catch (error) {
    if (!(error instanceof EgressError)) throw error
    return { ok: false, reason: `close_${error.trouble}`, detail: error.message, retryAfterMs: null }
  }
}
