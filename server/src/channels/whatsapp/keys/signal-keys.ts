/**
 * What sessions with other people read and write: one transaction at a time in a link, and committed before anything
 * leaves. The library's own transactions are by chat: a send and a receipt of the same chat overwrite each other's ratchet.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { SignalDataSet, SignalDataTypeMap, SignalKeyStoreWithTransaction } from 'baileys'
import { type Entries, entriesOf, type KeyStore } from './key-store.ts'

type Cache = Map<string, unknown>

interface Transaction {
  /** What was read or written in it, by type and id; null is gone. */
  cache: Cache
  entries: Entries
}

export class SignalKeys implements SignalKeyStoreWithTransaction {
  readonly #store: KeyStore
  readonly #current = new AsyncLocalStorage<Transaction>()
  #last: Promise<unknown> = Promise.resolve()

  constructor(store: KeyStore) {
    this.#store = store
  }

  async get<Kind extends keyof SignalDataTypeMap>(
    type: Kind,
    ids: string[],
  ): Promise<{ [id: string]: SignalDataTypeMap[Kind] }> {
    const cache = this.#current.getStore()?.cache
    if (cache === undefined) return this.#store.get(type, ids)
    const missing = ids.filter((id) => !cache.has(`${type} ${id}`))
    const fetched = missing.length === 0 ? {} : await this.#store.get(type, missing)
    for (const id of missing) cache.set(`${type} ${id}`, fetched[id] ?? null)
    return Object.fromEntries(
      ids.flatMap((id) => {
        const value = cache.get(`${type} ${id}`)
        return value === null ? [] : [[id, value as SignalDataTypeMap[Kind]]]
      }),
    )
  }

  async set(data: SignalDataSet): Promise<void> {
    const transaction = this.#current.getStore()
    if (transaction === undefined) return this.#store.set(data)
    for (const [type, values] of Object.entries(data))
      for (const [id, value] of Object.entries(values ?? {})) transaction.cache.set(`${type} ${id}`, value)
    Object.assign(transaction.entries, entriesOf(data))
  }

  /** Kept or lost together with what this transaction changes. */
  note(entries: Entries): void {
    const transaction = this.#current.getStore()
    if (transaction === undefined) throw new Error('There is no transaction to note this in.')
    Object.assign(transaction.entries, entries)
  }

  isInTransaction(): boolean {
    return this.#current.getStore() !== undefined
  }

  /** Within another one it is a part of that. If it fails, nothing of it is kept. */
  transaction<Result>(work: () => Promise<Result>, _label = ''): Promise<Result> {
    if (this.isInTransaction()) return work()
    const turn = this.#last.then(async () => {
      const transaction: Transaction = { cache: new Map(), entries: {} }
      const result = await this.#current.run(transaction, work)
      await this.#store.write(transaction.entries)
      return result
    })
    // Whoever asked hears of a failure; the next in line only waits for the end.
    this.#last = turn.catch(() => {})
    return turn
  }
}
