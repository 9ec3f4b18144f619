/**
 * What was given to the Mac, kept before it is given: after a crash, what became of it can still be found out.
 *
 * The vault is written to once for a message, right before its first request; how the ones before it ended goes along.
 * A message of several bubbles is written again between them. No entry: nothing was ever asked for under this ref.
 */
import { createBatch } from '../../../lib/batch.ts'
import type { Clock } from '../../../lib/clock.ts'
import { SendFailure } from '../../../model/delivery.ts'
import type { ClientRef, ProviderChatId } from '../../../model/ids.ts'
import type { Vault } from '../../connector.ts'
import { notFound } from './failures.ts'
import type { Mark } from './matching.ts'

export interface Entry {
  ref: ClientRef
  /** As we name it: of somebody who had no chat, the one that there will be. */
  chat: ProviderChatId
  /** Wall time in ms. */
  at: number
  bubbles: KnownBubble[]
  /** Of tries under the same ref that are known to have failed: how many there were, and the rows that they left. */
  before: { tries: number; guids: readonly string[] }
  /** Which server it was given to: no other one can say that it is not there. */
  server: string
  end: 'open' | 'sent' | 'failed'
  /** Why it failed. */
  failure: KnownFailure | null
}

type KnownFailure = Pick<SendFailure, 'kind' | 'code' | 'scope' | 'partly' | 'message'>

export interface KnownBubble {
  tempId: string
  mark: Mark
  /** So long the server may take; after that a bubble that is nowhere was not sent. */
  worstMs: number
  /** Wall time; null: nothing was asked for yet. */
  begunAt: number | null
  guid: string | null
}

export interface Journal {
  /** Must have resolved before anything else is asked. May be called again after it failed. */
  load(): Promise<void>
  readonly isLoaded: boolean
  get(ref: ClientRef): Entry | null
  /** The earliest first. */
  inChat(chat: ProviderChatId): readonly Entry[]
  /** Whose bubble this is. */
  withGuid(guid: string): Entry | null
  /** Durable when it resolves: a new entry, or one that has changed. Other keys may go along. */
  write(entry: Entry, along?: Readonly<Record<string, Uint8Array>>): Promise<void>
  /** Known at once, and durable with the next write. */
  link(entry: Entry, bubble: KnownBubble, guid: string): void
  sent(entry: Entry): void
  failed(entry: Entry, failure: SendFailure): void
  /** It could not be written, and nothing was asked for. */
  drop(entry: Entry): void
}

export interface JournalOptions {
  vault: Vault
  clock: Pick<Clock, 'now' | 'defer'>
  /** Other keys that are read along with the entries. */
  restore(entries: ReadonlyMap<string, Uint8Array>): void
  alsoRead: readonly string[]
}

const prefix = 'send/'
/**
 * Nobody asks after what is that old, nor is a copy of it taken for another message. It counts from when this process
 * first saw it: after days in which nobody was there, what is forgotten would be sent again.
 */
const keptForMs = 24 * 3_600_000
const pruneEveryMs = 60_000
const endedMax = 5_000

export function createJournal({ vault, clock, restore, alsoRead }: JournalOptions): Journal {
  const entries = new Entries()
  /** Changed or gone since they were written last. */
  let unwritten = new Set<ClientRef>()
  let loading: Promise<void> | null = null
  let isLoaded = false

  const put = createBatch<Readonly<Record<string, Uint8Array>>, void>({
    clock,
    run: async (changes) => {
      const along = unwritten
      unwritten = new Set()
      const ended = [...along].map((ref) => [`${prefix}${ref}`, bytesOf(entries.get(ref))] as const)
      try {
        await vault.put(Object.assign(Object.fromEntries(ended), ...changes))
      } catch (error) {
        for (const ref of along) unwritten.add(ref)
        throw error
      }
      return changes.map(() => undefined)
    },
    ...{ rowsMax: 64, inFlightMax: 1, waitingMax: 10_000 },
    overloaded: () => new Error('Too many sends wait for the vault.'),
    isolates: () => false,
  })

  async function read(): Promise<void> {
    const keys = await vault.keys(prefix)
    const found = await vault.getAll([...keys, ...alsoRead])
    const kept = keys.flatMap((key) => {
      const bytes = found.get(key)
      return bytes === undefined ? [] : [JSON.parse(Buffer.from(bytes).toString()) as Entry]
    })
    entries.seenAt = clock.now()
    for (const entry of kept.sort((one, other) => one.at - other.at)) entries.add(entry)
    restore(found)
    isLoaded = true
  }

  return {
    load() {
      loading ??= read().catch((error: unknown) => {
        loading = null
        throw error
      })
      return loading
    },
    get isLoaded() {
      return isLoaded
    },
    get: (ref) => entries.get(ref) ?? null,
    inChat: (chat) => entries.inChat(chat),
    withGuid: (guid) => entries.withGuid(guid),
    async write(entry, along = {}) {
      for (const ref of entries.prune(clock.now())) unwritten.add(ref)
      entries.add(entry)
      unwritten.delete(entry.ref)
      await put({ ...along, [`${prefix}${entry.ref}`]: Buffer.from(JSON.stringify(entry)) })
    },
    ...marksOn(entries, (ref) => void unwritten.add(ref)),
  }
}

/** What changes in memory, and is written with the next message. */
function marksOn(
  entries: Entries,
  changed: (ref: ClientRef) => void,
): Pick<Journal, 'link' | 'sent' | 'failed' | 'drop'> {
  return {
    link(entry, bubble, guid) {
      bubble.guid = guid
      entries.name(guid, entry)
      changed(entry.ref)
    },
    sent(entry) {
      entry.end = 'sent'
      changed(entry.ref)
    },
    failed(entry, { kind, code, scope, partly, message }) {
      Object.assign(entry, { end: 'failed', failure: { kind, code, scope, partly, message } })
      changed(entry.ref)
    },
    drop(entry) {
      entries.remove(entry.ref)
      changed(entry.ref)
    },
  }
}

class Entries {
  /** In the order in which they were begun. */
  readonly #byRef = new Map<ClientRef, Entry>()
  readonly #byChat = new Map<ProviderChatId, Set<Entry>>()
  readonly #byGuid = new Map<string, Entry>()
  /** When the oldest of them were read. */
  seenAt = Number.NEGATIVE_INFINITY
  #prunedAt = Number.NEGATIVE_INFINITY

  get(ref: ClientRef): Entry | undefined {
    return this.#byRef.get(ref)
  }

  inChat(chat: ProviderChatId): readonly Entry[] {
    return [...(this.#byChat.get(chat) ?? [])]
  }

  withGuid(guid: string): Entry | null {
    return this.#byGuid.get(guid) ?? null
  }

  name(guid: string, entry: Entry): void {
    this.#byGuid.set(guid, entry)
  }

  add(entry: Entry): void {
    this.remove(entry.ref)
    this.#byRef.set(entry.ref, entry)
    const there = this.#byChat.get(entry.chat) ?? new Set()
    this.#byChat.set(entry.chat, there.add(entry))
    for (const guid of guidsOf(entry)) this.name(guid, entry)
  }

  remove(ref: ClientRef): void {
    const entry = this.#byRef.get(ref)
    if (entry === undefined) return
    this.#byRef.delete(ref)
    const there = this.#byChat.get(entry.chat)
    there?.delete(entry)
    if (there?.size === 0) this.#byChat.delete(entry.chat)
    for (const guid of guidsOf(entry)) this.#byGuid.delete(guid)
  }

  /** Forgets what is old, and of what has ended also what is too much; which these were. */
  prune(now: number): readonly ClientRef[] {
    if (now - this.#prunedAt < pruneEveryMs) return []
    this.#prunedAt = now
    const gone: ClientRef[] = []
    for (const { ref, at, end } of this.#byRef.values()) {
      const isOld = now - Math.max(at, this.seenAt) > keptForMs
      const isTooMuch = end !== 'open' && this.#byRef.size > endedMax
      if (!isOld && !isTooMuch) continue
      this.remove(ref)
      gone.push(ref)
    }
    return gone
  }
}

/** All rows that are known to be of it, whatever became of them. */
export function guidsOf({ bubbles, before }: Entry): readonly string[] {
  return [...before.guids, ...bubbles.flatMap(({ guid }) => guid ?? [])]
}

/** As it was told, or would have been. */
export function failureOf({ failure }: Entry): SendFailure {
  const { kind, code, scope, partly, message } = failure ?? notFound()
  return new SendFailure(kind, code, message, { scope, partly })
}

function bytesOf(entry: Entry | undefined): Uint8Array | null {
  return entry === undefined ? null : Buffer.from(JSON.stringify(entry))
}
