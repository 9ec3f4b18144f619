/** Who wants no more messages: the words that say so, and what that leaves of a route. */
import type { Channel } from './channel.ts'

/** What somebody says about being written to. */
export type Choice = 'out' | 'in'

const outWords = ['STOP', 'STOPALL', 'STOP ALL', 'UNSUBSCRIBE', 'CANCEL', 'END', 'QUIT', 'REVOKE']
const outSpellings = ['OPTOUT', 'OPT-OUT', 'OPT OUT']
const words: ReadonlyMap<string, Choice> = new Map([
  ...[...outWords, ...outSpellings].map((word) => [word, 'out'] as const),
  ...['START', 'UNSTOP', 'YES'].map((word) => [word, 'in'] as const),
])
const wordMax = 100
const around = /^[\s\p{P}\p{Cf}]+|[\s\p{P}\p{Cf}]+$/gu

/**
 * Only a word that stands alone: whoever writes more means something else. Whoever did not opt out before answers a
 * question with theirs: an `in` counts for the others alone.
 */
export function choiceIn(text: string | null): Choice | null {
  if (text === null || text.length > wordMax) return null
  const word = text.replace(around, '').replace(/\s+/g, ' ').toUpperCase()
  return words.get(word) ?? null
}

/** Null when nothing is left: then the message must not be sent at all. */
export function routeWithout(
  route: readonly Channel[],
  closed: readonly Channel[],
): readonly [Channel, ...Channel[]] | null {
  const [first, ...rest] = route.filter((channel) => !closed.includes(channel))
  return first === undefined ? null : [first, ...rest]
}
