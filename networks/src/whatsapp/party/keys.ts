/** What a device keeps of Signal: sessions, prekeys and sender keys, in memory, and as JSON between two runs. */
import type { SignalDataSet, SignalDataTypeMap, SignalKeyStoreWithTransaction } from 'baileys'

export type Kept = [key: string, value: unknown][]

export class Keys implements SignalKeyStoreWithTransaction {
  readonly #kept: Map<string, unknown>

  constructor(kept: Kept = []) {
    this.#kept = new Map(kept)
  }

  async get<Type extends keyof SignalDataTypeMap>(type: Type, ids: string[]) {
    const found: Record<string, SignalDataTypeMap[Type]> = {}
    for (const id of ids) {
      const value = this.#kept.get(`${type}:${id}`)
      if (value !== undefined) found[id] = value as SignalDataTypeMap[Type]
    }
    return found
  }

  async set(data: SignalDataSet): Promise<void> {
    for (const [type, values] of Object.entries(data)) {
      for (const [id, value] of Object.entries(values)) {
        if (value === null) this.#kept.delete(`${type}:${id}`)
        else this.#kept.set(`${type}:${id}`, value)
      }
    }
  }

  /** A device does one thing at a time: nothing can come between. */
  transaction<Result>(work: () => Promise<Result>): Promise<Result> {
    return work()
  }

  isInTransaction(): boolean {
    return false
  }

  kept(): Kept {
    return [...this.#kept]
  }
}
