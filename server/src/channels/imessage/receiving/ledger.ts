/** How far the rows of the Mac have been told, and which of them are still owed; kept in the vault. */
import type { Clock } from '../../../lib/clock.ts'
import { orAborted } from '../../../lib/egress/deadline.ts'
import type { Host } from '../../connector.ts'
import type { Backend } from '../backend.ts'
import { factsOf } from './telling.ts'

export interface Ledger {
  /** All rows up to this number are told, but for those that are owed. */
  readonly row: number
  /** When this line began: what was said before is not its. */
  readonly sinceMs: number
  readonly owed: readonly Owed[]
  /** All of them up to here are told. That may become durable a moment later. */
  moveTo(row: number): void
  /** Resolves when it is durable that this row is still to be told; rejects when the vault is away, or holds too many. */
  owe(guid: string): Promise<void>
  paid(guid: string): void
}

export interface Owed {
  guid: string
  untilMs: number
}

interface Entry {
  row: number
  sinceMs: number
  owed: readonly Owed[]
}

export interface LedgerOptions {
  clock: Pick<Clock, 'now'>
  backend: Pick<Backend, 'lastRow'>
  host: Pick<Host, 'vault' | 'log'>
}

const entryKey = 'receiving/rows'
/** The clock of the Mac may be behind ours. */
const skewMs = 60_000
const owedMax = 100
const owedForMs = 24 * 3_600_000

/** A line that was never up begins behind the newest row. */
export async function beginLedger(options: LedgerOptions, signal: AbortSignal): Promise<void> {
  if ((await readEntry(options)) === null) await firstEntry(options, signal)
}

export async function openLedger(options: LedgerOptions, signal: AbortSignal): Promise<Ledger> {
  const kept = (await readEntry(options)) ?? (await firstEntry(options, signal))
  const last = await options.backend.lastRow(signal)
  // Another Mac counts from its own beginning: waiting for the old number would be waiting for ever.
  if (last < kept.row) options.host.log.warn({ rowId: last }, 'The rows of this Mac end before those that were told.')
  return ledgerOf(options, { ...kept, row: Math.min(kept.row, last) }, signal)
}

function ledgerOf({ clock, host }: LedgerOptions, entry: Entry, signal: AbortSignal): Ledger {
  let { row } = entry
  let owed = [...entry.owed]
  let isDirty = false
  let saving: Promise<void> | null = null

  async function saveAll(): Promise<void> {
    while (isDirty && !signal.aborted) {
      isDirty = false
      await orAborted(signal, writeEntry(host, { row, sinceMs: entry.sinceMs, owed }))
    }
  }

  function save(): Promise<void> {
    isDirty = true
    saving ??= saveAll().finally(() => {
      saving = null
    })
    return saving
  }

  function saveSoon(): void {
    save().catch((error: unknown) => {
      // It goes along with the next one; until then a start would tell again what the gateway knows.
      if (!signal.aborted) host.log.warn(factsOf(error), 'How far the rows were told could not be kept.')
    })
  }

  return {
    get row() {
      return row
    },
    sinceMs: entry.sinceMs,
    get owed() {
      return owed
    },
    moveTo(next) {
      if (next <= row) return
      row = next
      saveSoon()
    },
    async owe(guid) {
      if (owed.length >= owedMax) throw new Error('Too many rows are owed already.')
      owed.push({ guid, untilMs: clock.now() + owedForMs })
      try {
        await save()
      } catch (error) {
        owed = owed.filter((one) => one.guid !== guid)
        throw error
      }
    },
    paid(guid) {
      owed = owed.filter((one) => one.guid !== guid)
      saveSoon()
    },
  }
}

async function firstEntry({ clock, backend, host }: LedgerOptions, signal: AbortSignal): Promise<Entry> {
  const first = { row: await backend.lastRow(signal), sinceMs: clock.now() - skewMs, owed: [] }
  await writeEntry(host, first)
  return first
}

async function readEntry({ host }: LedgerOptions): Promise<Entry | null> {
  const bytes = await host.vault.get(entryKey)
  return bytes === null ? null : (JSON.parse(new TextDecoder().decode(bytes)) as Entry)
}

function writeEntry(host: Pick<Host, 'vault'>, entry: Entry): Promise<void> {
  return host.vault.put({ [entryKey]: new TextEncoder().encode(JSON.stringify(entry)) })
}
