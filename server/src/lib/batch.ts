/**
 * Gathers single calls into batches, so that many of them share one statement and one commit.
 *
 * Nobody waits for a timer: while a place is free a batch leaves as soon as what is ready now has been gathered;
 * while all are taken, calls gather until one returns. Load makes the batches, idleness keeps them small.
 */
import type { Clock } from './clock.ts'

export interface BatchOptions<Input, Output> {
  clock: Pick<Clock, 'defer'>
  /** One output per input, in order. */
  run(inputs: readonly Input[]): Promise<readonly Output[]>
  rowsMax: number
  inFlightMax: number
  /** More than this many waiting calls are refused. */
  waitingMax: number
  overloaded(): Error
  /** A batch that failed for one bad input is tried again one by one; not so when trying again is pointless. */
  isolates(error: unknown): boolean
}

interface Waiting<Input, Output> {
  input: Input
  resolve(output: Output): void
  reject(error: unknown): void
}

export function createBatch<Input, Output>(options: BatchOptions<Input, Output>): (input: Input) => Promise<Output> {
  let waiting: Waiting<Input, Output>[] = []
  let inFlight = 0
  let deferred = false

  function schedule(): void {
    if (deferred || waiting.length === 0 || inFlight >= options.inFlightMax) return
    deferred = true
    options.clock.defer(() => {
      deferred = false
      flush()
    })
  }

  function flush(): void {
    while (waiting.length > 0 && inFlight < options.inFlightMax) {
      const batch = waiting.slice(0, options.rowsMax)
      waiting = waiting.slice(options.rowsMax)
      inFlight += 1
      void deliver(options, batch).then(() => {
        inFlight -= 1
        schedule()
      })
    }
  }

  return (input) =>
    new Promise((resolve, reject) => {
      if (waiting.length >= options.waitingMax) return reject(options.overloaded())
      waiting.push({ input, resolve, reject })
      schedule()
    })
}

async function deliver<Input, Output>(
  options: BatchOptions<Input, Output>,
  batch: readonly Waiting<Input, Output>[],
): Promise<void> {
  try {
    const outputs = await options.run(batch.map((call) => call.input))
    for (const [index, call] of batch.entries()) call.resolve(outputs[index] as Output)
  } catch (error) {
    const [only] = batch
    if (only !== undefined && batch.length > 1 && options.isolates(error)) {
      for (const call of batch) await deliver(options, [call])
      return
    }
    for (const call of batch) call.reject(error)
  }
}
