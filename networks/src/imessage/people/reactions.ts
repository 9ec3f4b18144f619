/** Reactions in the words of the store: six that have a name, and any emoji, which only the text tells. */
import type { Message } from '../store/rows.ts'
import { shownText } from '../store/shapes.ts'

export const tapbacks = ['love', 'like', 'dislike', 'laugh', 'emphasize', 'question'] as const
export type Tapback = (typeof tapbacks)[number]

const given: Readonly<Record<Tapback, string>> = {
  love: 'Loved',
  like: 'Liked',
  dislike: 'Disliked',
  laugh: 'Laughed at',
  emphasize: 'Emphasized',
  question: 'Questioned',
}
const taken: Readonly<Record<Tapback, string>> = {
  love: 'Removed a heart from',
  like: 'Removed a like from',
  dislike: 'Removed a dislike from',
  laugh: 'Removed a laugh from',
  emphasize: 'Removed an exclamation from',
  question: 'Removed a question mark from',
}

export function reactionWords(target: Message, reaction: string, isRemoved: boolean): { type: string; text: string } {
  const words = wordsFor(target)
  const named = tapbacks.find((one) => one === reaction)
  if (named !== undefined)
    return { type: isRemoved ? `-${named}` : named, text: `${(isRemoved ? taken : given)[named]} ${words}` }
  return isRemoved
    ? { type: '3006', text: `Removed ${reaction} from ${words}` }
    : { type: '2006', text: `Reacted ${reaction} to ${words}` }
}

function wordsFor(target: Message): string {
  const text = shownText(target) ?? ''
  if (text !== '') return `“${text}”`
  const mimeType = target.attachments[0]?.mimeType ?? ''
  if (mimeType.startsWith('image')) return 'an image'
  if (mimeType.startsWith('video')) return 'a movie'
  return mimeType.startsWith('audio') ? 'an audio message' : 'an attachment'
}
