/** Every customer's files: kept by their content, found again, and removed when their time is over. */
import type { Readable } from 'node:stream'
import type { Clock } from '../lib/clock.ts'
import type { CustomerId } from '../model/ids.ts'
import type { KeptFile } from '../model/media/file.ts'
import type { FileStore } from '../store/media/files.ts'
import type { Look } from './look.ts'
import type { Spool, Spooled } from './spool.ts'
import { nameOf, type Range, type Storage } from './storage/storage.ts'

export interface Library {
  /** Takes it over. What the file is said to be is believed only where its bytes say nothing. */
  keep(customerId: CustomerId, spooled: Spooled, said?: Said): Promise<KeptFile>
  find(customerId: CustomerId, hash: string): Promise<KeptFile | null>
  /** Null: its bytes are gone. */
  open(file: Pick<KeptFile, 'customerId' | 'hash'>, range?: Range): Promise<Readable | null>
  /** Runs the work with a path to the bytes; null when they are gone. */
  withPath<Result>(file: KeptFile, work: (path: string) => Promise<Result>): Promise<Result | null>
  /** Removes what nobody needs any more; says how much. */
  sweep(): Promise<number>
}

export interface Said {
  mimeType?: string | null
  filename?: string | null
  /** Longer than usual: for a message that is to be sent later. */
  untilMs?: number | null
}

export interface LibraryOptions {
  store: Pick<FileStore, 'keep' | 'get' | 'takeOld' | 'forget'>
  storage: Storage
  spool: Spool
  look: Look
  clock: Clock
  keptMs: number
}

/** A file is not kept again for so long; a store may take half of it for one answer, with all its tries. */
const removeWithinMs = 180_000
const beginWithinMs = 30_000
const sweptAtOnce = 100
/** How often a picture that a group shows is looked at again. */
const shownMs = 86_400_000
const againAfterMs = 200

export function createLibrary(options: LibraryOptions): Library {
  const { store, storage, spool, look, clock, keptMs } = options

  const withPath: Library['withPath'] = async (file, work) => {
    const name = nameOf(file.customerId, file.hash)
    const path = storage.pathOf(name)
    if (path !== null) return work(path)
    const bytes = await storage.open(name, null)
    if (bytes === null) return null
    const copy = await spool.take(bytes, file.bytes)
    try {
      return await work(copy.path)
    } finally {
      await copy.drop()
    }
  }

  return {
    async keep(customerId, spooled, said = {}) {
      try {
        const known = await store.get(customerId, spooled.hash)
        const file = known ?? { customerId, hash: spooled.hash, ...(await look(spooled, said)) }
        const lateMs = said.untilMs === undefined || said.untilMs === null ? 0 : said.untilMs - clock.now()
        while (!(await store.keep(file, keptMs + Math.max(0, lateMs)))) await clock.sleep(againAfterMs)
        await storage.place(nameOf(customerId, spooled.hash), spooled)
        return file
      } finally {
        await spooled.drop()
      }
    },
    find: (customerId, hash) => store.get(customerId, hash),
    open: (file, range) => storage.open(nameOf(file.customerId, file.hash), range ?? null),
    withPath,
    async sweep() {
      let swept = await spool.sweep()
      for (;;) {
        const old = await store.takeOld(sweptAtOnce, removeWithinMs, shownMs)
        const takenAt = clock.monotonic()
        for (const { customerId, hash, isShown } of old) {
          if (isShown) continue
          // Later somebody may have kept it again: another sweep takes what is left, and this one keeps nobody waiting.
          if (clock.monotonic() - takenAt > beginWithinMs) return swept
          await storage.remove(nameOf(customerId, hash))
          await store.forget(customerId, hash)
          swept += 1
        }
        if (old.length < sweptAtOnce) return swept
      }
    },
  }
}
