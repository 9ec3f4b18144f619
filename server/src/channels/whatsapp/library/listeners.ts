/** What the library does when something comes in, made to outlive its own failures. */
import type { EventEmitter } from 'node:events'

type Listener = (...heard: unknown[]) => unknown

/**
 * Some of what baileys 7.0.0-rc14 hears it answers without a thought of failing: the greeting of what came while we were
 * away, the question for a code, news of groups. Where the link breaks in that moment nobody takes the failure, and it
 * would end the whole process. That the link has broken is told elsewhere.
 */
export function outliveFailures(heard: EventEmitter, failed: (error: unknown) => void): void {
  for (const event of heard.eventNames()) {
    if (typeof event !== 'string' || !event.startsWith('CB:')) continue
    const theirs = heard.listeners(event) as Listener[]
    heard.removeAllListeners(event)
    for (const listener of theirs) heard.on(event, (...given) => outlive(listener, given, failed))
  }
}

/** Resolves when the listener is done, for those who wait for one before the next. */
async function outlive(listener: Listener, given: unknown[], failed: (error: unknown) => void): Promise<void> {
  try {
    await listener(...given)
  } catch (error) {
    failed(error)
  }
}
