/** What a connected session takes, with the library loaded and the vaults' own memory left out; and how soon all are back. */
import { startChild } from '../child.ts'
import { median, megabytes } from '../figures.ts'
import { machineMs } from '../machine-clock.ts'
import type { Memory } from '../processes.ts'
import type { Table } from '../report.ts'
import type { Settings } from '../stand.ts'
import { lineNumber, peopleEach, type SessionsSettings } from './accounts.ts'

export interface Linked {
  settings: Settings
  place: SessionsSettings
  /** Of the lines that are linked. */
  numbers: readonly string[]
}

const mib = 1_048_576

export async function benchSessions(linked: Linked, counts: readonly number[]): Promise<Table> {
  const { settings } = linked
  const rows: string[][] = []
  for (const count of counts) {
    const { empty, base, full, used } = await memoryOf(linked, count)
    const above = (now: Memory, of: keyof Memory) => `${((now[of] - base[of]) / count / mib).toFixed(2)} MiB`
    const shown = [megabytes(empty.rss), megabytes(base.rss), megabytes(full.rss)]
    rows.push([
      String(count),
      ...shown,
      above(full, 'rss'),
      above(full, 'heap'),
      above(used, 'rss'),
      above(used, 'heap'),
    ])
    settings.say(`whatsapp, ${count} sessions: ${above(used, 'rss')} each above ${megabytes(base.rss)}`)
  }
  return {
    title: 'Memory of connected WhatsApp sessions',
    columns: [
      ...['sessions', 'RSS without the library', 'with it, none connected', 'all connected'],
      ...['RSS of each', 'heap of each', 'RSS of each, used', 'heap of each, used'],
    ],
    rows,
    notes: [
      'The connector through its contract in a process of its own; the network is another. Vaults in memory were filled before the base was taken. After forced collections, when RSS no longer fell. "Used": after each of them has begun sessions with three people and written to them.',
    ],
  }
}

async function memoryOf({ settings, place, numbers }: Linked, count: number) {
  const child = await startChild('whatsapp/sessions-process', place, [...settings.nodeFlags, '--expose-gc'])
  const some = numbers.slice(0, count)
  await child.ask('fetch', some)
  const empty = await child.ask<Memory>('memory')
  await child.ask('load')
  const base = await child.ask<Memory>('memory')
  await child.ask('start', some)
  const full = await child.ask<Memory>('memory')
  await child.ask('greet', { sessions: count, peopleEach })
  const used = await child.ask<Memory>('memory')
  await child.ask('keep')
  await child.stop()
  return { empty, base, full, used }
}

export async function benchReturn({ settings, place, numbers }: Linked, count: number): Promise<Table> {
  const times: number[] = []
  for (let round = 1; round <= settings.rounds; round++) {
    const began = machineMs()
    const child = await startChild('whatsapp/sessions-process', place, settings.nodeFlags)
    const some = numbers.slice(0, count)
    await child.ask('fetch', some)
    await child.ask('start', some)
    times.push(machineMs() - began)
    await child.ask('keep')
    await child.stop()
    settings.say(
      `whatsapp, round ${round} of ${settings.rounds}: ${count} sessions back in ${seconds(times.at(-1) ?? 0)}`,
    )
  }
  return {
    title: `${count} WhatsApp sessions back after a restart`,
    columns: ['sessions', 'median', 'fastest', 'slowest'],
    rows: [[String(count), ...[median(times), Math.min(...times), Math.max(...times)].map(seconds)]],
    notes: [
      'From starting the process to the last of them being connected, loading the library included. Linked beforehand.',
    ],
  }
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`
}

export function numbersOf(set: number, count: number): string[] {
  return Array.from({ length: count }, (_, nth) => lineNumber(set, nth))
}
