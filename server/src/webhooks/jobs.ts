/** Works on recover and replay jobs: a page at a time, as long as there is one and nobody else has it. */
import type { Clock } from '../lib/clock.ts'
import type { CustomerId, WebhookJobId } from '../model/ids.ts'
import type { WebhookJobStore } from '../store/webhooks/jobs.ts'

export interface JobWorkerOptions {
  clock: Clock
  jobs: Pick<WebhookJobStore, 'step'>
  told(customerId: CustomerId): void
  onError(error: unknown): void
}

const pollMs = 1_000

export interface JobWorker {
  start(): void
  wake(): void
  stop(): Promise<void>
}

export function createJobWorker(options: JobWorkerOptions): JobWorker {
  const stopping = new AbortController()
  let nap: AbortController | null = null
  let woken = false
  /** Have no more for now; passed by until all others have been looked at and a while has gone by. */
  const waiting = new Set<WebhookJobId>()
  let loop: Promise<void> | null = null

  async function work(): Promise<void> {
    while (!stopping.signal.aborted) {
      woken = false
      try {
        const step = await options.jobs.step([...waiting])
        if (step !== null) {
          if (step.queued > 0) options.told(step.customerId)
          if (step.waits) waiting.add(step.jobId)
          continue
        }
        waiting.clear()
      } catch (error) {
        options.onError(error)
      }
      if (woken || stopping.signal.aborted) continue
      nap = new AbortController()
      await options.clock.sleep(pollMs, AbortSignal.any([nap.signal, stopping.signal]))
    }
  }

  return {
    start() {
      loop ??= work()
    },
    wake() {
      woken = true
      nap?.abort()
    },
    async stop() {
      stopping.abort()
      await loop
    },
  }
}
