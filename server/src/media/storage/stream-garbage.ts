/**
 * Large files pass in buffers that are garbage at once, and V8 looks after them only when there are some 100 MB. Told
 * how much has passed, this has the youngest of them collected in between: memory stays flat for a few ms per 16 MB.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

const collectEveryBytes = 16 * 1024 * 1024

type Collect = (options: { type: 'minor' }) => void

/** Undefined: not looked for yet. */
let collect: Collect | null | undefined
let passedBytes = 0

/** Of what a stream has handed on and nobody holds any more. One count for all, since memory is one. */
export function passed(bytes: number): void {
  passedBytes += bytes
  if (passedBytes < collectEveryBytes) return
  passedBytes = 0
  if (collect === undefined) collect = collector()
  collect?.({ type: 'minor' })
}

/** Node has no call for it; this is how its own tests do it. Without it everything works, with more memory. */
function collector(): Collect | null {
  try {
    setFlagsFromString('--expose-gc')
    const found: unknown = runInNewContext('gc')
    setFlagsFromString('--no-expose-gc')
    return typeof found === 'function' ? (found as Collect) : null
  } catch {
    return null
  }
}
