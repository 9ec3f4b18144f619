/** One clock for all processes of this machine, so that a moment in one can be subtracted from a moment in another. */

/** `performance.now()` counts from the start of its process; both count on the machine's monotonic clock. */
const aheadMs = Number(process.hrtime.bigint()) / 1e6 - performance.now()

export function machineMs(): number {
  return performance.now() + aheadMs
}
