/** Calls: somebody's phone rings at all devices of an account until it is answered, turned down, or given up. */
import { randomBytes } from 'node:crypto'
import type { Party } from '../party/party.ts'
import { attribute, firstChild, stanza } from '../wire/nodes.ts'
import { secondsOf, type World } from '../world.ts'
import { appearance, newId } from './mail.ts'
import type { Said } from './stanzas.ts'

export interface Call {
  readonly id: string
  readonly state: 'ringing' | 'rejected' | 'missed' | 'over'
  /** Nobody has answered. */
  givesUp(): void
  /** Before anybody could answer. */
  hangsUp(): void
}

export interface Ring {
  isVideo?: boolean
  /** Otherwise it rings until it is given up. */
  givesUpAfterMs?: number
}

interface Ringing {
  callee: Party
  state: Call['state']
}

const callsMax = 10_000

export class Calls {
  readonly #known = new Map<string, Ringing>()

  ring(world: World, caller: Party, callee: Party, { isVideo = false, givesUpAfterMs }: Ring): Call {
    const id = randomBytes(16).toString('hex').toUpperCase()
    const call: Ringing = { callee, state: 'ringing' }
    const [oldest] = this.#known.keys()
    if (this.#known.size >= callsMax && oldest !== undefined) this.#known.delete(oldest)
    this.#known.set(id, call)
    const { from } = appearance(caller)
    const number = caller.knownBy === 'both' ? caller.jid : undefined
    const tell = (tag: string, more: Record<string, string | undefined> = {}) => {
      const inner = { 'call-id': id, 'call-creator': from, ...more }
      const content = tag === 'offer' ? [stanza('audio', { enc: 'opus' }), ...(isVideo ? [stanza('video')] : [])] : []
      const attributes = { from, t: String(secondsOf(world)), notify: caller.name }
      for (const companion of callee.companions)
        companion.give(stanza('call', { ...attributes, id: newId() }, [stanza(tag, inner, content)]))
    }
    const end = (state: Call['state'], reason?: string) => {
      if (call.state !== 'ringing') return
      call.state = state
      tell('terminate', { reason })
    }
    tell('offer', { caller_pn: number })
    if (givesUpAfterMs !== undefined)
      world.background.run(async () => {
        await world.clock.sleep(givesUpAfterMs, world.background.signal)
        if (!world.background.signal.aborted) end('missed', 'timeout')
      })
    return {
      id,
      get state() {
        return call.state
      },
      givesUp: () => end('missed', 'timeout'),
      hangsUp: () => end('over'),
    }
  }

  /** A device turns a call down; whatever else it says of calls is acknowledged. */
  take({ connection, companion, node }: Said): void {
    const said = firstChild(node)
    const call = this.#known.get(attribute(said, 'call-id') ?? '')
    if (said?.tag === 'reject' && call?.state === 'ringing' && call.callee === companion.owner) call.state = 'rejected'
    const { id, to } = node.attrs
    connection.send(stanza('ack', { class: 'call', id, from: to, type: said?.tag }))
  }
}
