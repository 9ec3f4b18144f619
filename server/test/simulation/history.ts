/** What happened, one line per step, and how often each kind of fault struck. */
import { createHash } from 'node:crypto'
import type { EventType } from '../../src/model/event.ts'
import type { MessageId } from '../../src/model/ids.ts'
import type { Status } from '../../src/model/message.ts'

export const faultKinds = [
  'network delay',
  'network drop before',
  'network drop after',
  'network late',
  'network early',
  'network duplicate',
  'network reorder',
  'network lost ack',
  'network disconnect',
  'network busy',
  'network refusal',
  'network says sent',
  'network says failed',
  'network says open',
  'database error before',
  'database error after',
  'database away',
  'database slow',
  'stale claim',
  'session loss',
  'lane lease loss',
  'line lease loss',
  'crash',
  'stop',
  'restart',
  'pause',
  'client repeat',
  'client timeout',
  'clock jump',
  'bell lost',
] as const
export type FaultCount = Record<(typeof faultKinds)[number], number>

export function noFaults(): FaultCount {
  return Object.fromEntries(faultKinds.map((kind) => [kind, 0])) as FaultCount
}

/** One change of a message as the ledger wrote it. */
export interface WrittenChange {
  messageId: MessageId
  from: Status
  to: Status
  generation: number
  told: readonly EventType[]
  /** It is not done and does not hold back what is behind it. */
  yields: boolean
}

export interface History {
  readonly lines: readonly string[]
  readonly changes: readonly WrittenChange[]
  readonly faults: FaultCount
  say(who: string, what: string): void
  changed(change: WrittenChange): void
  hit(kind: keyof FaultCount, times?: number): void
  hash(): string
}

export function createHistory(nowMs: () => number): History {
  const lines: string[] = []
  const changes: WrittenChange[] = []
  const faults = noFaults()
  return {
    lines,
    changes,
    faults,
    say: (who, what) => void lines.push(`${nowMs()} ${who} ${what}`),
    changed: (change) => void changes.push(change),
    hit: (kind, times = 1) => {
      faults[kind] += times
    },
    hash: () => createHash('sha256').update(lines.join('\n')).digest('hex'),
  }
}

/** Counted ids, short enough to read. */
export function short(id: string): string {
  return `#${Number.parseInt(id.slice(-8), 16)}`
}
