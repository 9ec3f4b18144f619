/** Which root the certificate of the other side must come from, for all that happens on one connection. */
import { AsyncLocalStorage } from 'node:async_hooks'

const roots = new AsyncLocalStorage<Buffer | null>()

/** Sockets opened in `work` trust this root; null is WhatsApp's own. */
export function trusting<Result>(root: Buffer | null, work: () => Result): Result {
  return roots.run(root, work)
}

export function trustedRoot(): Buffer | null {
  return roots.getStore() ?? null
}
