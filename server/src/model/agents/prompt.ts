/** What a model is told, and what of its answer is sent. Pure. */
import { storable } from '../text.ts'
import type { Said } from './turn.ts'

export interface PromptMessage {
  role: 'system' | 'user' | 'assistant'
  content: string
}

export const historyMessagesMax = 20
const historyCharsMax = 8_000

/**
 * The owner's words alone are the system's. What people write is only ever theirs, so it cannot pass for the owner's.
 * Texts in a row by one side become one: some servers take turns only.
 */
export function promptOf(systemPrompt: string, history: readonly Said[]): PromptMessage[] {
  const turns: PromptMessage[] = []
  let left = historyCharsMax
  for (const { by, text } of history.slice(-historyMessagesMax).reverse()) {
    const kept = text.slice(0, left).toWellFormed()
    if (kept.length < text.length && turns.length > 0) break
    left -= kept.length
    const role = by === 'them' ? 'user' : 'assistant'
    const [next] = turns
    if (next?.role === role) next.content = `${kept}\n${next.content}`
    else turns.unshift({ role, content: kept })
    if (left <= 0) break
  }
  return [{ role: 'system', content: systemPrompt }, ...turns]
}

/** What models of the thinking kind say to themselves, where their server leaves it in the answer. */
const thoughts = /^\s*<think(?:ing)?>[\s\S]*?<\/think(?:ing)?>/i

/** Null: nothing is left to be sent. */
export function replyOf(answer: string, charsMax: number): string | null {
  const text = storable(answer.replace(thoughts, '')).trim()
  return text === '' ? null : cut(text, charsMax)
}

const sentenceEnd = /[.!?…。！？](?=["'”’)\]]*\s)["'”’)\]]*/gu

/** At the end of a sentence if one ends in the second half of what fits; else between words. */
function cut(text: string, charsMax: number): string {
  if (text.length <= charsMax) return text
  const fitting = text.slice(0, charsMax + 1)
  const ends = [...fitting.matchAll(sentenceEnd)].map(({ index, 0: found }) => index + found.length)
  const end = ends.findLast((at) => at <= charsMax) ?? 0
  if (end >= charsMax / 2) return text.slice(0, end)
  const room = text.slice(0, charsMax - 1)
  const space = room.search(/\s\S*$/)
  const whole = space >= charsMax / 2 ? room.slice(0, space) : dropHalf(room)
  return `${whole.trimEnd()}…`
}

/** Half of a pair is no character. */
function dropHalf(text: string): string {
  return text.isWellFormed() ? text : text.slice(0, -1)
}
