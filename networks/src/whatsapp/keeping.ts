/** What outlives the process, however it ends: saved while it runs, whole each time, and never half. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import type { Clock } from '../time.ts'

/** Where everything is kept that a restart must not lose. */
export interface Store {
  load(): string | null
  save(text: string): void
}

/** Somebody who is killed at once loses what happened in so long, at most. */
const everyMs = 200
/** With many accounts it takes longer to put together, and is done less often: it never takes more than a twentieth of the time. */
const share = 20

/**
 * Ends with the signal. What cannot be saved ends the process instead of being found missing later. Nothing is written
 * where nothing has changed.
 */
export async function keepUp(store: Store, clock: Clock, signal: AbortSignal, text: () => string): Promise<void> {
  let saved = ''
  let tookMs = 0
  while (true) {
    await clock.sleep(Math.max(everyMs, tookMs * share), signal)
    if (signal.aborted) return
    const began = clock.now()
    const now = text()
    if (now !== saved) store.save(now)
    saved = now
    tookMs = clock.now() - began
  }
}

export function storeIn(path: string): Store {
  return {
    load: () => {
      try {
        return readFileSync(path, 'utf8')
      } catch (error) {
        // The first time there is nothing yet.
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
        throw error
      }
    },
    save: (text) => {
      writeFileSync(`${path}.new`, text, { mode: 0o600 })
      renameSync(`${path}.new`, path)
    },
  }
}
