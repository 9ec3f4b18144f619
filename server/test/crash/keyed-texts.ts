/** Networks that carry no ref of ours: whose text it was is read in the text, and the history gets the refs back. */
import type { Channel } from '../../src/model/channel.ts'
import { clientRef, type MessageId } from '../../src/model/ids.ts'
import type { History } from './history.ts'

const keyPattern = /<(c\d+-\d+|first)>/

export function keyed(key: string, to: string): string {
  return `<${key}> to ${to}`
}

export function keyIn(text: string): string {
  return keyPattern.exec(text)?.[1] ?? `no key in: ${text}`
}

/** What arrived and what was tried is known by its key until here. */
export function withRefs(history: History): History {
  const ids = new Map(history.asked.map(({ key, answers }) => [key, answers.find(({ id }) => id !== null)?.id]))
  const refOf = (key: string, channel: Channel) => {
    const id = ids.get(key)
    return typeof id === 'string' ? clientRef(id.slice('msg_'.length) as MessageId, channel, 0) : key
  }
  return {
    ...history,
    effects: history.effects.map((effect) => ({ ...effect, ref: refOf(effect.ref, effect.channel) })),
    tried: history.tried.map((one) => ({ ...one, ref: refOf(one.ref, one.channel) })),
  }
}
