/**
 * Which messages were taken, and under which id, while nobody knows whether the SMSC heard so: kept in the vault, so that
 * a process that died in between knows them when they come again.
 */
import type { ProviderMessageId } from '../../../../model/ids.ts'
import type { LinkLog, Vault } from '../../../connector.ts'

export interface Entry {
  id: ProviderMessageId
  mark: string
}

export interface JournalOptions {
  vault: Vault
  log: LinkLog
}

/** Of more, the oldest is forgotten: told twice at worst. */
const keptMax = 1_000
const name = 'heard'

export class Journal {
  readonly #options: JournalOptions
  /** The oldest first. */
  readonly #entries = new Map<ProviderMessageId, string>()
  #writing: Promise<unknown> = Promise.resolve()
  /** The write that has not begun: whatever changes until then goes with it. */
  #next: Promise<void> | null = null

  constructor(options: JournalOptions) {
    this.#options = options
  }

  async load(): Promise<Entry[]> {
    const read = readEntries(await this.#options.vault.get(name))
    for (const { id, mark } of read) if (!this.#entries.has(id)) this.#entries.set(id, mark)
    return read
  }

  /** Resolves once it is safe; rejects when it could not be kept. */
  async keep({ id, mark }: Entry): Promise<void> {
    this.#entries.set(id, mark)
    const [oldest] = this.#entries.keys()
    if (this.#entries.size > keptMax && oldest !== undefined) this.#entries.delete(oldest)
    await this.#write()
  }

  forget(id: ProviderMessageId): void {
    if (!this.#entries.delete(id)) return
    // It is left out of the next write then.
    const failed = (error: unknown) => this.#options.log.warn({ channel: 'sms', error }, 'The vault was not tidied.')
    this.#write().catch(failed)
  }

  #write(): Promise<void> {
    if (this.#next !== null) return this.#next
    const next = this.#writing.then(() => {
      this.#next = null
      return this.#options.vault.put({ [name]: this.#bytes() })
    })
    this.#next = next
    this.#writing = next.catch(() => undefined)
    return next
  }

  #bytes(): Uint8Array | null {
    return this.#entries.size === 0 ? null : Buffer.from(JSON.stringify([...this.#entries]))
  }
}

function readEntries(bytes: Uint8Array | null): Entry[] {
  try {
    const pairs = bytes === null ? [] : (JSON.parse(Buffer.from(bytes).toString()) as [ProviderMessageId, string][])
    return pairs.map(([id, mark]) => ({ id, mark }))
  } catch {
    // Nothing of ours looks like that; a line must not stay away because of it.
    return []
  }
}
