/** How fast a WhatsApp line may write, and to how many new people: whoever writes like a machine to strangers is banned. */
import type { Clock } from '../../../lib/clock.ts'

export interface PaceSettings {
  /** Null: no limit. */
  messagesPerMinute: number | null
  /** Each gap is stretched by up to this part of it. */
  jitter: number
  /** Chats of two in which nobody has written yet, in any 24 hours. Null: no limit. */
  newContactsPerDay: number | null
  /** For so long after it was paired a line may do less: a tenth at first, then more each day. */
  warmUpDays: number
}

/** What a restart must not forget. Times are wall time in ms. */
export interface PaceState {
  /** Null: no phone has been paired yet. */
  pairedAt: number | null
  /** To whom we wrote first, and when, within the last 24 hours. */
  newContacts: readonly (readonly [chat: string, at: number])[]
}

export interface Ask {
  ref: string
  chat: string
  /** It is a chat of two in which neither side has written yet. */
  isNew: boolean
  /** They wrote within the last 24 hours. */
  isReply: boolean
  /** It goes out as so many messages. */
  messages: number
}

export interface Pace {
  /** How long to wait for a turn. With 0 it has come, and is used up. Whoever has to wait asks again and keeps their place. */
  turn(ask: Ask): number
  /** A phone was paired: from now on the line warms up. */
  paired(): void
  snapshot(): PaceState
}

export interface PaceOptions {
  clock: Pick<Clock, 'now' | 'monotonic'>
  /** From 0 up to, not including, 1. */
  chance(): number
  settings: PaceSettings
  state: PaceState | null
}

const dayMs = 24 * 3_600_000
/** A place that nobody took up for so long is given away. */
const keptForMs = 60_000
/** More than this in a queue are told to ask again, without a place of their own. */
const queueMax = 10_000
/** Tomorrow may have more room than today knows, so that nobody is told to come back only then. */
const askAgainMs = 3_600_000

export function createPace(options: PaceOptions): Pace {
  const { clock, settings } = options
  let pairedAt = options.state?.pairedAt ?? null
  /** The part of the limits that counts today. */
  const share = () => (pairedAt === null ? 1 : warmth(clock.now() - pairedAt, settings.warmUpDays))
  const contacts = createContacts(options, share)
  const slots = createSlots(options, share)

  return {
    turn(ask) {
      const counts = ask.isNew && !ask.isReply
      const comeBackMs = counts ? contacts.waitFor(ask.chat) : 0
      if (comeBackMs > 0) return comeBackMs
      const waitMs = slots.turn(ask)
      if (counts) contacts.settle(ask.chat, waitMs)
      return waitMs
    },
    paired() {
      pairedAt = clock.now()
    },
    snapshot: () => ({ pairedAt, newContacts: contacts.known() }),
  }
}

/** From a tenth to the whole, along a line. */
export function warmth(ageMs: number, warmUpDays: number): number {
  if (warmUpDays === 0) return 1
  const part = Math.min(1, Math.max(0, ageMs) / (warmUpDays * dayMs))
  return 0.1 + 0.9 * part
}

interface Contacts {
  /** 0: there is room today for this one and for all who came before and still wait. */
  waitFor(chat: string): number
  /** Written to, or, with a wait, about to be. */
  settle(chat: string, waitMs: number): void
  known(): [string, number][]
}

function createContacts({ clock, settings, state }: PaceOptions, share: () => number): Contacts {
  const { newContactsPerDay } = settings
  /** In the order in which they were written to. */
  const written = new Map<string, number>()
  /** In the order in which they came, until when their place is kept. */
  const waiting = new Map<string, number>()
  const start = clock.now()
  const before = [...(state?.newContacts ?? [])].sort(([, one], [, other]) => one - other)
  // A clock that was set back would keep those of tomorrow for ever.
  for (const [chat, at] of before) written.set(chat, Math.min(at, start))

  const forget = (now: number) => {
    for (const [chat, at] of written) {
      if (now - at < dayMs) break
      written.delete(chat)
    }
    for (const [chat, until] of waiting) if (until <= now) waiting.delete(chat)
  }
  const ahead = (chat: string) => {
    let count = 0
    for (const one of waiting.keys()) {
      if (one === chat) break
      count += 1
    }
    return count
  }
  /** When the one who is so far behind the limit is the next. */
  const roomAt = (behind: number, now: number) => {
    const freed = [...written.values()][behind]
    return freed === undefined ? askAgainMs : Math.max(1, freed + dayMs - now)
  }

  return {
    waitFor(chat) {
      if (newContactsPerDay === null) return 0
      const now = clock.now()
      forget(now)
      if (written.has(chat)) return 0
      const most = Math.max(1, Math.floor(newContactsPerDay * share()))
      const behind = written.size + ahead(chat) - most
      if (behind < 0) return 0
      const waitMs = Math.min(askAgainMs, roomAt(behind, now))
      if (waiting.has(chat) || waiting.size < queueMax) waiting.set(chat, now + waitMs + keptForMs)
      return Math.ceil(waitMs)
    },
    settle(chat, waitMs) {
      const now = clock.now()
      if (newContactsPerDay === null || written.has(chat)) return
      if (waitMs > 0) {
        waiting.set(chat, now + waitMs + keptForMs)
        return
      }
      waiting.delete(chat)
      written.set(chat, now)
    },
    known() {
      forget(clock.now())
      return [...written]
    },
  }
}

interface Place {
  /** Before it, and before each of its further messages. */
  gapMs: number
  messages: number
  keptUntilMs: number
}

/**
 * One after the other with a gap before each, in the order of asking. Whose time has come goes, also past those who came
 * before and do not take up their place.
 */
function createSlots({ clock, chance, settings }: PaceOptions, share: () => number) {
  const { messagesPerMinute, jitter } = settings
  const queue = new Map<string, Place>()
  /** When the last one went, with the time that its further messages take. */
  let lastMs = Number.NEGATIVE_INFINITY

  const lengthOf = ({ gapMs, messages }: Place) => gapMs * messages
  const dueOf = (ref: string, place: Place) => {
    let endMs = lastMs
    for (const [one, other] of queue) {
      if (one === ref) break
      endMs += lengthOf(other)
    }
    return endMs + place.gapMs
  }

  return {
    turn({ ref, isReply, messages }: Pick<Ask, 'ref' | 'isReply' | 'messages'>): number {
      if (messagesPerMinute === null) return 0
      const now = clock.monotonic()
      for (const [one, { keptUntilMs }] of queue) if (keptUntilMs <= now) queue.delete(one)
      const usualMs = 60_000 / (messagesPerMinute * share())
      const gapMs = usualMs * (isReply ? 0.5 : 1) * (1 + jitter * chance())
      const place = queue.get(ref) ?? { gapMs, messages, keptUntilMs: 0 }
      const waitMs = Math.ceil(dueOf(ref, place) - now)
      if (waitMs <= 0) {
        queue.delete(ref)
        lastMs = now + place.gapMs * (place.messages - 1)
        return 0
      }
      if (queue.has(ref) || queue.size < queueMax) queue.set(ref, { ...place, keptUntilMs: now + waitMs + keptForMs })
      return waitMs
    },
  }
}
