/** "May this person be sent anything on that channel?", asked before every send and so kept for a while. */
import type { Clock } from '../lib/clock.ts'
import { createKept } from '../lib/kept.ts'
import type { Channel } from '../model/channel.ts'
import { personOf } from '../model/contact.ts'
import type { CustomerId, Handle } from '../model/ids.ts'
import type { Standing } from '../store/people/opt-outs.ts'

export interface OptOuts {
  /** Of these channels, those on which nothing may be sent to them. */
  closed(customerId: CustomerId, handle: Handle, channels: readonly Channel[]): Promise<readonly Channel[]>
  /** Whether a word on this channel opts anybody out. */
  counts(customerId: CustomerId, channel: Channel): Promise<boolean>
  /** Somebody chose: what is kept is old. */
  forget(): void
}

export interface OptOutsOptions {
  clock: Clock
  standing(customerId: CustomerId): Promise<Standing>
  isOptedOut(asked: { customerId: CustomerId; person: Handle }): Promise<boolean>
}

/** Every process is told of a change at once; should that be lost, it is heard of this late. */
const keptMs = 60_000
const customersMax = 1_000

export function createOptOuts({ clock, standing, isOptedOut }: OptOutsOptions): OptOuts {
  const kept = createKept<CustomerId, { channels: readonly Channel[]; people: ReadonlySet<Handle> | null }>({
    clock,
    keptMs,
    keptMax: customersMax,
  })
  const of = (customerId: CustomerId) =>
    kept.get(customerId, async () => {
      const { channels, people } = await standing(customerId)
      return { channels, people: people === null ? null : new Set(people) }
    })
  return {
    async closed(customerId, handle, channels) {
      const { channels: guarded, people } = await of(customerId)
      const asked = channels.filter((channel) => guarded.includes(channel))
      if (asked.length === 0) return []
      const person = personOf(handle)
      const isOut = people === null ? await isOptedOut({ customerId, person }) : people.has(person)
      return isOut ? asked : []
    },
    counts: async (customerId, channel) => (await of(customerId)).channels.includes(channel),
    forget: kept.forget,
  }
}
