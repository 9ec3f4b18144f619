/**
 * Looks at the store after each change and tells what it takes for news, the way version 1.9.9 does: by guids that it
 * forgets after an hour, by dates, and with every event that it sends twice.
 */
import type { Message } from '../store/rows.ts'
import { messageJson, type Wanted } from '../store/shapes.ts'
import type { World } from '../world.ts'

interface Seen {
  delivered: number
  isDelivered: boolean
  read: number
  edited: number
  isRetracted: boolean
}

const forgetsAfterMs = 3_600_000
/** It looks back a little further than its last look, and a day at most. */
const looksBackMs = 30_000
const dayMs = 86_400_000
/** What is older it never looks at. */
const weekMs = 604_800_000
const seedsMs = 60_000

export class Watcher {
  readonly #world: World
  readonly #guids = new Map<string, number>()
  readonly #seen = new Map<string, Seen>()
  readonly #touched = new Set<Message>()
  /** Rows that every look takes up again: see `isTakenUp`. */
  readonly #lasting = new Set<Message>()
  #lookedAt: number
  #isDue = false
  #isAsleep = false

  constructor(world: World) {
    this.#world = world
    this.#lookedAt = world.clock.now()
  }

  touch(row: Message): void {
    this.#touched.add(row)
    if (this.#isDue || this.#isAsleep) return
    this.#isDue = true
    this.#world.later(this.#world.waits.watchMs, () => this.#look())
  }

  /** Asleep it misses every change until it is woken. */
  sleep(isAsleep: boolean): void {
    this.#isAsleep = isAsleep
    if (!isAsleep && this.#touched.size > 0) this.#look()
  }

  /** Something happened on the Mac: a watcher that slept looks again, once. */
  rouse(): void {
    if (this.#touched.size > 0) this.#look()
  }

  /** After a restart it knows the newest minute only, and takes whatever else changes for new. */
  forget(): void {
    this.#guids.clear()
    this.#seen.clear()
    const now = this.#world.clock.now()
    for (const row of this.#world.store.messages) if (row.dateCreated >= now - seedsMs) this.#remember(row, now)
  }

  /** Whatever has changed: of files that came late no look ever sees anything. */
  tellUpdated(row: Message): void {
    this.#world.webhooks.tell('updated-message', this.#reduced(row, { chats: 'none' }))
  }

  /** As if these were new. */
  repeat(rows: readonly Message[]): void {
    for (const row of rows) this.#world.webhooks.tell('new-message', this.#reduced(row, { chats: 'filled' }))
  }

  #look(): void {
    this.#isDue = false
    const { clock } = this.#world
    const now = clock.now()
    // The real one forgets after each look; on a Mac there is always another change in between.
    for (const [key, at] of this.#guids) {
      if (at > now - forgetsAfterMs) break
      this.#guids.delete(key)
    }
    for (const row of this.#lasting) if (row.dateCreated < now - weekMs) this.#lasting.delete(row)
    const since = Math.max(Math.min(this.#lookedAt, now), now - dayMs) - looksBackMs
    this.#lookedAt = now
    const rows = [...new Set([...this.#touched, ...this.#lasting])].filter((row) => isTakenUp(row, since))
    this.#touched.clear()
    for (const row of rows) if (isLasting(row)) this.#lasting.add(row)
    for (const row of rows.sort((one, other) => one.dateCreated - other.dateCreated)) this.#tellOf(row, now)
  }

  #tellOf(row: Message, now: number): void {
    const { webhooks } = this.#world
    const change = changeOf(row)
    const changeKey = `group-change-${row.rowid}`
    if (change !== null && !this.#guids.has(changeKey)) {
      this.#guids.set(changeKey, now)
      // Of all events these alone tell who is in the group, but not when it was renamed.
      const participants = change !== 'group-name-change'
      webhooks.tell(change, this.#reduced(row, { chats: 'filled', participants }))
    }
    const news = this.#newsOf(row)
    if (news === null) return
    this.#remember(row, now)
    const awaited = row.isFromMe ? this.#world.awaited.claim(row, now) : null
    const isTwice = awaited !== null && awaited.tempGuid !== null && this.#world.quirks.duplicates
    const whole = { ...this.#reduced(row, { chats: 'filled' }) }
    if (isTwice) webhooks.tell('new-message', { ...whole, tempGuid: awaited.tempGuid })
    if (news === 'new') webhooks.tell('new-message', whole)
    else this.tellUpdated(row)
  }

  #newsOf(row: Message): 'new' | 'updated' | null {
    if (!this.#guids.has(row.guid)) return 'new'
    const before = this.#seen.get(row.guid)
    if (before === undefined) return null
    const after = seenIn(row)
    const isUpdated =
      after.delivered > before.delivered ||
      after.isDelivered !== before.isDelivered ||
      after.read > before.read ||
      after.edited > before.edited ||
      after.isRetracted !== before.isRetracted
    return isUpdated ? 'updated' : null
  }

  #remember(row: Message, now: number): void {
    if (!this.#guids.has(row.guid)) this.#guids.set(row.guid, now)
    this.#seen.set(row.guid, seenIn(row))
  }

  #reduced(row: Message, wanted: Partial<Wanted>) {
    return messageJson(row, { ...this.#world.shape, isReduced: true, ...wanted })
  }
}

function seenIn({ dateDelivered, isDelivered, dateRead, dateEdited, retractedParts }: Message): Seen {
  return {
    ...{ delivered: dateDelivered ?? 0, isDelivered, read: dateRead ?? 0, edited: dateEdited ?? 0 },
    isRetracted: retractedParts.length > 0,
  }
}

function isTakenUp(row: Message, since: number): boolean {
  const isLate = (at: number | null) => (at ?? 0) >= since
  if (isLate(row.dateCreated) || isLate(row.dateEdited) || isLasting(row)) return true
  return row.isFromMe && (isLate(row.dateDelivered) || (!row.chat.isGroup && isLate(row.dateRead)))
}

/** Delivered without a date, as in groups, or taken back in part: no look ever leaves them out. */
function isLasting(row: Message): boolean {
  return (row.isFromMe && row.dateDelivered === null && row.isDelivered) || row.retractedParts.length > 0
}

function changeOf({ itemType, groupActionType, text }: Message): string | null {
  if (text !== null && text !== '') return null
  if (itemType === 2) return 'group-name-change'
  if (itemType === 1) return groupActionType === 0 ? 'participant-added' : 'participant-removed'
  if (itemType !== 3) return null
  return ['participant-left', 'group-icon-changed', 'group-icon-removed'][groupActionType] ?? null
}
