/** What a network knows of somebody right now: asked over a line of the caller's, and kept for a moment. */
import type { Actions } from '../channels/connector.ts'
import type { Clock } from '../lib/clock.ts'
import { createKept } from '../lib/kept.ts'
import { GatewayError } from '../model/errors.ts'
import type { CustomerId, Handle, LineId } from '../model/ids.ts'
import type { Line } from '../model/line.ts'

type Verb = 'focus' | 'facetime'

export interface LookupsOptions {
  clock: Clock
  lines(customerId: CustomerId): Promise<readonly Line[]>
  /** Runs the verb on the line's link, wherever it is held. */
  ask(link: { lineId: LineId; channel: 'imessage' }, verb: Verb, handle: Handle): Promise<unknown>
}

interface By {
  customerId: CustomerId
}

/** `cached`: somebody asked the same a moment ago. */
export interface Lookups {
  focus(by: By, handle: Handle): Promise<{ focused: boolean; mode: string | null; cached: boolean }>
  facetime(by: By, handle: Handle): Promise<{ available: boolean; cached: boolean }>
}

type AnswerOf<Asked extends Verb> = Awaited<ReturnType<Actions[Asked]>>

const keptMs = 60_000
const keptMax = 10_000
const retryMs = 5_000

export function createLookups({ clock, lines, ask }: LookupsOptions): Lookups {
  const kept = createKept<string, unknown>({ clock, keptMs, keptMax })

  async function look<Asked extends Verb>(
    { customerId }: By,
    verb: Asked,
    handle: Handle,
  ): Promise<{ answer: AnswerOf<Asked>; cached: boolean }> {
    const line = lineFor(await lines(customerId))
    let cached = true
    const answer = await kept.get(`${line.id}/${verb}/${handle}`, () => {
      cached = false
      return ask({ lineId: line.id, channel: 'imessage' }, verb, handle).catch(soonAgain)
    })
    return { answer: answer as AnswerOf<Asked>, cached }
  }

  return {
    async focus(by, handle) {
      const { answer, cached } = await look(by, 'focus', handle)
      return { ...answer, cached }
    },
    async facetime(by, handle) {
      const { answer, cached } = await look(by, 'facetime', handle)
      return { available: answer, cached }
    },
  }
}

/** A link that is down comes back by itself. */
function soonAgain(error: unknown): never {
  if (error instanceof GatewayError && error.code === 'SERVICE_UNAVAILABLE' && error.retryAfterMs === null)
    throw new GatewayError(error.code, error.message, { retryAfterMs: retryMs })
  throw error
}

function lineFor(lines: readonly Line[]): Line {
  const able = lines.filter(({ channels }) => channels.includes('imessage'))
  const line = able.find(({ isDefault }) => isDefault) ?? able[0]
  if (line === undefined)
    throw new GatewayError('CHANNEL_NOT_SUPPORTED', 'None of your numbers has iMessage, which is what could tell.')
  return line
}
