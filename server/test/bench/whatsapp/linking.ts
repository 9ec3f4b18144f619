/** Links lines with their phones: each shows a code, and its phone on the network scans it. Half a second of processor time each. */
import type { Child } from '../child.ts'

/** More at once are not faster: to make the keys of a new device is all work. */
const atOnce = 3

export async function linkAll(
  { network, sessions }: { network: Child; sessions: Child },
  numbers: readonly string[],
  say: (text: string) => void,
): Promise<void> {
  const waiting = [...numbers]
  const one = async () => {
    for (let number = waiting.shift(); number !== undefined; number = waiting.shift()) {
      const qr = await sessions.ask<string>('code', { number })
      await network.ask('scan', { number, qr })
      await sessions.ask('connected', { number })
      await sessions.ask('close', { number })
      const done = numbers.length - waiting.length
      if (done % 50 === 0) say(`whatsapp: ${done} of ${numbers.length} lines linked`)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, one))
}
