/** The housekeeping loop: partitions, retention, usage, last-use dates, and the net under the outbox. */
import type { Clock } from '../lib/clock.ts'
import type { Mint } from '../lib/mint.ts'
import type { CustomerId } from '../model/ids.ts'
import type { ChangeOutcome, ChangeRequest } from '../store/changes.ts'
import type { OutboxStore } from '../store/outbox.ts'
import type { UpkeepStore } from '../store/upkeep.ts'
import { orphanedChange } from './settle.ts'

export interface UpkeepOptions {
  store: UpkeepStore
  outbox: Pick<OutboxStore, 'sweep' | 'orphans'>
  change(request: ChangeRequest): Promise<ChangeOutcome>
  told(customerId: CustomerId): void
  mint: Mint
  callers: { flushUse(): Promise<void> }
  commands: { clean(): Promise<void>; serve(): Promise<void> }
  conversations: { forgetTold(rowsMax: number): Promise<number> }
  contacts: { noteContacted(eventsMax: number): Promise<number> }
  callbacks: { forget(): Promise<void> }
  agentTurns: { forget(rowsMax: number): Promise<number> }
  media: { sweep(): Promise<number> }
  clock: Clock
  log: { info(facts: object, message: string): void; error(facts: object, message: string): void }
  retentionMs: number
}

const turnMs = 5_000
const partitionEveryMs = 3_600_000
const sweepEveryMs = 60_000
const usagePage = 5_000
const contactedPage = 5_000
const orphansPage = 500
const toldPage = 5_000
const turnsPage = 5_000

/** Until there is no whole page left, or the gateway stops. */
async function pageByPage(stop: AbortSignal, rows: number, work: (rowsMax: number) => Promise<number>): Promise<void> {
  while (!stop.aborted && (await work(rows)) === rows);
}

async function endOrphans(options: UpkeepOptions): Promise<void> {
  for (const { customerId, messageId } of await options.outbox.orphans(orphansPage)) {
    await options.change({
      customerId,
      messageId,
      named: null,
      decide: (state) => orphanedChange(state, options.mint),
    })
    options.told(customerId)
  }
}

export function createUpkeep(options: UpkeepOptions) {
  const { store, clock, log } = options
  const stopping = new AbortController()
  let loop: Promise<void> | null = null
  let partitionAt = 0
  let sweepAt = 0

  async function partition(): Promise<void> {
    const { made, dropped } = await store.partition(options.retentionMs)
    partitionAt = clock.monotonic() + partitionEveryMs
    if (made.length + dropped.length > 0) log.info({ made, dropped }, 'partitions kept')
  }

  async function turn(): Promise<void> {
    if (clock.monotonic() >= partitionAt) await partition()
    await pageByPage(stopping.signal, usagePage, store.countUsage)
    await pageByPage(stopping.signal, contactedPage, options.contacts.noteContacted)
    await options.callers.flushUse()
    // A bell may be lost: what was asked of this process is looked for now and then as well.
    await options.commands.serve()
    await endOrphans(options)
    if (clock.monotonic() < sweepAt) return
    sweepAt = clock.monotonic() + sweepEveryMs
    await options.commands.clean()
    await options.callbacks.forget()
    await pageByPage(stopping.signal, toldPage, options.conversations.forgetTold)
    await pageByPage(stopping.signal, turnsPage, options.agentTurns.forget)
    const stranded = await options.outbox.sweep()
    if (stranded > 0) log.error({ lanes: stranded }, 'messages had no lane; this is a bug, please report it')
    // Last: a store of files that is away must not keep the rest from being done.
    const swept = await options.media.sweep()
    if (swept > 0) log.info({ files: swept }, 'files whose time was over are removed')
  }

  async function forever(): Promise<void> {
    while (!stopping.signal.aborted) {
      await clock.sleep(turnMs, stopping.signal)
      if (stopping.signal.aborted) return
      try {
        await turn()
      } catch (error) {
        log.error({ err: error }, 'housekeeping failed; it is tried again')
      }
    }
  }

  return {
    /** Today's partitions exist before the first message does. */
    async start(): Promise<void> {
      await partition()
      loop ??= forever()
    },
    async stop(): Promise<void> {
      stopping.abort()
      await loop
      await options.callers.flushUse()
    },
  }
}
