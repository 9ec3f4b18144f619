/** Whose turn it is: one message at a time in a chat, no faster than the line may, and so many new people a day. */
import type { Clock } from '../../../lib/clock.ts'
import { createPace } from '../../../lib/pace.ts'
import type { ClientRef, ProviderChatId } from '../../../model/ids.ts'
import type { Host, Outgoing } from '../../connector.ts'
import { chatOf, personIn } from '../names.ts'
import type { Journal } from '../sending/journal.ts'
import type { Newcomers } from './newcomers.ts'
import type { Slots } from './slots.ts'

export interface TurnsOptions {
  clock: Clock
  /** From 0 up to, not including, 1. */
  chance(): number
  settings: { perSecond: number }
  host: Pick<Host, 'log'>
  journal: Journal
  newcomers: Newcomers
  slots: Slots
  isUp(): boolean
  /** A message of this chat may still go out, and is not under way in this process. */
  isDoubtful(chat: ProviderChatId, but: ClientRef): boolean
}

/** What is waited for ends without notice, so that it is asked for again soon. */
export const waitsMs = { load: 250, chat: 1_000, place: 500 } as const
const burst = 5
/** A turn that has to be waited for comes up to so much of a gap later. */
const jitter = 0.5

export function createTurns(options: TurnsOptions): (message: Outgoing) => number {
  const { clock, chance, settings, host, journal, newcomers, slots, isUp, isDoubtful } = options
  const { perSecond } = settings
  const pace = createPace({ clock, perSecond, burst: Math.max(burst, perSecond) })

  function blockedFor(chat: ProviderChatId, ref: ClientRef): number {
    if (!journal.isLoaded) {
      journal.load().catch((error: unknown) => {
        host.log.error({ err: error }, 'What was sent before cannot be read; nothing is sent until it can.')
      })
      return waitsMs.load
    }
    if (slots.isBusy(chat) || isDoubtful(chat, ref)) return waitsMs.chat
    return slots.isFull ? waitsMs.place : 0
  }

  return ({ ref, to }) => {
    // The send itself says that the link is not up.
    if (!isUp()) return 0
    const chat = chatOf(to)
    const person = personIn(chat)
    const blockedMs = blockedFor(chat, ref)
    if (blockedMs > 0) return blockedMs
    const strangerMs = person === null ? 0 : newcomers.waitFor(person)
    if (strangerMs > 0) return strangerMs
    const paceMs = pace.turn(ref, 1)
    if (paceMs > 0) return paceMs + Math.round((chance() * jitter * 1_000) / perSecond)
    return person === null ? 0 : newcomers.take(person)
  }
}
