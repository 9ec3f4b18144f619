/** Comparison (b): the statement that accepts messages, driven straight against the gateway's database. */
import { join } from 'node:path'
import { systemClock } from '../../src/lib/clock.ts'
import { createMint } from '../../src/lib/mint.ts'
import { createSealedBox } from '../../src/lib/sealed-box.ts'
import { createLedgers } from '../../src/messaging/ledgers.ts'
import { createDb } from '../../src/store/db.ts'
import type { NewMessage } from '../../src/store/messages.ts'
import { startEmbeddedPostgres } from '../../src/store/postgres/embedded.ts'
import { createStore } from '../../src/store/store.ts'
import { answerAs } from './child.ts'
import { assertSafe, emptyOut } from './database.ts'
import { type ReadCpu, type Throughput, throughputOf } from './load.ts'
import { machineMs } from './machine-clock.ts'
import { newMessage } from './new-message.ts'
import { readCpuOf } from './processes.ts'
import { postOf, type Sender } from './traffic.ts'

export interface DirectSettings {
  dataDir: string
}

export interface DirectRun {
  senders: readonly Sender[]
  run: string
  callers: number
  /** Gathered like the gateway does, or one statement for each. */
  batched: boolean
  warmMs: number
  ms: number
}

const silent = { info() {}, warn() {}, error() {} }

await answerAs<DirectSettings>(async ({ dataDir }) => {
  const postgres = await startEmbeddedPostgres({ dir: join(dataDir, 'postgres'), log: silent, clock: systemClock })
  let closing = false
  const onError = (error: Error) => {
    if (!closing) throw error
  }
  const db = createDb({ address: postgres.connection, connectionsMax: 10, applicationName: 'bench', onError })
  const store = createStore(db, createSealedBox(Buffer.alloc(32)))
  await assertSafe(db)
  const ledgers = createLedgers(store, systemClock)
  const one = async (message: NewMessage) => store.messages.accept([message])
  return {
    answers: {
      empty: () => emptyOut(db),
      accept: (run: DirectRun) =>
        drive(run, run.batched ? ledgers.accept : one, () => readCpuOf(process.pid, postgres.pid)),
    },
    async stop() {
      closing = true
      await db.close()
      await postgres.stop()
    },
  }
})

async function drive(
  run: DirectRun,
  accept: (message: NewMessage) => Promise<unknown>,
  cpu: ReadCpu,
): Promise<Throughput> {
  const mint = createMint(systemClock)
  const samples: number[] = []
  let before = cpu()
  setTimeout(() => {
    before = cpu()
  }, run.warmMs)
  const from = machineMs() + run.warmMs
  const until = from + run.ms
  let number = 0
  const caller = async () => {
    for (let askedAt = machineMs(); askedAt < until; ) {
      await accept(newMessage(postOf(run.senders, run.run, number++), mint))
      const storedAt = machineMs()
      if (storedAt >= from && storedAt < until) samples.push(storedAt - askedAt)
      askedAt = storedAt
    }
  }
  await Promise.all(Array.from({ length: run.callers }, caller))
  return throughputOf(samples, run.ms, before, cpu())
}
