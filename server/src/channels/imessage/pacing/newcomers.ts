/** How many people a line may write to first in a day. Whether somebody is new the Mac knows: there is no chat with them. */
import type { Clock } from '../../../lib/clock.ts'
import type { Handle } from '../../../model/ids.ts'

export interface NewcomersOptions {
  clock: Pick<Clock, 'now' | 'monotonic'>
  /** 0: as many as there are. */
  perDay: number
  hasChat(person: Handle): Promise<boolean>
}

export interface Newcomers {
  /** How long a message to this person has to wait; 0: they are no newcomer, or there is room. */
  waitFor(person: Handle): number
  /** Like that, and takes the room. */
  take(person: Handle): number
  /** They were none, or nothing went out: the room is free again. */
  giveBack(person: Handle): void
  /** For the vault, and from it. */
  snapshot(): Uint8Array
  restore(bytes: Uint8Array): void
}

const dayMs = 24 * 3_600_000
/** They may write first, or a restart may make room: nobody is told to come back only tomorrow. */
const askAgainMs = 3_600_000
const lookingMs = 200
/** Whether somebody has a chat is known for so long; after a failed look, the send itself will say what is wrong. */
const keptForMs = { chat: 24 * 3_600_000, none: 60_000, failed: 5_000 } as const
const peopleMax = 10_000

export function createNewcomers({ clock, perDay, hasChat }: NewcomersOptions): Newcomers {
  /** When they were written to first, by wall time, the earliest first. */
  let written = new Map<Handle, number>()
  const looked = new Map<Handle, { isNew: boolean; untilMs: number }>()
  const looking = new Set<Handle>()

  function note(person: Handle, isNew: boolean, forMs: number): void {
    looked.delete(person)
    looked.set(person, { isNew, untilMs: clock.monotonic() + forMs })
    const [oldest] = looked.keys()
    if (looked.size > peopleMax && oldest !== undefined) looked.delete(oldest)
  }

  function look(person: Handle): void {
    if (looking.has(person)) return
    looking.add(person)
    hasChat(person)
      .then((has) => note(person, !has, has ? keptForMs.chat : keptForMs.none))
      // The send asks the same, and its failure is told.
      .catch(() => note(person, false, keptForMs.failed))
      .finally(() => looking.delete(person))
  }

  function forgetYesterday(): void {
    const now = clock.now()
    for (const [person, at] of written) if (now - at >= dayMs) written.delete(person)
  }

  function waitFor(person: Handle): number {
    if (perDay <= 0) return 0
    forgetYesterday()
    if (written.has(person)) return 0
    const known = looked.get(person)
    if (known === undefined || known.untilMs <= clock.monotonic()) {
      look(person)
      return lookingMs
    }
    if (!known.isNew || written.size < perDay) return 0
    const [first = clock.now()] = written.values()
    return Math.max(1, Math.min(askAgainMs, first + dayMs - clock.now()))
  }

  return {
    waitFor,
    take(person) {
      const waitMs = waitFor(person)
      if (waitMs === 0 && perDay > 0 && looked.get(person)?.isNew === true) written.set(person, clock.now())
      return waitMs
    },
    giveBack: (person) => void written.delete(person),
    snapshot: () => Buffer.from(JSON.stringify([...written])),
    restore(bytes) {
      const now = clock.now()
      const entries = JSON.parse(Buffer.from(bytes).toString()) as [Handle, number][]
      // Those of a clock that was ahead would never be forgotten.
      written = new Map(entries.map(([person, at]) => [person, Math.min(at, now)]))
    },
  }
}
