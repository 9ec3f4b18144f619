/** "Is this person on that channel?", asked of the network once and remembered for a while. */
import type { Clock } from '../lib/clock.ts'
import type { Channel } from '../model/channel.ts'
import { SendFailure } from '../model/delivery.ts'
import { GatewayError } from '../model/errors.ts'
import { parseRecipient } from '../model/handle.ts'
import type { CustomerId, Handle, LineId } from '../model/ids.ts'
import type { Line } from '../model/line.ts'
import type { ReachStore } from '../store/reach.ts'

export interface Reachability {
  handle: Handle
  channels: Record<Channel, boolean>
  recommended: Channel | null
  checkedAt: Date
  cached: boolean
}

export interface ReachOptions {
  store: ReachStore
  clock: Clock
  /** Asks the network, wherever the link is held. */
  ask(link: { lineId: LineId; channel: Channel }, handle: Handle): Promise<'yes' | 'no' | 'unknown'>
}

interface LineOfCustomer {
  customerId: CustomerId
  lineId: LineId
}

const askMs = 5_000
const absentMax = 50_000

export function createReach(options: ReachOptions) {
  /** Who was found absent, so that the message path asks the database only about those it has to. */
  const absent = new Map<string, number>()
  const name = (line: LineOfCustomer, channel: Channel, handle: Handle) => `${line.lineId}/${channel}/${handle}`

  async function learn(line: LineOfCustomer, channel: Channel, handle: Handle): Promise<void> {
    if (absent.size >= absentMax) absent.clear()
    absent.set(name(line, channel, handle), options.clock.monotonic() + 3_600_000)
    await options.store.setReached({ ...line, handle }, channel, 'no')
  }

  async function ask(line: Line, channel: Channel, handle: Handle): Promise<'yes' | 'no' | 'unknown'> {
    const done = new AbortController()
    const late = options.clock.sleep(askMs, done.signal).then(() => 'unknown' as const)
    try {
      return await Promise.race([options.ask({ lineId: line.id, channel }, handle), late])
    } catch (error) {
      // A link that cannot be asked knows nothing; anything else is ours to hear of.
      if (error instanceof GatewayError || error instanceof SendFailure) return 'unknown'
      throw error
    } finally {
      done.abort()
    }
  }

  return {
    knownAbsent: async (line: LineOfCustomer, channel: Channel, handle: Handle): Promise<boolean> => {
      const until = absent.get(name(line, channel, handle))
      return until !== undefined && until > options.clock.monotonic()
    },
    learnAbsent: learn,

    /** `unknown` counts as not reachable, except for SMS: a phone number takes an SMS until it has refused one. */
    async reachability(customerId: CustomerId, lines: readonly Line[], handle: Handle): Promise<Reachability> {
      const line = lines.find((one) => one.isDefault) ?? lines[0]
      if (line === undefined)
        throw new GatewayError(
          'NO_DEFAULT_ADDRESS',
          'You have no number to reach anybody from. Have one assigned to you.',
        )
      const key = { customerId, lineId: line.id, handle }
      const remembered = await options.store.reached(key, line.channels)
      const result: Record<Channel, boolean> = { imessage: false, sms: false, whatsapp: false }
      let checkedAt = new Date(options.clock.now())
      let asked = false
      for (const channel of line.channels) {
        const hit = remembered.get(channel)
        const answer = hit?.answer ?? (await ask(line, channel, handle))
        if (hit === undefined) asked = true
        else if (hit.checkedAt < checkedAt) checkedAt = hit.checkedAt
        if (hit === undefined && answer !== 'unknown') await options.store.setReached(key, channel, answer)
        result[channel] =
          answer === 'yes' || (answer === 'unknown' && channel === 'sms' && parseRecipient(handle)?.kind === 'phone')
      }
      const recommended = (['imessage', 'whatsapp', 'sms'] as const).find((channel) => result[channel]) ?? null
      return { handle, channels: result, recommended, checkedAt, cached: !asked && remembered.size > 0 }
    },
  }
}

export type Reach = ReturnType<typeof createReach>
