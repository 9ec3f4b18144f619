/** The library's keys in the vault of the link: each write whole, and repeated until the vault has taken it. */
import { BufferJSON, proto, type SignalDataSet, type SignalDataTypeMap, type SignalKeyStore } from 'baileys'
import type { Clock } from '../../../lib/clock.ts'
import type { LinkLog, Vault } from '../../connector.ts'

export type Entries = Record<string, Uint8Array | null>

export interface KeyStoreOptions {
  vault: Vault
  clock: Clock
  log: LinkLog
  /** The connection these keys are for has ended. */
  signal: AbortSignal
  /** Somebody else holds the line: nothing more may be written, and the connection has to go. */
  lost(): void
}

const pausesMs = [50, 200, 1_000, 2_000] as const
/** Some forty seconds: a database that is away for longer has taken the lease of the line with it. */
const triesMax = 20
const highestPreKey = 'prekeys/highest'

export class KeyStore implements SignalKeyStore {
  readonly #options: KeyStoreOptions
  readonly #underWay = new Set<Promise<void>>()

  constructor(options: KeyStoreOptions) {
    this.#options = options
  }

  async get<Kind extends keyof SignalDataTypeMap>(
    type: Kind,
    ids: string[],
  ): Promise<{ [id: string]: SignalDataTypeMap[Kind] }> {
    const names = ids.map((id) => nameOf(type, id))
    const found = await this.#insist('read', (vault) => vault.getAll(names))
    return Object.fromEntries(
      ids.flatMap((id) => {
        const bytes = found.get(nameOf(type, id))
        return bytes === undefined ? [] : [[id, readAs(type, bytes)]]
      }),
    )
  }

  set(data: SignalDataSet): Promise<void> {
    return this.write(entriesOf(data))
  }

  /**
   * A message that could not be kept must not be answered as if it could not be read: whoever decrypts waits here until
   * the database is back, and the network waits for its acknowledgement.
   */
  write(entries: Entries): Promise<void> {
    const writing = this.#write(entries)
    const ended = writing
      // Who asked for it hears of a failure.
      .catch(() => {})
      .then(() => void this.#underWay.delete(ended))
    this.#underWay.add(ended)
    return writing
  }

  /** When nothing is being written any more. */
  async settled(): Promise<void> {
    await Promise.all(this.#underWay)
  }

  async #write(entries: Entries): Promise<void> {
    if (Object.keys(entries).length > 0) await this.#insist('stored', (vault) => vault.put(entries))
  }

  async #insist<Result>(what: string, work: (vault: Vault) => Promise<Result>): Promise<Result> {
    const { vault, clock, log, signal, lost } = this.#options
    for (let tries = 0; ; tries++) {
      if (signal.aborted) throw new Error('This connection has ended.')
      try {
        return await work(vault)
      } catch (error) {
        if (error instanceof Error && error.name === 'LinkLost') {
          lost()
          throw error
        }
        if (tries === triesMax) throw error
        log.warn({ err: error, attempts: tries + 1 }, `the keys of a link could not be ${what}; it is tried again`)
      }
      await clock.sleep(pausesMs[Math.min(tries, pausesMs.length - 1)] ?? 2_000, signal)
    }
  }
}

/** A crash may keep keys and lose the count of them: what was handed to the server must never be made anew. */
export async function nextPreKeyAfter(vault: Vault): Promise<number> {
  const bytes = await vault.get(highestPreKey)
  return bytes === null ? 1 : Number(Buffer.from(bytes).toString()) + 1
}

export function entriesOf(data: SignalDataSet): Entries {
  const entries: Entries = {}
  for (const [type, values] of Object.entries(data)) {
    for (const [id, value] of Object.entries(values ?? {}))
      entries[nameOf(type, id)] = value === null ? null : Buffer.from(JSON.stringify(value, BufferJSON.replacer))
  }
  const made = Object.entries(data['pre-key'] ?? {}).flatMap(([id, key]) => (key === null ? [] : [Number(id)]))
  // Ids only grow, and are made in rows.
  if (made.length > 0) entries[highestPreKey] = Buffer.from(String(made.reduce((a, b) => Math.max(a, b))))
  return entries
}

function nameOf(type: string, id: string): string {
  return `keys/${type}/${id}`
}

function readAs(type: keyof SignalDataTypeMap, bytes: Uint8Array) {
  const value = JSON.parse(Buffer.from(bytes).toString(), BufferJSON.reviver)
  return type === 'app-state-sync-key' ? proto.Message.AppStateSyncKeyData.fromObject(value) : value
}
