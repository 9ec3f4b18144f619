/** Mints identifiers: UUID version 7, so that ids sort by the time they were minted and stay close in an index. */
import { randomFillSync } from 'node:crypto'
import type { Clock } from './clock.ts'

export type Mint = () => string

const poolBytes = 8192

export function createMint(clock: Clock): Mint {
  const pool = Buffer.alloc(poolBytes)
  let offset = poolBytes
  let lastMs = 0
  let counter = 0
  return () => {
    if (offset + 10 > poolBytes) {
      randomFillSync(pool)
      offset = 0
    }
    const random = pool.subarray(offset, offset + 10)
    offset += 10
    const ms = Math.max(clock.now(), lastMs)
    counter = ms === lastMs ? counter + 1 : random.readUInt16BE(0) & 0x3ff
    lastMs = ms
    // Within one millisecond the 12 bits after the time count up, so one process never mints out of order.
    if (counter > 0xfff) {
      lastMs += 1
      counter = 0
    }
    return format(lastMs, counter, random)
  }
}

function format(ms: number, counter: number, random: Uint8Array): string {
  const time = ms.toString(16).padStart(12, '0')
  const sequence = counter.toString(16).padStart(3, '0')
  const tail = Buffer.from(random.subarray(2))
  tail[0] = ((tail[0] ?? 0) & 0x3f) | 0x80
  const hex = tail.toString('hex')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${sequence}-${hex.slice(0, 4)}-${hex.slice(4)}`
}
