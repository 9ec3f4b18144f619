/** Who wants no more messages: the words that say so, and what that leaves of a route. */
import type { Channel } from './channel.ts'

/** What somebody says about being written to. */
export type Choice = 'out' | 'in'

const words: ReadonlyMap<string, Choice> = new Map([
  ...['STOP', 'STOPALL', 'UNSUBSCRIBE', 'CANCEL', 'END', 'QUIT'].map((word) => [word, 'out'] as const),
  ...['START', 'YES', 'UNSTOP'].map((word) => [word, 'in'] as const),
])
const wordMax = 100

/** Only a word that stands alone: whoever writes more means something else. */
export function choiceIn(text: string | null): Choice | null {
  if (text === null || text.length > wordMax) return null
  return words.get(text.trim().toUpperCase()) ?? null
}

/** Null when nothing is left: then the message must not be sent at all. */
export function routeWithout(
  route: readonly Channel[],
  closed: readonly Channel[],
): readonly [Channel, ...Channel[]] | null {
  const [first, ...rest] = route.filter((channel) => !closed.includes(channel))
  return first === undefined ? null : [first, ...rest]
}
